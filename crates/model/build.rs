//! Makes the records of results of their schemas: types, bytes and columns.

use std::path::{Path, PathBuf};
use std::{env, fs};
use weir_avsc::records::Types;

type Failed = Box<dyn std::error::Error>;

/// Files of `schemas/records` that are made into types. The others have an encoding of their own.
const RESULTS: [&str; 4] = ["anomaly", "kpi", "alert", "late"];

fn main() -> Result<(), Failed> {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    println!("cargo::rerun-if-changed=build.rs");
    types_of(&root.join("../../schemas/records"), &RESULTS, "results.rs")?;
    // What the shipped schemas do not have is tested too.
    types_of(&root.join("tests/schemas"), &["sample"], "test_results.rs")
}

/// Files of earlier schemas, `NAME.N.avsc`, in their order, with the names of their records.
fn earlier(folder: &Path) -> Result<Vec<(PathBuf, String)>, Failed> {
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let name = name.split('.').next().unwrap_or_default().to_owned();
        files.push((entry.path(), name));
    }
    files.sort();
    Ok(files)
}

/// Writes the types of some schemas of a folder.
fn types_of(folder: &Path, names: &[&str], out: &str) -> Result<(), Failed> {
    let mut types = Types::default();
    for name in names {
        let file = folder.join(format!("{name}.avsc"));
        println!("cargo::rerun-if-changed={}", file.display());
        let text = fs::read_to_string(&file).map_err(|e| format!("{}: {e}", file.display()))?;
        let added = types.add(name, &text);
        added.map_err(|e| format!("{}: {e}", file.display()))?;
    }
    for (file, name) in earlier(&folder.join("earlier"))? {
        if names.contains(&name.as_str()) {
            let added = types.add_earlier(&name, &fs::read_to_string(&file)?);
            added.map_err(|e| format!("{}: {e}", file.display()))?;
        }
    }
    fs::write(PathBuf::from(env::var("OUT_DIR")?).join(out), types.write())?;
    Ok(())
}
