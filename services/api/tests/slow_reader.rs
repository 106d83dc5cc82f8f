//! Who listens and does not read is let go: nothing waits for him for ever.
#![allow(clippy::unwrap_used)]

mod common;

use common::data::filled;
use common::live::{alert, listen};
use common::{DEADLINE, Served, brokers, token};
use std::io::Read;
use std::time::Instant;
use weir_http::token::Scope;
use weir_kafka::Appender;
use weir_model::topics;

#[test]
fn who_does_not_read_is_cut_off() {
    let api = Served::start(filled("slow"), |_| {});
    let slow = token("slow", Scope::Read);
    api.knows(&slow);
    let mut heard = listen(&api, "?topics=alerts", &slow, "");
    let to = Appender::new(&brokers()).unwrap();
    // More than the stream may be behind by, and what the sockets hold.
    let long = alert("slow", &"x".repeat(4096));
    let cut = || {
        let text = api.get("/metrics", "").text();
        let line = text
            .lines()
            .find(|l| l.starts_with("weir_api_streams_cut_total"));
        line.is_some_and(|l| !l.ends_with(" 0"))
    };
    let until = Instant::now() + DEADLINE;
    while !cut() {
        assert!(Instant::now() < until, "the stream is not cut");
        for _ in 0..2000 {
            to.send(topics::ALERTS, None, Some(b"k"), Some(&long), &[])
                .unwrap();
        }
        to.flush().unwrap();
    }
    // The connection is closed, with what was on its way.
    let mut rest = Vec::new();
    let _ = heard.from.read_to_end(&mut rest);
    assert_eq!(api.get("/v1/status", &slow).status, 200);
}
