//! The processes of this machine: what they use, which use too much, and how one is ended without
//! hitting another.
//!
//! The core is pure: a [`Table`] is what was there at a moment, two of them give [`Sample`]s, and
//! trees, limits and the rules of ending are functions over these. [`read`] asks the kernel, and
//! [`end`] is the only place that sends a signal.

mod anomaly;
mod declare;
pub mod drill;
pub mod end;
mod error;
mod event;
pub mod read;
mod safety;
mod table;
mod tree;

pub use anomaly::{Anomaly, Thresholds, Trigger, anomalies};
pub use declare::{Declaration, Processes, Resource};
pub use error::Error;
pub use event::{Whose, resource};
pub use safety::{Refusal, check};
pub use table::{Identity, Machine, Process, Sample, Table, samples};
pub use tree::{ancestors, children, descendants};
