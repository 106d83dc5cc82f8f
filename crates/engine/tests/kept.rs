//! A version goes on from what the ones before it wrote: each folder below `kept` holds a catalog,
//! records, partials, terms, snapshots and positions as a release wrote them, and what came of
//! them. Release N writes its folder once (CONTRIBUTING, "A release"); every later one reads it.
// What it reads are files, and the version to write is told by a variable.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod kept {
    pub mod blobs;
    pub mod story;
}

use kept::blobs::{read, write};
use kept::story::{Stages, events, outcome};
use serde_json::{Value as Json, json};
use std::path::{Path, PathBuf};
use weir_catalog::load_sources;
use weir_engine::combine::Position;
use weir_model::records::{AggregateBlock, Alert, Anomaly, Kpi};

const CATALOG: [&str; 3] = ["events/job.avsc", "catalog/job.yaml", "catalog/rest.yaml"];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kept")
}

/// The releases that left something.
fn releases() -> Vec<PathBuf> {
    let all = std::fs::read_dir(folder()).unwrap().map(|e| e.unwrap());
    let mut dirs: Vec<PathBuf> = all.map(|e| e.path()).filter(|p| p.is_dir()).collect();
    dirs.sort();
    dirs
}

fn sources(dir: &Path) -> Vec<(String, String)> {
    let read = |file: &str| std::fs::read_to_string(dir.join(file)).unwrap();
    CATALOG.map(|f| (f.to_owned(), read(f))).to_vec()
}

/// Stages with the catalog of a release, and its facts.
fn stages(dir: &Path) -> (Stages, Json) {
    let facts = std::fs::read_to_string(dir.join("facts.json")).unwrap();
    let catalog = load_sources(sources(dir)).unwrap_or_else(|e| panic!("{e}"));
    (Stages::new(catalog), serde_json::from_str(&facts).unwrap())
}

/// Lines that a release said, through its last event.
fn said(dir: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(dir.join("outcome.txt")).unwrap();
    text.lines().map(str::to_owned).collect()
}

fn number(facts: &Json, name: &str) -> usize {
    usize::try_from(facts[name].as_u64().unwrap()).unwrap()
}

#[test]
fn there_is_something_of_a_release() {
    assert!(!releases().is_empty());
}

/// Another hash would begin the next run, and count the whole log again.
#[test]
fn a_catalog_means_what_it_meant() {
    for dir in releases() {
        let (stages, facts) = stages(&dir);
        let hash = format!("{:016x}", stages.catalog.hash);
        assert_eq!(facts["catalog"], hash, "{}", dir.display());
    }
}

/// Events that come after the update, from the positions and snapshots before it.
#[test]
fn all_three_stages_go_on() {
    for dir in releases() {
        let (mut stages, facts) = stages(&dir);
        let half = number(&facts, "events");
        let position = facts["position"].as_str().unwrap();
        stages.restore(&read(&dir, "window.bin"), &read(&dir, "score.bin"));
        stages.open(Position::parse(position).unwrap());
        let events = read(&dir, "events.bin");
        stages.warm(&events[..half]);
        let blocks = stages.combine(half, &events[half..]);
        let messages = stages.window(number(&facts, "partials"), &blocks);
        stages.score(number(&facts, "terms"), &messages);
        assert_eq!(outcome(&stages), said(&dir), "{}", dir.display());
    }
}

/// Partials and terms that were in flight during the update.
#[test]
fn what_was_between_the_stages_is_read() {
    for dir in releases() {
        let (mut stages, facts) = stages(&dir);
        stages.restore(&read(&dir, "window.bin"), &read(&dir, "score.bin"));
        let (partials, terms) = (number(&facts, "partials"), number(&facts, "terms"));
        stages.window(partials, &read(&dir, "partials.bin"));
        stages.score(terms, &read(&dir, "terms.bin"));
        assert_eq!(outcome(&stages), said(&dir), "{}", dir.display());
    }
}

/// Snapshots may be gone: then all of it is folded again.
#[test]
fn all_of_it_is_counted_again_with_the_same_outcome() {
    for dir in releases() {
        let (mut stages, facts) = stages(&dir);
        let (half, drained) = (number(&facts, "events"), number(&facts, "partials"));
        let events = read(&dir, "events.bin");
        stages.open(Position::default());
        let before = stages.combine(0, &events[..half]);
        let messages = stages.window(0, &before);
        stages.score(0, &messages);
        stages.forget_results();
        let after = stages.combine(half, &events[half..]);
        let messages = stages.window(drained, &after);
        stages.score(number(&facts, "terms"), &messages);
        assert_eq!(outcome(&stages), said(&dir), "{}", dir.display());
    }
}

/// Records of results, as they lie in Kafka until the sink has written them.
#[test]
fn records_of_results_are_read() {
    for dir in releases() {
        let (mut stages, _) = stages(&dir);
        let all = |file| read(&dir, file).into_iter();
        stages.aggregates = all("aggregates.bin").collect();
        stages.kpis = all("kpis.bin").map(|v| Kpi::decode(&v).unwrap()).collect();
        let anomalies = all("anomalies.bin").map(|v| Anomaly::decode(&v).unwrap());
        stages.anomalies = anomalies.collect();
        stages.alerts = all("alerts.bin")
            .map(|v| Alert::decode(&v).unwrap())
            .collect();
        assert_eq!(outcome(&stages), said(&dir), "{}", dir.display());
        let block = AggregateBlock::decode(&stages.aggregates[0]).unwrap();
        assert_eq!((block.event.as_str(), block.run), ("job", 1));
    }
}

/// Writes the folder of this version, which must not be there yet.
#[test]
#[ignore = "once a release: WEIR_KEEP=VERSION cargo test -p weir-engine --test kept -- --ignored"]
fn keep() {
    let version = std::env::var("WEIR_KEEP").unwrap();
    assert_eq!(version, env!("CARGO_PKG_VERSION"), "of this version alone");
    let dir = folder().join(version);
    assert!(!dir.exists(), "kept files are never written anew");
    for (file, text) in CATALOG.into_iter().zip(kept::story::SOURCES) {
        let path = dir.join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let mut stages = Stages::new(load_sources(sources(&dir)).unwrap());
    let events = events(&stages.catalog);
    let half = events.len() / 2;
    stages.open(Position::default());
    let before = stages.combine(0, &events[..half]);
    let position = stages.position();
    let messages = stages.window(0, &before);
    stages.score(0, &messages);
    let (window, score) = stages.snapshots();
    stages.forget_results();
    let partials = stages.combine(half, &events[half..]);
    let terms = stages.window(before.len(), &partials);
    stages.score(messages.len(), &terms);
    let facts = json!({
        "catalog": format!("{:016x}", stages.catalog.hash),
        "position": position,
        "events": half,
        "partials": before.len(),
        "terms": messages.len(),
    });
    std::fs::write(dir.join("facts.json"), format!("{facts:#}\n")).unwrap();
    let lines = outcome(&stages);
    for kind in ["aggregate", "kpi", "anomaly", "alert"] {
        assert!(
            lines.iter().any(|l| l.starts_with(kind)),
            "no {kind} is kept"
        );
    }
    std::fs::write(dir.join("outcome.txt"), lines.join("\n") + "\n").unwrap();
    let encoded = stages.encoded();
    let files = [
        ("events.bin", &events),
        ("partials.bin", &partials),
        ("terms.bin", &terms),
        ("window.bin", &window),
        ("score.bin", &score),
        ("aggregates.bin", &stages.aggregates),
        ("kpis.bin", &encoded.kpis),
        ("anomalies.bin", &encoded.anomalies),
        ("alerts.bin", &encoded.alerts),
    ];
    for (file, values) in files {
        write(&dir, file, values);
    }
}
