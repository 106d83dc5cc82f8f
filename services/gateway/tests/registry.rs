//! What standard serialisers ask a registry of schemas for.
#![allow(clippy::unwrap_used)]

mod common;

use common::{Answer, DEADLINE, Served};
use serde_json::{Value, json};
use weir_catalog::Catalog;
use weir_embedded::testing::kafka;
use weir_http::token::{self, Scope};
use weir_kafka::SchemaRegistry;
use weir_model::headers::SchemaRef;
use weir_model::schemas::schema_id;

const SUBJECT: &str = "weir.events.llm.call-value";
const KIND: (&str, &str) = ("content-type", "application/vnd.schemaregistry.v1+json");

fn shipped() -> String {
    let catalog = Catalog::embedded().unwrap();
    let call = catalog
        .events
        .iter()
        .find(|e| e.name == "llm.call")
        .unwrap();
    call.schema_json.clone()
}

/// With one more field.
fn with(field: Value) -> String {
    let mut schema: Value = serde_json::from_str(&shipped()).unwrap();
    schema["fields"].as_array_mut().unwrap().push(field);
    schema.to_string()
}

fn post(served: &Served, path: &str, schema: &str) -> Answer {
    served.post(path, &[KIND], json!({"schema": schema}).to_string())
}

#[test]
fn a_serialiser_finds_and_registers_schemas() {
    let served = Served::start(kafka().address(), |_| {});
    let versions = format!("/subjects/{SUBJECT}/versions");
    // A producer with the shipped schema, whatever its form, gets the id that is in the log.
    let pretty: Value = serde_json::from_str(&shipped()).unwrap();
    let found = post(&served, &versions, &format!("{pretty:#}"));
    assert_eq!(
        (found.status, &found.body["id"]),
        (200, &json!(schema_id(&shipped())))
    );
    assert_eq!(found.kind, KIND.1);
    let looked_up = post(&served, &format!("/subjects/{SUBJECT}"), &shipped());
    assert_eq!(looked_up.body["id"], found.body["id"], "{looked_up:?}");
    assert_eq!(looked_up.body["version"], 1);

    // One of its own, that the event type can read.
    let own = with(json!({"name": "colour", "type": "string", "default": ""}));
    let unknown = post(&served, &format!("/subjects/{SUBJECT}"), &own);
    assert_eq!(
        (unknown.status, &unknown.body["error_code"]),
        (404, &json!(40403))
    );
    let made = post(&served, &versions, &own);
    assert_eq!(
        (made.status, &made.body["version"]),
        (200, &json!(2)),
        "{made:?}"
    );
    assert_eq!(post(&served, &versions, &own).body["id"], made.body["id"]);
    let id = u32::try_from(made.body["id"].as_u64().unwrap()).unwrap();
    let there = SchemaRegistry::open(&served.brokers, DEADLINE).unwrap();
    let there = there.lookup(SchemaRef::Id(id)).unwrap().unwrap();
    assert_eq!((there.subject.as_str(), &there.schema), (SUBJECT, &own));

    assert_eq!(
        served.get(&format!("/schemas/ids/{id}")).body["schema"],
        own
    );
    assert_eq!(served.get(&versions).body, json!([1, 2]));
    let latest = served.get(&format!("{versions}/latest"));
    assert_eq!(
        (&latest.body["id"], &latest.body["subject"]),
        (&json!(id), &json!(SUBJECT))
    );
    assert_eq!(
        served.get(&format!("{versions}/1")).body["id"],
        found.body["id"]
    );
    let subjects = served.get("/subjects").body;
    assert!(
        subjects.as_array().unwrap().contains(&json!(SUBJECT)),
        "{subjects}"
    );
    let used = served.get(&format!("/schemas/ids/{id}/versions")).body;
    assert_eq!(used, json!([{"subject": SUBJECT, "version": 2}]));
}

#[test]
fn what_would_be_a_dead_letter_is_not_registered() {
    let served = Served::start(kafka().address(), |_| {});
    let subject = "weir.events.tool.called-value";
    let versions = format!("/subjects/{subject}/versions");
    let check = format!("/compatibility/subjects/{subject}/versions/latest");
    let text = served.get(&format!("{versions}/latest/schema")).body;
    let changed = |change: &dyn Fn(&mut Vec<Value>)| {
        let mut schema = text.clone();
        change(schema["fields"].as_array_mut().unwrap());
        schema.to_string()
    };
    let lacks = changed(&|fields| fields.retain(|f| f["name"] != "tenant"));
    let needs = changed(&|fields| fields.push(json!({"name": "colour", "type": "string"})));
    for schema in [&lacks, &needs] {
        let told = post(&served, &check, schema);
        assert_eq!(
            (told.status, &told.body["is_compatible"]),
            (200, &json!(false)),
            "{told:?}"
        );
        let refused = post(&served, &versions, schema);
        assert_eq!(
            (refused.status, &refused.body["error_code"]),
            (409, &json!(409))
        );
    }
    let told = post(&served, &check, &text.to_string());
    assert_eq!(told.body["is_compatible"], true, "{told:?}");
    for (path, body, status, number) in [
        (versions.as_str(), json!({"schema": "{"}), 422, 42201),
        (
            &versions,
            json!({"schema": "\"string\"", "schemaType": "JSON"}),
            422,
            42201,
        ),
        (&versions, json!({}), 422, 42201),
        (
            "/subjects/other-value/versions",
            json!({"schema": "\"string\""}),
            404,
            40401,
        ),
    ] {
        let refused = served.post(path, &[KIND], body.to_string());
        let said = (refused.status, &refused.body["error_code"]);
        assert_eq!(said, (status, &json!(number)), "{path} {body} {refused:?}");
    }
    for (path, number) in [
        ("/schemas/ids/1", 40403),
        ("/schemas/ids/x", 40403),
        ("/subjects/nope/versions", 40401),
        ("/subjects/weir.events.tool.called-value/versions/99", 40402),
    ] {
        let refused = served.get(path);
        let said = (refused.status, &refused.body["error_code"]);
        assert_eq!(said, (404, &json!(number)), "{path} {refused:?}");
    }
}

#[test]
fn the_level_is_one_and_reading_needs_a_token() {
    let served = Served::start(kafka().address(), |_| {});
    let level = json!({"compatibilityLevel": "BACKWARD_TRANSITIVE"});
    assert_eq!(served.get("/config").body, level);
    assert_eq!(served.get(&format!("/config/{SUBJECT}")).body, level);
    let set = |level: &str| {
        let body = json!({"compatibility": level}).to_string();
        served
            .ask("PUT", "/config", &[KIND], body.as_bytes())
            .status
    };
    assert_eq!((set("BACKWARD_TRANSITIVE"), set("NONE")), (200, 422));
    assert_eq!(served.get("/schemas/types").body, json!(["AVRO"]));
    let none = [("authorization", "")];
    assert_eq!(served.ask("GET", "/subjects", &none, b"").status, 401);

    let (_, reads) = token::create(&served.brokers, "acme", vec![Scope::Read], None).unwrap();
    let bearer = format!("Bearer {}", reads.expose());
    let with = [KIND, ("authorization", bearer.as_str())];
    let until = std::time::Instant::now() + DEADLINE;
    while served.ask("GET", "/subjects", &with, b"").status != 200 {
        assert!(std::time::Instant::now() < until);
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let body = json!({"schema": shipped()}).to_string();
    let path = format!("/subjects/{SUBJECT}");
    assert_eq!(served.post(&path, &with, &body).status, 200);
    assert_eq!(
        served
            .post(&format!("{path}/versions"), &with, &body)
            .status,
        403
    );
}
