//! Everything that talks to Kafka: topics, batches of records read without copying, transactions,
//! and the loop in which the three stages run.
//!
//! All calls block; from async code use `spawn_blocking` or a thread of your own.

pub mod admin;
pub mod batch;
pub mod client;
mod close;
pub mod compacted;
pub mod consumer;
pub mod courier;
pub mod dead;
mod ends;
pub mod error;
mod member;
pub mod metric;
mod oauth;
mod offsets;
mod owned;
mod partition;
pub mod producer;
mod queue;
mod reading;
pub mod rebalance;
pub mod registry;
pub mod shell;
pub mod stage;
pub mod timeouts;
mod turn;

pub use batch::{Batch, Message};
pub use client::{Brokers, Logged};
pub use consumer::{Consumer, Fetching};
pub use courier::{Courier, Parcel};
pub use ends::Watch;
pub use error::Error;
pub use oauth::arm;
pub use partition::{Committed, Tp};
pub use producer::{Appender, Header};
pub use rebalance::Change;
pub use registry::SchemaRegistry;
pub use shell::run_stage;
pub use stage::{Outbox, Packing, Stage, StageConfig, StageError};
pub use timeouts::{Pauses, Timeouts};
