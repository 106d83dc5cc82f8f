//! Where the declarations are read from.

use crate::compile::{Mappings, Wrong, compile};
use crate::schema::{self, Types};
use std::path::{Path, PathBuf};

include!(concat!(env!("OUT_DIR"), "/sources.rs"));

/// The declarations that are compiled in.
pub(crate) fn load() -> Result<Mappings, Wrong> {
    compile(shipped_files(), &shipped_types())
}

fn of(dir: &'static str) -> impl Iterator<Item = (&'static str, &'static str)> {
    let all = SOURCES.iter().copied();
    all.filter(move |(name, _)| name.starts_with(dir))
}

fn shipped_files() -> Vec<(String, String)> {
    texts("otlp/")
}

fn texts(dir: &'static str) -> Vec<(String, String)> {
    of(dir)
        .map(|(name, text)| (name.to_owned(), text.to_owned()))
        .collect()
}

/// The clients that are compiled in.
pub(crate) fn clients() -> Vec<(String, String)> {
    texts("connect/")
}

/// The clients of a `schemas` folder; the shipped ones where it has none.
pub(crate) fn clients_of(dir: &Path) -> Result<Vec<(String, String)>, Wrong> {
    match dir.join("connect") {
        inner if inner.is_dir() => files(&inner, "connect"),
        _ => Ok(clients()),
    }
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
    if !inner.is_dir() && dir.join("default.yaml").is_file() {
        let beside = dir.parent().unwrap_or(dir);
        return compile(files(dir, "otlp")?, &types(&beside.join("events"))?);
    }
    let files = if inner.is_dir() {
        files(&inner, "otlp")?
    } else {
        // A folder of its own catalog, made before there were declarations.
        shipped_files()
    };
    compile(files, &types(&dir.join("events"))?)
}

fn files(dir: &Path, folder: &str) -> Result<Vec<(String, String)>, Wrong> {
    let mut out = Vec::new();
    for path in list(dir, "yaml")? {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        out.push((format!("{folder}/{name}"), text(&path)?));
    }
    Ok(out)
}

fn types(dir: &Path) -> Result<Types, Wrong> {
    if !dir.is_dir() {
        return Ok(shipped_types());
    }
    let mut out = Types::new();
    for path in list(dir, "avsc")? {
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        if let Some(fields) = schema::fields(&text(&path)?) {
            out.insert(name.into_owned(), fields);
        }
    }
    Ok(out)
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
