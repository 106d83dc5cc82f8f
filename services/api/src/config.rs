//! Settings of an api.

use crate::findings::AnalysisConfig;
use crate::scheduled::ReportsConfig;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::time::Duration;
use weir_http::Anonymous;
use weir_kafka::Brokers;
use weir_store::StoreConfig;
use weir_store::reader::Limits;

/// Where an api listens, what it asks, and how much it answers.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ApiConfig {
    /// Where Kafka is: tokens, and how far everything has come.
    pub kafka: Brokers,
    /// Where ClickHouse is.
    pub store: StoreConfig,
    /// Where it listens. Absent: port 9347 of the loopback interface, or another one where that is
    /// taken.
    pub bind: Option<SocketAddr>,
    /// Who may read without a token.
    pub anonymous: Anonymous,
    /// Requests that one token may make in a second, over some time; 0: any number.
    pub rate: u32,
    /// Most questions that ClickHouse is asked at a time.
    pub questions: usize,
    /// How long a request waits for its turn to ask.
    #[serde(with = "humantime_serde")]
    pub wait: Duration,
    /// What one answer may take.
    pub limits: Limits,
    /// What is about fewer persons is hidden from tokens without the scope `persons`, as is what is
    /// about one; 0 or 1: nothing is.
    pub least_persons: u32,
    /// What is computed once a day is over.
    pub analysis: AnalysisConfig,
    /// How reports are made, and which are sent when and to whom.
    pub reports: ReportsConfig,
    /// Most connections.
    pub connections: usize,
    /// Most of them that are told what happens as it happens; one token has at most a quarter.
    pub streams: usize,
    /// How long the head of a request may take to come; a connection without requests is closed
    /// after that time too.
    #[serde(with = "humantime_serde")]
    pub head: Duration,
}

impl Default for ApiConfig {
    fn default() -> ApiConfig {
        ApiConfig {
            kafka: Brokers::new("127.0.0.1:9092"),
            store: StoreConfig::at("http://127.0.0.1:8123"),
            bind: None,
            anonymous: Anonymous::Off,
            rate: 50,
            questions: 8,
            wait: Duration::from_secs(5),
            limits: Limits::default(),
            least_persons: 5,
            analysis: AnalysisConfig::default(),
            reports: ReportsConfig::default(),
            connections: 1024,
            streams: 512,
            head: Duration::from_secs(30),
        }
    }
}

impl ApiConfig {
    /// What contradicts itself, in words.
    pub(crate) fn problem(&self) -> Option<String> {
        let zero = |name: &str| Some(format!("api.{name} must be more than 0"));
        match self {
            c if c.questions == 0 => zero("questions"),
            c if c.connections == 0 => zero("connections"),
            c if c.streams == 0 => zero("streams"),
            c if c.limits.rows == 0 => zero("limits.rows"),
            c if c.limits.memory.bytes() == 0 => zero("limits.memory"),
            c if c.analysis.look < Duration::from_secs(1) => {
                Some("api.analysis.look must be at least 1s".to_owned())
            }
            c if c.reports.again < Duration::from_secs(1) => {
                Some("api.reports.again must be at least 1s".to_owned())
            }
            c if c.limits.time < Duration::from_secs(1) => {
                Some("api.limits.time must be at least 1s".to_owned())
            }
            _ => None,
        }
    }
}
