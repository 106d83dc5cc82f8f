//! Settings that every client shares, and where the client library's log goes.

use crate::oauth;
use crate::timeouts::Timeouts;
use rdkafka::client::ClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::KafkaError;
use rdkafka::producer::{DeliveryResult, ProducerContext};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
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
        for (k, v) in self.properties.iter().filter(|(k, _)| !oauth::is_ours(k)) {
            c.set(k.replace('_', "."), v);
        }
        oauth::configure(&mut c, &self.properties);
        c
    }
}

/// A client context that only logs.
#[derive(Clone, Copy, Debug, Default)]
pub struct Logged;

impl ClientContext for Logged {
    oauth::gives_tokens!();

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

/// A client context that remembers why client and brokers do not trust each other: calls tell that
/// as silence only. It hears of it when its client is polled.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trust {
    refused: Arc<Mutex<Option<String>>>,
}

impl Trust {
    /// Why the last connection was not made, where waiting does not help.
    pub(crate) fn refused(&self) -> Option<String> {
        self.lock().clone()
    }

    pub(crate) fn forget(&self) {
        *self.lock() = None;
    }

    fn lock(&self) -> MutexGuard<'_, Option<String>> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ClientContext for Trust {
    oauth::gives_tokens!();

    fn log(&self, _: RDKafkaLogLevel, fac: &str, message: &str) {
        tracing::debug!(target: "kafka", fac, "{}", without_quotes(message));
        if fac == "FAIL" && is_distrust(message) {
            *self.lock() = Some(reason(message).to_owned());
        }
    }

    /// What matters of it is told by the call that fails.
    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(target: "kafka", %error, "{}", without_quotes(reason));
    }
}

impl ConsumerContext for Trust {}

/// True where a lost connection was lost by what one side thinks of the other. A connection that is
/// cut while it is made shows otherwise.
fn is_distrust(message: &str) -> bool {
    let has = |text| message.contains(text);
    has("SASL authentication ")
        || has("mechanism handshake failed")
        || has("SSL handshake failed") && (has("certificate") || has("alert"))
        || has("SSL alert") && has("certificate")
}

/// The message without the name of the thread, and without where the library's code was.
fn reason(message: &str) -> &str {
    let from = message.find("]: ").map_or(0, |at| at + "]: ".len());
    let message = &message[from..];
    let to = message.rfind(" (after ").unwrap_or(message.len());
    &message[..to]
}

/// The library quotes properties that it cannot read, some of which are secrets.
fn without_quotes(message: &str) -> Cow<'_, str> {
    match message.find("oauthbearer.config") {
        Some(at) => Cow::Owned(format!(
            "{}oauthbearer.config cannot be read",
            &message[..at]
        )),
        None => Cow::Borrowed(message),
    }
}

pub(crate) fn log(level: RDKafkaLogLevel, fac: &str, message: &str) {
    let message = without_quotes(message);
    match level {
        RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical => {
            tracing::error!(target: "kafka", fac, "{message}");
        }
        // Asked for again until the coordinator is there: what every start of a broker looks like.
        RDKafkaLogLevel::Error | RDKafkaLogLevel::Warning
            if fac == "GETPID" || is_of_a_closed_group(&message) =>
        {
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

/// A consumer that ends while its group's coordinator is being connected to cuts that connection,
/// and the library tells its own cut as a failed handshake.
fn is_of_a_closed_group(message: &str) -> bool {
    message.contains("GroupCoordinator: ") && message.contains("(after 0ms in state DOWN)")
}

pub(crate) fn log_error(error: &KafkaError, reason: &str) {
    if is_of_a_closed_group(reason) {
        tracing::debug!(target: "kafka", %error, "{}", without_quotes(reason));
        return;
    }
    tracing::warn!(target: "kafka", %error, "{}", without_quotes(reason));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_pass_by_itself_is_told_from_what_does() {
        let said = "[thrd:sasl_ssl://h:1/bootstrap]: sasl_ssl://h:1/bootstrap: SASL authentication \
                    error: Authentication failed (after 3ms in state AUTH_REQ)";
        assert!(is_distrust(said));
        assert_eq!(
            reason(said),
            "sasl_ssl://h:1/bootstrap: SASL authentication error: Authentication failed"
        );
        assert!(is_distrust(
            "SSL handshake failed: error:0A000086:SSL routines::certificate verify failed"
        ));
        for passes in [
            "SSL handshake failed: Disconnected: connecting to a PLAINTEXT broker listener?",
            "Connect to ipv4#127.0.0.1:1 failed: Connection refused",
        ] {
            assert!(!is_distrust(passes), "{passes}");
        }
    }

    #[test]
    fn a_group_that_was_left_is_no_failure() {
        let said = "[thrd:GroupCoordinator]: GroupCoordinator: SASL authentication error: \
                    SaslAuthenticateRequest failed: Local: Broker transport failure (after 0ms in \
                    state DOWN)";
        assert!(is_of_a_closed_group(said));
        for other in [
            said.replace("after 0ms in state DOWN", "after 12ms in state AUTH_REQ"),
            said.replace("GroupCoordinator", "sasl_ssl://h:1/1"),
        ] {
            assert!(!is_of_a_closed_group(&other), "{other}");
        }
    }

    #[test]
    fn a_property_that_the_library_quotes_is_not_logged() {
        let said = "Unrecognized sasl.oauthbearer.config beginning at: principal=hunter2";
        assert!(!without_quotes(said).contains("hunter2"));
    }

    #[test]
    fn a_refused_property_is_named_without_its_value() {
        for name in ["sasl_passwrod", "ssl_endpoint_identification_algorithm"] {
            let mut brokers = Brokers::new("127.0.0.1:1");
            brokers.properties = [(name, "hunter2")].into();
            let limit = std::time::Duration::from_millis(1);
            let error = crate::admin::Admin::new(&brokers, limit).map(drop);
            let Err(error) = error else {
                panic!("{name} was taken")
            };
            assert_eq!(error.code(), weir_model::codes::CONFIG);
            let said = format!("{error} {error:?}");
            let named = said.contains(&name.replace('_', "."));
            assert!(named && !said.contains("hunter2"), "{said}");
        }
    }
}
