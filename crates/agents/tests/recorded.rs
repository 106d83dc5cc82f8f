//! Logs of real runs give exactly the calls and tools that there were. Recordings are not part of
//! the project; where they are not at hand, nothing is tested here and that is said
//! (`tests/traps.rs` holds the same cases, made by hand).

#![allow(clippy::unwrap_used)]

use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use weir_agents::{Agents, Cache, Call, Machine, Read, Tool};

/// Beside the project, or where `WEIR_RECORDED` says.
fn folder() -> PathBuf {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    std::env::var_os("WEIR_RECORDED")
        .map_or_else(beside, PathBuf::from)
        .join("agent-logs")
}

/// Folders with notes; none where the recordings are not at hand.
fn recordings() -> Vec<(String, PathBuf, Value)> {
    let mut out = Vec::new();
    let list = |dir: &Path| -> Vec<PathBuf> {
        let entries = fs::read_dir(dir).map(|d| d.map(|e| e.unwrap().path()).collect());
        entries.unwrap_or_default()
    };
    for dir in list(&folder()).iter().flat_map(|d| list(d)) {
        if let Ok(text) = fs::read(dir.join("expected.json")) {
            let name = dir.strip_prefix(folder()).unwrap().display().to_string();
            out.push((name, dir, serde_json::from_slice(&text).unwrap()));
        }
    }
    out.sort_by(|a, b| a.0.cmp(&b.0));
    if out.is_empty() {
        eprintln!("no recordings in {}: not tested", folder().display());
    }
    out
}

fn read(home: &Path) -> Read {
    let agents = Agents::shipped().unwrap();
    let logs = agents.find(&Machine::at(home));
    Cache::default().read(&agents, &logs, &mut |_, _| {})
}

fn micros(text: &Value) -> Option<i64> {
    let at: jiff::Timestamp = text.as_str()?.parse().unwrap();
    Some(at.as_microsecond())
}

fn tokens(c: &Call) -> Value {
    let t = c.tokens;
    json!({"input": t.input, "cache_read": t.cache_read, "cache_write": t.cache_write,
        "output": t.output, "reasoning": t.reasoning})
}

/// A call as the notes have it, as far as they say it.
fn as_noted(c: &Call, note: &Value) -> Value {
    let mut out = json!({"key": c.request_id, "message_id": c.message_id, "model": &*c.model,
        "session": &*c.session, "tokens": tokens(c)});
    // A copied call may be told of any of its sessions.
    if note["session"]
        .as_array()
        .is_some_and(|s| s.contains(&out["session"]))
    {
        out["session"] = note["session"].clone();
    }
    if note["ok"].is_boolean() {
        out["ok"] = json!(c.error.is_none());
        out["at"] = json!(c.at);
        out["cost"] = json!(c.cost_usd);
        out["duration"] = json!(c.latency_ms);
    }
    out
}

fn noted(note: &Value) -> Value {
    let mut out = json!({});
    for field in ["key", "message_id", "model", "session", "tokens"] {
        out[field] = note[field].clone();
    }
    if note["ok"].is_boolean() {
        out["ok"] = note["ok"].clone();
        out["at"] = json!(micros(&note["ended_at"]));
        out["cost"] = note["cost_usd"].clone();
        out["duration"] = json!(note["duration_ms"].as_f64());
    }
    out
}

/// Compares call by call, in the order of keys, models and tokens.
fn same(name: &str, calls: &[Call], notes: &Value) {
    let order = |v: &Value| format!("{} {} {}", v["model"], v["key"], v["tokens"]);
    let mut notes = notes.as_array().unwrap().clone();
    notes.sort_by_key(order);
    let mut calls: Vec<&Call> = calls.iter().collect();
    calls.sort_by_key(|c| {
        order(&json!({"model": &*c.model, "key": c.request_id, "tokens": tokens(c)}))
    });
    assert_eq!(calls.len(), notes.len(), "{name}: {calls:#?}");
    for (call, note) in calls.iter().zip(&notes) {
        let mut note = note.clone();
        if note["message_id"].is_null() && note["ok"].is_null() {
            note["message_id"] = json!(call.message_id);
        }
        // Where the log has an id of its own, the notes may leave it out: it is joined by no one.
        if call.agent.as_ref() == "gemini-cli" || call.agent.as_ref() == "opencode" {
            note["key"] = Value::Null;
        }
        assert_eq!(as_noted(call, &note), noted(&note), "{name}");
    }
}

fn same_totals(name: &str, calls: &[Call], totals: &Value) {
    let sum = |f: fn(&Call) -> Option<i64>| calls.iter().filter_map(f).sum::<i64>();
    let failed = calls.iter().filter(|c| c.error.is_some()).count();
    let all = json!({
        "calls": calls.len(), "ok": calls.len() - failed, "failed": failed,
        "input": sum(|c| c.tokens.input), "cache_read": sum(|c| c.tokens.cache_read),
        "cache_write": sum(|c| c.tokens.cache_write), "output": sum(|c| c.tokens.output),
        "reasoning": sum(|c| c.tokens.reasoning),
    });
    for (key, value) in totals.as_object().unwrap() {
        if key != "cost_usd_reported" {
            assert_eq!(&all[key], value, "{name}: {key}");
        }
    }
}

#[test]
fn each_log_gives_exactly_its_calls() {
    for (name, dir, notes) in recordings() {
        if notes["calls"].is_array() {
            let found = read(&dir);
            assert!(found.unread.is_empty(), "{name}: {:?}", found.unread);
            same(&name, &found.calls, &notes["calls"]);
            same_totals(&name, &found.calls, &notes["totals"]);
        }
    }
}

#[test]
fn each_log_gives_exactly_its_tools() {
    for (name, dir, notes) in recordings() {
        let Some(tools) = notes["tools"].as_array() else {
            continue;
        };
        let decided = |d: &Value| match d.as_str() {
            Some("accept" | "auto_accept") => "accepted",
            Some("reject") => "rejected",
            _ => "",
        };
        let note = |t: &Value| {
            json!([
                t["id"],
                t["name"],
                t["success"],
                decided(&t["decision"]),
                t["exit_code"],
                t["duration_ms"].as_f64()
            ])
        };
        let wanted: BTreeSet<String> = tools.iter().map(|t| note(t).to_string()).collect();
        let of = |t: &Tool| {
            // What the notes do not have is not compared.
            let told = |v: Option<f64>| v.filter(|_| tools[0]["duration_ms"].is_number());
            json!([
                t.call_id,
                t.tool,
                t.success,
                t.decision,
                t.exit_code,
                told(t.duration_ms)
            ])
        };
        let found: BTreeSet<String> = read(&dir).tools.iter().map(|t| of(t).to_string()).collect();
        assert_eq!(found, wanted, "{name}");
    }
}

#[test]
fn states_that_follow_each_other_add_what_is_new() {
    for (name, dir, notes) in recordings() {
        let mut store: BTreeMap<String, Call> = BTreeMap::new();
        for state in notes["states"].as_array().into_iter().flatten() {
            let folder = state["folder"].as_str().unwrap();
            for call in read(&dir.join(folder)).calls {
                store.entry(call.identity.clone()).or_insert(call);
            }
            let calls: Vec<Call> = store.values().cloned().collect();
            same(&format!("{name} {folder}"), &calls, &state["calls"]);
            same_totals(&name, &calls, &state["imported_in_this_order_total"]);
        }
    }
}

/// Everything below a folder, with what tells a change.
fn state(dir: &Path, out: &mut BTreeMap<PathBuf, (u64, SystemTime)>) {
    for entry in fs::read_dir(dir).into_iter().flatten() {
        let path = entry.unwrap().path();
        let meta = fs::metadata(&path).unwrap();
        out.insert(path.clone(), (meta.len(), meta.modified().unwrap()));
        if meta.is_dir() {
            state(&path, out);
        }
    }
}

#[test]
fn nothing_is_written_where_logs_lie() {
    let (mut before, mut after) = (BTreeMap::new(), BTreeMap::new());
    state(&folder(), &mut before);
    for (_, dir, _) in recordings() {
        read(&dir);
    }
    state(&folder(), &mut after);
    assert_eq!(before, after);
}
