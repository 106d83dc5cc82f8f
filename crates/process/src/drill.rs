//! A drill: are processes that use too much seen, and how soon? Is what must not be ended refused?
//!
//! Faults are processes that whoever drills began; nothing else is touched.

use crate::anomaly::{Thresholds, Trigger};
use crate::end::{Held, target};
use crate::safety::Refusal;
use crate::table::{Identity, Table, samples};
use crate::{Error, ancestors, read};
use serde::Serialize;
use std::time::{Duration, Instant};

/// What is injected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Keeps a processor busy.
    Cpu,
    /// Takes memory.
    Memory,
    /// Does nothing: must not be told of.
    Quiet,
}

impl Kind {
    /// All, in the order in which they are injected.
    pub const ALL: [Kind; 3] = [Kind::Cpu, Kind::Memory, Kind::Quiet];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Cpu => "cpu",
            Kind::Memory => "memory",
            Kind::Quiet => "quiet",
        }
    }

    /// What it is told of for.
    fn expected(self) -> Option<Trigger> {
        match self {
            Kind::Cpu => Some(Trigger::Cpu),
            Kind::Memory => Some(Trigger::Memory),
            Kind::Quiet => None,
        }
    }
}

/// What became of a fault.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Fault {
    /// What was injected.
    pub kind: Kind,
    /// The process.
    pub pid: i32,
    /// What it was told of for, over all looks.
    pub triggers: Vec<Trigger>,
    /// Seconds from its beginning until it was told of for what it is; none: it was not.
    pub seconds: Option<f64>,
    /// Looks that were taken.
    pub looks: u32,
    /// Most processor time seen, in percent of one core.
    pub cpu_percent: f64,
    /// Most memory seen, in MB.
    pub memory_mb: f64,
    /// It ended when it was asked to.
    pub ended: bool,
    /// It came out as it should.
    pub passed: bool,
}

/// How faults are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Watch {
    /// What is too much.
    pub thresholds: Thresholds,
    /// Seconds between two looks.
    pub interval_seconds: f64,
    /// Seconds that a fault has to be seen in.
    pub limit_seconds: f64,
}

/// Looks at a process that whoever drills began at `begun`, until it is told of or time is over;
/// then ends it. `me` is the drilling process.
///
/// # Errors
/// The kernel's tables cannot be read.
pub fn observe(
    kind: Kind,
    fault: Identity,
    begun: Instant,
    watch: &Watch,
    me: i32,
) -> Result<Fault, Error> {
    let held = Held::of(fault)?;
    let mut seen = Fault {
        kind,
        pid: fault.pid,
        triggers: Vec::new(),
        seconds: None,
        looks: 0,
        cpu_percent: 0.0,
        memory_mb: 0.0,
        ended: false,
        passed: false,
    };
    let mut before = read::table()?;
    while begun.elapsed().as_secs_f64() < watch.limit_seconds && seen.seconds.is_none() {
        std::thread::sleep(Duration::from_secs_f64(watch.interval_seconds));
        let now = read::table()?;
        seen.look(fault, (&before, &now), &watch.thresholds, begun);
        before = now;
    }
    let asked = held.signal(&read::table()?, me, false);
    seen.ended = asked.is_ok() && held.is_over_within(Duration::from_secs(5))?;
    if !seen.ended {
        // It is our own: it does not stay.
        let _ = held.signal(&read::table()?, me, true);
    }
    seen.passed = seen.ended && seen.seconds.is_some() == kind.expected().is_some();
    // What does nothing is told of for nothing.
    seen.passed &= kind.expected().is_some() || seen.triggers.is_empty();
    Ok(seen)
}

impl Fault {
    fn look(
        &mut self,
        fault: Identity,
        (before, now): (&Table, &Table),
        limits: &Thresholds,
        begun: Instant,
    ) {
        self.looks += 1;
        let all = samples(before, now);
        let Some(own) = all.iter().find(|s| s.identity() == fault) else {
            return;
        };
        self.cpu_percent = self.cpu_percent.max(own.cpu_percent);
        self.memory_mb = self.memory_mb.max(own.memory_mb);
        for trigger in limits.triggers(own) {
            if !self.triggers.contains(&trigger) {
                self.triggers.push(trigger);
            }
            if self.kind.expected() == Some(trigger) {
                let seconds = begun.elapsed().as_secs_f64();
                self.seconds.get_or_insert((seconds * 1e3).round() / 1e3);
            }
        }
    }
}

/// Whether what must not be ended was refused.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Attempt {
    /// Whose end was asked for.
    pub target: &'static str,
    /// Its id.
    pub pid: i32,
    /// Why it was refused; none: it was not.
    pub refused: Option<Refusal>,
    /// It was refused for the right reason, and lives where it lived.
    pub passed: bool,
}

/// Asks for the end of what must not be ended: the first process, the drill itself, all that it
/// stands on, the id of one that is over (`over`), and an id that another process had before (the
/// one of `own`, a process that whoever drills began).
///
/// # Errors
/// The kernel's tables cannot be read.
pub fn attempts(me: i32, own: Identity, over: Identity) -> Result<Vec<Attempt>, Error> {
    let table = read::table()?;
    let started = |pid| table.processes.get(&pid).map_or(0, |p| p.started);
    let at = |pid| Identity {
        pid,
        started: started(pid),
    };
    let before = Identity {
        started: own.started.saturating_sub(1),
        ..own
    };
    let mut asked = vec![
        ("the first process", at(1), Refusal::First),
        ("the drill itself", at(me), Refusal::Itself),
    ];
    let above = ancestors(&table, me).into_iter().filter(|p| *p > 1);
    asked.extend(above.map(|p| ("an ancestor", at(p), Refusal::Ancestor)));
    asked.push(("an id that was given away", before, Refusal::Reused));
    asked.push(("a process that is over", over, Refusal::NotThere));
    asked.into_iter().map(|a| attempt(&table, me, a)).collect()
}

fn attempt(
    table: &Table,
    me: i32,
    (name, of, expected): (&'static str, Identity, Refusal),
) -> Result<Attempt, Error> {
    let lived = read::started(of.pid);
    let refused = match end(table, me, of) {
        Err(Error::Refused { why, .. }) => Some(why),
        Err(Error::Forbidden { .. }) | Ok(()) => None,
        Err(e) => return Err(e),
    };
    Ok(Attempt {
        target: name,
        pid: of.pid,
        refused,
        passed: refused == Some(expected) && read::started(of.pid) == lived,
    })
}

/// As `weir process kill` ends a process.
fn end(table: &Table, me: i32, of: Identity) -> Result<(), Error> {
    target(table, me, of.pid, Some(of.started))?;
    Held::of(of)?.signal(table, me, false)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::process::Command;

    fn me() -> i32 {
        i32::try_from(std::process::id()).unwrap()
    }

    fn run(script: &str, kind: Kind, cpu_percent: f64) -> Fault {
        let begun = Instant::now();
        let mut child = Command::new("sh").args(["-c", script]).spawn().unwrap();
        let pid = i32::try_from(child.id()).unwrap();
        let started = read::started(pid).unwrap();
        let watch = Watch {
            thresholds: Thresholds {
                cpu_percent,
                memory_mb: 1e6,
                min_runtime_seconds: 0.0,
                max_runtime_seconds: None,
            },
            interval_seconds: 0.2,
            limit_seconds: 3.0,
        };
        let seen = observe(kind, Identity { pid, started }, begun, &watch, me()).unwrap();
        child.wait().unwrap();
        seen
    }

    #[test]
    fn a_busy_process_is_told_of_and_a_quiet_one_is_not() {
        let busy = run("while :; do :; done", Kind::Cpu, 10.0);
        assert!(busy.passed && busy.seconds.unwrap() < 3.0, "{busy:?}");
        let quiet = run("exec sleep 60", Kind::Quiet, 10.0);
        assert!(quiet.passed && quiet.triggers.is_empty(), "{quiet:?}");
        // Limits that see nothing fail the drill.
        let unseen = run("exec sleep 60", Kind::Cpu, 10.0);
        assert!(!unseen.passed && unseen.ended, "{unseen:?}");
    }

    #[test]
    fn what_must_not_be_ended_is_refused_and_lives() {
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let pid = i32::try_from(child.id()).unwrap();
        let own = Identity {
            pid,
            started: read::started(pid).unwrap(),
        };
        let mut gone = Command::new("sleep").arg("60").spawn().unwrap();
        let pid = i32::try_from(gone.id()).unwrap();
        let over = Identity {
            pid,
            started: read::started(pid).unwrap(),
        };
        gone.kill().unwrap();
        gone.wait().unwrap();
        let all = attempts(me(), own, over).unwrap();
        assert!(all.len() >= 4 && all.iter().all(|a| a.passed), "{all:?}");
        assert_eq!(read::started(own.pid), Some(own.started));
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
