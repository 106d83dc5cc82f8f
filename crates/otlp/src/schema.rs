//! Which fields the event types have, as far as a mapping must know.

use serde_json::Value;
use std::collections::BTreeMap;

/// What a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Long,
    Double,
    Bool,
    /// Microseconds.
    Time,
}

/// A field that a mapping can fill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Slot {
    pub kind: Kind,
    /// Whether an event needs it: neither null nor left out.
    pub required: bool,
}

/// Event types to their fields by dotted path. The envelope is left out: it is made, not mapped.
pub(crate) type Types = BTreeMap<String, BTreeMap<String, Slot>>;

const ENVELOPE: [&str; 5] = ["event_id", "event_time", "tenant", "source", "resource"];

/// Reads the fields of an event type's schema; `None` where it is none.
pub(crate) fn fields(avsc: &str) -> Option<BTreeMap<String, Slot>> {
    let schema: Value = serde_json::from_str(avsc).ok()?;
    let mut out = BTreeMap::new();
    record(&schema, "", &mut out)?;
    Some(out)
}

fn record(schema: &Value, prefix: &str, out: &mut BTreeMap<String, Slot>) -> Option<()> {
    for field in schema["fields"].as_array()? {
        let name = field["name"].as_str()?;
        if prefix.is_empty() && ENVELOPE.contains(&name) {
            continue;
        }
        let path = format!("{prefix}{name}");
        let required = field.get("default").is_none();
        let mut of = &field["type"];
        if let Some(union) = of.as_array() {
            of = union.iter().find(|t| t.as_str() != Some("null"))?;
        }
        if of["type"] == "record" {
            record(of, &format!("{path}."), out)?;
        } else if let Some(kind) = kind(of) {
            out.insert(path, Slot { kind, required });
        }
    }
    Some(())
}

fn kind(of: &Value) -> Option<Kind> {
    if of["logicalType"] == "timestamp-micros" {
        return Some(Kind::Time);
    }
    match of.as_str().or_else(|| of["type"].as_str())? {
        "string" => Some(Kind::Text),
        "long" | "int" => Some(Kind::Long),
        "double" | "float" => Some(Kind::Double),
        "boolean" => Some(Kind::Bool),
        _ => None,
    }
}
