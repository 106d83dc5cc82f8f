//! Settings that every client shares, and where the client library's log goes.

use crate::timeouts::Timeouts;
use rdkafka::client::ClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::KafkaError;
use rdkafka::producer::{DeliveryResult, ProducerContext};
use serde::{Deserialize, Serialize};
use weir_runtime::config::Properties;

/// Largest record of weir's topics: blocks are made far smaller, but a row is never cut.
pub(crate) const MAX_MESSAGE: usize = 4 << 20;

/// Where Kafka is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Brokers {
    /// `host:port`, separated by commas.
    pub bootstrap: String,
    /// More properties of librdkafka for every client (TLS, SASL), with `_` for each dot:
    /// `sasl_password`. So they can be set by variables of the environment too.
    #[serde(default)]
    pub properties: Properties,
    /// How long calls and members may take, scaled; a section of its own in configurations.
    #[serde(skip)]
    pub timeouts: Timeouts,
}

impl Brokers {
    /// Without further properties.
    pub fn new(bootstrap: impl Into<String>) -> Brokers {
        Brokers {
            bootstrap: bootstrap.into(),
            properties: Properties::default(),
            timeouts: Timeouts::default(),
        }
    }

    /// A client configuration to build on.
    pub fn config(&self) -> ClientConfig {
        let mut c = ClientConfig::new();
        c.set("bootstrap.servers", &self.bootstrap)
            .set("client.id", "weir")
            .set("broker.address.family", "any")
            .set(
                "socket.timeout.ms",
                self.timeouts.request.as_millis().to_string(),
            )
            .set("socket.nagle.disable", "true")
            // The topics' own limit counts a frame around the record too.
            .set("message.max.bytes", (MAX_MESSAGE - 1024).to_string())
            .set("reconnect.backoff.ms", "50")
            .set("reconnect.backoff.max.ms", "1000")
            .set("topic.metadata.refresh.fast.interval.ms", "100")
            // Clients that only name a type (admin) would log every broker restart as an error.
            .set("log.connection.close", "false");
        c.set_log_level(RDKafkaLogLevel::Warning);
        for (k, v) in self.properties.iter() {
            c.set(k.replace('_', "."), v);
        }
        c
    }
}

/// A client context that only logs.
#[derive(Clone, Copy, Debug, Default)]
pub struct Logged;

impl ClientContext for Logged {
    fn log(&self, level: RDKafkaLogLevel, fac: &str, message: &str) {
        log(level, fac, message);
    }
    fn error(&self, error: KafkaError, reason: &str) {
        log_error(&error, reason);
    }
}

impl ConsumerContext for Logged {}

impl ProducerContext for Logged {
    type DeliveryOpaque = ();

    /// What was not delivered is told by the commit.
    fn delivery(&self, _: &DeliveryResult<'_>, _: ()) {}
}

pub(crate) fn log(level: RDKafkaLogLevel, fac: &str, message: &str) {
    match level {
        RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical => {
            tracing::error!(target: "kafka", fac, "{message}");
        }
        // Asked for again until the coordinator is there: what every start of a broker looks like.
        RDKafkaLogLevel::Error | RDKafkaLogLevel::Warning if fac == "GETPID" => {
            tracing::debug!(target: "kafka", fac, "{message}")
        }
        // The library calls every lost connection an error; what matters of it is told by the call
        // that fails.
        RDKafkaLogLevel::Error | RDKafkaLogLevel::Warning => {
            tracing::warn!(target: "kafka", fac, "{message}")
        }
        RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info => {
            tracing::info!(target: "kafka", fac, "{message}")
        }
        RDKafkaLogLevel::Debug => tracing::debug!(target: "kafka", fac, "{message}"),
    }
}

pub(crate) fn log_error(error: &KafkaError, reason: &str) {
    tracing::warn!(target: "kafka", %error, "{reason}");
}
