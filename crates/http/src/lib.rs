//! What the services that speak HTTP have in common: connections within bounds, who may come in,
//! how fast, and how a refusal is told.

pub mod door;
mod problem;
mod rates;
mod serve;
mod tls;
pub mod token;
mod tokens;

pub use door::{Anonymous, Door, OWN_TENANT, Peer};
pub use problem::{Problem, json, remedy};
pub use rates::Rates;
pub use serve::{Room, Speaks, listen, serve, serve_over};
pub use tls::{Tls, TlsFiles};
pub use tokens::{Bearer, Tokens};

use std::time::{SystemTime, UNIX_EPOCH};
use weir_model::Micros;

/// Names of the metrics that a service counts under here.
#[derive(Clone, Copy, Debug)]
pub struct Meters {
    /// Counter: connections that were turned away because there were too many.
    pub turned_away: &'static str,
    /// Gauge: connections that are open.
    pub connections: &'static str,
    /// Gauge: tokens that are known.
    pub tokens: &'static str,
}

impl Meters {
    /// Tells the recorder what they mean; call once after it is installed.
    pub fn describe(&self) {
        use metrics::{describe_counter as counter, describe_gauge as gauge};
        counter!(
            self.turned_away,
            "connections turned away: too many are open"
        );
        gauge!(self.connections, "connections that are open");
        gauge!(self.tokens, "tokens that are known");
    }
}

/// The clock.
pub fn now() -> Micros {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    Micros(since.map_or(0, |d| d.as_micros() as i64))
}
