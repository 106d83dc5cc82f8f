//! Reports that are sent by themselves, to a real mail server: once, whatever happens meanwhile.
#![allow(clippy::unwrap_used)]

mod common;

use common::data::filled;
use common::{DEADLINE, Served, brokers, token};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};
use weir_api::ApiConfig;
use weir_api::scheduled::ReportsConfig;
use weir_http::token::Scope;
use weir_kafka::compacted::Table;
use weir_model::topics;

/// A mail server, and what it was given.
struct Post {
    child: Child,
    mails: Receiver<Value>,
}

impl Post {
    fn start(port: u16) -> Post {
        let here = env!("CARGO_MANIFEST_DIR");
        let script = format!("{here}/../../scripts/lib/receivers.sh");
        let told = Command::new(&script).stderr(Stdio::inherit()).output();
        let told = String::from_utf8(told.unwrap().stdout).unwrap();
        let python = told.trim().lines().last().unwrap();
        let mut child = Command::new(python)
            .arg(format!("{here}/../notify/tests/mail.py"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        writeln!(child.stdin.take().unwrap(), "{port}").unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert_eq!(lines.next().unwrap().unwrap(), "ready");
        let (sender, mails) = channel();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let _ = sender.send(serde_json::from_str(&line).unwrap());
            }
        });
        Post { child, mails }
    }

    /// So many mails, by recipient; no more come for a while.
    fn got(&self, n: usize) -> Vec<Value> {
        let mut got: Vec<Value> = (0..n)
            .map(|_| self.mails.recv_timeout(DEADLINE).expect("a mail"))
            .collect();
        let more = self.mails.recv_timeout(Duration::from_secs(2));
        assert!(more.is_err(), "one too many: {more:?}");
        got.sort_by_key(|m| (m["to"].to_string(), m["subject"].to_string()));
        got
    }
}

impl Drop for Post {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn port() -> u16 {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    taken.local_addr().unwrap().port()
}

/// As the log would have it after ten days without an api; one of two mails of last midnight's is
/// sent already.
fn away_for_ten_days() -> i64 {
    let now = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC);
    let midnight = now.start_of_day().unwrap().timestamp().as_microsecond();
    let done = midnight - 10 * 86_400_000_000;
    let table = Table::new(&brokers(), topics::REPORTS).unwrap();
    for name in ["missed", "half", "each", "nobody"] {
        let kept = serde_json::json!({"done": done, "due": null, "sent": null, "trouble": null});
        let key = format!("schedule/{name}");
        table
            .put(key.as_bytes(), Some(kept.to_string().as_bytes()))
            .unwrap();
    }
    let sent = format!("sent/half/{midnight}//ada@example.org");
    table.put(sent.as_bytes(), Some(b"{}")).unwrap();
    midnight
}

fn declared(mail: u16) -> ReportsConfig {
    let midnight = "cron: '0 0 * * *', zone: UTC, tenant: acme, period: 30d";
    let text = format!(
        "mail: {{host: 127.0.0.1, port: {mail}, tls: none, from: 'weir <weir@example.org>'}}
wait: 0s
again: 1s
schedules:
  missed:
    {{report: cost, {midnight}, formats: [xlsx, csv], to: ['ada@example.org', 'bob@example.org']}}
  half: {{report: executive, {midnight}, to: ['ada@example.org', 'bob@example.org']}}
  each: {{report: engineer, {midnight}, each: engineer, to: ['eve@example.org']}}
  nobody: {{report: engineer, {midnight}, each: engineer, to: [themselves], domains: [example.org]}}
  weekly_cost: {{tenant: zeta, to: ['zoe@example.org']}}
"
    );
    let dir = std::env::temp_dir().join(format!("weir-schedules-{mail}.yaml"));
    std::fs::write(&dir, text).unwrap();
    let read = ReportsConfig::load(&dir).unwrap();
    std::fs::remove_file(dir).unwrap();
    read
}

/// Schedules by name, once all of them fit.
fn until(
    api: &Served,
    token: &str,
    what: &str,
    fits: fn(&Value) -> bool,
) -> BTreeMap<String, Value> {
    let end = Instant::now() + DEADLINE;
    loop {
        let answer = api.get("/v1/schedules", token);
        let rows = answer.rows();
        if rows.iter().all(fits) {
            let named = |r: &Value| (r["name"].as_str().unwrap().to_owned(), r.clone());
            return rows.iter().map(named).collect();
        }
        assert!(Instant::now() < end, "{what}: {}", answer.text());
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn what_was_missed_is_sent_once_and_never_again() {
    let store = filled("schedules");
    let midnight = away_for_ten_days();
    let (mail, own) = (port(), port());
    let start = || {
        Served::start(store.clone(), |c: &mut ApiConfig| {
            c.bind = Some(([127, 0, 0, 1], own).into());
            c.analysis.enabled = false;
            c.reports = declared(mail);
        })
    };
    let api = start();
    let (acme, zeta) = (token("acme", Scope::Read), token("zeta", Scope::Read));
    for token in [&acme, &zeta] {
        api.knows(token);
    }

    // Nobody answers: that is told, and it is tried again.
    let troubled = |s: &Value| s["name"] == "nobody" || s["trouble"].is_string();
    let told = until(&api, &acme, "the trouble is told", troubled);
    assert_eq!(told["missed"]["last_sent"], Value::Null);
    // Of ten days one is made up for, to each once; what was sent is not sent again.
    let post = Post::start(mail);
    let got = post.got(4);
    let to: Vec<&str> = got.iter().map(|m| m["to"][0].as_str().unwrap()).collect();
    assert_eq!(
        to,
        [
            "ada@example.org",
            "bob@example.org",
            "bob@example.org",
            "eve@example.org"
        ]
    );
    let cost = &got[0];
    let yesterday = jiff::Timestamp::from_microsecond(midnight - 1).unwrap();
    let yesterday = yesterday.to_string()[..10].to_owned();
    let subject = cost["subject"].as_str().unwrap();
    assert!(subject.ends_with(&yesterday), "{subject}");
    assert_eq!(cost["files"].as_array().unwrap().len(), 2, "{cost}");
    assert!(cost["files"][0].as_str().unwrap().ends_with(".xlsx"));
    for kind in ["text/plain", "text/html"] {
        let text = cost["parts"][kind].as_str().unwrap();
        assert!(text.contains("acme") && !text.contains("zeta"), "{text}");
    }
    let eve = got[3]["parts"]["text/plain"].as_str().unwrap();
    assert!(eve.contains("acme-x"), "{eve}");
    let ids: std::collections::BTreeSet<&str> =
        got.iter().map(|m| m["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), 4, "each mail has an id of its own");

    let done = until(&api, &acme, "all is done", |s| s["last_due"].is_string());
    assert_eq!(done["missed"]["trouble"], Value::Null);
    assert!(done["missed"]["last_sent"].is_string());
    let why = done["nobody"]["trouble"].as_str().unwrap();
    assert!(why.contains("have no address"), "{why}");
    // What is shipped is on where somebody gets it; nothing of it was due yet.
    let others = until(&api, &zeta, "theirs", |_| true);
    assert_eq!(others.keys().collect::<Vec<_>>(), ["weekly_cost"]);
    assert_eq!(others["weekly_cost"]["last_due"], Value::Null);

    // Another start sends nothing again.
    drop(api);
    let api = start();
    api.knows(&acme);
    post.got(0);
    let after = until(&api, &acme, "all is known", |s| s["last_due"].is_string());
    assert_eq!(after["missed"]["last_sent"], done["missed"]["last_sent"]);
}
