//! The loop that every stage runs in: read, fold, commit, exactly once.
//!
//! One cycle is: serve rebalances (nothing is open now), read the group metadata, read and fold batches until a
//! commit is due, commit. So a batch never spans a change of assignment, and offsets are committed under the generation
//! that the records were read in.

use crate::consumer::{Change, Committed, Consumer, Tp};
use crate::error::Error;
use crate::metric;
use crate::producer::{Refused, Transactional};
use crate::stage::{Outbox, Progress, Stage, StageConfig};
use crate::turn;
use crate::watchdog::Watchdog;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Records per batch.
pub(crate) const BATCH: usize = 4096;
/// Wait for more after the first record of a batch. The library waits all of it unless the batch is full.
const GATHER: Duration = Duration::from_millis(3);
/// A record older than this is history: commits go by volume.
const BEHIND: Duration = Duration::from_secs(2);
/// A partition that rests is looked at again so often.
const REST: Duration = Duration::from_secs(30);
/// Rebuilds in a row without a commit between them.
const REBUILDS: u32 = 20;

/// Runs a stage until `stop` is set; then finishes the open transaction and leaves. Blocks its thread.
///
/// An error means: start the process again. Everything that can be healed inside is (refused commits, fenced or failed producers, lost
/// brokers within the deadline).
pub fn run_stage(
    config: &StageConfig,
    stage: &mut dyn Stage,
    stop: &AtomicBool,
) -> Result<(), Error> {
    // Longer than a single call may take: the calls' own limits should be what ends them.
    let watchdog = Watchdog::new(format!("stage {}", config.stage), config.deadline * 6);
    let mut failures = 0;
    while !stop.load(Ordering::Relaxed) {
        let mut session = match Session::open(config, stop) {
            Ok(Some(s)) => s,
            Ok(None) => return Ok(()),
            Err(e) => return Err(e),
        };
        let ended = session.run(stage, &watchdog);
        stage.revoked(&session.names());
        if session.commits > 0 {
            failures = 0;
        }
        match ended {
            Ok(()) => return Ok(()),
            Err(End::Exit(e)) => return Err(e),
            Err(End::Rebuild(e)) => {
                failures += 1;
                if failures > REBUILDS {
                    return Err(e);
                }
                tracing::warn!(stage = config.stage, "building both clients anew: {e}");
                metrics::counter!(metric::REBUILDS, "stage" => config.stage).increment(1);
                drop(session);
                std::thread::sleep(Duration::from_millis(100 * u64::from(failures.min(20))));
                watchdog.fed();
            }
        }
    }
    Ok(())
}

enum End {
    Rebuild(Error),
    Exit(Error),
}

impl From<Error> for End {
    fn from(e: Error) -> End {
        match e {
            Error::Gap { .. }
            | Error::PartitionsChanged { .. }
            | Error::Stage(_)
            | Error::Deadline { .. } => End::Exit(e),
            e => End::Rebuild(e),
        }
    }
}

pub(crate) struct Owned {
    pub tp: Tp,
    /// Of its records, once one was seen: comparing names for each run of records costs more.
    token: usize,
    committed: Option<i64>,
    pub next: i64,
    /// Of the log, when it was taken on.
    pub end: i64,
    pub at_end: bool,
    /// Not fetched since, see [`Session::keep_step`].
    resting: Option<Instant>,
}

struct Session<'a> {
    config: &'a StageConfig,
    stop: &'a AtomicBool,
    // Before the consumer: its drop must not leave a transaction behind that outlives the membership.
    producer: Transactional,
    consumer: Consumer,
    owned: Vec<Owned>,
    commits: u64,
    /// When the last commit began, and ended.
    began: Instant,
    committed_at: Instant,
    reported: Instant,
}

impl<'a> Session<'a> {
    fn open(config: &'a StageConfig, stop: &'a AtomicBool) -> Result<Option<Session<'a>>, Error> {
        let id = format!("{}-{}", config.group, config.instance);
        // The producer first: it aborts what an earlier life left open, so that the committed offsets are stable when read.
        let producer = Transactional::open(&config.brokers, &id, config.deadline)?;
        if stop.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let consumer = Consumer::group(
            &config.brokers,
            &config.group,
            &config.instance,
            &config.topics,
            config.fetching,
        )?;
        Ok(Some(Session {
            config,
            stop,
            producer,
            consumer,
            owned: Vec::new(),
            commits: 0,
            began: Instant::now(),
            committed_at: Instant::now(),
            reported: Instant::now(),
        }))
    }

    fn names(&self) -> Vec<Tp> {
        self.owned.iter().map(|o| o.tp.clone()).collect()
    }

    fn run(&mut self, stage: &mut dyn Stage, watchdog: &Watchdog) -> Result<(), End> {
        while !self.stop.load(Ordering::Relaxed) {
            watchdog.fed();
            self.rebalance(stage)?;
            self.keep_step(stage, &[])?;
            self.cycle(stage)?;
            stage.between(&self.progress()).map_err(Error::from)?;
            if self.reported.elapsed() > Duration::from_secs(5) {
                self.report();
            }
        }
        Ok(())
    }

    fn tell(&self, what: &str, parts: &[Tp]) {
        let names: Vec<String> = parts.iter().map(Tp::to_string).collect();
        tracing::info!(
            stage = self.config.stage,
            instance = self.config.instance,
            "{what}: {}",
            if names.is_empty() {
                "none".to_string()
            } else {
                names.join(" ")
            }
        );
    }

    /// Where reading stands, except of those.
    fn positions(&self, except: &[Tp]) -> Vec<(Tp, i64)> {
        self.owned
            .iter()
            .filter(|o| !except.contains(&o.tp))
            .map(|o| (o.tp.clone(), o.next))
            .collect()
    }

    fn progress(&self) -> Vec<Progress> {
        self.owned
            .iter()
            .map(|o| Progress {
                tp: o.tp.clone(),
                next: o.next,
                at_end: o.at_end,
            })
            .collect()
    }

    /// Nothing is folded but committed here, and no transaction is open.
    fn rebalance(&mut self, stage: &mut dyn Stage) -> Result<(), End> {
        while let Some(change) = self.consumer.poll(Duration::ZERO)? {
            self.wake(Duration::ZERO)?;
            match change {
                Change::Revoked(parts) => {
                    self.tell("partitions given up", &parts);
                    stage.revoked(&parts);
                    self.owned.retain(|o| !parts.contains(&o.tp));
                    self.consumer.release(&parts, &self.positions(&[]))?;
                }
                Change::Assigned(parts) => {
                    let from = self.restore(stage, &parts)?;
                    self.keep_step(stage, &parts)?;
                    self.consumer.accept(&from, &self.positions(&parts))?;
                    self.tell("partitions taken on", &parts);
                }
            }
            metrics::gauge!(metric::PARTITIONS, "stage" => self.config.stage)
                .set(self.owned.len() as f64);
        }
        Ok(())
    }

    /// Brings the stage's state of these partitions to what was committed, and says where to read from.
    fn restore(&mut self, stage: &mut dyn Stage, parts: &[Tp]) -> Result<Vec<(Tp, i64)>, End> {
        let committed: Vec<Committed> = self.consumer.committed(parts, self.config.deadline)?;
        let starts = stage.assigned(&committed).map_err(Error::from)?;
        let mut from = Vec::with_capacity(parts.len());
        for (c, start) in committed.into_iter().zip(starts) {
            let (low, end) = self.consumer.bounds(&c.tp, self.config.deadline)?;
            let wanted = start.or(c.offset);
            if let Some(wanted) = wanted
                && low > wanted
                // An offset nobody asked for: a first start on a log whose beginning is gone begins where the log does.
                && (c.offset.is_some() || wanted > 0)
            {
                return Err(End::Exit(Error::Gap {
                    topic: c.tp.topic.clone(),
                    partition: c.tp.partition,
                    low,
                    wanted,
                }));
            }
            let next = wanted.unwrap_or(low).max(low);
            self.owned.retain(|o| o.tp != c.tp);
            self.owned.push(Owned {
                tp: c.tp.clone(),
                token: 0,
                committed: c.offset,
                next,
                end,
                at_end: false,
                resting: None,
            });
            from.push((c.tp, next));
        }
        self.owned.sort_by(|a, b| a.tp.cmp(&b.tp));
        Ok(from)
    }

    fn cycle(&mut self, stage: &mut dyn Stage) -> Result<(), End> {
        let group = match self.consumer.group_metadata() {
            Some(g) if g.generation() >= 0 && !self.owned.is_empty() => g,
            // Not a member (any more), or nothing to do: wait for the group.
            _ => {
                std::thread::sleep(Duration::from_millis(20));
                return Ok(());
            }
        };
        let mut out = Outbox::new(&self.producer);
        let folded = fold(
            self.config,
            self.stop,
            &self.consumer,
            &mut self.owned,
            stage,
            &mut out,
            self.began,
        );
        let folded = match folded {
            Ok(n) => n,
            Err(e) => {
                if out.open {
                    let _ = self.producer.abort();
                }
                return Err(e);
            }
        };
        if folded == 0 && !stage.wants_commit() && !self.behind_only_control_records() {
            return Ok(());
        }
        let started = Instant::now();
        let done = match stage.commit(&mut out) {
            Ok(()) => commit(&mut out, &mut self.owned, stage, &group),
            Err(e) => {
                if out.open {
                    let _ = self.producer.abort();
                }
                return Err(Error::from(e).into());
            }
        };
        match done {
            Ok(true) => {
                self.commits += 1;
                self.began = started;
                self.committed_at = Instant::now();
                metrics::counter!(metric::COMMITS, "stage" => self.config.stage).increment(1);
                metrics::histogram!(metric::COMMIT_SECONDS, "stage" => self.config.stage)
                    .record(started.elapsed().as_secs_f64());
                stage.committed();
                Ok(())
            }
            Ok(false) => {
                stage.committed();
                Ok(())
            }
            Err(Refused::Fatal(e)) => Err(e.into()),
            Err(Refused::Abort(e)) => {
                tracing::info!(
                    stage = self.config.stage,
                    "commit refused, going back to what was committed: {e}"
                );
                metrics::counter!(metric::ABORTS, "stage" => self.config.stage).increment(1);
                let open = out.open;
                if open {
                    self.producer.abort().map_err(|r| End::from(r.error()))?;
                }
                self.roll_back(stage)
            }
        }
    }

    /// True where a partition is read to its end, and only the control records of transactions lie between that and what is
    /// committed: committed once things are quiet, so that lag is zero where nothing is left to do.
    fn behind_only_control_records(&self) -> bool {
        const QUIET: Duration = Duration::from_millis(300);
        self.committed_at.elapsed() > QUIET
            && self
                .owned
                .iter()
                .any(|o| o.at_end && o.next > o.committed.unwrap_or(0))
    }

    /// After an abort: state and position go back to the committed offsets of all partitions.
    fn roll_back(&mut self, stage: &mut dyn Stage) -> Result<(), End> {
        self.wake(Duration::ZERO)?;
        let parts = self.names();
        stage.revoked(&parts);
        let from = self.restore(stage, &parts)?;
        self.consumer.seek(&from)?;
        Ok(())
    }

    /// Chooses how partitions are read, by what is left. `new`: partitions that are not read yet.
    ///
    /// Read apart, a partition rests from its end on. The library has one request under way: one for those without news alone, while those
    /// with a lot to read have enough waiting, is held by the broker, and the latter get nothing meanwhile.
    fn keep_step(&mut self, stage: &dyn Stage, new: &[Tp]) -> Result<(), End> {
        let apart = turn::wanted(&self.consumer, &self.owned, stage);
        if apart != self.consumer.is_apart() {
            self.consumer.set_apart(apart, &self.positions(new))?;
        }
        self.wake(if apart { REST } else { Duration::ZERO })
    }

    /// Lets those be fetched again that have rested for so long.
    fn wake(&mut self, rested: Duration) -> Result<(), End> {
        let rested = |o: &&mut Owned| o.resting.is_some_and(|since| since.elapsed() >= rested);
        let mut from = Vec::new();
        for o in self.owned.iter_mut().filter(rested) {
            o.resting = None;
            from.push((o.tp.clone(), o.next));
        }
        if !from.is_empty() {
            self.consumer.resume(&from)?;
        }
        Ok(())
    }

    fn report(&mut self) {
        self.reported = Instant::now();
        for o in &self.owned {
            if let Some(end) = self.consumer.known_end(&o.tp) {
                metrics::gauge!(metric::LAG, "stage" => self.config.stage, "topic" => o.tp.topic.clone(),
                    "partition" => o.tp.partition.to_string())
                .set(if o.at_end { 0.0 } else { (end - o.next).max(0) as f64 });
            }
        }
    }
}

/// Reads and folds until a commit is due; returns the number of records. Intervals go from the beginning of the last commit: what came
/// while it was written does not wait for another whole one, and what comes after a pause does not wait at all.
fn fold(
    config: &StageConfig,
    stop: &AtomicBool,
    consumer: &Consumer,
    owned: &mut [Owned],
    stage: &mut dyn Stage,
    out: &mut Outbox<'_>,
    last: Instant,
) -> Result<usize, End> {
    let (mut records, mut bytes, mut behind) = (0usize, 0usize, false);
    loop {
        let wait = if records == 0 {
            config.idle
        } else if behind {
            turn::PATIENCE
        } else {
            config.commit_interval.saturating_sub(last.elapsed())
        };
        let batch = match consumer.is_apart() {
            true => turn::next(consumer, owned, stage)?,
            false => consumer.next(wait, GATHER, BATCH)?,
        };
        let was_behind = std::mem::replace(&mut behind, batch.len() == BATCH);
        for run in batch.runs() {
            let first = run.first();
            let owner = find(owned, first.topic_token(), first.partition(), || {
                first.topic()
            });
            let Some(o) = owner else {
                return Err(Error::Invariant(format!(
                    "{first:?} is not assigned to this instance"
                ))
                .into());
            };
            // A step back would count twice. A jump forward cannot be told from what the log legally leaves out: control records of
            // transactions, aborted records, compacted ones; that nothing else is missing was checked against the log's first offset.
            if first.offset() < o.next {
                return Err(Error::Invariant(format!(
                    "{first:?} after offset {} was expected",
                    o.next
                ))
                .into());
            }
            stage.fold(&o.tp, run, out).map_err(Error::from)?;
            o.next = run.last().offset() + 1;
            o.at_end = false;
            records += run.len();
            bytes += run
                .iter()
                .map(|m| m.value().map_or(0, <[u8]>::len))
                .sum::<usize>();
            behind |= age(run.last().timestamp()) > BEHIND;
        }
        for end in batch.ends() {
            if let Some(o) = owned
                .iter_mut()
                .find(|o| o.tp.partition == end.partition && o.tp.topic == end.topic)
            {
                o.at_end = end.next >= o.next;
                // The end may lie behind control records, which are never handed out.
                o.next = o.next.max(end.next);
                if o.at_end && consumer.is_apart() && o.resting.is_none() {
                    consumer.pause(std::slice::from_ref(&o.tp))?;
                    o.resting = Some(Instant::now());
                }
            }
        }
        // Where reading overtakes fetching there is nothing at hand for a moment: that is no end of history.
        let waits = consumer.is_apart() || was_behind && batch.is_empty();
        behind |= waits && owned.iter().any(|o| !o.at_end);
        let change =
            batch.len() == BATCH && turn::wanted(consumer, owned, stage) != consumer.is_apart();
        let empty = batch.is_empty();
        drop(batch);
        let age = last.elapsed();
        let due = if behind {
            age >= config.commit_interval_behind
                || bytes >= config.commit_bytes
                || (records >= config.commit_records && stage.at_boundary())
        } else {
            // Also where history ends: the next batch would only be waited for.
            empty || age >= config.commit_interval
        };
        if due || change || records >= 2 * config.commit_records || stop.load(Ordering::Relaxed) {
            break;
        }
    }
    metrics::counter!(metric::RECORDS, "stage" => config.stage).increment(records as u64);
    metrics::counter!(metric::BYTES, "stage" => config.stage).increment(bytes as u64);
    Ok(records)
}

fn find<'o, 'n>(
    owned: &'o mut [Owned],
    token: usize,
    partition: i32,
    name: impl FnOnce() -> &'n str,
) -> Option<&'o mut Owned> {
    let at = owned
        .iter()
        .position(|o| o.token == token && o.tp.partition == partition)
        .or_else(|| {
            let name = name();
            owned
                .iter()
                .position(|o| o.tp.partition == partition && o.tp.topic == name)
        })?;
    owned[at].token = token;
    Some(&mut owned[at])
}

fn age(append_ms: i64) -> Duration {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    now.saturating_sub(Duration::from_millis(append_ms.max(0) as u64))
}

/// Commits what was read and written; false if there was neither.
fn commit(
    out: &mut Outbox<'_>,
    owned: &mut [Owned],
    stage: &dyn Stage,
    group: &crate::consumer::GroupMetadata,
) -> Result<bool, Refused> {
    // Records read again for the sake of state alone do not move the committed offset.
    let moved = |o: &Owned| o.next > o.committed.unwrap_or(0);
    let any = owned.iter().any(moved);
    if !any && !out.open && out.failed.is_none() {
        return Ok(false);
    }
    out.begin();
    if let Some(refused) = out.failed.take() {
        return Err(refused);
    }
    // Output without input (a snapshot) still goes with the offsets: they are what fences a member that was put out.
    let next: Vec<(Tp, i64, String)> = owned
        .iter()
        .filter(|o| {
            if any {
                moved(o)
            } else {
                o.committed == Some(o.next)
            }
        })
        .map(|o| (o.tp.clone(), o.next, stage.metadata(&o.tp)))
        .collect();
    out.producer.commit(&next, group)?;
    out.open = false;
    for o in owned.iter_mut().filter(|o| moved(o)) {
        o.committed = Some(o.next);
    }
    Ok(true)
}
