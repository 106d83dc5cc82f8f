//! What the services that speak HTTP have in common: connections within bounds, who may come in,
//! how fast, and how a refusal is told.

pub mod door;
mod follow;
mod problem;
mod rates;
mod serve;
mod tls;
pub mod token;
mod tokens;
mod traced;

pub use door::{Anonymous, Door, OWN_TENANT, Peer};
pub use follow::{Followed, Table};
pub use problem::{Problem, json, remedy};
pub use rates::Rates;
pub use serve::{Cut, Room, Speaks, listen, serve, serve_over};
pub use tls::{Tls, TlsFiles};
pub use tokens::{Bearer, Tokens};
pub use traced::{Route, traced};

use std::time::{SystemTime, UNIX_EPOCH};
use weir_model::Micros;
use weir_runtime::metric::{Metric, counter, gauge};

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
    /// What they are, of a service.
    pub fn all(&self, of: &'static str) -> [Metric; 3] {
        let turned_away = "connections turned away: too many are open";
        [
            counter(self.turned_away, turned_away)
                .of(of)
                .moves("WeirConnectionsRefused"),
            gauge(self.connections, "connections that are open")
                .of(of)
                .moves("nears the limit of connections: WeirConnectionsRefused"),
            gauge(self.tokens, "tokens that are known")
                .of(of)
                .moves("0: `weir.tokens` cannot be read, nobody comes in"),
        ]
    }
}

/// The clock.
pub fn now() -> Micros {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    Micros(since.map_or(0, |d| d.as_micros() as i64))
}
