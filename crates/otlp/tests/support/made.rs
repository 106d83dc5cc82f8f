//! Records that are made by hand.

use super::{Event, map, shipped};
use serde_json::{Value, json};
use weir_otlp::{Mapped, Signal};

/// An attribute list of `{name: value}`; integers are written as text, as most exporters do.
pub fn attributes(of: Value) -> Value {
    let pair = |(k, v): (&String, &Value)| {
        let value = match v {
            Value::String(s) => json!({"stringValue": s}),
            Value::Bool(b) => json!({"boolValue": b}),
            Value::Number(n) if n.is_i64() => json!({"intValue": n.to_string()}),
            Value::Number(n) => json!({"doubleValue": n}),
            Value::Array(a) => json!({"arrayValue": {"values":
                a.iter().map(|x| json!({"stringValue": x})).collect::<Vec<_>>()}}),
            _ => json!({}),
        };
        json!({"key": k, "value": value})
    };
    of.as_object().unwrap().iter().map(pair).collect()
}

pub fn body(signal: Signal, scope: &str, records: Vec<Value>) -> Value {
    let [resources, scopes, list] = match signal {
        Signal::Logs => ["resourceLogs", "scopeLogs", "logRecords"],
        Signal::Metrics => ["resourceMetrics", "scopeMetrics", "metrics"],
        Signal::Traces => ["resourceSpans", "scopeSpans", "spans"],
    };
    let resource = json!({"attributes": attributes(json!({"service.name": "shop"}))});
    let of_scope = json!({"scope": {"name": scope, "version": "3.1"}, list: records});
    json!({resources: [{"resource": resource, scopes: [of_scope]}]})
}

pub fn logs(scope: &str, records: Vec<Value>) -> Mapped {
    map(
        &shipped(),
        Signal::Logs,
        &body(Signal::Logs, scope, records),
    )
}

pub fn traces(scope: &str, spans: Vec<Value>) -> Mapped {
    map(
        &shipped(),
        Signal::Traces,
        &body(Signal::Traces, scope, spans),
    )
}

pub fn metrics(scope: &str, metrics: Vec<Value>) -> Mapped {
    map(
        &shipped(),
        Signal::Metrics,
        &body(Signal::Metrics, scope, metrics),
    )
}

pub fn log(nanos: &str, of: Value) -> Value {
    json!({"timeUnixNano": nanos, "observedTimeUnixNano": nanos, "attributes": attributes(of)})
}

/// A span of 16 digits' id within `parent` (or none), from `start` ms for `length` ms.
pub fn span(id: &str, parent: &str, (start, length): (u64, u64), of: Value) -> Value {
    let nanos = |ms: u64| (1_790_000_000_000_000_000 + ms * 1_000_000).to_string();
    json!({
        "traceId": "0af7651916cd43dd8448eb211c80319c", "spanId": id, "parentSpanId": parent,
        "name": of["gen_ai.operation.name"].as_str().unwrap_or("step"),
        "startTimeUnixNano": nanos(start), "endTimeUnixNano": nanos(start + length),
        "attributes": attributes(of),
    })
}

pub fn failed(mut span: Value) -> Value {
    span["status"] = json!({"code": 2, "message": "broken"});
    span
}

pub fn one(mapped: &Mapped) -> &Event {
    assert_eq!(mapped.events.len(), 1, "{mapped:?}");
    &mapped.events[0]
}

pub fn tokens(event: &Event) -> [Option<u64>; 5] {
    ["input", "cache_read", "cache_write", "output", "reasoning"]
        .map(|c| event.get(&format!("tokens_{c}")).and_then(Value::as_u64))
}
