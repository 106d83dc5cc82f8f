//! What of a setting is refused, with its place and a remedy.
#![allow(clippy::unwrap_used)]

use weir_catalog::{Catalog, evolve, load_sources};

const SCHEMA: &str = r#"{"type": "record", "name": "LimitSet", "namespace": "weir.events", "fields": [
    {"name": "event_id", "type": "string"},
    {"name": "event_time", "type": {"type": "long", "logicalType": "timestamp-micros"}},
    {"name": "tenant", "type": "string"},
    {"name": "source", "type": "string"},
    {"name": "resource", "type": {"type": "map", "values": "string"}, "default": {}},
    {"name": "team", "type": "string"},
    {"name": "amount", "type": "double"}
]}"#;

const LIMIT: &str = "\
event: limit.set
setting: true
dimensions: {team: team}
measures:
  amount: {last: amount}
  changes: {count: true}
windows: [1h]
rollups: [[], [team]]
";

const KPIS: &str = "\
kpis:
  use:
    by: [team]
    window: 1h
    terms: {cost: llm.call.cost, limit: limit.set.amount}
    value: cost - limit
detectors:
  much: {event: llm.call, by: [team], window: 1h, value: calls, limit: {above: 10}}
";

fn sources(limit: &str, kpis: &str) -> Vec<(String, String)> {
    let mut all = Catalog::embedded_sources();
    let judges = |text: &str| text.contains("kpis:\n") || text.contains("alerts:\n");
    all.retain(|(f, text)| {
        f != "catalog/detectors.yaml" && f != "catalog/roles.yaml" && !judges(text)
    });
    all.push(("events/limit.set.avsc".into(), SCHEMA.into()));
    all.push(("catalog/limit.set.yaml".into(), limit.into()));
    all.push(("catalog/kpis.yaml".into(), kpis.into()));
    all
}

fn told(limit: &str, kpis: &str) -> Vec<String> {
    match load_sources(sources(limit, kpis)) {
        Ok(_) => Vec::new(),
        Err(e) => e.0.iter().map(ToString::to_string).collect(),
    }
}

#[test]
fn a_setting_beside_what_happens_is_right() {
    assert_eq!(told(LIMIT, KPIS), Vec::<String>::new());
    let fewer = KPIS.replace(
        "limit: limit.set.amount",
        "limit: {of: limit.set.amount, at: []}",
    );
    assert_eq!(told(LIMIT, &fewer), Vec::<String>::new());
}

/// (what to replace, by what, the start of a problem told)
const CASES: &[(&str, &str, &str)] = &[
    (
        "amount: {last: amount}",
        "amount: {sum: amount}",
        "limit.set.yaml:5:3: WEIR-0105 measure \"amount\" of a setting is a sum, but of a setting \
         one value is in force; write `last: field`, or take `setting: true` away",
    ),
    (
        "amount: {last: amount}",
        "amount: {distribution: amount}",
        "limit.set.yaml:5:3: WEIR-0105 measure \"amount\" of a setting is a distribution",
    ),
    (
        "setting: true",
        "setting: yes please",
        "limit.set.yaml:2:10: WEIR-0101",
    ),
    (
        "cost: llm.call.cost",
        "cost: limit.set.changes",
        "kpis.yaml:6:12: WEIR-0105 KPI \"use\" reads settings alone, and a setting in force \
         publishes nothing; add a term on a measure of what happens",
    ),
    (
        "cost: llm.call.cost",
        "cost: {of: llm.call.cost, at: []}",
        "kpis.yaml:6:12: WEIR-0105 no term stands on the KPI's own subject [team]",
    ),
    (
        "event: llm.call, by: [team], window: 1h, value: calls",
        "event: limit.set, by: [team], window: 1h, value: amount",
        "kpis.yaml:8:17: WEIR-0105 limit.set is a setting: it has no window of its own",
    ),
    (
        "window: 1h, value: calls,",
        "window: 1h, value: calls - limit.set.amount,",
        "kpis.yaml:8:75: WEIR-0102 a detector cannot read limit.set, which is a setting; let a \
         KPI read it, and an alert rule look at the KPI",
    ),
    (
        "value: cost - limit",
        "value: cost - limit\n    minimum_sample: {limit.set.changes: 2}",
        "kpis.yaml:7:22: WEIR-0103 limit.set is a setting: it is no sample of a window",
    ),
    (
        "windows: [1h]",
        "windows: [1d]",
        "kpis.yaml:4:13: WEIR-0102 window 1h needs 1h of limit.set by [team], which is not stored",
    ),
];

#[test]
fn what_a_setting_cannot_be_is_told_with_its_place_and_a_remedy() {
    for (from, to, start) in CASES {
        let both = format!("{LIMIT}\0{KPIS}");
        assert!(both.contains(from), "{from}");
        let changed = both.replacen(from, to, 1);
        let (limit, kpis) = changed.split_once('\0').unwrap();
        let told = told(limit, kpis);
        let want = format!("catalog/{start}");
        let found = told.iter().any(|t| t.starts_with(&want));
        assert!(found, "{to}\n   want {want}\n   told {told:#?}");
    }
}

#[test]
fn to_become_a_setting_is_another_meaning() {
    let plain = LIMIT.replace("setting: true\n", "");
    let [old, new] = [plain.as_str(), LIMIT].map(|l| load_sources(sources(l, KPIS)).unwrap());
    assert_ne!(old.hash, new.hash);
    let refused = evolve(&old, &new);
    assert!(
        refused[0]
            .to_string()
            .contains("event \"limit.set\" means something else"),
        "{refused:?}"
    );
    let text = LIMIT.replace("setting: true", "setting: true\nversion: 2");
    let told = load_sources(sources(&text, KPIS)).unwrap();
    assert_eq!(evolve(&old, &told), []);
    let off = LIMIT.replace("setting: true", "setting: false");
    assert_eq!(load_sources(sources(&off, KPIS)).unwrap().hash, old.hash);
}
