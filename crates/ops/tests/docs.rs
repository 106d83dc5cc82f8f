//! The pages that are written from the declarations: they are current, they show what is declared,
//! and the mapping of coverage names nothing that is not there.

#![allow(clippy::unwrap_used)]

use std::path::Path;
use weir_catalog::{Catalog, Problem, load_sources};
use weir_ops::docs::{Tests, coverage, first_difference, metrics, pages};

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

fn refused(mapping: &str) -> Vec<String> {
    let catalog = Catalog::embedded().unwrap();
    let tests = Tests::below(root()).unwrap();
    let problems = coverage(&catalog, mapping, tests.as_ref()).unwrap_err();
    problems.iter().map(Problem::to_string).collect()
}

#[test]
fn the_pages_are_what_would_be_written() {
    let catalog = Catalog::embedded().unwrap();
    let pages = pages(&catalog, root()).unwrap_or_else(|p| panic!("{p:#?}"));
    assert_eq!(pages.len(), 2);
    for (name, text) in pages {
        let found = std::fs::read_to_string(root().join("docs").join(name)).unwrap();
        let line = first_difference(&found, &text);
        assert_eq!(line, None, "docs/{name}: run `weir catalog docs`");
    }
}

#[test]
fn what_is_declared_is_on_the_page() {
    let mut sources = Catalog::embedded_sources();
    let tried = "kpis:
  tried:
    title: Calls that are tried
    category: trying
    unit: percent
    by: [team]
    window: 1h
    params: {whole: 100}
    terms: {bad: llm.call.failures, all: llm.call.calls}
    value: 'bad > 0 || all > 0 ? ratio(bad, all) * whole : 0'
    target: 5
    better: lower
    minimum_sample: {all: 20}
";
    sources.push(("catalog/tried.yaml".into(), tried.into()));
    let page = metrics(&load_sources(sources).unwrap());
    assert!(page.contains("\n- [KPIs](#kpis)\n"));
    assert!(page.contains("\n  - [KPIs of trying](#kpis-of-trying)\n"));
    let row = "| `tried` | Calls that are tried \
               | `bad > 0 \\|\\| all > 0 ? ratio(bad, all) * whole : 0` where \
               `bad = llm.call.failures`, `all = llm.call.calls`, `whole = 100` \
               | percent | at most 5 | `team` | 1h | `all` ≥ 20 \
               | [tried.yaml](../schemas/catalog/tried.yaml) |";
    assert!(page.contains(row), "{page}");
    assert!(page.contains(
        "| `failures` | Calls without an answer | calls | count of events where `success = false` |"
    ));
    assert!(
        page.contains("| `latency` | Request to last token | ms | distribution of `latency_ms` |")
    );
}

#[test]
fn what_is_not_there_is_refused_with_its_line() {
    let mapping = "sections:
  - section: One
    rows:
      - row: spend
        declarations: [llm.call.cost, spend_per_mile]
        tests: [what_is_not_there_is_refused_with_its_line]
      - row: held by nothing
        declarations: [llm.call]
      - row: untested
        tests: [no_such_test_is_there]
";
    let told = refused(mapping);
    assert_eq!(told.len(), 3, "{told:#?}");
    let begins = |i: usize, text: &str| assert!(told[i].starts_with(text), "{}", told[i]);
    let nothing = "docs/coverage.yaml:5:39: WEIR-0102 nothing in the catalog is named";
    begins(0, nothing);
    begins(
        1,
        "docs/coverage.yaml:7:14: WEIR-0102 no test holds \"held by nothing\"",
    );
    begins(
        2,
        "docs/coverage.yaml:10:17: WEIR-0102 no test function is named",
    );
}

#[test]
fn an_unknown_field_is_refused() {
    let told =
        refused("sections:\n  - section: One\n    rows:\n      - row: a\n        test: [b]\n");
    assert_eq!(told.len(), 1);
    assert!(told[0].starts_with("docs/coverage.yaml:"), "{told:?}");
    assert!(told[0].contains("test"), "{told:?}");
}
