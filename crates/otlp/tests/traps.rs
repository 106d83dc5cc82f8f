//! What is easily counted wrong, made by hand.

#![allow(clippy::unwrap_used)]

mod support;

use serde_json::{Value, json};
use support::made::{attributes, body, failed, log, logs, metrics, one, span, tokens, traces};
use support::{map, shipped};
use weir_otlp::Signal;

const CLAUDE: &str = "com.anthropic.claude_code.events";
const CODEX: &str = "codex_otel.log_only";

fn request(sequence: u32, at: &str) -> Value {
    log(
        "1790000000000000000",
        json!({
            "event.name": "api_request", "event.sequence": sequence, "event.timestamp": at,
            "session.id": "s-1", "model": "m-1", "input_tokens": 5, "output_tokens": 7,
            "cache_read_tokens": 100, "cache_creation_tokens": 9, "cost_usd": 0.25,
            "duration_ms": 120, "ttft_ms": 20, "user.email": "a@example.com",
        }),
    )
}

#[test]
fn a_sequence_that_starts_again_is_another_call_and_the_same_bytes_are_the_same() {
    let first = logs(CLAUDE, vec![request(3, "2026-09-21T10:00:00.100Z")]);
    let again = logs(CLAUDE, vec![request(3, "2026-09-21T10:00:00.100Z")]);
    let resumed = logs(CLAUDE, vec![request(3, "2026-09-21T10:05:00.100Z")]);
    assert_eq!(one(&first), one(&again));
    assert_ne!(one(&first)["event_id"], one(&resumed)["event_id"]);
    let event = one(&first);
    assert_eq!(event["event_time"], 1_789_984_800_100_000_i64);
    assert_eq!(tokens(event), [Some(5), Some(100), Some(9), Some(7), None]);
    assert_eq!(event["latency_ms"].as_f64(), Some(120.0));
    assert_eq!(event["engineer"]["email"], "a@example.com");
    assert_eq!(event["cost_usd"], 0.25);
}

/// The span has the call's numbers under two meanings; none of it counts.
#[test]
fn a_span_of_claude_code_repeats_its_log_record() {
    let mut call = span(
        "00f067aa0ba902b7",
        "",
        (0, 100),
        json!({
            "gen_ai.operation.name": "chat", "input_tokens": 5, "gen_ai.usage.input_tokens": 114,
            "request_id": "r-1",
        }),
    );
    call["name"] = "claude_code.llm_request".into();
    let mapped = traces("com.anthropic.claude_code.tracing", vec![call]);
    assert_eq!((mapped.events.len(), mapped.repeated), (0, 1));
}

fn codex(name: &str, observed: u64, of: Value) -> Value {
    let mut all = json!({"event.name": name, "conversation.id": "c-1", "model": "m-2"});
    all.as_object_mut()
        .unwrap()
        .extend(of.as_object().unwrap().clone());
    json!({
        "timeUnixNano": "0", "observedTimeUnixNano": observed.to_string(), "body": null,
        "eventName": "event src/events.rs:1", "traceId": "", "attributes": attributes(all),
    })
}

/// Numbers as text beside integers, no time but the observed one, the name in an attribute, and
/// the end of the response twice.
#[test]
fn codex_ends_a_response_twice_and_it_is_one_call() {
    let records = vec![
        codex(
            "codex.api_request",
            1_790_000_000_000_000_000,
            json!({
                "duration_ms": "200", "http.response.status_code": 200,
                "event.timestamp": "2026-09-21T14:13:20.000Z",
            }),
        ),
        codex(
            "codex.sse_event",
            1_790_000_000_300_000_000,
            json!({
                "event.kind": "response.completed", "event.timestamp": "2026-09-21T14:13:20.300Z",
            }),
        ),
        codex(
            "codex.sse_event",
            1_790_000_000_301_000_000,
            json!({
                "event.kind": "response.completed", "event.timestamp": "2026-09-21T14:13:20.301Z",
                "input_token_count": "1000", "cached_token_count": 600,
                "cache_write_token_count": 100,
                "output_token_count": "50", "reasoning_token_count": 20, "tool_token_count": "1050",
            }),
        ),
    ];
    let mapped = logs(CODEX, records);
    let event = one(&mapped);
    assert_eq!(mapped.repeated, 2);
    assert_eq!(
        tokens(event),
        [Some(300), Some(600), Some(100), Some(30), Some(20)]
    );
    assert_eq!(event["event_time"], 1_790_000_000_301_000_i64);
    assert_eq!(event["latency_ms"].as_f64(), Some(501.0));
}

#[test]
fn a_stream_of_codex_that_breaks_is_one_failure_that_counts_no_tokens() {
    let at = |n: u64| 1_790_000_000_000_000_000 + n;
    let records = vec![
        codex(
            "codex.sse_event",
            at(1),
            json!({"event.kind": "response.failed"}),
        ),
        codex(
            "codex.sse_event",
            at(2),
            json!({"event.kind": "response.completed"}),
        ),
        codex(
            "codex.sse_event",
            at(3),
            json!({"event.kind": "response.created"}),
        ),
    ];
    let mapped = logs(CODEX, records);
    let event = one(&mapped);
    assert_eq!(event["success"], false);
    assert_eq!(event["error_type"], "stream_failed");
    assert_eq!(tokens(event), [Some(0); 5]);
    assert_eq!((mapped.repeated, mapped.ignored), (1, 1));
}

/// The same names, and output that holds the reasoning in one and not in the other.
#[test]
fn gemini_and_qwen_mean_different_things_by_output() {
    let response = |name: &str| {
        log(
            "1790000000000000000",
            json!({
                "event.name": name, "session.id": "s", "model": "m", "response_id": "id-1",
                "input_token_count": 100, "cached_content_token_count": 40,
                "output_token_count": 30, "thoughts_token_count": 10, "duration_ms": 5,
            }),
        )
    };
    let gemini = logs("gemini-cli", vec![response("gemini_cli.api_response")]);
    let qwen = logs("qwen-code", vec![response("qwen-code.api_response")]);
    assert_eq!(
        tokens(one(&gemini)),
        [Some(60), Some(40), Some(0), Some(30), Some(10)]
    );
    assert_eq!(
        tokens(one(&qwen)),
        [Some(60), Some(40), Some(0), Some(20), Some(10)]
    );
}

fn chat(input: u64) -> Value {
    json!({
        "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "m", "gen_ai.usage.input_tokens": input,
        "gen_ai.usage.output_tokens": 1,
    })
}

#[test]
fn the_sum_on_an_agent_is_no_call_and_calls_below_it_are() {
    let mut agent = chat(30);
    agent["gen_ai.operation.name"] = "invoke_agent".into();
    let spans = vec![
        span("00000000000000a1", "", (0, 100), agent),
        span("00000000000000a2", "00000000000000a1", (1, 20), chat(10)),
        span("00000000000000a3", "00000000000000a1", (30, 20), chat(20)),
    ];
    let mapped = traces("some.framework", spans);
    assert_eq!((mapped.events.len(), mapped.repeated), (2, 1));
}

/// Usage that is not told is unknown; of a call that failed it is 0.
#[test]
fn unknown_is_not_nothing() {
    let told = json!({"gen_ai.operation.name": "chat", "gen_ai.request.model": "m"});
    let good = traces(
        "lib",
        vec![span("00000000000000a1", "", (0, 9), told.clone())],
    );
    assert_eq!(tokens(one(&good)), [None; 5]);
    assert_eq!(one(&good)["success"], true);
    assert_eq!(one(&good).get("error_type"), None);
    let bad = traces(
        "lib",
        vec![failed(span("00000000000000a1", "", (0, 9), told))],
    );
    assert_eq!(tokens(one(&bad)), [Some(0); 5]);
    assert_eq!(one(&bad)["error_type"], "error");
    assert_eq!(one(&bad)["engineer"]["email"], "unknown");
}

/// A call within a call is the same one, told by two libraries; within a tool it is another.
#[test]
fn a_call_within_a_call_is_told_twice() {
    let tool = json!({"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "t"});
    let spans = vec![
        span("00000000000000a1", "", (0, 100), chat(10)),
        span(
            "00000000000000a2",
            "00000000000000a1",
            (1, 90),
            json!({"step": "http"}),
        ),
        span("00000000000000a3", "00000000000000a2", (2, 80), chat(10)),
        span("00000000000000b1", "00000000000000a1", (3, 50), tool),
        span("00000000000000b2", "00000000000000b1", (4, 40), chat(77)),
    ];
    let mapped = traces("lib", spans);
    let types: Vec<&Value> = mapped.events.iter().map(|e| &e["type"]).collect();
    assert_eq!(types, ["llm.call", "tool.called", "llm.call"]);
    assert_eq!(mapped.repeated, 1);
}

/// Two libraries in two traces: ids join what went well, time what failed, one to one.
#[test]
fn two_libraries_that_know_nothing_of_each_other_tell_of_one_call() {
    let with_id = |mut c: Value, output: u64| {
        c["gen_ai.response.id"] = "msg_1".into();
        c["gen_ai.usage.output_tokens"] = output.into();
        c
    };
    let scope = |name: &str, spans: Vec<Value>| {
        let mut made = body(Signal::Traces, name, spans);
        made["resourceSpans"][0].take()
    };
    let library = vec![
        span("00000000000000a1", "", (0, 100), with_id(chat(10), 8)),
        failed(span("00000000000000a2", "", (200, 100), chat(0))),
        failed(span("00000000000000a3", "", (201, 90), chat(0))),
    ];
    let sdk = vec![
        span("00000000000000c1", "", (1, 98), with_id(chat(10), 7)),
        failed(span("00000000000000c2", "", (205, 80), chat(0))),
    ];
    let both = json!({"resourceSpans": [
        scope("opentelemetry.instrumentation.anthropic", library),
        scope("com.anthropic.sdk.python", sdk),
    ]});
    let mapped = map(&shipped(), Signal::Traces, &both);
    assert_eq!(mapped.repeated, 2);
    let outputs = mapped.events.iter().filter(|e| e["success"] == true);
    let outputs: Vec<_> = outputs.map(|e| tokens(e)[3]).collect();
    assert_eq!(outputs, [Some(7)]);
    assert_eq!(
        mapped
            .events
            .iter()
            .filter(|e| e["success"] == false)
            .count(),
        2
    );
}

/// A tool that is let is one event, with the decision where it comes with the result.
#[test]
fn a_decision_and_its_result_are_one_tool() {
    let of = |name: &str, more: Value| {
        let mut all = json!({
            "event.name": name, "session.id": "s", "tool_name": "Bash", "tool_use_id": "t-1",
            "event.timestamp": "2026-09-21T10:00:00Z", "event.sequence": 1,
        });
        all.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        log("1790000000000000000", all)
    };
    let let_ = of(
        "tool_decision",
        json!({"decision": "accept", "source": "user_temporary"}),
    );
    let ran = of(
        "tool_result",
        json!({"success": "true", "duration_ms": "12"}),
    );
    let both = logs(CLAUDE, vec![let_, ran.clone()]);
    let tool = one(&both);
    assert_eq!(
        (&tool["decision"], &tool["decided_by"]),
        (&json!("accepted"), &json!("user"))
    );
    assert_eq!(
        (&tool["success"], tool["duration_ms"].as_f64()),
        (&json!(true), Some(12.0))
    );
    let alone = logs(CLAUDE, vec![ran]);
    assert_eq!(one(&alone)["decision"], "accepted");
    assert_eq!(one(&alone)["event_id"], tool["event_id"]);
    let no = of(
        "tool_decision",
        json!({"decision": "reject", "source": "config"}),
    );
    let refused = logs(CLAUDE, vec![no]);
    assert_eq!(one(&refused)["decision"], "rejected");
    assert_eq!(one(&refused).get("success"), None);
}

fn counter(name: &str, temporality: u8, value: Value, of: Value) -> Value {
    json!({"name": name, "sum": {
        "aggregationTemporality": temporality, "isMonotonic": true,
        "dataPoints": [{
            "startTimeUnixNano": "1790000000000000000", "timeUnixNano": "1790000060000000000",
            "asInt": value, "attributes": attributes(of),
        }],
    }})
}

#[test]
fn counters_count_what_no_record_tells_and_only_what_was_added() {
    let name = "claude_code.lines_of_code.count";
    let of = |value: Value, temporality| {
        let point = counter(
            name,
            temporality,
            value,
            json!({"type": "added", "session.id": "s"}),
        );
        metrics("com.anthropic.claude_code", vec![point])
    };
    for value in [json!(12), json!("12")] {
        let mapped = of(value, 1);
        assert_eq!(one(&mapped)["type"], "productivity.recorded");
        assert_eq!(one(&mapped)["lines_added"], 12);
        assert_eq!(one(&mapped)["event_time"], 1_790_000_060_000_000_i64);
    }
    assert_eq!(of(json!(12), 1), of(json!(12), 1));
    assert_eq!(of(json!(0), 1).ignored, 1);
    let cumulative = of(json!(12), 2);
    assert_eq!(
        (cumulative.events.len(), cumulative.unmapped[0].count),
        (0, 1)
    );
    let cost = counter("claude_code.cost.usage", 1, json!(5), json!({}));
    assert_eq!(metrics("com.anthropic.claude_code", vec![cost]).repeated, 1);
}

#[test]
fn counters_of_tokens_are_told_as_what_was_added_or_as_totals_of_a_series() {
    let of = |scope: &str, metric: Value| metrics(scope, vec![metric]);
    let input = || json!({"type": "input", "session.id": "s"});
    let claude = |value: Value, temporality| {
        let point = counter("claude_code.token.usage", temporality, value, input());
        of("com.anthropic.claude_code", point)
    };
    let added = claude(json!(5), 1);
    let event = one(&added);
    assert_eq!(event["type"], "emitter.metered");
    assert_eq!(event["emitter"], "claude-code");
    assert_eq!(
        (&event["tokens_added"], event.get("series")),
        (&json!(5.0), None)
    );
    assert_eq!(claude(json!(0), 1).ignored, 1);
    // Another client setting sends totals: they are never taken for what was added.
    let total = claude(json!(5), 2);
    let event = one(&total);
    assert_eq!(
        (&event["tokens_total"], event.get("tokens_added")),
        (&json!(5.0), None)
    );
    let series = event["series"].clone();
    assert_eq!(one(&claude(json!(9), 2))["series"], series);
    let mut again = counter("claude_code.token.usage", 2, json!(2), input());
    again["sum"]["dataPoints"][0]["startTimeUnixNano"] = "1790000030000000000".into();
    let again = of("com.anthropic.claude_code", again);
    assert_ne!(one(&again)["series"], series, "it began anew");
    let mut gauge = counter("claude_code.token.usage", 2, json!(2), input());
    gauge["sum"]["isMonotonic"] = false.into();
    let gauge = of("com.anthropic.claude_code", gauge);
    assert_eq!(gauge.unmapped[0].count, 1, "it may shrink");
    let histogram = json!({"name": "codex.turn.token_usage", "histogram": {
        "aggregationTemporality": 1, "dataPoints": [{
            "startTimeUnixNano": "1790000000000000000", "timeUnixNano": "1790000060000000000",
            "count": "3", "sum": 31134.0, "attributes": attributes(json!({"token_type": "total"})),
        }],
    }});
    assert_eq!(one(&of("codex", histogram))["tokens_added"], 31134.0);
}

#[test]
fn what_is_not_known_is_counted_with_an_example_that_gives_no_text_away() {
    let record = |secret: &str| {
        let mut made = log("1790000000000000000", json!({"who": secret, "n": 3}));
        made["eventName"] = "shop.checkout".into();
        made["body"] = json!({"stringValue": secret});
        made
    };
    let mapped = logs("shop.events", vec![record("a secret"), record("b secret")]);
    assert_eq!(mapped.unmapped.len(), 1);
    let unknown = &mapped.unmapped[0];
    assert_eq!(
        (unknown.emitter.as_str(), unknown.version.as_str()),
        ("shop", "3.1")
    );
    assert_eq!((unknown.name.as_str(), unknown.count), ("shop.checkout", 2));
    assert_eq!(unknown.example["attributes"]["n"], 3);
    assert_eq!(unknown.example["attributes"]["who"], "<text of 8>");
    assert!(!unknown.example.to_string().contains("secret"));
}

/// Classes that are more than the whole: the call is one, its usage is not known.
#[test]
fn numbers_that_contradict_each_other_are_told() {
    let mut told = chat(10);
    told["gen_ai.usage.cache_read.input_tokens"] = 11.into();
    let mapped = traces("lib", vec![span("00000000000000a1", "", (0, 9), told)]);
    let event = one(&mapped);
    assert_eq!(tokens(event), [None; 5]);
    assert_eq!(event["usage_complete"], false);
    assert!(
        mapped.message.contains("input tokens are 10"),
        "{}",
        mapped.message
    );
    assert_eq!(mapped.rejected, 0);
}

/// A known record with something else in place of a number is not taken, and why is told.
#[test]
fn what_cannot_be_read_is_rejected_without_its_text() {
    let mut bad = request(1, "2026-09-21T10:00:00Z");
    bad["attributes"]
        .as_array_mut()
        .unwrap()
        .retain(|a| a["key"] != "duration_ms");
    let text = json!({"key": "duration_ms", "value": {"stringValue": "quite long"}});
    bad["attributes"].as_array_mut().unwrap().push(text);
    let mapped = logs(CLAUDE, vec![bad, request(2, "2026-09-21T10:00:01Z")]);
    assert_eq!((mapped.events.len(), mapped.rejected), (1, 1));
    assert!(mapped.message.contains("latency_ms"), "{}", mapped.message);
    assert!(!mapped.message.contains("quite"), "{}", mapped.message);
}
