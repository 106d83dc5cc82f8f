//! Writer schemas in the log, as snapshots carry them.

use anyhow::{Context, Result};
use std::time::Duration;
use weir_kafka::Brokers;
use weir_kafka::compacted::{Table, read_all};
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
    let known = schemas(brokers)?;
    let table = Table::new(brokers, topics::SCHEMAS)?;
    for (subject, schema) in wanted {
        if known.iter().any(|(s, t)| s == subject && t == schema) {
            continue;
        }
        let version = known.iter().filter(|(s, _)| s == subject).count() as u32 + 1;
        let entry = RegisteredSchema::new(subject, version, schema);
        table.put(
            entry.id.to_string().as_bytes(),
            Some(&serde_json::to_vec(&entry)?),
        )?;
    }
    Ok(())
}
