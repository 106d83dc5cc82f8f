//! The sink: Kafka to ClickHouse, delivered until acknowledged, effective once.
//!
//! Every row has a key that is a function of the log, and every table replaces by key. So the sink inserts until
//! ClickHouse acknowledges, then commits its offsets; what is delivered twice changes nothing.

mod archive;
pub mod metric;
mod rows;

use rows::{Buffer, Router, Waiting};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use tokio::task::{JoinError, JoinSet};
use weir_catalog::Catalog;
use weir_kafka::consumer::Change;
use weir_kafka::{Brokers, Consumer, Fetching, Tp};
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
        if !self.prepared(handle, &store, shutdown)? {
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
        let fetching = Fetching {
            held: HELD,
            ..Fetching::default()
        };
        let consumer = Consumer::group(&self.config.brokers, GROUP, &member, &topics, fetching)?;
        let mut work = Work {
            sink: self,
            handle,
            store,
            consumer,
            position: Position::default(),
            inserting: JoinSet::new(),
        };
        let wait = Duration::from_millis(self.config.max_wait_ms);
        let mut oldest: Option<Instant> = None;
        self.tell(None);
        loop {
            if let Some(change) = work.consumer.poll(Duration::ZERO)? {
                if matches!(&change, Change::Revoked(_)) {
                    // What was read of these is inserted and committed first, or their next reader reads it again.
                    work.insert(&mut router, shutdown)?;
                    work.finish(shutdown)?;
                    oldest = None;
                }
                work.position.answer(&work.consumer, change)?;
                continue;
            }
            work.gather(&mut router)?;
            if oldest.is_none() && work.position.moved() {
                oldest = Some(Instant::now());
            }
            let (rows, bytes) = router.size();
            let due = rows >= self.config.max_rows
                || bytes >= MAX_BYTES
                || oldest.is_some_and(|t| t.elapsed() >= wait);
            if due || shutdown.is_requested() {
                work.insert(&mut router, shutdown)?;
                oldest = None;
                metrics::gauge!(metric::LAG).set(work.position.lag(&work.consumer) as f64);
            }
            if shutdown.is_requested() {
                return work.finish(shutdown);
            }
            work.look()?;
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

    /// Prepares the database, trying until it succeeds; false where shutdown was asked for before.
    fn prepared(
        &self,
        handle: &Handle,
        store: &Store,
        shutdown: &Shutdown,
    ) -> Result<bool, SinkError> {
        let mut backoff = Backoff::default();
        loop {
            match handle.block_on(self.prepare(store)) {
                Ok(()) => return Ok(true),
                Err(e) if e.is_transient() => self.failed(&e),
                Err(e) => return Err(e.into()),
            }
            let until = Instant::now() + backoff.next_wait();
            while Instant::now() < until {
                if shutdown.is_requested() {
                    return Ok(false);
                }
                std::thread::sleep(Duration::from_millis(50));
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
        let attempt = || store.insert(&table, &columns, bytes.clone());
        Backoff::default()
            .retry(attempt, |e| self.failed(e))
            .await?;
        self.tell(None);
        metrics::counter!(metric::ROWS, "table" => table.clone()).increment(rows as u64);
        metrics::counter!(metric::INSERTS, "table" => table.clone()).increment(1);
        metrics::histogram!(metric::INSERT_SECONDS, "table" => table)
            .record(begun.elapsed().as_secs_f64());
        Ok(())
    }
}

/// Reading and inserting side by side: while rows are on their way to ClickHouse, the next ones are read. Offsets are committed when
/// the rows before them are acknowledged.
struct Work<'a> {
    sink: &'a Sink,
    handle: &'a Handle,
    store: &'a Store,
    consumer: Consumer,
    position: Position,
    /// One at most; ends with this.
    inserting: JoinSet<Result<(), StoreError>>,
}

impl Work<'_> {
    /// Reads what there is.
    fn gather(&mut self, router: &mut Router) -> Result<(), SinkError> {
        let batch = self
            .consumer
            .next(Duration::from_millis(50), Duration::ZERO, 10_000)?;
        for run in batch.runs() {
            let first = run.first();
            let tp = Tp::new(first.topic(), first.partition());
            if !self.position.owns(&tp) {
                continue;
            }
            self.position
                .advance(tp, first.offset(), run.last().offset() + 1)?;
            router.push(first.topic(), run.iter())?;
        }
        for end in batch.ends() {
            self.position
                .end(Tp::new(end.topic.clone(), end.partition), end.next);
        }
        Ok(())
    }

    /// Sends what waits on its way, once what was sent before is there.
    fn insert(&mut self, router: &mut Router, shutdown: &Shutdown) -> Result<(), SinkError> {
        self.finish(shutdown)?;
        if !self.inserting.is_empty() {
            return Ok(());
        }
        let waiting: Vec<Waiting> = router.waiting().map(Buffer::take).collect();
        self.position.begin();
        let (sink, store) = (self.sink.clone(), self.store.clone());
        let insert = async move {
            for rows in waiting {
                sink.deliver(&store, rows).await?;
            }
            Ok(())
        };
        self.inserting.spawn_on(insert, self.handle);
        Ok(())
    }

    /// Waits for the rows that are on their way, then commits. Rebalances are answered meanwhile: partitions that go are not committed
    /// any more. Nor is anything where shutdown is asked for while ClickHouse is down: so nothing is lost.
    fn finish(&mut self, shutdown: &Shutdown) -> Result<(), SinkError> {
        while !self.inserting.is_empty() {
            let joined = self.handle.block_on(async {
                let join = self.inserting.join_next();
                tokio::time::timeout(Duration::from_millis(50), join).await
            });
            if let Ok(Some(done)) = joined {
                return self.done(done);
            }
            if shutdown.is_requested() && self.sink.trouble().is_some() {
                return Ok(());
            }
            if let Some(change) = self.consumer.poll(Duration::ZERO)? {
                self.position.answer(&self.consumer, change)?;
            }
        }
        Ok(())
    }

    /// Commits if the rows are there by now.
    fn look(&mut self) -> Result<(), SinkError> {
        match self.inserting.try_join_next() {
            Some(done) => self.done(done),
            None => Ok(()),
        }
    }

    fn done(&mut self, done: Result<Result<(), StoreError>, JoinError>) -> Result<(), SinkError> {
        match done {
            Ok(inserted) => inserted?,
            Err(e) => match e.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                // The runtime ends: what was on its way is sent again.
                Err(_) => return Ok(()),
            },
        }
        self.position.commit(&self.consumer)
    }
}

/// Which partitions are owned, and how far they were read.
#[derive(Default)]
struct Position {
    /// Of each partition owned.
    next: BTreeMap<Tp, i64>,
    /// Read further than what was sent on its way.
    dirty: BTreeSet<Tp>,
    /// Where the rows that are on their way end.
    sent: BTreeMap<Tp, i64>,
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
                    self.sent.remove(tp);
                }
                consumer.release(&parts, &self.positions())?;
            }
        }
        Ok(())
    }

    /// What was read so far is on its way.
    fn begin(&mut self) {
        for tp in std::mem::take(&mut self.dirty) {
            if let Some(next) = self.next.get(&tp) {
                self.sent.insert(tp, *next);
            }
        }
    }

    /// What was on its way is there.
    fn commit(&mut self, consumer: &Consumer) -> Result<(), SinkError> {
        let sent: Vec<(Tp, i64)> = std::mem::take(&mut self.sent).into_iter().collect();
        match consumer.commit(&sent) {
            Ok(()) => Ok(()),
            // The rows are there; the offsets go with the next commit, or are read again.
            Err(e) if e.is_transient() => {
                tracing::warn!("{e}; offsets are committed with the next insert");
                self.dirty.extend(sent.into_iter().map(|(tp, _)| tp));
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
