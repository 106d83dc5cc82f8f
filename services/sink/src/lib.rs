//! The sink: Kafka to ClickHouse, delivered until acknowledged, effective once.
//!
//! Every row has a key that is a function of the log, and every table replaces by key. So the sink
//! inserts until ClickHouse acknowledges, then commits its offsets; what is delivered twice changes
//! nothing.

mod archive;
pub mod metric;
mod position;
mod rows;
mod work;

use position::Position;
use rows::{Router, Waiting};
use serde::{Deserialize, Serialize};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use tokio::task::JoinSet;
use weir_catalog::Catalog;
use weir_kafka::{Brokers, Consumer, Fetching, Pauses, Tp, Watch};
use weir_runtime::names::SINK_GROUP;
use weir_runtime::{Part, Shutdown, traces};
use weir_store::{Backoff, Migration, Store, StoreConfig, StoreError};
use work::Work;

/// The library has one request at a time under way: one that asks for topics without news alone,
/// because the others' queues were full, holds these up once they are not (0.3 s for each 100,000
/// rows, with half a second).
const HELD: Duration = Duration::from_millis(50);

/// Settings of a sink.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SinkConfig {
    /// Where Kafka is.
    pub kafka: Brokers,
    /// Where ClickHouse is.
    #[serde(default)]
    pub store: StoreConfig,
    /// Name of this member of the group, different for each instance.
    #[serde(default = "default_instance")]
    pub instance: String,
    /// The current run: what views show. No setting: whoever starts a sink knows it from the log.
    #[serde(skip, default = "default_run")]
    pub run: u32,
    /// An insert is made when so many rows of one table wait.
    #[serde(default = "default_rows")]
    pub max_rows: usize,
    /// ... or when the oldest has waited so long.
    #[serde(default = "default_wait", with = "humantime_serde")]
    pub max_wait: Duration,
    /// Raw events leave the archive after so many days; absent: never.
    #[serde(default)]
    pub archive_days: Option<u32>,
}

fn default_instance() -> String {
    weir_runtime::names::instance("sink", 0)
}
fn default_run() -> u32 {
    1
}
fn default_rows() -> usize {
    100_000
}
fn default_wait() -> Duration {
    Duration::from_secs(1)
}

impl SinkConfig {
    /// With everything else as usual.
    pub fn new(kafka: Brokers, store: StoreConfig) -> SinkConfig {
        SinkConfig {
            kafka,
            store,
            instance: default_instance(),
            run: default_run(),
            max_rows: default_rows(),
            max_wait: default_wait(),
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

    /// Runs until shutdown: prepares the database, then reads, inserts and commits. What waits is
    /// inserted before it returns.
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
        let t = &self.config.kafka.timeouts;
        let part = Part::register("sink", t.limits());
        let stopped = || shutdown.is_requested();
        if !self.prepared(handle, &store, shutdown, &part)? {
            return Ok(());
        }
        let mut pauses = Pauses::new(t.pause);
        loop {
            let begun = Instant::now();
            match self.read(handle, &store, shutdown, &part) {
                // Rows replace by key, so reading again from what is committed changes nothing: a
                // broker that was killed must not end the sink.
                Err(e @ (SinkError::Kafka(_) | SinkError::Order { .. })) => {
                    tracing::warn!("reading again from what is committed: {e}");
                    metrics::counter!(metric::REBUILDS).increment(1);
                    self.tell(Some(e.to_string()));
                    if let SinkError::Kafka(e) = &e
                        && e.is_transient()
                    {
                        part.waits_for(format!("Kafka: {e}"));
                    }
                    if begun.elapsed() > t.liveness {
                        pauses = Pauses::new(t.pause);
                    }
                    pauses.rest(&stopped);
                    if stopped() {
                        return Ok(());
                    }
                }
                done => return done,
            }
        }
    }

    /// Joins the group, then reads, inserts and commits until shutdown.
    fn read(
        &self,
        handle: &Handle,
        store: &Store,
        shutdown: &Shutdown,
        part: &Part,
    ) -> Result<(), SinkError> {
        let mut router = Router::new(&self.catalog, self.config.kafka.clone())?;
        let topics = router.topics();
        // To the broker a static member that comes back is the one it knows, with the partitions it
        // had: one that reads other topics (an event type was added) has to be another member.
        let member = format!(
            "{}-{:016x}",
            self.config.instance,
            weir_model::hash::distinct(topics.join(" ").as_bytes())
        );
        let fetching = Fetching {
            held: HELD,
            ..Fetching::default()
        };
        let consumer = Consumer::group(&self.config.kafka, SINK_GROUP, &member, &topics, fetching)?;
        let mut work = Work {
            sink: self,
            handle,
            store,
            consumer,
            part,
            position: Position::default(),
            watch: Watch::of(&self.config.kafka),
            inserting: JoinSet::new(),
        };
        let mut oldest: Option<Instant> = None;
        self.tell(None);
        loop {
            part.alive();
            if let Some(change) = work.consumer.poll(Duration::ZERO)? {
                // What was read of partitions that go is inserted with the rest. Its offsets are
                // not committed any more: their next reader reads it again, and the rows are the
                // same.
                work.answer(change)?;
                continue;
            }
            work.gather(&mut router)?;
            if oldest.is_none() && work.position.moved() {
                oldest = Some(Instant::now());
            }
            let (rows, bytes) = router.size();
            let due = rows >= self.config.max_rows
                || bytes >= MAX_BYTES
                || oldest.is_some_and(|t| t.elapsed() >= self.config.max_wait);
            if due || shutdown.is_requested() {
                work.insert(&mut router, shutdown)?;
                oldest = None;
            }
            if shutdown.is_requested() {
                return work.finish(shutdown);
            }
            work.arrived()?;
            work.look()?;
        }
    }

    async fn prepare(&self, store: &Store) -> Result<(), StoreError> {
        let done = store.prepare(&self.migrations, &self.catalog).await?;
        if done != weir_store::Prepared::default() {
            tracing::info!(applied = ?done.applied, columns = done.columns.len(), "the database was brought up to the catalog");
        }
        store
            .set_archive_ttl(&self.catalog, self.config.archive_days)
            .await?;
        store
            .set_current_run(self.config.run, self.catalog.hash)
            .await
    }

    /// Prepares the database, trying until it succeeds; false where shutdown was asked for before.
    fn prepared(
        &self,
        handle: &Handle,
        store: &Store,
        shutdown: &Shutdown,
        part: &Part,
    ) -> Result<bool, SinkError> {
        let mut pauses = Pauses::new(self.config.kafka.timeouts.pause);
        loop {
            match self.try_prepare(handle, store, shutdown, part) {
                None => return Ok(false),
                Some(Ok(())) => return Ok(true),
                Some(Err(e)) if e.is_transient() => {
                    self.failed(&e);
                    part.waits_for(format!("ClickHouse: {e}"));
                }
                Some(Err(e)) => return Err(e.into()),
            }
            pauses.rest(&|| shutdown.is_requested());
        }
    }

    /// One try; none where shutdown was asked for meanwhile. A store that stands still is waited
    /// for: statements that change tables have no limit.
    fn try_prepare(
        &self,
        handle: &Handle,
        store: &Store,
        shutdown: &Shutdown,
        part: &Part,
    ) -> Option<Result<(), StoreError>> {
        let begun = Instant::now();
        let mut done = std::pin::pin!(self.prepare(store));
        loop {
            let tick = handle.block_on(async {
                tokio::time::timeout(Duration::from_millis(100), &mut done).await
            });
            match tick {
                Ok(done) => return Some(done),
                Err(_) if shutdown.is_requested() => return None,
                Err(_) => part.alive(),
            }
            if begun.elapsed() > self.config.kafka.timeouts.call {
                part.waits_for("ClickHouse, to prepare its tables");
            }
        }
    }

    /// Something is tried again.
    fn failed(&self, e: &StoreError) {
        tracing::warn!("{e}; trying again");
        metrics::counter!(metric::RETRIES).increment(1);
        self.tell(Some(e.to_string()));
    }

    /// Inserts the rows of one table until they are acknowledged.
    async fn deliver(&self, store: &Store, waiting: Waiting) -> Result<(), StoreError> {
        let Waiting {
            table,
            columns,
            bytes,
            rows,
        } = waiting;
        let begun = Instant::now();
        let mut span = traces::call("insert");
        span.text("db.collection.name", table.as_str());
        span.number("weir.rows", i64::try_from(rows).unwrap_or(i64::MAX));
        let attempt = || store.insert(&table, &columns, bytes.clone());
        Backoff::default()
            .retry(attempt, |e| self.failed(e))
            .await
            .inspect_err(|e| span.failed(e.to_string()))?;
        self.tell(None);
        metrics::counter!(metric::ROWS, "table" => table.clone()).increment(rows as u64);
        metrics::counter!(metric::INSERTS, "table" => table.clone()).increment(1);
        metrics::histogram!(metric::INSERT_SECONDS, "table" => table)
            .record(begun.elapsed().as_secs_f64());
        Ok(())
    }
}
