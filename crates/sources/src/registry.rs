//! Writer schemas in the log, as snapshots carry them.

use anyhow::{Context, Result};
use std::time::Duration;
use weir_catalog::{Catalog, EventDef};
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

/// Registers the schemas of a catalog's event types, so that producers and snapshots can name them.
pub fn register_types(brokers: &Brokers, catalog: &Catalog) -> Result<()> {
    let subject = |e: &EventDef| format!("{}-value", topics::events(&e.name));
    let events = catalog.events.iter();
    let wanted: Vec<_> = events
        .map(|e| (subject(e), e.schema_json.clone()))
        .collect();
    register(brokers, &wanted)
}

/// Registers schemas that are not yet known.
pub fn register(brokers: &Brokers, wanted: &[(String, String)]) -> Result<()> {
    Ok(weir_kafka::registry::register_all(
        brokers, wanted, DEADLINE,
    )?)
}
