//! How a system is doing: its run, and what each service has not read yet.

use crate::lag::{self, Lag};
use anyhow::{Context, Result};
use serde::Serialize;
use std::time::Duration;
use weir_catalog::Catalog;
use weir_kafka::Brokers;

/// What the question for the run may take.
const LIMIT: Duration = Duration::from_secs(10);

/// The run and how far its services have read.
#[derive(Debug, Clone, Serialize)]
pub struct Status {
    /// Number of the run.
    pub run: u32,
    /// Hash of its catalog, 16 hex digits.
    pub catalog: String,
    /// By service and topic, in the order in which events pass.
    pub lag: Vec<Lag>,
}

impl Status {
    /// As it is now. Blocks.
    ///
    /// # Errors
    /// No processor has begun a run (WEIR-0204), or Kafka does not answer.
    pub fn of(brokers: &Brokers, catalog: &Catalog) -> Result<Status> {
        let run = weir_processor::current(brokers, LIMIT)?
            .context("WEIR-0204: no processor has started a run here yet")?;
        Ok(Status {
            lag: lag::all(brokers, catalog, run.number)?,
            run: run.number,
            catalog: run.catalog,
        })
    }

    /// Offsets that are still to be read, by all services together.
    pub fn behind(&self) -> i64 {
        self.lag.iter().map(|l| l.lag).sum()
    }
}
