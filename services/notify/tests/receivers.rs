//! Each kind of receiver, the real one where there is one: Alertmanager and a mail server.
#![allow(clippy::unwrap_used)]

mod common;

use common::*;
use serde_json::Value;
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use weir_model::records::{Alert, AlertState};
use weir_notify::core::{Desk, Step};
use weir_notify::deliver::Senders;
use weir_notify::{Declared, declare};

/// A declaration with a desk that tells by it.
struct Told {
    declared: Declared,
    senders: Senders,
    desk: Desk,
    offset: i64,
    runtime: tokio::runtime::Runtime,
}

impl Told {
    fn new(dir: &Path, receiver: &str) -> Told {
        let text = format!(
            "receivers:\n  one: {receiver}\ntimeout: 5s\nroutes:\n  - name: all\n    to: one\n    \
             wait: 0s\n    interval: 0s\n"
        );
        let declared = declare::read(&dir.join("notify.yaml"), &text).unwrap();
        let mut desk = Desk::new(declared.plan.clone());
        desk.begin(now());
        Told {
            senders: Senders::new(&declared).unwrap(),
            declared,
            desk,
            offset: 0,
            runtime: tokio::runtime::Runtime::new().unwrap(),
        }
    }

    fn tell(&mut self, alert: Alert) -> (Step, Result<(), String>) {
        self.offset += 1;
        let at = now();
        self.desk.alert(alert.into(), at, at, ("a/0", self.offset));
        self.desk.tick(at);
        let step = self.desk.ready(at, &BTreeSet::new()).pop().unwrap();
        let sent = self.runtime.block_on(self.senders.send(&step));
        if sent.is_ok() {
            self.desk.delivered(&step.id, at);
        }
        (step, sent)
    }

    fn get(&self, url: &str) -> Option<Value> {
        self.runtime.block_on(async {
            let answer = reqwest::get(url).await.ok()?;
            serde_json::from_str(&answer.text().await.ok()?).ok()
        })
    }
}

/// Paths of Alertmanager and of a Python with a mail server: fetched where they are missing.
fn programs() -> (String, String) {
    let script = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../scripts/lib/receivers.sh"
    );
    let out = Command::new(script)
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    assert!(out.status.success(), "{script} failed");
    let text = String::from_utf8(out.stdout).unwrap();
    let (alertmanager, python) = text.trim().split_once('\n').unwrap();
    (alertmanager.to_owned(), python.to_owned())
}

fn port() -> u16 {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    taken.local_addr().unwrap().port()
}

/// Ends with the test.
struct Ends(Child);

impl Drop for Ends {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn open(id: &str) -> Alert {
    alert(id, "errors_high", 0, AlertState::Open)
}

fn over(id: &str) -> Alert {
    alert(id, "errors_high", 1, AlertState::Resolve)
}

#[test]
fn the_real_alertmanager_shows_an_alert_until_it_is_over() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("alertmanager.yml");
    std::fs::write(
        &file,
        "route: {receiver: none}\nreceivers: [{name: none}]\n",
    )
    .unwrap();
    let address = format!("127.0.0.1:{}", port());
    let child = Command::new(programs().0)
        .arg(format!("--config.file={}", file.display()))
        .arg(format!("--storage.path={}", dir.path().display()))
        .arg(format!("--web.listen-address={address}"))
        .arg("--cluster.listen-address=")
        .stderr(Stdio::null())
        .spawn();
    let _ends = Ends(child.unwrap());
    let url = format!("http://{address}");
    let mut told = Told::new(dir.path(), &format!("{{alertmanager: {{url: '{url}/'}}}}"));
    until("it is ready", || told.get(&format!("{url}/api/v2/status")));
    let active = format!("{url}/api/v2/alerts?active=true");
    told.tell(open("one")).1.unwrap();
    let shown = until("it is shown", || {
        told.get(&active)
            .filter(|a| a.as_array().is_some_and(|a| !a.is_empty()))
    });
    let labels = &shown[0]["labels"];
    assert_eq!(labels["alertname"], "errors_high");
    assert_eq!(
        (&labels["team"], &labels["priority"]),
        (&"core".into(), &"P1".into())
    );
    assert_eq!(
        shown[0]["annotations"]["impact"],
        "people wait <long> & leave"
    );
    told.tell(over("one")).1.unwrap();
    until("it is over", || {
        told.get(&active)
            .filter(|a| a.as_array().is_some_and(Vec::is_empty))
    });
}

fn mail_server(python: &str, with: &[&Path]) -> (Ends, u16, BufReader<ChildStdout>) {
    let mut child = Command::new(python)
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/mail.py"))
        .args(with)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let port = port();
    writeln!(child.stdin.take().unwrap(), "{port}").unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    lines.read_line(&mut line).unwrap();
    assert_eq!(line.trim(), "ready");
    (Ends(child), port, lines)
}

fn mail(lines: &mut BufReader<ChildStdout>) -> Value {
    let mut line = String::new();
    lines.read_line(&mut line).unwrap();
    serde_json::from_str(&line).unwrap()
}

#[test]
fn a_real_mail_server_gets_text_and_html_by_starttls() {
    let dir = tempfile::tempdir().unwrap();
    let (cert, key) = (dir.path().join("cert.pem"), dir.path().join("key.pem"));
    let made = Command::new("openssl")
        .args([
            "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=mail",
        ])
        .args(["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .arg("-keyout")
        .arg(&key)
        .arg("-out")
        .arg(&cert)
        .stderr(Stdio::null())
        .status();
    let python = programs().1;
    assert!(made.unwrap().success());
    let (_ends, port, mut lines) = mail_server(&python, &[&cert, &key]);
    std::fs::write(dir.path().join("password"), "geheim\n").unwrap();
    std::fs::write(dir.path().join("wrong"), "falsch\n").unwrap();
    let receiver = |password: &str| {
        format!(
            "{{email: {{host: 127.0.0.1, port: {port}, from: 'weir@example.org', \
             to: ['ada@example.org', 'bob@example.org'], user: weir, \
             password_file: {password}, ca_file: cert.pem}}}}"
        )
    };
    let mut told = Told::new(dir.path(), &receiver("password"));
    let (step, sent) = told.tell(open("one"));
    sent.unwrap();
    let got = mail(&mut lines);
    assert_eq!(
        (&got["tls"], &got["from"]),
        (&true.into(), &"weir@example.org".into())
    );
    assert_eq!(got["to"].as_array().unwrap().len(), 2);
    assert_eq!(got["id"], format!("<{}@example.org>", step.id));
    assert_eq!(got["subject"], "[FIRING 1] errors_high (tenant=acme)");
    let (text, html) = (&got["parts"]["text/plain"], &got["parts"]["text/html"]);
    assert!(
        text.as_str()
            .unwrap()
            .contains("people wait <long> & leave"),
        "{text}"
    );
    assert!(
        html.as_str()
            .unwrap()
            .contains("people wait &lt;long&gt; &amp; leave"),
        "{html}"
    );
    let refused = Told::new(dir.path(), &receiver("wrong"))
        .tell(open("two"))
        .1
        .unwrap_err();
    assert!(
        refused.contains("535") && !refused.contains("falsch"),
        "{refused}"
    );
    let shown = format!("{:?}", told.declared);
    assert!(
        shown.contains("weir") && !shown.contains("geheim"),
        "{shown}"
    );
    // In the open, where that is declared; a server without STARTTLS is not spoken to otherwise.
    let (_ends, port, mut lines) = mail_server(&python, &[]);
    let plain = |tls: &str| {
        format!(
            "{{email: {{host: 127.0.0.1, port: {port}, tls: {tls}, from: 'weir@example.org', to: 'ada@example.org'}}}}"
        )
    };
    Told::new(dir.path(), &plain("none"))
        .tell(open("three"))
        .1
        .unwrap();
    assert_eq!(mail(&mut lines)["tls"], false);
    Told::new(dir.path(), &plain("starttls"))
        .tell(open("four"))
        .1
        .unwrap_err();
}

#[test]
fn a_chat_and_a_pager_get_their_forms() {
    let dir = tempfile::tempdir().unwrap();
    let hook = Hook::start();
    std::fs::write(
        dir.path().join("url"),
        format!("{}/services/T0/B0/xyz", hook.url),
    )
    .unwrap();
    std::fs::write(dir.path().join("key"), "routing-key").unwrap();
    let mut chat = Told::new(dir.path(), "{chat: {url_file: url}}");
    chat.tell(open("one")).1.unwrap();
    let said = hook.came().pop().unwrap();
    assert_eq!(said.path, "/services/T0/B0/xyz");
    assert_eq!(said.body["text"], "[FIRING 1] errors_high (tenant=acme)");
    let shown = &said.body["attachments"][0];
    assert_eq!(shown["color"], "danger");
    assert!(
        shown["text"]
            .as_str()
            .unwrap()
            .contains("wait &lt;long&gt; &amp; leave")
    );
    hook.set(Mode::Fails);
    let refused = chat.tell(over("one")).1.unwrap_err();
    assert!(
        refused.contains("500") && !refused.contains("xyz"),
        "{refused}"
    );

    let pager = format!("{{pagerduty: {{url: '{}', key_file: key}}}}", hook.url);
    let mut pager = Told::new(dir.path(), &pager);
    hook.set(Mode::Lies);
    let lied = pager.tell(open("one")).1.unwrap_err();
    assert!(lied.contains("did not say success"), "{lied}");
    hook.set(Mode::Takes);
    let retry = pager.desk.pending().next().unwrap().clone();
    pager.runtime.block_on(pager.senders.send(&retry)).unwrap();
    pager.desk.delivered(&retry.id, now());
    let trigger = hook.came().pop().unwrap().body;
    pager.tell(over("one")).1.unwrap();
    let resolve = hook.came().pop().unwrap().body;
    assert_eq!(
        (&trigger["event_action"], &resolve["event_action"]),
        (&"trigger".into(), &"resolve".into())
    );
    assert_eq!(trigger["dedup_key"], resolve["dedup_key"]);
    assert_eq!(trigger["payload"]["severity"], "error");
    assert_eq!(trigger["routing_key"], "routing-key");
}

#[test]
fn a_wrong_file_names_line_and_remedy() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("notify.yaml");
    std::fs::write(dir.path().join("s"), SECRET).unwrap();
    let good = "receivers:\n  hook: {webhook: {url: 'http://h/', secret_file: s}}\nroutes:\n  \
                - name: all\n    to: hook\n";
    assert!(declare::read(&file, good).is_ok());
    for (from, to, line, says) in [
        ("to: hook", "to: hok", 4, "did you mean \"hook\""),
        ("to: hook", "too: hook", 5, "unknown field"),
        (
            "secret_file: s",
            "secret_file: gone",
            2,
            "name a file that the service may read",
        ),
        (
            "secret_file: s",
            "secret_env: NOTIFY_NOT_SET",
            2,
            "the variable NOTIFY_NOT_SET is not set",
        ),
        (", secret_file: s", "", 2, "has no secret"),
        ("http://h/", "ftp://h/", 2, "write https://host/path"),
        (
            "to: hook",
            "to: hook\n    limit: {messages: 0, per: 1m}",
            4,
            "lets nothing through",
        ),
        ("to: hook", "to: []", 4, "name receivers"),
        (
            "to: hook",
            "to: hook\nmaintenance:\n  - {name: m, from: '2026-01-02', until: x}",
            7,
            "is no time",
        ),
        (
            "to: hook",
            "to: hook\nmaintenance:\n  - {name: m, from: '2026-01-02T00:00:00Z'}",
            7,
            "does not say when",
        ),
        (
            "to: hook",
            "to: hook\nmaintenance:\n  - {name: m, weekly: {days: [sat], at: '22:00', zone: Mars, for: 6h}}",
            7,
            "there is no zone Mars",
        ),
        (
            "to: hook",
            "to: hook\nmaintenance:\n  - {name: m, weekly: {days: [sat], at: '22:00', zone: UTC, for: 8d}}",
            7,
            "more than a week",
        ),
    ] {
        let told = declare::read(&file, &good.replace(from, to))
            .unwrap_err()
            .to_string();
        let place = format!("WEIR-1101: {}:{line}: ", file.display());
        assert!(told.starts_with(&place) && told.contains(says), "{told}");
    }
}
