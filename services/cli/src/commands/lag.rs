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

/// How far a stage or the sink has read one partition.
pub struct Reading {
    pub service: &'static str,
    pub tp: Tp,
    /// First offset there is, and the one after the last.
    pub low: i64,
    pub end: i64,
    /// The offset that comes next, where any was committed, with its metadata.
    pub committed: Option<i64>,
    pub metadata: String,
}

impl Reading {
    /// The offset that comes next.
    pub fn next(&self) -> i64 {
        self.committed.unwrap_or(self.low).max(self.low)
    }
}

/// All partitions that the stages and the sink of a run read, or those of one of them, in the order in which events pass.
pub fn readings(
    brokers: &Brokers,
    catalog: &Catalog,
    run: u32,
    only: Option<&str>,
) -> Result<Vec<Reading>> {
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
    groups.retain(|(service, ..)| only.is_none_or(|o| o == *service));
    let mut names: Vec<&str> = groups
        .iter()
        .flat_map(|(_, _, t)| t.iter().copied())
        .collect();
    names.sort_unstable();
    names.dedup();
    let there = admin.topics(&names)?;
    let mut out = Vec::new();
    for (service, group, read) in groups {
        let infos = read
            .iter()
            .filter_map(|t| there.iter().find(|i| i.name == *t));
        let parts: Vec<_> = infos
            .flat_map(|i| {
                let tp = |p: i32| Tp::new(i.name.clone(), p);
                i.partitions
                    .iter()
                    .map(move |p| (tp(p.partition), p.low, p.end))
            })
            .collect();
        let tps: Vec<Tp> = parts.iter().map(|(tp, ..)| tp.clone()).collect();
        let committed = admin.committed_with_metadata(&group, &tps)?;
        for ((tp, low, end), (committed, metadata)) in parts.into_iter().zip(committed) {
            out.push(Reading {
                service,
                tp,
                low,
                end,
                committed,
                metadata,
            });
        }
    }
    Ok(out)
}

/// The lag of each service on each topic, in the order in which events pass.
pub fn all(brokers: &Brokers, catalog: &Catalog, run: u32) -> Result<Vec<Lag>> {
    let mut out: Vec<Lag> = Vec::new();
    for r in readings(brokers, catalog, run, None)? {
        let lag = r.end - r.next();
        match out.last_mut() {
            Some(l) if l.service == r.service && l.topic == r.tp.topic => {
                l.end += r.end;
                l.lag += lag;
            }
            _ => out.push(Lag {
                service: r.service,
                topic: r.tp.topic,
                end: r.end,
                lag,
            }),
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
