//! What a tenant's history is read from: parts of windows as they are kept, and the archive of raw
//! events. A reader that judges history again asks for it span by span.

use crate::client::{ident, text};
use crate::measure;
use crate::row_binary::Input;
use crate::table::{EventsTable, PartsTable};
use crate::view::{SETTINGS, rollup_name};
use crate::{Store, StoreError};
use serde_json::Value as Json;
use weir_catalog::EventDef;
use weir_model::measure::MeasureValue;
use weir_model::{Micros, WindowSize};

/// A rollup of an event type, with the size of its windows that is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kept {
    /// Index among the rollups of the event type.
    pub rollup: usize,
    /// Size of its on-time parts.
    pub size: WindowSize,
}

/// What is read of one event type.
#[derive(Debug, Clone)]
pub struct Windows<'a> {
    /// As the run at hand declares it.
    pub event: &'a EventDef,
    /// On-time parts.
    pub kept: &'a [Kept],
    /// Rollups of which late parts count too.
    pub late: &'a [usize],
}

/// A part: what a subject's events of a window, or late ones of a minute, add up to.
#[derive(Debug, Clone, PartialEq)]
pub struct PartRow {
    /// Index among the rollups of the event type.
    pub rollup: usize,
    /// True of what came too late to be judged: its window is a minute.
    pub late: bool,
    /// Start of the window.
    pub start: Micros,
    /// Its end.
    pub end: Micros,
    /// One for each dimension of the event type, by name; "" where the rollup does not have it.
    pub values: Vec<String>,
    /// One for each measure of the event type, in the order of declaration.
    pub measures: Vec<MeasureValue>,
}

/// A span of time: from the first, before the second.
pub type Span = (Micros, Micros);

/// An archived event: a member for each column of its table.
pub type Columns = serde_json::Map<String, Json>;

/// SQL of a time.
fn moment(t: Micros) -> String {
    format!("fromUnixTimestamp64Micro({}, 'UTC')", t.0)
}

impl Windows<'_> {
    /// The condition on the rows of a tenant.
    fn condition(&self, tenant: &str) -> Option<String> {
        let name = |rollup: usize| text(&rollup_name(self.event, rollup));
        let mut any: Vec<String> = WindowSize::ALL
            .iter()
            .filter_map(|size| {
                let of = self.kept.iter().filter(|k| k.size == *size);
                let names: Vec<String> = of.map(|k| name(k.rollup)).collect();
                (!names.is_empty()).then(|| {
                    format!(
                        "(late = 0 AND window_size = '{}' AND rollup IN ({}))",
                        size.label(),
                        names.join(", ")
                    )
                })
            })
            .collect();
        if !self.late.is_empty() {
            let names: Vec<String> = self.late.iter().map(|r| name(*r)).collect();
            any.push(format!("(late = 1 AND rollup IN ({}))", names.join(", ")));
        }
        (!any.is_empty()).then(|| {
            format!(
                "run = (SELECT run FROM current_run) AND tenant = {} AND ({})",
                text(tenant),
                any.join(" OR ")
            )
        })
    }
}

impl Store {
    /// Days of UTC with parts, and how many rows these are, about: what is not merged yet counts
    /// for itself.
    ///
    /// # Errors
    /// ClickHouse does not answer.
    pub async fn part_days(
        &self,
        of: &Windows<'_>,
        tenant: &str,
    ) -> Result<Vec<(Micros, u64)>, StoreError> {
        let Some(condition) = of.condition(tenant) else {
            return Ok(Vec::new());
        };
        let table = ident(&PartsTable::of(of.event)?.name);
        days(self, &table, "window_start", &condition).await
    }

    /// The parts of windows that start within a span, in no order. `on` hears of each.
    ///
    /// # Errors
    /// ClickHouse does not answer, or `on` fails.
    pub async fn parts<E: From<StoreError>>(
        &self,
        of: &Windows<'_>,
        tenant: &str,
        (from, until): Span,
        on: &mut dyn FnMut(PartRow) -> Result<(), E>,
    ) -> Result<(), E> {
        let Some(condition) = of.condition(tenant) else {
            return Ok(());
        };
        let table = PartsTable::of(of.event)?;
        let mut columns = vec![
            "toString(rollup)".to_owned(),
            "late".to_owned(),
            "window_start".to_owned(),
            "window_end".to_owned(),
        ];
        columns.extend(table.dimensions.iter().map(|d| ident(d)));
        for (m, a) in &table.measures {
            let of = measure::columns(*a).iter();
            columns.extend(of.map(|(suffix, _)| ident(&format!("{m}{suffix}"))));
        }
        let sql = format!(
            "SELECT {} FROM {} FINAL WHERE {condition} AND window_start >= {} AND window_start < {} {SETTINGS}",
            columns.join(", "),
            ident(&table.name),
            moment(from),
            moment(until),
        );
        let names: Vec<String> = (0..of.event.rollups.len())
            .map(|i| rollup_name(of.event, i))
            .collect();
        let mut answer = self.query(&sql, &[], "RowBinary")?;
        let mut rest: Vec<u8> = Vec::new();
        while let Some(bytes) = answer.next().await? {
            rest.extend_from_slice(&bytes);
            let mut input = Input(&rest);
            let mut left = rest.len();
            while let Some(row) = part(&mut input, &table, &names) {
                left = input.0.len();
                on(row?)?;
            }
            rest.drain(..rest.len() - left);
        }
        match rest.is_empty() {
            true => Ok(()),
            false => Err(StoreError::Answer("it ends within a row".into()).into()),
        }
    }

    /// Days of UTC with events in the archive, and how many these are.
    ///
    /// # Errors
    /// ClickHouse does not answer.
    pub async fn event_days(
        &self,
        event: &EventDef,
        tenant: &str,
    ) -> Result<Vec<(Micros, u64)>, StoreError> {
        let table = ident(&EventsTable::of(event)?.name);
        let condition = format!("tenant = {}", text(tenant));
        days(self, &table, "event_time", &condition).await
    }

    /// The archived events of a span in the order of their times, as objects with a member for each
    /// column. `on` hears of each.
    ///
    /// # Errors
    /// ClickHouse does not answer, or `on` fails.
    pub async fn archived<E: From<StoreError>>(
        &self,
        event: &EventDef,
        tenant: &str,
        (from, until): Span,
        on: &mut dyn FnMut(&Columns) -> Result<(), E>,
    ) -> Result<(), E> {
        let table = EventsTable::of(event)?;
        let columns: Vec<String> = table
            .leaves
            .iter()
            .map(|leaf| {
                let name = ident(&leaf.column);
                match leaf.kind {
                    weir_model::avro::LeafKind::TimestampMicros => {
                        format!("toUnixTimestamp64Micro(e.{name}) AS {name}")
                    }
                    _ => format!("e.{name} AS {name}"),
                }
            })
            .collect();
        let sql = format!(
            "SELECT {} FROM {} AS e FINAL WHERE e.tenant = {} AND e.event_time >= {} AND e.event_time < {} ORDER BY e.event_time, e.log_partition, e.log_offset {SETTINGS}, output_format_json_quote_64bit_integers = 0",
            columns.join(", "),
            ident(&table.name),
            text(tenant),
            moment(from),
            moment(until),
        );
        let mut answer = self.query(&sql, &[], "JSONEachRow")?;
        let mut rest: Vec<u8> = Vec::new();
        while let Some(bytes) = answer.next().await? {
            rest.extend_from_slice(&bytes);
            let whole = rest.iter().rposition(|b| *b == b'\n').map_or(0, |i| i + 1);
            for line in rest[..whole]
                .split(|b| *b == b'\n')
                .filter(|l| !l.is_empty())
            {
                let row = serde_json::from_slice(line);
                on(&row.map_err(|e| StoreError::Answer(e.to_string()))?)?;
            }
            rest.drain(..whole);
        }
        Ok(())
    }

    /// By steps of a length within a span: (start of the step, time of the last archived event in
    /// it).
    ///
    /// # Errors
    /// ClickHouse does not answer.
    pub async fn last_active(
        &self,
        event: &EventDef,
        tenant: &str,
        (from, until): Span,
        step: Micros,
    ) -> Result<Vec<(i64, i64)>, StoreError> {
        let at = "toUnixTimestamp64Micro(event_time)";
        self.fetch(&format!(
            "SELECT toInt64({at} - {at} % {0}) AS step, toInt64(max({at})) FROM {1} \
             WHERE tenant = {2} AND event_time >= {3} AND event_time < {4} GROUP BY step ORDER BY step",
            step.0,
            ident(&EventsTable::of(event)?.name),
            text(tenant),
            moment(from),
            moment(until),
        ))
        .await
    }
}

/// Days of UTC by the rows of a table.
async fn days(
    store: &Store,
    table: &str,
    time: &str,
    condition: &str,
) -> Result<Vec<(Micros, u64)>, StoreError> {
    let day = format!("toInt64(toUnixTimestamp(toStartOfDay({time}, 'UTC')))");
    let sql = format!(
        "SELECT {day} AS day, count() FROM {table} WHERE {condition} GROUP BY day ORDER BY day"
    );
    let rows = store.fetch::<(i64, u64)>(&sql).await?.into_iter();
    Ok(rows.map(|(day, n)| (Micros::from_secs(day), n)).collect())
}

/// The next row; `None` where the rest of it has not come yet.
fn part(
    input: &mut Input<'_>,
    table: &PartsTable,
    rollups: &[String],
) -> Option<Result<PartRow, StoreError>> {
    let name = input.string()?;
    let late = input.byte()? != 0;
    let (start, end) = (input.time()?, input.time()?);
    let values = table.dimensions.iter().map(|_| input.string());
    let values = values.collect::<Option<Vec<_>>>()?;
    let measures = table.measures.iter();
    let measures = measures
        .map(|(_, a)| measure::decode(input, *a))
        .collect::<Option<Vec<_>>>()?;
    Some(match rollups.iter().position(|r| *r == name) {
        Some(rollup) => Ok(PartRow {
            rollup,
            late,
            start,
            end,
            values,
            measures,
        }),
        None => Err(StoreError::Answer(format!("there is no rollup {name:?}"))),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::encode::PartsEncoder;
    use weir_catalog::Catalog;
    use weir_model::Fixed;
    use weir_model::measure::{Accumulator, Sample};
    use weir_model::records::{AggregateReader, AggregateWriter, Part};

    /// What some hundred events leave, one of them below zero.
    fn value(accumulator: Accumulator) -> MeasureValue {
        let mut value = accumulator.empty();
        for n in 0..300_i64 {
            value.add(&Sample {
                at: Micros(5 + n),
                id: 6 + n as u64,
                value: n as f64 - 0.5,
                exact: Fixed((n as i128 - 1) * 500_000_000),
                hash: (n as u64) << 40 | 3,
            });
        }
        value
    }

    /// What the sink writes is what is read, for every event type and so for every accumulator;
    /// where the bytes end early, more are asked for.
    #[test]
    fn rows_are_read_as_they_are_written() {
        let catalog = Catalog::embedded().unwrap();
        for event in &catalog.events {
            let table = PartsTable::of(event).unwrap();
            let measures: Vec<&str> = event.measures.iter().map(|m| m.name.as_str()).collect();
            let names: Vec<String> = table.dimensions.clone();
            let mut writer = AggregateWriter::new(
                Vec::new(),
                &event.name,
                1,
                1,
                &measures,
                &[names.as_slice()],
            );
            let values: Vec<String> = names.iter().map(|n| format!("of {n}")).collect();
            let (start, end) = (Micros(60_000_000), Micros(120_000_000));
            let window = (WindowSize::Minute, start, end);
            let texts = values.iter().map(String::as_str);
            writer.row("acme", 0, texts, window.0, window.1, window.2, Part::OnTime);
            let wanted: Vec<MeasureValue> = table.measures.iter().map(|(_, a)| value(*a)).collect();
            wanted.iter().for_each(|v| writer.measure(v));
            let block = writer.finish().unwrap();
            let mut bytes = Vec::new();
            let encoder = PartsEncoder::new(table.clone());
            let mut reader = AggregateReader::new(&block).unwrap();
            assert_eq!(encoder.block(&mut bytes, &mut reader, 1).unwrap(), 1);
            // What is asked for begins with the rollup, and leaves out what the log gives.
            let rollup = names.join(",");
            let mut asked = Vec::new();
            crate::encode::string(&mut asked, rollup.as_bytes());
            asked.push(0);
            crate::encode::time(&mut asked, start);
            crate::encode::time(&mut asked, end);
            let head = 4 + "acme".len() + 1 + rollup.len() + 1 + usize::from(rollup.len() > 127);
            let head = head + 1 + "1m".len() + 1 + 2 * 8 + 4 + 8 + 4 + 8;
            asked.extend_from_slice(&bytes[head..]);
            let read = part(&mut Input(&asked), &table, std::slice::from_ref(&rollup));
            let row = read.unwrap().unwrap();
            assert_eq!(
                (&row.values, &row.measures),
                (&values, &wanted),
                "{}",
                event.name
            );
            for short in 0..asked.len() {
                let short = &mut Input(&asked[..short]);
                assert!(part(short, &table, std::slice::from_ref(&rollup)).is_none());
            }
        }
    }
}
