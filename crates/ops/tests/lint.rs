//! What `weir catalog check` finds in declarations that load: each fault once, at its place, and
//! nothing in what is shipped.

#![allow(clippy::unwrap_used)]

use weir_catalog::{Catalog, Problem, load_sources};
use weir_model::{Code, codes};
use weir_ops::lint::lint;

fn findings(kpis: &str) -> Vec<Problem> {
    let mut sources = Catalog::embedded_sources();
    sources.push(("catalog/tried.yaml".into(), kpis.into()));
    let catalog = load_sources(sources).unwrap_or_else(|e| panic!("{e}"));
    let found = lint(&catalog, &|_| true);
    found
        .into_iter()
        .filter(|p| p.file == "catalog/tried.yaml")
        .collect()
}

fn codes_of(found: &[Problem]) -> Vec<Code> {
    found.iter().map(|p| p.code).collect()
}

fn kpi(lines: &str) -> String {
    let lines: String = lines
        .lines()
        .map(|l| format!("    {}\n", l.trim()))
        .collect();
    format!("kpis:\n  tried:\n    title: Tried\n    by: []\n    window: 1d\n{lines}")
}

#[test]
fn what_is_shipped_has_no_findings() {
    let catalog = Catalog::embedded().unwrap();
    let found = lint(&catalog, &|_| true);
    let told: Vec<String> = found.iter().map(Problem::to_string).collect();
    assert!(found.is_empty(), "{told:#?}");
}

#[test]
fn more_failures_are_not_better() {
    let found = findings(&kpi(
        "terms: {failures: llm.call.failures, calls: llm.call.calls}
         value: ratio(failures, calls) * 100
         unit: percent
         target: 90
         better: higher
         minimum_sample: {calls: 20}",
    ));
    assert_eq!(codes_of(&found), [codes::LINT_DIRECTION]);
    assert_eq!(found[0].line, 2);
    assert!(
        found[0].remedy.contains("better: lower"),
        "{}",
        found[0].remedy
    );
}

#[test]
fn an_alert_where_all_is_well_is_found() {
    let kpi = kpi("value: llm.call.cost\nunit: usd\ntarget: 50\nbetter: lower");
    let rule = "alerts:\n  cheap:\n    title: Cheap\n    kpi: tried\n    below: 40\n    impact: None\n    action: None\n";
    let found = findings(&format!("{kpi}{rule}"));
    assert_eq!(codes_of(&found), [codes::LINT_DIRECTION]);
    assert!(found[0].message.contains("cheap"), "{}", found[0].message);
}

#[test]
fn dollars_are_not_tokens_and_milliseconds_not_seconds() {
    let mixed = "terms: {usd: llm.call.cost, tokens: llm.call.tokens_input}
                 value: usd + tokens
                 unit: usd";
    assert_eq!(codes_of(&findings(&kpi(mixed))), [codes::LINT_UNITS]);
    let shown = "value: llm.call.latency.p95
                 unit: s
                 minimum_sample: {llm.call.calls: 20}";
    assert_eq!(codes_of(&findings(&kpi(shown))), [codes::LINT_UNITS]);
    let converted = "terms: {usd: llm.call.cost, tokens: llm.call.tokens_input}
                     params: {price: 0.00003}
                     value: usd + tokens * price
                     unit: usd";
    assert!(findings(&kpi(converted)).is_empty());
}

#[test]
fn a_score_on_any_sample_is_found() {
    let found = findings(&kpi(
        "terms: {read: llm.call.tokens_cache_read, fresh: llm.call.tokens_input}
         value: ratio(read, fresh + read) * 100
         unit: percent
         target: 80
         better: higher",
    ));
    assert_eq!(codes_of(&found), [codes::LINT_SAMPLE]);
}

#[test]
fn measures_that_do_not_add_up_are_found() {
    let schema = r#"{"type": "record", "name": "Sampled", "fields": [
        {"name": "event_id", "type": "string"},
        {"name": "event_time", "type": {"type": "long", "logicalType": "timestamp-micros"}},
        {"name": "tenant", "type": "string"}, {"name": "source", "type": "string"},
        {"name": "resource", "type": {"type": "map", "values": "string"}},
        {"name": "run_id", "type": "string"},
        {"name": "memory_mb", "type": "double"}, {"name": "latency_p95_ms", "type": "double"},
        {"name": "coverage_percent", "type": "double"}]}"#;
    let catalog = "event: sampled.once
dimensions: {attempt: run_id}
measures:
  memory: {sum: memory_mb, unit: mb}
  slow: {sum: latency_p95_ms, unit: ms}
  coverage: {sum: coverage_percent, unit: percent}
rollups: [[], [attempt]]
";
    let sources = vec![
        ("events/sampled.once.avsc".into(), schema.into()),
        ("catalog/sampled.once.yaml".into(), catalog.into()),
    ];
    let catalog = load_sources(sources).unwrap_or_else(|e| panic!("{e}"));
    let found = lint(&catalog, &|_| true);
    let at: Vec<(Code, u64)> = found.iter().map(|p| (p.code, p.line)).collect();
    assert_eq!(
        at,
        [
            (codes::LINT_UNBOUNDED, 2),
            (codes::LINT_GAUGE, 4),
            (codes::LINT_PERCENTILE, 5),
            (codes::LINT_MEAN_OF_RATIOS, 6)
        ]
    );
}

/// The contradictions of the documents that weir grew from: their formulas hold, and their printed
/// results are refused.
#[test]
fn worked_examples_hold_the_formula() {
    let roi = |value: f64| {
        kpi(&format!(
            "params: {{tool_cost: 50}}
             terms: {{saved: llm.call.cost, worth: llm.call.calls}}
             value: (saved + worth) / tool_cost
             unit: x
             examples: [{{given: {{saved: 847.5, worth: 450}}, value: {value}}}]"
        ))
    };
    let is_example = |p: &&Problem| p.code == codes::LINT_EXAMPLE;
    assert!(!findings(&roi(25.95)).iter().any(|p| is_example(&p)));
    let found = findings(&roi(3.4));
    let wrong = found.iter().find(is_example).unwrap();
    assert!(wrong.message.contains("25.95"), "{}", wrong.message);
}

/// A rule may be right for a subject that has a target of its own.
#[test]
fn a_rule_is_held_against_every_target() {
    let found = |own: u32| {
        let kpi = kpi(&format!(
            "by: [team]\nvalue: llm.call.cost\nunit: usd\ntarget: 50\nbetter: lower\n\
             targets: {{team: {{core: {own}}}}}"
        ));
        let kpi = kpi.replace("    by: []\n", "");
        let rule = "alerts:\n  cheap:\n    title: Cheap\n    kpi: tried\n    below: 40\n    impact: None\n    action: None\n";
        codes_of(&findings(&format!("{kpi}{rule}")))
    };
    assert_eq!(found(45), [codes::LINT_DIRECTION]);
    assert!(found(30).is_empty());
}

#[test]
fn an_example_has_the_days_of_its_window_or_those_it_gives() {
    let example = |window: &str, given: &str, value: f64| {
        let text = kpi(&format!(
            "terms: {{calls: llm.call.calls}}
             value: calls / days
             examples: [{{given: {{calls: 56{given}}}, value: {value}}}]"
        ));
        let text = text.replace("window: 1d", &format!("window: {window}"));
        let found = findings(&text);
        !found.iter().any(|p| p.code == codes::LINT_EXAMPLE)
    };
    assert!(example("28d/1d", "", 2.0) && !example("28d/1d", "", 56.0));
    assert!(example("1d", "", 56.0));
    assert!(example("1mo/1d", ", days: 14", 4.0) && !example("1mo/1d", "", 4.0));
}
