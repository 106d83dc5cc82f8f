//! The run that commands are about: the one that the processor has begun, if it is of the catalog at hand.

use anyhow::{Context, Result, bail};
use std::time::Duration;
use weir_catalog::Catalog;
use weir_kafka::Brokers;
use weir_processor::Run;

/// What the question for the run may take.
const LIMIT: Duration = Duration::from_secs(30);

/// The number of the run of this catalog, as the processor has begun it. Blocks.
///
/// # Errors
/// No processor has begun a run (WEIR-0204), its run is of another catalog (WEIR-0108), or Kafka does not answer.
pub fn current(brokers: &Brokers, catalog: &Catalog) -> Result<u32> {
    let run = weir_processor::current(brokers, LIMIT)
        .map_err(weir_kafka::Error::from)?
        .context("WEIR-0204: no processor has started a run here yet; start it first")?;
    number(&run, catalog)
}

/// The number of a run, if it is of this catalog.
///
/// # Errors
/// It is of another one (WEIR-0108).
pub fn number(run: &Run, catalog: &Catalog) -> Result<u32> {
    if run.catalog != format!("{:016x}", catalog.hash) {
        bail!(
            "WEIR-0108: the running system has catalog {}, this command {:016x}; give the same --schemas",
            run.catalog,
            catalog.hash
        );
    }
    Ok(run.number)
}
