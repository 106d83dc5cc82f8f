//! OTLP in all its forms, through to the records in Kafka.
#![allow(clippy::unwrap_used)]

mod common;

use common::{Served, now};
use serde_json::{Value, json};
use std::io::Write;
use weir_agents::{Agents, Claim, Tool};
use weir_catalog::Catalog;
use weir_embedded::testing::kafka;
use weir_model::avro::{Projection, Value as Decoded};
use weir_model::{topics, wire};
use weir_otlp::proto::collector::trace::v1::ExportTraceServiceRequest;
use weir_otlp::proto::collector::trace::v1::trace_service_client::TraceServiceClient;
use weir_otlp::proto::common::v1::any_value::Value as Any;
use weir_otlp::proto::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use weir_otlp::proto::resource::v1::Resource;
use weir_otlp::proto::trace::v1::{ResourceSpans, ScopeSpans, Span};
use weir_sources::publish::Publisher;

const JSON: (&str, &str) = ("content-type", "application/json");
const PROTOBUF: (&str, &str) = ("content-type", "application/x-protobuf");

/// A call of a model, as the conventions have it, in JSON.
fn trace(service: &str, span: u8, more: Value) -> Value {
    let text = |k: &str, v: &str| json!({"key": k, "value": {"stringValue": v}});
    let nanos = |micros: i64| (micros * 1000).to_string();
    let mut attributes = vec![
        text("gen_ai.operation.name", "chat"),
        text("gen_ai.provider.name", "openai"),
        text("gen_ai.request.model", "gpt-5"),
        text("user.email", "Ada@Example.com"),
        json!({"key": "gen_ai.usage.input_tokens", "value": {"intValue": "1200"}}),
        json!({"key": "gen_ai.usage.output_tokens", "value": {"intValue": "34"}}),
    ];
    attributes.extend(more.as_array().unwrap().iter().cloned());
    let end = now();
    json!({"resourceSpans": [{
        "resource": {"attributes": [text("service.name", service)]},
        "scopeSpans": [{
            "scope": {"name": "some.instrumentation", "version": "2.0"},
            "spans": [{
                "traceId": "5b8efff798038103d269b633813fc60c",
                "spanId": format!("eee19b7ec3c1b1{span:02x}"),
                "name": "chat gpt-5", "kind": 3,
                "startTimeUnixNano": nanos(end - 1_500_000), "endTimeUnixNano": nanos(end),
                "attributes": attributes,
            }],
        }],
    }]})
}

/// Fields of the events of a type whose source begins so.
fn events(served: &Served, event: &str, prefix: &str, paths: &[&str]) -> Vec<Vec<String>> {
    let catalog = Catalog::embedded().unwrap();
    let schema = &catalog
        .events
        .iter()
        .find(|e| e.name == event)
        .unwrap()
        .schema_json;
    let read = Projection::compile(schema, schema, paths).unwrap();
    let mut out = Vec::new();
    for record in served.records(&topics::events(event)) {
        let mut row = vec![Decoded::Null; paths.len()];
        read.decode(&record.value[wire::FRAME..], &mut row).unwrap();
        let shown = |v: &Decoded<'_>| match v {
            Decoded::Str(s) => (*s).to_owned(),
            Decoded::Int(n) => n.to_string(),
            other => format!("{other:?}"),
        };
        if record.key.starts_with(prefix) {
            out.push(row.iter().map(shown).collect());
        }
    }
    out
}

#[test]
fn a_span_becomes_a_call_however_it_comes() {
    let served = Served::start(kafka().address(), |_| {});
    let body = trace("otlp-a", 1, json!([])).to_string();
    for path in ["/v1/traces", "/api/public/otel/v1/traces"] {
        let answer = served.post(path, &[JSON], &body);
        assert_eq!(
            (answer.status, answer.kind.as_str()),
            (200, JSON.1),
            "{answer:?}"
        );
        assert_eq!(
            answer.body["partialSuccess"]["rejectedSpans"],
            Value::Null,
            "{answer:?}"
        );
    }
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(body.as_bytes()).unwrap();
    let packed = [JSON, ("content-encoding", "gzip")];
    assert_eq!(
        served
            .post("/v1/traces", &packed, gzip.finish().unwrap())
            .status,
        200
    );

    let paths = [
        "event_id",
        "tenant",
        "engineer.email",
        "model",
        "tokens_input",
        "tokens_output",
    ];
    let calls = events(&served, "llm.call", "otlp-a", &paths);
    assert_eq!(calls.len(), 3);
    assert_eq!(
        calls[0][1..],
        ["acme", "ada@example.com", "gpt-5", "1200", "34"]
    );
    // Sent again it is the same event.
    assert!(calls.iter().all(|c| c[0] == calls[0][0]), "{calls:?}");
}

#[test]
fn what_nobody_understands_is_counted_and_kept() {
    let served = Served::start(kafka().address(), |_| {});
    let unknown = json!({"resourceLogs": [{
        "resource": {"attributes": [
            {"key": "service.name", "value": {"stringValue": "otlp-unknown"}}]},
        "scopeLogs": [{
            "scope": {"name": "nobody.knows.it"},
            "logRecords": [{
                "timeUnixNano": (now() * 1000).to_string(), "eventName": "nobody.knows",
                "body": {"stringValue": "what somebody said"},
            }],
        }],
    }]});
    let answer = served.post("/v1/logs", &[JSON], unknown.to_string());
    assert_eq!(answer.status, 200, "{answer:?}");
    let paths = ["emitter", "signal", "name", "records", "example"];
    let kept = events(&served, "otel.unmapped", "otlp-unknown", &paths);
    assert_eq!(kept.len(), 1);
    assert_eq!(kept[0][..4], ["otlp-unknown", "logs", "nobody.knows", "1"]);
    assert!(!kept[0][4].contains("what somebody said"), "{kept:?}");
    let metrics = served.get("/metrics").text;
    assert!(metrics.contains("weir_gateway_otlp_unmapped_total{emitter=\"otlp-unknown/"));
}

/// A tool of Codex, as its log record.
fn tool(session: &str, call: &str) -> Value {
    let text = |k: &str, v: &str| json!({"key": k, "value": {"stringValue": v}});
    json!({"resourceLogs": [{
        "resource": {"attributes": [text("service.name", session), text("service.version", "7")]},
        "scopeLogs": [{"scope": {"name": "codex_otel"}, "logRecords": [{
            "observedTimeUnixNano": (now() * 1000).to_string(),
            "attributes": [
                text("event.name", "codex.tool_result"), text("conversation.id", session),
                text("call_id", call), text("tool_name", "shell"), text("success", "true"),
                text("user.email", "ada@example.com"),
            ],
        }]}],
    }]})
}

#[test]
fn what_an_import_published_before_is_told_as_a_double() {
    let served = Served::start(kafka().address(), |_| {});
    let agents = Agents::shipped().unwrap();
    let claimed = Tool {
        agent: "codex".into(),
        call_id: "d1".into(),
        otlp_id: Vec::new(),
        session: "doubled".into(),
        project: "".into(),
        version: "7".into(),
        at: now(),
        tool: "shell".into(),
        success: Some(true),
        exit_code: None,
        decision: String::new(),
        decided_by: String::new(),
        duration_ms: None,
    };
    let claim = Claim::of_tool(&agents, "acme", &claimed).unwrap();
    let mut publisher = Publisher::new(&served.brokers, "doubles").unwrap();
    publisher
        .claim(&claim.key, &claim.value().unwrap())
        .unwrap();
    publisher.finish().unwrap();
    let until = std::time::Instant::now() + common::DEADLINE;
    let paths = ["emitter", "version", "event", "session_id", "event_id"];
    loop {
        let answer = served.post("/v1/logs", &[JSON], tool("doubled", "d1").to_string());
        assert_eq!(answer.status, 200, "{answer:?}");
        let doubles = events(&served, "otel.doubled", "doubled", &paths);
        if let Some(double) = doubles.last() {
            assert_eq!(double[..4], ["codex", "7", "tool.called", "doubled"]);
            break;
        }
        assert!(std::time::Instant::now() < until, "the claim is not known");
    }
    let before = events(&served, "tool.called", "doubled", &["event_id"]).len();
    served.post("/v1/logs", &[JSON], tool("doubled", "d1").to_string());
    served.post("/v1/logs", &[JSON], tool("doubled", "d2").to_string());
    let after = events(&served, "tool.called", "doubled", &["call_id"]);
    assert_eq!(after.len(), before + 1, "{after:?}");
    assert_eq!(after.last().unwrap()[0], "d2");
    assert!(served.get("/metrics").text.contains("outcome=\"doubled\""));
}

#[test]
fn errors_come_in_the_form_that_was_sent() {
    let served = Served::start(kafka().address(), |_| {});
    let garbage = served.post("/v1/traces", &[JSON], "{\"resourceSpans\": 7}");
    assert_eq!(
        (garbage.status, &garbage.body["code"]),
        (400, &json!("WEIR-0921"))
    );
    let garbage = served.post("/v1/traces", &[PROTOBUF], b"\xff\xff\xff");
    assert_eq!((garbage.status, garbage.kind.as_str()), (400, PROTOBUF.1));
    assert!(garbage.text.contains("WEIR-0921"), "{garbage:?}");
    let none = [PROTOBUF, ("authorization", "")];
    assert_eq!(served.post("/v1/metrics", &none, b"").status, 401);
    assert_eq!(served.post("/v1/metrics", &[PROTOBUF], b"").status, 200);
    let kind = [("content-type", "text/plain")];
    assert_eq!(served.post("/v1/logs", &kind, b"").status, 415);
    assert_eq!(served.get("/v1/logs").status, 404);
    assert_eq!(served.post("/v1/other", &[JSON], b"{}").status, 404);
}

/// The same call, as gRPC has it.
fn request(service: &str) -> ExportTraceServiceRequest {
    let of = |key: &str, value: Any| KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue { value: Some(value) }),
        ..KeyValue::default()
    };
    let text = |key: &str, value: &str| of(key, Any::StringValue(value.to_owned()));
    let end = now() as u64 * 1000;
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            resource: Some(Resource {
                attributes: vec![text("service.name", service)],
                ..Resource::default()
            }),
            scope_spans: vec![ScopeSpans {
                scope: Some(InstrumentationScope {
                    name: "some.instrumentation".to_owned(),
                    ..InstrumentationScope::default()
                }),
                spans: vec![Span {
                    trace_id: vec![7; 16],
                    span_id: vec![8; 8],
                    name: "chat".to_owned(),
                    start_time_unix_nano: end - 1_000_000_000,
                    end_time_unix_nano: end,
                    attributes: vec![
                        text("gen_ai.operation.name", "chat"),
                        text("gen_ai.provider.name", "openai"),
                        text("gen_ai.request.model", "gpt-5"),
                        text("user.email", "ada@example.com"),
                        of("gen_ai.usage.input_tokens", Any::IntValue(7)),
                    ],
                    ..Span::default()
                }],
                ..ScopeSpans::default()
            }],
            ..ResourceSpans::default()
        }],
    }
}

#[test]
fn grpc_takes_the_same() {
    let served = Served::start(kafka().address(), |_| {});
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let endpoint = tonic::transport::Endpoint::from_shared(served.grpc.clone()).unwrap();
        let channel = endpoint.connect().await.unwrap();
        let mut client = TraceServiceClient::new(channel);
        let refused = client.export(request("otlp-g")).await.unwrap_err();
        assert_eq!(refused.code(), tonic::Code::Unauthenticated, "{refused:?}");
        let mut with = tonic::Request::new(request("otlp-g"));
        let token = format!("Bearer {}", served.token).parse().unwrap();
        with.metadata_mut().insert("authorization", token);
        let taken = client.export(with).await.unwrap().into_inner();
        assert_eq!(taken.partial_success, None);
    });
    let paths = ["tenant", "model", "tokens_input"];
    let calls = events(&served, "llm.call", "otlp-g", &paths);
    assert_eq!(calls, [["acme", "gpt-5", "7"]]);
}
