//! Dialects of bodies, bodies that are none, and answers.

#![allow(clippy::unwrap_used)]

mod support;

use proptest::prelude::*;
use serde_json::{Value, json};
use support::{RECEIVED, map, shipped};
use weir_otlp::{Encoding, Signal, answer};

/// Null attributes, integers as numbers or text, enums by name or number, fields that there are
/// not yet.
#[test]
fn every_dialect_of_json_is_read() {
    let body = |int: Value, code: Value, extra: bool| {
        let mut span = json!({
            "traceId": "0AF7651916CD43DD8448EB211C80319C", "spanId": "00f067aa0ba902b7",
            "parentSpanId": null, "name": "chat", "kind": 3, "flags": 257,
            "startTimeUnixNano": "1790000000000000000", "endTimeUnixNano": 1790000000100000000u64,
            "attributes": [
                {"key": "gen_ai.operation.name", "value": {"stringValue": "chat"}},
                {"key": "gen_ai.usage.input_tokens", "value": {"intValue": int}},
                {"key": "nothing", "value": {}},
                {"key": "nobody"},
                {"key": "list", "value": {"arrayValue": {}}},
                {"key": "map", "value": {"kvlistValue": {"values": [{"key": "a", "value": null}]}}},
            ],
            "status": {"code": code}, "events": null, "links": [],
        });
        if extra {
            span["fieldOfTheFuture"] = json!({"a": [1]});
        }
        json!({"resourceSpans": [{
            "resource": {"attributes": [], "entityRefs": []}, "schemaUrl": null,
            "scopeSpans": [{"scope": null, "spans": [span]}, {"scope": {"name": "x"}}],
        }]})
    };
    let read = |b: Value| map(&shipped(), Signal::Traces, &b).events;
    let expected = read(body(json!(7), json!(2), false));
    assert_eq!(expected.len(), 1);
    assert_eq!(expected[0]["tokens_input"], 7);
    assert_eq!(expected[0]["success"], false);
    assert_eq!(
        read(body(json!("7"), json!("STATUS_CODE_ERROR"), true)),
        expected
    );
    assert_eq!(read(json!({"resourceSpans": null})).len(), 0);
    assert_eq!(read(json!({})).len(), 0);
}

#[test]
fn a_body_that_is_none_is_refused_with_a_remedy() {
    let mappings = shipped();
    for (encoding, body) in [
        (Encoding::Json, &b"resourceLogs"[..]),
        (Encoding::Json, b"{\"resourceLogs\": 3}"),
        (Encoding::Protobuf, b"{\"resourceLogs\": []}"),
    ] {
        let refused = mappings
            .map(Signal::Logs, encoding, body, RECEIVED)
            .unwrap_err();
        assert!(refused.message.contains("logs request"), "{refused}");
        assert!(refused.remedy.contains("protocol"), "{refused}");
    }
}

#[test]
fn answers_say_what_was_not_taken() {
    let json = |n, m| String::from_utf8(answer(Signal::Metrics, Encoding::Json, n, m)).unwrap();
    assert_eq!(json(0, ""), r#"{"partialSuccess":{}}"#);
    let partial: Value = serde_json::from_str(&json(2, "why")).unwrap();
    let told = json!({"rejectedDataPoints": "2", "errorMessage": "why"});
    assert_eq!(partial["partialSuccess"], told);
    for signal in [Signal::Logs, Signal::Metrics, Signal::Traces] {
        let protobuf = |n, m| answer(signal, Encoding::Protobuf, n, m);
        assert!(protobuf(0, "").is_empty());
        // Field 1: a message of field 1, the number 2, and field 2, the text.
        assert_eq!(protobuf(2, "why"), b"\x0a\x07\x08\x02\x12\x03why");
    }
}

proptest! {
    /// Nothing that is sent stops the process.
    #[test]
    fn any_bytes_are_mapped_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let mappings = shipped();
        for signal in [Signal::Logs, Signal::Metrics, Signal::Traces] {
            for encoding in [Encoding::Protobuf, Encoding::Json] {
                let _ = mappings.map(signal, encoding, &bytes, RECEIVED);
            }
        }
    }

    /// The order of records changes no event, and each record is counted once.
    #[test]
    fn order_changes_nothing(
        kinds in prop::collection::vec((0u8..5, 0u64..6, 1u64..1000), 1..40),
        seed in any::<u64>(),
    ) {
        let record = |(kind, session, n): &(u8, u64, u64)| {
            let (name, more) = match kind {
                0 => ("codex.api_request", json!(200)),
                1 => ("codex.api_request", json!(429)),
                2 => ("codex.sse_event", json!("response.completed")),
                3 => ("codex.sse_event", json!("response.failed")),
                _ => ("codex.tool_result", json!("x")),
            };
            let text = |k: &str, v: &str| json!({"key": k, "value": {"stringValue": v}});
            let status = json!({"key": "http.response.status_code", "value": {"intValue": more}});
            let kind = match &more {
                Value::String(s) => text("event.kind", s),
                _ => status,
            };
            let at = 1_790_000_000_000_000_000 + n * 1_000_000;
            json!({"observedTimeUnixNano": at, "attributes": [
                text("event.name", name), kind, text("conversation.id", &session.to_string()),
                text("call_id", &n.to_string()), text("duration_ms", "5"), text("tool_name", "t"),
                {"key": "input_token_count", "value": {"intValue": n}},
            ]})
        };
        let run = |records: Vec<Value>| {
            let n = records.len() as u64;
            let body = json!({"resourceLogs": [{"scopeLogs": [{
                "scope": {"name": "codex"}, "logRecords": records,
            }]}]});
            let mapped = map(&shipped(), Signal::Logs, &body);
            let all = mapped.events.len() as u64 + mapped.repeated + mapped.ignored;
            assert_eq!((all, mapped.rejected), (n, 0));
            let mut events: Vec<String> =
                mapped.events.iter().map(|e| Value::Object(e.clone()).to_string()).collect();
            events.sort();
            events
        };
        let records: Vec<Value> = kinds.iter().map(record).collect();
        let mut other = records.clone();
        let len = other.len();
        for i in 0..len {
            other.swap(i, (seed as usize).wrapping_mul(i + 7) % len);
        }
        prop_assert_eq!(run(records), run(other));
    }
}
