//! Commits as they are made and processes as they are looked at, through the whole system: each is in
//! the log once, also what came while nothing ran, and nothing that waits names anybody.

#![allow(clippy::unwrap_used)]

use serde_json::Value as Json;
use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};
use weir_tests::System;

const PATIENCE: Duration = Duration::from_secs(60);
/// Of the committer, in small letters.
const NAMES: [&str; 2] = ["zebulon", "quartermain"];
const ADDRESS: &str = "zebulon.quartermain@example.com";

fn git(dir: &Path, args: &[&str]) {
    let out = Command::new("git")
        .arg("-C")
        .arg(dir)
        .args(["-c", "user.name=Zebulon", "-c"])
        .arg(format!("user.email={ADDRESS}"))
        .args(args)
        .output()
        .unwrap();
    assert!(out.status.success(), "{args:?}: {out:?}");
}

fn commit(repository: &Path, n: u32) {
    let file = repository.join("a.rs");
    fs::write(file, "line\n".repeat(n as usize)).unwrap();
    git(repository, &["add", "."]);
    git(repository, &["commit", "-qm", &format!("Fix {n}")]);
}

/// Waits until a number is what it should be.
fn until(system: &System, sql: &str, wanted: f64) {
    let end = Instant::now() + PATIENCE;
    loop {
        let seen = system.number(sql);
        if seen == wanted {
            return;
        }
        assert!(
            Instant::now() < end,
            "{sql}: {seen}, not {wanted}\n{}",
            system.log()
        );
        std::thread::sleep(Duration::from_millis(300));
    }
}

fn named_files(dir: &Path, looked: &mut u32) -> Vec<String> {
    let mut named = Vec::new();
    for entry in fs::read_dir(dir).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            named.extend(named_files(&path, looked));
            continue;
        }
        let bytes = fs::read(&path).unwrap_or_default();
        *looked += 1;
        let text = (String::from_utf8_lossy(&bytes) + path.to_string_lossy()).to_lowercase();
        if NAMES.iter().any(|n| text.contains(n)) {
            named.push(path.display().to_string());
        }
    }
    named
}

/// A command of `weir process` by somebody.
fn process(system: &System, args: &[&str]) -> Output {
    let whole = [&["process"], args, &["--by", ADDRESS]].concat();
    system.weir(&whole)
}

#[test]
fn commits_and_processes_are_in_the_log_once() {
    let dir = tempfile::tempdir().unwrap();
    let here = |name: &str| dir.path().join(name);
    let repository = here("repository");
    fs::create_dir(&repository).unwrap();
    git(&repository, &["init", "-qb", "main"]);
    let repository = repository.as_path();
    let flags = [
        "--raw-partitions",
        "2",
        "--gateway",
        "127.0.0.1:0",
        "--privacy",
        "pseudonymise",
    ];
    let data = here("data");
    fs::create_dir(&data).unwrap();
    let mut system = System::start(&data, None, &flags);
    let path = repository.to_str().unwrap();
    let installed = system.json(&["hook", "install", path, "--team", "core"]);
    assert_eq!(
        installed["hooks"]["post-commit"], "installed",
        "{installed}"
    );

    commit(repository, 1);
    let commits = "SELECT count() FROM productivity_recorded_events WHERE engineer_team = 'core'";
    until(&system, commits, 1.0);
    system.stop();

    // While nothing runs.
    commit(repository, 2);
    commit(repository, 3);
    let mut child = Command::new("sleep").arg("60").spawn().unwrap();
    let pid = child.id().to_string();
    let killed = process(
        &system,
        &["kill", "--pid", &pid, "--yes", "--reason", "by Zebulon"],
    );
    assert!(killed.status.success(), "{killed:?}");
    assert!(!child.wait().unwrap().success());
    let said = String::from_utf8_lossy(&killed.stderr).into_owned();
    assert!(said.contains("waits"), "{said}");
    let end = Instant::now() + PATIENCE;
    // The hook has tried and said why not.
    loop {
        let status = system.weir(&["hook", "status", path, "--json"]);
        let status: Json = serde_json::from_slice(&status.stdout).unwrap();
        if status["waiting"] == 2 && status["last"]["error"].is_string() {
            break;
        }
        assert!(Instant::now() < end, "{status}");
        std::thread::sleep(Duration::from_millis(100));
    }
    let mut looked = 0;
    for folder in [repository.join(".git/weir"), here("data").join("spool")] {
        assert_eq!(named_files(&folder, &mut looked), Vec::<String>::new());
    }
    assert!(looked >= 4, "{looked}");

    system.up();
    commit(repository, 4);
    until(&system, commits, 4.0);
    let again = system.json(&["import", "git", path, "--team", "core"]);
    assert_eq!(
        (&again["written"], &again["already"]),
        (&0.into(), &4.into()),
        "{again}"
    );

    // The last one is refused, and what waited goes with the first.
    for args in [&["system"][..], &["kill", "--pid", "1", "--yes"]] {
        process(&system, args);
    }
    let acted = "SELECT count() FROM process_acted_events WHERE startsWith(actor, 'p-') AND \
                 (command, outcome) IN (('kill', 'done'), ('system', 'done'), ('kill', 'refused'))";
    until(&system, acted, 3.0);

    let file = here("all.jsonl");
    let name = file.to_str().unwrap();
    let written = system.json(&["process", "snapshot", "--output", name, "-v"]);
    let records = written["records"].as_f64().unwrap();
    assert!(records > 3.0, "{written}");
    for wanted in [records, 0.0] {
        let played = system.json(&["replay", name]);
        assert_eq!(played["written"].as_f64(), Some(wanted), "{played}");
    }
    let emitted = system
        .command()
        .args(["process", "watch", "--emit", "--duration", "1"])
        .stdout(Stdio::null())
        .status();
    assert!(emitted.unwrap().success());
    until(&system, "SELECT count() FROM resource_sampled_events", 1.0);
    let sampled = "SELECT count() > 3 FROM process_sampled_events";
    until(&system, sampled, 1.0);
    let verified = system.verify();
    for event in ["productivity.recorded", "process.acted", "process.sampled"] {
        assert_eq!(verified.count(event, "counted_twice"), 0, "{event}");
        assert_eq!(verified.count(event, "dead"), 0, "{event}");
    }
    system.stop();
}
