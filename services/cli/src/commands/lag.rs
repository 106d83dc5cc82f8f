//! How far every group of a run has read.

use anyhow::Result;
use serde::Serialize;
use std::time::Duration;
use weir_catalog::Catalog;
use weir_kafka::admin::Admin;
use weir_kafka::{Brokers, Tp};
use weir_model::topics;

/// A stage or the sink, on one topic.
#[derive(Debug, Clone, Serialize)]
pub struct Lag {
    /// `combine`, `window`, `score`, `sink`.
    pub service: &'static str,
    /// Topic read.
    pub topic: String,
    /// Offsets there are.
    pub end: i64,
    /// Offsets still to be read.
    pub lag: i64,
}

/// All of them, in the order in which events pass.
pub fn all(brokers: &Brokers, catalog: &Catalog, run: u32) -> Result<Vec<Lag>> {
    let admin = Admin::new(brokers, Duration::from_secs(10))?;
    let raw: Vec<String> = catalog
        .events
        .iter()
        .map(|e| topics::events(&e.name))
        .collect();
    let results = [
        topics::AGGREGATES,
        topics::ANOMALIES,
        topics::KPIS,
        topics::ALERTS,
        topics::LATE,
        topics::DLQ,
    ];
    let mut out = Vec::new();
    let mut add = |service: &'static str, group: String, topic: &str| -> Result<()> {
        let Some(info) = admin.topics(&[topic])?.into_iter().next() else {
            return Ok(());
        };
        let parts: Vec<Tp> = info
            .partitions
            .iter()
            .map(|p| Tp::new(topic, p.partition))
            .collect();
        let committed = admin.committed(&group, &parts)?;
        let lag = info
            .partitions
            .iter()
            .zip(committed)
            .map(|(p, c)| p.end - c.unwrap_or(p.low).max(p.low))
            .sum();
        out.push(Lag {
            service,
            topic: topic.to_owned(),
            end: info.partitions.iter().map(|p| p.end).sum(),
            lag,
        });
        Ok(())
    };
    for t in &raw {
        add("combine", format!("weir-combine-r{run}"), t)?;
    }
    add("window", format!("weir-window-r{run}"), topics::PARTIALS)?;
    add("score", format!("weir-score-r{run}"), topics::TERMS)?;
    for t in results.into_iter().chain(raw.iter().map(String::as_str)) {
        add("sink", weir_sink::GROUP.to_owned(), t)?;
    }
    Ok(out)
}

/// Waits until everything that is in the raw log has reached ClickHouse; the rest of the lag where it has not in time.
pub fn settle(brokers: &Brokers, catalog: &Catalog, run: u32, within: Duration) -> Result<i64> {
    let until = std::time::Instant::now() + within;
    let mut quiet = 0;
    loop {
        let rest: i64 = all(brokers, catalog, run)?.iter().map(|l| l.lag).sum();
        // A stage may just have committed and the next not yet begun: look again before believing it.
        quiet = if rest == 0 { quiet + 1 } else { 0 };
        if quiet >= 2 {
            return Ok(0);
        }
        if std::time::Instant::now() > until {
            return Ok(rest);
        }
        std::thread::sleep(Duration::from_millis(200));
    }
}
