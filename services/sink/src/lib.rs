//! The sink: Kafka to ClickHouse, delivered until acknowledged, effective once.
//!
//! Every row has a key that is a function of the log, and every table replaces by key. So the sink inserts until
//! ClickHouse acknowledges, then commits its offsets; what is delivered twice changes nothing.

mod archive;
pub mod metric;
mod rows;

use rows::Router;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use weir_catalog::Catalog;
use weir_kafka::consumer::Change;
use weir_kafka::{Brokers, Consumer, Tp};
use weir_runtime::Shutdown;
use weir_store::{Backoff, Migration, Store, StoreConfig, StoreError};

/// The consumer group of all sinks.
pub const GROUP: &str = "weir-sink";

/// The library has one request at a time under way: one that asks for topics without news alone, because the others' queues were
/// full, holds these up once they are not (0.3 s for each 100,000 rows, with half a second).
const HELD: Duration = Duration::from_millis(50);

/// Settings of a sink.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SinkConfig {
    /// Where Kafka is.
    pub brokers: Brokers,
    /// Where ClickHouse is.
    #[serde(default)]
    pub store: StoreConfig,
    /// Name of this member of the group, different for each instance.
    #[serde(default = "default_instance")]
    pub instance: String,
    /// The current run: what views show.
    #[serde(default = "default_run")]
    pub run: u32,
    /// An insert is made when so many rows of one table wait.
    #[serde(default = "default_rows")]
    pub max_rows: usize,
    /// ... or when the oldest has waited so long, in milliseconds.
    #[serde(default = "default_wait")]
    pub max_wait_ms: u64,
    /// Raw events leave the archive after so many days; absent: never.
    #[serde(default)]
    pub archive_days: Option<u32>,
}

fn default_instance() -> String {
    "sink-0".into()
}
fn default_run() -> u32 {
    1
}
fn default_rows() -> usize {
    100_000
}
fn default_wait() -> u64 {
    1000
}

impl SinkConfig {
    /// With everything else as usual.
    pub fn new(brokers: Brokers, store: StoreConfig) -> SinkConfig {
        SinkConfig {
            brokers,
            store,
            instance: default_instance(),
            run: default_run(),
            max_rows: default_rows(),
            max_wait_ms: default_wait(),
            archive_days: None,
        }
    }
}

/// Why a sink ended.
#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    /// ClickHouse refused something that no later try can change.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Kafka refused something.
    #[error(transparent)]
    Kafka(#[from] weir_kafka::Error),
    /// A record stood where none may: reading must start again from what was committed.
    #[error("{tp} went from offset {expected} to {found}; start again")]
    Order {
        /// Where.
        tp: Tp,
        /// Offset that was next.
        expected: i64,
        /// Offset that came.
        found: i64,
    },
}

/// More bytes than this are inserted at once whatever their rows are.
const MAX_BYTES: usize = 64 << 20;
const DEADLINE: Duration = Duration::from_secs(30);
/// Before the broker is asked again.
const REST: Duration = Duration::from_millis(500);

/// One sink; cheap to clone, so that others can ask how it is.
#[derive(Clone)]
pub struct Sink {
    config: SinkConfig,
    catalog: Arc<Catalog>,
    migrations: Arc<Vec<Migration>>,
    trouble: Arc<Mutex<Option<String>>>,
}

impl Sink {
    /// A sink for a catalog, with the migrations compiled in.
    pub fn new(config: SinkConfig, catalog: Arc<Catalog>) -> Sink {
        let trouble = Arc::new(Mutex::new(Some("starting".to_string())));
        Sink {
            config,
            catalog,
            migrations: Arc::new(weir_store::built_in()),
            trouble,
        }
    }

    /// With other migrations.
    pub fn with_migrations(mut self, migrations: Vec<Migration>) -> Sink {
        self.migrations = Arc::new(migrations);
        self
    }

    /// Why it is not ready, or `None`: for a health check.
    pub fn trouble(&self) -> Option<String> {
        self.trouble
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn tell(&self, trouble: Option<String>) {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = trouble;
    }

    /// Runs until shutdown: prepares the database, then reads, inserts and commits. What waits is inserted before it
    /// returns.
    ///
    /// # Errors
    /// Nothing that may pass: those are waited for.
    pub async fn run(self, shutdown: Shutdown) -> Result<(), SinkError> {
        let handle = Handle::current();
        let work = tokio::task::spawn_blocking(move || self.work(&handle, &shutdown));
        match work.await {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic.into_panic()),
        }
    }

    fn work(&self, handle: &Handle, shutdown: &Shutdown) -> Result<(), SinkError> {
        let store = Store::new(&self.config.store);
        if !self.until_done(
            shutdown,
            || handle.block_on(self.prepare(&store)),
            &mut || Ok(true),
        )? {
            return Ok(());
        }
        loop {
            match self.read(handle, &store, shutdown) {
                // Rows replace by key, so reading again from what is committed changes nothing: a broker that was killed must
                // not end the sink.
                Err(e @ (SinkError::Kafka(_) | SinkError::Order { .. })) => {
                    tracing::warn!("reading again from what is committed: {e}");
                    self.tell(Some(e.to_string()));
                    let until = Instant::now() + REST;
                    while Instant::now() < until && !shutdown.is_requested() {
                        std::thread::sleep(Duration::from_millis(50));
                    }
                    if shutdown.is_requested() {
                        return Ok(());
                    }
                }
                done => return done,
            }
        }
    }

    /// Joins the group, then reads, inserts and commits until shutdown.
    fn read(&self, handle: &Handle, store: &Store, shutdown: &Shutdown) -> Result<(), SinkError> {
        let mut router = Router::new(&self.catalog, self.config.brokers.clone())?;
        let topics = router.topics();
        // To the broker a static member that comes back is the one it knows, with the partitions it had: one that reads other
        // topics (an event type was added) has to be another member.
        let member = format!(
            "{}-{:016x}",
            self.config.instance,
            weir_model::hash::distinct(topics.join(" ").as_bytes())
        );
        let consumer = Consumer::group(&self.config.brokers, GROUP, &member, &topics, HELD)?;
        let mut position = Position::default();
        let wait = Duration::from_millis(self.config.max_wait_ms);
        let mut oldest: Option<Instant> = None;
        self.tell(None);
        loop {
            if let Some(change) = consumer.poll(Duration::ZERO)? {
                if matches!(&change, Change::Revoked(_)) {
                    // What was read of these is inserted and committed first, or their next reader reads it again.
                    self.flush(
                        handle,
                        store,
                        &mut router,
                        &consumer,
                        &mut position,
                        shutdown,
                    )?;
                    oldest = None;
                }
                position.answer(&consumer, change)?;
                continue;
            }
            let batch = consumer.next(Duration::from_millis(50), Duration::ZERO, 10_000)?;
            for run in batch.runs() {
                let first = run.first();
                let tp = Tp::new(first.topic(), first.partition());
                if !position.owns(&tp) {
                    continue;
                }
                position.advance(tp, first.offset(), run.last().offset() + 1)?;
                router.push(first.topic(), run.iter())?;
            }
            for end in batch.ends() {
                position.end(Tp::new(end.topic.clone(), end.partition), end.next);
            }
            drop(batch);
            if oldest.is_none() && position.moved() {
                oldest = Some(Instant::now());
            }
            let (rows, bytes) = router.size();
            let due = rows >= self.config.max_rows
                || bytes >= MAX_BYTES
                || oldest.is_some_and(|t| t.elapsed() >= wait);
            if due || shutdown.is_requested() {
                self.flush(
                    handle,
                    store,
                    &mut router,
                    &consumer,
                    &mut position,
                    shutdown,
                )?;
                oldest = None;
                metrics::gauge!(metric::LAG).set(position.lag(&consumer) as f64);
            }
            if shutdown.is_requested() {
                return Ok(());
            }
        }
    }

    async fn prepare(&self, store: &Store) -> Result<(), StoreError> {
        let done = store.prepare(&self.migrations, &self.catalog).await?;
        if done != weir_store::Prepared::default() {
            tracing::info!(applied = ?done.applied, columns = done.columns.len(), "the database was brought up to the catalog");
        }
        for event in &self.catalog.events {
            store
                .set_archive_ttl(&event.name, self.config.archive_days)
                .await?;
        }
        store
            .set_current_run(self.config.run, self.catalog.hash)
            .await
    }

    /// Inserts what waits until it is acknowledged, then commits. Rebalances are answered meanwhile: partitions that go
    /// are not committed any more.
    fn flush(
        &self,
        handle: &Handle,
        store: &Store,
        router: &mut Router,
        consumer: &Consumer,
        position: &mut Position,
        shutdown: &Shutdown,
    ) -> Result<(), SinkError> {
        for buffer in router.waiting() {
            let (bytes, rows) = buffer.take();
            let begun = Instant::now();
            let insert =
                || handle.block_on(store.insert(&buffer.table, &buffer.columns, bytes.clone()));
            let serve = &mut || match consumer.poll(Duration::ZERO)? {
                Some(change) => position.answer(consumer, change).map(|()| true),
                None => Ok(true),
            };
            if !self.until_done(shutdown, insert, serve)? {
                // Asked to stop while ClickHouse is down: nothing is committed, so nothing is lost.
                return Ok(());
            }
            let table = buffer.table.clone();
            metrics::counter!(metric::ROWS, "table" => table.clone()).increment(rows as u64);
            metrics::counter!(metric::INSERTS, "table" => table.clone()).increment(1);
            metrics::histogram!(metric::INSERT_SECONDS, "table" => table)
                .record(begun.elapsed().as_secs_f64());
        }
        position.commit(consumer)?;
        Ok(())
    }

    /// Tries until it succeeds; false where shutdown was asked for before. `serve` runs often while it waits.
    fn until_done(
        &self,
        shutdown: &Shutdown,
        mut attempt: impl FnMut() -> Result<(), StoreError>,
        serve: &mut dyn FnMut() -> Result<bool, SinkError>,
    ) -> Result<bool, SinkError> {
        let mut backoff = Backoff::default();
        loop {
            match attempt() {
                Ok(()) => {
                    self.tell(None);
                    return Ok(true);
                }
                Err(e) if e.is_transient() => {
                    tracing::warn!("{e}; trying again");
                    metrics::counter!(metric::RETRIES).increment(1);
                    self.tell(Some(e.to_string()));
                }
                Err(e) => return Err(e.into()),
            }
            let until = Instant::now() + backoff.next_wait();
            while Instant::now() < until {
                if shutdown.is_requested() {
                    return Ok(false);
                }
                serve()?;
                std::thread::sleep(Duration::from_millis(50));
            }
        }
    }
}

/// Which partitions are owned, and how far they were read.
#[derive(Default)]
struct Position {
    /// Of each partition owned.
    next: BTreeMap<Tp, i64>,
    dirty: BTreeSet<Tp>,
}

impl Position {
    fn owns(&self, tp: &Tp) -> bool {
        self.next.contains_key(tp)
    }

    fn moved(&self) -> bool {
        !self.dirty.is_empty()
    }

    fn advance(&mut self, tp: Tp, first: i64, next: i64) -> Result<(), SinkError> {
        // Gaps are control records and compaction; a step back would commit less than was read.
        match self.next.get(&tp) {
            Some(expected) if first < *expected => Err(SinkError::Order {
                expected: *expected,
                found: first,
                tp,
            }),
            _ => {
                self.dirty.insert(tp.clone());
                self.next.insert(tp, next);
                Ok(())
            }
        }
    }

    /// The end of a partition may lie behind control records, which are never handed out.
    fn end(&mut self, tp: Tp, next: i64) {
        if let Some(n) = self.next.get_mut(&tp)
            && *n < next
        {
            *n = next;
            self.dirty.insert(tp);
        }
    }

    fn positions(&self) -> Vec<(Tp, i64)> {
        self.next.iter().map(|(tp, n)| (tp.clone(), *n)).collect()
    }

    fn answer(&mut self, consumer: &Consumer, change: Change) -> Result<(), SinkError> {
        match change {
            Change::Assigned(parts) => {
                let mut from = Vec::new();
                for c in consumer.committed(&parts, DEADLINE)? {
                    let (low, high) = consumer.bounds(&c.tp, DEADLINE)?;
                    // Retention may have passed the sink by while it was down: it goes on with what there is.
                    let offset = c.offset.unwrap_or(low);
                    if offset < low {
                        tracing::error!(partition = %c.tp, from = offset, to = low, "records left the log before they reached the store; run `weir reprocess`");
                    }
                    from.push((c.tp, offset.clamp(low, high.max(low))));
                }
                consumer.accept(&from, &self.positions())?;
                self.next.extend(from);
            }
            Change::Revoked(parts) => {
                for tp in &parts {
                    self.next.remove(tp);
                    self.dirty.remove(tp);
                }
                consumer.release(&parts, &self.positions())?;
            }
        }
        Ok(())
    }

    fn commit(&mut self, consumer: &Consumer) -> Result<(), SinkError> {
        let moved: Vec<(Tp, i64)> = self
            .dirty
            .iter()
            .filter_map(|tp| self.next.get(tp).map(|n| (tp.clone(), *n)))
            .collect();
        match consumer.commit(&moved) {
            Ok(()) => {
                self.dirty.clear();
                Ok(())
            }
            // The rows are there; the offsets go with the next commit, or are read again.
            Err(e) if e.is_transient() => {
                tracing::warn!("{e}; offsets are committed with the next insert");
                Ok(())
            }
            Err(e) => Err(e.into()),
        }
    }

    fn lag(&self, consumer: &Consumer) -> i64 {
        let behind =
            |(tp, next): (&Tp, &i64)| consumer.known_end(tp).map_or(0, |end| (end - next).max(0));
        self.next.iter().map(behind).sum()
    }
}
