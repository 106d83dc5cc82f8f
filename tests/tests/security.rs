//! Whose door is open: what `docs/security.md` says of a local user, a web page, an analyst and an
//! operator, tried on a running system. Every way to a file that is known is tried in
//! `crates/embedded/tests/door.rs`.

#![allow(clippy::unwrap_used)]

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer, ProducerContext};
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use weir_tests::System;

/// A system, with the store's address and the secret that its owner is shown.
struct Tried {
    system: System,
    address: String,
    password: String,
}

impl Tried {
    fn start(dir: &Path) -> Tried {
        let system = System::start(dir, None, &["--raw-partitions", "1", "--partials", "2"]);
        let status = system.json(&["status", "--secrets"]);
        let url = status["clickhouse"].as_str().unwrap();
        let secrets = &status["secrets"];
        assert_eq!(secrets["user"], "weir", "{status:#}");
        Tried {
            address: url.trim_start_matches("http://").to_owned(),
            password: secrets["password"].as_str().unwrap().to_owned(),
            system,
        }
    }

    /// Status and answer of a statement, under these headers.
    fn post(&self, headers: &[&str], sql: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let host = format!("Host: {}", self.address);
        let host = if headers.iter().any(|h| h.starts_with("Host:")) {
            None
        } else {
            Some(host.as_str())
        };
        let head: String = host
            .iter()
            .chain(headers)
            .map(|line| format!("{line}\r\n"))
            .collect();
        let length = sql.len();
        write!(
            stream,
            "POST /?database=weir HTTP/1.1\r\nConnection: close\r\n{head}Content-Length: {length}\r\n\r\n{sql}"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
        (status, answer)
    }

    /// What `weir query` says, in both streams, and how it ends.
    fn ask(&self, sql: &str) -> (Option<i32>, String) {
        let out = self.system.weir(&["query", sql]);
        let said = [out.stdout, out.stderr].concat();
        (out.status.code(), String::from_utf8(said).unwrap())
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn every_door_opens_to_whom_it_should() {
    let base = tempfile::tempdir().unwrap();
    // As a user makes one, readable for everybody.
    let dir = base.path().join("data");
    fs::create_dir(&dir).unwrap();
    fs::set_permissions(&dir, fs::Permissions::from_mode(0o755)).unwrap();
    let tried = Tried::start(&dir);
    a_local_user(&tried, &dir);
    a_local_user_at_kafka(&tried);
    a_web_page(&tried);
    an_analyst(&tried, &dir);
    an_operator(&tried, &dir);
}

fn a_local_user(tried: &Tried, dir: &Path) {
    assert_eq!(mode(&dir.join("secrets.json")), 0o600);
    for own in ["kafka", "clickhouse"] {
        assert_eq!(mode(&dir.join(own)), 0o700, "{own}");
    }
    for sql in [
        "SELECT 1",
        "SELECT count() FROM kpis",
        "SELECT file('/etc/hostname')",
        "DROP DATABASE weir",
    ] {
        for headers in [
            &[][..],
            &["X-ClickHouse-User: weir", "X-ClickHouse-Key: guessed"],
        ] {
            assert_eq!(tried.post(headers, sql).0, 401, "{sql}");
        }
    }
    // What other users see of the processes, and what is written where they may read, has no secret
    // in it.
    let secrets = fs::read_to_string(dir.join("secrets.json")).unwrap();
    let secrets: serde_json::Value = serde_json::from_str(&secrets).unwrap();
    let secrets =
        ["query", "write", "kafka"].map(|which| secrets[which].as_str().unwrap().to_owned());
    assert_eq!(secrets[0], tried.password);
    let mut looked_at = 0;
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let Ok(line) = fs::read(entry.path().join("cmdline")) else {
            continue;
        };
        let line = String::from_utf8_lossy(&line).into_owned();
        looked_at += usize::from(line.contains(dir.to_str().unwrap()));
        assert!(!secrets.iter().any(|s| line.contains(s)), "{line}");
    }
    assert!(looked_at >= 2, "the engine and Kafka name their directory");
    for file in ["up.log", "weir.json", "weir.lock"] {
        let text = fs::read_to_string(dir.join(file)).unwrap();
        assert!(!secrets.iter().any(|s| text.contains(s)), "{file}: {text}");
    }
}

/// Whether a record that is sent without a secret arrives.
fn sent(tried: &Tried, topic: &str) -> Result<(), String> {
    let brokers = tried.system.brokers();
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", brokers)
        .set("message.timeout.ms", "20000");
    let told = Told::default();
    let producer: BaseProducer<Told> = config.create_with_context(told.clone()).unwrap();
    let record = BaseRecord::<(), _>::to(topic).payload("no event");
    producer.send(record).map_err(|(e, _)| e.to_string())?;
    producer
        .flush(Duration::from_secs(30))
        .map_err(|e| e.to_string())?;
    let told = told.0.lock().unwrap().take();
    told.ok_or("nothing was told")?
}

/// What was said of the last record.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Option<Result<(), String>>>>);

impl rdkafka::ClientContext for Told {}
impl ProducerContext for Told {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, _: ()) {
        let said = result.as_ref().map(drop).map_err(|(e, _)| e.to_string());
        *self.0.lock().unwrap() = Some(said);
    }
}

/// Makes a topic and deletes one, with a client of these properties.
fn made_and_deleted(config: &ClientConfig, made: &str, deleted: &str) -> Vec<String> {
    let admin: AdminClient<DefaultClientContext> = config.create().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let options = AdminOptions::new();
    let topic = NewTopic::new(made, 1, TopicReplication::Fixed(1));
    let mut said = runtime
        .block_on(admin.create_topics(&[topic], &options))
        .unwrap();
    said.extend(
        runtime
            .block_on(admin.delete_topics(&[deleted], &options))
            .unwrap(),
    );
    let failed = said.into_iter().filter_map(Result::err);
    failed.map(|(_, e)| e.to_string()).collect()
}

fn a_local_user_at_kafka(tried: &Tried) {
    let status = tried.system.json(&["status", "--secrets"]);
    let open = tried.system.brokers();
    assert_ne!(status["secrets"]["kafka"]["brokers"], open.as_str());
    sent(tried, "weir.events.llm.call").unwrap();
    for topic in ["weir.state", "weir.partials", "weir.alerts", "weir.catalog"] {
        let error = sent(tried, topic).unwrap_err();
        assert!(error.contains("uthorization failed"), "{topic}: {error}");
    }
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", &open);
    let failed = made_and_deleted(&config, "weir.tried", "weir.events.llm.call");
    assert_eq!(failed.len(), 2, "{failed:?}");
    assert!(
        failed.iter().all(|e| e.contains("uthorization")),
        "{failed:?}"
    );
    // Whoever is shown the secret may.
    for (name, value) in tried.system.own_kafka() {
        config.set(name, value);
    }
    let failed = made_and_deleted(&config, "weir.tried", "weir.tried");
    assert_eq!(failed, Vec::<String>::new());
}

fn a_web_page(tried: &Tried) {
    let key = format!("X-ClickHouse-Key: {}", tried.password);
    for foreign in [
        "Host: rebind.example:1",
        "Origin: http://localhost:3000",
        "Origin: https://site.example",
        "Origin: null",
        "Sec-Fetch-Site: cross-site",
        "Sec-Fetch-Site: same-site",
    ] {
        for headers in [&[foreign][..], &[foreign, &key]] {
            let (status, answer) = tried.post(headers, "SELECT 1");
            assert_eq!(status, 403, "{foreign}: {answer}");
        }
    }
}

fn an_analyst(tried: &Tried, dir: &Path) {
    let key = format!("X-ClickHouse-Key: {}", tried.password);
    let with_key = |sql: &str| tried.post(&["X-ClickHouse-User: default", &key], sql);
    let (status, answer) = with_key("SELECT count() FROM kpis");
    assert_eq!(status, 200, "{answer}");
    let written = dir.join("written");
    let path = written.display();
    for sql in [
        format!("SELECT 1 INTO OUTFILE '{path}'"),
        format!("INSERT INTO FUNCTION file('{path}', 'CSV', 'a Int8') SELECT 1"),
        "SELECT file('/etc/hostname')".to_owned(),
        "SELECT * FROM url('http://127.0.0.1:9/', 'CSV', 'a String')".to_owned(),
        "INSERT INTO tenants SELECT * FROM tenants".to_owned(),
        "DROP TABLE kpis".to_owned(),
    ] {
        let (status, answer) = with_key(&sql);
        assert_eq!(status, 403, "{sql}: {answer}");
        let (code, said) = tried.ask(&sql);
        assert_eq!(code, Some(2), "{sql}: {said}");
        assert!(said.starts_with("weir: WEIR-0305: "), "{sql}: {said}");
    }
    assert!(!written.exists());
    assert!(tried.ask("SELECT 1; SELECT 2").1.contains("WEIR-0206"));
    assert_eq!(
        tried.ask("SELECT 41 + 1 AS x FORMAT CSV"),
        (Some(0), "42\n".to_owned())
    );
    let (code, said) = tried.ask("SELECT 41 + 1 AS x;");
    assert!(
        code == Some(0) && said.contains("42") && said.contains("1 row"),
        "{said}"
    );
}

fn an_operator(tried: &Tried, dir: &Path) {
    let plain = tried.system.weir(&["status"]);
    let plain = String::from_utf8(plain.stdout).unwrap();
    assert!(!plain.contains(&tried.password), "{plain}");
    let asked = tried.system.weir(&["status", "--secrets"]);
    assert!(
        String::from_utf8(asked.stdout)
            .unwrap()
            .contains(&tried.password)
    );
    // weir's own commands find what they need; with the directory closed to them they say why not.
    tried.system.verify();
    let secrets = dir.join("secrets.json");
    fs::set_permissions(&secrets, fs::Permissions::from_mode(0o644)).unwrap();
    let (code, said) = tried.ask("SELECT 1");
    assert!(
        code == Some(2) && said.contains("WEIR-0214") && said.contains("chmod 600"),
        "{said}"
    );
    fs::set_permissions(&secrets, fs::Permissions::from_mode(0o600)).unwrap();
    let elsewhere = tried.system.weir(&[
        "--clickhouse",
        "http://weir:wrong@localhost:1",
        "query",
        "SELECT 1",
    ]);
    let said = String::from_utf8(elsewhere.stderr).unwrap();
    assert!(
        said.contains("localhost:1") && !said.contains("wrong"),
        "{said}"
    );
    let url = format!("http://weir:wrong@{}", tried.address);
    let wrong = tried
        .system
        .weir(&["--clickhouse", &url, "query", "SELECT 1"]);
    let said = String::from_utf8(wrong.stderr).unwrap();
    assert!(said.contains("WEIR-0213"), "{said}");
}
