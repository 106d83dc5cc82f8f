//! An event out of a record.

use crate::compile::{self, Convert, Emitter, Field, Mappings, Target};
use crate::identity;
use crate::read::{Record, Source, Val, find};
use crate::schema::Kind;
use crate::tokens;
use serde_json::{Map, Number, Value};

/// Text of a field that an event needs and that the record does not tell.
const UNKNOWN: &str = "unknown";
/// Where the resource tells which declaration was used, and the emitter's version.
const EMITTER: &str = "weir.emitter";
const EMITTER_VERSION: &str = "weir.emitter.version";

/// An event, and what about it could not be read.
pub(crate) struct Made {
    pub event: Map<String, Value>,
    pub warning: Option<String>,
}

/// Makes the event of a record that a rule knows; an error says what cannot be read.
pub(crate) fn make(
    mappings: &Mappings,
    emitter: &Emitter,
    rule: &crate::compile::Event,
    record: &Record,
    received_micros: i64,
) -> Result<Made, String> {
    let mut event = Map::new();
    event.insert("type".into(), rule.name.clone().into());
    let id = identity::id(&rule.name, &rule.identity, record);
    event.insert("event_id".into(), id.to_string().into());
    let time = time(emitter, record, received_micros);
    event.insert("event_time".into(), time.into());
    event.insert("source".into(), source(emitter, record).into());
    event.insert("resource".into(), resource(mappings, emitter, record));
    for field in &rule.fields {
        if let Some(value) = value(field, record, time)? {
            put(&mut event, &field.target, value);
        }
    }
    if rule.names_emitter {
        let version = record.first(&emitter.version);
        let version = version.as_ref().map(|v| v.text()).unwrap_or_default();
        event.insert(compile::EMITTER.into(), emitter.name.clone().into());
        event.insert(compile::VERSION.into(), version.into());
    }
    for target in &rule.unknown {
        if !has(&event, target) {
            put(&mut event, target, UNKNOWN.into());
        }
    }
    let told = tokens::fill(&rule.tokens, record, &mut event);
    // Numbers that contradict each other tell that usage is not known, not that there was no call.
    let warning = told.err();
    if warning.is_some() {
        event.insert("usage_complete".into(), false.into());
    }
    outcome(&mut event);
    Ok(Made { event, warning })
}

/// An error is told of what failed only, and always of that.
fn outcome(event: &mut Map<String, Value>) {
    let free = |v: &Value| v.as_f64() == Some(0.0);
    match event.get("success") {
        Some(Value::Bool(true)) => {
            event.remove("error_type");
        }
        Some(Value::Bool(false)) => {
            event.entry("error_type").or_insert("error".into());
            // No cost at all is what an emitter starts with, not a price that somebody knows.
            if event.get("cost_usd").is_some_and(free) {
                event.remove("cost_usd");
            }
        }
        _ => {}
    }
}

/// When a record was made, µs.
pub(crate) fn time(emitter: &Emitter, record: &Record, received_micros: i64) -> i64 {
    let stated = match record.first(&emitter.time) {
        Some(Val::Text(t)) => t
            .parse::<jiff::Timestamp>()
            .ok()
            .map(|t| t.as_microsecond()),
        _ => None,
    };
    stated.unwrap_or_else(|| match record.nanos() {
        0 => received_micros,
        ns => i64::try_from(ns / 1000).unwrap_or(received_micros),
    })
}

fn source(emitter: &Emitter, record: &Record) -> String {
    let parts = emitter.source.iter().filter_map(|p| record.first(p));
    let parts: Vec<String> = parts.map(|v| v.text().into_owned()).collect();
    if parts.is_empty() {
        emitter.name.clone()
    } else {
        parts.join("/")
    }
}

fn resource(mappings: &Mappings, emitter: &Emitter, record: &Record) -> Value {
    let mut out = Map::new();
    for attribute in record.resource {
        let kept = mappings.keep.iter().any(|k| match k.strip_suffix('*') {
            Some(beginning) => attribute.key.starts_with(beginning),
            None => attribute.key == *k,
        });
        if kept && let Some(v) = find(std::slice::from_ref(attribute), &attribute.key) {
            out.insert(attribute.key.clone(), v.text().into());
        }
    }
    out.insert(EMITTER.into(), emitter.name.clone().into());
    if let Some(version) = record.first(&emitter.version) {
        out.insert(EMITTER_VERSION.into(), version.text().into());
    }
    Value::Object(out)
}

fn put(event: &mut Map<String, Value>, target: &Target, value: Value) {
    let Some(inner) = &target.inner else {
        event.insert(target.top.clone(), value);
        return;
    };
    let held = event.entry(target.top.clone());
    if let Value::Object(held) = held.or_insert_with(|| Value::Object(Map::new())) {
        held.insert(inner.clone(), value);
    }
}

fn has(event: &Map<String, Value>, target: &Target) -> bool {
    match (event.get(&target.top), &target.inner) {
        (Some(Value::Object(held)), Some(inner)) => held.contains_key(inner),
        (held, None) => held.is_some(),
        _ => false,
    }
}

fn value(field: &Field, record: &Record, time: i64) -> Result<Option<Value>, String> {
    let wrong = |v: &Val| {
        let path = field.target.path();
        format!("{path} cannot be read from a {}", shape(v))
    };
    let told = if field.elapsed {
        elapsed(field, record, time)
    } else {
        let of = |s: &Source| Some((record.get(s)?, unit(s)));
        field.from.iter().find_map(of)
    };
    match told {
        Some((v, unit)) => match field.convert.apply(&v, unit) {
            Some(made) => Ok(Some(made)),
            None => Err(wrong(&v)),
        },
        None => Ok(field.value.clone()),
    }
}

/// Time from the record that completes this one, plus the number, in ms.
fn elapsed<'a>(field: &Field, record: &Record<'a>, time: i64) -> Option<(Val<'a>, f64)> {
    let (_, before) = record.with?;
    let base = match record.first(&field.from)? {
        Val::Int(i) => i as f64,
        Val::Float(f) => f,
        Val::Text(t) => t.trim().parse().ok()?,
        Val::Bool(_) => return None,
    };
    let since = time.checked_sub(before)?;
    Some((Val::Float(base + since as f64 / 1000.0), 1.0))
}

/// What a value must be multiplied by to be in the unit that a field is declared to read: the
/// length of a span is in ns and fields that end in `_ms` take ms.
fn unit(source: &Source) -> f64 {
    if *source == Source::Duration {
        1e-6
    } else {
        1.0
    }
}

/// A text is not repeated in messages: it may be anything.
fn shape(v: &Val) -> &'static str {
    match v {
        Val::Text(_) => "text",
        Val::Int(_) | Val::Float(_) => "number",
        Val::Bool(_) => "truth",
    }
}

impl Convert {
    /// The value as the field takes it; `None` where it does not fit.
    fn apply(&self, v: &Val, unit: f64) -> Option<Value> {
        let renamed = match self.names.is_empty() {
            true => None,
            false => self.names.get(v.text().as_ref()),
        };
        let named = renamed.map(|n| Val::Text(n.as_str().into()));
        let v = named.as_ref().unwrap_or(v);
        let factor = self.factor * unit;
        match self.kind {
            Kind::Text => Some(v.text().into()),
            Kind::Bool => truth(v).map(Value::Bool),
            Kind::Long => whole(v, factor).map(Value::from),
            Kind::Time => match v {
                Val::Text(t) => {
                    let at: jiff::Timestamp = t.trim_matches('"').parse().ok()?;
                    Some(at.as_microsecond().into())
                }
                _ => whole(v, factor).map(Value::from),
            },
            Kind::Double => number(v, factor),
        }
    }
}

fn truth(v: &Val) -> Option<bool> {
    match v {
        Val::Bool(b) => Some(*b),
        Val::Text(t) if t.eq_ignore_ascii_case("true") => Some(true),
        Val::Text(t) if t.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

fn whole(v: &Val, factor: f64) -> Option<i64> {
    let told = match v {
        Val::Int(i) if factor == 1.0 => return Some(*i),
        Val::Text(t) if factor == 1.0 => return t.trim().parse().ok(),
        _ => float(v)? * factor,
    };
    (told.fract() == 0.0 && told.abs() < 9e15).then_some(told as i64)
}

fn float(v: &Val) -> Option<f64> {
    match v {
        Val::Int(i) => Some(*i as f64),
        Val::Float(f) => Some(*f),
        Val::Text(t) => t.trim().parse().ok(),
        Val::Bool(_) => None,
    }
}

fn number(v: &Val, factor: f64) -> Option<Value> {
    let told = float(v)?;
    // Times 1 would change nothing, and the digits must stay as they were told.
    let told = if factor == 1.0 { told } else { told * factor };
    Number::from_f64(told).map(Value::Number)
}
