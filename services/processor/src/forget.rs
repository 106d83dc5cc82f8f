//! What snapshots cover goes from the log: stages 2 and 3 read on from their snapshots, and nobody
//! else reads partials and terms.

use crate::Scope;
use std::collections::VecDeque;
use std::thread::JoinHandle;
use weir_kafka::admin::Admin;
use weir_kafka::{Error, Tp};

/// Snapshot cycles whose records are kept, so that nothing is missed where a stage goes back.
const CYCLES: usize = 10;

/// Where the last cycles of one partition ended, the oldest first.
#[derive(Debug, Default)]
pub(crate) struct Cycles(VecDeque<i64>);

impl Cycles {
    /// A cycle ended before this offset. Its snapshots cover what was read when it began, and that
    /// is where the cycle before ended.
    pub(crate) fn ended(&mut self, next: i64) {
        self.0.push_back(next);
    }

    /// Records before this offset may go; told once.
    pub(crate) fn take(&mut self) -> Option<i64> {
        let mut before = None;
        while self.0.len() > CYCLES {
            before = self.0.pop_front();
        }
        before
    }
}

/// Deletes on a thread of its own, so that a broker which does not answer holds up no results. What
/// is not deleted this time goes with a later cycle.
#[derive(Debug, Default)]
pub(crate) struct Forgetting(Option<JoinHandle<()>>);

impl Forgetting {
    /// True where the last deletion has ended.
    pub(crate) fn rests(&self) -> bool {
        self.0.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Deletes the records of these partitions that lie before the offset.
    pub(crate) fn start(&mut self, scope: &Scope, before: Vec<(Tp, i64)>) {
        let scope = scope.clone();
        let thread = std::thread::Builder::new().name("weir-forget".into());
        let spawned = thread.spawn(move || {
            if let Err(e) = forget(&scope, &before) {
                tracing::warn!("what snapshots cover stays in the log for now: {e}");
            }
        });
        self.0 = spawned.ok();
    }
}

/// Another run that began meanwhile reads the same topics from their beginning, so only the
/// current run deletes.
fn forget(scope: &Scope, before: &[(Tp, i64)]) -> Result<(), Error> {
    let now = crate::current(&scope.brokers, scope.limit())?;
    if now.is_none_or(|run| run.number != scope.run.number) {
        return Ok(());
    }
    Admin::new(&scope.brokers, scope.limit())?.delete_before(before)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::{reprocess, run_of};
    use std::sync::Arc;
    use std::time::Duration;
    use weir_catalog::Catalog;
    use weir_kafka::admin::Partitions;
    use weir_kafka::{Appender, Brokers};
    use weir_model::topics;

    #[test]
    fn ten_cycles_are_kept() {
        let mut cycles = Cycles::default();
        for n in 0..10 {
            cycles.ended(100 * n);
            assert_eq!(cycles.take(), None);
        }
        cycles.ended(1_000);
        assert_eq!(cycles.take(), Some(0));
        assert_eq!(cycles.take(), None);
        cycles.ended(1_100);
        cycles.ended(1_200);
        assert_eq!(cycles.take(), Some(200));
    }

    #[test]
    fn only_the_current_run_deletes() {
        let deadline = Duration::from_secs(20);
        let brokers = Brokers::new(weir_embedded::testing::kafka().address());
        let catalog = Arc::new(Catalog::embedded().unwrap());
        let partitions = Partitions::default();
        let old = run_of(&brokers, &catalog, &partitions, deadline).unwrap();
        let new = reprocess(&brokers, &catalog, &partitions, deadline).unwrap();
        let out = Appender::new(&brokers).unwrap();
        for _ in 0..20 {
            out.send(topics::PARTIALS, Some(0), None, Some(b"x"), &[])
                .unwrap();
        }
        out.flush().unwrap();
        let admin = Admin::new(&brokers, deadline).unwrap();
        for (run, low) in [(old, 0), (new, 10)] {
            let scope = Scope::new(&brokers, catalog.clone(), run).unwrap();
            forget(&scope, &[(Tp::new(topics::PARTIALS, 0), 10)]).unwrap();
            let partials = admin.topics(&[topics::PARTIALS]).unwrap().remove(0);
            assert_eq!(partials.partitions[0].low, low);
        }
    }
}
