//! The loop that every stage runs in: read, fold, commit, exactly once.
//!
//! One cycle is: serve rebalances (nothing is open now), read the group metadata, read and fold
//! batches until a commit is due, commit. So a batch never spans a change of assignment, and
//! offsets are committed under the generation that the records were read in.

use crate::consumer::Consumer;
use crate::ends::Watch;
use crate::error::Error;
use crate::metric;
use crate::owned::{Owned, commit, tell_lag};
use crate::partition::{Committed, Tp};
use crate::producer::{Refused, Transactional};
use crate::reading::Reading;
use crate::rebalance::Change;
use crate::stage::{Outbox, Progress, Stage, StageConfig};
use crate::timeouts::Pauses;
use crate::turn;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use weir_runtime::{Part, traces};

/// A partition that rests is looked at again so often.
const REST: Duration = Duration::from_secs(30);
/// Rebuilds in a row without a commit between them.
const REBUILDS: u32 = 20;
/// Aborts in a row without a commit between them: one is normal at a rebalance, and a second shows
/// that aborting does not help.
const ABORTS: u32 = 2;

/// Runs a stage until `stop` is set; then finishes the open transaction and leaves. Blocks its
/// thread.
///
/// An error means: start the stage again, built anew. Everything that can be healed inside is
/// (refused commits, fenced or failed producers, brokers that are lost or stand still).
pub fn run_stage(
    config: &StageConfig,
    stage: &mut dyn Stage,
    stop: &AtomicBool,
) -> Result<(), Error> {
    let t = &config.brokers.timeouts;
    let name = format!("stage {} {}", config.stage, config.instance);
    let part = Part::register(name, t.limits());
    let stopped = || stop.load(Ordering::Relaxed);
    let (mut failures, mut pauses) = (0, Pauses::new(t.pause));
    while !stopped() {
        let (commits, ended) = attempt(config, stage, stop, &part);
        if commits > 0 {
            (failures, pauses) = (0, Pauses::new(t.pause));
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
                if e.is_transient() {
                    part.waits_for(format!("Kafka: {e}"));
                }
                pauses.rest(&stopped);
            }
        }
    }
    Ok(())
}

/// One life of both clients: the number of its commits, and how it ended.
fn attempt(
    config: &StageConfig,
    stage: &mut dyn Stage,
    stop: &AtomicBool,
    part: &Part,
) -> (u64, Result<(), End>) {
    let mut session = match Session::open(config, stop, part) {
        Ok(Some(session)) => session,
        Ok(None) => return (0, Ok(())),
        Err(e) => return (0, Err(e.into())),
    };
    let ended = session.run(stage);
    stage.revoked(&session.names());
    (session.commits, ended)
}

enum End {
    Rebuild(Error),
    Exit(Error),
}

impl From<Error> for End {
    fn from(e: Error) -> End {
        match e {
            Error::Gap { .. } | Error::PartitionsChanged { .. } => End::Exit(e),
            // What the stage asked a broker for may be there the next time.
            Error::Stage(_) if !e.is_transient() => End::Exit(e),
            e => End::Rebuild(e),
        }
    }
}

struct Session<'a> {
    config: &'a StageConfig,
    stop: &'a AtomicBool,
    part: &'a Part,
    // Before the consumer: its drop must not leave a transaction behind that outlives the
    // membership.
    producer: Transactional,
    consumer: Consumer,
    owned: Vec<Owned>,
    commits: u64,
    /// Since the last commit.
    aborts: u32,
    /// When the last commit began, and ended.
    began: Instant,
    committed_at: Instant,
    watch: Watch,
}

impl<'a> Session<'a> {
    fn open(
        config: &'a StageConfig,
        stop: &'a AtomicBool,
        part: &'a Part,
    ) -> Result<Option<Session<'a>>, Error> {
        part.alive();
        let id = format!("{}-{}", config.group, config.instance);
        // The producer first: it aborts what an earlier life left open, so that the committed
        // offsets are stable when read.
        let producer = Transactional::open(&config.brokers, &id, config.packing)?;
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
            part,
            producer,
            consumer,
            owned: Vec::new(),
            commits: 0,
            aborts: 0,
            began: Instant::now(),
            committed_at: Instant::now(),
            watch: Watch::of(&config.brokers),
        }))
    }

    fn names(&self) -> Vec<Tp> {
        self.owned.iter().map(|o| o.tp.clone()).collect()
    }

    fn run(&mut self, stage: &mut dyn Stage) -> Result<(), End> {
        while !self.stop.load(Ordering::Relaxed) {
            self.part.alive();
            self.rebalance(stage)?;
            self.keep_step(stage, &[])?;
            self.cycle(stage)?;
            stage.between(&self.progress()).map_err(Error::from)?;
            self.look()?;
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
            // A change that an error on the way leaves unanswered gives all up when it is dropped.
            self.wake(Duration::ZERO)?;
            match change {
                Change::Revoked(revoked) => {
                    let parts = revoked.parts();
                    self.tell("partitions given up", parts);
                    stage.revoked(parts);
                    self.owned.retain(|o| !parts.contains(&o.tp));
                    self.consumer.release(revoked, &self.positions(&[]))?;
                }
                Change::Assigned(assigned) => {
                    let parts = assigned.parts().to_vec();
                    let from = self.restore(stage, &parts)?;
                    self.keep_step(stage, &parts)?;
                    self.consumer
                        .accept(assigned, &from, &self.positions(&parts))?;
                    self.tell("partitions taken on", &parts);
                }
            }
            metrics::gauge!(metric::PARTITIONS, "stage" => self.config.stage)
                .set(self.owned.len() as f64);
        }
        Ok(())
    }

    /// Brings the stage's state of these partitions to what was committed, and says where to read
    /// from.
    fn restore(&mut self, stage: &mut dyn Stage, parts: &[Tp]) -> Result<Vec<(Tp, i64)>, End> {
        let limit = self.config.brokers.timeouts.call;
        let committed: Vec<Committed> = self.consumer.committed(parts, limit)?;
        let starts = stage.assigned(&committed).map_err(Error::from)?;
        let mut from = Vec::with_capacity(parts.len());
        let asked: Vec<Tp> = committed.iter().map(|c| c.tp.clone()).collect();
        let bounds = self.consumer.bounds(&asked, limit)?;
        for ((c, start), (low, end)) in committed.into_iter().zip(starts).zip(bounds) {
            let wanted = start.or(c.offset);
            if let Some(wanted) = wanted
                && low > wanted
                // An offset nobody asked for: a first start on a log whose beginning is gone begins
                // where the log does.
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
            place => {
                // Nothing to do, or not a member (any more): that takes a moment, not longer.
                match place {
                    Some(g) if g.generation() >= 0 => self.part.idle(),
                    _ => self.part.waits(),
                }
                std::thread::sleep(Duration::from_millis(20));
                return Ok(());
            }
        };
        let mut out = Outbox::new(&self.producer);
        let reading = Reading {
            config: self.config,
            stop: self.stop,
            consumer: &self.consumer,
            last: self.began,
        };
        // After an error the next producer undoes what is open.
        let folded = reading.fold(&mut self.owned, stage, &mut out)?;
        if folded > 0 {
            self.watch.read();
            self.part.read();
        }
        if folded == 0 && !stage.wants_commit() && !self.behind_only_control_records() {
            return Ok(());
        }
        let started = Instant::now();
        let mut span = traces::span("commit");
        span.text("weir.stage", self.config.stage);
        span.number("weir.records", i64::try_from(folded).unwrap_or(i64::MAX));
        stage.commit(&mut out).map_err(Error::from)?;
        match commit(&mut out, &mut self.owned, stage, &group) {
            Ok(something) => {
                if something {
                    self.commits += 1;
                    self.aborts = 0;
                    self.began = started;
                    self.committed_at = Instant::now();
                    metrics::counter!(metric::COMMITS, "stage" => self.config.stage).increment(1);
                    metrics::histogram!(metric::COMMIT_SECONDS, "stage" => self.config.stage)
                        .record(started.elapsed().as_secs_f64());
                }
                self.part.committed();
                stage.committed();
                Ok(())
            }
            Err(Refused::Fatal(e)) => Err(e.into()),
            Err(Refused::Abort(e)) => {
                span.failed(e.to_string());
                let open = out.open;
                self.refused(stage, e, open)
            }
        }
    }

    /// A commit was refused: back to what was committed, with the same producer the first time.
    fn refused(&mut self, stage: &mut dyn Stage, e: Error, open: bool) -> Result<(), End> {
        tracing::info!(
            stage = self.config.stage,
            "commit refused, going back to what was committed: {e}"
        );
        metrics::counter!(metric::ABORTS, "stage" => self.config.stage).increment(1);
        self.aborts += 1;
        if self.aborts >= ABORTS {
            return Err(End::Rebuild(e));
        }
        if open {
            self.producer.abort()?;
        }
        self.roll_back(stage)
    }

    /// True where a partition is read to its end, and only the control records of transactions lie
    /// between that and what is committed: committed once things are quiet, so that lag is zero
    /// where nothing is left to do.
    fn behind_only_control_records(&self) -> bool {
        const QUIET: Duration = Duration::from_millis(300);
        self.committed_at.elapsed() > QUIET && self.owned.iter().any(|o| o.at_end && o.moved())
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
    /// Read apart, a partition rests from its end on. The library has one request under way: one
    /// for those without news alone, while those with a lot to read have enough waiting, is held by
    /// the broker, and the latter get nothing meanwhile.
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

    /// Tells how much waits; where that is not read new clients are tried.
    fn look(&mut self) -> Result<(), End> {
        let (consumer, owned) = (&self.consumer, &self.owned);
        let names = || owned.iter().map(|o| o.tp.clone()).collect();
        let lag =
            |asked: &[(Tp, i64)]| tell_lag(self.config.stage, self.part, consumer, owned, asked);
        self.watch.look(self.part, names, lag)?;
        Ok(())
    }
}
