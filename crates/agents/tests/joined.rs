//! A call that came over OTLP, too, is one call.

#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use std::fs;
use weir_agents::{Agents, Cache, Call, Claim, Claims, Machine, There, Tokens, joined};

fn calls(agent: &str, file: &str, text: &str) -> (Agents, Vec<Call>) {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join(file);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
    let agents = Agents::shipped().unwrap();
    let logs = agents.find(&Machine::at(home.path()));
    let read = Cache::default().read(&agents, &logs, &mut |_, _| {});
    assert!(read.calls.iter().all(|c| &*c.agent == agent));
    (agents, read.calls)
}

/// Calls of Gemini CLI of one session with equal tokens, at these milliseconds.
fn equal(times: &[i64]) -> (Agents, Vec<Call>) {
    let mut text = "{\"sessionId\":\"s\"}\n".to_owned();
    for (n, ms) in times.iter().enumerate() {
        let at = jiff::Timestamp::from_millisecond(1_700_000_000_000 + ms).unwrap();
        text += &format!(
            "{{\"id\":\"m{n}\",\"timestamp\":\"{at}\",\"model\":\"gemini-2.5-pro\",\"tokens\":{{\"input\":9,\"output\":5,\"cached\":2,\"thoughts\":0}}}}\n"
        );
    }
    calls("gemini-cli", ".gemini/tmp/p/chats/s.jsonl", &text)
}

fn there(ms: i64) -> There {
    There {
        request_id: String::new(),
        session: "s".into(),
        model: "gemini-2.5-pro-002".into(),
        at: (1_700_000_000_000 + ms) * 1000,
        tokens: Tokens {
            input: Some(7),
            cache_read: Some(2),
            output: Some(5),
            reasoning: Some(0),
            ..Tokens::default()
        },
    }
}

/// An event as the gateway has it.
fn event(t: &There) -> serde_json::Map<String, serde_json::Value> {
    let event = serde_json::json!({
        "type": "llm.call", "session_id": t.session, "model": t.model, "event_time": t.at,
        "tokens_input": t.tokens.input, "tokens_cache_read": t.tokens.cache_read,
        "tokens_output": t.tokens.output, "tokens_reasoning": t.tokens.reasoning,
    });
    event.as_object().unwrap().clone()
}

/// What comes after the log is the same call where the log would be the same as what came before.
#[test]
fn claims_and_the_archive_go_by_the_same_rules() {
    let (agents, calls) = equal(&[0]);
    let mut claims = Claims::default();
    let claim = Claim::of_call(&agents, "acme", &calls[0]).unwrap();
    claims.take(&claim.key, &claim.value().unwrap());
    let mut others = vec![
        there(0),
        there(-2_000),
        there(2_000),
        there(2_001),
        there(9_000),
    ];
    for change in [
        |t: &mut There| t.tokens.output = Some(6),
        |t: &mut There| t.session = "t".into(),
        |t: &mut There| t.model = "another".into(),
        |t: &mut There| t.tokens.cache_write = Some(0),
    ] {
        let mut other = there(0);
        change(&mut other);
        others.push(other);
    }
    for t in &others {
        let is_there = joined(&agents, &[&calls[0]], std::slice::from_ref(t));
        assert_eq!([claims.hold("acme", &event(t))], is_there[..], "{t:?}");
    }
    assert!(!claims.hold("other", &event(&there(0))));
}

#[test]
fn a_call_without_tokens_is_claimed_by_its_id_alone() {
    let line = r#"{"type":"assistant","timestamp":"2026-03-04T05:06:07Z","sessionId":"s","requestId":"r1","message":{"id":"m","model":"x","stop_reason":"end","usage":{"input_tokens":0,"output_tokens":0}}}"#;
    let (agents, with) = calls("claude-code", ".claude/projects/p/s.jsonl", line);
    assert!(Claim::of_call(&agents, "t", &with[0]).is_some());
    let mut without = with[0].clone();
    without.request_id = None;
    assert_eq!(Claim::of_call(&agents, "t", &without), None);
}

fn found(times: &[i64], theirs: &[There]) -> Vec<bool> {
    let (agents, calls) = equal(times);
    let calls: Vec<&Call> = calls.iter().collect();
    joined(&agents, &calls, theirs)
}

#[test]
fn one_stands_for_one() {
    assert_eq!(found(&[0, 100], &[there(50)]), [true, false]);
    assert_eq!(found(&[0, 100], &[there(-60), there(40)]), [true, true]);
    assert_eq!(found(&[0], &[there(9_000)]), [false], "too far");
    let mut other = there(0);
    other.tokens.output = Some(6);
    assert_eq!(found(&[0], &[other]), [false], "other numbers");
    let mut other = there(0);
    other.session = "t".into();
    assert_eq!(found(&[0], &[other]), [false], "another session");
}

#[test]
fn a_shared_id_decides_alone() {
    let line = r#"{"type":"assistant","timestamp":"2026-03-04T05:06:07Z","sessionId":"s","requestId":"r1","message":{"id":"m","model":"x","stop_reason":"end","usage":{"input_tokens":7,"output_tokens":5}}}"#;
    let (agents, calls) = calls("claude-code", ".claude/projects/p/s.jsonl", line);
    let of = |id: &str| There {
        request_id: id.into(),
        session: "elsewhere".into(),
        model: "y".into(),
        at: 0,
        tokens: Tokens::default(),
    };
    assert_eq!(joined(&agents, &[&calls[0]], &[of("r1")]), [true]);
    let same = There {
        session: "s".into(),
        model: "x".into(),
        at: calls[0].at,
        tokens: calls[0].tokens,
        ..of("r2")
    };
    assert_eq!(joined(&agents, &[&calls[0]], &[same]), [false]);
}

proptest! {
    /// As many are found as can have a partner of their own.
    #[test]
    fn no_partner_is_left_over(
        mine in prop::collection::btree_set(0i64..20, 0..6),
        theirs in prop::collection::vec(0i64..20, 0..6),
    ) {
        // Steps of a second; within two of them.
        let times: Vec<i64> = mine.iter().map(|s| s * 1000).collect();
        let others: Vec<There> = theirs.iter().map(|s| there(s * 1000)).collect();
        let n = found(&times, &others).iter().filter(|f| **f).count();
        prop_assert_eq!(n, most(&times, &mut others.iter().map(|t| t.at / 1000 - 1_700_000_000_000).collect()));
    }
}

/// The largest number of pairs, by trying all.
fn most(mine: &[i64], theirs: &mut Vec<i64>) -> usize {
    let Some((first, rest)) = mine.split_first() else {
        return 0;
    };
    let mut best = most(rest, theirs);
    for i in 0..theirs.len() {
        if (theirs[i] - first).abs() <= 2000 {
            let taken = theirs.remove(i);
            best = best.max(1 + most(rest, theirs));
            theirs.insert(i, taken);
        }
    }
    best
}
