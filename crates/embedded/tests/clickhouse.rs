//! The official client against the engine: what it writes it reads, and what was acknowledged
//! stays.
#![allow(clippy::unwrap_used)]

use clickhouse::{Client, Compression, Row};
use serde::{Deserialize, Serialize};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};
use weir_embedded::{ClickHouse, State, testing};

#[derive(Row, Serialize, Deserialize, Debug, PartialEq, Clone)]
struct Event {
    id: u64,
    kind: String,
    low: String,
    value: Option<f64>,
    list: Vec<u32>,
    #[serde(with = "clickhouse::serde::uuid")]
    uuid: uuid::Uuid,
    micros: i64,
    bins: Vec<(u16, u64)>,
    flag: bool,
    decimal: i128,
}

fn event(id: u64) -> Event {
    Event {
        id,
        kind: format!("k;\n\0'\\{id} é"),
        low: ["a", "b"][(id % 2) as usize].into(),
        value: (!id.is_multiple_of(3)).then_some(id as f64 * 0.5),
        list: (0..(id % 4) as u32).collect(),
        uuid: uuid::Uuid::from_u128(u128::from(id)),
        micros: 1_700_000_000_000_000 + id as i64,
        bins: vec![(3, id), (9, 1)],
        flag: id.is_multiple_of(2),
        decimal: i128::from(id) * 1_000_000_001,
    }
}

async fn database(url: &str, name: &str) -> Client {
    let (address, key) = open(url);
    let client = Client::default()
        .with_url(format!("http://{address}"))
        .with_user("default")
        .with_password(key);
    client
        .query(&format!("CREATE DATABASE {name} ENGINE = Atomic"))
        .execute()
        .await
        .unwrap();
    client.with_database(name)
}

async fn events_table(client: &Client) {
    client
        .query(
            "CREATE TABLE events (id UInt64, kind String, low LowCardinality(String), value Nullable(Float64),
             list Array(UInt32), uuid UUID, micros DateTime64(6, 'UTC'), bins Map(UInt16, UInt64), flag Bool,
             decimal Decimal(38, 9), extra String DEFAULT 'default') ENGINE = MergeTree ORDER BY id",
        )
        .execute()
        .await
        .unwrap();
}

async fn write(client: &Client, range: std::ops::Range<u64>) {
    let mut insert = client.insert::<Event>("events").await.unwrap();
    for id in range {
        insert.write(&event(id)).await.unwrap();
    }
    insert.end().await.unwrap();
}

async fn count(client: &Client) -> u64 {
    client
        .query("SELECT count() FROM events")
        .fetch_one()
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn typed_rows_come_back_with_and_without_compression() {
    let url = testing::clickhouse().url();
    for (name, compression) in [
        ("typed_lz4", Compression::Lz4),
        ("typed_plain", Compression::None),
    ] {
        let client = database(url, name).await.with_compression(compression);
        events_table(&client).await;
        write(&client, 0..1000).await;
        let rows = client
            .query("SELECT ?fields FROM events ORDER BY id")
            .fetch_all::<Event>()
            .await
            .unwrap();
        assert_eq!(rows, (0..1000).map(event).collect::<Vec<_>>());
        let none = client
            .query("SELECT ?fields FROM events WHERE id > 5000")
            .fetch_all::<Event>()
            .await
            .unwrap();
        assert_eq!(none, []);

        // Many chunks, each with the format's header again.
        let large: Vec<(u64, String)> = client
            .query("SELECT number, toString(number) FROM numbers(300000)")
            .fetch_all()
            .await
            .unwrap();
        assert_eq!(large.len(), 300_000);
        assert!(
            large
                .iter()
                .enumerate()
                .all(|(n, row)| row.0 == n as u64 && row.1 == n.to_string())
        );

        // Parameters go as a form; settings hold for their request only.
        let text = "it's \\ a\ttab\nline é";
        let back: (String, u64) = client
            .query("SELECT {s:String}, {n:UInt64}")
            .param("s", text)
            .param("n", 42u64)
            .fetch_one()
            .await
            .unwrap();
        assert_eq!(back, (text.to_owned(), 42));
        let threads = || client.query("SELECT toString(getSetting('max_threads'))");
        let three: String = threads()
            .with_setting("max_threads", "3")
            .fetch_one()
            .await
            .unwrap();
        let after: String = threads().fetch_one().await.unwrap();
        assert_eq!(three, "3");
        assert_ne!(after, "3");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn text_formats_go_in_and_out() {
    let client = database(testing::clickhouse().url(), "formats").await;
    client
        .query("CREATE TABLE t (a UInt32, b String) ENGINE = MergeTree ORDER BY a")
        .execute()
        .await
        .unwrap();
    for (format, data) in [
        ("CSV", "1,one\n2,\"two, and\"\n"),
        ("JSONEachRow", "{\"a\":3,\"b\":\"three\"}\n"),
    ] {
        let mut insert = client.insert_formatted_with(format!("INSERT INTO t FORMAT {format}"));
        insert.send(data.as_bytes().to_vec().into()).await.unwrap();
        insert.end().await.unwrap();
    }
    let read = async |format: &str| {
        let mut bytes = client
            .query("SELECT a, b FROM t ORDER BY a")
            .fetch_bytes(format)
            .unwrap();
        String::from_utf8(bytes.collect().await.unwrap().to_vec()).unwrap()
    };
    assert_eq!(
        read("CSV").await,
        "1,\"one\"\n2,\"two, and\"\n3,\"three\"\n"
    );
    assert_eq!(
        read("CSVWithNames").await,
        "\"a\",\"b\"\n1,\"one\"\n2,\"two, and\"\n3,\"three\"\n"
    );
    assert_eq!(
        read("JSONEachRow").await,
        "{\"a\":1,\"b\":\"one\"}\n{\"a\":2,\"b\":\"two, and\"}\n{\"a\":3,\"b\":\"three\"}\n"
    );
    let json: serde_json::Value = serde_json::from_str(&read("JSON").await).unwrap();
    assert_eq!(json["rows"], 3);
    assert_eq!(json["data"][1]["b"], "two, and");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn errors_have_their_numbers_and_statuses() {
    let url = testing::clickhouse().url();
    let client = database(url, "errors").await;
    events_table(&client).await;
    let cases = [
        ("SELECT * FROM nowhere", 60, 404),
        ("SELEC 1", 62, 400),
        ("SELECT no_such_column", 47, 404),
        ("SELECT no_such_function()", 46, 404),
        ("SELECT throwIf(1)", 395, 400),
        ("CREATE TABLE events (a Int8) ENGINE = Memory", 57, 500),
    ];
    for (sql, code, status) in cases {
        let error = client.query(sql).execute().await.unwrap_err().to_string();
        assert!(
            error.contains(&format!("Code: {code}. DB::Exception")),
            "{sql}: {error}"
        );
        let answer = post(url, "/?database=errors", sql);
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{sql}: {answer}"
        );
        assert!(
            answer
                .to_lowercase()
                .contains(&format!("x-clickhouse-exception-code: {code}\r\n")),
            "{sql}: {answer}"
        );
    }
    // In the middle of a result, when the status is long out.
    let late = "SELECT number, throwIf(number = 2500000) FROM numbers(3000000)";
    let error = client
        .query(late)
        .fetch_all::<(u64, u8)>()
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains("Code: 395"), "{error}");
    // An insert that is refused at its head, with a long body behind it.
    let mut insert = client.insert_formatted_with("INSERT INTO nowhere FORMAT CSV");
    let mut outcome = Ok(());
    for _ in 0..200 {
        outcome = insert.send(vec![b'1'; 64 << 10].into()).await;
        if outcome.is_err() {
            break;
        }
    }
    let error = match outcome {
        Ok(()) => insert.end().await.unwrap_err(),
        Err(error) => error,
    };
    assert!(error.to_string().contains("Code: 60"), "{error}");
    // A link cannot write, a page of another site cannot ask.
    let answer = send(url, "GET /?query=DROP+TABLE+errors.events HTTP/1.1\r\n\r\n");
    assert!(answer.contains("Code: 164"), "{answer}");
    let answer = send(
        url,
        "GET /?query=SELECT+1 HTTP/1.1\r\nSec-Fetch-Site: cross-site\r\n\r\n",
    );
    assert!(answer.contains("Code: 497"), "{answer}");
    assert_eq!(count(&client).await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_keep_their_temporary_tables() {
    let url = testing::clickhouse().url();
    let session = |id: &str, sql: &str| post(url, &format!("/?session_id={id}"), sql);
    session("one", "CREATE TEMPORARY TABLE here (a UInt8)");
    session("one", "INSERT INTO here VALUES (7)");
    let answer = session("one", "SELECT a FROM here");
    assert!(
        answer.contains("\r\n\r\n") && answer.contains('7'),
        "{answer}"
    );
    assert!(session("two", "SELECT a FROM here").contains("Code: 60"));
    assert!(post(url, "/?session_id=three&session_check=1", "SELECT 1").contains("Code: 372"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cut_insert_leaves_nothing() {
    let url = testing::clickhouse().url();
    let client = database(url, "cut").await;
    events_table(&client).await;
    write(&client, 0..100).await;
    {
        let mut insert = client.insert::<Event>("events").await.unwrap();
        for id in 1000..9000 {
            insert.write(&event(id)).await.unwrap();
        }
        // dropped without its end
    }
    let (address, key) = open(url);
    let mut stream = TcpStream::connect(address).unwrap();
    let line = "POST /?query=INSERT+INTO+cut.events(id)+FORMAT+CSV HTTP/1.1";
    write!(
        stream,
        "{line}\r\nHost: {address}\r\nX-ClickHouse-Key: {key}\r\nContent-Length: 1000\r\n\r\n1\n2\n3\n"
    )
    .unwrap();
    drop(stream);
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(count(&client).await, 100);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_loses_nothing_that_was_acknowledged() {
    // As a user may name a folder.
    let dir = tempfile::Builder::new()
        .prefix("größer als ")
        .tempdir()
        .unwrap();
    let started = Instant::now();
    let engine = ClickHouse::start(&testing::clickhouse_options(dir.path())).unwrap();
    println!("first start: {:?}", started.elapsed());
    let plain = engine.url().to_owned();
    let url = testing::with_password(&plain, engine.secrets().write.expose());
    let client = database(&url, "kept").await;
    events_table(&client).await;
    client
        .query(
            "CREATE TABLE latest (k UInt32, v UInt32, revision UInt64) ENGINE = ReplacingMergeTree(revision) ORDER BY k",
        )
        .execute()
        .await
        .unwrap();
    client
        .query("CREATE FUNCTION twice AS (x) -> x * 2")
        .execute()
        .await
        .unwrap();
    for revision in 1..=3u32 {
        let rows = (0..100)
            .map(|k| format!("({k}, {}, {revision})", k + revision))
            .collect::<Vec<_>>()
            .join(",");
        client
            .query(&format!("INSERT INTO latest VALUES {rows}"))
            .execute()
            .await
            .unwrap();
    }
    for round in 1..=3u32 {
        let first = u64::from(round - 1) * 500;
        for batch in 0..5 {
            write(&client, first + batch * 100..first + (batch + 1) * 100).await;
        }
        let killed = Instant::now();
        unsafe { libc::kill(engine.pid().unwrap() as i32, libc::SIGKILL) };
        while !(engine.status().restarts == round && engine.status().state == State::Ready) {
            assert!(
                killed.elapsed() < Duration::from_secs(20),
                "{:?}",
                engine.status()
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        println!("back after a kill: {:?}", killed.elapsed());
        assert_eq!(engine.url(), plain);
        let rows = client
            .query("SELECT ?fields FROM events ORDER BY id")
            .fetch_all::<Event>()
            .await
            .unwrap();
        assert_eq!(rows, (0..first + 500).map(event).collect::<Vec<_>>());
    }
    let (keys, sum): (u64, u64) = client
        .query("SELECT count(), sum(v) FROM latest FINAL")
        .fetch_one()
        .await
        .unwrap();
    assert_eq!((keys, sum), (100, (0..100).map(|k| k + 3).sum()));
    let doubled: u16 = client.query("SELECT twice(21)").fetch_one().await.unwrap();
    assert_eq!(doubled, 42);

    let stopping = Instant::now();
    engine.stop();
    println!("stop: {:?}", stopping.elapsed());
    assert_eq!(engine.status().state, State::Stopped);
    let restarted = Instant::now();
    let engine = ClickHouse::start(&testing::clickhouse_options(dir.path())).unwrap();
    println!("start on existing data: {:?}", restarted.elapsed());
    assert_eq!((engine.url(), count(&client).await), (plain.as_str(), 1500));
}

/// Address and secret of `http://user:secret@address`.
fn open(url: &str) -> (&str, &str) {
    let (user, address) = url["http://".len()..].split_once('@').unwrap();
    (address, user.split_once(':').unwrap().1)
}

fn post(url: &str, path: &str, body: &str) -> String {
    let length = body.len();
    send(
        url,
        &format!("POST {path} HTTP/1.1\r\nContent-Length: {length}\r\n\r\n{body}"),
    )
}

fn send(url: &str, request: &str) -> String {
    let (address, key) = open(url);
    let (line, rest) = request.split_once("\r\n").unwrap();
    let head = format!("{line}\r\nHost: {address}\r\nX-ClickHouse-Key: {key}\r\nConnection: close");
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "{head}\r\n{rest}").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}
