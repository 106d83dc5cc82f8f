//! Settings of a gateway.

use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::time::Duration;
use weir_http::token::Scope;
use weir_http::{Anonymous, TlsFiles};
use weir_kafka::Brokers;
use weir_runtime::Size;

/// Where a gateway listens, and how much it takes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GatewayConfig {
    /// Where Kafka is.
    pub kafka: Brokers,
    /// Where it listens. Absent: port 4318 of the loopback interface, or another one where that is
    /// taken.
    pub bind: Option<SocketAddr>,
    /// Where it takes OTLP over gRPC. Absent: port 4317 of the loopback interface, or another one
    /// where that is taken.
    pub grpc: Option<SocketAddr>,
    /// Certificate and key: both ports speak TLS then, and nothing else. Absent: plain HTTP.
    pub tls: Option<TlsFiles>,
    /// Who may send without a token.
    pub anonymous: Anonymous,
    /// Largest body, as it comes and again unpacked.
    pub body: Size,
    /// Largest request of OTLP, unpacked: its records take many times their bytes.
    pub otlp: Size,
    /// Largest event, as JSON.
    pub event: Size,
    /// Most events of a body.
    pub events: usize,
    /// Most events that one token may send in a second, over some time; 0: any number.
    pub rate: u32,
    /// Most bytes of all requests that are under way: bodies, and what waits for Kafka.
    pub in_flight: Size,
    /// Most connections.
    pub connections: usize,
    /// How long a request waits until there is room for its body.
    #[serde(with = "humantime_serde")]
    pub wait: Duration,
    /// How long Kafka may take to acknowledge.
    #[serde(with = "humantime_serde")]
    pub acknowledged: Duration,
    /// How long the head of a request may take to come; a connection without requests is closed
    /// after that time too.
    #[serde(with = "humantime_serde")]
    pub head: Duration,
    /// The longest pause between two pieces of a body.
    #[serde(with = "humantime_serde")]
    pub pause: Duration,
    /// How long a body may take to come.
    #[serde(with = "humantime_serde")]
    pub whole: Duration,
}

impl Default for GatewayConfig {
    fn default() -> GatewayConfig {
        let s = Duration::from_secs;
        GatewayConfig {
            kafka: Brokers::new("127.0.0.1:9092"),
            bind: None,
            grpc: None,
            tls: None,
            anonymous: Anonymous::Off,
            body: Size::of(16 << 20),
            otlp: Size::of(4 << 20),
            event: Size::of(1 << 20),
            events: 10_000,
            rate: 50_000,
            in_flight: Size::of(128 << 20),
            connections: 1024,
            wait: s(5),
            acknowledged: s(10),
            head: s(30),
            pause: s(10),
            whole: s(60),
        }
    }
}

impl GatewayConfig {
    /// What contradicts itself, in words.
    pub(crate) fn problem(&self) -> Option<String> {
        // A packed body is there packed and unpacked, and then as events.
        let least = self.body.bytes().max(self.otlp.bytes()).saturating_mul(3);
        if self.in_flight.bytes() < least {
            return Some(format!(
                "gateway.in_flight must be at least three times gateway.body and gateway.otlp, \
                 {least} bytes"
            ));
        }
        let zero = |name: &str| Some(format!("gateway.{name} must be more than 0"));
        match self {
            c if c.events == 0 => zero("events"),
            c if c.connections == 0 => zero("connections"),
            c if c.body.bytes() == 0 => zero("body"),
            c if c.otlp.bytes() == 0 => zero("otlp"),
            c if c.event.bytes() == 0 => zero("event"),
            c if c.event.bytes() > LARGEST_EVENT => {
                Some("gateway.event can be at most 2MiB: a record of Kafka holds 4".to_owned())
            }
            _ => None,
        }
    }
}

/// Written as Avro an event can be larger than as JSON, by its defaults.
const LARGEST_EVENT: usize = 2 << 20;

/// What somebody without a token may do.
pub(crate) const ANONYMOUS_SCOPES: &[Scope] = &[Scope::Write];
