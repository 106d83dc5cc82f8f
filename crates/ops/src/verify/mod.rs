//! The raw log counted again by the oracle, compared with what ClickHouse shows.

mod columns;
mod compare;
mod disk;
mod rows;
mod windows;

use crate::lag;
use anyhow::{Context, Result, anyhow, bail};
use compare::Comparison;
use disk::Disk;
use rows::{Asked, Rows, no_room};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use weir_catalog::Catalog;
use weir_kafka::Brokers;
use weir_kafka::compacted::read_all;
use weir_model::codes::VERIFY_DIFFERS;
use weir_model::schemas::RegisteredSchema;
use weir_model::{Micros, topics};
use weir_oracle::{Divided, Fold, Record, Totals, Truth};
use weir_sources::publish::raw_topics;
use weir_sources::raw::Cursor;
use weir_store::Store;

/// A log that grows while it is counted is counted again so often.
const ATTEMPTS: u32 = 3;
/// The share of the memory that cells may take while they are counted. The rest is for what waits to
/// be written and for the identities of the partition that is read.
const COUNTED: u64 = 3;
/// The share of the memory that the cells of some buckets may take while these are judged and
/// compared. What is judged of them takes up to five times as much, measured.
const JUDGED: u64 = 8;
/// Bytes of the store's rows on disk for each byte of cells, about.
const ROWS: u64 = 3;

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
    /// Memory that may be taken, in bytes. What does not fit waits in temporary files.
    pub memory: u64,
}

/// What is done, in this order. Without temporary files nothing is fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The log is read, record by record.
    Reading,
    /// The rows of the store are put into temporary files, row by row.
    Fetching,
    /// All is judged and compared: row by row of the store where these were fetched, else at once,
    /// of a number of rows that nobody knows (0).
    Comparing,
}

/// How far the work has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// So much of a step is done, of so much.
    At(Step, u64, u64),
    /// What was read does not fit into memory: it goes to temporary files.
    OnDisk {
        /// Folder that they are in.
        dir: PathBuf,
        /// Bytes that they will take in the end, about.
        bytes: u64,
        /// Bytes that are free there.
        free: u64,
    },
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
    /// Waits for the log to reach ClickHouse, counts it, compares. Blocks, on a runtime of its own
    /// for what it asks the store: async code calls it with `spawn_blocking`.
    ///
    /// # Errors
    /// The log does not reach ClickHouse in time (WEIR-0303), or Kafka or ClickHouse does not
    /// answer.
    pub fn run(&self, on: &mut dyn FnMut(Progress)) -> Result<Verification> {
        let begun = Instant::now();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("cannot start the runtime")?;
        let mut attempt = 1;
        let (log, comparison) = loop {
            self.settled()?;
            runtime.block_on(self.store.sync_replicas())?;
            let (log, comparison) = self.once(&runtime, on)?;
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
                "{VERIFY_DIFFERS}: {rest} offsets of the log have not reached ClickHouse within {} s; look at `weir status`, or give --wait more",
                self.wait
            );
        }
        Ok(())
    }

    /// Counts and compares: all subjects at once if they fit into memory, else by way of temporary
    /// files. Both the log and the store are read once.
    fn once(&self, runtime: &Runtime, on: &mut dyn FnMut(Progress)) -> Result<(Log, Comparison)> {
        match self.count(on)? {
            Counted::All(truth) => {
                on(Progress::At(Step::Comparing, 0, 0));
                let mut rows = Rows::Asked(self.asked(runtime, &truth.final_through));
                let comparison = compare::all(self.catalog, &truth, &mut rows)?;
                let log = Log {
                    totals: truth.totals,
                    final_through: truth.final_through,
                };
                Ok((log, comparison))
            }
            Counted::Divided(divided, cells) => self.divided(runtime, *divided, cells, on),
        }
    }

    fn asked<'a>(&'a self, runtime: &'a Runtime, final_through: &'a [Micros]) -> Asked<'a> {
        Asked {
            store: self.store,
            runtime,
            catalog: self.catalog,
            final_through,
        }
    }

    /// Judges and compares what is in temporary files, as many buckets at once as memory holds.
    fn divided(
        &self,
        runtime: &Runtime,
        mut divided: Divided,
        mut cells: Disk,
        on: &mut dyn FnMut(Progress),
    ) -> Result<(Log, Comparison)> {
        let mut kept = Disk::new().with_context(no_room)?;
        let asked = self.asked(runtime, &divided.final_through);
        let total = asked.about()?;
        let mut fetched = 0;
        asked.keep(&mut kept, &mut || {
            fetched += 1;
            on(Progress::At(Step::Fetching, fetched, total.max(fetched)));
        })?;
        let mut comparison = Comparison::default();
        let limit = usize::try_from(self.memory / JUDGED).unwrap_or(usize::MAX);
        let mut compared = 0;
        on(Progress::At(Step::Comparing, compared, fetched));
        while let Some((share, truth)) = divided
            .next(self.catalog, limit, &mut cells)
            .with_context(no_room)?
        {
            let mut each = || {
                compared += 1;
                on(Progress::At(Step::Comparing, compared, fetched));
            };
            let mut rows = Rows::Kept(&mut kept, share, &mut each);
            comparison.join(compare::all(self.catalog, &truth, &mut rows)?);
        }
        let log = Log {
            totals: divided.totals,
            final_through: divided.final_through,
        };
        Ok((log, comparison))
    }

    /// Reads the raw log once and folds it.
    fn count(&self, on: &mut dyn FnMut(Progress)) -> Result<Counted> {
        let (brokers, catalog) = (self.brokers, self.catalog);
        let names: Vec<String> = catalog
            .events
            .iter()
            .map(|e| topics::events(&e.name))
            .collect();
        let writers = writers(brokers)?;
        let partitions = partitions(brokers, &names)?;
        let only: Vec<&str> = names.iter().map(String::as_str).collect();
        let mut fold =
            Fold::new(catalog, &partitions, &writers).map_err(|e| anyhow!("the catalog: {e}"))?;
        let mut cursors = Cursor::open_all(brokers, &only)?;
        let total: u64 = cursors.iter().map(|c| c.span).sum();
        let limit = self.memory / COUNTED;
        let mut disk: Option<Disk> = None;
        let mut n = 0u64;
        on(Progress::At(Step::Reading, n, total));
        for c in &mut cursors {
            let event = names
                .iter()
                .position(|t| *t == c.tp.topic)
                .unwrap_or_default();
            let partition = c.tp.partition as u32;
            while let Some(r) = c.next_record()? {
                let record = Record {
                    offset: r.offset,
                    append_time: r.append_time,
                    value: r.value.as_deref(),
                    meta: r.meta,
                };
                fold.record(catalog, event, partition, &record);
                n += 1;
                on(Progress::At(Step::Reading, n, total));
                if n.is_multiple_of(64) && fold.bytes() as u64 > limit {
                    shelve(catalog, &mut fold, &mut disk, (n, total), on)?;
                }
            }
            fold.end(event, partition);
        }
        on(Progress::At(Step::Reading, total, total));
        Ok(match disk {
            None => Counted::All(Box::new(weir_oracle::conclude(catalog, fold))),
            Some(mut disk) => {
                let divided = Divided::new(catalog, fold, &mut disk).with_context(no_room)?;
                Counted::Divided(Box::new(divided), disk)
            }
        })
    }
}

/// Puts what the fold holds onto disk. The first time it is said how much will come, from what came
/// of the records so far, of all.
fn shelve(
    catalog: &Catalog,
    fold: &mut Fold,
    disk: &mut Option<Disk>,
    (read, total): (u64, u64),
    on: &mut dyn FnMut(Progress),
) -> Result<()> {
    if let Some(disk) = disk {
        return fold.shelve(catalog, disk).with_context(no_room);
    }
    let disk = disk.insert(Disk::new().with_context(no_room)?);
    fold.shelve(catalog, disk)
        .and_then(|()| disk.flush())
        .with_context(no_room)?;
    on(Progress::OnDisk {
        dir: std::env::temp_dir(),
        bytes: (disk.written() * (1 + ROWS)).saturating_mul(total) / read.max(1),
        free: Disk::free().with_context(no_room)?,
    });
    Ok(())
}

/// What came of reading the log.
enum Counted {
    All(Box<Truth>),
    Divided(Box<Divided>, Disk),
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
