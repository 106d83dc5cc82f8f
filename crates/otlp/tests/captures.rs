//! What real clients send gives exactly the calls and tools that there were: as it came, twice, in
//! any order. Recordings are not part of the project; where they are not at hand, nothing is tested
//! here and that is said (`tests/traps.rs` holds the same cases, made by hand).

#![allow(clippy::unwrap_used)]

mod support;

use serde_json::{Value, json};
use std::collections::BTreeSet;
use support::{Body, Event, bodies, expected, recordings, shipped};

/// Field of the event, null where it has none.
fn of(event: &Event, field: &str) -> Value {
    event.get(field).cloned().unwrap_or(Value::Null)
}

fn sorted(mut rows: Vec<Value>) -> Vec<Value> {
    rows.sort_by_key(Value::to_string);
    rows
}

/// The calls as the recording's notes have them, in the names of the events. The model of a failed
/// call is left out where they do not know it.
fn expected_calls(notes: &Value) -> Vec<Value> {
    let call = |c: &Value| {
        let t = &c["tokens"];
        json!({
            "session": c["session"], "failed": !c["ok"].as_bool().unwrap(), "cost": c["cost_usd"],
            "input": t["input"], "cache_read": t["cache_read"], "cache_write": t["cache_write"],
            "output": t["output"], "reasoning": t["reasoning"],
            "model": if c["ok"] == true { c["model"].clone() } else { Value::Null },
        })
    };
    sorted(
        notes["calls"]
            .as_array()
            .unwrap()
            .iter()
            .map(call)
            .collect(),
    )
}

fn calls(events: &[Event]) -> Vec<Value> {
    let call = |e: &Event| {
        let failed = e["success"] == false;
        json!({
            "session": of(e, "session_id"), "failed": failed, "cost": of(e, "cost_usd"),
            "input": of(e, "tokens_input"), "cache_read": of(e, "tokens_cache_read"),
            "cache_write": of(e, "tokens_cache_write"), "output": of(e, "tokens_output"),
            "reasoning": of(e, "tokens_reasoning"),
            "model": if failed { Value::Null } else { of(e, "model") },
        })
    };
    let calls = events.iter().filter(|e| e["type"] == "llm.call");
    sorted(calls.map(call).collect())
}

fn expected_tools(notes: &Value) -> Vec<Value> {
    let tool = |t: &Value| {
        let decision = match t["decision"].as_str() {
            None => Value::Null,
            Some("reject") => "rejected".into(),
            Some(_) => "accepted".into(),
        };
        json!({
            "id": t["id"], "tool": t["name"], "success": t["success"], "decision": decision,
        })
    };
    let tools = notes["tools"].as_array();
    sorted(tools.into_iter().flatten().map(tool).collect())
}

fn tools(events: &[Event]) -> Vec<Value> {
    let tool = |e: &Event| {
        json!({
            "id": of(e, "call_id"), "tool": of(e, "tool"), "success": of(e, "success"),
            "decision": of(e, "decision"),
        })
    };
    let tools = events.iter().filter(|e| e["type"] == "tool.called");
    sorted(tools.map(tool).collect())
}

/// Sums by token class, the reported cost, and sessions, as the notes' totals have them.
fn totals(events: &[Event]) -> Value {
    let calls: Vec<&Event> = events.iter().filter(|e| e["type"] == "llm.call").collect();
    let sum = |field: &str| -> u64 { calls.iter().filter_map(|e| of(e, field).as_u64()).sum() };
    let cost = calls.iter().filter_map(|e| of(e, "cost_usd").as_f64());
    json!({
        "calls": calls.len(),
        "ok": calls.iter().filter(|e| e["success"] == true).count(),
        "failed": calls.iter().filter(|e| e["success"] == false).count(),
        "unknown_usage": calls.iter().filter(|e| !e.contains_key("tokens_input")).count(),
        "input": sum("tokens_input"), "cache_read": sum("tokens_cache_read"),
        "cache_write": sum("tokens_cache_write"), "output": sum("tokens_output"),
        "reasoning": sum("tokens_reasoning"),
        "cost_micros": (cost.sum::<f64>() * 1e6).round(),
    })
}

fn expected_totals(notes: &Value) -> Value {
    let mut totals = notes["totals"].clone();
    let held = totals.as_object_mut().unwrap();
    let cost = held.remove("cost_usd_reported").unwrap().as_f64().unwrap();
    held.insert("cost_micros".into(), json!((cost * 1e6).round()));
    totals
}

fn check(capture: &str, how: &str, bodies: &[Body]) {
    let events = support::once(&shipped(), bodies);
    let notes = expected(capture);
    assert_eq!(calls(&events), expected_calls(&notes), "{capture}, {how}");
    assert_eq!(tools(&events), expected_tools(&notes), "{capture}, {how}");
    assert_eq!(totals(&events), expected_totals(&notes), "{capture}, {how}");
}

#[test]
fn every_capture_gives_what_there_was_in_any_order_and_twice() {
    let Some(captures) = recordings() else { return };
    assert!(captures.len() >= 16, "{captures:?}");
    for capture in &captures {
        let mut bodies = bodies(capture);
        check(capture, "as it came", &bodies);
        let twice: Vec<Body> = bodies.iter().chain(&bodies).cloned().collect();
        check(capture, "twice", &twice);
        bodies.reverse();
        check(capture, "backwards", &bodies);
        bodies.iter_mut().for_each(Body::reverse);
        check(capture, "backwards within", &bodies);
    }
}

/// Counters say of each run what its calls say: the sum of what was added, or the last total of each
/// series.
#[test]
fn counters_and_calls_of_a_run_agree() {
    let Some(captures) = recordings() else { return };
    let mappings = shipped();
    let mut compared = 0;
    for capture in &captures {
        let events = support::once(&mappings, &bodies(capture));
        let mut metered: std::collections::BTreeMap<String, f64> = Default::default();
        for e in events.iter().filter(|e| e["type"] == "emitter.metered") {
            let series = of(e, "series").to_string();
            let sum = metered.entry(series).or_default();
            match of(e, "tokens_total").as_f64() {
                Some(total) => *sum = sum.max(total),
                None => *sum += of(e, "tokens_added").as_f64().unwrap(),
            }
        }
        // A client that follows the conventions has no counter for what a stream does not tell.
        let own = ["claude-code", "codex", "gemini-cli", "qwen-code"];
        if metered.is_empty() || !own.iter().any(|c| capture.starts_with(c)) {
            continue;
        }
        let calls = events.iter().filter(|e| e["type"] == "llm.call");
        let classes = ["input", "cache_read", "cache_write", "output", "reasoning"];
        let tokens = |e: &Event| -> i64 {
            let each = classes.iter().map(|c| of(e, &format!("tokens_{c}")));
            each.filter_map(|n| n.as_i64()).sum()
        };
        let told: i64 = calls.map(tokens).sum();
        assert_eq!(metered.values().sum::<f64>(), told as f64, "{capture}");
        compared += 1;
    }
    assert!(compared >= 5, "{compared}");
}

/// A body of each signal that holds those of all captures, as a collector makes it.
#[test]
fn bodies_put_together_give_the_same_events() {
    let Some(captures) = recordings() else { return };
    let mappings = shipped();
    let mut apart = BTreeSet::new();
    let mut all = Vec::new();
    for capture in captures.iter().filter(|c| !c.starts_with("collector")) {
        let bodies = bodies(capture);
        let events = support::once(&mappings, &bodies);
        apart.extend(events.iter().map(|e| e["event_id"].to_string()));
        all.extend(bodies);
    }
    let together = support::once(&mappings, &support::merged(&all));
    let ids: BTreeSet<String> = together.iter().map(|e| e["event_id"].to_string()).collect();
    assert_eq!(ids, apart);
    // What the collector passed on has the ids that the clients' own bodies have.
    let forwarded = support::once(&mappings, &bodies("collector/forwarded"));
    for event in forwarded.iter().filter(|e| e["type"] == "llm.call") {
        assert!(apart.contains(&event["event_id"].to_string()), "{event:?}");
    }
}

/// A JSON body and a protobuf body of the same records are the same events.
#[test]
fn both_encodings_give_the_same() {
    let Some(captures) = recordings() else { return };
    let mappings = shipped();
    let mut compared = 0;
    for capture in &captures {
        for body in bodies(capture) {
            let Some(json) = body.decoded() else { continue };
            let (one, other) = (body.map(&mappings), json.map(&mappings));
            assert_eq!(one.events, other.events, "{capture}");
            assert_eq!(one.repeated, other.repeated, "{capture}");
            assert_eq!(one.ignored, other.ignored, "{capture}");
            compared += one.events.len();
        }
    }
    assert!(compared > 30, "{compared}");
}

/// Every record is counted once, nothing of a known emitter is unknown but cumulative counters
/// that no record repeats, and no text of a prompt or an argument comes through.
#[test]
fn every_record_is_counted_and_no_text_comes_through() {
    let Some(captures) = recordings() else { return };
    let mappings = shipped();
    for capture in &captures {
        for body in bodies(capture) {
            let mapped = body.map(&mappings);
            assert_eq!(mapped.rejected, 0, "{capture}: {}", mapped.message);
            assert_eq!(mapped.message, "", "{capture}");
            let unknown: u64 = mapped.unmapped.iter().map(|u| u.count).sum();
            let seen = mapped.events.len() as u64 + unknown + mapped.repeated + mapped.ignored;
            assert_eq!(seen, body.records(), "{capture}");
            let names: Vec<&str> = mapped.unmapped.iter().map(|u| u.name.as_str()).collect();
            let left = [
                "gemini_cli.lines.changed",
                "llm.openai",
                "llm.chat",
                "llm.anthropic",
            ];
            let allowed = |n: &&str| left.iter().any(|l| n.starts_with(l));
            assert!(names.iter().all(allowed), "{capture}: {names:?}");
            let out = format!("{:?}{:?}", mapped.events, mapped.unmapped);
            for text in [
                "calc.py",
                "Be brief",
                "/home/dev",
                "You are",
                "Traceback",
                "Weather",
            ] {
                assert!(!out.contains(text), "{capture}: {text:?} in {out}");
            }
        }
    }
}

/// How long calls took, as the clients' own records say: to the millisecond, as those that they
/// are told in. Codex' are told where the request's record came in the same body; of calls that
/// Anthropic's client tells of itself its own time is taken.
#[test]
fn durations_are_those_that_were_told() {
    let Some(captures) = recordings() else { return };
    let mappings = shipped();
    for capture in &captures {
        let events = support::once(&mappings, &bodies(capture));
        let calls = events.iter().filter(|e| e["type"] == "llm.call");
        let mut told: Vec<i64> = calls
            .filter_map(|e| Some((e.get("latency_ms")?.as_f64()? * 1000.0).round() as i64))
            .collect();
        let notes = expected(capture);
        let mut missing = Vec::new();
        for call in notes["calls"].as_array().unwrap() {
            let micros = (call["duration_ms"].as_f64().unwrap() * 1000.0).round() as i64;
            match told.iter().position(|t| t.abs_diff(micros) <= 1) {
                Some(at) => _ = told.swap_remove(at),
                None => missing.push(micros),
            }
        }
        let others = if capture == "py-openllmetry/calls" {
            4
        } else {
            0
        };
        assert_eq!(
            missing.len(),
            others,
            "{capture}: {missing:?} not in {told:?}"
        );
    }
}
