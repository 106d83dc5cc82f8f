//! How the receivers of a system do, as its log tells.

use crate::core::{self, Health};
use std::collections::BTreeMap;
use weir_kafka::{Brokers, Error, compacted};
use weir_model::topics;

/// By receiver; empty where no service has told anybody anything yet. Blocks.
///
/// # Errors
/// Kafka does not answer.
pub fn receivers(brokers: &Brokers) -> Result<BTreeMap<String, Health>, Error> {
    let limit = brokers.timeouts.call;
    let entries = compacted::read_all(brokers, topics::NOTIFY, limit)?;
    Ok(core::receivers(
        entries.iter().map(|(k, v)| (&k[..], &v[..])),
    ))
}
