//! Makes a Rust type of each `schemas/events/*.avsc`.
//!
//! A crate that makes types of Avro schemas exists (rsgen-avro), but its types own their texts and
//! are written through a tree of values. These borrow, and write their bytes straight into the
//! record.

mod rust;
mod schema;

use std::path::{Path, PathBuf};
use std::{env, fs};

type Failed = Box<dyn std::error::Error>;

fn main() -> Result<(), Failed> {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    println!("cargo::rerun-if-changed=build");
    types_of(&root.join("../../schemas/events"), "types.rs")?;
    // What the shipped schemas do not have is tested too.
    types_of(&root.join("tests/schemas"), "test_types.rs")
}

/// Writes the types of the schemas in a folder.
fn types_of(folder: &Path, out: &str) -> Result<(), Failed> {
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut files: Vec<PathBuf> = fs::read_dir(folder)?
        .map(|entry| entry.map(|e| e.path()))
        .collect::<Result<_, _>>()?;
    files.retain(|p| p.extension().is_some_and(|e| e == "avsc"));
    files.sort();
    let mut types = schema::Types::default();
    for file in &files {
        let text = fs::read_to_string(file)?;
        let added = types.add(&event_type(file), &text);
        added.map_err(|e| format!("{}: {e}", file.display()))?;
    }
    let out = PathBuf::from(env::var("OUT_DIR")?).join(out);
    fs::write(out, rust::write(&types))?;
    Ok(())
}

/// The event type that a file is named after.
fn event_type(file: &Path) -> String {
    let stem = file.file_stem().unwrap_or_default();
    stem.to_string_lossy().into_owned()
}
