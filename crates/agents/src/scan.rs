//! Reads many files: some at a time, and again only those that changed.

use crate::Agents;
use crate::call::{Call, Tool};
use crate::merge;
use crate::places::Log;
use crate::read::{self, Part};
use std::collections::{HashMap, HashSet};
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

/// Files that are read at the same time, at most.
const THREADS: usize = 2;
/// Between two looks at how far it is.
const LOOK: Duration = Duration::from_millis(100);

/// Told of bytes that were read, and of all that there are.
pub type OnBytes<'a> = &'a mut dyn FnMut(u64, u64);

/// What the logs of a machine say.
#[derive(Debug, Default)]
pub struct Read {
    /// One of each identity, in the order of time.
    pub calls: Vec<Call>,
    /// One of each id, in the order of time.
    pub tools: Vec<Tool>,
    /// Files that were read.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Lines that stand for a call that another line stands for, too.
    pub repeated: u64,
    /// Lines that are no JSON.
    pub odd: u64,
    /// Files that could not be read, and why. One that has gone is none.
    pub unread: Vec<(PathBuf, String)>,
    /// Sessions of which only sums are left, with their tokens: they are not among the calls.
    pub only_sums: Vec<(String, i64)>,
}

/// What was read of files, for as long as they do not change.
#[derive(Default)]
pub struct Cache(HashMap<PathBuf, (Log, Part)>);

impl Cache {
    /// Reads what is new and says what all of it says. A file that has gone since takes nothing
    /// away; one that shrank is read anew.
    pub fn read(&mut self, agents: &Agents, logs: &[Log], on: OnBytes) -> Read {
        let same = |l: &Log| self.0.get(&l.path).is_some_and(|(known, _)| known == l);
        let new: Vec<&Log> = logs.iter().filter(|l| !same(l)).collect();
        let mut out = Read {
            files: logs.len() as u64,
            bytes: logs.iter().map(|l| l.size).sum(),
            ..Read::default()
        };
        for (log, part) in parts(agents, &new, on) {
            match part {
                // Another state of the same file is replaced.
                Ok(part) => {
                    self.0.insert(log.path.clone(), (log.clone(), part));
                }
                Err(e) if e.kind() == io::ErrorKind::NotFound => {}
                Err(e) => out.unread.push((log.path.clone(), e.to_string())),
            }
        }
        self.sum_up(&mut out);
        out
    }

    fn sum_up(&self, out: &mut Read) {
        let parts = || self.0.values().map(|(_, part)| part);
        let lines: usize = parts().map(|p| p.calls.len()).sum();
        out.odd = parts().map(|p| p.odd).sum();
        out.calls = merge::calls(parts().flat_map(|p| p.calls.iter().cloned()));
        out.tools = merge::tools(parts().flat_map(|p| p.tools.iter().cloned()));
        let within: u64 = parts().map(|p| p.repeated).sum();
        out.repeated = within + (lines - out.calls.len()) as u64;
        let known: HashSet<&str> = out.calls.iter().map(|c| &*c.session).collect();
        let mut sums: Vec<(String, i64)> = parts().flat_map(|p| p.sums.iter().cloned()).collect();
        sums.sort();
        sums.dedup_by(|a, b| a.0 == b.0);
        sums.retain(|(session, tokens)| *tokens > 0 && !known.contains(session.as_str()));
        out.only_sums = sums;
    }
}

/// Reads files, the first ones first.
fn parts<'l>(agents: &Agents, logs: &[&'l Log], on: OnBytes) -> Vec<(&'l Log, io::Result<Part>)> {
    let total = logs.iter().map(|l| l.size).sum();
    let (next, bytes) = (AtomicUsize::new(0), AtomicU64::new(0));
    let told = |n: u64| {
        bytes.fetch_add(n, Ordering::Relaxed);
    };
    let work = || {
        let mut out = Vec::new();
        while let Some(log) = logs.get(next.fetch_add(1, Ordering::Relaxed)) {
            if let Some(agent) = agents.agent(&log.agent) {
                out.push((*log, read::read(agent, log, &told)));
            }
        }
        out
    };
    std::thread::scope(|scope| {
        let threads = THREADS.min(logs.len());
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        // A few small files take less than a look.
        let mut look = Duration::from_millis(1);
        while workers.iter().any(|w| !w.is_finished()) {
            on(bytes.load(Ordering::Relaxed), total);
            std::thread::sleep(look);
            look = LOOK.min(look * 2);
        }
        let done = workers.into_iter().map(|w| match w.join() {
            Ok(parts) => parts,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        done.flatten().collect()
    })
}
