//! The examples of `CONTRIBUTING.md` load, and do what the page says.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use weir_catalog::{Catalog, RuleOn, evolve, load_sources};

/// (path below `schemas/`, key to insert under if any, text) of each fenced block that a line
/// "`schemas/…`:" stands before.
fn examples(page: &str) -> Vec<(String, Option<String>, String)> {
    let mut out = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        let Some(rest) = line.trim().strip_prefix("`schemas/") else {
            continue;
        };
        let Some((path, rest)) = rest.split_once('`') else {
            continue;
        };
        let under = match rest {
            ":" => None,
            _ => match rest
                .strip_prefix(", under `")
                .and_then(|r| r.strip_suffix("`:"))
            {
                Some(key) => Some(key.to_owned()),
                None => continue,
            },
        };
        let fence = lines.find(|l| !l.trim().is_empty()).unwrap();
        let indent = fence.len() - fence.trim_start().len();
        assert!(fence.trim().starts_with("```"), "{path}: {fence}");
        let text: String = lines
            .by_ref()
            .take_while(|l| l.trim() != "```")
            .map(|l| format!("{}\n", l.get(indent..).unwrap_or("")))
            .collect();
        out.push((path.to_owned(), under, text));
    }
    out
}

#[test]
fn what_the_page_tells_to_add_loads() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let page = std::fs::read_to_string(root.join("CONTRIBUTING.md")).unwrap();
    let examples = examples(&page);
    let paths: Vec<&str> = examples.iter().map(|(p, ..)| p.as_str()).collect();
    assert_eq!(
        paths,
        [
            "catalog/llm.call.yaml",
            "catalog/filters.yaml",
            "events/review.finished.avsc",
            "catalog/review.finished.yaml"
        ]
    );
    let mut sources = Catalog::embedded_sources();
    for (path, under, text) in examples {
        match under {
            None => sources.push((path, text)),
            Some(key) => {
                let (_, file) = sources.iter_mut().find(|(p, _)| *p == path).unwrap();
                let head = format!("\n{key}\n");
                assert_eq!(file.matches(&head).count(), 1, "{path}: {key}");
                *file = file.replace(&head, &format!("{head}{text}"));
            }
        }
    }
    let old = Catalog::embedded().unwrap();
    let new = load_sources(sources).unwrap_or_else(|e| panic!("{e}"));
    // Additions alone: no new versions needed.
    assert_eq!(evolve(&old, &new), []);
    assert_ne!(new.hash, old.hash);

    let calls = new.events.iter().find(|e| e.name == "llm.call").unwrap();
    for name in ["filtered", "slow", "after_first"] {
        assert!(calls.measures.iter().any(|m| m.name == name), "{name}");
    }
    let reviews = new
        .events
        .iter()
        .find(|e| e.name == "review.finished")
        .unwrap();
    assert_eq!((reviews.measures.len(), reviews.rollups.len()), (3, 2));
    let kpi = new
        .kpis
        .iter()
        .position(|k| k.name == "filtered_share")
        .unwrap();
    assert!(new.detectors.iter().any(|d| d.name == "filtered_jump"));
    let rule = new
        .rules
        .iter()
        .find(|r| r.name == "filtered_too_often")
        .unwrap();
    assert!(matches!(rule.on, RuleOn::Kpi { kpi: k, .. } if k == kpi));
}
