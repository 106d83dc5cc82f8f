//! Runs of coding agents that come by their session logs and by OpenTelemetry, through the whole
//! system: a call is one call, in whichever order the two come, and what only one side knows is kept.

#![allow(clippy::unwrap_used)]

use serde_json::Value as Json;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use weir_tests::{System, root};

const PATIENCE: Duration = Duration::from_secs(120);

/// A recorded run: what its machine has as a home, what it sent, and what both come to.
struct Run {
    name: String,
    home: PathBuf,
    sent: PathBuf,
    together: Json,
}

/// Every recorded run that has both sides; none where there are no recordings.
fn runs() -> Vec<Run> {
    let beside = || root().join("../shared/data");
    let data = std::env::var_os("WEIR_RECORDED").map_or_else(beside, PathBuf::from);
    let list = |dir: &Path| -> Vec<PathBuf> {
        let entries = fs::read_dir(dir).into_iter().flatten();
        entries.map(|e| e.unwrap().path()).collect()
    };
    let agents = list(&data.join("agent-logs"));
    let mut runs: Vec<Run> = agents
        .iter()
        .flat_map(|agent| list(agent))
        .filter_map(|home| {
            let notes: Json =
                serde_json::from_slice(&fs::read(home.join("expected.json")).ok()?).unwrap();
            let capture = notes["otlp_of_the_same_run"].as_str()?;
            Some(Run {
                name: capture.trim_start_matches("otlp/").replace('/', "-"),
                sent: data.join(capture),
                together: notes["when_both_are_imported"].clone(),
                home,
            })
        })
        .collect();
    runs.sort_by(|a, b| a.name.cmp(&b.name));
    runs
}

/// Sends a recorded request to the gateway until it is taken: a token is known a moment after it was
/// made.
fn post(address: &str, token: &str, path: &str, (kind, body): (&str, &[u8])) {
    let until = Instant::now() + PATIENCE;
    loop {
        let mut to = TcpStream::connect(address).unwrap();
        to.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\
             Content-Type: {kind}\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        to.write_all(head.as_bytes()).unwrap();
        to.write_all(body).unwrap();
        let mut answer = Vec::new();
        to.read_to_end(&mut answer).unwrap();
        let answer = String::from_utf8_lossy(&answer).into_owned();
        match answer.split(' ').nth(1) {
            Some("200") => return,
            Some("401") if Instant::now() < until => std::thread::sleep(Duration::from_millis(200)),
            _ => panic!("{path}: {answer}"),
        }
    }
}

/// One system, and a tenant for each run and order.
struct Both<'a> {
    system: &'a System,
    gateway: String,
}

impl Both<'_> {
    fn import(&self, run: &Run, tenant: &str) {
        let home = run.home.to_str().unwrap();
        let flags = [
            "--home",
            home,
            "--tenant",
            tenant,
            "--engineer",
            "ada@example.org",
        ];
        let out = self
            .system
            .weir(&[&["import", "agents", "--json"], &flags[..]].concat());
        let said = String::from_utf8_lossy(&out.stderr);
        assert!(out.status.success(), "{tenant}: {said}");
    }

    fn send(&self, run: &Run, tenant: &str) {
        let create = ["token", "create", "--tenant", tenant, "--scope", "write"];
        let made = self.system.weir(&create).stdout;
        let token = String::from_utf8(made).unwrap();
        let token = token.lines().last().unwrap();
        let requests: Json =
            serde_json::from_slice(&fs::read(run.sent.join("requests.json")).unwrap()).unwrap();
        for request in requests.as_array().unwrap() {
            let text = |of: &Json, name: &str| of[name].as_str().unwrap().to_owned();
            let body = fs::read(run.sent.join(text(request, "raw"))).unwrap();
            let kind = text(&request["headers"], "content-type");
            let path = format!("/v1/{}", text(request, "signal"));
            post(&self.gateway, token, &path, (&kind, &body));
        }
    }

    /// What the view of a tenant's calls comes to, in the words of the recordings.
    fn counted(&self, tenant: &str) -> Json {
        let sql = format!(
            "SELECT count() AS calls, countIf(success) AS ok, countIf(NOT success) AS failed, \
             sum(ifNull(tokens_input, 0)) AS input, sum(ifNull(tokens_cache_read, 0)) AS cache_read, \
             sum(ifNull(tokens_cache_write, 0)) AS cache_write, sum(ifNull(tokens_output, 0)) AS output, \
             sum(ifNull(tokens_reasoning, 0)) AS reasoning FROM llm_call_events WHERE tenant = '{tenant}'"
        );
        let row = self.system.query(&sql).remove(0);
        let number = |v: &Json| match v {
            Json::String(text) => text.parse::<u64>().unwrap(),
            v => v.as_u64().unwrap(),
        };
        let row = row.as_object().unwrap().iter();
        row.map(|(name, v)| (name.clone(), Json::from(number(v))))
            .collect()
    }

    fn comes_to(&self, tenant: &str, wanted: &Json) {
        let until = Instant::now() + PATIENCE;
        loop {
            let found = self.counted(tenant);
            if found == *wanted {
                return;
            }
            assert!(Instant::now() < until, "{tenant}: {found}, not {wanted}");
            std::thread::sleep(Duration::from_millis(500));
        }
    }
}

#[test]
fn a_call_that_comes_by_log_and_by_otlp_is_one_call() {
    let runs = runs();
    if runs.is_empty() {
        eprintln!("no recordings: not tested");
        return;
    }
    assert!(runs.len() >= 5, "{} runs", runs.len());
    let dir = tempfile::tempdir().unwrap();
    let flags = ["--raw-partitions", "2", "--gateway", "127.0.0.1:0"];
    let mut system = System::start(dir.path(), None, &flags);
    let status = system.json(&["status"]);
    let gateway = status["gateway"]
        .as_str()
        .unwrap()
        .trim_start_matches("http://");
    let both = Both {
        system: &system,
        gateway: gateway.to_owned(),
    };
    for run in &runs {
        both.import(run, &format!("{}-log", run.name));
        both.send(run, &format!("{}-otlp", run.name));
    }
    // What was there first has arrived everywhere.
    system.settle();
    for run in &runs {
        both.send(run, &format!("{}-log", run.name));
        both.import(run, &format!("{}-otlp", run.name));
    }
    system.settle();
    for run in &runs {
        both.comes_to(&format!("{}-log", run.name), &run.together);
        both.comes_to(&format!("{}-otlp", run.name), &run.together);
    }
    // Left out is not lost: the records that came a second time are listed.
    let doubled = "SELECT uniqExact(tenant) FROM otel_doubled_events";
    assert!(system.number(doubled) >= 3.0);
    system.verify();
    system.stop();
}
