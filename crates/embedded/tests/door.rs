//! Who comes in at the store's port, what he can reach for, and that nobody holds it up.
#![allow(clippy::unwrap_used)]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};
use weir_embedded::testing;

/// The engine of these tests, seen with one of its secrets or with none.
#[derive(Clone)]
struct Visitor {
    address: String,
    key: Option<String>,
}

fn reader() -> Visitor {
    visitor(|secrets| Some(secrets.query.expose().to_owned()))
}
fn writer() -> Visitor {
    visitor(|secrets| Some(secrets.write.expose().to_owned()))
}
fn stranger() -> Visitor {
    visitor(|_| None)
}

fn visitor(key: impl Fn(&weir_embedded::Secrets) -> Option<String>) -> Visitor {
    let engine = testing::clickhouse().engine();
    Visitor {
        address: engine.url()["http://".len()..].to_owned(),
        key: key(engine.secrets()),
    }
}

impl Visitor {
    fn head(&self, line: &str) -> String {
        let key = self
            .key
            .iter()
            .map(|key| format!("X-ClickHouse-Key: {key}\r\n"))
            .collect::<String>();
        format!(
            "{line} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n{key}",
            self.address
        )
    }

    fn send(&self, line: &str, headers: &str, body: &[u8]) -> (u16, String) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let head = format!(
            "{}{headers}Content-Length: {}\r\n\r\n",
            self.head(line),
            body.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        // Where the answer comes before the end of the body, the rest of it may be refused.
        let _ = stream.write_all(body);
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
        (status, answer)
    }

    fn post(&self, sql: &str) -> (u16, String) {
        self.send("POST /", "", sql.as_bytes())
    }

    fn ok(&self, sql: &str) -> String {
        let (status, answer) = self.post(sql);
        assert_eq!(status, 200, "{sql}: {answer}");
        answer
    }
}

#[test]
fn nobody_comes_in_without_a_secret() {
    for sql in [
        "SELECT 1",
        "",
        "DROP DATABASE default",
        "SELECT file('/etc/hostname')",
    ] {
        let (status, answer) = stranger().post(sql);
        assert_eq!(status, 401, "{sql}: {answer}");
        assert!(answer.contains("AUTHENTICATION_FAILED"), "{answer}");
        assert!(
            answer.to_lowercase().contains("www-authenticate: basic"),
            "{answer}"
        );
    }
    let wrong = Visitor {
        key: Some("0".repeat(64)),
        ..stranger()
    };
    assert_eq!(wrong.post("SELECT 1").0, 401);
    let (status, answer) = stranger().send("GET /ping", "Origin: https://site.example\r\n", b"");
    assert_eq!(status, 200, "a probe needs no secret: {answer}");
    let (status, _) = stranger().send("GET /?query=SELECT+1&password=", "", b"");
    assert_eq!(status, 401);
    // A page of another site is refused before its secret is looked at.
    for visitor in [stranger(), reader(), writer()] {
        let (status, answer) =
            visitor.send("POST /", "Origin: http://localhost:3000\r\n", b"SELECT 1");
        assert_eq!(status, 403, "{answer}");
    }
}

#[test]
fn a_reader_reads_and_does_nothing_else() {
    writer().ok("CREATE DATABASE reads ENGINE = Atomic");
    writer().ok("CREATE TABLE reads.t (a Int32, file String) ENGINE = MergeTree ORDER BY a");
    writer().ok("INSERT INTO reads.t VALUES (1, 'x'), (2 + 1, upper('y')) ;");
    writer().ok("INSERT INTO reads.t FORMAT CSV\n7,z\n");
    writer().ok("CREATE VIEW reads.v AS SELECT a, file FROM reads.t SETTINGS max_threads = 1");
    writer().ok(
        "CREATE VIEW reads.kpi_x AS SELECT a, {to:Date} AS `to` FROM (SELECT a FROM reads.t WHERE a >= toYear({from:Date}) - 1970) AS b LEFT JOIN reads.t AS c ON b.a = c.a WHERE {step:Enum8('all' = 0, 'day' = 1)} = 'all' SETTINGS join_use_nulls = 1",
    );
    for sql in [
        "SELECT count() FROM reads.t",
        "SELECT a, `to` FROM reads.kpi_x(from = '1972-01-01', to = '1972-01-02', step = 'all') WHERE a > 1",
        "SELECT a, file, length(file) FROM reads.v WHERE file != 'INTO OUTFILE' -- INTO OUTFILE 'x'",
        "SELECT 1 AS `INTO OUTFILE`, now() FORMAT JSON",
        "WITH 1 AS x SELECT x;",
        "SHOW TABLES FROM reads",
        "DESCRIBE TABLE reads.t",
        "EXPLAIN SELECT * FROM reads.t",
        "EXISTS TABLE reads.t",
    ] {
        reader().ok(sql);
    }
    assert!(
        reader()
            .ok("SELECT sum(a) FROM reads.t")
            .ends_with("\r\n3\r\n11\n\r\n0\r\n\r\n")
    );
    // The period of a view is no way around the rules.
    let hidden = "SELECT * FROM reads.kpi_x(from = (SELECT toDate(line) FROM file('x')), to = '1972-01-02', step = 'all')";
    assert_eq!(reader().post(hidden).0, 403);
    for sql in [
        "INSERT INTO reads.t VALUES (9, '')",
        "INSERT INTO reads.t SELECT 9, ''",
        "DROP TABLE reads.t",
        "ALTER TABLE reads.t DELETE WHERE 1",
        "TRUNCATE TABLE reads.t",
        "CREATE TABLE reads.u (a Int8) ENGINE = Memory",
        "CREATE TEMPORARY TABLE u (a Int8)",
        "SET readonly = 0",
        "SELECT 1 SETTINGS readonly = 0",
        "SELECT * FROM (SELECT * FROM reads.t SETTINGS readonly = 0)",
        "SELECT (SELECT max(a) FROM reads.t SETTINGS max_threads = 1)",
        "KILL QUERY WHERE 1",
        "SYSTEM FLUSH LOGS",
    ] {
        for line in [
            "POST /",
            "POST /?readonly=0",
            "POST /?readonly=2",
            "POST /?session_id=a",
            "POST /?session_id=a&session_timeout=60&readonly=0",
            "PUT /",
        ] {
            let (status, answer) = reader().send(line, "", sql.as_bytes());
            assert_eq!(status, 403, "{line} {sql}: {answer}");
        }
    }
    // One statement at a time: nothing rides behind what was looked at.
    for sql in [
        "SELECT 1; DROP TABLE reads.t",
        "SELECT 1; SELECT 2 INTO OUTFILE 'x'",
    ] {
        assert_eq!(reader().post(sql).0, 400, "{sql}");
        assert_eq!(writer().post(sql).0, 400, "{sql}");
    }
    // A link writes for nobody, with a session or without.
    for session in ["", "&session_id=b", "&session_id=c&session_timeout=60"] {
        let encoded = "DROP+TABLE+reads.t";
        let (status, answer) = writer().send(&format!("GET /?query={encoded}{session}"), "", b"");
        assert_eq!(status, 403, "{session}: {answer}");
    }
    // A reader's session is not a writer's of the same name.
    let in_session =
        |visitor: &Visitor, sql: &str| visitor.send("POST /?session_id=shared", "", sql.as_bytes());
    assert_eq!(
        in_session(&writer(), "CREATE TEMPORARY TABLE kept (a Int8)").0,
        200
    );
    assert_eq!(in_session(&reader(), "SELECT * FROM kept").0, 404);
    assert_eq!(in_session(&writer(), "SELECT * FROM kept").0, 200);
    assert!(
        reader()
            .ok("SELECT count() FROM reads.t")
            .contains("\r\n3\n")
    );
}

/// Every way to a file, another server or a program that is known: for readers and for writers.
const OUTWARD: &[&str] = &[
    "SELECT * FROM file('<in>', 'LineAsString')",
    "SELECT file('<in>')",
    "SELECT `file`('<in>')",
    "SELECT /**/ file /**/ ('<in>')",
    "SELECT * APPLY(file) FROM (SELECT '<in>')",
    "SELECT * APPLY file FROM (SELECT '<in>')",
    "SELECT COLUMNS('x') APPLY(x -> file(x)) FROM (SELECT '<in>' AS x)",
    "SELECT arrayMap(file, ['<in>'])",
    "SELECT arrayMap(`file`, ['<in>'])",
    "SELECT arrayMap((file), ['<in>'])",
    "SELECT arrayMap(file AS f, ['<in>'])",
    "SELECT arrayMap(x -> file(x), ['<in>'])",
    "DESCRIBE TABLE file('<in>')",
    "EXPLAIN SELECT file('<in>')",
    "SELECT * FROM (SELECT * FROM '<in>' SETTINGS readonly = 0)",
    "WITH x AS (SELECT * FROM '<in>' SETTINGS readonly = 0) SELECT * FROM x",
    "SELECT * FROM view(SELECT * FROM file('<in>') SETTINGS readonly = 0)",
    "SELECT 1 IN (SELECT length(file('<in>')))",
    "SELECT * FROM '<in>'",
    "SELECT * FROM default.`<in>`",
    "EXISTS TABLE default.`<in>`",
    "SELECT * FROM loop(file('<in>', 'LineAsString'))",
    "SELECT * FROM eval('SELECT file(''<in>'')')",
    "SELECT * FROM url('http://127.0.0.1:9/', 'CSV', 'a String')",
    "DESCRIBE TABLE url('http://127.0.0.1:9/', 'CSV')",
    "SELECT * FROM s3('http://127.0.0.1:9/x', 'CSV', 'a String')",
    "SELECT * FROM remote('127.0.0.1:9', 'system', 'one')",
    "SELECT * FROM mysql('127.0.0.1:9', 'a', 'b', 'c', 'd')",
    "SELECT * FROM executable('cat', 'TSV', 'a String')",
    "SELECT * FROM sqlite('<in>', 'x')",
    "SELECT 1 INTO OUTFILE '<out>'",
    "SELECT 1 /* x */ into -- y\n outfile '<out>' TRUNCATE FORMAT CSV",
    "(SELECT 1) INTO OUTFILE '<out>'",
    "SELECT 1 UNION ALL SELECT 2 INTO OUTFILE '<out>' AND STDOUT",
    "SHOW TABLES INTO OUTFILE '<out>'",
    "EXPLAIN SELECT 1 INTO OUTFILE '<out>'",
    "INSERT INTO FUNCTION file('<out>', 'CSV', 'a Int8') SELECT 1",
    "INSERT INTO TABLE FUNCTION file('<out>', 'CSV', 'a Int8') VALUES (1)",
    "INSERT INTO FUNCTION url('http://127.0.0.1:9/', 'CSV', 'a Int8') SELECT 1",
    "INSERT INTO out.t FROM INFILE '<in>' FORMAT LineAsString",
    "INSERT INTO out.t VALUES ((SELECT file('<in>')))",
    "INSERT INTO out.t SELECT file('<in>')",
    "CREATE TABLE out.f (a String) ENGINE = File(CSV, '<out>')",
    "CREATE TABLE out.f (a String) ENGINE = URL('http://127.0.0.1:9/', CSV)",
    "CREATE TABLE out.f AS file('<in>', 'LineAsString')",
    "CREATE TABLE out.f (a String) ENGINE = MergeTree ORDER BY a SETTINGS disk = disk(type = local, path = '<out>/')",
    "CREATE TABLE out.f (a String DEFAULT file('<in>')) ENGINE = Memory",
    "CREATE VIEW out.f AS SELECT file('<in>') AS a",
    "CREATE FUNCTION reads_file AS (x) -> file(x)",
    "CREATE DATABASE out_f ENGINE = Filesystem('/etc')",
    "CREATE DICTIONARY out.d (a UInt64) PRIMARY KEY a SOURCE(FILE(path '<in>' format 'CSV')) LIFETIME(0) LAYOUT(FLAT())",
    "CREATE NAMED COLLECTION out_n AS a = 1",
    "CREATE USER out_u",
    "ATTACH TABLE out.f FROM '<out>' (a Int8) ENGINE = MergeTree ORDER BY a",
    "ALTER TABLE out.t FETCH PARTITION 1 FROM '<in>'",
    "ALTER TABLE out.t MODIFY SETTING disk = 'x'",
    "ALTER TABLE out.t FREEZE",
    "BACKUP TABLE out.t TO File('<out>')",
    "SET format_schema = '<in>'",
];

#[test]
fn nobody_reaches_for_files_other_servers_or_programs() {
    writer().ok("CREATE DATABASE out ENGINE = Atomic");
    writer().ok("CREATE TABLE out.t (a String) ENGINE = MergeTree ORDER BY a");
    let dir = tempfile::tempdir().unwrap();
    let (inside, outside) = (dir.path().join("in.txt"), dir.path().join("out"));
    std::fs::write(&inside, "weir-canary\n").unwrap();
    let named = |sql: &str| {
        let path = |path: &Path| path.display().to_string();
        sql.replace("<in>", &path(&inside))
            .replace("<out>", &path(&outside))
    };
    let mut passed = Vec::new();
    for visitor in [reader(), writer()] {
        for sql in OUTWARD {
            let sql = named(sql);
            for line in [
                "POST /",
                "POST /?session_id=outward",
                "POST /?readonly=0&session_id=other",
            ] {
                let (status, answer) = visitor.send(line, "", sql.as_bytes());
                if status != 403 || answer.contains("weir-canary\\n") {
                    passed.push(format!("{line} {sql}: {answer}"));
                }
            }
        }
        // By a parameter, and by settings of the request.
        let by_name = "POST /?param_f=file&query=SELECT+arrayMap({f:Identifier},['x'])";
        assert_eq!(visitor.send(by_name, "", b"").0, 403);
        for setting in [
            "format_template_resultset=/etc/passwd&default_format=Template",
            "format_schema=/etc/passwd",
            "dialect=prql",
            "additional_result_filter=length(file('/etc/passwd'))",
            "additional_table_filters={'t':'length(file(%5C'/etc/passwd%5C'))'}",
            "url_base=http://127.0.0.1:9/",
        ] {
            let (status, answer) = visitor.send(&format!("POST /?{setting}"), "", b"SELECT 1");
            assert_eq!(status, 403, "{setting}: {answer}");
        }
    }
    assert!(passed.is_empty(), "{passed:#?}");
    assert!(!outside.exists());
    assert_eq!(
        writer()
            .ok("SELECT count() FROM out.t")
            .lines()
            .rev()
            .nth(3),
        Some("0")
    );
}

/// As much time as a request gets that waits for no other, on a machine that is busy with something
/// else.
const AT_ONCE: Duration = Duration::from_secs(5);

#[test]
fn unfinished_bodies_hold_no_slot() {
    let visitor = reader();
    let line = "POST /?query=SELECT+1";
    let open: Vec<TcpStream> = (0..80)
        .map(|_| {
            let mut stream = TcpStream::connect(&visitor.address).unwrap();
            let head = format!("{}Content-Length: 9\r\n\r\nSELECT", visitor.head(line));
            stream.write_all(head.as_bytes()).unwrap();
            stream
        })
        .collect();
    std::thread::sleep(Duration::from_millis(300));
    let begun = Instant::now();
    visitor.ok("SELECT 1");
    assert!(begun.elapsed() < AT_ONCE, "{:?}", begun.elapsed());
    // And they are not waited for without end.
    let mut answer = String::new();
    let mut first = &open[0];
    first
        .set_read_timeout(Some(Duration::from_secs(30)))
        .unwrap();
    first.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
}

/// A block of ClickHouse's compression that becomes `raw` zeros.
fn zeros(raw: usize) -> Vec<u8> {
    let data = lz4_flex::block::compress(&vec![0; raw]);
    let mut body = vec![0x82];
    body.extend_from_slice(&((data.len() + 9) as u32).to_le_bytes());
    body.extend_from_slice(&(raw as u32).to_le_bytes());
    body.extend_from_slice(&data);
    let checksum = cityhash_rs::cityhash_102_128(&body).rotate_left(64);
    [&checksum.to_le_bytes()[..], &body].concat()
}

#[test]
fn compressed_bodies_grow_to_a_bound_and_hold_up_nobody() {
    let body = zeros(1 << 20).repeat(1100);
    let line = "POST /?decompress=1";
    let asked = std::thread::spawn(move || writer().send(line, "", &body));
    let begun = Instant::now();
    while !asked.is_finished() {
        let asked = Instant::now();
        assert_eq!(stranger().send("GET /ping", "", b"").0, 200);
        assert!(asked.elapsed() < AT_ONCE, "{:?}", asked.elapsed());
        std::thread::sleep(Duration::from_millis(20));
    }
    let (status, answer) = asked.join().unwrap();
    assert_eq!(status, 413, "{answer}");
    println!("refused after {:?}", begun.elapsed());
    // A reader, who brings no rows, is refused at 16 MiB.
    let (status, answer) = reader().send(line, "", &zeros(1 << 20).repeat(17));
    assert_eq!(status, 413, "{answer}");
    // An INSERT is refused at the same bound, and nothing of it stays.
    writer().ok("CREATE DATABASE grows ENGINE = Atomic");
    writer().ok("CREATE TABLE grows.t (a UInt8) ENGINE = Null");
    let line = "POST /?decompress=1&query=INSERT+INTO+grows.t+FORMAT+RowBinary";
    let (status, answer) = writer().send(line, "", &zeros(1 << 20).repeat(1100));
    assert_eq!(status, 413, "{answer}");
}

#[test]
fn forms_are_read_in_time_and_hold_up_nobody() {
    let form = |boundary: usize, body: usize| {
        let headers = format!(
            "Content-Type: multipart/form-data; boundary={}x\r\n",
            "-".repeat(boundary)
        );
        reader().send("POST /?query=SELECT+1", &headers, &vec![b'-'; body])
    };
    assert_eq!(form(60_000, 1000).0, 400, "a boundary has a bound");
    let begun = Instant::now();
    let asked = std::thread::spawn(move || form(69, 15_000_000));
    while !asked.is_finished() {
        let asked = Instant::now();
        assert_eq!(stranger().send("GET /ping", "", b"").0, 200);
        assert!(asked.elapsed() < AT_ONCE, "{:?}", asked.elapsed());
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(asked.join().unwrap().0, 200);
    assert!(
        begun.elapsed() < Duration::from_secs(10),
        "{:?}",
        begun.elapsed()
    );
}
