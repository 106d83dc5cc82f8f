//! Fixed dimensions, functions of expressions and scores on a running log: what is published, what
//! it is by now, what a rule says of it.

#![allow(clippy::unwrap_used)]

use std::fs;
use weir_tests::{System, copy_dir, root};

const JUDGES: &str = r#"kpis:
  faster_than_implement:
    title: How many times as fast as /sc:implement, as a logarithm
    category: speed
    unit: nepers
    decimals: 6
    by: [capability]
    window: 1d
    terms:
      own: capability.executed.duration.mean
      n: capability.executed.executions
      base: {of: capability.executed.duration.mean, at: {capability: "sc:implement"}}
    value: ln(base) - ln(own)
    target: 1
    better: higher
    minimum_sample: {n: 1}
  team_calls:
    title: Calls of a team
    category: use
    by: [team]
    window: 1h
    value: llm.call.calls
    target: 10
    better: higher
  team_failures:
    title: Calls of a team that fail
    category: use
    by: [team]
    window: 1d
    value: sqrt(llm.call.failures)
    target: 2
    better: lower
scores:
  team_hours: {title: Hours of a team, by: [team], window: 1h, of: {team_calls: 1}}
  team_health:
    title: Health of a team
    by: [team]
    window: 1d
    of: {team_hours: 1, team_failures: 2, net_cache_saving: 1}
    target: 99
    better: higher
alerts:
  unwell: {title: A team is unwell, kpi: team_health, below: 99, impact: none, action: look}
"#;

#[test]
fn scores_are_published_verified_and_alerted_on() {
    let dir = tempfile::tempdir().unwrap();
    let own = dir.path().join("schemas");
    copy_dir(&root().join("schemas"), &own);
    let judges = own.join("catalog/judges.yaml");
    fs::write(&judges, JUDGES).unwrap();
    let system = System::start(dir.path(), Some(&own), &[]);
    let args = [
        "simulate",
        "--engineers",
        "8",
        "--days",
        "3",
        "--start",
        "2026-01-05",
        "--quiet",
    ];
    system.json(&args);
    system.verify();

    // What was published is what there is by now: nothing came late.
    let both = "SELECT p.value AS published, p.coverage AS coverage, c.value AS current, \
                c.coverage AS now, mapValues(p.terms) AS terms FROM kpis AS p \
                INNER JOIN kpi_team_health_current AS c \
                ON p.tenant = c.tenant AND p.dimensions['team'] = c.team AND p.window_end = c.window_end \
                WHERE p.kpi = 'team_health'";
    let rows = system.query(both);
    assert!(rows.len() >= 3, "{rows:?}");
    for row in &rows {
        let value = row["published"].as_f64().unwrap();
        assert!((0.0..=100.0).contains(&value), "{row}");
        assert_eq!(
            (&row["published"], &row["coverage"]),
            (&row["current"], &row["now"])
        );
    }
    // In the order of names, by their weights: cache saving, failures, hours.
    let mean = |row: &serde_json::Value| {
        let terms = row["terms"].as_array().unwrap();
        let known = terms
            .iter()
            .zip([1.0, 2.0, 1.0])
            .filter_map(|(t, w)| Some((t.as_f64()?, w)));
        let (sum, weight) = known.fold((0.0, 0.0), |(s, n), (t, w)| (s + t * w, n + w));
        (sum / weight, weight / 4.0)
    };
    for row in &rows {
        let (value, coverage) = mean(row);
        assert!(
            (row["published"].as_f64().unwrap() - value).abs() <= 0.051,
            "{row}"
        );
        assert!(
            (row["coverage"].as_f64().unwrap() - coverage).abs() < 1e-4,
            "{row}"
        );
    }
    // The subject that all are compared with is as fast as itself.
    let base = "FROM kpis WHERE kpi = 'faster_than_implement' \
                AND dimensions['capability'] = 'sc:implement'";
    assert!(system.number(&format!("SELECT count() {base}")) >= 1.0);
    assert_eq!(
        system.number(&format!("SELECT max(abs(value)) {base}")),
        0.0
    );
    let others = "SELECT count() FROM kpis WHERE kpi = 'faster_than_implement' AND value != 0";
    assert!(system.number(others) > 1.0);
    let below = "SELECT count() FROM kpis WHERE kpi = 'team_health' AND value < 99";
    let alerts = "SELECT sum(windows) FROM alerts WHERE rule = 'unwell'";
    assert_eq!(system.number(alerts), system.number(below));
}
