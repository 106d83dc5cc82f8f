//! The records weir itself writes, with their Avro codecs (`schemas/records/*.avsc`).
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

/// A finding of a detector. Key: `id` = hash(detector, version, subject, window label, window end).
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Anomaly {
    /// See above.
    pub id: String,
    /// Run of the derivation.
    pub run: u32,
    /// Hash of the catalog.
    pub catalog: u64,
    /// Name of the detector.
    pub detector: String,
    /// Its version.
    pub version: u32,
    /// `limit`, `zscore`, `drift`, `seasonal`.
    pub kind: String,
    /// `low`, `medium`, `high`, `critical`.
    pub severity: String,
    /// Event type looked at.
    pub event: String,
    /// Whose value.
    pub subject: Subject,
    /// Window label (`1m`, ..., or a rolling one such as `1h/5m`).
    pub window: String,
    /// Window start.
    pub start: Micros,
    /// Window end.
    pub end: Micros,
    /// The value judged, rounded to 6 decimals.
    pub value: f64,
    /// What was expected (limit, median, mean), rounded to 6 decimals.
    pub expected: f64,
    /// Distance in units of the detector's scale (ratio to the limit for limits), rounded to 6
    /// decimals.
    pub score: f64,
    /// True while the window is open (early limits); the final record has the same id and false.
    pub early: bool,
    /// Offset of the last input that made it.
    pub revision: i64,
}

/// State of a value against its target.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// At or beyond the target.
    OnTarget,
    /// Score of 80 or more.
    Near,
    /// Score under 80.
    Off,
    /// No value, or fewer than the minimum sample.
    NoData,
}

/// Direction of a KPI against its own last three published values.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trend {
    /// Better by more than 5 %.
    Improving,
    /// Within 5 %, or too few values.
    Stable,
    /// Worse by more than 5 %.
    Degrading,
}

/// A published KPI value. Key: `id` = hash(kpi, version, subject, window label, window end).
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Kpi {
    /// See above.
    pub id: String,
    /// Run of the derivation.
    pub run: u32,
    /// Hash of the catalog.
    pub catalog: u64,
    /// Name.
    pub kpi: String,
    /// Version of its definition.
    pub version: u32,
    /// Whose value.
    pub subject: Subject,
    /// Window label.
    pub window: String,
    /// Window start.
    pub start: Micros,
    /// Window end.
    pub end: Micros,
    /// The value, rounded to the KPI's decimals; absent where there is none.
    pub value: Option<f64>,
    /// 0 to 100 against the target, rounded to 2 decimals; absent without value or target.
    pub score: Option<f64>,
    /// Against the target.
    pub status: Status,
    /// Against its own past.
    pub trend: Trend,
    /// Size of the sample term, where one is declared.
    pub sample: Option<f64>,
    /// Each term with its value, in the order of declaration.
    pub terms: Vec<(String, Option<f64>)>,
    /// Offset of the last input.
    pub revision: i64,
}

/// Life cycle of an alert.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertState {
    /// Just opened.
    Open,
    /// Still open, its figures moved.
    Update,
    /// Over.
    Resolve,
}

/// One step of an alert's life. Key: `id` = hash(rule, version, subject, window end at which it
/// opened); the store keeps the highest `step`.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Alert {
    /// See above.
    pub id: String,
    /// Run of the derivation.
    pub run: u32,
    /// Hash of the catalog.
    pub catalog: u64,
    /// Name of the rule.
    pub rule: String,
    /// Version of the rule.
    pub version: u32,
    /// `threshold`, `anomaly` or `no_data`.
    pub kind: String,
    /// `low`, `medium`, `high`, `critical`.
    pub severity: String,
    /// What it is about.
    pub subject: Subject,
    /// `open`, `update`, `resolve`.
    pub state: AlertState,
    /// 0 when opened, then counting.
    pub step: u32,
    /// End of the window that opened it.
    pub opened: Micros,
    /// End of the window of this step.
    pub at: Micros,
    /// Value now.
    pub value: Option<f64>,
    /// Threshold, where there is one.
    pub threshold: Option<f64>,
    /// Worst value since it opened.
    pub worst: Option<f64>,
    /// Windows that were bad since it opened.
    pub windows: u32,
    /// Business impact, from the rule.
    pub impact: String,
    /// Recommended action, from the rule.
    pub action: String,
    /// Offset of the last input.
    pub revision: i64,
}

/// Events of one tenant, commit and input partition that came too late to be judged (they were counted).
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Late {
    /// Run of the derivation.
    pub run: u32,
    /// Raw topic.
    pub topic: String,
    /// Its partition.
    pub partition: i32,
    /// First offset.
    pub first_offset: i64,
    /// Last offset.
    pub last_offset: i64,
    /// Events.
    pub events: u64,
    /// Earliest event time among them.
    pub earliest: Micros,
    /// Watermark at the end of the commit.
    pub watermark: Micros,
    /// Whose events they were.
    pub tenant: String,
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

mod aggregate;
mod codec;
#[cfg(test)]
pub(crate) mod tests;

pub use aggregate::{AggregateReader, AggregateWriter, DimensionsRef, RowRef, ValuesRef};
pub(crate) use aggregate::{advance, ended};
pub(crate) use codec::Field;
pub use codec::{RecordError, SCHEMAS, schema_json};
