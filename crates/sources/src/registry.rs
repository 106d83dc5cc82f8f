//! Writer schemas in the log, as snapshots carry them.

use anyhow::{Context, Result};
use std::time::Duration;
use weir_kafka::Brokers;
use weir_kafka::compacted::read_all;
use weir_model::{schemas::RegisteredSchema, topics};

const DEADLINE: Duration = Duration::from_secs(30);

/// All writer schemas: (subject, JSON text).
pub fn schemas(brokers: &Brokers) -> Result<Vec<(String, String)>> {
    read_all(brokers, topics::SCHEMAS, DEADLINE)?
        .into_iter()
        .map(|(_, value)| {
            let s: RegisteredSchema =
                serde_json::from_slice(&value).context("a registered schema is not readable")?;
            Ok((s.subject, s.schema))
        })
        .collect()
}

/// Registers schemas that are not yet known.
pub fn register(brokers: &Brokers, wanted: &[(String, String)]) -> Result<()> {
    Ok(weir_kafka::registry::register_all(
        brokers, wanted, DEADLINE,
    )?)
}
