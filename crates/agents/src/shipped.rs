//! The declarations that are compiled in.

use crate::Agents;
use crate::declare::{Agent, Wrong};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::Arc;

include!(concat!(env!("OUT_DIR"), "/sources.rs"));

/// Of `schemas/otlp/default.yaml`: what values are called is the same, whichever way they come.
#[derive(Deserialize)]
struct Defaults {
    values: BTreeMap<String, BTreeMap<String, String>>,
}

pub(crate) fn load() -> Result<Agents, Wrong> {
    let mut values = Arc::default();
    let mut all = Vec::new();
    for (name, text) in SOURCES {
        if name.starts_with("imports/") {
            all.push(Agent::parse(name, text)?);
        } else {
            let defaults: Defaults = serde_saphyr::from_str(text).map_err(|e| Wrong {
                file: (*name).to_owned(),
                message: e.to_string(),
            })?;
            values = Arc::new(defaults.values);
        }
    }
    all.iter_mut().for_each(|a| a.values = Arc::clone(&values));
    all.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(Agents { all })
}
