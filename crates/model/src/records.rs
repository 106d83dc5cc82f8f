//! The records weir itself writes, with their Avro codecs (`schemas/records/*.avsc`).
//!
//! [`Anomaly`], [`Kpi`], [`Alert`] and [`Late`] are made of their schemas at build time, with their
//! bytes and columns. Aggregates are written by hand: their rows are many and borrow.
//!
//! A subject is `tenant` + `dimensions` (names, sorted) + `values` (same order). A missing value is
//! "".

use crate::Micros;
pub use crate::measure::{
    BinsRef, Distribution, DistributionRef, HashesRef, Last, MeasureValue, ValueRef,
};
use serde::{Deserialize, Serialize};

/// What everything is counted by.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
pub struct Subject {
    /// The tenant.
    pub tenant: String,
    /// (dimension, value), sorted by dimension.
    pub dimensions: Vec<(String, String)>,
}

/// Whether a part is the one written when its window was final, or a straggler at pane grain.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Part {
    /// One per (subject, window).
    OnTime,
    /// Any number, at one-minute grain; the key is that of the partial it came in.
    Late {
        /// Partition of the partials.
        partition: i32,
        /// Offset of the block.
        offset: i64,
        /// Row within the block.
        row: u32,
    },
}

/// One aggregate row.
#[derive(Clone, PartialEq, Debug)]
pub struct Aggregate {
    /// By what it was counted; its dimension names are the rollup.
    pub subject: Subject,
    /// Label of the window size (`1m`, `5m`, `1h`, `1d`); late parts are always `1m`.
    pub window: crate::WindowSize,
    /// Start of the window.
    pub start: Micros,
    /// End of the window.
    pub end: Micros,
    /// On time or late.
    pub part: Part,
    /// One per measure of the block, same order.
    pub values: Vec<MeasureValue>,
}

/// The value of a record of [`crate::topics::AGGREGATES`].
#[derive(Clone, PartialEq, Debug)]
pub struct AggregateBlock {
    /// Event type that was aggregated.
    pub event: String,
    /// Hash of the catalog.
    pub catalog: u64,
    /// Run of the derivation (1, 2, ...): a reprocess starts a new one.
    pub run: u32,
    /// Names of the measures, the order of `Aggregate::values`.
    pub measures: Vec<String>,
    /// The rows.
    pub rows: Vec<Aggregate>,
}

/// A record that could not be read. The value of a dead letter is the record's own raw bytes (its
/// beginning, where it is too large); this is what its headers say.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct DeadLetter {
    /// Why.
    pub code: u16,
    /// In words.
    pub message: String,
    /// Raw topic.
    pub topic: String,
    /// Its partition.
    pub partition: i32,
    /// Its offset.
    pub offset: i64,
    /// Whose record it was; empty where that cannot be told.
    pub tenant: String,
}

mod results {
    use super::Subject;
    use super::codec::{Field, Reader, RecordError, decode, encode, symbol};
    use super::columns::{Cell, Cells, Column, ColumnType, Stored};
    use crate::Micros;
    use crate::avro::{Cursor, DecodeError};
    use crate::schemas::schema_id;
    use serde::{Deserialize, Serialize};
    use std::sync::LazyLock;

    include!(concat!(env!("OUT_DIR"), "/results.rs"));
}

mod aggregate;
mod codec;
mod columns;
#[cfg(test)]
pub(crate) mod tests;

pub use aggregate::{AggregateReader, AggregateWriter, DimensionsRef, RowRef, ValuesRef};
pub(crate) use aggregate::{advance, ended};
pub(crate) use codec::Field;
pub use codec::{RecordError, SCHEMAS, schema_json};
pub use columns::{Cell, Cells, Column, ColumnType, Stored};
pub use results::*;
