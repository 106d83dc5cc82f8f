//! How far every group of a run has read.

use anyhow::Result;
use serde::Serialize;
use std::time::Duration;
use weir_catalog::Catalog;
use weir_kafka::admin::Admin;
use weir_kafka::{Brokers, Tp};
use weir_model::topics;
use weir_processor::StageName;
use weir_runtime::names;

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
#[derive(Debug, Clone)]
pub struct Reading {
    /// `combine`, `window`, `score`, `sink`.
    pub service: &'static str,
    /// Which.
    pub tp: Tp,
    /// First offset there is.
    pub low: i64,
    /// The one after the last.
    pub end: i64,
    /// The offset that comes next, where any was committed.
    pub committed: Option<i64>,
    /// What was committed beside it.
    pub metadata: String,
}

impl Reading {
    /// The offset that comes next.
    pub fn next(&self) -> i64 {
        self.committed.unwrap_or(self.low).max(self.low)
    }
}

/// All partitions that the stages and the sink of a run read, or those of one of them, in the order
/// in which events pass. Blocks.
///
/// # Errors
/// Kafka does not answer within 10 s.
pub fn readings(
    brokers: &Brokers,
    catalog: &Catalog,
    run: u32,
    only: Option<&str>,
) -> Result<Vec<Reading>> {
    let admin = Admin::new(brokers, Duration::from_secs(10))?;
    let mut groups = groups(catalog, run);
    groups.retain(|g| only.is_none_or(|o| o == g.service));
    let mut names: Vec<&str> = groups
        .iter()
        .flat_map(|g| g.topics.iter().map(String::as_str))
        .collect();
    names.sort_unstable();
    names.dedup();
    let there = admin.topics(&names)?;
    let mut out = Vec::new();
    for group in &groups {
        let infos = group
            .topics
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
        let committed = admin.committed_with_metadata(&group.name, &tps)?;
        for ((tp, low, end), (committed, metadata)) in parts.into_iter().zip(committed) {
            out.push(Reading {
                service: group.service,
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

/// A consumer group and what it reads.
struct Group {
    service: &'static str,
    name: String,
    topics: Vec<String>,
}

/// The groups of a run, in the order in which events pass.
fn groups(catalog: &Catalog, run: u32) -> Vec<Group> {
    let raw = || catalog.events.iter().map(|e| topics::events(&e.name));
    let stage = |stage: StageName, topics: Vec<String>| Group {
        service: stage.label(),
        name: names::stage_group(stage.label(), run),
        topics,
    };
    let results = [
        topics::AGGREGATES,
        topics::ANOMALIES,
        topics::KPIS,
        topics::ALERTS,
        topics::LATE,
        topics::DLQ,
        topics::PEOPLE,
    ];
    vec![
        stage(StageName::Combine, raw().collect()),
        stage(StageName::Window, vec![topics::PARTIALS.to_owned()]),
        stage(StageName::Score, vec![topics::TERMS.to_owned()]),
        Group {
            service: "sink",
            name: names::SINK_GROUP.to_owned(),
            topics: results
                .map(str::to_owned)
                .into_iter()
                .chain(raw())
                .collect(),
        },
    ]
}

/// The lag of each service on each topic, in the order in which events pass. Blocks.
///
/// # Errors
/// Kafka does not answer within 10 s.
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

/// Waits until everything that is in the raw log has reached ClickHouse; the rest of the lag where
/// it has not in time. Blocks.
///
/// # Errors
/// Kafka does not answer within 10 s.
pub fn settle(brokers: &Brokers, catalog: &Catalog, run: u32, within: Duration) -> Result<i64> {
    let until = std::time::Instant::now() + within;
    let mut quiet = 0;
    loop {
        let rest: i64 = all(brokers, catalog, run)?.iter().map(|l| l.lag).sum();
        // A stage may just have committed and the next not yet begun: look again before believing
        // it.
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
