//! Alert rules of several conditions, inhibition and flapping on a running system: what it told is
//! what the log says, also after it was killed.

#![allow(clippy::unwrap_used)]

use std::fs;
use weir_tests::{System, copy_dir, root};

const JUDGES: &str = "kpis:
  calls_1h: {by: [team], window: 1h, value: llm.call.calls, target: 6, better: lower}
  calls_5m: {by: [team], window: 5m, value: llm.call.calls}
  calls_rolling: {by: [team], window: 1h/5m, value: llm.call.calls}
  all_calls: {window: 1h, value: llm.call.calls}
alerts:
  busy:
    all: [{kpi: calls_rolling, above: 4}, {kpi: calls_5m, above: 0.5}]
    resolve_after: 2
    flap_within: 12
    group_by: [team]
    type: budget_breach
    severity: low
    impact: a
    action: b
  busy_or_off:
    any: [{kpi: calls_1h, status: off}, {kpi: calls_5m, above: 2}]
    impact: a
    action: b
  all_busy: {kpi: all_calls, above: 30, impact: a, action: b}
  busy_alone: {kpi: calls_5m, above: 1, unless: all_busy, impact: a, action: b}
";

fn simulate(system: &System, start: &str) {
    let args = [
        "simulate",
        "--engineers",
        "8",
        "--days",
        "1",
        "--intensity",
        "2",
        "--start",
        start,
        "--quiet",
    ];
    system.json(&args);
}

#[test]
fn rules_over_several_conditions_say_what_the_log_says() {
    let dir = tempfile::tempdir().unwrap();
    let (data, schemas) = (dir.path().join("data"), dir.path().join("schemas"));
    fs::create_dir(&data).unwrap();
    copy_dir(&root().join("schemas"), &schemas);
    fs::write(schemas.join("catalog/more.yaml"), JUDGES).unwrap();
    let mut system = System::start(&data, Some(&schemas), &[]);
    simulate(&system, "2026-01-05");
    system.verify();
    system.kill();
    system.up();
    simulate(&system, "2026-01-06");
    system.verify();
    let of =
        |condition: &str| system.number(&format!("SELECT count() FROM alerts WHERE {condition}"));
    for rule in ["busy", "busy_or_off", "all_busy", "busy_alone"] {
        assert!(of(&format!("rule = '{rule}'")) > 0.0, "{rule} told nothing");
    }
    let told = "rule = 'busy' AND type = 'budget_breach' AND priority = 'P2' AND metric = 'calls_rolling' \
                AND group_key = concat('busy{tenant=', tenant, ',team=', dimensions['team'], '}') \
                AND length(group_id) = 32";
    assert_eq!(of(told), of("rule = 'busy'"));
    people_answer(&system);
    system.stop();
}

/// Somebody takes care of an alert, and silences a rule: the log has it, and whoever asks is told.
fn people_answer(system: &System) {
    let listed = |flags: &[&str]| {
        let found = system.json(&[&["alerts", "--all", "--rule", "busy"], flags].concat());
        found.as_array().unwrap().clone()
    };
    let first = listed(&["--limit", "1"]);
    let id = first[0]["id"].as_str().unwrap();
    let by = ["--by", "ada@example.org"];
    system.json(&[&["alerts", "ack", id, "--note", "on it"], &by[..]].concat());
    system.json(&[&["alerts", "silence", "busy", "--for", "2h"], &by[..]].concat());
    system.settle();
    let mine = |a: &&serde_json::Value| a["acknowledged_by"] == "ada@example.org";
    let taken: Vec<_> = listed(&["--limit", "1000"]);
    let taken: Vec<_> = taken.iter().filter(mine).map(|a| &a["id"]).collect();
    assert_eq!(taken, [id]);
    let silences = "SELECT count() FROM events_alert_silenced WHERE rule = 'busy'";
    assert_eq!(system.number(silences), 1.0);
    for wrong in ["ack", "silence"] {
        let mut args = vec!["alerts", wrong, "nothing-of-this", "--by", "ada"];
        if wrong == "silence" {
            args.extend(["--for", "1h"]);
        }
        let out = system.weir(&args);
        let said = String::from_utf8_lossy(&out.stderr).into_owned();
        assert_eq!(out.status.code(), Some(2), "{said}");
        assert!(said.contains("nothing-of-this"), "{said}");
    }
}
