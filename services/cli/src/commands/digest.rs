//! `weir digest`: a hash of the merged numbers and the final rows.

use super::{runtime, time};
use crate::args::{DigestArgs, SystemArgs};
use crate::output;
use anyhow::Result;
use std::process::ExitCode;
use std::time::Duration;
use weir_ops::{Arrival, Digest};
use weir_store::Store;

pub fn run(system: &SystemArgs, a: &DigestArgs) -> Result<ExitCode> {
    let through = a.through.as_deref().map(time).transpose()?;
    let catalog = system.catalog()?;
    let found = system.find()?;
    if let Some(through) = through {
        let arrival = Arrival {
            brokers: &found.brokers,
            catalog: &catalog,
            run: weir_ops::run::current(&found.brokers, &catalog)?,
        };
        arrival.through(through, Duration::from_secs_f64(a.wait))?;
    }
    let store = Store::new(&found.own_store()?);
    let digest = runtime()?.block_on(Digest::of(&store, &catalog, through))?;
    if a.json {
        // By way of a value: its keys are in the order of the alphabet.
        output::json(&serde_json::to_value(&digest)?)?;
    } else {
        let rows: Vec<Vec<String>> = digest
            .parts
            .iter()
            .map(|p| {
                vec![
                    p.what.clone(),
                    p.rows.to_string(),
                    p.digest[..16].to_owned(),
                ]
            })
            .collect();
        output::table(&["what", "rows", "digest"], &rows)?;
        println!("{}", digest.digest);
    }
    Ok(ExitCode::SUCCESS)
}
