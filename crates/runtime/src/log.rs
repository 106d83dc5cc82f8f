//! Logging.

use crate::repeats::Repeats;
use serde::{Deserialize, Serialize};
use std::io::IsTerminal;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// How to log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogConfig {
    /// Directives as in `RUST_LOG`, which wins where it is set: `info`, `weir_kafka=debug,warn`.
    pub filter: String,
    /// One JSON object per line.
    pub json: bool,
}

impl Default for LogConfig {
    fn default() -> LogConfig {
        LogConfig {
            filter: "info".into(),
            json: false,
        }
    }
}

/// Starts logging to standard error; of warnings that repeat there is one line in 30 s. A second
/// call changes nothing.
pub fn init(config: &LogConfig) {
    let filter =
        EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(&config.filter));
    let lines = tracing_subscriber::fmt::layer()
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    let repeats = Repeats::default();
    let all = tracing_subscriber::registry()
        .with(filter)
        .with(repeats.clone());
    let started = if config.json {
        all.with(lines.json()).try_init()
    } else {
        all.with(lines).try_init()
    };
    match started {
        Ok(()) => repeats.summarise(),
        Err(e) => tracing::debug!("logging runs already: {e}"),
    }
}
