//! Finds the third-party parts that `scripts/setup` brings into place.

use crate::Error;
use std::path::{Path, PathBuf};

/// The directory with Kafka's jars: `explicit`, else `WEIR_KAFKA_LIB`, else `.deps/kafka/lib` in
/// this directory or one above it, or above the program's own.
///
/// # Errors
/// [`Error::Missing`].
pub fn find_kafka_jars(explicit: Option<&Path>) -> Result<PathBuf, Error> {
    let is_there = |path: &Path| !jars(path).is_empty();
    find(explicit, "WEIR_KAFKA_LIB", ".deps/kafka/lib", is_there).ok_or_else(|| Error::Missing {
        what: "the library of Apache Kafka (its jars)",
        remedy: "run scripts/setup, or name their directory in WEIR_KAFKA_LIB".into(),
    })
}

/// The library of the ClickHouse engine: `explicit`, else `WEIR_LIBCHDB`, else
/// `.deps/clickhouse/libchdb.so`, looked for like Kafka's jars.
///
/// # Errors
/// [`Error::Missing`].
pub fn find_libchdb(explicit: Option<&Path>) -> Result<PathBuf, Error> {
    find(
        explicit,
        "WEIR_LIBCHDB",
        ".deps/clickhouse/libchdb.so",
        Path::is_file,
    )
    .ok_or_else(|| Error::Missing {
        what: "the library of the ClickHouse engine (libchdb.so)",
        remedy: "run scripts/setup, or name the file in WEIR_LIBCHDB".into(),
    })
}

/// The `java` to run Kafka with: that of `JAVA_HOME`, else the first on the path.
///
/// # Errors
/// [`Error::Missing`].
pub fn find_java() -> Result<PathBuf, Error> {
    let home = std::env::var_os("JAVA_HOME").map(|home| PathBuf::from(home).join("bin/java"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    home.into_iter()
        .chain(std::env::split_paths(&path).map(|dir| dir.join("java")))
        .find(|java| java.is_file())
        .and_then(|java| java.canonicalize().ok())
        .ok_or_else(|| Error::Missing {
            what: "Java",
            remedy: "run scripts/setup, or install Java 17 or later and set JAVA_HOME".into(),
        })
}

/// The jars of a directory, in the order of their names: the class data archive is bound to the
/// order.
pub(crate) fn jars(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let mut jars: Vec<PathBuf> = entries
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|e| e == "jar"))
        .collect();
    jars.sort();
    jars
}

fn find(
    explicit: Option<&Path>,
    variable: &str,
    below: &str,
    is_there: impl Fn(&Path) -> bool,
) -> Option<PathBuf> {
    let named = explicit
        .map(Path::to_path_buf)
        .or_else(|| std::env::var_os(variable).map(PathBuf::from));
    let found = match named {
        // What was named is taken or refused; something else in its place would surprise.
        Some(path) => Some(path).filter(|path| is_there(path)),
        None => {
            let here = std::env::current_dir().ok();
            let program = std::env::current_exe().ok();
            let starts: Vec<PathBuf> = here.into_iter().chain(program).collect();
            starts
                .iter()
                .flat_map(|start| start.ancestors())
                .map(|dir| dir.join(below))
                .find(|path| is_there(path))
        }
    };
    found.and_then(|path| path.canonicalize().ok())
}
