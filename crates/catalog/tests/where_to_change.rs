//! The table "Where to change what" of the architecture is true for the kinds of measures and
//! detectors.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use weir_catalog::{Catalog, DetectorKind, MeasureKind};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// What the table names for a change, between backticks.
fn named_for(change: &str) -> Vec<String> {
    let page = std::fs::read_to_string(root().join("docs/architecture.md")).unwrap();
    let start = format!("| {change} |");
    let row = page.lines().find(|l| l.starts_with(&start)).unwrap();
    let named = row[start.len()..].split('`').skip(1).step_by(2);
    named.map(str::to_owned).collect()
}

fn sources(dir: &Path, out: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("target") {
            sources(&path, out);
        } else if path.extension().is_some_and(|e| e == "rs") {
            out.push(path);
        }
    }
}

/// Files whose code, comments left aside, has the word.
fn files_with(word: &str) -> BTreeSet<String> {
    let root = root();
    let mut files = Vec::new();
    for dir in ["crates", "services"] {
        sources(&root.join(dir), &mut files);
    }
    let has = |text: &str| {
        let code = text.lines().filter_map(|l| l.split("//").next());
        code.flat_map(|l| l.split(|c: char| !c.is_alphanumeric() && c != '_'))
            .any(|w| w == word)
    };
    let relative = |p: &Path| p.strip_prefix(&root).unwrap().display().to_string();
    let found = files
        .iter()
        .filter(|p| has(&std::fs::read_to_string(p).unwrap()));
    found.map(|p| relative(p)).collect()
}

#[test]
fn a_kind_of_detector_stands_in_its_own_files_and_the_registries() {
    let named = named_for("a kind of detector");
    let [floors @ .., registry] = &named[..] else {
        panic!("the table names nothing");
    };
    assert_eq!(floors.len(), 3, "{floors:?}");
    for name in DetectorKind::NAMES {
        let declared = format!("{}/{name}.rs", floors[0]);
        let text = std::fs::read_to_string(root().join(&declared)).unwrap();
        let (_, rest) = text.split_once("pub struct ").unwrap();
        let word = rest.split([' ', ';', '(']).next().unwrap();
        let wanted: BTreeSet<String> = floors
            .iter()
            .flat_map(|dir| [format!("{dir}/{name}.rs"), format!("{dir}/{registry}")])
            .collect();
        // Crates beside the floors may call something of their own so.
        let crates = floors.iter().filter_map(|dir| dir.split("/src/").next());
        let crates: Vec<&str> = crates.collect();
        let mut found = files_with(word);
        found.retain(|p| crates.iter().any(|c| p.starts_with(&format!("{c}/"))));
        assert_eq!(found, wanted, "{name}: {word}");
    }
}

/// `Sum("field")` is called `Sum`.
fn variant(kind: &MeasureKind) -> String {
    let text = format!("{kind:?}");
    text.split('(').next().unwrap().to_owned()
}

/// What the table names for a kind of measure, with `{a,b}` written out.
fn places(name: &str) -> BTreeSet<String> {
    let mut paths = named_for("a kind of measure");
    while let Some(i) = paths.iter().position(|p| p.contains('{')) {
        let path = paths.swap_remove(i);
        let (head, rest) = path.split_once('{').unwrap();
        let (choices, tail) = rest.split_once('}').unwrap();
        paths.extend(choices.split(',').map(|c| format!("{head}{c}{tail}")));
    }
    paths.iter().map(|p| p.replace("<kind>", name)).collect()
}

#[test]
fn a_kind_of_measure_stands_in_its_own_files_and_the_registries() {
    for name in ["distinct", "sumsq"] {
        let places = places(name);
        for path in &places {
            assert!(root().join(path).is_file(), "{path} is named and not there");
        }
        let found = files_with(&variant(&MeasureKind::of_field(name, "x").unwrap()));
        assert!(
            found.is_subset(&places),
            "not named: {:?}",
            &found - &places
        );
        for registry in places.iter().filter(|p| p.ends_with("mod.rs")) {
            assert!(found.contains(registry), "{registry} has no {name}");
        }
    }
    // A kind that adds up as another one does has fewer places, and no others.
    let catalog = Catalog::embedded().unwrap();
    let measures = &catalog.event("llm.call").unwrap().measures;
    let unpriced = measures.iter().find(|m| m.name == "unpriced").unwrap();
    let (found, places) = (files_with(&variant(&unpriced.kind)), places("unpriced"));
    assert!(!found.is_empty());
    assert!(
        found.is_subset(&places),
        "not named: {:?}",
        &found - &places
    );
}
