//! Every example of every event type: what is written is what an independent implementation of Avro
//! reads.
#![allow(clippy::unwrap_used)]

use apache_avro::types::Value;
use apache_avro::{Schema, from_avro_datum};
use serde_json::{Value as Json, json};
use std::path::{Path, PathBuf};
use weir_events::{AnyEvent, Dynamic, Event as _, TYPES};

fn schemas() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas/events")
}

/// (event type, name, JSON) of every example.
fn examples() -> Vec<(String, String, Json)> {
    let mut out = Vec::new();
    for dir in std::fs::read_dir(schemas().join("examples")).unwrap() {
        let dir = dir.unwrap().path();
        let event_type = dir.file_name().unwrap().to_str().unwrap().to_owned();
        for file in std::fs::read_dir(&dir).unwrap() {
            let file = file.unwrap().path();
            let json = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
            out.push((event_type.clone(), file.display().to_string(), json));
        }
    }
    out
}

/// What the other implementation read, as JSON.
fn plain(value: Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Boolean(b) => json!(b),
        Value::Int(i) => json!(i),
        Value::Long(i) | Value::TimestampMicros(i) => json!(i),
        Value::Float(x) => json!(x),
        Value::Double(x) => json!(x),
        Value::String(s) | Value::Enum(_, s) => json!(s),
        Value::Uuid(id) => json!(id.to_string()),
        Value::Union(_, inner) => plain(*inner),
        Value::Array(items) => items.into_iter().map(plain).collect(),
        Value::Map(entries) => entries.into_iter().map(|(k, v)| (k, plain(v))).collect(),
        Value::Record(fields) => fields.into_iter().map(|(k, v)| (k, plain(v))).collect(),
        other => panic!("{other:?} in an event"),
    }
}

fn schema_of(event_type: &str) -> &'static str {
    TYPES.iter().find(|(t, _)| *t == event_type).unwrap().1
}

fn read(event_type: &str, value: &[u8]) -> Json {
    let schema = Schema::parse_str(schema_of(event_type)).unwrap();
    let mut body = &value[5..];
    let read = from_avro_datum(&schema, &mut body, None).unwrap();
    assert!(body.is_empty(), "{event_type}");
    plain(read)
}

/// Numbers that are equal, whole or not, and nothing that is missing on either side.
fn same(a: &Json, b: &Json) -> bool {
    match (a, b) {
        (Json::Number(a), Json::Number(b)) => a.as_f64() == b.as_f64(),
        (Json::Object(a), Json::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(k, v)| b.get(k).is_some_and(|w| same(v, w)))
        }
        (Json::Array(a), Json::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        _ => a == b,
    }
}

/// `json` is `whole` but for fields that were left out.
fn within(json: &Json, whole: &Json) -> bool {
    match (json, whole) {
        (Json::Object(a), Json::Object(b)) => a
            .iter()
            .all(|(k, v)| b.get(k).is_some_and(|w| within(v, w))),
        _ => same(json, whole),
    }
}

#[test]
fn every_schema_has_a_type_and_examples() {
    let mut files: Vec<String> = std::fs::read_dir(schemas())
        .unwrap()
        .map(|e| e.unwrap().path())
        .filter(|p| p.extension().is_some_and(|e| e == "avsc"))
        .map(|p| p.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    files.sort();
    let types: Vec<&str> = TYPES.iter().map(|(t, _)| *t).collect();
    assert_eq!(files, types);
    let examples = examples();
    for t in types {
        assert!(examples.iter().filter(|(e, ..)| e == t).count() >= 2, "{t}");
    }
}

#[test]
fn an_example_comes_back_from_its_bytes() {
    for (event_type, name, example) in examples() {
        let event = AnyEvent::from_json(&event_type, example.clone())
            .unwrap_or_else(|e| panic!("{name}: {e}"))
            .unwrap();
        assert_eq!(event.event_type(), event_type);
        let value = event.encode();
        let read = read(&event_type, &value);
        let json = event.to_json().unwrap();
        assert!(same(&read, &json), "{name}: {read} and {json}");
        assert!(within(&example, &json), "{name}: {example} and {json}");
        // By name, the same bytes come of the example and of all that the event says.
        let dynamic = Dynamic::new(schema_of(&event_type)).unwrap();
        assert_eq!(dynamic.encode(&example).unwrap(), value, "{name}");
        assert_eq!(dynamic.encode(&json).unwrap(), value, "{name}");
    }
}

#[test]
fn the_default_of_a_type_is_that_of_its_schema() {
    for (event_type, name, example) in examples() {
        // Without all that has a default: what is left is what the maker has to say.
        let schema: Json = serde_json::from_str(schema_of(&event_type)).unwrap();
        let mut needed = example.as_object().unwrap().clone();
        for f in schema["fields"].as_array().unwrap() {
            if f.get("default").is_some() {
                needed.remove(f["name"].as_str().unwrap());
            }
        }
        let dynamic = Dynamic::new(schema_of(&event_type)).unwrap();
        let by_schema = dynamic.encode(&Json::Object(needed.clone())).unwrap();
        let event = AnyEvent::from_json(&event_type, Json::Object(needed)).unwrap();
        assert_eq!(event.unwrap().encode(), by_schema, "{name}");
    }
}

#[test]
fn a_field_that_no_schema_has_is_refused() {
    let (event_type, _, mut example) = examples().swap_remove(0);
    example["colour"] = json!("red");
    assert!(AnyEvent::from_json(&event_type, example.clone()).is_err());
    let dynamic = Dynamic::new(schema_of(&event_type)).unwrap();
    assert!(dynamic.encode(&example).is_err());
    assert!(AnyEvent::from_json("no.such", example).unwrap().is_none());
}
