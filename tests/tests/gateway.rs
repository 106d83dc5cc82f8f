//! Events over HTTP, through the whole system: what was answered with success is counted, once,
//! whoever is killed meanwhile.

#![allow(clippy::unwrap_used)]

use serde_json::{Value as Json, json};
use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use weir_tests::System;

const PATIENCE: Duration = Duration::from_secs(180);
const SENDERS: u32 = 4;
/// Events of one request.
const BATCH: u32 = 5;

/// Where events are sent, and with what. Read from the data directory: commands would need Kafka,
/// which is dead at times.
#[derive(Clone)]
struct Door {
    address: String,
    token: String,
}

impl Door {
    fn of(system: &System) -> Door {
        let status = system.json(&["status", "--secrets"]);
        let gateway = status["gateway"].as_str().unwrap();
        assert_eq!(status["otlp"], status["gateway"], "{status:#}");
        let secrets = &status["secrets"]["gateway"];
        assert_eq!(secrets["tenant"], "default");
        Door {
            address: gateway.trim_start_matches("http://").to_owned(),
            token: secrets["token"].as_str().unwrap().to_owned(),
        }
    }

    /// Status and body; an error where nobody listens or the connection was cut.
    fn post(&self, body: &Json) -> std::io::Result<(u16, Json)> {
        let body = body.to_string();
        let (address, token) = (&self.address, &self.token);
        let mut to = TcpStream::connect(address)?;
        to.set_read_timeout(Some(Duration::from_secs(30)))?;
        write!(
            to,
            "POST /v1/events HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\
             Authorization: Bearer {token}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        )?;
        let mut answer = String::new();
        to.read_to_string(&mut answer)?;
        let status = answer.split(' ').nth(1).and_then(|c| c.parse().ok());
        let said = answer.split_once("\r\n\r\n").map_or("", |(_, b)| b);
        Ok((
            status.unwrap_or(0),
            serde_json::from_str(said).unwrap_or(Json::Null),
        ))
    }
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    since.as_micros() as i64
}

/// Some days ago, so that its windows are over soon.
fn event(sender: u32, n: u32, at: i64) -> Json {
    json!({
        "type": "llm.call",
        "event_id": format!("01931b5e-7a00-7000-8000-{sender:04x}{n:08x}"),
        "event_time": at + i64::from(n) * 1000,
        "source": format!("sender-{sender}"),
        "engineer": {"email": format!("e{sender}@example.com"), "team": "core"},
        "provider": "p", "model": "m", "tokens_input": n, "success": true,
    })
}

/// Sends batches until told to end: again and again until one is taken, and now and then once more.
/// The numbers that were taken.
fn send(door: &Mutex<Door>, sender: u32, at: i64, over: &AtomicBool) -> BTreeSet<u32> {
    let (mut taken, mut first) = (BTreeSet::new(), 1);
    while !over.load(Ordering::SeqCst) {
        let batch: Vec<Json> = (first..first + BATCH)
            .map(|n| event(sender, n, at))
            .collect();
        let body = Json::from(batch);
        let until = Instant::now() + PATIENCE;
        loop {
            let door = door.lock().unwrap().clone();
            match door.post(&body) {
                Ok((200, said)) if said.is_object() => {
                    assert_eq!(said["accepted"], BATCH, "{said}");
                    break;
                }
                // Nobody listens for a moment, the answer is cut, Kafka is away, or tokens are not
                // read yet.
                Ok((0 | 200 | 503, _)) | Err(_) => std::thread::sleep(Duration::from_millis(100)),
                Ok(other) => panic!("{other:?}"),
            }
            assert!(Instant::now() < until, "{first} of {sender} is never taken");
        }
        if first % 4 == 1 {
            let _ = door.lock().unwrap().clone().post(&body);
        }
        taken.extend(first..first + BATCH);
        first += BATCH;
    }
    taken
}

#[test]
fn what_was_taken_is_counted_once_whoever_is_killed() {
    let dir = tempfile::tempdir().unwrap();
    // No other system may take the port while this one is down.
    let flags = ["--raw-partitions", "2", "--gateway", "127.0.0.1:0"];
    let mut system = System::start(dir.path(), None, &flags);
    let door = Mutex::new(Door::of(&system));
    let (over, at) = (AtomicBool::new(false), now() - 4 * 86_400_000_000);
    let taken: Vec<BTreeSet<u32>> = std::thread::scope(|scope| {
        let (door, over) = (&door, &over);
        let all: Vec<_> = (0..SENDERS)
            .map(|sender| scope.spawn(move || send(door, sender, at, over)))
            .collect();
        let pause = || std::thread::sleep(Duration::from_secs(4));
        pause();
        system.kill_child("java");
        pause();
        system.wait_ready();
        pause();
        // With the gateway, whatever it was about to answer.
        system.kill();
        system.up();
        *door.lock().unwrap() = Door::of(&system);
        pause();
        over.store(true, Ordering::SeqCst);
        all.into_iter().map(|s| s.join().unwrap()).collect()
    });
    let calls: u64 = taken.iter().map(|t| t.len() as u64).sum();
    let tokens: u64 = taken.iter().flatten().map(|n| u64::from(*n)).sum();
    assert!(calls > 100, "{calls}");

    let verified = system.verify();
    assert_eq!(verified.count("llm.call", "events"), calls);
    assert_eq!(verified.count("llm.call", "counted_twice"), 0);
    assert_eq!(verified.count("llm.call", "dead"), 0);
    assert!(verified.count("llm.call", "duplicates") > 0);
    let sql = "SELECT toUInt64(sum(calls)) AS n, toUInt64(sum(tokens_input)) AS t \
               FROM llm_call_1d WHERE rollup = '' AND tenant = 'default'";
    let wanted = (calls.to_string(), tokens.to_string());
    let until = Instant::now() + PATIENCE;
    loop {
        let row = &system.query(sql)[0];
        let of = |name: &str| row[name].to_string().trim_matches('"').to_owned();
        if (of("n"), of("t")) == wanted {
            break;
        }
        assert!(Instant::now() < until, "{row}, wanted {wanted:?}");
        std::thread::sleep(Duration::from_millis(500));
    }
    commands(&system);
    system.stop();
}

/// `weir token` and `weir emit`, as a user types them.
fn commands(system: &System) {
    let made = system.weir(&["token", "create", "--tenant", "acme", "--name", "ci"]);
    assert!(made.status.success(), "{made:?}");
    let token = String::from_utf8(made.stdout).unwrap();
    assert!(
        token.starts_with("weir_") && token.lines().count() == 1,
        "{token}"
    );
    let listed = system.json(&["token", "list"]);
    let listed = listed.as_array().unwrap();
    let ours = listed.iter().find(|t| t["name"] == "ci").unwrap();
    assert_eq!(ours["tenant"], "acme");
    assert!(!listed.iter().any(|t| t.to_string().contains(token.trim())));

    let emit = [
        "emit",
        "llm.call",
        "engineer.email=a@b.c",
        "provider=p",
        "model=m",
    ];
    let sent = system.json(&emit);
    assert_eq!(sent["accepted"], 1, "{sent}");
    let wrong = system.weir(&[&emit[..], &["tokens_inptu=3", "--validate"]].concat());
    let said = String::from_utf8_lossy(&wrong.stderr).into_owned();
    assert_eq!(wrong.status.code(), Some(2), "{said}");
    assert!(
        said.contains("WEIR-0904") && said.contains("write tokens_input"),
        "{said}"
    );

    let door = Door::of(system);
    let mut by_hand = system.command();
    by_hand
        .args(emit)
        .env("WEIR_URL", format!("http://{}", door.address));
    // A new token is known within a second.
    let until = Instant::now() + PATIENCE;
    loop {
        let out = by_hand.env("WEIR_TOKEN", token.trim()).output().unwrap();
        if out.status.success() {
            break;
        }
        assert!(Instant::now() < until, "{out:?}");
        std::thread::sleep(Duration::from_millis(100));
    }
    let archived = "SELECT count() AS n FROM llm_call_events WHERE tenant = 'acme'";
    let until = Instant::now() + PATIENCE;
    while system.number(archived) == 0.0 {
        assert!(Instant::now() < until);
        std::thread::sleep(Duration::from_millis(200));
    }

    let id = ours["id"].as_str().unwrap();
    assert!(system.weir(&["token", "revoke", id]).status.success());
    let again = system.weir(&["token", "revoke", id]);
    let said = String::from_utf8_lossy(&again.stderr).into_owned();
    assert!(
        !again.status.success() && said.contains("WEIR-0301"),
        "{said}"
    );
}
