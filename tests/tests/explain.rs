//! What a number is made of, through the whole system: what `weir explain` lists adds up to it.

#![allow(clippy::unwrap_used)]

use serde_json::{Value as Json, json};
use std::fs;
use std::path::Path;
use weir_model::headers::REPLAY;
use weir_tests::player::Player;
use weir_tests::{System, root};

const SCHEMA: &str = r#"{
  "type": "record", "name": "LimitSet", "namespace": "weir.events",
  "doc": "So much may be spent from now on.",
  "fields": [
    {"name": "event_id", "type": {"type": "string", "logicalType": "uuid"}, "doc": "UUIDv7 of this event"},
    {"name": "event_time", "type": {"type": "long", "logicalType": "timestamp-micros"}, "doc": "when it took effect, UTC"},
    {"name": "tenant", "type": "string", "doc": "whose event this is"},
    {"name": "source", "type": "string", "doc": "instance that emitted it"},
    {"name": "resource", "type": {"type": "map", "values": "string"}, "default": {}, "doc": "attributes"},
    {"name": "team", "type": "string", "default": "", "doc": "team that it is for"},
    {"name": "usd", "type": "double", "doc": "USD a day"}
  ]
}
"#;
const LIMIT: &str = "event: limit.set
setting: true
dimensions: {team: team}
measures:
  usd: {last: usd, unit: usd, title: Spend allowed on a day}
windows: [1h, 1d]
rollups: [[], [team]]
";
const KPI: &str = "kpis:
  spend_left:
    title: Part of the allowed spend that is left, and what failed
    by: [team]
    window: 1d
    unit: x
    decimals: 9
    terms: {spend: llm.call.cost, calls: llm.call.calls, failed: llm.call.failures, limit: limit.set.usd}
    value: ratio(limit - spend, limit) - ratio(failed, calls)
    target: 0.5
    better: higher
aliases:
  acme: {teams: {core: [Core Team]}}
";

/// 2026-01-05, midnight.
const BEGIN: i64 = 1_767_571_200_000_000;
const TYPES: [&str; 2] = ["llm.call", "limit.set"];

fn call(player: &mut Player, arrived: i64, minute: i64, team: &str, more: Json) -> String {
    let mut call = json!({
        "engineer": {"email": "ada@example.com", "team": team},
        "provider": "anthropic", "model": "claude-sonnet-4-5-20250929",
        "tokens_input": 0, "tokens_output": 0, "latency_ms": 10.5 + minute as f64,
    });
    let given = more.as_object().unwrap().clone();
    call.as_object_mut().unwrap().extend(given);
    player.event("llm.call", arrived, minute, call)
}

fn set_limit(player: &mut Player, minute: i64, team: &str, usd: f64) -> String {
    let fields = json!({"team": team, "usd": usd});
    player.event("limit.set", minute, minute, fields)
}

/// Ids of the events that count for team core: calls, and the limit in force.
struct Sent {
    calls: Vec<String>,
    late: String,
    limit: String,
}

fn play(player: &mut Player) -> Sent {
    player.everywhere(&[(REPLAY, "begin")]);
    set_limit(player, 5, "core", 8.0);
    let limit = set_limit(player, 10, "core", 4.0);
    set_limit(player, 12, "edge", 1.0);
    let first = json!({"tokens_input": 100_000, "request_id": "r1"});
    let mut calls = vec![call(player, 20, 20, "core", first.clone())];
    // The same once more.
    call(player, 21, 20, "core", first);
    let failed = json!({"tokens_output": 1_000, "success": false});
    calls.push(call(player, 22, 21, "core", json!({"cost_usd": 0.75})));
    calls.push(call(player, 70, 70, "Core Team", failed));
    // Nobody knows its price.
    let unknown = json!({"model": "unheard-of", "tokens_input": 5});
    calls.push(call(player, 71, 71, "core", unknown));
    // One that is no call of the team's, one that is refused.
    call(player, 72, 72, "edge", json!({"cost_usd": 100.0}));
    call(
        player,
        73,
        73,
        "core",
        json!({"tokens_input": 2_000_000_000i64}),
    );
    player.tick(1500);
    let late = call(player, 1501, 100, "core", json!({"cost_usd": 0.25}));
    calls.push(late.clone());
    player.tick(1600);
    player.everywhere(&[(REPLAY, "end")]);
    Sent { calls, late, limit }
}

fn start(dir: &Path) -> (System, Sent) {
    let (data, own) = (dir.join("data"), dir.join("schemas"));
    fs::create_dir(&data).unwrap();
    for folder in ["events", "catalog"] {
        fs::create_dir_all(own.join(folder)).unwrap();
    }
    for file in [
        "events/llm.call.avsc",
        "catalog/llm.call.yaml",
        "catalog/prices.yaml",
    ] {
        fs::copy(root().join("schemas").join(file), own.join(file)).unwrap();
    }
    fs::write(own.join("events/limit.set.avsc"), SCHEMA).unwrap();
    fs::write(own.join("catalog/limit.set.yaml"), LIMIT).unwrap();
    fs::write(own.join("catalog/explained.yaml"), KPI).unwrap();
    let system = System::start(&data, Some(&own), &[]);
    let sent = play(&mut Player::new(&system.brokers(), &own, &TYPES, BEGIN));
    system.verify();
    (system, sent)
}

const OF: [&str; 4] = ["--subject", "team=core", "--window", "2026-01-05"];

fn term<'a>(told: &'a Json, name: &str) -> &'a Json {
    let terms = told["terms"].as_array().unwrap();
    terms.iter().find(|t| t["name"] == name).unwrap()
}

fn listed(term: &Json) -> Vec<(String, f64)> {
    let events = term["events"]["listed"].as_array().unwrap().iter();
    let id = |e: &Json| e["event_id"].as_str().unwrap().to_owned();
    events
        .map(|e| (id(e), e["value"].as_f64().unwrap()))
        .collect()
}

/// The listed events of a term: their values come to its value, and these ids are all.
fn check_sum(term: &Json, ids: &[&String]) {
    let events = listed(term);
    let sum: f64 = events.iter().map(|(_, v)| v).sum();
    let value = term["value"].as_f64().unwrap();
    assert!((sum - value).abs() < 1e-12, "{term:#}");
    let mut found: Vec<&String> = events.iter().map(|(id, _)| id).collect();
    found.sort();
    assert_eq!(found, ids, "{term:#}");
    assert_eq!(term["events"]["adding"], ids.len(), "{term:#}");
    assert_eq!(term["adds_up"], true);
}

#[test]
fn what_is_listed_adds_up_to_the_number() {
    let dir = tempfile::tempdir().unwrap();
    let (mut system, sent) = start(dir.path());
    let kpi = [&["explain", "kpi", "spend_left"][..], &OF].concat();
    let told = system.json(&kpi);
    check_terms(&told, &sent);
    check_value(&system, &told);
    check_places(&system, &told, &sent);
    check_limit(&system, &kpi);
    check_measures(&system, &told);
    check_tree(&system, &kpi);
    check_refused(&system);
    system.stop();
}

fn check_terms(told: &Json, sent: &Sent) {
    let calls: Vec<&String> = sent.calls.iter().collect();
    check_sum(term(told, "calls"), &calls);
    check_sum(term(told, "failed"), &calls[2..3]);
    let spend = term(told, "spend");
    check_sum(spend, &[calls[0], calls[1], calls[2], calls[4]]);
    assert_eq!(spend["events"]["count"], 5);
    assert_eq!(spend["kind"], "cost");
    // 100,000 at 3 USD per million, 1,000 at 15, and what was reported.
    let usd = 0.3 + 0.015 + 0.75 + 0.25;
    assert!((spend["value"].as_f64().unwrap() - usd).abs() < 1e-12);
    let prices = spend["prices"].as_array().unwrap();
    assert_eq!(prices.len(), 2, "{prices:#?}");
    let by = |by: &str| prices.iter().find(|p| p["by"] == by).unwrap();
    assert_eq!(by("reported")["calls"], 2);
    assert_eq!(by("book")["model"], "claude-sonnet-4-5");
    assert_eq!(by("book")["from"], "2025-09-29T00:00:00Z");
    assert_eq!(by("book")["per_million"]["output"], 15.0);
    let paid: f64 = prices.iter().map(|p| p["usd"].as_f64().unwrap()).sum();
    assert!((paid - usd).abs() < 1e-12, "{prices:#?}");

    let limit = term(told, "limit");
    assert_eq!(limit["setting"], true);
    assert_eq!(listed(limit).last().unwrap(), &(sent.limit.clone(), 4.0));
    assert_eq!(limit["value"], 4.0);

    let parts = &term(told, "calls")["parts"];
    assert_eq!(parts["on_time"], json!({"parts": 1, "value": 4.0}));
    assert_eq!(parts["late"], json!({"parts": 1, "value": 1.0}));
    assert_eq!(parts["listed"][1]["late"], true);
    assert_eq!(parts["listed"][1]["start"], "2026-01-05T01:40:00Z");
}

fn check_value(system: &System, told: &Json) {
    let value = |name: &str| term(told, name)["value"].as_f64().unwrap();
    let (spend, limit) = (value("spend"), value("limit"));
    let of_terms = (limit - spend) / limit - value("failed") / value("calls");
    let now = told["current"]["value"].as_f64().unwrap();
    assert!((now - of_terms).abs() < 1e-9, "{told:#}");
    assert_eq!(told["adds_up"], true);
    assert_eq!(told["formula"]["value"], now);
    let of = "WHERE team = 'core'";
    let shown = system.number(&format!("SELECT value FROM kpi_spend_left_current {of}"));
    assert_eq!(shown, now);
    // What was said did not know of the late call.
    let said = "SELECT value FROM kpis WHERE kpi = 'spend_left' AND dimensions['team'] = 'core'";
    let published = told["published"]["value"].as_f64().unwrap();
    assert_eq!(published, system.number(said));
    assert!(
        (published - ((4.0 - 1.065) / 4.0 - 0.25)).abs() < 1e-9,
        "{told:#}"
    );
    assert_eq!(told["published"]["status"], "near");
}

/// Partition and offset are those of the event in the log.
fn check_places(system: &System, told: &Json, sent: &Sent) {
    let events = &term(told, "calls")["events"];
    assert_eq!(events["topic"], "weir.events.llm.call");
    let all = events["listed"].as_array().unwrap();
    let late = all
        .iter()
        .find(|e| e["event_id"] == sent.late.as_str())
        .unwrap();
    let id = &sent.late;
    let sql = format!("SELECT log_offset FROM llm_call_events WHERE toString(event_id) = '{id}'");
    assert_eq!(late["offset"].as_f64().unwrap(), system.number(&sql));
    assert_eq!(late["partition"], 0);
    assert_eq!(late["time"], "2026-01-05T01:40:00Z");
}

fn check_limit(system: &System, kpi: &[&str]) {
    let told = system.json(&[kpi, &["--limit", "2"]].concat());
    let calls = term(&told, "calls");
    assert_eq!(listed(calls).len(), 2);
    assert_eq!(calls["events"]["adding"], 5);
    assert_eq!(calls["of_events"], 5.0);
    assert_eq!(told["adds_up"], true);
}

fn check_measures(system: &System, kpi: &Json) {
    let explain = |measure: &str, subject: &str, window: &str| {
        let of = ["--subject", subject, "--window", window, "--tenant", "acme"];
        let told = system.json(&[&["explain", "measure", measure][..], &of].concat());
        assert_eq!(told["adds_up"], true, "{told:#}");
        told["current"]["value"].as_f64().unwrap()
    };
    let spend = explain("llm.call.cost", "team=core", "2026-01-05");
    assert_eq!(spend, term(kpi, "spend")["value"].as_f64().unwrap());
    assert_eq!(explain("llm.call.calls", "team=core", "2026-01-05T00"), 2.0);
    let second = explain("llm.call.calls", "team=core", "2026-01-05T01");
    assert_eq!(second, 3.0);
    // The tenant as a whole, with the other team.
    assert_eq!(explain("llm.call.calls", "", "2026-01-05"), 6.0);
    assert_eq!(explain("llm.call.latency.count", "", "2026-01-05"), 6.0);
    assert!(explain("llm.call.latency.p95", "team=core", "2026-01-05") > 100.0);
}

fn check_tree(system: &System, kpi: &[&str]) {
    let said = String::from_utf8(system.weir(kpi).stdout).unwrap();
    for part in [
        "ratio(limit - spend, limit) - ratio(failed, calls)",
        "parts on time: 1 (4); late: 1 (1)",
        "price of anthropic claude-sonnet-4-5 from 2025-09-29",
        "partition 0 offset",
        "all that is listed comes to the value",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let longest = said.lines().map(|l| l.chars().count()).max();
    assert!(longest <= Some(120), "{said}");
}

fn check_refused(system: &System) {
    let refused = |args: &[&str], parts: &[&str]| {
        let out = system.weir(&[&["explain"], args].concat());
        let said = String::from_utf8(out.stderr).unwrap();
        assert!(!out.status.success(), "{args:?}");
        for part in ["WEIR-0305"].iter().chain(parts) {
            assert!(said.contains(part), "{part}: {said}");
        }
    };
    let day = ["--window", "2026-01-05"];
    let core = ["--subject", "team=core"];
    let kpi = |name: &'static str, of: &[&'static str], when: &[&'static str]| {
        [&["kpi", name][..], of, when].concat()
    };
    refused(
        &kpi("spend_lef", &core, &day),
        &["did you mean \"spend_left\"?"],
    );
    let cor = ["--subject", "team=cor"];
    refused(
        &kpi("spend_left", &cor, &day),
        &["did you mean \"team=core\"?"],
    );
    refused(&kpi("spend_left", &[], &day), &["team=..."]);
    let other = ["--window", "2026-01-09"];
    refused(&kpi("spend_left", &core, &other), &["2026-01-06T00:00:00Z"]);
    let hour = ["--window", "2026-01-05T01"];
    refused(&kpi("spend_left", &core, &hour), &["its day"]);
    let tenant = ["--tenant", "acm", "--window", "2026-01-05"];
    refused(
        &kpi("spend_left", &core, &tenant),
        &["did you mean \"acme\"?"],
    );
    let measure = |name| [&["measure", name][..], &core, &day].concat();
    refused(&measure("llm.call.cots"), &["did you mean \"cost\"?"]);
    refused(&measure("llm.call.latency"), &["use .count"]);
}
