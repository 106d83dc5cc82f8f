//! The raw log counted again by the oracle, compared with what ClickHouse shows.

mod compare;
mod shares;

use crate::lag;
use crate::time::show;
use anyhow::{Context, Result, anyhow, bail};
use compare::Comparison;
use serde::Serialize;
use std::collections::BTreeMap;
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

/// What is verified, and within which bounds.
pub struct Verify<'a> {
    /// Where Kafka is.
    pub brokers: &'a Brokers,
    /// The catalog of the run.
    pub catalog: &'a Arc<Catalog>,
    /// ClickHouse, opened for weir itself: users who may only ask cannot do what this asks.
    pub store: &'a Store,
    /// Number of the run.
    pub run: u32,
    /// Longest wait until the log has reached ClickHouse, in seconds.
    pub wait: f64,
    /// Memory that may be taken, in bytes. What does not fit is counted in shares.
    pub memory: u64,
}

/// How far the work has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// The log begins to be read; with the number of the share and of all that are known of, where it is divided.
    Begun(Option<(u64, u64)>),
    /// So many records are counted, of so many.
    At(u64, u64),
    /// What was begun is read, and is judged now.
    Judging,
    /// What was counted and judged is compared with ClickHouse.
    Comparing,
    /// What was begun did not fit into memory: it is counted in so many more shares of its subjects.
    Divided(u64),
}

/// What came of it.
#[derive(Debug, Clone, Serialize)]
pub struct Verification {
    /// Rows compared, by kind.
    pub compared: BTreeMap<String, u64>,
    /// Each row that differs, in words; none where all are equal.
    pub differences: Vec<String>,
    /// What the log holds.
    pub log: Totals,
    /// Up to when each event type is final, in the order of the catalog.
    pub final_through: Vec<Micros>,
    /// Time it took.
    pub seconds: f64,
}

impl Verification {
    /// True where every number is what the log says.
    pub fn equal(&self) -> bool {
        self.differences.is_empty()
    }

    /// Rows compared.
    pub fn rows(&self) -> u64 {
        self.compared.values().sum()
    }
}

/// What is told of the log, beside the comparison.
struct Log {
    totals: Totals,
    final_through: Vec<Micros>,
}

impl Verify<'_> {
    /// Waits for the log to reach ClickHouse, counts it, compares. Blocks, on a runtime of its own for what it asks the store:
    /// async code calls it with `spawn_blocking`.
    ///
    /// # Errors
    /// The log does not reach ClickHouse in time (WEIR-0303), or Kafka or ClickHouse does not answer.
    pub fn run(&self, on: &mut dyn FnMut(Progress)) -> Result<Verification> {
        let begun = Instant::now();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("cannot start the runtime")?;
        let mut attempt = 1;
        let (log, comparison) = loop {
            self.settled()?;
            let (log, comparison) = self.shared(&runtime, on)?;
            if comparison.differences.is_empty() || attempt == ATTEMPTS {
                break (log, comparison);
            }
            attempt += 1;
        };
        Ok(Verification {
            compared: comparison.compared,
            differences: comparison.differences,
            log: log.totals,
            final_through: log.final_through,
            seconds: begun.elapsed().as_secs_f64(),
        })
    }

    fn settled(&self) -> Result<()> {
        let within = Duration::from_secs_f64(self.wait);
        let rest = lag::settle(self.brokers, self.catalog, self.run, within)?;
        if rest > 0 {
            bail!(
                "WEIR-0303: {rest} offsets of the log have not reached ClickHouse within {} s; look at `weir status`, or give --wait more",
                self.wait
            );
        }
        Ok(())
    }

    /// Counts and compares: all subjects at once if they fit into memory, else one share of them after the other, each with the
    /// log read again. A share that turns out too large is divided, by how far it got.
    fn shared(
        &self,
        runtime: &tokio::runtime::Runtime,
        on: &mut dyn FnMut(Progress),
    ) -> Result<(Log, Comparison)> {
        let mut open = vec![Share::WHOLE];
        let mut comparison = Comparison::default();
        let mut log: Option<Log> = None;
        let mut done = 0;
        while let Some(share) = open.pop() {
            let limit = (share.of <= MOST_SHARES).then_some(self.memory / CELLS);
            let which = (share.of > 1).then(|| (done + 1, done + 1 + open.len() as u64));
            match self.count(share, limit, which, on)? {
                Counted::All(truth) => {
                    on(Progress::Comparing);
                    let compared = compare::all(self.store, self.catalog, &truth, share);
                    comparison.join(runtime.block_on(compared)?);
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
                    on(Progress::Divided(parts));
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

    /// Reads the raw log and folds a share of its subjects, within a limit of bytes. `which` one it is, of how many, is for people.
    fn count(
        &self,
        share: Share,
        limit: Option<u64>,
        which: Option<(u64, u64)>,
        on: &mut dyn FnMut(Progress),
    ) -> Result<Counted> {
        let (brokers, catalog) = (self.brokers, self.catalog);
        let names: Vec<String> = catalog
            .events
            .iter()
            .map(|e| topics::events(&e.name))
            .collect();
        let writers = writers(brokers)?;
        let partitions = partitions(brokers, &names)?;
        let only: Vec<&str> = names.iter().map(String::as_str).collect();
        let mut fold = Fold::new(catalog, &partitions, &writers, share)
            .map_err(|e| anyhow!("the catalog: {e}"))?;
        let mut cursors = Cursor::open_all(brokers, &only)?;
        let total: u64 = cursors.iter().map(|c| c.span).sum();
        on(Progress::Begun(which));
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
                on(Progress::At(n, total));
                if limit.is_some_and(|limit| n.is_multiple_of(1024) && fold.bytes() as u64 > limit)
                {
                    return Ok(Counted::TooLarge { read: n, of: total });
                }
            }
        }
        on(Progress::Judging);
        Ok(Counted::All(Box::new(weir_oracle::conclude(catalog, fold))))
    }
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

/// Schemas that producers wrote with: id, fingerprint, text.
fn writers(brokers: &Brokers) -> Result<Vec<(u32, [u8; 16], String)>> {
    let schemas = read_all(brokers, topics::SCHEMAS, Duration::from_secs(30))?;
    // What is none is no schema for the processor either.
    Ok(schemas
        .into_iter()
        .filter_map(|(_, value)| RegisteredSchema::decode(&value).ok())
        .map(|s| (s.id, s.guid, s.schema))
        .collect())
}

/// Partitions of each topic; 0 of those that do not exist.
fn partitions(brokers: &Brokers, names: &[String]) -> Result<Vec<u32>> {
    let there = raw_topics(brokers)?;
    let of = |name: &String| there.iter().find(|(t, _)| t == name).map_or(0, |(_, n)| *n);
    Ok(names.iter().map(of).collect())
}
