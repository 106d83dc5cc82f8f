//! Where batches go: the gateway, or straight to Kafka.

use crate::config::Config;
use crate::http::{Answer, Http};
use std::time::Duration;

pub(crate) enum Peer {
    Gateway(Http, String),
    #[cfg(feature = "kafka")]
    Kafka(Box<crate::kafka::Kafka>, String),
}

impl Peer {
    /// What the settings say.
    ///
    /// # Errors
    /// Why nothing can be sent with them.
    pub fn of(config: &Config) -> Result<Peer, String> {
        #[cfg(feature = "kafka")]
        if let Some((brokers, tenant)) = &config.kafka {
            let kafka = crate::kafka::Kafka::new(brokers, tenant)?;
            return Ok(Peer::Kafka(Box::new(kafka), brokers.bootstrap.clone()));
        }
        Ok(Peer::Gateway(Http::new(config), config.url.clone()))
    }

    /// Its address, for messages.
    pub fn at(&self) -> &str {
        match self {
            Peer::Gateway(_, at) => at,
            #[cfg(feature = "kafka")]
            Peer::Kafka(_, at) => at,
        }
    }

    /// Sends lines. What goes wrong on the way is an answer to try again.
    pub fn send(&self, lines: &[Vec<u8>], dropped: u64, timeout: Duration) -> Answer {
        match self {
            Peer::Gateway(http, _) => http.post(lines, dropped, timeout),
            // Nobody reads headers there: `stats()` has what was dropped.
            #[cfg(feature = "kafka")]
            Peer::Kafka(kafka, _) => kafka.write(lines),
        }
    }
}
