//! What is in force, through the whole system: a setting declared without a line of code, a late
//! one, and a system that is killed between them.

#![allow(clippy::unwrap_used)]

use serde_json::json;
use std::fs;
use std::path::Path;
use weir_model::headers::REPLAY;
use weir_tests::player::Player;
use weir_tests::{System, copy_dir, root};

const SCHEMA: &str = r#"{
  "type": "record", "name": "LimitSet", "namespace": "weir.events",
  "doc": "So many calls are allowed from now on.",
  "fields": [
    {"name": "event_id", "type": {"type": "string", "logicalType": "uuid"}, "doc": "UUIDv7 of this event"},
    {"name": "event_time", "type": {"type": "long", "logicalType": "timestamp-micros"}, "doc": "when it took effect, UTC"},
    {"name": "tenant", "type": "string", "doc": "whose event this is"},
    {"name": "source", "type": "string", "doc": "instance that emitted it"},
    {"name": "resource", "type": {"type": "map", "values": "string"}, "default": {}, "doc": "attributes"},
    {"name": "team", "type": "string", "default": "", "doc": "team that it is for"},
    {"name": "calls", "type": "double", "doc": "calls an hour"}
  ]
}
"#;
const LIMIT: &str = "event: limit.set
setting: true
dimensions: {team: team}
measures:
  calls: {last: calls, unit: calls, title: Calls allowed in an hour}
  changes: {count: true, title: Limits set}
windows: [1h, 1d]
rollups: [[], [team]]
";
const JUDGES: &str = "kpis:
  calls_left:
    title: Calls left of the team's limit
    by: [team]
    window: 1h
    terms: {calls: llm.call.calls, limit: limit.set.calls}
    value: limit - calls
  calls_left_of_all:
    title: Calls left of the limit that was set last for any team
    by: [team]
    window: 1h
    terms: {calls: llm.call.calls, limit: {of: limit.set.calls, at: []}}
    value: limit - calls
alerts:
  few_calls_left: {kpi: calls_left, below: 5, impact: calls are refused, action: set another limit}
  few_left_of_all: {kpi: calls_left_of_all, below: 5, impact: none, action: none}
";

/// 2026-01-05, midnight.
const BEGIN: i64 = 1_767_571_200_000_000;
const TYPES: [&str; 2] = ["llm.call", "limit.set"];

fn write_catalog(dir: &Path) {
    copy_dir(&root().join("schemas"), dir);
    fs::write(dir.join("events/limit.set.avsc"), SCHEMA).unwrap();
    fs::write(dir.join("catalog/limit.set.yaml"), LIMIT).unwrap();
    fs::write(dir.join("catalog/limits.yaml"), JUDGES).unwrap();
}

/// A call of team core.
fn call(player: &mut Player, minute: i64) {
    let engineer = json!({"email": "ada@example.com", "team": "core"});
    let call = json!({"engineer": engineer, "provider": "p", "model": "m"});
    player.event("llm.call", minute, minute, call);
}

/// A limit that arrived in a minute, and holds from another one.
fn limit(player: &mut Player, arrived: i64, minute: i64, team: &str, calls: f64) {
    let fields = json!({"team": team, "calls": calls});
    player.event("limit.set", arrived, minute, fields);
}

#[test]
fn a_late_setting_holds_from_when_it_came_and_currently_from_when_it_was_meant() {
    let dir = tempfile::tempdir().unwrap();
    let (data, own) = (dir.path().join("data"), dir.path().join("schemas"));
    fs::create_dir(&data).unwrap();
    write_catalog(&own);
    let mut system = System::start(&data, Some(&own), &[]);

    let mut player = Player::new(&system.brokers(), &own, &TYPES, BEGIN);
    player.everywhere(&[(REPLAY, "begin")]);
    limit(&mut player, 10, 10, "core", 10.0);
    call(&mut player, 20);
    call(&mut player, 21);
    limit(&mut player, 30, 30, "edge", 20.0);
    call(&mut player, 70);
    player.tick(90);
    system.verify();

    // What holds is not lost with the processes that held it.
    system.kill();
    system.up();
    let mut player = player.moved(&system.brokers());
    limit(&mut player, 125, 25, "core", 5.0);
    call(&mut player, 130);
    player.tick(240);
    player.everywhere(&[(REPLAY, "end")]);
    let verified = system.verify();
    assert!(verified.compared["kpis"] >= 6, "{:?}", verified.compared);
    assert!(verified.compared["alerts"] >= 1, "{:?}", verified.compared);
    assert_eq!(verified.count("limit.set", "late"), 1);

    let hours = |sql: &str| -> Vec<f64> {
        let rows = system.query(sql);
        rows.iter().map(|r| r["value"].as_f64().unwrap()).collect()
    };
    let of = |kpi: &str| {
        hours(&format!(
            "SELECT value FROM kpis WHERE kpi = '{kpi}' ORDER BY window_end"
        ))
    };
    let current = |kpi: &str| {
        hours(&format!(
            "SELECT value FROM kpi_{kpi}_current ORDER BY window_end"
        ))
    };
    assert_eq!(of("calls_left"), [8.0, 9.0, 4.0]);
    assert_eq!(current("calls_left"), [3.0, 4.0, 4.0]);
    // The late one is older than what was said of the other team.
    assert_eq!(of("calls_left_of_all"), [18.0, 19.0, 19.0]);
    assert_eq!(current("calls_left_of_all"), [18.0, 19.0, 19.0]);
    let alerts = system.query("SELECT rule, value FROM alerts WHERE rule LIKE 'few%'");
    assert_eq!(alerts.len(), 1, "{alerts:?}");
    assert_eq!(alerts[0]["rule"], "few_calls_left");
    system.stop();
}
