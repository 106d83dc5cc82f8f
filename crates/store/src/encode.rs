//! Rows in RowBinary, straight into a buffer.

use crate::measure;
pub use crate::row_binary::{fixed, length, maybe, string, time};
use crate::table::{EventsTable, PartsTable};
use weir_model::Micros;
use weir_model::avro::{LeafKind, Value, map_entries};
use weir_model::records::{AggregateReader, Part, RecordError, ValueRef};

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
