//! Pseudonyms in place of names: nothing that reaches Kafka names anybody.
#![allow(clippy::unwrap_used)]

mod common;

use common::{Record, Served, now};
use serde_json::{Value, json};
use weir_embedded::testing::kafka;
use weir_model::topics;
use weir_privacy::{Entry, Privacy, is_pseudonym};

const TOPICS: [&str; 5] = [
    "weir.events.llm.call",
    "weir.events.engineer.registered",
    "weir.events.otel.unmapped",
    topics::DLQ,
    topics::PEOPLE,
];

/// All that a record is, in small letters.
fn text(r: &Record) -> String {
    let value = String::from_utf8_lossy(&r.value).into_owned();
    format!("{} {value} {:?}", r.key, r.headers).to_lowercase()
}

fn records(served: &Served) -> Vec<(&'static str, Record)> {
    let all = TOPICS.iter().flat_map(|t| {
        let records = served.records(t).into_iter();
        records.map(move |r| (*t, r))
    });
    all.collect()
}

fn send(served: &Served) {
    let event = |event: &str, more: Value| {
        let mut item = json!({"type": event, "source": "Zebulons-MBP"});
        item.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        item
    };
    let who = json!({"email": "Zebulon.Q@Example.com", "team": "team-control"});
    let good = json!([
        event(
            "llm.call",
            json!({"engineer": who, "provider": "p", "model": "m", "resource": {
            "host.name": "zebulons-mbp", "user.home": "/home/zebulon",
            "service.name": "ide-control"}})
        ),
        event(
            "llm.call",
            json!({"engineer": who, "provider": "p", "model": "m"})
        ),
        event(
            "engineer.registered",
            json!({"engineer": who, "name": "Zebulon Q"})
        ),
    ]);
    let said = served.post_json("/v1/events", &good);
    assert_eq!(
        (said.status, &said.body["accepted"]),
        (200, &json!(3)),
        "{}",
        said.text
    );
    // The answer says what is wrong, with the name; nothing that is kept does.
    let bad = json!([
        event("llm.call", json!({"engineer": who, "model": "m", "nickname": "zebulon"})),
        {"type": "zebulon"},
        event("llm.call", json!({"event_time": "zebulon"})),
    ]);
    let said = served.post_json("/v1/events", &bad);
    assert_eq!(said.status, 422, "{}", said.text);
    assert!(said.text.contains("zebulon"), "{}", said.text);
    let json = [("content-type", "application/json")];
    assert_eq!(served.post("/v1/events", &json, "zebulon {").status, 400);
    let text = |k: &str, v: &str| json!({"key": k, "value": {"stringValue": v}});
    let span = |name: &str, attributes: Value| {
        json!({"resourceSpans": [{
            "resource": {"attributes": [
                text("host.name", "zebulons-mbp"), text("service.name", "app")]},
            "scopeSpans": [{"scope": {"name": "some.instrumentation"}, "spans": [{
                "traceId": "5b8efff798038103d269b633813fc60c", "spanId": "eee19b7ec3c1b101",
                "name": name, "kind": 3, "attributes": attributes,
                "startTimeUnixNano": (now() * 1000 - 1_000_000).to_string(),
                "endTimeUnixNano": (now() * 1000).to_string()}]}]}]})
    };
    let call = json!([
        text("gen_ai.operation.name", "chat"), text("gen_ai.provider.name", "openai"),
        text("gen_ai.request.model", "gpt-5"), text("user.email", "zebulon.q@example.com"),
        {"key": "gen_ai.usage.input_tokens", "value": {"intValue": "1200"}},
    ]);
    assert_eq!(
        served
            .post_json("/v1/traces", &span("chat gpt-5", call))
            .status,
        200
    );
}

#[test]
fn nothing_that_is_written_names_anybody() {
    let (kafka, dir) = (kafka(), tempfile());
    let private = Served::private(kafka.address(), &dir.join("privacy"));
    send(&private);
    let all = records(&private);
    let of = |topic: &str| all.iter().filter(|(t, _)| *t == topic).count();
    assert_eq!(of("weir.events.llm.call"), 3);
    assert_eq!(of("weir.events.engineer.registered"), 1);
    assert_eq!((of(topics::DLQ), of(topics::PEOPLE)), (4, 1));
    for (topic, record) in &all {
        let text = text(record);
        assert!(!text.contains("zebulon"), "{topic}: {text}");
    }
    // What says nothing of people is there.
    assert!(all.iter().any(|(_, r)| text(r).contains("team-control")));
    assert!(all.iter().any(|(_, r)| text(r).contains("ide-control")));
    let dead = all.iter().filter(|(t, _)| *t == topics::DLQ);
    for (_, letter) in dead {
        assert!(letter.value.is_empty(), "{}", text(letter));
        assert!(text(letter).contains("weir-09"), "{}", text(letter));
    }
    // One person, whichever way she comes, and one partition for what one machine sends.
    let privacy = Privacy::open(
        &dir.join("privacy"),
        &weir_catalog::Catalog::embedded().unwrap(),
        None,
    );
    let privacy = privacy.unwrap();
    let zebulon = privacy.pseudonym("acme", "zebulon.q@example.com");
    let events = all.iter().filter(|(t, _)| t.starts_with("weir.events"));
    let naming = events.clone().filter(|(_, r)| text(r).contains(&zebulon));
    assert_eq!(naming.count(), 4);
    assert!(events.clone().all(|(_, r)| is_pseudonym(&r.key)));
    // The directory leads back.
    let (_, entry) = all.iter().find(|(t, _)| *t == topics::PEOPLE).unwrap();
    let entry = Entry {
        key: entry.key.clone().into_bytes(),
        value: entry.value.clone(),
    };
    let person = privacy.people().read(&entry).unwrap().unwrap();
    assert_eq!(
        (&*person.tenant, &*person.engineer),
        ("acme", "zebulon.q@example.com")
    );
    assert_eq!(person.pseudonym, zebulon);
    drop(private);

    // The same without: this test can see names.
    let open = Served::start(kafka.address(), |_| {});
    send(&open);
    let named = records(&open)
        .iter()
        .filter(|(_, r)| text(r).contains("zebulon"))
        .count();
    assert!(named >= 8, "{named}");
    std::fs::remove_dir_all(dir).unwrap();
}

/// A folder of this test's own.
fn tempfile() -> std::path::PathBuf {
    let dir = std::env::temp_dir().join(format!("weir-privacy-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    dir
}
