//! Files of `schemas`, compiled into a crate, so that one binary works anywhere.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// Writes `sources.rs` into the folder of the build: `SOURCES`, (path below `schemas`, text) of all
/// files below some of its folders, each of which is (folder, extension), sorted by path; a file may
/// stand in place of a folder. The build script runs again when one of them changes.
///
/// # Errors
/// A folder cannot be read, or the file not be written; or this is no build script.
pub fn schemas(folders: &[(&str, &str)]) -> io::Result<()> {
    let manifest = env::var("CARGO_MANIFEST_DIR").map_err(io::Error::other)?;
    let schemas = Path::new(&manifest).join("../../schemas").canonicalize()?;
    let mut files = Vec::new();
    for (folder, extension) in folders {
        walk(&schemas.join(folder), extension, &mut files)?;
    }
    files.sort();
    let mut code = String::from("pub(super) const SOURCES: &[(&str, &str)] = &[\n");
    for file in &files {
        let name = file.strip_prefix(&schemas).map_err(io::Error::other)?;
        let name = name.to_string_lossy().replace('\\', "/");
        code += &format!(
            "    ({name:?}, include_str!({:?})),\n",
            file.to_string_lossy()
        );
    }
    code += "];\n";
    let out = env::var("OUT_DIR").map_err(io::Error::other)?;
    fs::write(Path::new(&out).join("sources.rs"), code)
}

fn walk(path: &Path, extension: &str, out: &mut Vec<PathBuf>) -> io::Result<()> {
    if path.is_dir() {
        println!("cargo::rerun-if-changed={}", path.display());
        for entry in fs::read_dir(path)? {
            walk(&entry?.path(), extension, out)?;
        }
    } else if path.extension().is_some_and(|e| e == extension) {
        println!("cargo::rerun-if-changed={}", path.display());
        out.push(path.to_owned());
    }
    Ok(())
}
