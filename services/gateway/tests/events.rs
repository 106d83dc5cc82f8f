//! `POST /v1/events`, and who may.
#![allow(clippy::unwrap_used)]

mod common;

use common::{DEADLINE, Served, call, id};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};
use weir_catalog::Catalog;
use weir_embedded::testing::kafka;
use weir_http::Anonymous;
use weir_http::token::{self, Scope};
use weir_model::avro::{Projection, Value as Decoded};
use weir_model::{topics, wire};

const CALLS: &str = "weir.events.llm.call";

/// Sources and ids of the calls in the log whose source begins so.
fn calls(served: &Served, prefix: &str) -> Vec<(String, String)> {
    let catalog = Catalog::embedded().unwrap();
    let schema = &catalog
        .events
        .iter()
        .find(|e| e.name == "llm.call")
        .unwrap()
        .schema_json;
    let read = Projection::compile(schema, schema, &["source", "event_id", "tenant"]).unwrap();
    let mut out = Vec::new();
    for record in served.records(CALLS) {
        let mut row = [Decoded::Null; 3];
        let value = &record.value;
        assert_eq!(value[0], 0);
        read.decode(&value[wire::FRAME..], &mut row).unwrap();
        let [Decoded::Str(source), Decoded::Str(id), Decoded::Str(tenant)] = row else {
            panic!("{row:?}")
        };
        if source.starts_with(prefix) {
            assert_eq!((record.key.as_str(), tenant), (source, "acme"));
            out.push((source.to_owned(), id.to_owned()));
        }
    }
    out.sort();
    out
}

#[test]
fn what_is_answered_with_success_is_in_the_log() {
    let served = Served::start(kafka().address(), |_| {});
    let mut bad = call(2, "a-1");
    bad["tokens_inpt"] = json!(3);
    let body = json!([call(1, "a-1"), bad, call(3, "a-2"), 7]);
    let agent = ("user-agent", "weir-test/1.0 more");
    let kind = ("content-type", "application/json");
    let answer = served.post("/v1/events", &[kind, agent], body.to_string());
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.body["accepted"], 2);
    let refused = answer.body["refused"].as_array().unwrap();
    assert_eq!(refused.len(), 2);
    assert_eq!(
        (&refused[0]["index"], &refused[0]["code"]),
        (&json!(1), &json!("WEIR-0904"))
    );
    let message = refused[0]["message"].as_str().unwrap();
    assert!(message.contains("write tokens_input"), "{message}");
    assert!(refused[0]["remedy"].as_str().unwrap().len() > 20);
    assert_eq!(
        (&refused[1]["index"], &refused[1]["code"]),
        (&json!(3), &json!("WEIR-0903"))
    );
    let expected = [("a-1".to_owned(), id(1)), ("a-2".to_owned(), id(3))];
    assert_eq!(calls(&served, "a-"), expected);

    let letters = served.records(topics::DLQ);
    let ours: Vec<_> = letters
        .iter()
        .filter(|l| l.header("user-agent") == "weir-test/1.0")
        .collect();
    assert_eq!(ours.len(), 2, "{letters:?}");
    let kept: Value = serde_json::from_slice(&ours[0].value).unwrap();
    assert_eq!(kept["tokens_inpt"], 3);
    assert_eq!(ours[0].header("weir-error-code"), "WEIR-0904");
    assert_eq!(ours[0].header("weir-tenant"), "acme");
    assert_eq!(ours[0].header("weir-source-topic"), "gateway");
    assert_eq!(ours[1].value, b"7");
    let place = |l: &common::Record| l.header("weir-source-offset").to_owned();
    assert_eq!(place(ours[0]), place(ours[1]));
    assert_eq!(ours[1].header("weir-source-partition"), "3");

    let none = served.post_json("/v1/events", &json!({"type": "nope"}));
    assert_eq!(
        (none.status, &none.body["accepted"]),
        (422, &json!(0)),
        "{none:?}"
    );
}

#[test]
fn a_retry_meets_its_first_copy() {
    let served = Served::start(kafka().address(), |_| {});
    for _ in 0..3 {
        for source in ["r-1", "r-2", "r-3", "r-4", "r-5"] {
            assert_eq!(
                served.post_json("/v1/events", &call(10, source)).status,
                200
            );
        }
    }
    let mut by_source = std::collections::BTreeMap::new();
    for record in served
        .records(CALLS)
        .iter()
        .filter(|r| r.key.starts_with("r-"))
    {
        by_source
            .entry(record.key.clone())
            .or_insert_with(Vec::new)
            .push(record.partition);
    }
    assert_eq!(by_source.len(), 5);
    for (source, partitions) in by_source {
        assert_eq!(partitions.len(), 3, "{source}");
        assert!(
            partitions.iter().all(|p| *p == partitions[0]),
            "{source}: {partitions:?}"
        );
    }
}

#[test]
fn lines_and_packed_bodies_are_read() {
    let served = Served::start(kafka().address(), |_| {});
    let lines = format!(
        "{}\n\nnot json\n\u{feff}\n{}\n",
        call(1, "l-1"),
        call(2, "l-2")
    );
    let lines = [lines.as_bytes(), b"\xff\xfe\n"].concat();
    let ndjson = ("content-type", "application/x-ndjson");
    let answer = served.post("/v1/events", &[ndjson], &lines);
    let codes: Vec<_> = answer.body["refused"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| (r["index"].as_u64().unwrap(), r["code"].as_str().unwrap()))
        .collect();
    assert_eq!(answer.body["accepted"], 2, "{answer:?}");
    assert_eq!(
        codes,
        [(1, "WEIR-0901"), (2, "WEIR-0901"), (4, "WEIR-0901")]
    );

    let json = ("content-type", "application/json");
    let body = json!([call(3, "l-3")]).to_string();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(body.as_bytes()).unwrap();
    let gzip = gzip.finish().unwrap();
    let packed = [json, ("content-encoding", "gzip")];
    assert_eq!(served.post("/v1/events", &packed, &gzip).status, 200);
    let body = json!([call(4, "l-4")]).to_string();
    let packed = [json, ("content-encoding", "zstd")];
    let zstd = zstd::encode_all(body.as_bytes(), 3).unwrap();
    assert_eq!(served.post("/v1/events", &packed, &zstd).status, 200);
    let sources: Vec<String> = calls(&served, "l-").into_iter().map(|c| c.0).collect();
    assert_eq!(sources, ["l-1", "l-2", "l-3", "l-4"]);
}

#[test]
fn cloud_events_come_in_three_modes() {
    let served = Served::start(kafka().address(), |_| {});
    let event = |n: u32, id: &str| {
        let mut data = call(n, "x");
        for own in ["type", "event_id", "event_time", "source"] {
            data.as_object_mut().unwrap().remove(own);
        }
        json!({
            "specversion": "1.0", "type": "llm.call", "source": format!("c-{n}"), "id": id,
            "data": data,
        })
    };
    let one = [(
        "content-type",
        "application/cloudevents+json; charset=utf-8",
    )];
    let taken = served.post("/v1/events", &one, event(1, &id(1)).to_string());
    assert_eq!(taken.status, 200, "{taken:?}");
    let many = [("content-type", "application/cloudevents-batch+json")];
    let batch = json!([event(2, &id(2)), {"specversion": "1.0"}, event(3, &id(3))]);
    let taken = served.post("/v1/events", &many, batch.to_string());
    assert_eq!(taken.body["accepted"], 2, "{taken:?}");
    assert_eq!(taken.body["refused"][0]["index"], 1);
    let fourth = id(4);
    let binary = [
        ("content-type", "application/json"),
        ("ce-specversion", "1.0"),
        ("ce-type", "llm.call"),
        ("ce-source", "c-4"),
        ("ce-id", &fourth),
    ];
    let taken = served.post("/v1/events", &binary, event(4, "")["data"].to_string());
    assert_eq!(taken.status, 200, "{taken:?}");
    let expected: Vec<_> = (1..=4).map(|n| (format!("c-{n}"), id(n))).collect();
    assert_eq!(calls(&served, "c-"), expected);
}

#[test]
fn to_validate_writes_nothing() {
    let served = Served::start(kafka().address(), |_| {});
    let body = json!([call(1, "v-1"), {"type": "llm.call", "validated": true}]);
    let answer = served.post_json("/v1/events?validate=1", &body);
    assert_eq!(
        (answer.status, &answer.body["accepted"]),
        (200, &json!(1)),
        "{answer:?}"
    );
    assert_eq!(answer.body["refused"][0]["code"], "WEIR-0904");
    let kind = [("content-type", "application/json")];
    assert_eq!(
        served.post("/v1/events?validate=1", &kind, "nope v").status,
        400
    );
    assert!(calls(&served, "v-").is_empty());
    let letters = served.records(topics::DLQ);
    let ours = |l: &&common::Record| {
        let text = String::from_utf8_lossy(&l.value);
        text.contains("validated") || text == "nope v"
    };
    assert_eq!(letters.iter().filter(ours).count(), 0);
}

#[test]
fn every_wrong_request_has_its_status() {
    let served = Served::start(kafka().address(), |c| {
        c.body = weir_runtime::Size::of(100_000);
        c.event = weir_runtime::Size::of(5_000);
        c.events = 20;
    });
    let json = ("content-type", "application/json");
    let many = json!(vec![json!({}); 21]).to_string();
    let large = format!("[{}]", " ".repeat(100_000));
    let nested = format!("[{}{}]", "[".repeat(300), "]".repeat(300));
    let bomb = zstd::encode_all(&vec![b' '; 5_000_000][..], 3).unwrap();
    let zstd = ("content-encoding", "zstd");
    for (headers, body, status, code) in [
        (&[json][..], "{\"type\": ".as_bytes(), 400, "WEIR-0901"),
        (&[json], b"\xff", 400, "WEIR-0901"),
        (&[json], b"", 400, "WEIR-0901"),
        (&[json], many.as_bytes(), 413, "WEIR-0915"),
        (&[json], large.as_bytes(), 413, "WEIR-0915"),
        (&[json, zstd], &bomb, 413, "WEIR-0915"),
        (&[json, zstd], b"{}", 400, "WEIR-0917"),
        (&[json, ("content-encoding", "br")], b"{}", 415, "WEIR-0916"),
        (&[("content-type", "text/plain")], b"{}", 415, "WEIR-0916"),
        (&[], b"{}", 415, "WEIR-0916"),
        (&[json, ("authorization", "")], b"[]", 401, "WEIR-0911"),
        (
            &[json, ("authorization", "Bearer weir_00")],
            b"[]",
            401,
            "WEIR-0911",
        ),
        (
            &[json, ("authorization", "Basic eDp5")],
            b"[]",
            401,
            "WEIR-0911",
        ),
    ] {
        let answer = served.post("/v1/events", headers, body);
        let said = (
            answer.status,
            answer.body["code"].as_str().unwrap_or_default(),
        );
        assert_eq!(said, (status, code), "{headers:?} {answer:?}");
        assert_eq!(answer.kind, "application/problem+json");
        assert_eq!(answer.body["status"], status);
        assert!(!answer.body["title"].as_str().unwrap().is_empty());
        assert!(!answer.body["detail"].as_str().unwrap().is_empty());
    }
    let item = |body: &str| {
        let answer = served.post("/v1/events", &[json], body);
        assert_eq!(answer.status, 422, "{answer:?}");
        answer.body["refused"][0]["code"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(item(&nested), "WEIR-0901");
    assert_eq!(
        item("{\"type\": \"llm.call\", \"type\": \"llm.call\"}"),
        "WEIR-0901"
    );
    assert_eq!(item(&format!("[\"{}\"]", "x".repeat(6_000))), "WEIR-0908");
    assert_eq!(served.get("/nothing").status, 404);
    assert_eq!(served.get("/v1/events").status, 405);
    assert_eq!(served.get("/v1/events").body["code"], "WEIR-0914");
    // A body that is none is kept too.
    let letters = served.records(topics::DLQ);
    assert!(letters.iter().any(|l| l.value == b"{\"type\": "));
}

#[test]
fn tokens_open_for_their_tenant_until_they_are_revoked() {
    let served = Served::start(kafka().address(), |_| {});
    let kind = ("content-type", "application/json");
    let mut event = call(1, "t-1");
    event["tenant"] = json!("umbrella");
    let refused = served.post_json("/v1/events", &event);
    assert_eq!(
        refused.body["refused"][0]["code"], "WEIR-0907",
        "{refused:?}"
    );

    let make = |scope| token::create(&served.brokers, "umbrella", vec![scope], None).unwrap();
    let (id, own) = make(Scope::Write);
    let (_, reads) = make(Scope::Read);
    let with = |token: &str| {
        let bearer = format!("Bearer {token}");
        let headers = [kind, ("authorization", bearer.as_str())];
        served
            .post("/v1/events?validate=1", &headers, event.to_string())
            .status
    };
    let until = |token: &str, status: u16| {
        let until = Instant::now() + DEADLINE;
        while with(token) != status {
            assert!(Instant::now() < until, "{status} is not reached");
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    until(own.expose(), 200);
    until(reads.expose(), 403);
    assert!(token::revoke(&served.brokers, &id).unwrap());
    assert!(!token::revoke(&served.brokers, &id).unwrap());
    until(own.expose(), 401);
    let listed = token::list(&served.brokers).unwrap();
    assert!(!listed.iter().any(|(known, _)| *known == id));
    // What is kept tells no token.
    for record in served.records(topics::TOKENS) {
        let text = String::from_utf8_lossy(&record.value).into_owned();
        assert!(!text.contains(own.expose().trim_start_matches("weir_")));
    }
}

#[test]
fn without_a_token_only_where_it_is_configured() {
    let served = Served::start(kafka().address(), |c| c.anonymous = Anonymous::Loopback);
    let kind = ("content-type", "application/json");
    let nobody = ("authorization", "");
    let mut event = call(1, "n-1");
    let post = |headers: &[(&str, &str)], event: &Value| {
        served.post("/v1/events?validate=1", headers, event.to_string())
    };
    let taken = post(&[kind, nobody], &event);
    assert_eq!(taken.body["accepted"], 1, "{taken:?}");
    let page = post(&[kind, nobody, ("origin", "https://site.example")], &event);
    assert_eq!(
        (page.status, &page.body["code"]),
        (403, &json!("WEIR-0913"))
    );
    // A token that is none does not make its bearer nobody.
    assert_eq!(
        post(&[kind, ("authorization", "Bearer weir_x")], &event).status,
        401
    );
    event["tenant"] = json!("acme");
    assert_eq!(
        post(&[kind, nobody], &event).body["refused"][0]["code"],
        "WEIR-0907"
    );
}

/// Opens a connection, sends a beginning, and waits for what comes.
fn slowly(served: &Served, beginning: &str) -> (String, Duration) {
    let begun = Instant::now();
    let mut stream = TcpStream::connect(&served.address).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream.write_all(beginning.as_bytes()).unwrap();
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    (answer, begun.elapsed())
}

#[test]
fn who_is_slow_or_many_holds_nobody_up() {
    let served = Served::start(kafka().address(), |c| {
        c.head = Duration::from_millis(500);
        c.pause = Duration::from_millis(300);
        c.connections = 8;
    });
    // A head that does not end.
    let (_, took) = slowly(&served, "POST /v1/events HTTP/1.1\r\nHost: x\r\nA: ");
    assert!(took < Duration::from_secs(10), "{took:?}");
    // A body that does not come.
    let token = &served.token;
    let head = format!(
        "POST /v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/json\r\nContent-Length: 100\r\n\r\n["
    );
    let (answer, took) = slowly(&served, &head);
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert!(
        answer.contains("WEIR-0917") && took < Duration::from_secs(10),
        "{took:?}"
    );
    // More connections than may be: told at once, and gone once there is room.
    let held: Vec<TcpStream> = (0..8)
        .map(|_| TcpStream::connect(&served.address).unwrap())
        .collect();
    let until = Instant::now() + DEADLINE;
    loop {
        let (answer, _) = slowly(&served, "");
        if answer.starts_with("HTTP/1.1 503") {
            assert!(
                answer.contains("Retry-After: 1") && answer.contains("WEIR-0919"),
                "{answer}"
            );
            break;
        }
        assert!(Instant::now() < until);
    }
    drop(held);
    let until = Instant::now() + DEADLINE;
    while served
        .post_json("/v1/events?validate=1", &call(1, "s-1"))
        .status
        != 200
    {
        assert!(Instant::now() < until, "there is room again");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_token_that_is_too_fast_is_told_when_to_come_again() {
    let served = Served::start(kafka().address(), |c| c.rate = 100);
    let body = json!(vec![call(1, "f-1"); 400]);
    assert_eq!(served.post_json("/v1/events?validate=1", &body).status, 200);
    let answer = served.post_json("/v1/events?validate=1", &json!([call(1, "f-1")]));
    assert_eq!(
        (answer.status, &answer.body["code"]),
        (429, &json!("WEIR-0918"))
    );
    assert!((1..=2).contains(&answer.retry_after.unwrap()), "{answer:?}");
}

#[test]
fn health_and_metrics_are_served_beside() {
    let served = Served::start(kafka().address(), |_| {});
    served.post_json("/v1/events", &json!([call(1, "m-1"), 1]));
    assert_eq!(served.get("/livez").status, 200);
    assert_eq!(served.get("/readyz").status, 200);
    let text = served.get("/metrics").text;
    for name in [
        "weir_gateway_events_total{event=\"llm.call\"}",
        "weir_gateway_refused_total{code=\"WEIR-0903\"",
        "weir_gateway_requests_total{route=\"/v1/events\",status=\"200\"}",
    ] {
        assert!(text.contains(name), "{name}: {text}");
    }
}
