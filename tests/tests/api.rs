//! What was counted, over HTTP, through the whole system: it is complete as far as it says, and goes
//! on when ClickHouse was away.

#![allow(clippy::unwrap_used)]

use serde_json::{Value as Json, json};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};
use weir_tests::System;

const PATIENCE: Duration = Duration::from_secs(180);
/// Calls that are sent.
const CALLS: u32 = 40;

struct Door {
    gateway: String,
    api: String,
    token: String,
}

impl Door {
    fn of(system: &System) -> Door {
        let status = system.json(&["status", "--secrets"]);
        let text = |v: &Json| v.as_str().unwrap().trim_start_matches("http://").to_owned();
        Door {
            gateway: text(&status["gateway"]),
            api: text(&status["api"]),
            token: text(&status["secrets"]["gateway"]["token"]),
        }
    }

    fn ask(&self, address: &str, method: &str, path: &str, body: &str) -> (u16, Json) {
        let token = &self.token;
        let mut to = TcpStream::connect(address).unwrap();
        to.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        write!(
            to,
            "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\
             Authorization: Bearer {token}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        let mut answer = String::new();
        to.read_to_string(&mut answer).unwrap();
        let status = answer.split(' ').nth(1).and_then(|c| c.parse().ok());
        let said = answer.split_once("\r\n\r\n").map_or("", |(_, b)| b);
        let body = serde_json::from_str(said).unwrap_or(Json::Null);
        (status.unwrap_or(0), body)
    }

    fn get(&self, path: &str) -> (u16, Json) {
        self.ask(&self.api, "GET", path, "")
    }

    /// Asks until an answer is what it is to be.
    fn until(&self, path: &str, is: impl Fn(u16, &Json) -> bool) -> Json {
        let until = Instant::now() + PATIENCE;
        loop {
            let (status, body) = self.get(path);
            if is(status, &body) {
                return body;
            }
            assert!(Instant::now() < until, "{path}: {status} {body:#}");
            std::thread::sleep(Duration::from_millis(200));
        }
    }
}

/// A call of two days ago.
fn call(n: u32, day: jiff::civil::Date) -> Json {
    json!({
        "type": "llm.call", "event_id": format!("01931b5e-7a00-7000-8000-{n:012x}"),
        "event_time": format!("{day}T10:00:{:02}Z", n % 60), "source": "api",
        "engineer": {"email": "ada@example.com", "team": "core"},
        "provider": "p", "model": "m", "tokens_input": 10, "cost_usd": "0.25", "success": true,
    })
}

#[test]
fn an_answer_is_complete_as_far_as_it_says() {
    let dir = tempfile::tempdir().unwrap();
    let mut system = System::start(dir.path(), None, &["--api", "127.0.0.1:0"]);
    system.wait_ready();
    let door = Door::of(&system);
    let day = jiff::Zoned::now()
        .date()
        .saturating_sub(jiff::Span::new().days(2));
    let calls: Vec<Json> = (0..CALLS).map(|n| call(n, day)).collect();
    let body = Json::from(calls).to_string();
    let (status, said) = door.ask(&door.gateway, "POST", "/v1/events", &body);
    assert_eq!((status, &said["accepted"]), (200, &json!(CALLS)), "{said}");
    // A moment after the calls that it is complete through: then all of them are shown, at once.
    let after = format!("{day}T10:05:00Z");
    let path =
        format!("/v1/aggregates/llm.call?window=1h&from={day}T10:00:00Z&measures=calls,cost");
    let told = door.until(&path, |status, body| {
        let through = body["complete_through"].as_str().unwrap_or_default();
        status == 200 && through >= after.as_str()
    });
    let rows = told["data"].as_array().unwrap();
    assert_eq!(rows.len(), 1, "{told:#}");
    assert_eq!(rows[0]["measures"]["calls"], CALLS, "{told:#}");
    assert_eq!(rows[0]["measures"]["cost"], 10.0, "{told:#}");
    let kpi = format!("/v1/kpis/cost_per_call/values?from={day}&to={day}&subject[model]=m");
    let (_, told) = door.get(&kpi);
    assert_eq!(told["data"][0]["value"], 0.25, "{told:#}");
    assert_eq!(told["data"][0]["subject"], json!({"model": "m"}));
    // What it is made of adds up, down to the events.
    let path = format!("/v1/explain/kpis/cost_per_call?window={day}T10&subject[model]=m");
    let (status, told) = door.get(&path);
    assert_eq!(status, 200, "{told:#}");
    assert_eq!(told["data"]["adds_up"], true, "{told:#}");
    let (_, known) = door.get("/v1/status");
    assert_eq!(known["data"]["tenant"], "default");

    // ClickHouse dies: what is known is told, and the answers come back with it.
    system.kill_child("clickhouse");
    let (status, told) = door.get(&kpi);
    if status != 200 {
        assert_eq!(status, 503, "{told:#}");
        let through = &told["complete_through"]["llm.call"];
        assert!(through.as_str().unwrap() >= after.as_str(), "{told:#}");
    }
    let back = door.until(&kpi, |status, _| status == 200);
    assert_eq!(back["data"][0]["value"], 0.25);
    system.stop();
}
