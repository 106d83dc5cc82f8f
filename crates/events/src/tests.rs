//! Types of the schemas in `tests/schemas`: what the shipped ones do not have.
#![allow(clippy::unwrap_used)]

use super::*;
use apache_avro::{Schema, from_avro_datum, from_value};
use serde_json::{Value as Json, json};

#[allow(dead_code)]
mod made {
    use crate::put::Put;
    use crate::{Envelope, Event, Map, Text};
    use serde::{Deserialize, Serialize};
    use serde_json::Value as Json;
    use std::sync::LazyLock;
    use uuid::Uuid;
    use weir_model::{Micros, schemas::schema_id};

    include!(concat!(env!("OUT_DIR"), "/test_types.rs"));
}
use made::{EveryField, Level, OtherPlacePlace, Place};

/// The bytes are those that the fields give by name, and an independent implementation reads them.
fn check(event: &EveryField<'_>) {
    let value = event.encode();
    let json = event.to_json().unwrap();
    let dynamic = Dynamic::new(EveryField::SCHEMA).unwrap();
    assert_eq!(dynamic.encode(&json).unwrap(), value);
    let back: EveryField<'static> = serde_json::from_value(json).unwrap();
    assert_eq!(back, *event);
    let mut body = &value[wire::FRAME..];
    let schema = Schema::parse_str(EveryField::SCHEMA).unwrap();
    let read = from_avro_datum(&schema, &mut body, None).unwrap();
    assert!(body.is_empty());
    let labels: Vec<String> = match &read {
        apache_avro::types::Value::Record(fields) => {
            let (_, labels) = fields.iter().find(|(name, _)| name == "labels").unwrap();
            from_value(labels).unwrap()
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(labels, event.labels);
}

#[test]
fn a_default_is_that_of_the_schema() {
    let event = EveryField::default();
    assert_eq!(event.r#type, "a \"word\" of Rust \\ {x}");
    assert_eq!((event.yes, event.small, event.single), (true, -7, 1.0));
    assert_eq!((event.double, event.until), (0.1, Micros(5)));
    assert_eq!((event.level, event.before), (Level::VeryHigh, None));
    check(&event);
    let needed = json!({
        "event_id": event.event_id, "event_time": 0, "tenant": "", "source": "", "place": {"room": ""}
    });
    let dynamic = Dynamic::new(EveryField::SCHEMA).unwrap();
    assert_eq!(dynamic.encode(&needed).unwrap(), event.encode());
    assert_eq!(
        serde_json::from_value::<EveryField<'_>>(needed).unwrap(),
        event
    );
}

#[test]
fn every_kind_of_field_is_written() {
    let owned = String::from("third");
    let room = |room, floor| Place { room, floor };
    check(&EveryField {
        event_id: event_id(Micros(1_763_000_000_123_456), b"one"),
        event_time: Micros(1_763_000_000_123_456),
        tenant: "acme".into(),
        source: "laptop".into(),
        resource: Map::from([("b".into(), "2".into()), ("a".into(), "1".into())]),
        r#type: Text::Borrowed(&owned),
        yes: false,
        small: i32::MIN,
        single: -0.5,
        double: 1e300,
        until: Micros(-1),
        paid_until: Some(Micros(i64::MAX)),
        level: Level::None,
        before: Some(Level::Low),
        labels: vec!["x".into(), owned.as_str().into()],
        scores: Map::from([("none".into(), None), ("some".into(), Some(0.25))]),
        place: room("1".into(), 2),
        places: vec![room("2".into(), -3), Place::default()],
    });
    // The name of a type that another event has taken is told apart by the event.
    let other = OtherPlacePlace {
        planet: "earth".into(),
    };
    assert_eq!(json!(other), json!({"planet": "earth"}));
}

#[test]
fn what_is_no_number_in_json_is_null_there_and_a_number_in_avro() {
    let event = EveryField {
        double: f64::NAN,
        ..EveryField::default()
    };
    assert_eq!(event.to_json().unwrap()["double"], Json::Null);
    assert_eq!(event.encode().len(), EveryField::default().encode().len());
}

#[test]
fn ids_are_time_ordered_and_reproducible() {
    let id = |t, s: &str| event_id(Micros(t), s.as_bytes());
    assert_eq!(id(5_000_000, "a"), id(5_000_000, "a"));
    assert_ne!(id(5_000_000, "a"), id(5_000_000, "b"));
    assert!(id(5_000_000, "b") < id(6_000_000, "a"));
    assert_eq!(id(5_000_000, "a").get_version_num(), 7);
}
