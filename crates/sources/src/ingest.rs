//! Runs a source into the log: reads the ledger, goes on where it stopped, reports progress.

mod agents;
mod git;
mod published;
mod table;

use crate::ledger::Progress;
use crate::publish::{Publisher, raw_topics, read_ledger};
use crate::raw::{Cursor, LogTime};
use crate::simulate::{self, Simulation};
use crate::{Outgoing, snapshot};
use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};
use weir_kafka::Brokers;
use weir_model::codes::{INPUT, PARTITIONS_CHANGED, SNAPSHOT};
use weir_model::{Micros, hash, headers::Mark};
use weir_privacy::Privacy;

pub use agents::{Archive, Batch, IMPORT, agents};
pub use git::{History, commits, git, read as read_commits};
pub use table::{Table, table};

/// Told `(done, total if known)` now and then.
pub type OnProgress<'a> = &'a mut dyn FnMut(u64, Option<u64>);

/// What a run did.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize)]
pub struct Report {
    /// Events written by this run.
    pub written: u64,
    /// Events that earlier runs had written.
    pub already: u64,
    /// Of `already`: this source has other numbers for them than were written then, which stay.
    pub differing: u64,
    /// Calls that came over OTLP already: they are not published again.
    pub elsewhere: u64,
    /// Rows for which another row of the same identity stands.
    pub doubled: u64,
    /// Rows left out by the mapping's condition; commits whose parents are not in a shallow clone.
    pub left_out: u64,
    /// Rows that could not be mapped, the first ones with their reason.
    pub refused: u64,
    /// Commits without a usable time, the first ones in `reasons`.
    pub odd: u64,
    /// Lines that have no end yet: they count once they have one.
    pub waiting: u64,
    /// What was refused, and why: the first ones.
    pub reasons: Vec<String>,
    /// What else is to be known of the source.
    pub notes: Vec<String>,
    /// Seconds that the run took.
    pub seconds: f64,
    /// Events by second while they were written: of a history, commits as git reads them.
    pub per_second: f64,
}

impl Report {
    /// So many reasons are kept.
    const REASONS: usize = 20;

    /// Ends the measuring of the rate that began with the first event, and of the whole run.
    fn timed(&mut self, run: Instant, writing: Instant) {
        let seconds = |since: Instant| (since.elapsed().as_secs_f64() * 1e3).round() / 1e3;
        self.seconds = seconds(run);
        if self.written > 0 {
            self.per_second = (self.written as f64 / seconds(writing).max(1e-3)).round();
        }
    }

    fn reason(&mut self, text: impl FnOnce() -> String) {
        if self.reasons.len() < Report::REASONS {
            self.reasons.push(text());
        }
    }
}

/// A simulated organisation, written under replay: log time is the simulated one.
pub fn simulation(brokers: &Brokers, options: simulate::Options, on: OnProgress) -> Result<Report> {
    let key = format!(
        "simulate-{:016x}",
        hash::distinct(format!("{options:?}").as_bytes())
    );
    let mut simulation = Simulation::new(options);
    let hours = u64::from(simulation.hours());
    let start = simulation
        .end()
        .minus(Micros(hours as i64 * Micros::HOUR.0));
    let mut hour = 0u64;
    let records = std::iter::from_fn(move || {
        let events = simulation.next_hour()?;
        hour += 1;
        // Each hour ends with a tick everywhere, so that quiet partitions do not hold time back.
        let end = start.plus(Micros(hour as i64 * Micros::HOUR.0));
        let mut out: Vec<Step> = events
            .into_iter()
            .map(|(t, e)| Step::Record(Box::new(simulate::outgoing(t, &e))))
            .collect();
        out.push(Step::Tick(end));
        Some(out)
    });
    play(
        brokers,
        &key,
        records.flatten().map(Ok),
        None,
        &mut |n, _| on(n, None),
    )
}

/// A snapshot of processes, at a multiple of its own speed or (`None`) as fast as it goes; with
/// pseudonyms in place of names where `privacy` is given.
pub fn replay_samples(
    brokers: &Brokers,
    path: &Path,
    speed: Option<f64>,
    privacy: Option<&Privacy>,
    on: OnProgress,
) -> Result<Report> {
    let key = key_of(path)?;
    let records = crate::samples::read(path, privacy)?;
    let steps = records.into_iter().map(|r| Ok(Step::Record(Box::new(r))));
    play(brokers, &key, steps, speed, on)
}

/// The key of a file in the ledger: the same content is the same source.
fn key_of(path: &Path) -> Result<String> {
    let mut digest = Sha256::new();
    std::io::copy(
        &mut std::fs::File::open(path)
            .with_context(|| format!("{INPUT}: cannot read {}", path.display()))?,
        &mut digest,
    )?;
    let name: String = digest
        .finalize()
        .iter()
        .take(8)
        .map(|b| format!("{b:02x}"))
        .collect();
    Ok(format!("replay-{name}"))
}

/// A snapshot file, at a multiple of its own speed or (`None`) as fast as it goes.
pub fn replay(
    brokers: &Brokers,
    path: &Path,
    speed: Option<f64>,
    on: OnProgress,
) -> Result<Report> {
    let key = key_of(path)?;
    let reader = snapshot::Reader::open(path)?;
    let existing = raw_topics(brokers)?;
    for (topic, partitions) in &reader.header.topics {
        match existing.iter().find(|(t, _)| t == topic) {
            Some((_, n)) if n == partitions => {}
            Some((_, n)) => bail!(
                "{PARTITIONS_CHANGED}: {topic} has {n} partitions here and {partitions} in the snapshot; start a system with `weir up --raw-partitions {partitions}`"
            ),
            None => bail!(
                "{SNAPSHOT}: the snapshot holds {topic}, which this system does not know; add its event type to the schemas"
            ),
        }
    }
    crate::registry::register(brokers, &reader.header.schemas)?;
    play(
        brokers,
        &key,
        reader.map(|r| r.map(|r| Step::Record(Box::new(r)))),
        speed,
        on,
    )
}

/// A step of a player.
enum Step {
    Record(Box<Outgoing>),
    Tick(Micros),
}

fn play(
    brokers: &Brokers,
    key: &str,
    steps: impl Iterator<Item = Result<Step>>,
    speed: Option<f64>,
    on: OnProgress,
) -> Result<Report> {
    let (skip, finished) = match read_ledger(brokers)?.remove(key) {
        Some(Progress::Records { records, finished }) => (records, finished),
        _ => (0, false),
    };
    let mut report = Report {
        already: skip,
        ..Report::default()
    };
    if finished {
        return Ok(report);
    }
    let raw: Vec<String> = raw_topics(brokers)?.into_iter().map(|(t, _)| t).collect();
    let mut publisher = Publisher::new(brokers, key)?;
    let mut done = 0u64;
    if skip == 0 {
        publisher.mark(&raw, Mark::Begin)?;
        publisher.commit(&Progress::Records {
            records: 0,
            finished: false,
        })?;
    }
    let mut pace: Option<(Instant, Micros)> = None;
    for step in steps {
        let step = step?;
        done += 1;
        if done <= skip {
            continue;
        }
        let at = match &step {
            Step::Record(r) => r.log_time,
            Step::Tick(t) => Some(*t),
        };
        if let (Some(speed), Some(at)) = (speed, at) {
            let (begun, first) = *pace.get_or_insert((Instant::now(), at));
            let due = Duration::from_micros(((at.0 - first.0).max(0) as f64 / speed) as u64);
            if let Some(wait) = due.checked_sub(begun.elapsed()) {
                // What is written must be seen while we wait.
                if wait > Duration::from_millis(20) {
                    publisher.commit(&Progress::Records {
                        records: done - 1,
                        finished: false,
                    })?;
                }
                std::thread::sleep(due.saturating_sub(begun.elapsed()));
            }
        }
        match step {
            Step::Record(r) => {
                publisher.record(&r)?;
                report.written += u64::from(r.value.is_some());
            }
            Step::Tick(t) => publisher.tick(&raw, t)?,
        }
        if publisher.due() {
            publisher.commit(&Progress::Records {
                records: done,
                finished: false,
            })?;
        }
        on(done, None);
    }
    publisher.mark(&raw, Mark::End)?;
    publisher.commit(&Progress::Records {
        records: done,
        finished: true,
    })?;
    Ok(report)
}

/// Writes the raw log (records with a log time in `[from, through)`) to a snapshot file; number of
/// records.
pub fn record(
    brokers: &Brokers,
    path: &Path,
    from: Option<Micros>,
    through: Option<Micros>,
    on: OnProgress,
) -> Result<u64> {
    let raw = raw_topics(brokers)?;
    let names: Vec<&str> = raw.iter().map(|(t, _)| t.as_str()).collect();
    let mut header = snapshot::Header::new(raw.clone(), crate::registry::schemas(brokers)?);
    (header.from, header.through) = (from, through);
    let mut out = snapshot::Writer::create(path, &header)?;
    let mut cursors = Cursor::open_all(brokers, &names)?;
    let total: u64 = cursors.iter().map(|c| c.span).sum();
    let mut log_times = vec![LogTime::default(); cursors.len()];
    // The next record of each partition, in order of (log time, partition).
    let mut heads: BTreeMap<(Micros, usize), Outgoing> = BTreeMap::new();
    let mut advance =
        |i: usize, cursors: &mut [Cursor], heads: &mut BTreeMap<_, _>| -> Result<()> {
            while let Some(r) = cursors[i].next_record()? {
                let at = log_times[i].step(&r);
                let is_mark = r.meta.mark.is_some() && r.value.is_none();
                let inside = from.is_none_or(|f| at >= f) && through.is_none_or(|t| at < t);
                if is_mark || !inside {
                    continue;
                }
                let record = Outgoing {
                    topic: cursors[i].tp.topic.clone(),
                    partition: Some(cursors[i].tp.partition),
                    key: r.key,
                    value: r.value,
                    log_time: Some(at),
                    tick: r.meta.tick,
                };
                heads.insert((at, i), record);
                break;
            }
            Ok(())
        };
    for i in 0..cursors.len() {
        advance(i, &mut cursors, &mut heads)?;
    }
    let mut n = 0;
    while let Some(((_, i), r)) = heads.pop_first() {
        let topic = names
            .iter()
            .position(|t| *t == r.topic)
            .context("a record of an unknown topic")?;
        out.write(u8::try_from(topic)?, &r)?;
        n += 1;
        on(n, Some(total));
        advance(i, &mut cursors, &mut heads)?;
    }
    out.finish()
}
