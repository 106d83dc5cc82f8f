//! The files that name a kind of measure are those that `docs/architecture.md` tells to change for
//! one.
#![allow(clippy::unwrap_used, missing_docs)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use weir_catalog::{Catalog, MeasureKind};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The paths that the row of a subject names: what stands in backticks, with `{a,b}` written out.
fn told(page: &str, subject: &str) -> Vec<String> {
    let row = page
        .lines()
        .find_map(|l| l.strip_prefix(&format!("| {subject} | ")))
        .unwrap_or_else(|| panic!("no row \"{subject}\""));
    let mut paths: Vec<String> = row
        .split('`')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect();
    while let Some(i) = paths.iter().position(|p| p.contains('{')) {
        let path = paths.swap_remove(i);
        let (head, rest) = path.split_once('{').unwrap();
        let (choices, tail) = rest.split_once('}').unwrap();
        paths.extend(choices.split(',').map(|c| format!("{head}{c}{tail}")));
    }
    paths
}

/// Rust files below a folder, relative to the root.
fn rust_files(dir: &Path, out: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, out);
        } else if path.extension().is_some_and(|e| e == "rs") {
            out.push(path);
        }
    }
}

/// Whether a word stands in a text on its own.
fn names(text: &str, word: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word)
        .any(|(i, _)| !text[..i].ends_with(part) && !text[i + word.len()..].starts_with(part))
}

/// The files that name a variant.
fn naming(variant: &str) -> BTreeSet<String> {
    let root = root();
    let mut files = Vec::new();
    for dir in ["crates", "services"] {
        rust_files(&root.join(dir), &mut files);
    }
    let of_root = |f: &PathBuf| f.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
    let named = files
        .iter()
        .filter(|f| names(&std::fs::read_to_string(f).unwrap(), variant));
    named.map(of_root).collect()
}

/// `Sum("field")` is called `Sum`.
fn variant(kind: &MeasureKind) -> String {
    let text = format!("{kind:?}");
    text.split('(').next().unwrap().to_owned()
}

#[test]
fn the_page_names_the_files_of_a_kind_of_measure() {
    let page = std::fs::read_to_string(root().join("docs/architecture.md")).unwrap();
    let told = told(&page, "a kind of measure");
    for name in ["distinct", "sumsq"] {
        let told: BTreeSet<String> = told.iter().map(|p| p.replace("<kind>", name)).collect();
        for path in &told {
            assert!(root().join(path).is_file(), "{path} is told and not there");
        }
        let named = naming(&variant(&MeasureKind::of_field(name, "x").unwrap()));
        assert!(named.is_subset(&told), "not told: {:?}", &named - &told);
        for list in told.iter().filter(|p| p.ends_with("mod.rs")) {
            assert!(named.contains(list), "{list} does not name {name}");
        }
    }
    // A kind that adds up as another one does has fewer places, and no others.
    let catalog = Catalog::embedded().unwrap();
    let measures = &catalog.event("llm.call").unwrap().measures;
    let unpriced = measures.iter().find(|m| m.name == "unpriced").unwrap();
    let told: BTreeSet<String> = told
        .iter()
        .map(|p| p.replace("<kind>", "unpriced"))
        .collect();
    let named = naming(&variant(&unpriced.kind));
    assert!(!named.is_empty());
    assert!(named.is_subset(&told), "not told: {:?}", &named - &told);
}
