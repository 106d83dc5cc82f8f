//! What docs/consumers.md shows works as it stands there.
#![allow(clippy::unwrap_used)]

mod common;

use common::*;
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use weir_model::records::AlertState;
use weir_notify::core::Desk;
use weir_notify::deliver::Senders;

const PAGE: &str = include_str!("../../../docs/consumers.md");
const EXAMPLE: &str = include_str!("../examples/consume.rs");

fn block(language: &str) -> &'static str {
    let begin = format!("```{language}\n");
    let (_, rest) = PAGE.split_once(&begin).unwrap();
    rest.split_once("\n```").unwrap().0
}

struct Ends(Child);

impl Drop for Ends {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(command: &mut Command) -> (Ends, impl BufRead + use<>) {
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let out: Box<dyn Read> = Box::new(child.stdout.take().unwrap());
    (Ends(child), BufReader::new(out))
}

fn line(of: &mut impl BufRead) -> String {
    let mut line = String::new();
    of.read_line(&mut line).unwrap();
    line.trim().to_owned()
}

#[test]
fn the_consumer_in_rust_prints_each_step_once() {
    assert_eq!(
        block("rust"),
        EXAMPLE.trim_end(),
        "the page shows another program"
    );
    let (brokers, out, _) = log();
    let open = alert("rust", "r", 0, AlertState::Open);
    tell(&out, &open);
    tell(&out, &open);
    tell(&out, &alert("rust", "r", 1, AlertState::Resolve));
    // Built beside the tests.
    let mut program = std::env::current_exe().unwrap();
    program.pop();
    program.pop();
    program.push("examples/consume");
    let (_ends, mut lines) = start(Command::new(program).args([&brokers.bootstrap, "own"]));
    assert_eq!(line(&mut lines), "Open rust r Some(7.5)");
    assert_eq!(line(&mut lines), "Resolve rust r Some(7.5)");
}

#[test]
fn the_consumer_in_python_takes_each_id_once() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    drop(taken);
    let (_ends, mut lines) = start(
        Command::new("python3")
            .args(["-c", block("python"), &port.to_string()])
            .env("WEBHOOK_SECRET", SECRET),
    );
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("right"), SECRET).unwrap();
    std::fs::write(
        dir.path().join("wrong"),
        "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
    )
    .unwrap();
    let declared = |secret: &str| {
        let text = format!(
            "receivers: {{own: {{webhook: {{url: 'http://127.0.0.1:{port}/', secret_file: {secret}}}}}}}\n\
             routes: [{{name: all, to: own, wait: 0s, interval: 0s}}]\n"
        );
        weir_notify::declare::read(&dir.path().join("notify.yaml"), &text).unwrap()
    };
    let of = declared("right");
    let mut desk = Desk::new(of.plan.clone());
    desk.begin(now());
    let mut plan = |step, state| {
        let at = now();
        let told = alert("python", "r", step, state).into();
        desk.alert(told, at, at, ("a/0", i64::from(step)));
        desk.tick(at);
        let step = desk.ready(at, &BTreeSet::new()).pop().unwrap();
        desk.delivered(&step.id, at);
        step
    };
    let (first, second) = (plan(0, AlertState::Open), plan(1, AlertState::Resolve));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let senders = Senders::new(&of).unwrap();
    until("it listens", || runtime.block_on(senders.send(&first)).ok());
    runtime.block_on(senders.send(&first)).unwrap();
    let forger = Senders::new(&declared("wrong")).unwrap();
    let refused = runtime.block_on(forger.send(&second)).unwrap_err();
    assert!(refused.contains("401"), "{refused}");
    runtime.block_on(senders.send(&second)).unwrap();
    assert_eq!(line(&mut lines), "firing python r 7.5");
    assert_eq!(line(&mut lines), "resolved python r 7.5");
}

#[test]
fn the_file_of_the_page_can_be_used() {
    let dir = tempfile::tempdir().unwrap();
    for (file, secret) in [
        ("pagerduty.key", "k"),
        ("rollback.secret", SECRET),
        ("smtp.password", "p"),
        ("chat.url", "https://chat.example.org/hook"),
    ] {
        std::fs::write(dir.path().join(file), secret).unwrap();
    }
    let text = block("yaml").replace("url_env: CHAT_URL", "url_file: chat.url");
    let declared = weir_notify::declare::read(&dir.path().join("notify.yaml"), &text).unwrap();
    assert_eq!(
        (declared.receivers.len(), declared.plan.routes.len()),
        (5, 4)
    );
}
