//! Events that go in by Kafka, and the numbers that have to come out of ClickHouse.

use crate::{System, player};
use serde_json::{Map, Value as Json};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use weir_catalog::Catalog;
use weir_model::avro::encode_json;
use weir_model::{schemas, wire};

/// 2026-03-02T10:00:00Z, a Monday in the middle of its day and hour everywhere in UTC.
pub const AT: i64 = 1_772_445_600_000_000;

/// What goes in and what has to come out. Each case is a tenant of its own.
#[derive(Debug)]
pub struct Case {
    /// For messages.
    pub name: &'static str,
    /// Event type, fields over those of its smallest example, how often.
    pub events: Vec<(&'static str, Json, usize)>,
    /// A query for one number; `{tenant}` is the condition that rows are of the case.
    pub ask: &'static str,
    /// What it gives.
    pub is: f64,
}

/// A [`Case`].
pub fn case(
    name: &'static str,
    events: Vec<(&'static str, Json, usize)>,
    ask: &'static str,
    is: f64,
) -> Case {
    Case {
        name,
        events,
        ask,
        is,
    }
}

struct Example {
    id: u32,
    schema: String,
    /// Fields that tell one event from another.
    identities: Vec<String>,
    smallest: Map<String, Json>,
}

fn examples(catalog: &Catalog, schemas: &Path) -> BTreeMap<String, Example> {
    let of = |event: &weir_catalog::types::EventDef| {
        let dir = schemas.join("events/examples").join(&event.name);
        let files = fs::read_dir(dir).unwrap().flatten();
        let read = |f: fs::DirEntry| fs::read(f.path()).unwrap();
        let smallest = files.map(read).min_by_key(Vec::len).unwrap();
        let example = Example {
            id: schemas::schema_id(&event.schema_json),
            schema: event.schema_json.clone(),
            identities: event
                .identity
                .iter()
                .cloned()
                .chain(["event_id".into()])
                .collect(),
            smallest: serde_json::from_slice(&smallest).unwrap(),
        };
        (event.name.clone(), example)
    };
    catalog.events.iter().map(of).collect()
}

/// Sends the events of all cases, in their order, a microsecond apart.
pub fn publish(system: &System, catalog: &Catalog, cases: &[Case]) {
    let examples = examples(catalog, &system.schemas());
    let mut values = Vec::new();
    let mut number = 0u64;
    for (i, case) in cases.iter().enumerate() {
        for (event, fields, times) in &case.events {
            let example = &examples[*event];
            for _ in 0..*times {
                number += 1;
                let mut json = example.smallest.clone();
                json.extend(fields.as_object().unwrap().clone());
                json.insert("tenant".into(), tenant(i).into());
                json.insert("event_time".into(), (AT + number as i64).into());
                let id = format!("019a9f6f-0000-7000-8000-{number:012x}");
                for identity in &example.identities {
                    json.insert(identity.clone(), id.as_str().into());
                }
                let bytes = encode_json(&example.schema, &Json::Object(json)).unwrap();
                values.push((*event, wire::framed(example.id, &bytes)));
            }
        }
    }
    let values = values.iter().map(|(event, v)| (*event, v.as_slice()));
    player::publish(&system.brokers(), values);
}

/// Asks each case for its number, once all events are counted and verified.
pub fn hold(system: &System, cases: &[Case]) {
    let mut wrong = Vec::new();
    for (i, case) in cases.iter().enumerate() {
        let whose = format!("tenant = '{}'", tenant(i));
        let rows = system.query(&case.ask.replace("{tenant}", &whose));
        let values: Vec<f64> = rows.iter().filter_map(|r| r["n"].as_f64()).collect();
        if !matches!(values[..], [v] if (v - case.is).abs() < 1e-9) {
            wrong.push(format!("{}: {values:?}, not {}", case.name, case.is));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Tenant of a case.
pub fn tenant(case: usize) -> String {
    format!("golden-{case}")
}
