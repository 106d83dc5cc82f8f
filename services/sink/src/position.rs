//! Which partitions are owned, and how far each was read, sent on its way and committed.

use crate::{SinkError, metric};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use weir_kafka::{Change, Consumer, Tp};

/// Which partitions are owned, and how far they were read.
#[derive(Default)]
pub(crate) struct Position {
    /// Of each partition owned.
    pub(crate) next: BTreeMap<Tp, i64>,
    /// Read further than what was sent on its way.
    dirty: BTreeSet<Tp>,
    /// Where the rows that are on their way end.
    sent: BTreeMap<Tp, i64>,
}

impl Position {
    pub(crate) fn owns(&self, tp: &Tp) -> bool {
        self.next.contains_key(tp)
    }

    pub(crate) fn moved(&self) -> bool {
        !self.dirty.is_empty()
    }

    pub(crate) fn advance(&mut self, tp: Tp, first: i64, next: i64) -> Result<(), SinkError> {
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
    pub(crate) fn end(&mut self, tp: Tp, next: i64) {
        if let Some(n) = self.next.get_mut(&tp)
            && *n < next
        {
            *n = next;
            self.dirty.insert(tp);
        }
    }

    pub(crate) fn positions(&self) -> Vec<(Tp, i64)> {
        self.next.iter().map(|(tp, n)| (tp.clone(), *n)).collect()
    }

    pub(crate) fn answer(
        &mut self,
        consumer: &Consumer,
        change: Change,
        limit: Duration,
    ) -> Result<(), SinkError> {
        match change {
            Change::Assigned(assigned) => {
                let mut from = Vec::new();
                let committed = consumer.committed(assigned.parts(), limit)?;
                let asked: Vec<Tp> = committed.iter().map(|c| c.tp.clone()).collect();
                let bounds = consumer.bounds(&asked, limit)?;
                for (c, (low, high)) in committed.into_iter().zip(bounds) {
                    // Retention may have passed the sink by while it was down: it goes on with what
                    // there is.
                    let offset = c.offset.unwrap_or(low);
                    if offset < low {
                        tracing::error!(partition = %c.tp, from = offset, to = low, "records left the log before they reached the store; run `weir reprocess`");
                    }
                    from.push((c.tp, offset.clamp(low, high.max(low))));
                }
                consumer.accept(assigned, &from, &self.positions())?;
                self.next.extend(from);
            }
            Change::Revoked(revoked) => {
                for tp in revoked.parts() {
                    self.next.remove(tp);
                    self.dirty.remove(tp);
                    self.sent.remove(tp);
                }
                consumer.release(revoked, &self.positions())?;
            }
        }
        Ok(())
    }

    /// What was read so far is on its way.
    pub(crate) fn begin(&mut self) {
        for tp in std::mem::take(&mut self.dirty) {
            if let Some(next) = self.next.get(&tp) {
                self.sent.insert(tp, *next);
            }
        }
    }

    /// What was on its way is there: commits; false where that was refused. The rows stay, the
    /// offsets go with the next commit; where the group has given the partitions to others, these
    /// read and insert the same rows again.
    pub(crate) fn commit(
        &mut self,
        consumer: &Consumer,
        limit: Duration,
    ) -> Result<bool, SinkError> {
        let sent: Vec<(Tp, i64)> = std::mem::take(&mut self.sent).into_iter().collect();
        match consumer.commit(&sent, limit) {
            Ok(()) => Ok(true),
            Err(e) if e.is_fatal() => Err(e.into()),
            Err(e) => {
                tracing::warn!("{e}; offsets are committed with the next insert");
                metrics::counter!(metric::REFUSED).increment(1);
                self.dirty.extend(sent.into_iter().map(|(tp, _)| tp));
                Ok(false)
            }
        }
    }

    /// Records up to the ends: as asked, else as known by the client.
    pub(crate) fn lag(&self, consumer: &Consumer, asked: &[(Tp, i64)]) -> i64 {
        let asked: BTreeMap<&Tp, i64> = asked.iter().map(|(tp, end)| (tp, *end)).collect();
        let end = |tp: &Tp| asked.get(tp).copied().or_else(|| consumer.known_end(tp));
        let behind = |(tp, next): (&Tp, &i64)| end(tp).map_or(0, |end| (end - next).max(0));
        self.next.iter().map(behind).sum()
    }
}
