//! What taking events costs the gateway, and how soon it answers: OTLP in batches, and single events.

use crate::child::{Child, cpu_of, memory_of, until};
use crate::report::Figure;
use crate::system::{DEADLINE, beside, ends};
use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use weir_catalog::Catalog;
use weir_embedded::{Kafka, KafkaOptions};
use weir_kafka::Brokers;
use weir_kafka::admin::{Admin, Partitions, standard};
use weir_model::topics;

/// Connections that send at once.
const CONNECTIONS: u64 = 8;
/// Records of a request of OTLP, and how many of them are calls: as a session of Claude Code sends
/// them, a call beside a tool's result, the decision before it, and what says nothing that counts.
const RECORDS: u64 = 100;
const CALLS: u64 = RECORDS / 4;
/// Of the first requests nothing is measured.
const WARM: u64 = 10;

/// How much is sent.
struct Sizes {
    otlp: u64,
    single: u64,
    paced: Duration,
}

/// A gateway as a process of its own, before a Kafka of its own.
struct Running {
    gateway: Child,
    address: SocketAddr,
    brokers: Brokers,
    _kafka: Kafka,
    _dir: tempfile::TempDir,
}

impl Running {
    fn start() -> Result<Running> {
        let dir = tempfile::Builder::new().prefix("weir-bench-").tempdir()?;
        let kafka = Kafka::start(&KafkaOptions::new(dir.path()))?;
        let brokers = Brokers::new(kafka.address());
        let catalog = Catalog::embedded()?;
        let partitions = Partitions::default();
        let specs = standard(catalog.events.iter().map(|e| e.name.as_str()), &partitions);
        Admin::new(&brokers, DEADLINE)?.ensure(&specs, partitions.replication)?;
        let (http, grpc) = (free()?, free()?);
        let mut command = Command::new(beside("weir")?);
        command
            .arg("--data-dir")
            .arg(dir.path().join("data"))
            .args(["--brokers", &brokers.bootstrap, "gateway"])
            .args(["--http", "127.0.0.1:0"])
            .env("WEIR__GATEWAY__BIND", http.to_string())
            .env("WEIR__GATEWAY__GRPC", grpc.to_string())
            .env("WEIR__GATEWAY__ANONYMOUS", "loopback")
            .env("WEIR__GATEWAY__RATE", "0")
            .env("WEIR__LOG__FILTER", "warn");
        let mut gateway = Child::spawn(command, "weir gateway")?;
        let ready = || {
            gateway.check()?;
            let one = Request::new("/v1/logs", b"{}");
            Ok(Client::open(http).is_ok_and(|mut c| c.send(&one).is_ok()))
        };
        until(
            "starting weir gateway",
            DEADLINE,
            Duration::from_millis(100),
            ready,
        )?;
        Ok(Running {
            gateway,
            address: http,
            brokers,
            _kafka: kafka,
            _dir: dir,
        })
    }

    /// Calls that Kafka holds.
    fn calls(&self) -> Result<u64> {
        let admin = Admin::new(&self.brokers, DEADLINE)?;
        Ok(ends(&admin, &topics::events("llm.call"))?
            .iter()
            .sum::<i64>() as u64)
    }
}

/// An address that nobody listens on.
fn free() -> Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

/// A request as it goes over the wire.
struct Request(Vec<u8>);

impl Request {
    fn new(path: &str, body: &[u8]) -> Request {
        let mut bytes = format!(
            "POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n\r\n",
            body.len()
        )
        .into_bytes();
        bytes.extend_from_slice(body);
        Request(bytes)
    }
}

/// A connection that stays open. What it costs is not told of the gateway, so it is plain.
struct Client {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Client {
    fn open(address: SocketAddr) -> Result<Client> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(DEADLINE))?;
        let buffer = vec![0; 64 << 10];
        Ok(Client { stream, buffer })
    }

    /// Sends and reads the whole answer, which has to be one of success.
    fn send(&mut self, request: &Request) -> Result<()> {
        self.stream.write_all(&request.0)?;
        let mut read = 0;
        loop {
            let n = self.stream.read(&mut self.buffer[read..])?;
            ensure!(n > 0, "the gateway closed the connection");
            read += n;
            if let Some(whole) = length(&self.buffer[..read])?
                && read >= whole
            {
                break;
            }
        }
        let answer = String::from_utf8_lossy(&self.buffer[..read]);
        ensure!(
            answer.starts_with("HTTP/1.1 200"),
            "the gateway said: {answer}"
        );
        Ok(())
    }
}

/// Bytes of an answer, once its head is there.
fn length(answer: &[u8]) -> Result<Option<usize>> {
    let text = String::from_utf8_lossy(answer);
    let Some(end) = text.find("\r\n\r\n") else {
        return Ok(None);
    };
    let head = text[..end].to_ascii_lowercase();
    let length = head.lines().find_map(|l| l.strip_prefix("content-length:"));
    let length = length.context("an answer without a length")?;
    Ok(Some(end + 4 + length.trim().parse::<usize>()?))
}

fn now() -> i64 {
    jiff::Timestamp::now().as_microsecond()
}

/// A call, a tool with its decision, and a prompt, again and again.
fn otlp(number: u64) -> Request {
    let text = |k: &str, v: &str| json!({"key": k, "value": {"stringValue": v}});
    let whole = |k: &str, v: u64| json!({"key": k, "value": {"intValue": v.to_string()}});
    let record = |i: u64| {
        let n = number * RECORDS + i;
        let common = [
            text("session.id", &format!("session-{}", number % 1000)),
            text(
                "user.email",
                &format!("engineer-{}@example.com", number % 200),
            ),
            whole("event.sequence", i),
        ];
        let own: Vec<Value> = match i % 4 {
            0 => vec![
                text("event.name", "api_request"),
                text("request_id", &format!("req_{n:024x}")),
                text("model", "claude-sonnet-4-5"),
                whole("input_tokens", 20 + n % 50),
                whole("output_tokens", 100 + n % 400),
                whole("cache_read_tokens", 20_000 + n % 9000),
                whole("cache_creation_tokens", n % 900),
                text("cost_usd", "0.0213"),
                whole("duration_ms", 900 + n % 4000),
            ],
            kind => vec![
                text(
                    "event.name",
                    ["", "tool_decision", "tool_result", "user_prompt"][kind as usize],
                ),
                text("tool_name", "Bash"),
                text("tool_use_id", &format!("toolu_{:024x}", n / 4)),
                text("decision", "accept"),
                text("success", "true"),
                text("duration_ms", "120"),
            ],
        };
        json!({"timeUnixNano": (now() * 1000).to_string(), "body": {"stringValue": "claude_code"},
               "attributes": own.into_iter().chain(common).collect::<Vec<_>>()})
    };
    let body = json!({"resourceLogs": [{
        "resource": {"attributes": [
            text("service.name", "claude-code"), text("service.version", "2.1.332"),
            text("host.name", &format!("host-{}", number % 200)),
        ]},
        "scopeLogs": [{
            "scope": {"name": "com.anthropic.claude_code.events", "version": "2.1.332"},
            "logRecords": (0..RECORDS).map(record).collect::<Vec<_>>(),
        }],
    }]});
    Request::new("/v1/logs", body.to_string().as_bytes())
}

/// One event.
fn single(number: u64) -> Request {
    let body = json!({
        "type": "llm.call", "event_id": uuid(number), "source": format!("host-{}", number % 200),
        "engineer": {"email": format!("engineer-{}@example.com", number % 200), "team": "search"},
        "session_id": format!("session-{}", number % 1000), "provider": "openai", "model": "gpt-5",
        "tokens_input": 1200 + number % 900, "tokens_output": 30 + number % 400,
        "latency_ms": 812.5, "event_time": now(),
    });
    Request::new("/v1/events", body.to_string().as_bytes())
}

fn uuid(number: u64) -> String {
    let mut id = String::from("01931b5e-7a00-7000-8000-");
    // Writing to a text cannot fail.
    let _ = write!(id, "{number:012x}");
    id
}

/// Sends requests `from..to` as fast as they are answered: so many a second.
fn flood(at: SocketAddr, from: u64, to: u64, make: fn(u64) -> Request) -> Result<f64> {
    let (next, begun) = (AtomicU64::new(from), Instant::now());
    let work = || -> Result<()> {
        let mut client = Client::open(at)?;
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= to {
                return Ok(());
            }
            client.send(&make(number))?;
        }
    };
    all(work)?;
    Ok((to - from) as f64 / begun.elapsed().as_secs_f64())
}

/// Runs the work of each connection.
fn all<T: Send>(work: impl Fn() -> Result<T> + Sync) -> Result<Vec<T>> {
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..CONNECTIONS).map(|_| scope.spawn(&work)).collect();
        let joined = threads.into_iter().map(|t| match t.join() {
            Ok(result) => result,
            Err(_) => bail!("a connection panicked"),
        });
        joined.collect()
    })
}

/// Milliseconds from when each request was due to its answer, at so many requests a second, sorted.
fn paced(at: SocketAddr, from: u64, rate: f64, lasting: Duration) -> Result<Vec<f64>> {
    let (next, begun) = (AtomicU64::new(0), Instant::now());
    let work = || -> Result<Vec<f64>> {
        let (mut client, mut ms) = (Client::open(at)?, Vec::new());
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let due = Duration::from_secs_f64(number as f64 / rate);
            if due > lasting {
                return Ok(ms);
            }
            let request = single(from + number);
            std::thread::sleep(due.saturating_sub(begun.elapsed()));
            client.send(&request)?;
            ms.push((begun.elapsed() - due).as_secs_f64() * 1e3);
        }
    };
    let mut ms = all(work)?.concat();
    ms.sort_by(f64::total_cmp);
    Ok(ms)
}

/// Core-seconds of the gateway per million of what a request holds, and requests per second.
fn cost(
    running: &Running,
    requests: u64,
    holds: u64,
    make: fn(u64) -> Request,
) -> Result<(f64, f64)> {
    let (at, pid) = (running.address, running.gateway.pid());
    let warm = requests / WARM;
    flood(at, 0, warm, make)?;
    let before = cpu_of(pid)?;
    let rate = flood(at, warm, requests, make)?;
    let used = cpu_of(pid)? - before;
    Ok((used * 1e6 / ((requests - warm) * holds) as f64, rate))
}

fn percentile(sorted: &[f64], q: f64) -> f64 {
    let at = ((sorted.len() as f64 * q).ceil() as usize).clamp(1, sorted.len());
    sorted[at - 1]
}

fn figure(name: &str, goal: &str, measured: String, note: String, met: bool) -> Figure {
    Figure {
        name: name.into(),
        goal: goal.into(),
        least: String::new(),
        measured,
        note,
        met: Some((met, met)),
        command: "gateway".into(),
        detail: Value::Null,
    }
}

/// What the gateway costs.
pub fn figures(quick: bool) -> Result<Vec<Figure>> {
    let sizes = match quick {
        true => Sizes {
            otlp: 200,
            single: 4_000,
            paced: Duration::from_secs(5),
        },
        false => Sizes {
            otlp: 10_000,
            single: 1_000_000,
            paced: Duration::from_secs(60),
        },
    };
    eprintln!(
        "gateway: {} requests of OTLP, {} events",
        sizes.otlp, sizes.single
    );
    let running = Running::start()?;
    let (otlp_cost, otlp_rate) = cost(&running, sizes.otlp, RECORDS, otlp)?;
    let before = memory_of(running.gateway.pid())?;
    let (single_cost, single_rate) = cost(&running, sizes.single, 1, single)?;
    let after = memory_of(running.gateway.pid())?;
    let ms = paced(
        running.address,
        sizes.single,
        single_rate / 2.0,
        sizes.paced,
    )?;
    ensure!(!ms.is_empty(), "nothing was sent within {:?}", sizes.paced);
    let sent = sizes.otlp * CALLS + sizes.single + ms.len() as u64;
    let found = running.calls()?;
    ensure!(
        found == sent,
        "Kafka holds {found} calls, {sent} were answered with success"
    );
    let usage = running.gateway.stop()?;
    let p99 = percentile(&ms, 0.99);
    let grown = after as f64 / before as f64;
    let mib = |bytes: u64| bytes >> 20;
    let how =
        format!("{CONNECTIONS} connections; own CPU of `weir gateway`, Kafka and sender beside it");
    Ok(vec![
        figure(
            "gateway, core-s per million OTLP records",
            "10",
            format!("{otlp_cost:.1}"),
            format!(
                "{} requests of {RECORDS} records as JSON, a quarter of them calls, a quarter \
                 tools; {:.0} records/s; {how}",
                sizes.otlp,
                otlp_rate * RECORDS as f64
            ),
            otlp_cost <= 10.0,
        ),
        figure(
            "gateway, core-s per million single events",
            "50",
            format!("{single_cost:.1}"),
            format!("{} requests; {single_rate:.0}/s; {how}", sizes.single),
            single_cost <= 50.0,
        ),
        figure(
            "gateway, event to answer at half of that rate",
            "p99 50 ms",
            format!("p50 {:.1}, p99 {p99:.1} ms", percentile(&ms, 0.5)),
            format!(
                "{} requests from when each was due; most {:.0} ms",
                ms.len(),
                percentile(&ms, 1.0)
            ),
            p99 <= 50.0,
        ),
        figure(
            "gateway, memory after the single events against before",
            "flat: 1.2x",
            format!("{grown:.2}x"),
            format!(
                "{} and {} MiB; largest {} MiB",
                mib(before),
                mib(after),
                mib(usage.peak)
            ),
            grown <= 1.2,
        ),
    ])
}
