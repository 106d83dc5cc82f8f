//! A gateway in this process, before a real Kafka, spoken to over HTTP.
#![allow(clippy::unwrap_used, dead_code)]

use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use weir_catalog::Catalog;
use weir_gateway::{Gateway, GatewayConfig, Mappings, Ports};
use weir_http::token::{self, Scope};
use weir_kafka::admin::{Admin, Partitions, Raw, standard};
use weir_kafka::{Brokers, Consumer, Tp};
use weir_privacy::Privacy;
use weir_runtime::host::Running;
use weir_runtime::{Health, Shutdown};

pub const DEADLINE: Duration = Duration::from_secs(30);

/// A gateway that runs until it is dropped.
pub struct Served {
    pub url: String,
    pub address: String,
    pub grpc: String,
    pub brokers: Brokers,
    pub token: String,
    shutdown: Shutdown,
    thread: Option<JoinHandle<()>>,
}

/// What came of a request.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub retry_after: Option<u64>,
    pub kind: String,
    pub body: Value,
    pub text: String,
}

impl Served {
    /// With the topics of the shipped catalog, and a token of tenant acme.
    pub fn start(kafka: &str, change: impl FnOnce(&mut GatewayConfig)) -> Served {
        let served = Served::before_kafka(kafka, change);
        served.wait_ready();
        served
    }

    /// The same, with pseudonyms in place of names.
    pub fn private(kafka: &str, folder: &Path) -> Served {
        let served = Served::of(kafka, |_| {}, Some(folder));
        served.wait_ready();
        served
    }

    /// The same, without waiting until it is ready.
    pub fn before_kafka(kafka: &str, change: impl FnOnce(&mut GatewayConfig)) -> Served {
        Served::of(kafka, change, None)
    }

    fn of(kafka: &str, change: impl FnOnce(&mut GatewayConfig), privacy: Option<&Path>) -> Served {
        let brokers = Brokers::new(kafka);
        let catalog = Arc::new(Catalog::embedded().unwrap());
        topics(&brokers, &catalog);
        let (_, token) = token::create(&brokers, "acme", vec![Scope::Write], Some("ci")).unwrap();
        let mut config = GatewayConfig {
            kafka: brokers.clone(),
            bind: Some("127.0.0.1:0".parse().unwrap()),
            grpc: Some("127.0.0.1:0".parse().unwrap()),
            ..GatewayConfig::default()
        };
        change(&mut config);
        let ports = Ports::take(&config).unwrap();
        let address = ports.http().unwrap().to_string();
        let grpc = format!("http://{}", ports.grpc().unwrap());
        let mappings = Mappings::shipped().unwrap();
        let privacy = privacy
            .map(|folder| Arc::new(Privacy::open_or_create(folder, &catalog, None).unwrap()));
        let gateway = Gateway::new(ports, config, catalog, mappings, privacy).unwrap();
        let shutdown = Shutdown::new();
        let until = shutdown.clone();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(2)
                .enable_all()
                .build()
                .unwrap();
            let running = Running::new(Health::new(), until, runtime.handle().clone());
            gateway.run(&running).unwrap();
        });
        Served {
            url: format!("http://{address}"),
            address,
            grpc,
            brokers,
            token: token.expose().to_owned(),
            shutdown,
            thread: Some(thread),
        }
    }

    fn wait_ready(&self) {
        let until = Instant::now() + DEADLINE;
        let one = json!([]);
        // OTLP waits for one thing more.
        let otlp = || self.post_json("/v1/logs", &json!({})).status;
        while self.post_json("/v1/events", &one).status != 200 || otlp() != 200 {
            assert!(Instant::now() < until, "the gateway does not become ready");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    pub fn post_json(&self, path: &str, body: &Value) -> Answer {
        self.post(
            path,
            &[("content-type", "application/json")],
            body.to_string(),
        )
    }

    /// With the token, unless another authorization is among the headers (empty: none).
    pub fn post(&self, path: &str, headers: &[(&str, &str)], body: impl AsRef<[u8]>) -> Answer {
        self.ask("POST", path, headers, body.as_ref())
    }

    pub fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[], b"")
    }

    pub fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let own = format!("Bearer {}", self.token);
        let mut request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url));
        if !headers.iter().any(|(n, _)| *n == "authorization") {
            request = request.header("authorization", own);
        }
        for (name, value) in headers.iter().filter(|(_, v)| !v.is_empty()) {
            request = request.header(*name, *value);
        }
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(DEADLINE))
            .build()
            .into();
        let mut response = match method {
            "GET" => agent.run(request.body(()).unwrap()).unwrap(),
            _ => agent.run(request.body(body).unwrap()).unwrap(),
        };
        let header = |name: &str| {
            let value = response.headers().get(name)?;
            value.to_str().ok().map(str::to_owned)
        };
        let (retry_after, kind) = (header("retry-after"), header("content-type"));
        let status = response.status().as_u16();
        // Protobuf holds texts, and other bytes beside them.
        let bytes = response.body_mut().read_to_vec().unwrap();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        Answer {
            status,
            retry_after: retry_after.and_then(|v| v.parse().ok()),
            kind: kind.unwrap_or_default(),
            body: serde_json::from_str(&text).unwrap_or(Value::Null),
            text,
        }
    }

    /// Records of a topic: key, value, headers.
    pub fn records(&self, topic: &str) -> Vec<Record> {
        let admin = Admin::new(&self.brokers, DEADLINE).unwrap();
        let info = admin.topics(&[topic]).unwrap().remove(0);
        let mut left: i64 = info.partitions.iter().map(|p| p.end - p.low).sum();
        let from: Vec<(Tp, i64)> = info
            .partitions
            .iter()
            .map(|p| (Tp::new(topic, p.partition), p.low))
            .collect();
        let consumer = Consumer::assigned(&self.brokers, &from).unwrap();
        let mut out = Vec::new();
        let until = Instant::now() + DEADLINE;
        while left > 0 {
            assert!(Instant::now() < until);
            consumer.poll(Duration::ZERO).unwrap();
            let batch = consumer
                .next(Duration::from_millis(100), Duration::ZERO, 1000)
                .unwrap();
            for m in batch.iter() {
                let mut headers = Vec::new();
                m.each_header(|n, v| {
                    headers.push((n.to_owned(), String::from_utf8_lossy(v).into_owned()));
                });
                out.push(Record {
                    partition: m.partition(),
                    key: String::from_utf8_lossy(m.key().unwrap_or_default()).into_owned(),
                    value: m.value().unwrap_or_default().to_vec(),
                    headers,
                });
                left -= 1;
            }
        }
        out
    }

    pub fn stop(&mut self) {
        self.shutdown.trigger();
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.shutdown.trigger();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// A record as it stands in a topic.
#[derive(Debug, Clone)]
pub struct Record {
    pub partition: i32,
    pub key: String,
    pub value: Vec<u8>,
    pub headers: Vec<(String, String)>,
}

impl Record {
    pub fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(n, _)| n == name);
        found.map_or("", |(_, v)| v)
    }
}

fn topics(brokers: &Brokers, catalog: &Catalog) {
    let raw = catalog.events.iter().map(|e| Raw {
        event_type: &e.name,
        low_volume: e.low_volume,
    });
    let specs = standard(raw, &Partitions::default());
    let admin = Admin::new(brokers, DEADLINE).unwrap();
    admin.ensure(&specs, -1).unwrap();
}

/// A call of a model with this id.
pub fn call(n: u32, source: &str) -> Value {
    json!({
        "type": "llm.call", "event_id": id(n), "event_time": now(), "source": source,
        "engineer": {"email": "ada@example.com", "team": "core"},
        "provider": "p", "model": "m", "tokens_input": n,
    })
}

/// An id of its own for each number.
pub fn id(n: u32) -> String {
    format!("01931b5e-7a00-7000-8000-{n:012x}")
}

pub fn now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.unwrap().as_micros() as i64
}
