//! A run that was both logged and sent over OTLP counts once. Recordings are not part of the
//! project; where they are not at hand, nothing is tested here and that is said
//! (`tests/joined.rs` holds the same rules, made by hand).

#![allow(clippy::unwrap_used)]

use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use weir_agents::{
    Agents, Cache, Call, Claim, Claims, Machine, There, Tokens, has_shared_id, joined,
};
use weir_otlp::{Encoding, Mappings, Signal};

type Event = Map<String, Value>;

/// Beside the project, or where `WEIR_RECORDED` says.
fn folder() -> PathBuf {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    std::env::var_os("WEIR_RECORDED").map_or_else(beside, PathBuf::from)
}

/// Calls that a recording's bodies hold, one per event.
fn sent(capture: &str) -> Vec<Event> {
    let mappings = Mappings::shipped().unwrap();
    let mut out: BTreeMap<String, Event> = BTreeMap::new();
    for file in fs::read_dir(folder().join(capture).join("raw")).unwrap() {
        let path = file.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let mut parts = name.split('.').skip(1);
        let signal = match parts.next().unwrap() {
            "logs" => Signal::Logs,
            "metrics" => Signal::Metrics,
            "traces" => Signal::Traces,
            _ => continue,
        };
        let encoding = match parts.next().unwrap() {
            "json" => Encoding::Json,
            _ => Encoding::Protobuf,
        };
        let mut bytes = fs::read(&path).unwrap();
        if name.ends_with(".gz") {
            let packed = std::mem::take(&mut bytes);
            let mut unpacked = flate2::read::GzDecoder::new(&packed[..]);
            unpacked.read_to_end(&mut bytes).unwrap();
        }
        let mapped = mappings.map(signal, encoding, &bytes, 0).unwrap();
        for event in mapped.events {
            if event["type"] == "llm.call" {
                out.insert(event["event_id"].to_string(), event);
            }
        }
    }
    let mut out: Vec<Event> = out.into_values().collect();
    out.sort_by_key(|e| e["event_time"].as_i64());
    out
}

fn there(e: &Event) -> There {
    let text = |f: &str| {
        e.get(f)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let n = |f: &str| e.get(f).and_then(Value::as_i64);
    There {
        request_id: text("request_id"),
        session: text("session_id"),
        model: text("model"),
        at: e["event_time"].as_i64().unwrap(),
        tokens: Tokens {
            input: n("tokens_input"),
            cache_read: n("tokens_cache_read"),
            cache_write: n("tokens_cache_write"),
            output: n("tokens_output"),
            reasoning: n("tokens_reasoning"),
            ..Tokens::default()
        },
    }
}

/// What both sides come to when calls of the log that are there already are left out.
fn together(log: &[(Tokens, bool)], sent: &[Event]) -> Value {
    let over_otlp = sent.iter().map(|e| (there(e).tokens, e["success"] == true));
    let all: Vec<(Tokens, bool)> = log.iter().copied().chain(over_otlp).collect();
    let sum = |f: fn(&Tokens) -> Option<i64>| all.iter().filter_map(|(t, _)| f(t)).sum::<i64>();
    let ok = all.iter().filter(|(_, ok)| *ok).count();
    json!({
        "calls": all.len(), "ok": ok, "failed": all.len() - ok,
        "input": sum(|t| t.input), "cache_read": sum(|t| t.cache_read),
        "cache_write": sum(|t| t.cache_write), "output": sum(|t| t.output),
        "reasoning": sum(|t| t.reasoning),
    })
}

/// Calls of the log that an import publishes when these came before it.
fn published(agents: &Agents, calls: &[&Call], before: &[Event]) -> Vec<(Tokens, bool)> {
    let others: Vec<There> = before.iter().map(there).collect();
    let found = joined(agents, calls, &others);
    let left = calls.iter().zip(found).filter(|(_, found)| !found);
    left.map(|(c, _)| (c.tokens, c.error.is_none())).collect()
}

/// What both ways come to when so many records of OTLP came before the import, the rest after it.
fn in_turns(agents: &Agents, calls: &[&Call], sent: &[Event], before: usize) -> Value {
    let (before, after) = sent.split_at(before);
    let left = published(agents, calls, before);
    let mut claims = Claims::default();
    for claim in calls.iter().filter_map(|c| Claim::of_call(agents, "t", c)) {
        claims.take(&claim.key, &claim.value().unwrap());
    }
    let mut kept = before.to_vec();
    kept.extend(after.iter().filter(|e| !claims.hold("t", e)).cloned());
    together(&left, &kept)
}

#[test]
fn a_run_that_came_both_ways_counts_once() {
    let agents = Agents::shipped().unwrap();
    let mut runs = 0;
    let list = |dir: PathBuf| -> Vec<PathBuf> {
        let entries = fs::read_dir(dir).map(|d| d.map(|e| e.unwrap().path()).collect());
        entries.unwrap_or_default()
    };
    for dir in list(folder().join("agent-logs")).into_iter().flat_map(list) {
        let Ok(text) = fs::read(dir.join("expected.json")) else {
            continue;
        };
        let notes: Value = serde_json::from_slice(&text).unwrap();
        let Some(capture) = notes["otlp_of_the_same_run"].as_str() else {
            continue;
        };
        let sent = sent(capture);
        let logs = agents.find(&Machine::at(&dir));
        let read = Cache::default().read(&agents, &logs, &mut |_, _| {});
        let calls: Vec<&Call> = read.calls.iter().collect();
        // All of it first, all of it last, and each mixture; in the order of time, and against it.
        let mut sent_in_order = sent.clone();
        for _ in 0..2 {
            for before in 0..=sent.len() {
                assert_eq!(
                    in_turns(&agents, &calls, &sent_in_order, before),
                    notes["when_both_are_imported"],
                    "{capture}, {before} before the import"
                );
            }
            sent_in_order.reverse();
        }
        for call in calls.iter().filter(|c| has_shared_id(&agents, c)) {
            let id = weir_otlp::event_id("llm.call", &call.otlp_id).to_string();
            let there = sent.iter().find(|e| e["event_id"] == id);
            let there = there.unwrap_or_else(|| panic!("{capture}: {call:?}"));
            assert_eq!(there["request_id"], call.request_id.as_deref().unwrap());
            let error = there.get("error_type").and_then(Value::as_str);
            assert_eq!(error, call.error.as_deref(), "{capture}");
        }
        runs += 1;
    }
    if runs == 0 {
        eprintln!("no recordings in {}: not tested", folder().display());
    }
}
