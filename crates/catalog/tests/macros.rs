//! SLAs and budgets: what they become, and what is refused, at their own place.

#![allow(clippy::unwrap_used)]

use weir_catalog::{Catalog, JudgedWindow, Problem, load_sources};

fn load(text: &str) -> Result<Catalog, Vec<Problem>> {
    let mut sources = Catalog::embedded_sources();
    sources.push(("catalog/promises.yaml".into(), text.into()));
    load_sources(sources).map_err(|e| e.0)
}

const SLA: &str = "slas:
  simple:
    title: Simple queries
    event: ai.query
    by: [component]
    where: complexity == 'simple'
    success: success
    response: {field: response_ms, target: 3000, max: 6000}
    availability: 99.5
    satisfaction: {field: satisfaction, target: 4.5}
    compliance: 95
    impact: People wait.
    action: Look at its load.
";

#[test]
fn an_sla_is_measures_kpis_and_rules() {
    let catalog = load(SLA).unwrap_or_else(|e| panic!("{e:?}"));
    let event = catalog.event("ai.query").unwrap();
    for part in [
        "requests",
        "available",
        "good",
        "in_time",
        "rated",
        "ratings",
    ] {
        assert!(
            event.measure_id(&format!("sla_simple_{part}")).is_some(),
            "{part}"
        );
    }
    let window = |part: &str| catalog.kpi(&format!("sla_simple_{part}")).unwrap().window;
    for (part, label) in [
        ("compliance", "1d"),
        ("availability", "1d"),
        ("satisfaction", "1d"),
        ("over_maximum", "1h"),
        ("budget_left", "28d/1d"),
        ("burn_5m", "5m"),
        ("burn_30m", "30m/5m"),
        ("burn_1h", "1h/5m"),
        ("burn_6h", "6h/5m"),
        ("burn_3d", "3d/1h"),
    ] {
        assert_eq!(Some(window(part)), JudgedWindow::parse(label), "{part}");
    }
    let fast = catalog.rule("sla_simple_burn_fast").unwrap();
    assert_eq!(fast.on.conditions().len(), 2);
    assert_eq!(
        (fast.alert_type.as_str(), fast.severity.as_str()),
        ("sla_breach", "critical")
    );
    for rule in ["burn_slow", "burn_steady", "missed", "dissatisfied"] {
        assert!(
            catalog.rule(&format!("sla_simple_{rule}")).is_some(),
            "{rule}"
        );
    }
    let mut all = catalog.expanded.iter();
    let shown = all
        .find(|e| (e.kind, e.name.as_str()) == ("sla", "simple"))
        .unwrap();
    assert!(
        shown
            .text
            .contains("where: \"(complexity == 'simple') && success")
    );
}

#[test]
fn what_an_sla_is_made_of_stands_where_it_stands() {
    let catalog = load(SLA).unwrap();
    let (file, line, _) = catalog.place(&["kpis", "sla_simple_burn_1h"]);
    assert_eq!((file.as_str(), line), ("catalog/promises.yaml", 2));
}

#[test]
fn parts_are_found_where_names_begin_alike() {
    let budget = |name: &str| {
        format!("  {name}: {{of: llm.call.cost, by: [], limit: 5, impact: none, action: none}}\n")
    };
    let text = format!("budgets:\n{}{}", budget("club"), budget("club_spend"));
    let catalog = load(&text).unwrap_or_else(|e| panic!("{e:?}"));
    for (kpi, line) in [("budget_club_used", 2), ("budget_club_spend_used", 3)] {
        assert_eq!(catalog.place(&["kpis", kpi]).1, line, "{kpi}");
    }
}

#[test]
fn a_budget_is_what_is_left_used_and_to_be_expected() {
    let catalog = load(
        "budgets:
  team:
    title: Spend of a team
    of: llm.call.cost
    by: [team]
    limit: 2000
    alerts: [75, 90, 100]
    impact: The budget is used up.
    action: Look at the dearest models.
",
    )
    .unwrap_or_else(|e| panic!("{e:?}"));
    let window = |part: &str| catalog.kpi(&format!("budget_team_{part}")).unwrap().window;
    assert_eq!(Some(window("used")), JudgedWindow::parse("1mo/1h"));
    assert_eq!(Some(window("left")), JudgedWindow::parse("1mo/1h"));
    assert_eq!(Some(window("forecast")), JudgedWindow::parse("28d/1d"));
    let severity = |rule: &str| {
        &catalog
            .rule(&format!("budget_team_{rule}"))
            .unwrap()
            .severity
    };
    assert_eq!(
        [severity("75"), severity("90"), severity("100")],
        ["low", "medium", "high"]
    );
    assert_eq!(severity("overrun"), "medium");
}

#[test]
fn what_cannot_be_promised_is_refused_at_its_line() {
    let told = |text: &str| {
        let problems = load(text).unwrap_err();
        let at = problems
            .iter()
            .filter(|p| p.file == "catalog/promises.yaml");
        at.map(|p| (p.line, p.message.clone())).collect::<Vec<_>>()
    };
    let nothing = told("slas:\n  none: {event: ai.query, by: []}\n");
    assert!(
        nothing
            .iter()
            .any(|(l, m)| *l == 2 && m.contains("promises nothing")),
        "{nothing:?}"
    );
    let swapped = SLA.replace("target: 3000, max: 6000", "target: 6000, max: 3000");
    let swapped = told(&swapped);
    assert!(
        swapped
            .iter()
            .any(|(l, m)| *l == 8 && m.contains("is below")),
        "{swapped:?}"
    );
    let whole = told(&SLA.replace("compliance: 95", "compliance: 100"));
    assert!(whole.iter().any(|(l, _)| *l == 11), "{whole:?}");
    let event = told(&SLA.replace("event: ai.query", "event: ai.querry"));
    assert!(
        event
            .iter()
            .any(|(l, m)| *l == 2 && m.contains("ai.querry")),
        "{event:?}"
    );
    let budget = told("budgets:\n  b: {of: cost, by: [], limit: 5}\n");
    assert!(
        budget
            .iter()
            .any(|(l, m)| *l == 2 && m.contains("no measure")),
        "{budget:?}"
    );
}
