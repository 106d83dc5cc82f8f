//! Where the declarations are read from.

use crate::compile::{Mappings, Wrong, compile};
use crate::schema::{self, Types};
use std::path::{Path, PathBuf};

include!(concat!(env!("OUT_DIR"), "/sources.rs"));

/// The declarations that are compiled in.
pub(crate) fn load() -> Result<Mappings, Wrong> {
    let files = of("otlp/").map(|(n, t)| (n.to_owned(), t.to_owned()));
    compile(files.collect(), &shipped_types())
}

fn of(dir: &'static str) -> impl Iterator<Item = (&'static str, &'static str)> {
    SOURCES
        .iter()
        .copied()
        .filter(move |(n, _)| n.starts_with(dir))
}

fn shipped_types() -> Types {
    let each = of("events/").filter(|(name, _)| name.matches('/').count() == 1);
    each.filter_map(|(name, text)| {
        let stem = Path::new(name).file_stem()?.to_str()?;
        Some((stem.to_owned(), schema::fields(text)?))
    })
    .collect()
}

/// The declarations of a folder, see [`Mappings::load`].
pub(crate) fn read(dir: &Path) -> Result<Mappings, Wrong> {
    let inner = dir.join("otlp");
    let dir = if inner.is_dir() {
        inner
    } else {
        dir.to_owned()
    };
    let mut files = Vec::new();
    for path in list(&dir, "yaml")? {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        files.push((format!("otlp/{name}"), text(&path)?));
    }
    let events = dir.parent().unwrap_or(&dir).join("events");
    let mut types = Types::new();
    if events.is_dir() {
        for path in list(&events, "avsc")? {
            let name = path.file_stem().unwrap_or_default().to_string_lossy();
            if let Some(fields) = schema::fields(&text(&path)?) {
                types.insert(name.into_owned(), fields);
            }
        }
    } else {
        types = shipped_types();
    }
    compile(files, &types)
}

fn list(dir: &Path, extension: &str) -> Result<Vec<PathBuf>, Wrong> {
    let entries = std::fs::read_dir(dir).map_err(|e| unreadable(dir, &e))?;
    let mut out = Vec::new();
    for entry in entries {
        let path = entry.map_err(|e| unreadable(dir, &e))?.path();
        if path.extension().is_some_and(|e| e == extension) {
            out.push(path);
        }
    }
    out.sort();
    Ok(out)
}

fn text(path: &Path) -> Result<String, Wrong> {
    std::fs::read_to_string(path).map_err(|e| unreadable(path, &e))
}

fn unreadable(path: &Path, e: &std::io::Error) -> Wrong {
    Wrong::new(
        &path.display().to_string(),
        0,
        format!("cannot be read: {e}"),
        "name a schemas folder that has otlp in it",
    )
}
