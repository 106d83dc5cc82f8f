//! Commands about alerts are events in the log, of the tenant of who gives them.
#![allow(clippy::unwrap_used)]

mod common;

use common::data::filled;
use common::{DEADLINE, Served, brokers, catalog, named_token, token};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use weir_http::token::Scope;
use weir_kafka::admin::Admin;
use weir_kafka::{Consumer, Tp};
use weir_model::avro::{Projection, Value as Cell};
use weir_model::{topics, wire};
use weir_store::{Store, StoreConfig};

/// Texts of some fields of all events of a type, in the log.
fn in_the_log(event: &str, fields: &[&str]) -> Vec<Vec<String>> {
    let topic = topics::events(event);
    let admin = Admin::new(&brokers(), DEADLINE).unwrap();
    let info = admin.topics(&[&topic]).unwrap().remove(0);
    let parts = info.partitions.iter();
    let mut left: i64 = parts.clone().map(|p| p.end - p.low).sum();
    let from: Vec<(Tp, i64)> = parts
        .map(|p| (Tp::new(&*topic, p.partition), p.low))
        .collect();
    let consumer = Consumer::assigned(&brokers(), &from).unwrap();
    let schema = &catalog().event(event).unwrap().schema_json.clone();
    let projection = Projection::compile(schema, schema, fields).unwrap();
    let (mut rows, until) = (Vec::new(), Instant::now() + DEADLINE);
    while left > 0 {
        assert!(Instant::now() < until, "{left} records are missing");
        consumer.poll(Duration::ZERO).unwrap();
        for m in consumer
            .next(Duration::from_millis(200), Duration::ZERO, 100)
            .unwrap()
            .iter()
        {
            left -= 1;
            let (_, body) = wire::split(m.value().unwrap(), &m.meta()).unwrap();
            let mut row = vec![Cell::Null; fields.len()];
            projection.decode(body, &mut row).unwrap();
            let text = |c: &Cell<'_>| match c {
                Cell::Str(text) => (*text).to_owned(),
                Cell::Int(n) => n.to_string(),
                _ => String::new(),
            };
            rows.push(row.iter().map(text).collect());
        }
    }
    rows
}

fn send(api: &Served, to: (&str, &str), token: &str, body: Value) -> common::Answer {
    api.send(to, token, &[], &body.to_string())
}

#[test]
fn an_alert_is_taken_on_in_the_log() {
    let api = Served::start(filled("taken_on"), |_| {});
    let both = |tenant| named_token(tenant, &Scope::ALL).1;
    let (acme, zeta, reader) = (both("acme"), both("zeta"), token("acme", Scope::Read));
    for token in [&acme, &zeta, &reader] {
        api.knows(token);
    }
    let path = "/v1/alerts/acme-00/acknowledge";
    let id = "01931b5e-7a00-7000-8000-000000000001";
    let body = json!({"by": "Ada@Example.org", "note": "on it", "event_id": id});
    let told = send(&api, ("POST", path), &acme, body);
    assert_eq!(told.status, 200, "{}", told.text());
    assert_eq!(told.body["data"]["event_id"], id);
    // Without a body it is the token's bearer.
    let told = api.send(("POST", path), &acme, &[], "");
    let by = told.body["data"]["by"].as_str().unwrap().to_owned();
    // The alert of another tenant is not there, and who only reads changes nothing.
    assert_eq!(send(&api, ("POST", path), &zeta, json!({})).status, 404);
    let refused = send(&api, ("POST", path), &reader, json!({}));
    assert_eq!(
        (refused.status, &refused.body["code"]),
        (403, &json!("WEIR-0912"))
    );
    assert_eq!(send(&api, ("POST", path), "", json!({})).status, 401);
    for (body, status) in [
        (json!({"who": "x"}), 400),
        (json!([]), 400),
        (json!({"event_id": "x"}), 422),
        (json!({"by": "x".repeat(10_000)}), 422),
        (json!({"note": "x".repeat(100_000)}), 400),
    ] {
        assert_eq!(
            send(&api, ("POST", path), &acme, body.clone()).status,
            status,
            "{body}"
        );
    }
    let form = [("content-type", "text/plain")];
    assert_eq!(api.send(("POST", path), &acme, &form, "{}").status, 415);
    let fields = ["tenant", "alert_id", "rule", "engineer.email", "note"];
    let mut all = in_the_log("alert.acknowledged", &fields);
    all.sort();
    let mut expected = [
        vec!["acme", "acme-00", "r", "ada@example.org", "on it"],
        vec!["acme", "acme-00", "r", by.as_str(), ""],
    ];
    expected.sort();
    assert_eq!(all, expected);
    // Beside each stands who changed what: nothing about what was refused.
    let fields = [
        "action",
        "tenant",
        "actor",
        "target_kind",
        "target",
        "reason",
        "outcome",
    ];
    let mut audit = in_the_log("audit.recorded", &fields);
    audit.retain(|row| row[0] == "alert.acknowledge");
    audit.sort();
    let row = |by, why| {
        [
            "alert.acknowledge",
            "acme",
            by,
            "alert",
            "acme-00",
            why,
            "done",
        ]
    };
    let mut expected = [row("ada@example.org", "on it"), row(&by, "")];
    expected.sort_unstable();
    assert_eq!(audit, expected);
}

/// A silence as the sink would store it.
fn stored(config: &StoreConfig, tenant: &str, id: u32, team: &str, minutes: i64) {
    let sql = format!(
        "INSERT INTO events_alert_silenced (event_id, event_time, tenant, source, rule, subject, \
         engineer_email, silenced_until) SELECT '00000000-0000-0000-0000-{id:012}', \
         now64(6) - 60 + {id}, '{tenant}', 's', 'r', map('team', '{team}'), 'ada', \
         now64(6) + INTERVAL {minutes} MINUTE"
    );
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(Store::new(config).execute(&sql)).unwrap();
}

#[test]
fn silences_hold_until_somebody_ends_them() {
    let config = filled("silenced");
    let api = Served::start(config.clone(), |_| {});
    let acme = named_token("acme", &Scope::ALL).1;
    let zeta = named_token("zeta", &Scope::ALL).1;
    api.knows(&acme);
    api.knows(&zeta);
    let list = |token: &str| api.get("/v1/silences", token).rows().clone();
    assert!(list(&acme).is_empty());
    stored(&config, "acme", 1, "a", 60);
    stored(&config, "acme", 2, "b", 60);
    // The last word about the same counts; what is over is not shown.
    stored(&config, "acme", 3, "a", 120);
    stored(&config, "acme", 4, "b", -1);
    let all = list(&acme);
    assert_eq!(all.len(), 1, "{all:?}");
    assert_eq!(all[0]["subject"], json!({"team": "a"}));
    assert_eq!(
        (&all[0]["rule"], &all[0]["alert_id"]),
        (&json!("r"), &Value::Null)
    );
    assert!(list(&zeta).is_empty());
    let id = all[0]["id"].as_str().unwrap();
    let path = format!("/v1/silences/{id}");
    assert_eq!(api.ask("DELETE", &path, &zeta, &[]).status, 404);
    let ended = api.ask("DELETE", &path, &acme, &[]);
    assert_eq!(ended.status, 200, "{}", ended.text());

    let rule = catalog().rules[0].name.clone();
    let day = Duration::from_secs(86_400);
    let tomorrow = jiff::Timestamp::now() + day;
    let body = json!({"rule": rule, "subject": {"team": "a"}, "until": tomorrow.to_string(),
        "reason": "known"});
    let told = send(&api, ("POST", "/v1/silences"), &acme, body);
    assert_eq!(told.status, 200, "{}", told.text());
    let body = json!({"alert_id": "acme-00", "until": tomorrow.to_string()});
    assert_eq!(
        send(&api, ("POST", "/v1/silences"), &acme, body.clone()).status,
        200
    );
    assert_eq!(
        send(&api, ("POST", "/v1/silences"), &zeta, body).status,
        404
    );
    for (body, status) in [
        (json!({"until": tomorrow.to_string()}), 400),
        (json!({"rule": rule, "until": "2020-01-01"}), 400),
        (json!({"rule": rule, "until": "2099-01-01"}), 400),
        (
            json!({"rule": "no_such", "until": tomorrow.to_string()}),
            404,
        ),
        (
            json!({"rule": rule, "alert_id": "acme-00", "until": tomorrow.to_string()}),
            400,
        ),
        (json!({"rule": rule}), 400),
    ] {
        let told = send(&api, ("POST", "/v1/silences"), &acme, body.clone());
        assert_eq!(told.status, status, "{body} {}", told.text());
    }
    let fields = ["tenant", "rule", "alert_id", "silenced_until", "reason"];
    let all = in_the_log("alert.silenced", &fields);
    assert_eq!(all.len(), 3, "{all:?}");
    let now = weir_http::now().0.to_string();
    let over = all.iter().filter(|r| r[3] < now).collect::<Vec<_>>();
    assert_eq!(over.len(), 1, "{all:?}");
    assert_eq!(over[0][..3], ["acme", "r", ""]);
    assert!(all.iter().any(|r| r[1] == rule && r[4] == "known"));
    assert!(all.iter().any(|r| r[1] == "r" && r[2] == "acme-00"));
}
