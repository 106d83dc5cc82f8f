//! Stages 2 and 3 in the shell: state by partition, kept as snapshots in `weir.state` and folded
//! forward from them.

use crate::Scope;
use crate::forget::{Cycles, Forgetting};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};
use weir_engine::EngineError;
use weir_kafka::batch::Run as Records;
use weir_kafka::{Committed, Outbox, Stage, StageError, Tp, compacted};
use weir_model::topics;

/// Key suffix of the record that moves the coverage of unchanged shards forward.
const MARKER: &str = "marker";

/// A part of a snapshot: key suffix and value; `None` deletes.
pub(crate) type SnapshotPart = (String, Option<Vec<u8>>);

/// A fold of one partition with snapshots by shard: the common shape of window and score.
pub(crate) trait Keyed: Sized {
    /// What a fold gives.
    type Out: Default;
    /// What a stage instance keeps beside its partitions: nobody's state, made anew where it is
    /// lost.
    type Beside: Default;
    /// In keys and metrics.
    const NAME: &'static str;
    /// Topic that is read.
    const INPUT: &'static str;
    fn create(scope: &Scope, partition: i32) -> Result<Self, EngineError>;
    fn fold(
        &mut self,
        offset: i64,
        value: &[u8],
        emit: bool,
        out: &mut Self::Out,
    ) -> Result<(), EngineError>;
    fn snapshot(&mut self, shard: u32) -> Vec<SnapshotPart>;
    fn marker(&self) -> Vec<u8>;
    fn shards(&self) -> u32;
    fn dirty(&self, shard: u32) -> bool;
    fn restore(
        &mut self,
        parts: &mut dyn Iterator<Item = (String, Vec<u8>)>,
    ) -> Result<(), EngineError>;
    fn resume_from(&self) -> i64;
    /// Writes and empties `out`.
    fn write(
        scope: &Scope,
        results: &mut Self::Out,
        out: &mut Outbox<'_>,
    ) -> Result<(), StageError>;
    /// Something to do from time to time, outside of transactions.
    fn now_and_then(
        _beside: &mut Self::Beside,
        _parts: &mut dyn Iterator<Item = &mut Self>,
        _scope: &Scope,
    ) -> Result<(), StageError> {
        Ok(())
    }
    /// Tells its figures.
    fn report(&self, _partition: i32, _scope: &Scope) {}
}

pub(crate) fn stage_error(e: EngineError) -> StageError {
    StageError::new(e.code(), e.to_string())
}

struct Part<F> {
    fold: F,
    /// Offsets below this only move state.
    committed: i64,
    /// Of the next record.
    next: i64,
    /// Shard to be looked at next; the number of shards stands for the marker.
    turn: u32,
    due: Instant,
    /// `next` at the last marker.
    marked: i64,
    cycles: Cycles,
    /// Suffixes of parts that were refused: they are deleted with the next commit.
    refused: Vec<String>,
}

/// [`Keyed`] as a [`Stage`].
pub(crate) struct KeyedStage<F: Keyed> {
    scope: Scope,
    cycle: Duration,
    parts: BTreeMap<i32, Part<F>>,
    results: F::Out,
    beside: F::Beside,
    forgetting: Forgetting,
    reported: Instant,
}

impl<F: Keyed> KeyedStage<F> {
    pub(crate) fn new(scope: Scope, cycle: Duration) -> KeyedStage<F> {
        KeyedStage {
            scope,
            cycle,
            parts: BTreeMap::new(),
            results: F::Out::default(),
            beside: F::Beside::default(),
            forgetting: Forgetting::default(),
            reported: Instant::now(),
        }
    }

    fn prefix(&self, partition: i32) -> String {
        format!("{}/r{}/{partition}/", F::NAME, self.scope.run.number)
    }

    fn state_partition(&self, partition: i32) -> i32 {
        partition.rem_euclid(self.scope.state.max(1) as i32)
    }

    /// The newest parts of the snapshots of these partitions, by partition and suffix.
    fn load(
        &self,
        partitions: &[i32],
    ) -> Result<BTreeMap<i32, BTreeMap<String, Vec<u8>>>, StageError> {
        let mut found: BTreeMap<i32, BTreeMap<String, Vec<u8>>> = BTreeMap::new();
        let prefixes: Vec<(i32, String)> =
            partitions.iter().map(|&p| (p, self.prefix(p))).collect();
        let from: BTreeSet<i32> = partitions
            .iter()
            .map(|&p| self.state_partition(p))
            .collect();
        let from: Vec<i32> = from.into_iter().collect();
        compacted::scan(
            &self.scope.brokers,
            topics::STATE,
            Some(&from),
            self.scope.limit(),
            &mut |key, value| {
                let Ok(key) = std::str::from_utf8(key) else {
                    return;
                };
                for (p, prefix) in &prefixes {
                    if let Some(suffix) = key.strip_prefix(prefix.as_str()) {
                        let of = found.entry(*p).or_default();
                        match value {
                            Some(v) => of.insert(suffix.to_owned(), v.to_vec()),
                            None => of.remove(suffix),
                        };
                        return;
                    }
                }
            },
        )?;
        Ok(found)
    }

    /// The fold as its snapshots say, and the suffixes of those that are to go. State is a cache of
    /// the log: where it is damaged the log is folded from its beginning, which the shell refuses
    /// where it is gone (WEIR-0208).
    fn restored(
        &self,
        tp: &Tp,
        parts: BTreeMap<String, Vec<u8>>,
    ) -> Result<(F, Vec<String>), StageError> {
        let suffixes: Vec<String> = parts.keys().cloned().collect();
        let mut fold = F::create(&self.scope, tp.partition).map_err(stage_error)?;
        match fold.restore(&mut parts.into_iter()) {
            Ok(()) => Ok((fold, Vec::new())),
            Err(e @ EngineError::Corrupt { .. }) => {
                tracing::warn!(stage = F::NAME, "{tp} is folded from its beginning: {e}");
                metrics::counter!(crate::metric::REFUSED, "stage" => F::NAME).increment(1);
                let fresh = F::create(&self.scope, tp.partition).map_err(stage_error)?;
                Ok((fresh, suffixes))
            }
            Err(e) => Err(stage_error(e)),
        }
    }

    /// Time between two looks at a partition: all shards and the marker within one cycle.
    fn step(&self, shards: u32) -> Duration {
        self.cycle / (shards + 1)
    }

    fn due(&self) -> bool {
        let now = Instant::now();
        self.parts.values().any(|p| {
            p.due <= now
                && p.next >= p.committed
                && (p.marked < p.next || (0..p.fold.shards()).any(|s| p.fold.dirty(s)))
        })
    }

    /// Deletes what snapshots have covered for long. No transaction is open, so their coverage is
    /// committed.
    fn forget(&mut self) {
        if !self.forgetting.rests() {
            return;
        }
        let parts = self.parts.iter_mut();
        let before: Vec<(Tp, i64)> = parts
            .filter_map(|(p, part)| Some((Tp::new(F::INPUT, *p), part.cycles.take()?)))
            .collect();
        if !before.is_empty() {
            self.forgetting.start(&self.scope, before);
        }
    }

    /// Writes the snapshots that are due: one shard of each partition at most.
    fn snapshots(&mut self, out: &mut Outbox<'_>) {
        let now = Instant::now();
        let partitions: Vec<i32> = self.parts.keys().copied().collect();
        for partition in partitions {
            let (prefix, to) = (self.prefix(partition), self.state_partition(partition));
            let Some(step) = self
                .parts
                .get(&partition)
                .map(|p| self.step(p.fold.shards()))
            else {
                continue;
            };
            let Some(p) = self.parts.get_mut(&partition) else {
                continue;
            };
            if p.due > now || p.next < p.committed {
                continue;
            }
            p.due = now + step;
            // Before new ones of the same keys.
            for suffix in p.refused.drain(..) {
                let key = format!("{prefix}{suffix}");
                out.send(topics::STATE, Some(to), Some(key.as_bytes()), None, &[]);
            }
            let shards = p.fold.shards();
            if p.turn < shards {
                let shard = p.turn;
                p.turn += 1;
                if !p.fold.dirty(shard) {
                    continue;
                }
                for (suffix, value) in p.fold.snapshot(shard) {
                    let key = format!("{prefix}{suffix}");
                    metrics::counter!(crate::metric::SNAPSHOT_BYTES, "stage" => F::NAME)
                        .increment(value.as_ref().map_or(0, |v| v.len() as u64));
                    out.send(
                        topics::STATE,
                        Some(to),
                        Some(key.as_bytes()),
                        value.as_deref(),
                        &[],
                    );
                }
                metrics::counter!(crate::metric::SNAPSHOTS, "stage" => F::NAME).increment(1);
            } else {
                p.turn = 0;
                if p.marked < p.next {
                    p.marked = p.next;
                    p.cycles.ended(p.next);
                    let key = format!("{prefix}{MARKER}");
                    out.send(
                        topics::STATE,
                        Some(to),
                        Some(key.as_bytes()),
                        Some(&p.fold.marker()),
                        &[],
                    );
                }
            }
        }
    }
}

impl<F: Keyed> Stage for KeyedStage<F> {
    fn assigned(&mut self, new: &[Committed]) -> Result<Vec<Option<i64>>, StageError> {
        let partitions: Vec<i32> = new.iter().map(|c| c.tp.partition).collect();
        let mut found = self.load(&partitions)?;
        let mut starts = Vec::with_capacity(new.len());
        for (i, c) in new.iter().enumerate() {
            let partition = c.tp.partition;
            let parts = found.remove(&partition).unwrap_or_default();
            let (fold, refused) = self.restored(&c.tp, parts)?;
            let start = fold.resume_from();
            let committed = c.offset.unwrap_or(0);
            // Coverage beyond the committed offset would leave out records: both are written in one
            // transaction.
            if start > committed {
                let what = format!(
                    "the snapshot of {} covers {start}, committed is {committed}",
                    c.tp
                );
                return Err(StageError::new(weir_model::codes::INVARIANT, what));
            }
            let step = self.step(fold.shards());
            // Spread: partitions do not write their snapshots at the same moment.
            let due =
                Instant::now() + step + step.mul_f64((i as f64 + 1.0) / (new.len() as f64 + 1.0));
            self.parts.insert(
                partition,
                Part {
                    fold,
                    committed,
                    next: start,
                    turn: 0,
                    due,
                    marked: start,
                    cycles: Cycles::default(),
                    refused,
                },
            );
            starts.push(Some(start));
        }
        Ok(starts)
    }

    fn revoked(&mut self, gone: &[Tp]) {
        for tp in gone {
            self.parts.remove(&tp.partition);
        }
        // Results are written at each commit: what is left belongs to a commit that was refused.
        self.results = F::Out::default();
    }

    fn fold(
        &mut self,
        tp: &Tp,
        records: Records<'_>,
        out: &mut Outbox<'_>,
    ) -> Result<(), StageError> {
        let Some(part) = self.parts.get_mut(&tp.partition) else {
            return Err(StageError::new(
                weir_model::codes::INVARIANT,
                format!("{tp} has no state here"),
            ));
        };
        for m in records.iter() {
            if let Some(value) = m.value() {
                let emit = m.offset() >= part.committed;
                part.fold
                    .fold(m.offset(), value, emit, &mut self.results)
                    .map_err(stage_error)?;
            }
            part.next = m.offset() + 1;
        }
        F::write(&self.scope, &mut self.results, out)
    }

    fn commit(&mut self, out: &mut Outbox<'_>) -> Result<(), StageError> {
        self.snapshots(out);
        Ok(())
    }

    fn committed(&mut self) {
        for part in self.parts.values_mut() {
            part.committed = part.committed.max(part.next);
        }
    }

    fn wants_commit(&mut self) -> bool {
        self.due()
    }

    fn between(&mut self, _: &[weir_kafka::stage::Progress]) -> Result<(), StageError> {
        F::now_and_then(
            &mut self.beside,
            &mut self.parts.values_mut().map(|p| &mut p.fold),
            &self.scope,
        )?;
        self.forget();
        if self.reported.elapsed() > Duration::from_secs(5) {
            self.reported = Instant::now();
            for (partition, part) in &self.parts {
                part.fold.report(*partition, &self.scope);
            }
        }
        Ok(())
    }
}
