//! Where the declarations are read from.

use crate::Agents;
use crate::declare::{Agent, Wrong};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

include!(concat!(env!("OUT_DIR"), "/sources.rs"));

/// Folder of the declarations, and the file with the names of values.
const DECLARED: &str = "imports/agents";
const VALUES: &str = "otlp/default.yaml";

/// Of `schemas/otlp/default.yaml`: what values are called is the same, whichever way they come.
#[derive(Deserialize)]
struct Defaults {
    values: BTreeMap<String, BTreeMap<String, String>>,
}

/// The declarations that are compiled in.
pub(crate) fn load() -> Result<Agents, Wrong> {
    compile(
        SOURCES
            .iter()
            .map(|(n, t)| ((*n).to_owned(), (*t).to_owned())),
    )
}

/// Those of a `schemas` folder; what it does not have is that of this binary.
pub(crate) fn read(dir: &Path) -> Result<Agents, Wrong> {
    let mut files: BTreeMap<String, String> = BTreeMap::new();
    let own = dir.join(DECLARED).is_dir();
    for (name, text) in SOURCES {
        if !(own && name.starts_with(DECLARED)) {
            files.insert((*name).to_owned(), (*text).to_owned());
        }
    }
    if own {
        let folder = dir.join(DECLARED);
        let list = std::fs::read_dir(&folder).map_err(|e| unreadable(DECLARED, &e))?;
        for entry in list {
            let path = entry.map_err(|e| unreadable(DECLARED, &e))?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let name = format!("{DECLARED}/{name}");
            if path.extension().is_some_and(|e| e == "yaml") {
                let text = std::fs::read_to_string(&path).map_err(|e| unreadable(&name, &e))?;
                files.insert(name, text);
            }
        }
    }
    let values = dir.join(VALUES);
    if values.is_file() {
        let text = std::fs::read_to_string(values).map_err(|e| unreadable(VALUES, &e))?;
        files.insert(VALUES.to_owned(), text);
    }
    compile(files.into_iter())
}

fn unreadable(file: &str, e: &std::io::Error) -> Wrong {
    Wrong {
        file: file.to_owned(),
        message: format!("cannot be read: {e}"),
    }
}

fn compile(files: impl Iterator<Item = (String, String)>) -> Result<Agents, Wrong> {
    let mut values = Arc::default();
    let mut all = Vec::new();
    for (name, text) in files {
        if name.starts_with(DECLARED) {
            all.push(Agent::parse(&name, &text)?);
        } else {
            let defaults: Defaults = serde_saphyr::from_str(&text).map_err(|e| Wrong {
                file: name,
                message: e.to_string(),
            })?;
            values = Arc::new(defaults.values);
        }
    }
    all.iter_mut().for_each(|a| a.values = Arc::clone(&values));
    all.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(Agents { all })
}
