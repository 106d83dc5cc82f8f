//! Rows in RowBinary, straight into a buffer.

use crate::table::{Accumulator, EventsTable, PartsTable};
use weir_model::avro::{LeafKind, Value, map_entries};
use weir_model::records::{AggregateReader, Part, RecordError, ValueRef};
use weir_model::{Fixed, Micros};

/// An unsigned LEB128 number: lengths.
#[inline]
pub fn length(out: &mut Vec<u8>, mut n: usize) {
    while n >= 0x80 {
        out.push(n as u8 | 0x80);
        n >>= 7;
    }
    out.push(n as u8);
}

/// A text.
#[inline]
pub fn string(out: &mut Vec<u8>, s: &[u8]) {
    length(out, s.len());
    out.extend_from_slice(s);
}

/// A time as `DateTime64(6)`, cut to what the type can hold (1900 to 2262).
#[inline]
pub fn time(out: &mut Vec<u8>, t: Micros) {
    out.extend_from_slice(
        &t.0.clamp(-2_208_988_800_000_000, 9_214_646_400_000_000)
            .to_le_bytes(),
    );
}

/// A `Nullable(Float64)`.
#[inline]
pub fn maybe(out: &mut Vec<u8>, v: Option<f64>) {
    match v {
        Some(v) => {
            out.push(0);
            out.extend_from_slice(&v.to_le_bytes());
        }
        None => out.push(1),
    }
}

/// An exact number as `Decimal(38, ...)`.
#[inline]
pub fn fixed(out: &mut Vec<u8>, v: Fixed) {
    out.extend_from_slice(&v.0.to_le_bytes());
}

/// A measure without a value: what a part holds that does not know it.
fn empty(out: &mut Vec<u8>, accumulator: Accumulator) {
    match accumulator {
        Accumulator::Count => out.extend_from_slice(&[0; 8]),
        Accumulator::Sum | Accumulator::SumSq => out.extend_from_slice(&[0; 16]),
        Accumulator::Min | Accumulator::Max => out.push(1),
        Accumulator::Last => {
            out.extend_from_slice(&[0; 16]);
            out.push(1);
        }
        // count 8, sum 16, min 8, max 8, bins 1
        Accumulator::Distribution => out.extend_from_slice(&[0; 41]),
        Accumulator::Distinct => out.push(0),
    }
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

    /// Appends all rows of a block and returns how many; rows of a rollup whose dimensions the table does not have (another
    /// run's) are left out. `version` grows with the log.
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
                match place.and_then(|i| values.get(i)) {
                    Some(value) => measure(out, *accumulator, value),
                    None => empty(out, *accumulator),
                }
            }
            rows += 1;
        }
        Ok(rows)
    }

    /// For each dimension of the table its place among those of a rollup; `None` where the table lacks one.
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

/// Writes one value of a measure in the columns of its accumulator; a value of another kind counts as none.
fn measure(out: &mut Vec<u8>, accumulator: Accumulator, value: &ValueRef<'_>) {
    use ValueRef as V;
    match (accumulator, *value) {
        (Accumulator::Count, V::Count(n)) => out.extend_from_slice(&n.to_le_bytes()),
        (Accumulator::Sum, V::Sum(v)) | (Accumulator::SumSq, V::SumSq(v)) => fixed(out, v),
        (Accumulator::Min, V::Min(v)) | (Accumulator::Max, V::Max(v)) => maybe(out, v),
        (Accumulator::Last, V::Last(Some((at, id, value)))) => {
            time(out, at);
            out.extend_from_slice(&id.to_le_bytes());
            maybe(out, Some(value));
        }
        (Accumulator::Distribution, V::Distribution(d)) => {
            out.extend_from_slice(&d.count.to_le_bytes());
            fixed(out, d.sum);
            out.extend_from_slice(&d.min.to_le_bytes());
            out.extend_from_slice(&d.max.to_le_bytes());
            length(out, d.bins.count());
            for (bin, n) in d.bins {
                out.extend_from_slice(&bin.to_le_bytes());
                out.extend_from_slice(&n.to_le_bytes());
            }
        }
        (Accumulator::Distinct, V::Distinct(hashes)) => {
            length(out, hashes.len());
            out.extend_from_slice(hashes.as_bytes());
        }
        _ => empty(out, accumulator),
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
