//! An api in this process, before a real Kafka and the real ClickHouse, spoken to over HTTP.
#![allow(clippy::unwrap_used, dead_code)]

pub mod asked;
pub mod data;
pub mod live;

use serde_json::Value;
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use weir_api::{Api, ApiConfig, Entrance, Port, Schemas};
use weir_catalog::Catalog;
use weir_http::token::{self, Scope};
use weir_kafka::Brokers;
use weir_kafka::admin::Partitions;
use weir_report::Declaration;
use weir_runtime::host::Running;
use weir_runtime::{Health, Shutdown};
use weir_store::{Question, StoreConfig};

pub const DEADLINE: Duration = Duration::from_secs(60);

/// The shipped catalog.
pub fn catalog() -> Arc<Catalog> {
    static CATALOG: OnceLock<Arc<Catalog>> = OnceLock::new();
    let made = || Arc::new(Catalog::embedded().unwrap());
    CATALOG.get_or_init(made).clone()
}

/// The brokers of this test binary, with a run of the catalog.
pub fn brokers() -> Brokers {
    static BROKERS: OnceLock<Brokers> = OnceLock::new();
    let made = || {
        let brokers = Brokers::new(weir_embedded::testing::kafka().address());
        let partitions = Partitions::default();
        weir_processor::run_of(&brokers, &catalog(), &partitions, DEADLINE).unwrap();
        brokers
    };
    BROKERS.get_or_init(made).clone()
}

/// An api that runs until it is dropped.
pub struct Served {
    pub url: String,
    /// Where the process that it is in makes links.
    pub entrance: Entrance,
    shutdown: Shutdown,
    thread: Option<JoinHandle<()>>,
}

/// What came of a request.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: ureq::http::HeaderMap,
    pub bytes: Vec<u8>,
    pub body: Value,
}

impl Answer {
    pub fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.map_or("", |v| v.to_str().unwrap())
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    /// Its rows.
    pub fn rows(&self) -> &Vec<Value> {
        assert_eq!(self.status, 200, "{}", self.text());
        self.body["data"].as_array().unwrap()
    }
}

/// A new token of a tenant, which may see persons.
pub fn token(tenant: &str, scope: Scope) -> String {
    named_token(tenant, &[scope, Scope::Persons]).1
}

/// A new token of a tenant, with its id.
pub fn named_token(tenant: &str, scopes: &[Scope]) -> (String, String) {
    let (id, token) = token::create(&brokers(), tenant, scopes.to_vec(), None).unwrap();
    (id, token.expose().to_owned())
}

impl Served {
    /// Over a database of the store.
    pub fn start(store: StoreConfig, change: impl FnOnce(&mut ApiConfig)) -> Served {
        let mut config = ApiConfig {
            kafka: brokers(),
            store,
            bind: Some("127.0.0.1:0".parse().unwrap()),
            rate: 0,
            ..ApiConfig::default()
        };
        change(&mut config);
        let port = Port::take(&config).unwrap();
        let url = format!("http://{}", port.address().unwrap());
        let schemas = Schemas {
            catalog: catalog(),
            questions: Question::built_in(),
            reports: Declaration::shipped().unwrap(),
            schedules: weir_api::scheduled::shipped(None).unwrap(),
        };
        let api = Api::new(port, config, schemas, None).unwrap();
        let entrance = api.entrance();
        let shutdown = Shutdown::new();
        let until = shutdown.clone();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(2)
                .enable_all()
                .build()
                .unwrap();
            let running = Running::new(Health::new(), until, runtime.handle().clone());
            api.run(&running).unwrap();
        });
        Served {
            url,
            entrance,
            shutdown,
            thread: Some(thread),
        }
    }

    /// Waits until it knows a token that was just made.
    pub fn knows(&self, token: &str) {
        let until = Instant::now() + DEADLINE;
        while self.get("/v1/status", token).status != 200 {
            assert!(Instant::now() < until, "the token does not become known");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    pub fn get(&self, path: &str, token: &str) -> Answer {
        self.ask("GET", path, token, &[])
    }

    /// With a token, unless it is empty.
    pub fn ask(&self, method: &str, path: &str, token: &str, headers: &[(&str, &str)]) -> Answer {
        self.send((method, path), token, headers, "")
    }

    /// The same with a body of JSON, unless it is empty.
    pub fn send(
        &self,
        (method, path): (&str, &str),
        token: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let mut request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url));
        if !token.is_empty() {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if !body.is_empty() {
            request = request.header("content-type", "application/json");
        }
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .allow_non_standard_methods(true)
            .timeout_global(Some(DEADLINE))
            .build()
            .into();
        let mut response = agent.run(request.body(body.to_owned()).unwrap()).unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let bytes = response.body_mut().read_to_vec().unwrap();
        Answer {
            status,
            headers,
            body: serde_json::from_slice(&bytes).unwrap_or(Value::Null),
            bytes,
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
