//! Records that no declaration knows, counted by what they are.

use crate::Signal;
use crate::proto::common::v1::any_value::Value as Any;
use crate::proto::common::v1::{AnyValue, KeyValue};
use crate::read::{Number, Record, What};
use serde_json::{Map, Value, json};
use std::collections::HashMap;

/// Records of one emitter, version, signal and name that no declaration knows.
#[derive(Debug, Clone, PartialEq)]
pub struct Unmapped {
    /// Name of the declaration; for an undeclared scope the service's name, else the scope's.
    pub emitter: String,
    /// Its version; empty where it is not told.
    pub version: String,
    /// Signal.
    pub signal: Signal,
    /// Name of the log record's event, span or metric; empty where it has none.
    pub name: String,
    /// How many.
    pub count: u64,
    /// One of them: names, times, numbers and truths as they came, of texts the length alone.
    pub example: Value,
}

/// Counts per kind of record.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    at: HashMap<(String, String, String), usize>,
    pub all: Vec<Unmapped>,
}

impl Counts {
    pub fn add(&mut self, emitter: &str, version: &str, signal: Signal, record: &Record) {
        let key = (emitter.into(), version.into(), record.name.into());
        if let Some(i) = self.at.get(&key) {
            self.all[*i].count += 1;
            return;
        }
        self.at.insert(key, self.all.len());
        self.all.push(Unmapped {
            emitter: emitter.to_owned(),
            version: version.to_owned(),
            signal,
            name: record.name.to_owned(),
            count: 1,
            example: example(record),
        });
    }
}

fn example(record: &Record) -> Value {
    let mut out = json!({
        "name": record.name,
        "scope": {"name": record.scope, "version": record.scope_version},
        "resource": attributes(record.resource),
        "attributes": attributes(record.attributes),
    });
    let more = match record.what {
        What::Log(l) => json!({
            "time_unix_nano": l.time_unix_nano,
            "observed_time_unix_nano": l.observed_time_unix_nano,
            "body": l.body.as_ref().map(any),
        }),
        What::Span(s) => json!({
            "start_time_unix_nano": s.start_time_unix_nano,
            "end_time_unix_nano": s.end_time_unix_nano,
            "status": s.status.as_ref().map(|t| t.code),
        }),
        What::Point(p) => json!({
            "start_time_unix_nano": p.start,
            "time_unix_nano": p.time,
            "value": match p.value {
                Some(Number::Int(i)) => i.into(),
                Some(Number::Float(f)) => f.into(),
                None => Value::Null,
            },
        }),
    };
    if let (Value::Object(out), Value::Object(more)) = (&mut out, more) {
        out.extend(more);
    }
    out
}

fn attributes(list: &[KeyValue]) -> Map<String, Value> {
    let pair = |a: &KeyValue| {
        let value = a.value.as_ref().map_or(Value::Null, any);
        (a.key.clone(), value)
    };
    list.iter().map(pair).collect()
}

/// Texts may hold anything: prompts, paths, names. Their length is enough to write a mapping.
fn any(value: &AnyValue) -> Value {
    match &value.value {
        Some(Any::StringValue(s)) => format!("<text of {}>", s.chars().count()).into(),
        Some(Any::BoolValue(b)) => (*b).into(),
        Some(Any::IntValue(i)) => (*i).into(),
        Some(Any::DoubleValue(f)) => (*f).into(),
        Some(Any::ArrayValue(l)) => format!("<list of {}>", l.values.len()).into(),
        Some(Any::KvlistValue(l)) => format!("<map of {}>", l.values.len()).into(),
        Some(Any::BytesValue(b)) => format!("<bytes of {}>", b.len()).into(),
        _ => Value::Null,
    }
}
