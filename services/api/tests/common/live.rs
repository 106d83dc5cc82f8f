//! A stream as a client reads it, and what is said in it.

use super::{DEADLINE, Served};
use serde_json::Value;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};
use weir_model::Micros;
use weir_model::records::{Alert, AlertState, Subject};

/// A stream that is read.
pub struct Heard {
    pub from: BufReader<TcpStream>,
    pub head: String,
}

#[derive(Debug, Default, PartialEq)]
pub struct Message {
    pub event: String,
    pub id: String,
    pub data: Value,
}

impl Heard {
    pub fn begin(api: &Served, query: &str, token: &str, last: &str) -> Heard {
        let address = api.url.trim_start_matches("http://");
        let mut to = TcpStream::connect(address).unwrap();
        to.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let last = match last {
            "" => String::new(),
            id => format!("Last-Event-ID: {id}\r\n"),
        };
        write!(
            to,
            "GET /v1/live{query} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer \
             {token}\r\n{last}\r\n"
        )
        .unwrap();
        let mut from = BufReader::new(to);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert!(from.read_line(&mut head).unwrap() > 0, "{head}");
        }
        Heard { from, head }
    }

    /// The next message; none at the end.
    pub fn next(&mut self) -> Option<Message> {
        let mut message = Message::default();
        let mut line = String::new();
        loop {
            line.clear();
            if self.from.read_line(&mut line).unwrap_or(0) == 0 {
                return None;
            }
            match line.trim_end().split_once(": ") {
                Some(("event", name)) => message.event = name.to_owned(),
                Some(("id", id)) => message.id = id.to_owned(),
                Some(("data", data)) => message.data = serde_json::from_str(data).unwrap(),
                _ if line.trim().is_empty() && !message.event.is_empty() => return Some(message),
                _ => {}
            }
        }
    }

    /// The next one of this kind.
    pub fn of(&mut self, event: &str) -> Message {
        loop {
            let next = self.next().unwrap();
            if next.event == event {
                return next;
            }
        }
    }
}

pub fn subject(tenant: &str) -> Subject {
    Subject {
        tenant: tenant.into(),
        dimensions: vec![("team".into(), "core".into())],
    }
}

pub fn alert(tenant: &str, id: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    Alert {
        id: id.into(),
        run: 1,
        catalog: 1,
        rule: "r".into(),
        version: 1,
        kind: "threshold".into(),
        severity: "high".into(),
        subject: subject(tenant),
        state: AlertState::Open,
        step: 0,
        opened: Micros(1),
        at: Micros(1),
        value: Some(2.0),
        threshold: None,
        worst: None,
        windows: 1,
        impact: String::new(),
        action: String::new(),
        reopenings: 0,
        r#type: "x".into(),
        priority: "P1".into(),
        metric: "m".into(),
        unit: String::new(),
        component: String::new(),
        client: String::new(),
        group: "g".into(),
        group_key: String::new(),
        conditions: Vec::new(),
        failing: String::new(),
        revision: 0,
    }
    .encode(&mut bytes);
    bytes
}

/// Listens once the place of the log is read.
pub fn listen(api: &Served, query: &str, token: &str, last: &str) -> Heard {
    let until = Instant::now() + DEADLINE;
    loop {
        let heard = Heard::begin(api, query, token, last);
        if heard.head.starts_with("HTTP/1.1 200") {
            return heard;
        }
        assert!(Instant::now() < until, "{}", heard.head);
        std::thread::sleep(Duration::from_millis(50));
    }
}
