//! How the pipeline does at a moment: what each service has read, what waits, how far all is
//! complete.

use crate::{Arrival, Lag, Status};
use anyhow::Result;
use serde::Serialize;
use std::time::Duration;
use weir_catalog::Catalog;
use weir_kafka::Brokers;
use weir_kafka::admin::Admin;
use weir_model::{Micros, topics};

/// What finding out how far everything is complete may take: where all moves fast, it is not told.
const PATIENCE: Duration = Duration::from_millis(500);
/// What an answer of Kafka may take.
const LIMIT: Duration = Duration::from_secs(10);

/// A look at the pipeline.
#[derive(Debug, Clone, Serialize)]
pub struct Pulse {
    /// Number of the run.
    pub run: u32,
    /// In the order in which events pass.
    pub services: Vec<Passing>,
    /// Records that could not be read and are still kept.
    pub dead_letters: i64,
    /// All event types that anything is final of are complete through then; null: not found out in
    /// time, or of none.
    pub complete: Option<Micros>,
}

/// A service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Passing {
    /// `combine`, `window`, `score`, `sink`.
    pub service: &'static str,
    /// Topics that it reads.
    pub topics: usize,
    /// Offsets that it has read, of those there are.
    pub read: i64,
    /// Offsets still to be read.
    pub lag: i64,
}

impl Pulse {
    /// As it is now. Blocks.
    ///
    /// # Errors
    /// No processor has begun a run (WEIR-0204), or Kafka does not answer.
    pub fn of(brokers: &Brokers, catalog: &Catalog) -> Result<Pulse> {
        let status = Status::of(brokers, catalog)?;
        let letters = Admin::new(brokers, LIMIT)?.topics(&[topics::DLQ])?;
        let letters = letters.iter().flat_map(|t| &t.partitions);
        let arrival = Arrival {
            brokers,
            catalog,
            run: status.run,
        };
        let complete = arrival.complete(PATIENCE).ok();
        Ok(Pulse {
            run: status.run,
            services: passing(&status.lag),
            dead_letters: letters.map(|p| p.end - p.low).sum(),
            complete: complete.and_then(|all| all.into_values().min()),
        })
    }

    /// Offsets a second that a service read since an earlier look; none where that tells nothing.
    #[must_use]
    pub fn rate(&self, service: &str, before: &Pulse, seconds: f64) -> Option<f64> {
        let read = |of: &Pulse| {
            let found = of.services.iter().find(|s| s.service == service);
            found.map(|s| s.read)
        };
        let moved = read(self)? - read(before)?;
        (self.run == before.run && moved >= 0 && seconds > 0.0).then(|| moved as f64 / seconds)
    }
}

fn passing(lag: &[Lag]) -> Vec<Passing> {
    let services = lag.chunk_by(|a, b| a.service == b.service);
    services
        .map(|of| Passing {
            service: of[0].service,
            topics: of.len(),
            read: of.iter().map(|l| l.end - l.lag).sum(),
            lag: of.iter().map(|l| l.lag).sum(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pulse(run: u32, read: i64) -> Pulse {
        let lag = |topic: &str, end, lag| Lag {
            service: "combine",
            topic: topic.to_owned(),
            end,
            lag,
        };
        Pulse {
            run,
            services: passing(&[lag("a", read, 0), lag("b", 10, 4)]),
            dead_letters: 0,
            complete: None,
        }
    }

    #[test]
    fn a_rate_is_what_was_read_between_two_looks() {
        let (before, now) = (pulse(1, 100), pulse(1, 160));
        assert_eq!(now.rate("combine", &before, 2.0), Some(30.0));
        assert_eq!(now.services[0].lag, 4);
        // A new run reads from the begin.
        assert_eq!(pulse(2, 160).rate("combine", &before, 2.0), None);
        assert_eq!(now.rate("sink", &before, 2.0), None);
    }
}
