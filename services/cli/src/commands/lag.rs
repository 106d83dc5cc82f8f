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
    let mut groups: Vec<(&'static str, String, Vec<&str>)> = vec![
        (
            "combine",
            format!("weir-combine-r{run}"),
            raw.iter().map(String::as_str).collect(),
        ),
        (
            "window",
            format!("weir-window-r{run}"),
            vec![topics::PARTIALS],
        ),
        ("score", format!("weir-score-r{run}"), vec![topics::TERMS]),
    ];
    let sunk = results.into_iter().chain(raw.iter().map(String::as_str));
    groups.push(("sink", weir_sink::GROUP.to_owned(), sunk.collect()));
    let mut names: Vec<&str> = groups
        .iter()
        .flat_map(|(_, _, t)| t.iter().copied())
        .collect();
    names.sort_unstable();
    names.dedup();
    let there = admin.topics(&names)?;
    let mut out = Vec::new();
    for (service, group, read) in groups {
        let infos: Vec<_> = read
            .iter()
            .filter_map(|t| there.iter().find(|i| i.name == *t))
            .collect();
        let parts: Vec<Tp> = infos
            .iter()
            .flat_map(|i| {
                i.partitions
                    .iter()
                    .map(|p| Tp::new(i.name.clone(), p.partition))
            })
            .collect();
        let mut committed = admin.committed(&group, &parts)?.into_iter();
        for info in infos {
            let mut lag = 0;
            for (p, c) in info.partitions.iter().zip(committed.by_ref()) {
                lag += p.end - c.unwrap_or(p.low).max(p.low);
            }
            out.push(Lag {
                service,
                topic: info.name.clone(),
                end: info.partitions.iter().map(|p| p.end).sum(),
                lag,
            });
        }
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
