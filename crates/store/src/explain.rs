//! SQL of what a number is made of: the parts under a statistic, and the events under these.

use crate::StoreError;
use crate::client::{ident, text};
use crate::measure::statistic;
use crate::table::{EventsTable, Leaf, PartsTable};
use crate::view::{rollup_name, rows_of};
use weir_catalog::{Catalog, Stat};
use weir_model::avro::LeafKind;
use weir_model::person::forms;
use weir_model::time::FUTURE_TOLERANCE;
use weir_model::{Micros, WindowSize, topics};

/// Numbers come as texts, whose digits are all read.
const SETTINGS: &str = "SETTINGS output_format_json_quote_64bit_floats = 1, \
                        output_format_json_quote_64bit_integers = 0, \
                        do_not_merge_across_partitions_select_final = 1";
/// Log time, in minutes, in which an event is known again.
const REMEMBERED: i64 = 10;

/// The rows of one subject in one span of time.
#[derive(Clone, Debug)]
pub struct Beneath<'a> {
    /// The catalog of the run.
    pub catalog: &'a Catalog,
    /// Index of the event type.
    pub event: usize,
    /// Index of its rollup.
    pub rollup: usize,
    /// Whose.
    pub tenant: &'a str,
    /// Name and value of each dimension of the rollup.
    pub subject: &'a [(String, String)],
    /// Size of the stored windows.
    pub size: WindowSize,
    /// First microsecond.
    pub start: Micros,
    /// First one after it.
    pub end: Micros,
}

/// A question for events, and what its answer holds.
#[derive(Clone, Debug)]
pub struct EventsAsked {
    /// Rows of partition, offset, event id, event time and effective time in microseconds,
    /// identity, and the value at each path asked for; by effective time and place in the log.
    pub sql: String,
    /// What each of these values is.
    pub kinds: Vec<LeafKind>,
}

impl Beneath<'_> {
    /// The condition for parts, as `p`.
    fn parts_where(&self) -> String {
        let event = &self.catalog.events[self.event];
        let dims: String = self
            .subject
            .iter()
            .map(|(name, value)| format!(" AND p.{} = {}", ident(name), text(value)))
            .collect();
        format!(
            "{} AND p.tenant = {}{dims} AND p.window_start >= {} AND p.window_start < {}",
            rows_of(self.size, &[rollup_name(event, self.rollup)]),
            text(self.tenant),
            time(self.start),
            time(self.end)
        )
    }

    /// One row for parts on time and one for late ones (`late`, 0 or 1): how many parts there are,
    /// and a statistic of a measure over them.
    ///
    /// # Errors
    /// As of [`PartsTable::of`].
    pub fn totals_sql(&self, measure: usize, stat: Stat) -> Result<String, StoreError> {
        let (table, value) = self.value(measure, stat)?;
        Ok(format!(
            "SELECT late, count() AS _parts, {value} AS _value FROM {} AS p FINAL WHERE {} \
             GROUP BY late ORDER BY late {SETTINGS}",
            ident(&table),
            self.parts_where()
        ))
    }

    /// The statistic over all parts, and how many there are.
    ///
    /// # Errors
    /// As of [`PartsTable::of`].
    pub fn merged_sql(&self, measure: usize, stat: Stat) -> Result<String, StoreError> {
        let (table, value) = self.value(measure, stat)?;
        Ok(format!(
            "SELECT {value} AS _value, count() AS _parts FROM {} AS p FINAL WHERE {} {SETTINGS}",
            ident(&table),
            self.parts_where()
        ))
    }

    /// The parts themselves, at most so many: `late`, start and end in microseconds, partition and
    /// offset of a late one in its topic, the statistic of this part alone.
    ///
    /// # Errors
    /// As of [`PartsTable::of`].
    pub fn parts_sql(
        &self,
        measure: usize,
        stat: Stat,
        limit: usize,
    ) -> Result<String, StoreError> {
        let (table, value) = self.value(measure, stat)?;
        let key = "late, window_start, window_end, late_partition, late_offset, late_row";
        Ok(format!(
            "SELECT late, toUnixTimestamp64Micro(window_start) AS _start, \
             toUnixTimestamp64Micro(window_end) AS _end, late_partition, late_offset, \
             {value} AS _value FROM {} AS p FINAL WHERE {} GROUP BY {key} ORDER BY {key} \
             LIMIT {limit} {SETTINGS}",
            ident(&table),
            self.parts_where()
        ))
    }

    fn value(&self, measure: usize, stat: Stat) -> Result<(String, String), StoreError> {
        let event = &self.catalog.events[self.event];
        let m = &event.measures[measure];
        let value = statistic(&m.name, m.kind.accumulator(), stat);
        let value = format!("CAST({value} AS Nullable(Float64))");
        Ok((PartsTable::of(event)?.name, value))
    }

    /// Every event that counts, once: no dead letter and no duplicate (`docs/semantics.md`). Log
    /// time is each record's own, as the archive has it: where it goes back within a partition,
    /// which a replay can do, what is a duplicate may be told otherwise than it was counted. Where
    /// spellings of people or teams are declared, dimensions of these are not looked at here.
    ///
    /// # Errors
    /// As of [`EventsTable::of`], and for a path that the archive has no column of.
    pub fn events_sql(&self, paths: &[String]) -> Result<EventsAsked, StoreError> {
        let event = &self.catalog.events[self.event];
        let archive = EventsTable::of(event)?;
        let (mut columns, mut kinds) = (String::new(), Vec::new());
        for path in paths {
            let (sql, kind) = column(&archive, path).ok_or_else(|| StoreError::Catalog {
                event: event.name.clone(),
                reason: format!("the archive has no column of {path}"),
            })?;
            columns += &format!(", {sql}");
            kinds.push(kind);
        }
        let identity = match &event.identity {
            Some(path) => {
                let sql = column(&archive, path).map_or("''".into(), |(sql, _)| sql);
                format!("if(ifNull({sql}, '') = '', event_id, assumeNotNull({sql}))")
            }
            None => "event_id".into(),
        };
        let t = format!(
            "least(event_time, log_time + toIntervalMicrosecond({}))",
            FUTURE_TOLERANCE.0
        );
        let within = |t: &str| {
            format!(
                "{t} >= {} AND {t} < {}{}",
                time(self.start),
                time(self.end),
                self.of_subject(&archive)
            )
        };
        let table = ident(&archive.name);
        let tenant = format!("tenant = {}", text(self.tenant));
        let dead = format!(
            "SELECT partition, offset FROM dead_letters_log WHERE topic = {}",
            text(&topics::events(&event.name))
        );
        // Times before a span cannot be cut to lie in it.
        let since = format!("event_time >= {}", time(self.start));
        let known = format!(
            "SELECT {identity} FROM {table} WHERE {tenant} AND {since} AND {}",
            within(&t)
        );
        let all = format!(
            "SELECT *, {identity} AS weir_identity, {t} AS weir_t, \
             intDiv(toUnixTimestamp64Micro(log_time), {}) AS weir_minute FROM {table} FINAL \
             WHERE {tenant} AND (log_partition, log_offset) NOT IN ({dead}) \
             AND weir_identity IN ({known})",
            Micros::MINUTE.0
        );
        let before = format!(
            "lagInFrame(weir_minute, 1, toInt64(-{})) OVER (PARTITION BY log_partition, \
             weir_identity ORDER BY log_offset ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)",
            REMEMBERED + 1
        );
        Ok(EventsAsked {
            sql: format!(
                "SELECT log_partition, log_offset, toString(event_id), \
                 toUnixTimestamp64Micro(event_time), toUnixTimestamp64Micro(weir_t), \
                 weir_identity{columns}\nFROM (SELECT *, {before} AS weir_before FROM ({all}))\n\
                 WHERE weir_minute - weir_before > {REMEMBERED} AND {}\n\
                 ORDER BY weir_t, log_partition, log_offset {SETTINGS}",
                within("weir_t")
            ),
            kinds,
        })
    }

    /// The condition that an event is the subject's, as far as its own text tells.
    fn of_subject(&self, archive: &EventsTable) -> String {
        let event = &self.catalog.events[self.event];
        let respelled = match self.catalog.aliases.is_empty() {
            true => Vec::new(),
            false => forms(&event.schema_json),
        };
        let mut out = String::new();
        for (name, value) in self.subject {
            let dimension = event.dimensions.iter().find(|d| d.name == *name);
            let path = dimension.map_or("", |d| d.path.as_str());
            if respelled.iter().any(|(p, _)| p == path) {
                continue;
            }
            if let Some((sql, _)) = column(archive, path) {
                out += &format!(" AND ifNull({sql}, '') = {}", text(value));
            }
        }
        out
    }
}

/// The subjects, windows and tenants that there are: of rows with `tenant`, dimensions and
/// `window_end`.
pub struct Existing<'a> {
    /// SQL of the rows.
    pub rows: &'a str,
    /// Names of their dimensions.
    pub dimensions: &'a [String],
}

impl Existing<'_> {
    /// The newest row of a subject, all of its columns.
    pub fn row_sql(&self, tenant: &str, subject: &[(String, String)]) -> String {
        format!(
            "SELECT * REPLACE (toUnixTimestamp64Micro(window_start) AS window_start, \
             toUnixTimestamp64Micro(window_end) AS window_end) FROM ({}) AS r WHERE {} \
             ORDER BY r.window_end DESC LIMIT 1 {SETTINGS}",
            self.rows,
            of(tenant, subject)
        )
    }

    /// Subjects of a tenant, as a list of values each, at most so many.
    pub fn subjects_sql(&self, tenant: &str, limit: usize) -> String {
        let values: Vec<String> = self
            .dimensions
            .iter()
            .map(|d| format!("r.{}", ident(d)))
            .collect();
        format!(
            "SELECT DISTINCT CAST([{}] AS Array(String)) AS _values FROM ({}) AS r \
             WHERE r.tenant = {} ORDER BY _values LIMIT {limit}",
            values.join(", "),
            self.rows,
            text(tenant)
        )
    }

    /// The newest windows of a subject: their ends in microseconds.
    pub fn ends_sql(&self, tenant: &str, subject: &[(String, String)], limit: usize) -> String {
        format!(
            "SELECT DISTINCT toUnixTimestamp64Micro(r.window_end) AS _end FROM ({}) AS r \
             WHERE {} ORDER BY _end DESC LIMIT {limit} {SETTINGS}",
            self.rows,
            of(tenant, subject)
        )
    }
}

/// What was published of a KPI for a subject at the end of a window: value, score, status.
pub fn published_sql(kpi: &str, tenant: &str, subject: &[(String, String)], end: Micros) -> String {
    let each: String = subject
        .iter()
        .map(|(n, v)| format!(" AND dimensions[{}] = {}", text(n), text(v)))
        .collect();
    format!(
        "SELECT value, score, status FROM kpis WHERE kpi = {} AND tenant = {}{each} \
         AND window_end = {} LIMIT 1 {SETTINGS}",
        text(kpi),
        text(tenant),
        time(end)
    )
}

/// Tenants that there is data of.
pub const TENANTS: &str = "SELECT DISTINCT tenant FROM data_spans ORDER BY tenant LIMIT 100";

/// The condition that rows `r` are of a subject.
fn of(tenant: &str, subject: &[(String, String)]) -> String {
    let each: String = subject
        .iter()
        .map(|(n, v)| format!(" AND r.{} = {}", ident(n), text(v)))
        .collect();
    format!("r.tenant = {}{each}", text(tenant))
}

fn time(t: Micros) -> String {
    format!("fromUnixTimestamp64Micro({}, 'UTC')", t.0)
}

/// SQL of the value at a path of an event, and what it is.
fn column(archive: &EventsTable, path: &str) -> Option<(String, LeafKind)> {
    let leaf = |p: &str| archive.leaves.iter().find(|l: &&Leaf| l.path == p);
    if let Some(l) = leaf(path) {
        let name = ident(&l.column);
        let sql = match l.kind {
            LeafKind::TimestampMicros => format!("toUnixTimestamp64Micro({name})"),
            _ => name,
        };
        return Some((sql, l.kind));
    }
    // A key of a map may have dots in it.
    let mut dots = path.match_indices('.');
    dots.find_map(|(at, _)| {
        let map = leaf(&path[..at]).filter(|l| l.kind == LeafKind::Map)?;
        let (name, key) = (ident(&map.column), text(&path[at + 1..]));
        let sql = format!("if(mapContains({name}, {key}), {name}[{key}], NULL)");
        Some((sql, LeafKind::Text))
    })
}

/// Merged windows of one rollup that end after a time.
pub fn of_rollup(merged: &str, rollup: &str, after: Option<Micros>) -> String {
    let after = after.map_or(String::new(), |t| {
        format!(" AND m.window_end > {}", time(t))
    });
    format!(
        "SELECT * FROM ({merged}) AS m WHERE m.rollup = {}{after}",
        text(rollup)
    )
}
