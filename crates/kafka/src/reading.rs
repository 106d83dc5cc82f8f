//! Reads and folds until a commit is due.

use crate::batch::Batch;
use crate::consumer::Consumer;
use crate::error::Error;
use crate::metric;
use crate::owned::{Owned, find};
use crate::stage::{Outbox, Stage, StageConfig};
use crate::turn::{self, BATCH};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Wait for more after the first record of a batch. The library waits all of it unless the batch is
/// full.
const GATHER: Duration = Duration::from_millis(3);
/// A record older than this is history: commits go by volume.
const BEHIND: Duration = Duration::from_secs(2);

/// What is read between two commits.
pub(crate) struct Reading<'a> {
    pub config: &'a StageConfig,
    pub stop: &'a AtomicBool,
    pub consumer: &'a Consumer,
    /// When the last commit began. Intervals go from there: what came while it was written does not
    /// wait for another whole one, and what comes after a pause does not wait at all.
    pub last: Instant,
}

/// How much was read so far, and whether it is history.
#[derive(Default)]
struct Read {
    records: usize,
    bytes: usize,
    behind: bool,
}

impl Reading<'_> {
    /// Reads and folds until a commit is due; returns the number of records.
    pub fn fold(
        &self,
        owned: &mut [Owned],
        stage: &mut dyn Stage,
        out: &mut Outbox<'_>,
    ) -> Result<usize, Error> {
        let (config, consumer) = (self.config, self.consumer);
        let mut read = Read::default();
        loop {
            let batch = match consumer.is_apart() {
                true => turn::next(consumer, owned, stage)?,
                false => consumer.next(self.wait(&read), GATHER, BATCH)?,
            };
            let was_behind = std::mem::replace(&mut read.behind, batch.len() == BATCH);
            take(&batch, owned, stage, out, &mut read)?;
            self.end(&batch, owned)?;
            // Where reading overtakes fetching there is nothing at hand for a moment: that is no
            // end of history.
            let waits = consumer.is_apart() || was_behind && batch.is_empty();
            read.behind |= waits && owned.iter().any(|o| !o.at_end);
            let change =
                batch.len() == BATCH && turn::wanted(consumer, owned, stage) != consumer.is_apart();
            let empty = batch.is_empty();
            drop(batch);
            if self.due(&read, empty, stage)
                || change
                || read.records >= 2 * config.commit_records
                || self.stop.load(Ordering::Relaxed)
            {
                break;
            }
        }
        metrics::counter!(metric::RECORDS, "stage" => config.stage).increment(read.records as u64);
        metrics::counter!(metric::BYTES, "stage" => config.stage).increment(read.bytes as u64);
        Ok(read.records)
    }

    /// How long the next batch is waited for.
    fn wait(&self, read: &Read) -> Duration {
        if read.records == 0 {
            self.config.idle
        } else if read.behind {
            turn::PATIENCE
        } else {
            self.config
                .commit_interval
                .saturating_sub(self.last.elapsed())
        }
    }

    /// Takes note of partitions that were read to their ends.
    fn end(&self, batch: &Batch<'_>, owned: &mut [Owned]) -> Result<(), Error> {
        for end in batch.ends() {
            let mut of = owned.iter_mut();
            let named = |o: &&mut Owned| o.tp.partition == end.partition && o.tp.topic == end.topic;
            let Some(o) = of.find(named) else { continue };
            o.at_end = end.next >= o.next;
            // The end may lie behind control records, which are never handed out.
            o.next = o.next.max(end.next);
            if o.at_end && self.consumer.is_apart() && o.resting.is_none() {
                self.consumer.pause(std::slice::from_ref(&o.tp))?;
                o.resting = Some(Instant::now());
            }
        }
        Ok(())
    }

    /// Whether it is time to commit. `empty`: nothing came with the last batch.
    fn due(&self, read: &Read, empty: bool, stage: &mut dyn Stage) -> bool {
        let (config, age) = (self.config, self.last.elapsed());
        if read.behind {
            age >= config.commit_interval_behind
                || read.bytes >= config.commit_bytes
                || (read.records >= config.commit_records && stage.at_boundary())
        } else {
            // Also where history ends: the next batch would only be waited for.
            empty || age >= config.commit_interval
        }
    }
}

/// Folds a batch.
fn take(
    batch: &Batch<'_>,
    owned: &mut [Owned],
    stage: &mut dyn Stage,
    out: &mut Outbox<'_>,
    read: &mut Read,
) -> Result<(), Error> {
    for run in batch.runs() {
        let first = run.first();
        let name = || first.topic();
        let Some(o) = find(owned, first.topic_token(), first.partition(), name) else {
            let what = format!("{first:?} is not assigned to this instance");
            return Err(Error::Invariant(what));
        };
        // A step back would count twice. A jump forward cannot be told from what the log legally
        // leaves out: control records of transactions, aborted records, compacted ones; that
        // nothing else is missing was checked against the log's first offset.
        if first.offset() < o.next {
            let what = format!("{first:?} after offset {} was expected", o.next);
            return Err(Error::Invariant(what));
        }
        stage.fold(&o.tp, run, out)?;
        o.next = run.last().offset() + 1;
        o.at_end = false;
        read.records += run.len();
        let bytes = run.iter().map(|m| m.value().map_or(0, <[u8]>::len));
        read.bytes += bytes.sum::<usize>();
        read.behind |= age(run.last().timestamp()) > BEHIND;
    }
    Ok(())
}

fn age(append_ms: i64) -> Duration {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    now.saturating_sub(Duration::from_millis(append_ms.max(0) as u64))
}
