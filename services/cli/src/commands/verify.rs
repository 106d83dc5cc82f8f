//! `weir verify`: the raw log counted again by the oracle, compared with what ClickHouse shows.

mod compare;
mod shares;

use super::query::runtime;
use super::services::current_run;
use super::{lag, show};
use crate::args::{SystemArgs, VerifyArgs};
use crate::output::{self, Bar, Waiting, thousands};
use anyhow::{Result, anyhow, bail};
use compare::Comparison;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};
use weir_catalog::Catalog;
use weir_kafka::Brokers;
use weir_kafka::compacted::read_all;
use weir_model::schemas::RegisteredSchema;
use weir_model::{Micros, topics};
use weir_oracle::{Fold, Record, Share, Totals, Truth};
use weir_sources::publish::raw_topics;
use weir_sources::raw::Cursor;
use weir_store::Store;

/// A log that grows while it is counted is counted again so often.
const ATTEMPTS: u32 = 3;
/// The share of the memory that the counted cells may take. As much again is needed to judge them, and some to compare.
const CELLS: u64 = 3;
/// Shares beyond which memory is no longer looked at: then it is single subjects that are too large.
const MOST_SHARES: u64 = 4096;

/// What is told of the log, beside the comparison.
struct Log {
    totals: Totals,
    final_through: Vec<Micros>,
}

pub fn run(system: &SystemArgs, a: &VerifyArgs) -> Result<ExitCode> {
    let begun = Instant::now();
    let found = system.find()?;
    let catalog = system.catalog()?;
    let run = current_run(&found.brokers, &catalog)?;
    let store = Store::new(&found.own_store()?);
    let mut attempt = 1;
    let (log, comparison) = loop {
        let rest = lag::settle(
            &found.brokers,
            &catalog,
            run,
            Duration::from_secs_f64(a.wait),
        )?;
        if rest > 0 {
            bail!(
                "WEIR-0303: {rest} offsets of the log have not reached ClickHouse within {} s; look at `weir status`, or give --wait more",
                a.wait
            );
        }
        let (log, comparison) = shared(&found.brokers, &catalog, &store, a)?;
        if comparison.differences.is_empty() || attempt == ATTEMPTS {
            break (log, comparison);
        }
        attempt += 1;
    };
    report(a, &log, &catalog, &comparison, begun.elapsed())
}

/// Counts and compares: all subjects at once if they fit into memory, else one share of them after the other, each with the log
/// read again. A share that turns out too large is divided, by how far it got.
fn shared(
    brokers: &Brokers,
    catalog: &Arc<Catalog>,
    store: &Store,
    a: &VerifyArgs,
) -> Result<(Log, Comparison)> {
    let mut open = vec![Share::WHOLE];
    let mut comparison = Comparison::default();
    let mut log: Option<Log> = None;
    let mut done = 0;
    while let Some(share) = open.pop() {
        let limit = (share.of <= MOST_SHARES).then_some(a.memory.as_u64() / CELLS);
        let which = (share.of > 1).then(|| (done + 1, done + 1 + open.len() as u64));
        match count(brokers, catalog, share, limit, which)? {
            Counted::All(truth) => {
                let _says = Waiting::new("comparing with ClickHouse");
                let compared = compare::all(store, catalog, &truth, share);
                comparison.join(runtime()?.block_on(compared)?);
                done += 1;
                match &mut log {
                    Some(log) => log.totals.join(&truth.totals),
                    None => {
                        log = Some(Log {
                            totals: truth.totals,
                            final_through: truth.final_through,
                        });
                    }
                }
            }
            Counted::TooLarge { read, of } => {
                // A fifth more than it looks like: subjects are not all of one size.
                let parts = (of * 6).div_ceil((read * 5).max(1)).clamp(2, 1024);
                eprintln!(
                    "the log does not fit into {} at once: counted in {} more shares of its subjects",
                    a.memory, parts
                );
                open.extend((0..parts).rev().map(|i| Share {
                    number: share.number + i * share.of,
                    of: share.of * parts,
                }));
            }
        }
    }
    let log = log.ok_or_else(|| anyhow!("WEIR-0209: no share of the log was counted"))?;
    Ok((log, comparison))
}

/// What came of reading the log.
enum Counted {
    All(Box<Truth>),
    /// More than the memory given, after so many records of so many.
    TooLarge {
        read: u64,
        of: u64,
    },
}

/// Reads the raw log and folds a share of its subjects, within a limit of bytes. `which` one it is, of how many, is for people.
fn count(
    brokers: &Brokers,
    catalog: &Arc<Catalog>,
    share: Share,
    limit: Option<u64>,
    which: Option<(u64, u64)>,
) -> Result<Counted> {
    // What is none is no schema for the processor either.
    let schemas = read_all(brokers, topics::SCHEMAS, Duration::from_secs(30))?;
    let writers: Vec<(u32, [u8; 16], String)> = schemas
        .into_iter()
        .filter_map(|(_, value)| RegisteredSchema::decode(&value).ok())
        .map(|s| (s.id, s.guid, s.schema))
        .collect();
    let there = raw_topics(brokers)?;
    let names: Vec<String> = catalog
        .events
        .iter()
        .map(|e| topics::events(&e.name))
        .collect();
    let partitions: Vec<u32> = names
        .iter()
        .map(|name| there.iter().find(|(t, _)| t == name).map_or(0, |(_, n)| *n))
        .collect();
    let only: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut fold = Fold::new(catalog, &partitions, &writers, share)
        .map_err(|e| anyhow!("the catalog: {e}"))?;
    let mut cursors = Cursor::open_all(brokers, &only)?;
    let total: u64 = cursors.iter().map(|c| c.span).sum();
    let what = which.map_or("records".to_owned(), |(n, of)| format!("share {n}/{of}"));
    let bar = Bar::lasting(&what);
    let mut n = 0u64;
    for c in &mut cursors {
        let event = names
            .iter()
            .position(|t| *t == c.tp.topic)
            .unwrap_or_default();
        while let Some(r) = c.next_record()? {
            let record = Record {
                offset: r.offset,
                append_time: r.append_time,
                value: r.value.as_deref(),
                meta: r.meta,
            };
            fold.record(catalog, event, c.tp.partition as u32, &record);
            n += 1;
            bar.at(n, Some(total));
            if limit.is_some_and(|limit| n.is_multiple_of(1024) && fold.bytes() as u64 > limit) {
                return Ok(Counted::TooLarge { read: n, of: total });
            }
        }
    }
    drop(bar);
    let _says = Waiting::new("judging what was counted");
    Ok(Counted::All(Box::new(weir_oracle::conclude(catalog, fold))))
}

fn report(
    a: &VerifyArgs,
    log: &Log,
    catalog: &Catalog,
    comparison: &Comparison,
    took: Duration,
) -> Result<ExitCode> {
    let equal = comparison.differences.is_empty();
    if a.json {
        output::json(&serde_json::json!({
            "equal": equal, "compared": comparison.compared, "differences": comparison.differences.len(),
            "first": comparison.differences.iter().take(a.show).collect::<Vec<_>>(),
            "log": log.totals, "seconds": took.as_secs_f64(),
        }))?;
    } else {
        let mut rows = Vec::new();
        for (event, c) in &log.totals.by_event {
            let through = catalog
                .events
                .iter()
                .position(|e| e.name == *event)
                .map_or_else(|| "-".into(), |i| show(log.final_through[i]));
            let mut row = vec![event.clone()];
            row.extend([c.events, c.late, c.duplicates, c.dead, c.counted_twice].map(thousands));
            row.push(through);
            rows.push(row);
        }
        output::table(
            &[
                "event",
                "events",
                "of these late",
                "duplicates",
                "dead letters",
                "counted twice",
                "final through",
            ],
            &rows,
        )?;
        let rows: Vec<Vec<String>> = comparison
            .compared
            .iter()
            .map(|(what, n)| vec![what.clone(), thousands(*n)])
            .collect();
        output::table(&["compared", "rows"], &rows)?;
        for (event, id, partition, offset) in &log.totals.twice {
            println!(
                "  seen twice beyond the horizon: {event} {id} (second time at partition {partition}, offset {offset})"
            );
        }
        for d in comparison.differences.iter().take(a.show) {
            println!("  {d}");
        }
        let n: u64 = comparison.compared.values().sum();
        if equal {
            println!(
                "equal: {} rows compared with the log in {:.1} s",
                thousands(n),
                took.as_secs_f64()
            );
        } else {
            println!(
                "WEIR-0303: {} of {} rows differ",
                thousands(comparison.differences.len() as u64),
                thousands(n)
            );
        }
    }
    Ok(if equal {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(1)
    })
}
