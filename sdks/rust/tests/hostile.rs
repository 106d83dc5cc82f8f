//! Against a peer that is slow, gone, full, or wrong: the host notices nothing of it.
#![allow(clippy::unwrap_used)]

use flate2::read::GzDecoder;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use weir_sdk::{Client, Config, Envelope, Event, LlmCall, ProductivityRecorded};

const PATIENCE: Duration = Duration::from_secs(10);

/// A request: when it came, its headers in small letters, its events.
#[derive(Clone, Debug)]
struct Asked {
    at: Instant,
    head: String,
    events: Vec<Value>,
}

/// Answers as planned, then takes everything.
struct Peer {
    url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

type Plan = Arc<Mutex<VecDeque<String>>>;

impl Peer {
    fn new(plan: &[&str]) -> Peer {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let plan: Plan = Arc::new(Mutex::new(plan.iter().map(|s| (*s).to_owned()).collect()));
        let seen = asked.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (plan, seen) = (plan.clone(), seen.clone());
                std::thread::spawn(move || answer(stream, &plan, &seen));
            }
        });
        Peer { url, asked }
    }

    fn client(&self) -> Config {
        let config = Client::config()
            .url(self.url.clone())
            .token("weir_secret")
            .disabled(false);
        config.interval(Duration::from_millis(20))
    }

    fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

/// `None` at the end of the connection.
fn answer(stream: TcpStream, plan: &Plan, seen: &Mutex<Vec<Asked>>) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut to = stream;
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if reader.read_line(&mut head).ok()? == 0 {
                return None;
            }
        }
        let head = head.to_lowercase();
        let length = head
            .lines()
            .find_map(|l| l.strip_prefix("content-length:"))?;
        let mut body = vec![0; length.trim().parse().ok()?];
        reader.read_exact(&mut body).ok()?;
        if head.contains("content-encoding: gzip") {
            let mut plain = Vec::new();
            GzDecoder::new(&body[..]).read_to_end(&mut plain).ok()?;
            body = plain;
        }
        let events: Vec<Value> = serde_json::from_slice(&body).unwrap();
        let n = events.len();
        seen.lock().unwrap().push(Asked {
            at: Instant::now(),
            head,
            events,
        });
        let planned = plan.lock().unwrap().pop_front();
        let (status, body) = match planned.as_deref() {
            Some("hang") => {
                std::thread::sleep(PATIENCE * 3);
                return None;
            }
            Some(status) => (status.to_owned(), "{}".to_owned()),
            None => (
                "200 OK".to_owned(),
                json!({"accepted": n, "refused": []}).to_string(),
            ),
        };
        let length = body.len();
        write!(
            to,
            "HTTP/1.1 {status}\r\nContent-Length: {length}\r\n\r\n{body}"
        )
        .ok()?;
    }
}

fn call(n: i64) -> LlmCall {
    let (provider, model) = ("p".into(), "m".into());
    LlmCall {
        provider,
        model,
        tokens_input: Some(n),
        ..LlmCall::default()
    }
}

#[test]
fn what_is_sent_is_what_was_given() {
    let peer = Peer::new(&[]);
    let client = peer
        .client()
        .source("ci-7")
        .engineer("ada@acme.example", "payments");
    let client = client.resource("service.name", "x").build();
    client.llm_call(call(7));
    let at = chrono::DateTime::from_timestamp_micros(1_772_445_600_000_001).unwrap();
    let id = uuid::Uuid::from_u128(7 << 64 | 1 << 63);
    let mut own = Envelope {
        event_id: Some(id),
        event_time: Some(at),
        ..Envelope::default()
    };
    own.resource.insert("service.name".into(), "y".into());
    let commits = ProductivityRecorded {
        commits: Some(3),
        ..ProductivityRecorded::default()
    };
    client.emit_with(commits, own);
    assert!(client.flush(PATIENCE));
    let events: Vec<Value> = peer.asked().into_iter().flat_map(|a| a.events).collect();
    assert_eq!(events.len(), 2);
    let ada = json!({"email": "ada@acme.example", "team": "payments"});
    assert_eq!(
        (&events[0]["type"], &events[0]["tokens_input"]),
        (&json!("llm.call"), &json!(7))
    );
    assert_eq!(
        (&events[0]["engineer"], &events[1]["engineer"]),
        (&ada, &ada)
    );
    assert_eq!(events[0]["source"], "ci-7");
    assert!(events[0].get("tokens_output").is_none());
    assert_eq!(events[1]["event_time"], 1_772_445_600_000_001_i64);
    assert_eq!(events[1]["event_id"], id.to_string());
    assert_eq!(events[1]["resource"], json!({"service.name": "y"}));
    assert!(
        peer.asked()[0]
            .head
            .contains("authorization: bearer weir_secret")
    );
    assert_eq!(client.stats().sent, 2);
}

#[test]
fn a_batch_is_repeated_with_the_same_ids_as_the_gateway_asks() {
    let peer = Peer::new(&["503 Busy\r\nRetry-After: 1", "500 Oops"]);
    let client = peer.client().build();
    client.llm_call(call(1));
    assert!(client.flush(PATIENCE));
    let asked = peer.asked();
    assert_eq!(asked.len(), 3);
    assert!(asked[1].at - asked[0].at >= Duration::from_secs(1));
    assert_eq!(asked[0].events, asked[2].events);
    assert_eq!((client.stats().sent, client.stats().refused), (1, 0));
}

#[test]
fn one_that_spoils_a_batch_takes_nobody_with_it() {
    let peer = Peer::new(&["413 Large", "200 OK", "413 Large"]);
    let client = peer.client().interval(Duration::from_millis(300)).build();
    (0..2).for_each(|n| client.llm_call(call(n)));
    assert!(client.flush(PATIENCE));
    let sizes: Vec<usize> = peer.asked().iter().map(|a| a.events.len()).collect();
    assert_eq!((sizes[0], sizes[1], *sizes.last().unwrap()), (2, 1, 1));
    assert_eq!(client.stats().refused, 1);
}

#[test]
fn a_full_queue_drops_the_newest_and_says_how_many() {
    let peer = Peer::new(&["503 Busy\r\nRetry-After: 1"]);
    let client = peer.client().queue(10).batch(10).build();
    client.llm_call(call(0));
    while peer.asked().is_empty() {
        std::thread::sleep(Duration::from_millis(5));
    }
    (1..=15).for_each(|n| client.llm_call(call(n)));
    assert_eq!(client.stats().dropped, 5);
    assert!(client.flush(PATIENCE));
    let asked = peer.asked();
    let last = asked.last().unwrap();
    assert_eq!(last.events.last().unwrap()["tokens_input"], 10);
    assert!(
        asked.iter().any(|a| a.head.contains("weir-dropped: 5")),
        "{asked:?}"
    );
    assert_eq!(client.stats().sent, 11);
}

#[test]
fn the_end_sends_what_is_queued_and_waits_no_longer_than_it_may() {
    let peer = Peer::new(&[]);
    let client = peer.client().interval(Duration::from_secs(60)).build();
    let other = client.clone();
    client.llm_call(call(1));
    drop(client);
    other.llm_call(call(2));
    drop(other);
    assert_eq!(
        peer.asked().iter().map(|a| a.events.len()).sum::<usize>(),
        2
    );

    let hanging = Peer::new(&["hang"]);
    let client = hanging
        .client()
        .exit_timeout(Duration::from_millis(300))
        .build();
    client.llm_call(call(1));
    let began = Instant::now();
    drop(client);
    assert!(
        began.elapsed() < Duration::from_secs(2),
        "{:?}",
        began.elapsed()
    );
    // Nobody there at all.
    let client = Client::config().url("http://127.0.0.1:9").disabled(false);
    let client = client.exit_timeout(Duration::from_millis(300)).build();
    client.llm_call(call(1));
    let began = Instant::now();
    assert!(!client.flush(Duration::from_millis(100)));
    drop(client);
    assert!(
        began.elapsed() < Duration::from_secs(2),
        "{:?}",
        began.elapsed()
    );
}

#[test]
fn switched_off_it_does_nothing() {
    let peer = Peer::new(&[]);
    let client = peer.client().disabled(true).build();
    client.llm_call(call(1));
    drop(client.capability("review"));
    assert!(client.flush(Duration::ZERO));
    drop(client);
    assert!(peer.asked().is_empty());
}

#[test]
fn capabilities_tell_how_they_ended() {
    let peer = Peer::new(&[]);
    let client = peer.client().build();
    let mut run = client.capability("review");
    run.set(|e| e.tokens_saved = Some(1200));
    drop(run);
    let parsed = client.capability("parse").measure(|| "x".parse::<i32>());
    assert!(parsed.is_err());
    let guarded = client.clone();
    let panicked = std::thread::spawn(move || {
        let _run = guarded.capability("fall");
        panic!("on purpose");
    });
    assert!(panicked.join().is_err());
    assert!(client.flush(PATIENCE));
    let events: Vec<Value> = peer.asked().into_iter().flat_map(|a| a.events).collect();
    let of = |name: &str| {
        events
            .iter()
            .find(|e| e["capability"] == name)
            .unwrap()
            .clone()
    };
    let review = of("review");
    assert_eq!(
        (&review["success"], &review["tokens_saved"]),
        (&json!(true), &json!(1200))
    );
    assert!(review["duration_ms"].as_f64().unwrap() >= 0.0);
    assert_eq!(
        (&of("parse")["success"], &of("parse")["error_type"]),
        (&json!(false), &json!("ParseIntError"))
    );
    assert_eq!(of("fall")["error_type"], "panic");
    assert_eq!(LlmCall::TYPE, "llm.call");
}

#[test]
fn what_cannot_be_sent_waits_on_disk_for_this_client_or_the_next() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("spool");
    let peer = Peer::new(&["503 Busy\r\nRetry-After: 1"]);
    let client = peer.client().spool(&folder).build();
    client.llm_call(call(1));
    assert!(client.flush(PATIENCE));
    let stats = client.stats();
    assert_eq!((stats.spooled, stats.sent, stats.queued), (1, 0, 0));
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1);
    let until = Instant::now() + PATIENCE;
    while std::fs::read_dir(&folder).unwrap().count() > 0 {
        assert!(Instant::now() < until, "{:?}", peer.asked());
        std::thread::sleep(Duration::from_millis(20));
    }
    let asked = peer.asked();
    assert_eq!(asked[0].events, asked[1].events);
    assert!(asked[1].at - asked[0].at >= Duration::from_secs(1));
    assert_eq!(client.stats().sent, 1);
    // Else it would send what the next one is to find.
    drop(client);

    // Nobody is there: what is left at the end is sent by the next one.
    let away = Client::config().url("http://127.0.0.1:9").disabled(false);
    let away = away.spool(&folder).exit_timeout(Duration::from_millis(500));
    let client = away.interval(Duration::from_secs(60)).batch(2).build();
    (0..5).for_each(|n| client.llm_call(call(n)));
    drop(client);
    let next = peer.client().spool(&folder).build();
    let until = Instant::now() + PATIENCE;
    while next.stats().sent < 5 {
        assert!(Instant::now() < until, "{:?}", next.stats());
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0);
}

#[test]
fn a_full_spool_keeps_what_it_can_and_the_rest_waits() {
    let dir = tempfile::tempdir().unwrap();
    let peer = Peer::new(&["500 Oops", "500 Oops"]);
    let client = peer.client().spool(dir.path()).spool_bytes(10).build();
    client.llm_call(call(1));
    assert!(client.flush(PATIENCE));
    assert_eq!((client.stats().spooled, client.stats().sent), (0, 1));
}

/// A folder with a key.
fn keyed() -> tempfile::TempDir {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let key = dir.path().join("key");
    std::fs::write(&key, "0123456789abcdef".repeat(4)).unwrap();
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    dir
}

#[test]
fn no_name_is_sent_or_spooled() {
    let (dir, key) = (tempfile::tempdir().unwrap(), keyed());
    let peer = Peer::new(&["503 Busy\r\nRetry-After: 60"]);
    let client = peer.client().source("noras-laptop").spool(dir.path());
    let client = client.engineer("Nora@Example.com", "search");
    let client = client.resource("host.name", "noras-laptop");
    let client = client.pseudonymise(key.path(), "acme").build();
    client.llm_call(call(1));
    assert!(client.flush(PATIENCE));
    assert_eq!(client.stats().spooled, 1);
    let sent = peer.asked()[0].events[0].clone();
    let file = std::fs::read_dir(dir.path()).unwrap().next().unwrap();
    let kept = std::fs::read_to_string(file.unwrap().path()).unwrap();
    for text in [sent.to_string(), kept] {
        assert!(!text.to_lowercase().contains("nora"), "{text}");
    }
    let who = sent["engineer"]["email"].as_str().unwrap();
    assert!(who.starts_with("p-"), "{who}");
    assert_eq!(
        (&sent["engineer"]["team"], &sent["tenant"]),
        (&json!("search"), &json!("acme"))
    );
    assert_eq!(sent["source"], sent["resource"]["host.name"]);
}

#[test]
fn without_the_key_nothing_is_sent() {
    let peer = Peer::new(&[]);
    let client = peer.client().pseudonymise("/no/such", "acme").build();
    client.llm_call(call(1));
    assert!(client.flush(PATIENCE));
    drop(client);
    assert!(peer.asked().is_empty());
}
