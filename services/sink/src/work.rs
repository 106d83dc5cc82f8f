//! Reading and inserting side by side.

use crate::position::Position;
use crate::rows::{Buffer, Router, Waiting};
use crate::{Sink, SinkError, metric};
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use tokio::task::{JoinError, JoinSet};
use weir_kafka::{Change, Consumer, Ends, Tp};
use weir_runtime::{Part, Shutdown};
use weir_store::{Store, StoreError};

/// Reading and inserting side by side: while rows are on their way to ClickHouse, the next ones are read. Offsets are committed when
/// the rows before them are acknowledged.
pub(crate) struct Work<'a> {
    pub(crate) sink: &'a Sink,
    pub(crate) handle: &'a Handle,
    pub(crate) store: &'a Store,
    pub(crate) consumer: Consumer,
    pub(crate) part: &'a Part,
    pub(crate) position: Position,
    pub(crate) looked: Instant,
    pub(crate) read_at: Instant,
    pub(crate) ends: Ends,
    /// Since then nothing was read although something waits, or no broker told whether it does.
    pub(crate) stuck: Option<Instant>,
    /// One at most; ends with this.
    pub(crate) inserting: JoinSet<Result<(), StoreError>>,
}

impl Work<'_> {
    /// Reads what there is.
    pub(crate) fn gather(&mut self, router: &mut Router) -> Result<(), SinkError> {
        let batch = self
            .consumer
            .next(Duration::from_millis(50), Duration::ZERO, 10_000)?;
        if !batch.is_empty() {
            self.read_at = Instant::now();
            self.part.read();
        }
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
    pub(crate) fn insert(
        &mut self,
        router: &mut Router,
        shutdown: &Shutdown,
    ) -> Result<(), SinkError> {
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
    /// any more. Nor is anything where shutdown is asked for and ClickHouse does not answer: so nothing is lost.
    pub(crate) fn finish(&mut self, shutdown: &Shutdown) -> Result<(), SinkError> {
        let begun = Instant::now();
        while !self.inserting.is_empty() {
            let joined = self.handle.block_on(async {
                let join = self.inserting.join_next();
                tokio::time::timeout(Duration::from_millis(50), join).await
            });
            if let Ok(Some(done)) = joined {
                return self.done(done);
            }
            let waited = begun.elapsed() > self.limit();
            if shutdown.is_requested() && (waited || self.sink.trouble().is_some()) {
                return Ok(());
            }
            if waited {
                self.part.waits_for("ClickHouse, to take rows");
            }
            self.part.alive();
            if let Some(change) = self.consumer.poll(Duration::ZERO)? {
                self.answer(change)?;
            }
        }
        Ok(())
    }

    /// Commits if the rows are there by now.
    pub(crate) fn arrived(&mut self) -> Result<(), SinkError> {
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
        if self.position.commit(&self.consumer, self.limit())? {
            self.part.committed();
        }
        Ok(())
    }

    pub(crate) fn answer(&mut self, change: Change) -> Result<(), SinkError> {
        self.position.answer(&self.consumer, change, self.limit())
    }

    fn limit(&self) -> Duration {
        self.sink.config.kafka.timeouts.call
    }

    /// Tells how much waits. Where nothing was read for a while the brokers are asked: what the client knows came with what it
    /// fetched, and would not show that it does not fetch.
    ///
    /// # Errors
    /// Past the limit for standing still: a new client is to be tried.
    pub(crate) fn look(&mut self) -> Result<(), SinkError> {
        let t = &self.sink.config.kafka.timeouts;
        if self.looked.elapsed() < t.stall / 4 {
            return Ok(());
        }
        self.looked = Instant::now();
        let quiet = self.read_at.elapsed() > t.stall / 4 && !self.position.next.is_empty();
        let asked = match quiet {
            true => self.ends.look(self.position.next.keys().cloned().collect()),
            false => Some(Ok(Vec::new())),
        };
        let waits = match asked {
            // The answer takes its time: until then all is as it was.
            None => return Ok(()),
            Some(Ok(ends)) => self.tell_lag(&ends) > 0,
            Some(Err(e)) => {
                self.part.waits_for(format!("Kafka: {e}"));
                true
            }
        };
        if !(quiet && waits) {
            self.stuck = None;
        } else if self.stuck.get_or_insert(self.looked).elapsed() > t.stall {
            return Err(SinkError::Kafka(weir_kafka::Error::Deadline {
                what: "reading what waits".into(),
                seconds: t.stall.as_secs(),
            }));
        }
        Ok(())
    }

    /// Records between where reading stands and the ends, as asked for or as known by the client.
    fn tell_lag(&self, asked: &[(Tp, i64)]) -> i64 {
        let behind = self.position.lag(&self.consumer, asked);
        metrics::gauge!(metric::LAG).set(behind as f64);
        let moved = self.position.moved() || !self.inserting.is_empty();
        match moved {
            _ if behind > 0 || !self.consumer.is_member() => self.part.waits(),
            true => self.part.caught_up(),
            false => self.part.idle(),
        }
        behind
    }
}
