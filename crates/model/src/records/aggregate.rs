//! Blocks of aggregate rows as a whole.

mod read;
mod write;

pub use read::{AggregateReader, DimensionsRef, RowRef, ValuesRef};
pub(crate) use read::{advance, ended};
pub use write::AggregateWriter;

use super::codec::{AGGREGATE_ID, RecordError};
use super::{Aggregate, AggregateBlock, Subject};

impl AggregateBlock {
    /// Id of the schema that blocks are written under.
    pub fn schema_id() -> u32 {
        *AGGREGATE_ID
    }

    /// Appends the block's value, framed. To write many rows use [`AggregateWriter`].
    ///
    /// # Errors
    /// `RowShape` where a row has not one value per measure.
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), RecordError> {
        let mut rollups: Vec<Vec<String>> = Vec::new();
        let mut indices = Vec::with_capacity(self.rows.len());
        for row in &self.rows {
            let names: Vec<String> = row
                .subject
                .dimensions
                .iter()
                .map(|(name, _)| name.clone())
                .collect();
            indices.push(rollups.iter().position(|r| *r == names).unwrap_or_else(|| {
                rollups.push(names);
                rollups.len() - 1
            }));
        }
        let mut w = AggregateWriter::new(
            Vec::new(),
            &self.event,
            self.catalog,
            self.run,
            &self.measures,
            &rollups,
        );
        for (row, rollup) in self.rows.iter().zip(indices) {
            let values = row
                .subject
                .dimensions
                .iter()
                .map(|(_, value)| value.as_str());
            w.row(
                &row.subject.tenant,
                rollup,
                values,
                row.window,
                row.start,
                row.end,
                row.part,
            );
            for v in &row.values {
                w.measure(v);
            }
        }
        out.extend_from_slice(&w.finish()?);
        Ok(())
    }

    /// From a record's value.
    pub fn decode(value: &[u8]) -> Result<AggregateBlock, RecordError> {
        let mut reader = AggregateReader::new(value)?;
        let mut rows = Vec::new();
        while let Some(row) = reader.next_row()? {
            let names = &reader.rollups[row.rollup];
            let dimensions = names
                .iter()
                .zip(row.dimensions())
                .map(|(n, v)| ((*n).to_owned(), v.to_owned()))
                .collect();
            rows.push(Aggregate {
                subject: Subject {
                    tenant: row.tenant.to_owned(),
                    dimensions,
                },
                window: row.window,
                start: row.start,
                end: row.end,
                part: row.part,
                values: row.values().map(|v| v.to_owned()).collect(),
            });
        }
        Ok(AggregateBlock {
            event: reader.event.to_owned(),
            catalog: reader.catalog,
            run: reader.run,
            measures: reader.measures.iter().map(|m| (*m).to_owned()).collect(),
            rows,
        })
    }
}
