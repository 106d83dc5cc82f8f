//! Fields of an event as what a column is mapped to: their type decides how its text is read, and
//! the catalog what may stand there.

use super::value::{Want, number, plain, real, scalar, truth};
use anyhow::{Result, bail};
use cel::Value;
use serde_json::{Map, Value as Json, json};
use weir_catalog::EventDef;
use weir_model::codes;

/// What numbers that weir adds up stay below.
const LIMIT: f64 = 1e18;
/// Longest text of an identity or dimension, bytes.
const TEXT: usize = 512;

/// Type of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldType {
    /// Text, also one of a set.
    Text,
    /// Whole number.
    Whole,
    /// Number with a fraction.
    Real,
    /// True or false.
    Truth,
    /// List, map or record.
    Other,
}

impl FieldType {
    /// Of the field at `path` in a schema; `Err` names the fields that there are.
    pub fn of(schema: &Json, path: &[String]) -> Result<FieldType, String> {
        let schema = match schema {
            Json::Array(branches) => match branches.iter().find(|b| *b != "null") {
                Some(branch) => return FieldType::of(branch, path),
                None => return Ok(FieldType::Other),
            },
            other => other,
        };
        let name = schema.as_str().or_else(|| schema["type"].as_str());
        let Some((first, rest)) = path.split_first() else {
            return Ok(match name {
                Some("string" | "enum") => FieldType::Text,
                Some("int" | "long") => FieldType::Whole,
                Some("float" | "double") => FieldType::Real,
                Some("boolean") => FieldType::Truth,
                None if schema["type"].is_object() => return FieldType::of(&schema["type"], path),
                _ => FieldType::Other,
            });
        };
        match (name, schema["fields"].as_array()) {
            (_, Some(fields)) => match fields.iter().find(|f| f["name"] == **first) {
                Some(field) => FieldType::of(&field["type"], rest),
                None => Err(fields
                    .iter()
                    .filter_map(|f| f["name"].as_str())
                    .collect::<Vec<_>>()
                    .join(", ")),
            },
            (Some("map"), None) => FieldType::of(&schema["values"], rest),
            _ => Ok(FieldType::Other),
        }
    }

    /// What an expression for it is about.
    pub fn hint(self) -> Want {
        match self {
            FieldType::Text => Want::Text,
            FieldType::Whole => Want::Number,
            FieldType::Real => Want::Real,
            FieldType::Truth | FieldType::Other => Want::Plain,
        }
    }

    /// A value as the field has it; null stays null.
    pub fn json(self, v: &Value) -> Result<Json> {
        if matches!(v, Value::Null) {
            return Ok(Json::Null);
        }
        match self {
            FieldType::Text => Ok(json!(scalar(v)?)),
            FieldType::Whole => whole(v),
            FieldType::Real => match real(v)? {
                Value::Float(x) if x.is_finite() => Ok(json!(x)),
                _ => bail!("no finite number"),
            },
            FieldType::Truth => match (truth(v)?, scalar(v).as_deref()) {
                (Value::Bool(b), _) => Ok(json!(b)),
                (_, Ok("1")) => Ok(json!(true)),
                (_, Ok("0")) => Ok(json!(false)),
                (_, Ok(text)) => bail!("`{text}` is neither true nor false"),
                (_, Err(_)) => bail!("neither true nor false"),
            },
            FieldType::Other => plain(v)?
                .json()
                .map_err(|e| anyhow::anyhow!("no value for an event: {e}")),
        }
    }
}

fn whole(v: &Value) -> Result<Json> {
    match number(v)? {
        Value::Int(n) => Ok(json!(n)),
        Value::UInt(n) => match i64::try_from(n) {
            Ok(n) => Ok(json!(n)),
            Err(_) => bail!("{n} does not fit 64 bits"),
        },
        // What an expression made: whole, and small enough to be meant exactly.
        Value::Float(x) if x.fract() == 0.0 && x.abs() < 9e15 && matches!(v, Value::Float(_)) => {
            Ok(json!(x as i64))
        }
        Value::Float(x) if x.fract() == 0.0 => bail!("`{}` does not fit 64 bits", scalar(v)?),
        _ => bail!("`{}` is no whole number", scalar(v)?),
    }
}

/// The value at a dotted path; the rest of a path names one key of a map.
fn at<'a>(event: &'a Map<String, Json>, path: &str) -> Option<&'a Json> {
    let (first, rest) = path.split_once('.').unwrap_or((path, ""));
    match event.get(first)? {
        Json::Object(inner) if !rest.is_empty() => inner.get(rest).or_else(|| at(inner, rest)),
        value => Some(value),
    }
}

/// The identity that the catalog gives an event, where it has one.
pub fn identity<'a>(event: &'a Map<String, Json>, def: &EventDef) -> Option<&'a str> {
    let text = at(event, def.identity.as_deref()?)?.as_str()?;
    (!text.is_empty()).then_some(text)
}

/// What is counted of an event, in words: its numbers and truths. Copies of it may name another
/// session or file.
pub fn numbers(event: &Map<String, Json>) -> String {
    let mut out = String::new();
    for (name, value) in event {
        if name != "event_time" && (value.is_number() || value.is_boolean()) {
            out += &format!("{name}={value};");
        }
    }
    out
}

/// Refuses what would be a dead letter, so that what is published is counted.
pub fn check(event: &Map<String, Json>, def: &EventDef) -> Result<()> {
    for (name, value) in event {
        if value.as_f64().is_some_and(|x| x.abs() > LIMIT) {
            bail!(
                "{}: {name} is {value}, too large to be added up",
                codes::OUT_OF_BOUNDS
            );
        }
    }
    for bound in &def.bounds {
        let Some(x) = at(event, &bound.path).and_then(Json::as_f64) else {
            continue;
        };
        if bound.min.is_some_and(|m| x < m) || bound.max.is_some_and(|m| x > m) {
            bail!(
                "{}: {} is {x}, outside its bounds",
                codes::OUT_OF_BOUNDS,
                bound.path
            );
        }
    }
    let dimensions = def.dimensions.iter().map(|d| d.path.as_str());
    for path in dimensions
        .chain(["tenant", "source"])
        .chain(def.identity.as_deref())
    {
        let Some(text) = at(event, path).and_then(Json::as_str) else {
            continue;
        };
        if text.len() > TEXT {
            bail!("{}: {path} is longer than {TEXT} bytes", codes::BAD_TEXT);
        }
        if text.bytes().any(|b| b < 0x20) {
            bail!("{}: {path} holds a control character", codes::BAD_TEXT);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::sync::Arc;

    fn text(s: &str) -> Value {
        Value::String(Arc::new(s.into()))
    }

    #[test]
    fn the_field_says_how_a_text_is_read() {
        assert_eq!(FieldType::Text.json(&text("1.10")).unwrap(), json!("1.10"));
        assert_eq!(FieldType::Whole.json(&text("1e2")).unwrap(), json!(100));
        assert_eq!(FieldType::Real.json(&text("1.10")).unwrap(), json!(1.1));
        assert_eq!(FieldType::Truth.json(&text("TRUE")).unwrap(), json!(true));
        assert_eq!(FieldType::Truth.json(&text("0")).unwrap(), json!(false));
        assert_eq!(FieldType::Whole.json(&Value::Null).unwrap(), Json::Null);
        assert_eq!(FieldType::Whole.json(&Value::Float(3.0)).unwrap(), json!(3));
        let fault = |k: FieldType, s: &str| k.json(&text(s)).unwrap_err().to_string();
        assert_eq!(fault(FieldType::Whole, "1.5"), "`1.5` is no whole number");
        assert_eq!(
            fault(FieldType::Whole, "99999999999999999999"),
            "`99999999999999999999` does not fit 64 bits"
        );
        assert_eq!(fault(FieldType::Real, "n/a"), "`n/a` is no number");
        assert_eq!(
            fault(FieldType::Truth, "maybe"),
            "`maybe` is neither true nor false"
        );
    }

    #[test]
    fn every_field_of_the_shipped_schemas_has_its_kind() {
        let schema: Json = {
            let catalog = weir_catalog::Catalog::embedded().unwrap();
            let calls = catalog.events.iter().find(|e| e.name == "llm.call");
            serde_json::from_str(&calls.unwrap().schema_json).unwrap()
        };
        let of = |path: &str| {
            FieldType::of(
                &schema,
                &path.split('.').map(str::to_owned).collect::<Vec<_>>(),
            )
        };
        assert_eq!(of("request_id"), Ok(FieldType::Text));
        assert_eq!(of("engineer.email"), Ok(FieldType::Text));
        assert_eq!(of("tokens_input"), Ok(FieldType::Whole));
        assert_eq!(of("cost_usd"), Ok(FieldType::Real));
        assert_eq!(of("success"), Ok(FieldType::Truth));
        assert_eq!(of("resource.platform"), Ok(FieldType::Text));
        assert!(of("tokens_inputs").unwrap_err().contains("tokens_input, "));
    }
}
