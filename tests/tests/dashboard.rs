//! The dashboard of a whole system: its link is printed and opens once, its files are served, what
//! happens reaches it, and what is said there is in the log and shown.

#![allow(clippy::unwrap_used)]

use serde_json::{Value as Json, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};
use weir_tests::System;

const PATIENCE: Duration = Duration::from_secs(120);

/// A browser, as far as it matters here.
struct Browser {
    address: String,
    cookie: String,
}

/// Status, head and body.
struct Page(u16, String, String);

impl Page {
    fn header(&self, name: &str) -> &str {
        let mut lines = self.1.lines().filter_map(|l| l.split_once(": "));
        let found = lines.find(|(n, _)| n.eq_ignore_ascii_case(name));
        found.map_or("", |(_, v)| v)
    }
}

impl Browser {
    fn open(&self, method: &str, path: &str, body: &str) -> BufReader<TcpStream> {
        let (address, cookie) = (&self.address, &self.cookie);
        let mut to = TcpStream::connect(address).unwrap();
        to.set_read_timeout(Some(PATIENCE)).unwrap();
        write!(
            to,
            "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nCookie: \
             {cookie}\r\nOrigin: http://{address}\r\nSec-Fetch-Site: same-origin\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        BufReader::new(to)
    }

    fn ask(&self, method: &str, path: &str, body: &str) -> Page {
        let mut answer = String::new();
        self.open(method, path, body)
            .read_to_string(&mut answer)
            .unwrap();
        let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        Page(status, head.to_owned(), body.to_owned())
    }

    fn data(&self, path: &str) -> Json {
        let page = self.ask("GET", path, "");
        assert_eq!(page.0, 200, "{path}: {}", page.2);
        let said: Json = serde_json::from_str(&page.2).unwrap();
        said["data"].clone()
    }
}

/// The next event of a kind, of a stream.
fn heard(from: &mut impl BufRead, kind: &str) -> Json {
    let (mut line, mut event) = (String::new(), String::new());
    loop {
        line.clear();
        assert!(from.read_line(&mut line).unwrap() > 0, "the stream ended");
        match line.trim_end().split_once(": ") {
            Some(("event", name)) => event = name.to_owned(),
            Some(("data", data)) if event == kind => return serde_json::from_str(data).unwrap(),
            _ => {}
        }
    }
}

fn path_of(link: &str) -> (String, String) {
    let rest = link.strip_prefix("http://").unwrap();
    let (address, path) = rest.split_once('/').unwrap();
    (address.to_owned(), format!("/{path}"))
}

/// Follows a link.
fn enter(link: &str) -> Browser {
    let (address, path) = path_of(link);
    let mut browser = Browser {
        address,
        cookie: String::new(),
    };
    let entered = browser.ask("GET", &path, "");
    assert_eq!(
        (entered.0, entered.header("location")),
        (303, "/dashboard/")
    );
    let cookie = entered.header("set-cookie");
    assert!(cookie.contains("; HttpOnly; SameSite=Strict"), "{cookie}");
    browser.cookie = cookie.split(';').next().unwrap().to_owned();
    assert_eq!(browser.ask("GET", &path, "").0, 403, "a link opens once");
    browser
}

#[test]
fn the_link_opens_a_dashboard_that_moves() {
    let dir = tempfile::tempdir().unwrap();
    let flags = ["--api", "127.0.0.1:0"];
    let mut system = System::start(dir.path(), None, &flags);
    system.wait_ready();
    let log = system.log();
    let printed = log.lines().find(|l| l.trim().starts_with("dashboard "));
    let printed = printed.unwrap_or_else(|| panic!("{log}"));
    let link = printed.split_whitespace().nth(1).unwrap();
    let browser = enter(link);
    let secrets = system.json(&["status", "--secrets"]);
    enter(secrets["secrets"]["dashboard"].as_str().unwrap());

    let page = browser.ask("GET", "/dashboard/", "");
    assert_eq!((page.0, page.header("cache-control")), (200, "no-cache"));
    let file = page.2.split('"').find(|t| t.ends_with(".js")).unwrap();
    let asset = browser.ask("GET", file, "");
    assert!(
        asset.header("cache-control").contains("immutable"),
        "{}",
        asset.1
    );
    assert_eq!(browser.data("/v1/status")["tenant"], "default");

    // What is said there is in the log, and shown.
    let tomorrow = jiff::Timestamp::now() + Duration::from_secs(86_400);
    let body = json!({"rule": "unpriced_calls", "until": tomorrow.to_string()}).to_string();
    let said = browser.ask("POST", "/v1/silences", &body);
    assert_eq!(said.0, 200, "{}", said.2);
    let silences = || browser.data("/v1/silences").as_array().unwrap().clone();
    until(|| silences().len() == 1);
    let of = silences()[0]["id"].as_str().unwrap().to_owned();
    let ended = browser.ask("DELETE", &format!("/v1/silences/{of}"), "");
    assert_eq!(ended.0, 200, "{}", ended.2);
    until(|| silences().is_empty());
    let said = system.number("SELECT count() FROM events_alert_silenced FINAL");
    assert_eq!(said, 2.0);

    // What a call costs is told within a second of it.
    let mut stream = browser.open("GET", "/v1/live?kpis=spend_per_hour", "");
    heard(&mut stream, "hello");
    let mut slowest = Duration::ZERO;
    for n in 1..=5 {
        let gateway = secrets["gateway"].as_str().unwrap();
        let token = secrets["secrets"]["gateway"]["token"].as_str().unwrap();
        let call = json!({
            "type": "llm.call", "source": "live", "provider": "p", "model": "m",
            "tokens_input": 10, "cost_usd": "0.25", "success": true,
            "engineer": {"email": "ada@example.com", "team": "core"},
        });
        let begun = Instant::now();
        let sent = send(gateway, token, &call.to_string());
        assert!(sent.contains("\"accepted\":1"), "{sent}");
        loop {
            let kpi = heard(&mut stream, "kpi");
            assert_eq!(kpi["provisional"], true, "{kpi}");
            if kpi["value"] == 0.25 * f64::from(n) {
                break;
            }
        }
        slowest = slowest.max(begun.elapsed());
    }
    println!("from an event's sender to the stream: {slowest:?} at most, of 5");
    assert!(slowest < Duration::from_secs(10), "{slowest:?}");
}

fn send(gateway: &str, token: &str, body: &str) -> String {
    let address = gateway.strip_prefix("http://").unwrap();
    let mut to = TcpStream::connect(address).unwrap();
    write!(
        to,
        "POST /v1/events HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nAuthorization: \
         Bearer {token}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    to.read_to_string(&mut answer).unwrap();
    answer
}

fn until(holds: impl Fn() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < until, "it does not come to be");
        std::thread::sleep(Duration::from_millis(200));
    }
}
