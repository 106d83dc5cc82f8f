//! Kafka stands still, dies and comes back: nobody waits for ever, no memory grows, and what was
//! answered with success is there.
#![allow(clippy::unwrap_used)]

mod common;

use common::{DEADLINE, Served, call};
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::Mutex;
use std::time::{Duration, Instant};
use weir_embedded::testing::kafka;

fn signal(pid: u32, signal: i32) {
    // SAFETY: no memory is involved.
    unsafe { libc::kill(pid as libc::pid_t, signal) };
}

/// One test: there is one Kafka for all of this file.
#[test]
fn nothing_that_was_answered_is_lost_and_nothing_hangs() {
    let served = Served::start(kafka().address(), |c| {
        c.acknowledged = Duration::from_secs(2);
        c.wait = Duration::from_millis(300);
        c.body = weir_runtime::Size::of(50_000);
        c.otlp = weir_runtime::Size::of(50_000);
        c.in_flight = weir_runtime::Size::of(200_000);
    });
    stands_still(&served);
    dies(&served);
}

fn stands_still(served: &Served) {
    let pid = kafka().pid().unwrap();
    signal(pid, libc::SIGSTOP);
    let answers = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for n in 0..24 {
            let answers = &answers;
            scope.spawn(move || {
                let body = json!(vec![call(n, "still"); 30]);
                let begun = Instant::now();
                let answer = served.post_json("/v1/events", &body);
                answers.lock().unwrap().push((answer, begun.elapsed()));
            });
        }
    });
    signal(pid, libc::SIGCONT);
    let answers = answers.into_inner().unwrap();
    let code = |c: &str| answers.iter().filter(|(a, _)| a.body["code"] == c).count();
    for (answer, took) in &answers {
        assert_eq!(answer.status, 503, "{answer:?}");
        assert!(answer.retry_after.is_some(), "{answer:?}");
        assert!(*took < Duration::from_secs(15), "{took:?}");
    }
    // Some waited for Kafka, the others found no room.
    assert!(
        code("WEIR-0920") > 0 && code("WEIR-0919") > 0,
        "{answers:?}"
    );
    // All room is given back.
    let until = Instant::now() + DEADLINE;
    while served.post_json("/v1/events", &call(1, "again")).status != 200 {
        assert!(Instant::now() < until, "it does not go on");
    }
    let held = |text: &str| {
        let line = text
            .lines()
            .find(|l| l.starts_with("weir_gateway_in_flight_bytes "));
        line.and_then(|l| l.split(' ').nth(1)?.parse::<f64>().ok())
    };
    let until = Instant::now() + DEADLINE;
    while held(&served.get("/metrics").text) != Some(0.0) {
        assert!(
            Instant::now() < until,
            "{:?}",
            held(&served.get("/metrics").text)
        );
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// kill -9 in the middle of it; its supervisor starts it again.
fn dies(served: &Served) {
    let answered = Mutex::new(BTreeSet::new());
    let over = Instant::now() + Duration::from_secs(12);
    std::thread::scope(|scope| {
        for sender in 0..4u32 {
            let answered = &answered;
            scope.spawn(move || {
                let mut n = 0;
                while Instant::now() < over {
                    n += 1;
                    let source = format!("d-{sender}");
                    let body = json!([call(n, &source), call(n + 1_000_000, &source)]);
                    if served.post_json("/v1/events", &body).status == 200 {
                        answered.lock().unwrap().insert((source, n));
                    }
                }
            });
        }
        std::thread::sleep(Duration::from_secs(3));
        signal(kafka().pid().unwrap(), libc::SIGKILL);
    });
    let answered = answered.into_inner().unwrap();
    assert!(answered.len() > 10, "{}", answered.len());
    let until = Instant::now() + DEADLINE;
    while served.post_json("/v1/events", &call(1, "back")).status != 200 {
        assert!(Instant::now() < until, "it does not come back");
    }
    let there: BTreeSet<(String, u32)> = served
        .records("weir.events.llm.call")
        .into_iter()
        .filter(|r| r.key.starts_with("d-"))
        .map(|r| {
            // The id stands as text in the value, behind frame and length.
            let id = String::from_utf8_lossy(&r.value[6..42]).into_owned();
            (r.key, u32::from_str_radix(&id[24..], 16).unwrap())
        })
        .collect();
    for (source, n) in answered {
        for n in [n, n + 1_000_000] {
            assert!(there.contains(&(source.clone(), n)), "{source} {n} is lost");
        }
    }
}
