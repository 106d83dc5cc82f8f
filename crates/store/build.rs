//! Lists the SQL files of `schemas/clickhouse`, so that they are compiled into the binary.

use std::fmt::Write;
use std::path::{Path, PathBuf};

fn main() -> std::io::Result<()> {
    let root = Path::new(&env("CARGO_MANIFEST_DIR")?).join("../../schemas/clickhouse");
    let mut out = String::new();
    list(&mut out, "MIGRATIONS", &root)?;
    list(&mut out, "QUESTIONS", &root.join("queries"))?;
    std::fs::write(Path::new(&env("OUT_DIR")?).join("schemas.rs"), out)
}

fn list(out: &mut String, name: &str, dir: &Path) -> std::io::Result<()> {
    println!("cargo::rerun-if-changed={}", dir.display());
    let mut files: Vec<PathBuf> = std::fs::read_dir(dir)?
        .map(|e| Ok(e?.path()))
        .collect::<std::io::Result<_>>()?;
    files.retain(|p| p.extension().is_some_and(|e| e == "sql"));
    files.sort();
    let _ = writeln!(
        out,
        "/// (file name, text), sorted.\npub(crate) const {name}: &[(&str, &str)] = &["
    );
    for file in files {
        println!("cargo::rerun-if-changed={}", file.display());
        let stem = file.file_stem().unwrap_or_default().to_string_lossy();
        let _ = writeln!(
            out,
            "    ({stem:?}, include_str!({:?})),",
            file.canonicalize()?
        );
    }
    out.push_str("];\n");
    Ok(())
}

fn env(name: &str) -> std::io::Result<String> {
    std::env::var(name).map_err(std::io::Error::other)
}
