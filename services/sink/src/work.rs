//! Reading and inserting side by side.

use crate::position::Position;
use crate::rows::{Buffer, Router, Waiting};
use crate::{Sink, SinkError, metric};
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use tokio::task::{JoinError, JoinSet};
use weir_kafka::{Change, Consumer, Tp, Watch};
use weir_runtime::{Part, Shutdown};
use weir_store::{Store, StoreError};

/// Reading and inserting side by side: while rows are on their way to ClickHouse, the next ones are
/// read. Offsets are committed when the rows before them are acknowledged.
pub(crate) struct Work<'a> {
    pub(crate) sink: &'a Sink,
    pub(crate) handle: &'a Handle,
    pub(crate) store: &'a Store,
    pub(crate) consumer: Consumer,
    pub(crate) part: &'a Part,
    pub(crate) position: Position,
    pub(crate) watch: Watch,
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
            self.watch.read();
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

    /// Waits for the rows that are on their way, then commits. Rebalances are answered meanwhile:
    /// partitions that go are not committed any more. Nor is anything where shutdown is asked for
    /// and ClickHouse does not answer: so nothing is lost.
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

    /// Tells how much waits: records between where reading stands and the ends.
    ///
    /// # Errors
    /// Where that is not read: a new client is to be tried.
    pub(crate) fn look(&mut self) -> Result<(), SinkError> {
        let (position, consumer, part) = (&self.position, &self.consumer, self.part);
        let moved = position.moved() || !self.inserting.is_empty();
        let lag = |asked: &[(Tp, i64)]| {
            let behind = position.lag(consumer, asked);
            metrics::gauge!(metric::LAG).set(behind as f64);
            match moved {
                _ if behind > 0 || !consumer.is_member() => part.waits(),
                true => part.caught_up(),
                false => part.idle(),
            }
            behind
        };
        let parts = || position.next.keys().cloned().collect();
        Ok(self.watch.look(part, parts, lag)?)
    }
}
