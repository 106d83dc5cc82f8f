//! Pseudonyms in place of names, through the whole system: no byte that is written names anybody,
//! whichever way events come in, before and after somebody is forgotten, and no sum changes by it.

#![allow(clippy::unwrap_used)]

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{Headers, Message};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use serde_json::{Value as Json, json};
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use weir_tests::System;

const PATIENCE: Duration = Duration::from_secs(120);
const STEP: Duration = Duration::from_secs(10);
/// What names somebody, in small letters.
const NAMES: [&str; 2] = ["zebulon", "quartermain"];
const ADDRESS: &str = "zebulon.quartermain@example.com";
/// What has to be found, or nothing was looked at.
const CONTROL: &str = "team-control";

fn names_in(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes).to_lowercase();
    NAMES.iter().any(|name| text.contains(name))
}

/// Files below a folder with a name in their bytes.
fn named_files(dir: &Path, out: &mut Vec<String>) -> usize {
    let mut looked = 0;
    for entry in fs::read_dir(dir).unwrap().flatten() {
        let Ok(kind) = entry.file_type() else {
            continue;
        };
        if kind.is_dir() {
            looked += named_files(&entry.path(), out);
        } else if let (true, Ok(bytes)) = (kind.is_file(), fs::read(entry.path())) {
            looked += 1;
            if names_in(&bytes) {
                out.push(entry.path().display().to_string());
            }
        }
    }
    looked
}

/// Every record of every topic as it was before it was packed: key, value, headers.
fn records(system: &System) -> Vec<(String, Vec<u8>)> {
    let mut config = ClientConfig::new();
    for (name, value) in system.own_kafka() {
        config.set(name, value);
    }
    config
        .set("group.id", "weir-reader")
        // The end of each partition is told at once.
        .set("enable.partition.eof", "true")
        .set("fetch.wait.max.ms", "10")
        .set("enable.auto.commit", "false");
    let consumer: BaseConsumer = config.create().unwrap();
    let metadata = consumer.fetch_metadata(None, STEP).unwrap();
    let mut out = Vec::new();
    let ours = metadata
        .topics()
        .iter()
        .filter(|t| t.name().starts_with("weir."));
    for topic in ours {
        for partition in topic.partitions() {
            let (name, id) = (topic.name(), partition.id());
            let (low, end) = consumer.fetch_watermarks(name, id, STEP).unwrap();
            let mut from = TopicPartitionList::new();
            from.add_partition_offset(name, id, Offset::Beginning)
                .unwrap();
            consumer.assign(&from).unwrap();
            let until = Instant::now() + PATIENCE;
            // What is empty has no end to come to.
            if low == end {
                continue;
            }
            loop {
                assert!(Instant::now() < until, "{name}/{id} does not end");
                let message = match consumer.poll(Duration::from_millis(100)) {
                    None => continue,
                    // The last offsets may be those of transactions, which nobody is handed.
                    Some(Err(KafkaError::PartitionEOF(of))) if of == id => break,
                    Some(Err(KafkaError::PartitionEOF(_))) => continue,
                    Some(message) => message.unwrap(),
                };
                if message.topic() != name || message.partition() != id {
                    continue;
                }
                let mut bytes = message.key().unwrap_or_default().to_vec();
                bytes.extend(message.payload().unwrap_or_default());
                for header in message.headers().into_iter().flat_map(Headers::iter) {
                    bytes.extend(header.value.unwrap_or_default());
                }
                out.push((name.to_owned(), bytes));
            }
        }
    }
    out
}

/// Every row of every table.
fn rows(system: &System) -> Vec<(String, String)> {
    let tables = "SELECT name FROM system.tables WHERE database = currentDatabase() \
                  AND engine LIKE '%MergeTree' AND total_rows > 0";
    let mut out = Vec::new();
    for table in system.query(tables) {
        let name = table["name"].as_str().unwrap();
        let said = system.weir(&["query", "--json", &format!("SELECT * FROM {name}")]);
        assert!(said.status.success(), "{said:?}");
        out.push((
            name.to_owned(),
            String::from_utf8_lossy(&said.stdout).into_owned(),
        ));
    }
    out
}

/// Nothing on disk, in Kafka or in ClickHouse names anybody; what is told of beside is there.
fn nobody_is_named(system: &System) {
    let mut named = Vec::new();
    assert!(named_files(system.dir(), &mut named) > 100);
    assert_eq!(named, Vec::<String>::new());
    let records = records(system);
    let named: Vec<&String> = records
        .iter()
        .filter(|(_, b)| names_in(b))
        .map(|(t, _)| t)
        .collect();
    assert_eq!(named, Vec::<&String>::new());
    let has = |b: &[u8]| String::from_utf8_lossy(b).contains(CONTROL);
    assert!(
        records.iter().any(|(_, b)| has(b)),
        "{} records",
        records.len()
    );
    let rows = rows(system);
    for (table, text) in &rows {
        assert!(!names_in(text.as_bytes()), "{table}: {text}");
    }
    assert!(
        rows.iter().any(|(_, text)| text.contains(CONTROL)),
        "{} tables",
        rows.len()
    );
}

fn call(n: u32) -> Json {
    json!({
        "type": "llm.call", "event_id": format!("01931b5e-7a00-7000-8000-{n:012x}"),
        "source": "Zebulons-MBP", "engineer": {"email": ADDRESS, "team": CONTROL},
        "provider": "p", "model": "m", "tokens_input": n, "resource": {
            "host.name": "zebulons-mbp", "user.home": "/home/zebulon", "service.name": "ide"},
    })
}

fn post(system: &System, body: &Json, wanted: &str) {
    let status = system.json(&["status", "--secrets"]);
    let url = format!("{}/v1/events", status["gateway"].as_str().unwrap());
    let token = status["secrets"]["gateway"]["token"].as_str().unwrap();
    let mut curl = Command::new("curl");
    curl.args([
        "-sS",
        "-o",
        "/dev/null",
        "-w",
        "%{http_code}",
        &url,
        "-d",
        &body.to_string(),
    ]);
    curl.args(["-H", &format!("Authorization: Bearer {token}")]);
    let out = curl
        .args(["-H", "Content-Type: application/json"])
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&out.stdout), wanted, "{out:?}");
}

fn run(command: &mut Command) {
    let done = command.stdout(Stdio::null()).status().unwrap();
    assert!(done.success(), "{command:?}");
}

/// A repository with one commit, and a table with one call.
fn import(system: &System, folder: &Path) {
    let repository = folder.join("shop");
    fs::create_dir_all(&repository).unwrap();
    fs::write(repository.join("a.txt"), "one\n").unwrap();
    let git = |args: &[&str]| {
        let mut git = Command::new("git");
        git.current_dir(&repository)
            .args(["-c", "user.name=Zebulon Quartermain", "-c"]);
        run(git.arg(format!("user.email={ADDRESS}")).args(args));
    };
    git(&["init", "-q"]);
    git(&["add", "."]);
    git(&["commit", "-q", "-m", "By Zebulon"]);
    let map = folder.join("calls.yaml");
    fs::write(
        &map,
        concat!(
            "name: calls\ntitle: Calls\nevent: llm.call\nformat: jsonl\ntime: {at: row.at}\n",
            "source: row.host\nidentity: row.id\nfields:\n  request_id: row.id\n",
            "  engineer.email: row.who\n  engineer.team: row.team\n  provider: \"'p'\"\n",
            "  model: \"'m'\"\n  tokens_input: row.tokens\n",
        ),
    )
    .unwrap();
    let table = folder.join("calls.jsonl");
    let row = json!({"at": "2026-03-02T10:00:00Z", "host": "zebulons-mbp", "id": "r-1",
                     "who": ADDRESS, "team": CONTROL, "tokens": 1000});
    fs::write(&table, format!("{row}\n")).unwrap();
    let text = |p: &Path| p.to_str().unwrap().to_owned();
    for args in [
        vec!["import".to_owned(), "git".to_owned(), text(&repository)],
        vec![
            "import".to_owned(),
            "--map".to_owned(),
            text(&map),
            text(&table),
        ],
    ] {
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let done = system.weir(&args);
        assert!(done.status.success(), "{args:?}: {done:?}");
    }
}

/// Calls, tokens, people and commits, once they are these.
fn counted(system: &System, wanted: [u64; 4]) {
    let sql = "SELECT (SELECT uniqExact(event_id) FROM llm_call_events) AS calls, \
        (SELECT toUInt64(sum(tokens_input)) FROM (SELECT * FROM llm_call_events \
         LIMIT 1 BY event_id)) AS tokens, \
        (SELECT uniqExact(engineer_email) FROM llm_call_events) AS people, \
        (SELECT uniqExact(event_id) FROM productivity_recorded_events) AS commits";
    let until = Instant::now() + PATIENCE;
    loop {
        let row = &system.query(sql)[0];
        let of = |name: &str| row[name].to_string().trim_matches('"').parse().unwrap_or(0);
        let found = ["calls", "tokens", "people", "commits"].map(of);
        if found == wanted {
            return;
        }
        assert!(Instant::now() < until, "{found:?}, wanted {wanted:?}");
        std::thread::sleep(Duration::from_millis(500));
    }
}

#[test]
fn nobody_is_named_and_whoever_is_erased_is_forgotten() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let flags = [
        "--raw-partitions",
        "1",
        "--partials",
        "2",
        "--gateway",
        "127.0.0.1:0",
    ];
    let private = [&flags[..], &["--privacy", "pseudonymise"]].concat();
    let mut system = System::start(dir.path(), None, &private);
    post(&system, &json!([call(1), call(2)]), "200");
    post(
        &system,
        &json!([{"type": "llm.call", "nickname": "Zebulon"}]),
        "422",
    );
    import(&system, other.path());
    counted(&system, [3, 1003, 1, 1]);
    system.verify();
    nobody_is_named(&system);
    let dead = system.number("SELECT count() AS n FROM dead_letters");
    assert_eq!(dead, 1.0);

    let people = system.json(&["people"]);
    assert_eq!(people.as_array().unwrap().len(), 1, "{people}");
    assert_eq!(
        (&people[0]["engineer"], &people[0]["tenant"]),
        (&json!(ADDRESS), &json!("default"))
    );
    let pseudonym = people[0]["pseudonym"].as_str().unwrap().to_owned();
    let seen =
        system.query("SELECT DISTINCT engineer_email AS e FROM productivity_recorded_events");
    assert_eq!(seen, [json!({"e": pseudonym})]);

    let in_table = "SELECT count() AS n FROM people";
    assert_eq!(system.number(in_table), 1.0);
    let receipt = system.json(&["erase", "--engineer", "Zebulon.Quartermain@Example.com"]);
    assert_eq!(receipt["pseudonym"], pseudonym);
    assert_eq!(
        ["key_destroyed", "entry_deleted", "row_deleted"].map(|k| &receipt[k]),
        [&json!(true); 3]
    );
    assert_eq!(system.number(in_table), 0.0);
    let left = system.query("SELECT pseudonym FROM people_log WHERE address != ''");
    assert!(left.is_empty(), "{left:?}");
    assert_eq!(system.json(&["people"]), json!([]));
    assert!(!names_in(receipt.to_string().as_bytes()), "{receipt}");
    counted(&system, [3, 1003, 1, 1]);
    system.verify();

    // Begun once it holds, also for who comes back: no name, the same pseudonym, no entry.
    system.stop();
    system.set_flags(&flags);
    system.up();
    system.wait_ready();
    post(&system, &json!([call(3)]), "200");
    counted(&system, [4, 1006, 1, 1]);
    assert_eq!(system.json(&["people"]), json!([]));
    nobody_is_named(&system);
    system.stop();
    let off = Command::new(weir_tests::binary())
        .env("WEIR_DATA_DIR", dir.path())
        .args(["up", "--privacy", "off"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&off.stderr).into_owned();
    assert_eq!(off.status.code(), Some(2), "{said}");
    assert!(said.contains("privacy is off, but"), "{said}");
}
