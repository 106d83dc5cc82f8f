//! The history of a repository into the log. A commit's hash is its identity: clones, forks,
//! worktrees, histories that were cut or merged meet there, and each commit counts once.

use super::published::Published;
use super::{OnProgress, Report};
use crate::git::{Commit, Commits, Listed, Repository};
use crate::ledger::identities::Identity;
use crate::ledger::{Progress, identities};
use crate::map::plausible;
use crate::sorter::{Sorted, Sorter, ordered, part, scratch};
use anyhow::{Context, Result};
use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{BufWriter, Seek, Write};
use std::path::Path;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};
use weir_catalog::Assistants;
use weir_kafka::Brokers;
use weir_model::codes::INPUT;
use weir_model::{Micros, codes, hash};
use weir_privacy::Privacy;

/// Event type of a commit.
const EVENT: &str = "productivity.recorded";
/// Longest hash of a commit, bytes of its hex form.
const ID: usize = 64;
/// Identity (20), time (8), place in the history (8), hash of the commit (64).
type Candidate = [u8; 100];

/// A history to import.
pub struct History<'a> {
    /// The repository.
    pub path: &'a Path,
    /// Tenant of the events.
    pub tenant: &'a str,
    /// Team.
    pub team: &'a str,
    /// Who is an assistant.
    pub assistants: &'a Assistants,
    /// Time of the import.
    pub now: Micros,
    /// Writes pseudonyms in place of names.
    pub privacy: Option<Arc<Privacy>>,
}

/// Imports a history.
pub fn git(brokers: &Brokers, history: &History, on: OnProgress) -> Result<Report> {
    let (tenant, now) = (history.tenant, history.now);
    let begun = Instant::now();
    let mut report = Report::default();
    let repository = Repository::open(history.path)?;
    let Some(head) = repository.head.clone() else {
        report.notes.push("the repository has no commit yet".into());
        return Ok(report);
    };
    let candidates = list(&repository, &head, tenant, now, &mut report)?;
    let (mut published, mut known, sources) = Published::take_over(
        brokers,
        (tenant, EVENT),
        history.privacy.as_ref(),
        &mut report,
    )?;
    let before = remembered(sources, &repository, &head, tenant)?;
    let mut new: Sorter<80> = Sorter::default();
    for entry in candidates {
        let entry = entry?;
        if known.find(&part(&entry, 0))?.is_some() || before.contains(hex(&entry[36..])) {
            report.already += 1;
            continue;
        }
        report.written += 1;
        new.push(part(&entry, 20))?;
    }
    let total = report.written;
    report.written = 0;
    let writing = Instant::now();
    each(repository.commits(in_order(new.sorted()?)?)?, |commit| {
        let Some(commit) = commit else {
            return published.idle();
        };
        let identity = identities::of(tenant, EVENT, &commit.id, b"");
        let event = repository.event(tenant, history.team, &commit, history.assistants);
        published.add(identity, |p| p.event(&event))?;
        report.written += 1;
        on(report.written, Some(total));
        Ok(())
    })?;
    published.end()?;
    anyhow::ensure!(
        report.written == total,
        "{INPUT}: git told of {} commits where {total} were asked for; run the import again",
        report.written
    );
    report.timed(begun, writing);
    Ok(report)
}

/// Calls `f` with each commit, and without one while git works on a large one.
fn each(commits: Commits, mut f: impl FnMut(Option<Commit>) -> Result<()>) -> Result<()> {
    let (to, from) = mpsc::sync_channel(256);
    // The receiver goes with the closure: a thread that still sends sees it gone.
    std::thread::scope(move |scope| {
        let from = from;
        scope.spawn(move || {
            for commit in commits {
                // Nobody listens any more: the import has failed.
                if to.send(commit).is_err() {
                    break;
                }
            }
        });
        loop {
            match from.recv_timeout(Duration::from_millis(100)) {
                Ok(commit) => f(Some(commit?))?,
                Err(mpsc::RecvTimeoutError::Timeout) => f(None)?,
                Err(mpsc::RecvTimeoutError::Disconnected) => return Ok(()),
            }
        }
    })
}

/// All commits of a history that can be counted, by identity.
fn list(
    repository: &Repository,
    head: &str,
    tenant: &str,
    now: Micros,
    report: &mut Report,
) -> Result<Sorted<100>> {
    let mut candidates: Sorter<100> = Sorter::default();
    let mut place = 0u64;
    repository.list(head, &[], &mut |c: Listed| {
        place += 1;
        if repository.cut.contains(&c.id) {
            report.left_out += 1;
            return Ok(());
        }
        let seconds = c.time.parse::<i64>().ok();
        let time = seconds.and_then(|s| s.checked_mul(1_000_000)).map(Micros);
        let Some(time) = time.filter(|t| plausible(*t, now)) else {
            report.odd += 1;
            let said = if c.time.is_empty() { "nothing readable" } else { &c.time };
            report.reason(|| {
                format!(
                    "{}: commit {} has no usable time (git says {said}); times are counted from 1990 to tomorrow",
                    codes::IMPORT_TIME,
                    c.id
                )
            });
            return Ok(());
        };
        let mut entry: Candidate = [0; 100];
        entry[..20].copy_from_slice(&identities::of(tenant, EVENT, &c.id, b""));
        entry[20..28].copy_from_slice(&ordered(time.0));
        entry[28..36].copy_from_slice(&place.to_be_bytes());
        let id = c.id.as_bytes();
        entry[36..36 + id.len().min(ID)].copy_from_slice(&id[..id.len().min(ID)]);
        candidates.push(entry)
    })?;
    if report.left_out > 0 {
        report.notes.push(format!(
            "the clone is shallow: its history is cut, and {} commits at the cut are left out, since what they changed is not known; \
             `git fetch --unshallow` brings the rest, then import again",
            report.left_out
        ));
    }
    candidates.sorted()
}

/// The hash of a commit in an entry.
fn hex(bytes: &[u8]) -> &str {
    let end = bytes.iter().position(|b| *b == 0).unwrap_or(bytes.len());
    std::str::from_utf8(&bytes[..end]).unwrap_or_default()
}

/// The hashes of commits in a file, a line each.
fn in_order(commits: Sorted<80>) -> Result<File> {
    let mut out = BufWriter::new(scratch()?);
    for entry in commits {
        writeln!(out, "{}", hex(&entry?[16..]))
            .with_context(|| format!("{INPUT}: cannot write a temporary file"))?;
    }
    let mut file = out.into_inner().map_err(|e| e.into_error())?;
    file.rewind()?;
    Ok(file)
}

/// Commits that versions of weir published which remembered heads of histories in place of commits.
fn remembered(
    mut ledger: HashMap<String, Progress>,
    repository: &Repository,
    head: &str,
    tenant: &str,
) -> Result<HashSet<String>> {
    let mut out = HashSet::new();
    ledger.retain(|_, p| matches!(p, Progress::Git { .. }));
    if ledger.is_empty() {
        return Ok(out);
    }
    for root in repository.roots(head)? {
        let hash = hash::distinct(format!("{tenant}/{root}").as_bytes());
        let Some(Progress::Git {
            finished,
            target,
            done,
        }) = ledger.remove(&format!("git-{hash:016x}"))
        else {
            continue;
        };
        let mut there = Vec::new();
        for commit in finished {
            if repository.has(&commit)? {
                repository.list(&commit, &there, &mut |c| {
                    out.insert(c.id);
                    Ok(())
                })?;
                there.push(commit);
            }
        }
        if !there.contains(&target) && repository.has(&target)? {
            let mut n = 0;
            repository.list(&target, &there, &mut |c| {
                n += 1;
                if n <= done {
                    out.insert(c.id);
                }
                Ok(())
            })?;
        }
    }
    Ok(out)
}

/// Publishes some commits of a repository, those that nobody has published yet: the same events
/// under the same identities as an import of the history makes.
///
/// # Errors
/// The repository cannot be read; the brokers do not answer.
pub fn commits(brokers: &Brokers, history: &History, ids: &[String]) -> Result<Report> {
    let begun = Instant::now();
    let mut report = Report::default();
    let repository = Repository::open(history.path)?;
    let mut all: Vec<(Identity, Commit)> = read(&repository, history.now, ids)?
        .into_iter()
        .map(|c| (identities::of(history.tenant, EVENT, &c.id, b""), c))
        .collect();
    if all.is_empty() {
        return Ok(report);
    }
    // The ledger is asked in the order of identities.
    all.sort_by_key(|(identity, _)| *identity);
    let scope = (history.tenant, EVENT);
    let (mut published, mut known, _) =
        Published::take_over(brokers, scope, history.privacy.as_ref(), &mut report)?;
    for (identity, commit) in all {
        if known.find(&identity)?.is_some() {
            report.already += 1;
            continue;
        }
        let event = repository.event(history.tenant, history.team, &commit, history.assistants);
        published.add(identity, |p| p.event(&event))?;
        report.written += 1;
    }
    published.end()?;
    report.timed(begun, begun);
    Ok(report)
}

/// Those of some commits that can be counted: whole, with a usable time, and still there.
///
/// # Errors
/// git cannot read them.
pub fn read(repository: &Repository, now: Micros, ids: &[String]) -> Result<Vec<Commit>> {
    let mut list = scratch()?;
    for id in ids {
        if !repository.cut.contains(id) && repository.has(id)? {
            writeln!(list, "{id}")?;
        }
    }
    list.rewind()?;
    let usable = |c: &Commit| {
        let time = c.time.checked_mul(1_000_000).map(Micros);
        time.is_some_and(|t| plausible(t, now))
    };
    let all = repository.commits(list)?;
    all.filter(|c| c.as_ref().map_or(true, usable)).collect()
}
