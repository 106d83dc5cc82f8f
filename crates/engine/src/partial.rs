//! Messages of `weir.partials`: blocks of rows, grouped by subject, each string once per block.
//!
//! ```text
//! block   = 1, catalog (8 bytes), run, n, n * text, base, n, n * group, n, n * watermark
//! group   = event, rollup, hash (8 bytes), tenant, n, n * value, rows, bytes, rows * row
//! row     = (pane - pane before) * 2 zigzag | late, n, n bytes
//! ```
//!
//! Numbers are varints, texts are referred to by index, panes are minutes counted from the row
//! before (the first of a group from `base`), and watermarks apply after the rows.

mod list;
mod read;
#[cfg(test)]
mod tests;
mod write;

pub use list::SmallList;
pub use read::{Block, Group, Groups, RowRef, Rows};
pub use write::BlockWriter;

use crate::EngineError;
use weir_catalog::types::EventId;
use weir_model::Micros;

const WHAT: &str = "a block of partials";
const VERSION: u8 = 1;

/// Shards of a partition: stage 2 keeps and snapshots the subjects of each apart, and stage 1
/// writes them shard by shard.
pub const SHARDS: usize = 8;

/// Most partitions of a raw topic: room is kept for as many as a watermark says there are.
pub const PARTITIONS: u32 = 1 << 16;

/// The shard of its partition that a subject belongs to, of so many.
#[inline]
pub(crate) fn shard_of(hash: u64, shards: usize) -> usize {
    ((hash >> 40) % shards as u64) as usize
}

/// How far the events of one raw partition have come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WatermarkEntry {
    /// Event type.
    pub event: EventId,
    /// Raw partition.
    pub partition: u32,
    /// Number of partitions of the raw topic.
    pub partitions: u32,
    /// No on-time event of it lies before this time any more.
    pub watermark: Micros,
}

impl WatermarkEntry {
    /// Holds it to what can be: its partition is one of them, and they are not too many.
    pub(crate) fn check(&self) -> Result<(), EngineError> {
        if self.partition < self.partitions && self.partitions <= PARTITIONS {
            return Ok(());
        }
        Err(EngineError::corrupt(
            WHAT,
            "a watermark is of a partition that cannot be",
        ))
    }
}
