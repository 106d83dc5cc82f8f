//! Runs a source into the log: reads the ledger, goes on where it stopped, reports progress.

use crate::git::Repository;
use crate::ledger::Progress;
use crate::map::{Mapper, Mapping, Rows};
use crate::publish::{Publisher, raw_topics, read_ledger};
use crate::raw::{Cursor, LogTime};
use crate::simulate::{self, Simulation};
use crate::{Outgoing, snapshot};
use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};
use weir_catalog::Assistants;
use weir_kafka::Brokers;
use weir_model::{Micros, hash, headers::Mark, topics};

/// Told `(done, total if known)` now and then.
pub type OnProgress<'a> = &'a mut dyn FnMut(u64, Option<u64>);

/// What a run did.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize)]
pub struct Report {
    /// Events written by this run.
    pub written: u64,
    /// Events that earlier runs had written.
    pub already: u64,
    /// Rows left out by the mapping's condition.
    pub left_out: u64,
    /// Rows that could not be mapped, the first ones with their reason.
    pub refused: u64,
    /// See `refused`.
    pub reasons: Vec<String>,
}

/// The history of a repository.
pub fn git(
    brokers: &Brokers,
    path: &Path,
    tenant: &str,
    team: &str,
    assistants: &Assistants,
    on: OnProgress,
) -> Result<Report> {
    let repository = Repository::open(path)?;
    // Root commit and tenant identify it, so that a clone elsewhere is the same history. One that others were merged into
    // has a root of each, and may be known by several of them.
    let mut ledger = read_ledger(brokers)?;
    let keys = repository.roots.iter().map(|root| {
        let hash = hash::distinct(format!("{tenant}/{root}").as_bytes());
        format!("git-{hash:016x}")
    });
    let keys: Vec<String> = keys.collect();
    let known = keys.iter().find(|k| ledger.contains_key(*k));
    let key = known.or(keys.first()).cloned().unwrap_or_default();
    let (mut finished, mut resume) = match ledger.remove(&key) {
        Some(Progress::Git {
            finished,
            target,
            done,
        }) => (finished, Some((target, done))),
        Some(_) => bail!("WEIR-0301: the ledger entry {key} is not of a repository"),
        None => (Vec::new(), None),
    };
    for other in keys.iter().filter_map(|k| ledger.remove(k)) {
        if let Progress::Git { finished: also, .. } = other {
            for commit in also {
                if !finished.contains(&commit) && repository.has(&commit)? {
                    finished.push(commit);
                }
            }
        }
    }
    let mut publisher = Publisher::new(brokers, &key)?;
    let mut report = Report::default();
    // A target that an interrupted run left unfinished first, then what is new.
    loop {
        let (target, skip) = resume
            .take()
            .unwrap_or_else(|| (repository.head.clone(), 0));
        if finished.contains(&target) {
            if target == repository.head {
                break;
            }
            continue;
        }
        let total = repository
            .count(&target, &finished)
            .context("the history that an earlier import began is gone from this clone; fetch it or use the same clone")?
            as u64;
        report.already += skip.min(total);
        let mut done = 0;
        for commit in repository.commits(&target, &finished)? {
            let commit = commit?;
            done += 1;
            if done <= skip {
                continue;
            }
            publisher.event(&repository.event(tenant, team, &commit, assistants))?;
            report.written += 1;
            if publisher.due() {
                publisher.commit(&Progress::Git {
                    finished: finished.clone(),
                    target: target.clone(),
                    done,
                })?;
            }
            on(done, Some(total));
        }
        // What is reachable from the new target need not be named any more.
        finished.push(target.clone());
        publisher.commit(&Progress::Git {
            finished: finished.clone(),
            target,
            done,
        })?;
    }
    Ok(report)
}

/// A table of another tool.
pub fn table(
    brokers: &Brokers,
    mapping: Mapping,
    schema: &str,
    tenant: &str,
    path: &Path,
    on: OnProgress,
) -> Result<Report> {
    let (name, format) = (mapping.name.clone(), mapping.format);
    let mut mapper = Mapper::new(mapping, schema, tenant)?;
    let mut known: BTreeMap<u64, Vec<String>> = BTreeMap::new();
    for progress in read_ledger(brokers)?.into_values() {
        match progress {
            Progress::Rows { map, rows, hash } if map == format!("{tenant}/{name}") => {
                known.entry(rows).or_default().push(hash);
            }
            _ => {}
        }
    }
    // First pass: how many rows, and which known table this one begins with.
    let mut rows = Rows::open(path, format)?;
    let mut skip = 0;
    while let Some(row) = rows.next() {
        if rows.is_broken() {
            row.with_context(|| {
                format!(
                    "WEIR-0301: {} cannot be read beyond row {}; nothing of it was published",
                    path.display(),
                    rows.count - 1
                )
            })?;
        }
        if known
            .get(&rows.count)
            .is_some_and(|hashes| hashes.contains(&rows.hash()))
        {
            skip = rows.count;
        }
    }
    let total = rows.count;
    // An entry of its own for what a table has grown to: the shorter one stays known too.
    let key = mapper.ledger_key(&format!("{tenant}/{}", rows.hash()));
    let mut report = Report {
        already: skip,
        ..Report::default()
    };
    if skip == total {
        return Ok(report);
    }
    let mut publisher = Publisher::new(brokers, &key)?;
    let topic = topics::events(mapper.event_type());
    let mut rows = Rows::open(path, format)?;
    let progress = |rows: &Rows| Progress::Rows {
        map: format!("{tenant}/{name}"),
        rows: rows.count,
        hash: rows.hash(),
    };
    while let Some(row) = rows.next() {
        let number = rows.count;
        let mapped = row.and_then(|r| mapper.map(&r, number));
        if rows.count <= skip {
            continue; // mapped all the same: placements count groups in order of appearance
        }
        match mapped {
            Ok(Some(m)) => {
                publisher.record(&Outgoing {
                    topic: topic.clone(),
                    partition: None,
                    key: m.source.into_bytes(),
                    value: Some(m.value),
                    log_time: None,
                    tick: None,
                })?;
                report.written += 1;
            }
            Ok(None) => report.left_out += 1,
            Err(e) => {
                report.refused += 1;
                if report.reasons.len() < 5 {
                    report.reasons.push(format!("row {}: {e:#}", rows.count));
                }
            }
        }
        if publisher.due() {
            publisher.commit(&progress(&rows))?;
        }
        on(rows.count, Some(total));
    }
    // Where nothing could be mapped the mapping is wrong: corrected, it is to find the rows again.
    if report.written + report.left_out + skip > 0 {
        publisher.commit(&progress(&rows))?;
    }
    Ok(report)
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

/// A snapshot file, at a multiple of its own speed or (`None`) as fast as it goes.
pub fn replay(
    brokers: &Brokers,
    path: &Path,
    speed: Option<f64>,
    on: OnProgress,
) -> Result<Report> {
    let mut digest = Sha256::new();
    std::io::copy(
        &mut std::fs::File::open(path)
            .with_context(|| format!("WEIR-0301: cannot read {}", path.display()))?,
        &mut digest,
    )?;
    let name: String = digest
        .finalize()
        .iter()
        .take(8)
        .map(|b| format!("{b:02x}"))
        .collect();
    let reader = snapshot::Reader::open(path)?;
    let existing = raw_topics(brokers)?;
    for (topic, partitions) in &reader.header.topics {
        match existing.iter().find(|(t, _)| t == topic) {
            Some((_, n)) if n == partitions => {}
            Some((_, n)) => bail!(
                "WEIR-0207: {topic} has {n} partitions here and {partitions} in the snapshot; start a system with `weir up --raw-partitions {partitions}`"
            ),
            None => bail!(
                "WEIR-0304: the snapshot holds {topic}, which this system does not know; add its event type to the schemas"
            ),
        }
    }
    crate::registry::register(brokers, &reader.header.schemas)?;
    let key = format!("replay-{name}");
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

/// Writes the raw log (records with a log time in `[from, through)`) to a snapshot file; number of records.
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
