//! The service before a real Kafka and a webhook that fails, hangs, closes and lies; killed between
//! any two lines.
#![allow(clippy::unwrap_used)]

mod common;

use common::*;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};
use weir_catalog::RuleOn;
use weir_events::{AlertAcknowledged, Engineer, Event};
use weir_kafka::Appender;
use weir_model::records::{AlertState, Anomaly, Subject};
use weir_model::{Micros, hash, topics};

#[test]
#[ignore = "run by the other tests, in a process of its own"]
fn the_service() {
    serve();
}

/// One test: there is one log for all of this file.
#[test]
fn no_step_is_lost_and_each_has_one_id() {
    let (brokers, out, catalog) = log();
    let hook = Hook::start();
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("secret"), SECRET).unwrap();
    let file = dir.path().join("notify.yaml");
    let text = format!(
        "receivers:\n  hook: {{webhook: {{url: '{}', secret_file: secret}}}}\n\
         timeout: 1s\nroutes:\n  - name: all\n    to: hook\n    group_by: [rule, team]\n    \
         wait: 0s\n    interval: 0s\n    repeat: 2s\n",
        hook.url
    );
    std::fs::write(&file, text).unwrap();
    let served = Served::start(&brokers, &file);
    signed_and_resolved(&hook, &out);
    acknowledged(&hook, &out);
    tried_until_taken(&hook, &out);
    let served = killed(&hook, &out, served, || Served::start(&brokers, &file));
    early(&hook, &out, &catalog);
    one_id_for_each(&hook);
    drop(served);
}

fn signed_and_resolved(hook: &Hook, out: &Appender) {
    tell(out, &alert("first", "r-first", 0, AlertState::Open));
    let came = hook.taken("first", true);
    let verifier = standardwebhooks::Webhook::new(SECRET).unwrap();
    verifier.verify(came.raw.as_bytes(), &came.headers).unwrap();
    let forged = came.raw.replace("acme", "evil");
    assert!(verifier.verify(forged.as_bytes(), &came.headers).is_err());
    let told = &came.body["data"]["groups"][0]["alerts"][0];
    assert_eq!(
        (&told["rule"], &told["value"]),
        (&"r-first".into(), &7.5.into())
    );
    tell(out, &alert("first", "r-first", 1, AlertState::Resolve));
    assert_ne!(hook.taken("first", false).id(), came.id());
}

fn acknowledged(hook: &Hook, out: &Appender) {
    tell(out, &alert("ack", "r-ack", 0, AlertState::Open));
    until("it is repeated", || {
        (hook.about("ack", true).len() > 1).then_some(())
    });
    let event = AlertAcknowledged {
        event_id: uuid::Uuid::now_v7(),
        event_time: now(),
        tenant: "acme".into(),
        source: "test".into(),
        alert_id: "ack".into(),
        engineer: Engineer {
            email: "ada@example.org".into(),
            ..Engineer::default()
        },
        ..AlertAcknowledged::default()
    };
    let topic = topics::events("alert.acknowledged");
    out.send(&topic, None, None, Some(&event.encode()), &[])
        .unwrap();
    out.flush().unwrap();
    std::thread::sleep(Duration::from_millis(2200));
    let before = hook.about("ack", true).len();
    std::thread::sleep(Duration::from_millis(2500));
    assert_eq!(
        hook.about("ack", true).len(),
        before,
        "told on although acknowledged"
    );
}

fn tried_until_taken(hook: &Hook, out: &Appender) {
    hook.set(Mode::Fails);
    tell(out, &alert("tried", "r-tried", 0, AlertState::Open));
    for (mode, next) in [
        (Mode::Fails, Mode::Hangs),
        (Mode::Hangs, Mode::Closes),
        (Mode::Closes, Mode::Takes),
    ] {
        until(&format!("{mode:?}"), || {
            let tries = hook.about("tried", true);
            tries.iter().any(|c| c.mode == mode).then_some(())
        });
        hook.set(next);
    }
    let taken = hook.taken("tried", true);
    for c in hook
        .about("tried", true)
        .iter()
        .filter(|c| c.at <= taken.at)
    {
        assert_eq!(c.id(), taken.id(), "{:?}", c.mode);
        assert_eq!(c.raw, taken.raw, "every try says the same");
    }
    tell(out, &alert("tried", "r-tried", 1, AlertState::Resolve));
    hook.taken("tried", false);
}

/// kill -9 while a message is under way, and at arbitrary moments after an alert was written.
fn killed(hook: &Hook, out: &Appender, mut served: Served, start: impl Fn() -> Served) -> Served {
    hook.set(Mode::Hangs);
    tell(out, &alert("cut", "r-cut", 0, AlertState::Open));
    let cut = until("it is under way", || hook.about("cut", true).pop());
    served.kill();
    hook.set(Mode::Takes);
    served = start();
    assert_eq!(hook.taken("cut", true).id(), cut.id());
    for n in 0..2u64 {
        let id = format!("killed{n}");
        tell(
            out,
            &alert(&id, &format!("r-killed{n}"), 0, AlertState::Open),
        );
        std::thread::sleep(Duration::from_millis(n * 25));
        served.kill();
        tell(
            out,
            &alert(&id, &format!("r-killed{n}"), 1, AlertState::Resolve),
        );
        served = start();
        hook.taken(&id, false);
    }
    served
}

/// p99 from an early record in the log to the receiver.
fn early(hook: &Hook, out: &Appender, catalog: &weir_catalog::Catalog) {
    let rules = catalog.rules.iter();
    let rule = rules
        .filter(|r| r.open_after == 1 && r.unless.is_none())
        .find_map(|r| match r.on {
            RuleOn::Detector(d) => Some((r, &catalog.detectors[d])),
            _ => None,
        });
    let (rule, detector) = rule.expect("a rule that one window opens");
    let mut sent: BTreeMap<String, Instant> = BTreeMap::new();
    let end = Micros(now().0 + 3_600_000_000);
    for n in 0..100 {
        let subject = Subject {
            tenant: "acme".into(),
            dimensions: vec![("team".into(), format!("team{n}"))],
        };
        let mut key = Vec::new();
        hash::subject_key(&mut key, "acme", [("team", format!("team{n}").as_str())]);
        let found = Anomaly {
            id: format!("anomaly{n}"),
            run: 1,
            catalog: catalog.hash,
            detector: detector.name.clone(),
            version: 1,
            kind: "limit".into(),
            severity: "high".into(),
            event: "llm.call".into(),
            subject,
            window: "1h".into(),
            start: now(),
            end,
            value: 12.0,
            expected: 10.0,
            score: 1.2,
            crosses_at: None,
            crosses_from: None,
            crosses_to: None,
            early: true,
            revision: 1,
        };
        let mut bytes = Vec::new();
        found.encode(&mut bytes);
        sent.insert(
            hash::alert_id(&rule.name, rule.version, &key, end),
            Instant::now(),
        );
        out.send(topics::ANOMALIES, None, Some(b"k"), Some(&bytes), &[])
            .unwrap();
        out.flush().unwrap();
        std::thread::sleep(Duration::from_millis(20));
    }
    let mut took: Vec<Duration> = sent
        .iter()
        .map(|(id, at)| hook.taken(id, true).at.duration_since(*at))
        .collect();
    took.sort_unstable();
    let (p50, p99) = (took[49], took[98]);
    println!(
        "early limits: {} told, p50 {p50:?}, p99 {p99:?}, max {:?}",
        took.len(),
        took[99]
    );
    assert!(p99 < Duration::from_secs(1), "{p99:?}");
}

/// A receiver that honours the id gets each message once: one id, one text.
fn one_id_for_each(hook: &Hook) {
    let mut texts: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for c in hook.came() {
        texts.entry(c.id()).or_default().insert(c.raw);
    }
    assert!(texts.values().all(|t| t.len() == 1));
    // Without repeats, each change of an alert stands in one message.
    let mut told: BTreeMap<(String, bool), BTreeSet<String>> = BTreeMap::new();
    for c in hook
        .came()
        .iter()
        .filter(|c| c.body["data"]["why"] != "repeat")
    {
        for a in c.alerts() {
            told.entry(a).or_default().insert(c.id());
        }
    }
    for (what, ids) in told {
        assert_eq!(ids.len(), 1, "{what:?} was told under {ids:?}");
    }
}
