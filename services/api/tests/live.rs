//! What happens reaches who listens: his tenant's, at once, from where he was, and no more than he
//! reads.
#![allow(clippy::unwrap_used)]

mod common;

use common::data::filled;
use common::live::{Heard, alert, listen, subject};
use common::{Served, brokers, catalog, token};
use serde_json::json;
use std::time::{Duration, Instant};
use weir_http::token::{Scope, revoke};
use weir_kafka::Appender;
use weir_model::records::{Aggregate, AggregateBlock, Anomaly, Part, Subject};
use weir_model::{Micros, WindowSize, topics};

fn anomaly(tenant: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    Anomaly {
        id: "found".into(),
        run: 1,
        catalog: 1,
        detector: "d".into(),
        version: 1,
        kind: "limit".into(),
        severity: "high".into(),
        event: "llm.call".into(),
        subject: subject(tenant),
        window: "1m".into(),
        start: Micros(0),
        end: Micros(1),
        value: 3.0,
        expected: 1.0,
        score: 2.0,
        crosses_at: None,
        crosses_from: None,
        crosses_to: None,
        early: true,
        revision: 0,
    }
    .encode(&mut bytes);
    bytes
}

/// A block of `weir.live`: what a tenant spent in an hour so far.
fn spent(tenant: &str) -> Vec<u8> {
    let catalog = catalog();
    let event = catalog.event("llm.call").unwrap();
    let empty = event.measures.iter().map(|m| m.kind.accumulator().empty());
    let mut bytes = Vec::new();
    AggregateBlock {
        event: event.name.clone(),
        catalog: catalog.hash,
        run: 1,
        measures: event.measures.iter().map(|m| m.name.clone()).collect(),
        rows: vec![Aggregate {
            subject: Subject {
                tenant: tenant.into(),
                dimensions: Vec::new(),
            },
            window: WindowSize::Hour,
            start: Micros(0),
            end: Micros::HOUR,
            part: Part::OnTime,
            values: empty.collect(),
        }],
    }
    .encode(&mut bytes)
    .unwrap();
    bytes
}

fn put(topic: &str, value: &[u8]) {
    let to = Appender::new(&brokers()).unwrap();
    to.send(topic, None, Some(b"k"), Some(value), &[]).unwrap();
    to.flush().unwrap();
}

#[test]
fn who_listens_is_told_at_once_and_goes_on_where_he_was() {
    let api = Served::start(filled("told"), |_| {});
    let (acme, zeta) = (token("acme", Scope::Read), token("zeta", Scope::Read));
    api.knows(&acme);
    api.knows(&zeta);
    let mut mine = listen(&api, "", &acme, "");
    assert!(mine.head.contains("text/event-stream"), "{}", mine.head);
    let hello = mine.next().unwrap();
    assert_eq!(hello.event, "hello");
    let mut other = listen(&api, "?topics=alerts,anomalies", &zeta, "");
    other.of("hello");

    let begun = Instant::now();
    put(topics::ALERTS, &alert("acme", "one"));
    let told = mine.of("alert");
    let took = begun.elapsed();
    println!("an alert took {took:?} from before it was written to the client");
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert_eq!(told.data["id"], "one");
    assert_eq!(told.data["dimensions"], json!({"team": "core"}));
    assert_eq!(told.data["state"], "open");
    put(topics::ANOMALIES, &anomaly("zeta"));
    put(topics::LIVE, &spent("acme"));
    let kpi = mine.of("kpi").data;
    assert_eq!(kpi["provisional"], true, "{kpi}");
    assert_eq!(kpi["window_end"], "1970-01-01T01:00:00Z");
    put(topics::ALERTS, &alert("zeta", "two"));
    // Of the other tenant he is told nothing: his next alert is the third.
    put(topics::ALERTS, &alert("acme", "three"));
    assert_eq!(mine.of("alert").data["id"], "three");
    let mut seen = [other.next().unwrap(), other.next().unwrap()];
    seen.sort_by(|a, b| a.event.cmp(&b.event));
    assert_eq!(
        (&*seen[0].event, &seen[0].data["id"]),
        ("alert", &json!("two"))
    );
    assert_eq!(
        (&*seen[1].event, &seen[1].data["early"]),
        ("anomaly", &json!(true))
    );
    // He goes away, and comes back with the first one's place.
    drop(mine);
    let mut again = listen(&api, "?topics=alerts", &acme, &told.id);
    again.of("hello");
    assert_eq!(again.next().unwrap().data["id"], "three");
    // Another process knows the place too.
    let another = Served::start(filled("told"), |_| {});
    another.knows(&acme);
    let mut there = listen(&another, "?topics=alerts", &acme, &told.id);
    there.of("hello");
    assert_eq!(there.next().unwrap().data["id"], "three");
    // What is no place: nothing is known of what was missed.
    let mut lost = listen(&api, "?topics=alerts", &acme, "nothing");
    lost.of("hello");
    let first = lost.next().unwrap();
    assert!(["missed", "alert"].contains(&&*first.event), "{first:?}");
    assert_eq!(api.get("/v1/live?topics=x", &acme).status, 400);
    assert_eq!(api.get("/v1/live?kpis=no_such", &acme).status, 404);
    assert_eq!(api.get("/v1/live", "").status, 401);
}

#[test]
fn streams_end_with_their_token_and_with_the_service() {
    let api = Served::start(filled("ended"), |c| c.streams = 4);
    let (id, acme) = common::named_token("acme", &[Scope::Read]);
    let zeta = token("zeta", Scope::Read);
    api.knows(&acme);
    api.knows(&zeta);
    let mut first = listen(&api, "", &acme, "");
    // A quarter of four is one.
    let full = Heard::begin(&api, "", &acme, "");
    assert!(full.head.starts_with("HTTP/1.1 503"), "{}", full.head);
    let mut second = listen(&api, "", &zeta, "");
    assert!(revoke(&brokers(), &id).unwrap());
    let begun = Instant::now();
    while first.next().is_some() {}
    assert!(
        begun.elapsed() < Duration::from_secs(60),
        "{:?}",
        begun.elapsed()
    );
    let begun = Instant::now();
    drop(api);
    while second.next().is_some() {}
    assert!(
        begun.elapsed() < Duration::from_secs(10),
        "{:?}",
        begun.elapsed()
    );
}
