//! Every event type that ships goes all the way, on one system: its examples are counted, archived
//! and equal when counted again; a field that learns to be null does so where data is.

#![allow(clippy::unwrap_used)]

use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};
use weir_catalog::Catalog;
use weir_model::avro::encode_json;
use weir_model::{schemas, topics, wire};
use weir_tests::player;
use weir_tests::{System, copy_dir, root};

/// Values of the examples of every event type, as producers frame them under its schema.
fn examples(catalog: &Catalog) -> BTreeMap<String, Vec<Vec<u8>>> {
    let mut all = BTreeMap::new();
    for event in &catalog.events {
        let dir = root().join("schemas/events/examples").join(&event.name);
        let id = schemas::schema_id(&event.schema_json);
        let value = |file: fs::DirEntry| {
            let json: Json = serde_json::from_slice(&fs::read(file.path()).unwrap()).unwrap();
            wire::framed(id, &encode_json(&event.schema_json, &json).unwrap())
        };
        let files = fs::read_dir(dir).unwrap().flatten();
        all.insert(event.name.clone(), files.map(value).collect());
    }
    all
}

fn publish(system: &System, events: &BTreeMap<String, Vec<Vec<u8>>>) {
    let mut all = Vec::new();
    for (event, values) in events {
        all.extend(values.iter().map(|v| (event.as_str(), v.as_slice())));
    }
    player::publish(&system.brokers(), all);
}

fn table(event: &str) -> String {
    format!("events_{}", event.replace('.', "_"))
}

#[test]
fn the_examples_of_every_event_type_go_all_the_way() {
    let dir = tempfile::tempdir().unwrap();
    let mut system = System::start(dir.path(), None, &[]);
    let catalog = Catalog::embedded().unwrap();
    let events = examples(&catalog);
    let listed = system.json(&["catalog", "list", "events"]);
    assert_eq!(listed.as_array().unwrap().len(), events.len());
    publish(&system, &events);

    let verified = system.verify();
    for (event, values) in &events {
        assert_eq!(
            verified.count(event, "events"),
            values.len() as u64,
            "{event}"
        );
        assert_eq!(verified.count(event, "dead"), 0, "{event}");
        let rows = system.number(&format!("SELECT count() AS n FROM {} FINAL", table(event)));
        assert_eq!(rows, values.len() as f64, "{event}");
    }
    assert_eq!(system.json(&["dlq", "list"]), json!([]));

    // Low volume, one partition.
    let topics = system.json(&["topics"]);
    for event in &catalog.events {
        let topic = topics::events(&event.name);
        let mut all = topics.as_array().unwrap().iter();
        let found = all.find(|t| t["topic"] == topic.as_str()).unwrap();
        let partitions = found["partitions"].as_array().unwrap().len();
        assert_eq!(partitions, if event.low_volume { 1 } else { 4 }, "{topic}");
    }
    // Their windows end by ticks, in all types.
    for event in events.keys() {
        let days = format!("SELECT count() AS n FROM {}_1d", event.replace('.', "_"));
        let until = Instant::now() + Duration::from_secs(60);
        while system.number(&days) == 0.0 {
            assert!(Instant::now() < until, "no day of {event} has ended");
            std::thread::sleep(Duration::from_millis(200));
        }
    }
    // A second start finds everything as it is to be.
    system.stop();
    system.up();
    assert!(system.verify().compared.values().sum::<u64>() > 0);
    system.stop();
}

/// The shipped schemas with token counts that are never null, as they once were.
fn never_null(schemas: &Path) {
    let path = schemas.join("events/llm.call.avsc");
    let mut schema: Json = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    for field in schema["fields"].as_array_mut().unwrap() {
        let name = field["name"].as_str().unwrap();
        if ["tokens_input", "tokens_output"].contains(&name) {
            field["type"] = json!("long");
            field["default"] = json!(0);
        }
    }
    fs::write(path, schema.to_string()).unwrap();
    // What asks for null is refused there.
    let path = schemas.join("catalog/llm.call.yaml");
    let text = fs::read_to_string(&path).unwrap();
    let asks =
        |line: &&str| line.contains("  input_unknown:") || line.contains("  output_unknown:");
    let kept: Vec<&str> = text.lines().filter(|l| !asks(l)).collect();
    assert_eq!(kept.len() + 2, text.lines().count());
    fs::write(path, kept.join("\n")).unwrap();
}

/// Calls of the examples with these names, framed under the schema of a catalog.
fn calls(catalog: &Catalog, names: &[&str]) -> BTreeMap<String, Vec<Vec<u8>>> {
    let def = catalog.event("llm.call").unwrap();
    let id = schemas::schema_id(&def.schema_json);
    let value = |name: &&str| {
        let file = root().join(format!("schemas/events/examples/llm.call/{name}.json"));
        let json: Json = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
        wire::framed(id, &encode_json(&def.schema_json, &json).unwrap())
    };
    BTreeMap::from([(def.name.clone(), names.iter().map(value).collect())])
}

#[test]
fn a_field_that_may_be_null_from_now_on_is_null_where_data_is() {
    let dir = tempfile::tempdir().unwrap();
    let (data, schemas) = (dir.path().join("data"), dir.path().join("schemas"));
    fs::create_dir(&data).unwrap();
    copy_dir(&root().join("schemas"), &schemas);
    never_null(&schemas);
    let before = weir_catalog::load(&schemas).unwrap();
    let mut system = System::start(&data, Some(&schemas), &[]);
    publish(
        &system,
        &calls(&before, &["coding_with_cache", "refused_with_cost"]),
    );
    assert_eq!(system.verify().count("llm.call", "events"), 2);
    let sums = "SELECT sum(tokens_input) AS n FROM events_llm_call FINAL";
    let said = system.number(sums);
    assert!(said > 0.0);
    system.stop();

    // The schemas that ship. What was said stays said; from now on nothing may be said.
    let mut system = System::start(&data, None, &[]);
    let after = Catalog::embedded().unwrap();
    publish(&system, &calls(&after, &["minimal", "broken_stream"]));
    let verified = system.verify();
    assert_eq!(verified.count("llm.call", "events"), 4);
    let unknown = "SELECT countIf(tokens_output IS NULL) AS n FROM events_llm_call FINAL";
    assert_eq!(system.number(unknown), 2.0);
    let unpriced = "SELECT sum(unpriced) AS n FROM llm_call_1d WHERE rollup = ''";
    assert_eq!(system.number(unpriced), 2.0);
    assert_eq!(system.number(sums), said + 4096.0);
    system.stop();
}
