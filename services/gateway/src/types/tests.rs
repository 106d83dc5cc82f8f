#![allow(clippy::unwrap_used)]
use super::*;
use proptest::prelude::*;
use serde_json::json;
use std::sync::LazyLock;
use weir_model::avro::{Projection, Value as Decoded};
use weir_model::wire::FRAME;

/// 2026-11-28
const NOW: Micros = Micros(1_795_900_000_000_000);
static CATALOG: LazyLock<Catalog> = LazyLock::new(|| Catalog::embedded().unwrap());
static TYPES: LazyLock<Types> = LazyLock::new(|| Types::new(&CATALOG).unwrap());

fn make(item: Value) -> Result<Made, Refusal> {
    let Value::Object(item) = item else {
        panic!("{item}")
    };
    let from = Sender {
        tenant: "acme",
        name: "ci",
        now: NOW,
    };
    TYPES.make(item, from, &mut Met::default())
}

fn call(more: Value) -> Value {
    let mut item = json!({
        "type": "llm.call",
        "event_id": "01931b5e-7a00-7000-8000-000000000001",
        "event_time": "2026-11-27T10:00:00.000001Z",
        "engineer": {"email": "bob@example.com"},
        "provider": "openai",
        "model": "gpt-5",
    });
    for (k, v) in more.as_object().unwrap() {
        item[k] = v.clone();
    }
    item
}

/// Fields of what was made, as they are read back.
fn read(made: &Made, paths: &[&str]) -> Vec<String> {
    let def = CATALOG.events.iter().find(|e| e.name == made.event_type);
    let schema = &def.unwrap().schema_json;
    let projection = Projection::compile(schema, schema, paths).unwrap();
    let mut row = vec![Decoded::Null; paths.len()];
    projection.decode(&made.value[FRAME..], &mut row).unwrap();
    row.iter()
        .map(|v| match v {
            Decoded::Null => "null".to_owned(),
            Decoded::Bool(b) => b.to_string(),
            Decoded::Int(i) => i.to_string(),
            Decoded::Float(x) => x.to_string(),
            Decoded::Str(s) => (*s).to_owned(),
            Decoded::Map(_) => "map".to_owned(),
        })
        .collect()
}

#[test]
fn what_is_left_out_comes_from_the_token_and_the_clock() {
    let made = make(call(json!({}))).unwrap();
    assert_eq!((&*made.topic, &*made.key), ("weir.events.llm.call", "ci"));
    let paths = [
        "tenant",
        "source",
        "event_time",
        "event_id",
        "success",
        "cost_usd",
    ];
    let id = "01931b5e-7a00-7000-8000-000000000001";
    let time = "1795773600000001";
    assert_eq!(
        read(&made, &paths),
        ["acme", "ci", time, id, "true", "null"]
    );

    let mut bare = call(json!({}));
    for name in ["event_id", "event_time"] {
        bare.as_object_mut().unwrap().remove(name);
    }
    let made = make(bare.clone()).unwrap();
    let read_bare = read(&made, &["event_time", "event_id"]);
    assert_eq!(read_bare[0], NOW.0.to_string());
    let id = Uuid::parse_str(&read_bare[1]).unwrap();
    assert_eq!(id.get_version_num(), 7);
    assert_ne!(read(&make(bare).unwrap(), &["event_id"])[0], read_bare[1]);
}

#[test]
fn values_are_taken_in_the_ways_that_json_has() {
    let made = make(call(json!({
        "event_id": "01931B5E7A0070008000000000000001",
        "event_time": 1_795_773_600_000_001i64,
        "source": "laptop-7",
        "tenant": "acme",
        "engineer": {"email": " Bob@Example.COM ", "team": "payments"},
        "tokens_input": 12.0,
        "cost_usd": "0.0123",
        "error_type": null,
        "category": null,
        "resource": {"platform": "Linux"},
    })))
    .unwrap();
    assert_eq!(made.key, "laptop-7");
    let paths = [
        "event_id",
        "event_time",
        "engineer.email",
        "tokens_input",
        "cost_usd",
        "category",
        "resource.platform",
    ];
    assert_eq!(
        read(&made, &paths),
        [
            "01931b5e-7a00-7000-8000-000000000001",
            "1795773600000001",
            "bob@example.com",
            "12",
            "0.0123",
            "",
            "Linux"
        ]
    );
}

#[test]
fn every_refusal_says_what_is_wrong() {
    let long = "x".repeat(600);
    for (item, code, says) in [
        (
            json!({"type": "llm.calls"}),
            codes::UNKNOWN_TYPE,
            "write llm.call",
        ),
        (
            json!({"type": "nothing.like.it"}),
            codes::UNKNOWN_TYPE,
            "weir catalog list",
        ),
        (json!({"type": 7}), codes::UNFIT, "as text"),
        (json!({"a": 1}), codes::UNFIT, "type is missing"),
        (
            json!({"type": "llm.call"}),
            codes::UNFIT,
            "engineer is missing",
        ),
        (
            call(json!({"tokens_inputs": 1})),
            codes::UNKNOWN_FIELD,
            "write tokens_input ",
        ),
        (
            call(json!({"engineer": {"mail": "x"}})),
            codes::UNKNOWN_FIELD,
            "engineer.mail",
        ),
        (
            call(json!({"tokens_input": 1.5})),
            codes::UNFIT,
            "tokens_input: a 64-bit integer",
        ),
        (
            call(json!({"tokens_input": 9_223_372_036_854_775_808u64})),
            codes::UNFIT,
            "64-bit",
        ),
        (
            call(json!({"tokens_input": "12"})),
            codes::UNFIT,
            "tokens_input",
        ),
        (
            call(json!({"cost_usd": "a lot"})),
            codes::UNFIT,
            "cost_usd: a number",
        ),
        (
            call(json!({"cost_usd": "1e999"})),
            codes::UNFIT,
            "cost_usd: a number",
        ),
        (
            call(json!({"cost_usd": 1e300})),
            codes::OUT_OF_BOUNDS,
            "cost_usd",
        ),
        (
            call(json!({"tokens_input": -1})),
            codes::OUT_OF_BOUNDS,
            "tokens_input",
        ),
        (call(json!({"model": long})), codes::BAD_TEXT, "model"),
        (call(json!({"model": "a\u{1}b"})), codes::BAD_TEXT, "model"),
        (call(json!({"source": "a\nb"})), codes::BAD_TEXT, "source"),
        (
            call(json!({"event_id": "7"})),
            codes::BAD_EVENT_ID,
            "no UUID",
        ),
        (
            call(json!({"event_id": "00000000-0000-0000-0000-000000000000"})),
            codes::BAD_EVENT_ID,
            "no UUID",
        ),
        (
            call(json!({"event_time": "yesterday"})),
            codes::BAD_EVENT_TIME,
            "no time",
        ),
        (
            call(json!({"event_time": 1_795_773_600})),
            codes::BAD_EVENT_TIME,
            "microseconds",
        ),
        (
            call(json!({"event_time": i64::MIN})),
            codes::BAD_EVENT_TIME,
            "microseconds",
        ),
        (
            call(json!({"event_time": 1e300})),
            codes::BAD_EVENT_TIME,
            "no time",
        ),
        (
            call(json!({"event_time": "2026-12-05T00:00:00Z"})),
            codes::BAD_EVENT_TIME,
            "ahead",
        ),
        (
            call(json!({"tenant": "umbrella"})),
            codes::OTHER_TENANT,
            "of tenant acme",
        ),
        (
            call(json!({"tenant": ""})),
            codes::OTHER_TENANT,
            "of tenant acme",
        ),
        (
            call(json!({"tenant": 1})),
            codes::OTHER_TENANT,
            "of tenant acme",
        ),
    ] {
        let refused = make(item.clone()).unwrap_err();
        assert_eq!(refused.code, code, "{item}: {refused:?}");
        assert!(refused.message.contains(says), "{item}: {refused:?}");
    }
}

/// The examples of the schemas are events as they stand, whoever sends them.
#[test]
fn every_example_is_taken() {
    let dir =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas/events/examples");
    let mut n = 0;
    for event in &CATALOG.events {
        for file in std::fs::read_dir(dir.join(&event.name)).unwrap() {
            let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
            let mut item: Value = serde_json::from_str(&text).unwrap();
            item["type"] = event.name.clone().into();
            item["tenant"] = "acme".into();
            make(item).unwrap_or_else(|e| panic!("{}: {e:?}", event.name));
            n += 1;
        }
    }
    assert!(n >= 2 * CATALOG.events.len());
}

fn anything() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".*".prop_map(Value::from),
        "[0-9.e-]{1,12}".prop_map(Value::from),
        Just(json!({"email": "a@b.c"})),
        Just(json!([1, "x", null])),
    ]
}

proptest! {
    /// Whatever is in a field: it is refused, or it is an event that counts. (`make` asks the code
    /// that counts; here the bytes are decoded once more, by themselves.)
    #[test]
    fn nothing_that_is_taken_cannot_be_read(
        event in 0..CATALOG.events.len(),
        values in prop::collection::vec((any::<prop::sample::Index>(), anything()), 0..4),
    ) {
        let def = &CATALOG.events[event];
        let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        let dir = dir.join("../../schemas/events/examples").join(&def.name);
        let file = std::fs::read_dir(dir).unwrap().next().unwrap().unwrap();
        let mut item: Value =
            serde_json::from_str(&std::fs::read_to_string(file.path()).unwrap()).unwrap();
        let schema: Value = serde_json::from_str(&def.schema_json).unwrap();
        let fields = schema["fields"].as_array().unwrap();
        item["tenant"] = "acme".into();
        for (at, value) in values {
            item[fields[at.index(fields.len())]["name"].as_str().unwrap()] = value;
        }
        item["type"] = def.name.clone().into();
        if let Ok(made) = make(item) {
            prop_assert_eq!(&read(&made, &["tenant"])[0], "acme");
        }
    }
}
