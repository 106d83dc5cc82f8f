//! Rows in RowBinary, straight into a buffer.

use crate::measure;
pub use crate::row_binary::{fixed, length, maybe, string, time};
use crate::table::{EventsTable, PartsTable};
use weir_model::Micros;
use weir_model::avro::{LeafKind, Value, map_entries};
use weir_model::records::{
    AggregateReader, Alert, Anomaly, DeadLetter, Kpi, Late, Part, RecordError, Subject, ValueRef,
};

fn subject(out: &mut Vec<u8>, s: &Subject) {
    string(out, s.tenant.as_bytes());
    length(out, s.dimensions.len());
    for (name, value) in &s.dimensions {
        string(out, name.as_bytes());
        string(out, value.as_bytes());
    }
}

/// A table that is not made from the catalog.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fixture {
    /// Table name.
    pub table: &'static str,
    /// Columns in the order of the encoder.
    pub columns: &'static str,
}

/// Rows of [`anomaly`].
pub const ANOMALIES: Fixture = Fixture {
    table: "anomalies_log",
    columns: "run, id, catalog, detector, detector_version, kind, severity, event, tenant, dimensions, window, window_start, window_end, value, expected, score, early, revision, version",
};

/// `sequence` grows with the log: of two records of one id the later one stays, a final one before
/// all early ones.
pub fn anomaly(out: &mut Vec<u8>, a: &Anomaly, sequence: u64) {
    out.extend_from_slice(&a.run.to_le_bytes());
    string(out, a.id.as_bytes());
    out.extend_from_slice(&a.catalog.to_le_bytes());
    string(out, a.detector.as_bytes());
    out.extend_from_slice(&a.version.to_le_bytes());
    string(out, a.kind.as_bytes());
    string(out, a.severity.as_bytes());
    string(out, a.event.as_bytes());
    subject(out, &a.subject);
    string(out, a.window.as_bytes());
    time(out, a.start);
    time(out, a.end);
    out.extend_from_slice(&a.value.to_le_bytes());
    out.extend_from_slice(&a.expected.to_le_bytes());
    out.extend_from_slice(&a.score.to_le_bytes());
    out.push(u8::from(a.early));
    out.extend_from_slice(&a.revision.to_le_bytes());
    out.extend_from_slice(&(sequence << 1 >> 1 | u64::from(!a.early) << 63).to_le_bytes());
}

/// Rows of [`kpi`].
pub const KPIS: Fixture = Fixture {
    table: "kpis_log",
    columns: "run, id, catalog, kpi, kpi_version, tenant, dimensions, window, window_start, window_end, value, score, status, trend, sample, terms, revision, version",
};

/// `sequence` as for [`anomaly`].
pub fn kpi(out: &mut Vec<u8>, k: &Kpi, sequence: u64) {
    use weir_model::records::{Status, Trend};
    out.extend_from_slice(&k.run.to_le_bytes());
    string(out, k.id.as_bytes());
    out.extend_from_slice(&k.catalog.to_le_bytes());
    string(out, k.kpi.as_bytes());
    out.extend_from_slice(&k.version.to_le_bytes());
    subject(out, &k.subject);
    string(out, k.window.as_bytes());
    time(out, k.start);
    time(out, k.end);
    maybe(out, k.value);
    maybe(out, k.score);
    let status: &[u8] = match k.status {
        Status::OnTarget => b"on_target",
        Status::Near => b"near",
        Status::Off => b"off",
        Status::NoData => b"no_data",
    };
    string(out, status);
    let trend: &[u8] = match k.trend {
        Trend::Improving => b"improving",
        Trend::Stable => b"stable",
        Trend::Degrading => b"degrading",
    };
    string(out, trend);
    maybe(out, k.sample);
    length(out, k.terms.len());
    for (name, value) in &k.terms {
        string(out, name.as_bytes());
        maybe(out, *value);
    }
    out.extend_from_slice(&k.revision.to_le_bytes());
    out.extend_from_slice(&sequence.to_le_bytes());
}

/// Rows of [`alert`].
pub const ALERTS: Fixture = Fixture {
    table: "alerts_log",
    columns: "run, id, catalog, rule, rule_version, kind, severity, tenant, dimensions, state, step, opened, at, value, threshold, worst, windows, impact, action, revision",
};

/// The highest step of an alert stays.
pub fn alert(out: &mut Vec<u8>, a: &Alert) {
    use weir_model::records::AlertState;
    out.extend_from_slice(&a.run.to_le_bytes());
    string(out, a.id.as_bytes());
    out.extend_from_slice(&a.catalog.to_le_bytes());
    string(out, a.rule.as_bytes());
    out.extend_from_slice(&a.version.to_le_bytes());
    string(out, a.kind.as_bytes());
    string(out, a.severity.as_bytes());
    subject(out, &a.subject);
    let state: &[u8] = match a.state {
        AlertState::Open => b"open",
        AlertState::Update => b"update",
        AlertState::Resolve => b"resolve",
    };
    string(out, state);
    out.extend_from_slice(&a.step.to_le_bytes());
    time(out, a.opened);
    time(out, a.at);
    maybe(out, a.value);
    maybe(out, a.threshold);
    maybe(out, a.worst);
    out.extend_from_slice(&a.windows.to_le_bytes());
    string(out, a.impact.as_bytes());
    string(out, a.action.as_bytes());
    out.extend_from_slice(&a.revision.to_le_bytes());
}

/// Rows of [`late`].
pub const LATE: Fixture = Fixture {
    table: "late_log",
    columns: "run, topic, partition, first_offset, last_offset, events, earliest, watermark, log_partition, log_offset, tenant",
};

/// A summary of late events, with where the summary itself stood.
pub fn late(out: &mut Vec<u8>, l: &Late, partition: i32, offset: i64) {
    out.extend_from_slice(&l.run.to_le_bytes());
    string(out, l.topic.as_bytes());
    out.extend_from_slice(&l.partition.to_le_bytes());
    out.extend_from_slice(&l.first_offset.to_le_bytes());
    out.extend_from_slice(&l.last_offset.to_le_bytes());
    out.extend_from_slice(&l.events.to_le_bytes());
    time(out, l.earliest);
    time(out, l.watermark);
    out.extend_from_slice(&partition.to_le_bytes());
    out.extend_from_slice(&offset.to_le_bytes());
    string(out, l.tenant.as_bytes());
}

/// Rows of [`dead_letter`].
pub const DEAD_LETTERS: Fixture = Fixture {
    table: "dead_letters_log",
    columns: "topic, partition, offset, code, message, value, log_time, log_partition, log_offset, tenant",
};

/// A dead letter, with where it stood in the dead-letter topic.
pub fn dead_letter(
    out: &mut Vec<u8>,
    d: &DeadLetter,
    value: &[u8],
    at: Micros,
    partition: i32,
    offset: i64,
) {
    string(out, d.topic.as_bytes());
    out.extend_from_slice(&d.partition.to_le_bytes());
    out.extend_from_slice(&d.offset.to_le_bytes());
    out.extend_from_slice(&d.code.to_le_bytes());
    string(out, d.message.as_bytes());
    string(out, value);
    time(out, at);
    out.extend_from_slice(&partition.to_le_bytes());
    out.extend_from_slice(&offset.to_le_bytes());
    string(out, d.tenant.as_bytes());
}

/// Writes rows of a table of parts.
#[derive(Debug)]
pub struct PartsEncoder {
    table: PartsTable,
}

impl PartsEncoder {
    /// For a table.
    pub fn new(table: PartsTable) -> PartsEncoder {
        PartsEncoder { table }
    }

    /// The table.
    pub fn table(&self) -> &PartsTable {
        &self.table
    }

    /// Appends all rows of a block and returns how many; rows of a rollup whose dimensions the
    /// table does not have (another run's) are left out. `version` grows with the log.
    ///
    /// # Errors
    /// The block is damaged; what was appended of it must be cut off.
    pub fn block(
        &self,
        out: &mut Vec<u8>,
        block: &mut AggregateReader<'_>,
        version: u64,
    ) -> Result<usize, RecordError> {
        let measures: Vec<Option<usize>> = self
            .table
            .measures
            .iter()
            .map(|(t, _)| block.measures.iter().position(|m| m == t))
            .collect();
        let rollups: Vec<(String, Option<Vec<Option<usize>>>)> = block
            .rollups
            .iter()
            .map(|r| (r.join(","), self.places(r)))
            .collect();
        let mut dimensions = Vec::new();
        let mut values = Vec::new();
        let mut rows = 0;
        while let Some(row) = block.next_row()? {
            let (rollup, Some(places)) = &rollups[row.rollup] else {
                continue;
            };
            let (late, key) = match row.part {
                Part::OnTime => (0, (0, 0, 0)),
                Part::Late {
                    partition,
                    offset,
                    row,
                } => (1, (partition, offset, row)),
            };
            out.extend_from_slice(&block.run.to_le_bytes());
            string(out, row.tenant.as_bytes());
            string(out, rollup.as_bytes());
            out.push(late);
            string(out, row.window.label().as_bytes());
            time(out, row.start);
            time(out, row.end);
            out.extend_from_slice(&key.0.to_le_bytes());
            out.extend_from_slice(&key.1.to_le_bytes());
            out.extend_from_slice(&key.2.to_le_bytes());
            out.extend_from_slice(&version.to_le_bytes());
            dimensions.clear();
            dimensions.extend(row.dimensions());
            for place in places {
                string(
                    out,
                    place
                        .and_then(|i| dimensions.get(i))
                        .map_or(&b""[..], |d: &&str| d.as_bytes()),
                );
            }
            values.clear();
            values.extend(row.values());
            for ((_, accumulator), place) in self.table.measures.iter().zip(&measures) {
                // A part that does not know the measure holds what one without events does.
                let none = ValueRef::empty(*accumulator);
                let value = place.and_then(|i| values.get(i)).unwrap_or(&none);
                measure::encode(out, *accumulator, value);
            }
            rows += 1;
        }
        Ok(rows)
    }

    /// For each dimension of the table its place among those of a rollup; `None` where the table
    /// lacks one.
    fn places(&self, rollup: &[&str]) -> Option<Vec<Option<usize>>> {
        let known = rollup
            .iter()
            .all(|d| self.table.dimensions.iter().any(|t| t == d));
        known.then(|| {
            self.table
                .dimensions
                .iter()
                .map(|t| rollup.iter().position(|d| d == t))
                .collect()
        })
    }
}

/// Writes one raw event in the columns of its archive; `row` holds the leaves in order.
pub fn event(
    out: &mut Vec<u8>,
    table: &EventsTable,
    row: &[Value<'_>],
    partition: i32,
    offset: i64,
    log_time: Micros,
) {
    out.extend_from_slice(&partition.to_le_bytes());
    out.extend_from_slice(&offset.to_le_bytes());
    time(out, log_time);
    for (leaf, value) in table.leaves.iter().zip(row) {
        if leaf.nullable && leaf.kind != LeafKind::Map {
            out.push(u8::from(*value == Value::Null));
            if *value == Value::Null {
                continue;
            }
        }
        match (leaf.kind, value) {
            (LeafKind::Bool, v) => out.push(u8::from(*v == Value::Bool(true))),
            (LeafKind::Int, Value::Int(v)) => out.extend_from_slice(&v.to_le_bytes()),
            (LeafKind::Float, Value::Float(v)) => out.extend_from_slice(&v.to_le_bytes()),
            // A writer's int or long read as a float.
            (LeafKind::Float, Value::Int(v)) => out.extend_from_slice(&(*v as f64).to_le_bytes()),
            (LeafKind::Int | LeafKind::Float, _) => out.extend_from_slice(&[0; 8]),
            (LeafKind::TimestampMicros, Value::Int(v)) => time(out, Micros(*v)),
            (LeafKind::TimestampMicros, _) => time(out, Micros(0)),
            (LeafKind::Text, Value::Str(v)) => string(out, v.as_bytes()),
            (LeafKind::Text, _) => out.push(0),
            (LeafKind::Map, Value::Map(raw)) => {
                length(out, map_entries(raw).count());
                for (name, value) in map_entries(raw) {
                    string(out, name.as_bytes());
                    string(out, value.as_bytes());
                }
            }
            (LeafKind::Map, _) => out.push(0),
        }
    }
}
