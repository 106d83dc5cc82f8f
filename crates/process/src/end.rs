//! Ending a process, and no other.
//!
//! An id can be given to another process between the look and the signal. So the kernel is asked for
//! a handle of the process first (pidfd), then whether the id still belongs to the one that was
//! looked at; the handle never means another one. Kernels without handles (before 5.3) are asked
//! for the start once more right before the signal.

use crate::Error;
use crate::read;
use crate::safety::{Refusal, check};
use crate::table::{Identity, Process, Table};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open, pidfd_send_signal};
use std::time::{Duration, Instant};

/// Time between two looks where there is no handle.
const LOOK: Duration = Duration::from_millis(20);

/// A process that is held on to: its id may go to another one, this stays.
#[derive(Debug)]
pub struct Held {
    identity: Identity,
    handle: Option<OwnedFd>,
}

impl Held {
    /// Takes hold of the process that was looked at.
    ///
    /// # Errors
    /// It is over, and its id nobody's or another one's.
    pub fn of(identity: Identity) -> Result<Held, Error> {
        let pid = identity.pid;
        let refused = |why| Error::Refused { pid, why };
        let id = Some(pid).filter(|p| *p > 1).and_then(Pid::from_raw);
        let id = id.ok_or_else(|| refused(Refusal::First))?;
        let handle = match pidfd_open(id, PidfdFlags::empty()) {
            Ok(handle) => Some(handle),
            Err(Errno::NOSYS) => None,
            // The last two: an id of a thread, which no process has.
            Err(Errno::SRCH | Errno::INVAL | Errno::NOENT) => {
                return Err(refused(Refusal::NotThere));
            }
            Err(e) => return Err(failed(pid, e)),
        };
        let held = Held { identity, handle };
        held.is_it()?;
        Ok(held)
    }

    /// Whether the id still means it.
    fn is_it(&self) -> Result<(), Error> {
        let pid = self.identity.pid;
        match read::started(pid) {
            Some(started) if started == self.identity.started => Ok(()),
            Some(_) => Err(Error::Refused {
                pid,
                why: Refusal::Reused,
            }),
            None => Err(Error::Refused {
                pid,
                why: Refusal::NotThere,
            }),
        }
    }

    /// Asks it to end, or with `force` ends it, after the rules were asked once more of `now`, a
    /// table that was just read.
    ///
    /// # Errors
    /// The rules refuse; it is over already; it belongs to somebody else.
    pub fn signal(&self, now: &Table, me: i32, force: bool) -> Result<(), Error> {
        let pid = self.identity.pid;
        check(now, me, self.identity).map_err(|why| Error::Refused { pid, why })?;
        self.is_it()?;
        let signal = if force { Signal::KILL } else { Signal::TERM };
        let sent = match (&self.handle, Pid::from_raw(pid)) {
            (Some(handle), _) => pidfd_send_signal(handle, signal),
            (None, Some(id)) => kill_process(id, signal),
            (None, None) => Err(Errno::SRCH),
        };
        sent.map_err(|e| failed(pid, e))
    }

    /// Whether it is over within a time.
    ///
    /// # Errors
    /// The kernel does not say.
    pub fn is_over_within(&self, time: Duration) -> Result<bool, Error> {
        let until = Instant::now() + time;
        let Some(handle) = &self.handle else {
            while self.is_it().is_ok() {
                if Instant::now() >= until {
                    return Ok(false);
                }
                std::thread::sleep(LOOK);
            }
            return Ok(true);
        };
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let left = Timespec {
                tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
                tv_nsec: i64::from(left.subsec_nanos()),
            };
            let mut ends = [PollFd::new(handle, PollFlags::IN)];
            match poll(&mut ends, Some(&left)) {
                Ok(n) => return Ok(n > 0),
                Err(Errno::INTR) => {}
                Err(e) => return Err(failed(self.identity.pid, e)),
            }
        }
    }
}

fn failed(pid: i32, e: Errno) -> Error {
    match e {
        Errno::PERM | Errno::ACCESS => Error::Forbidden { pid },
        Errno::SRCH => Error::Refused {
            pid,
            why: Refusal::NotThere,
        },
        e => Error::Table {
            what: format!("process {pid}"),
            why: e.to_string(),
        },
    }
}

/// The process with an id, as it is to be held: by the start that somebody saw, else by the one that
/// it has now.
///
/// # Errors
/// The rules refuse it.
pub fn target(table: &Table, me: i32, pid: i32, seen: Option<u64>) -> Result<&Process, Error> {
    let now = table.processes.get(&pid).map_or(0, |p| p.started);
    let identity = Identity {
        pid,
        started: seen.unwrap_or(now),
    };
    check(table, me, identity).map_err(|why| Error::Refused { pid, why })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::process::{Child, Command};

    fn me() -> i32 {
        i32::try_from(std::process::id()).unwrap()
    }

    fn sleeper(script: &str) -> (Child, Identity) {
        let child = Command::new("sh").args(["-c", script]).spawn().unwrap();
        let pid = i32::try_from(child.id()).unwrap();
        let started = read::started(pid).unwrap();
        (child, Identity { pid, started })
    }

    #[test]
    fn the_one_that_was_looked_at_ends() {
        let (mut child, identity) = sleeper("exec sleep 60");
        let held = Held::of(identity).unwrap();
        assert!(!held.is_over_within(Duration::from_millis(30)).unwrap());
        held.signal(&read::table().unwrap(), me(), false).unwrap();
        assert!(held.is_over_within(Duration::from_secs(10)).unwrap());
        // It waits for its parent: over all the same.
        let again = held.signal(&read::table().unwrap(), me(), true);
        assert_eq!(again.unwrap_err().code(), weir_model::codes::NO_PROCESS);
        child.wait().unwrap();
    }

    #[test]
    fn force_ends_what_does_not_listen() {
        // The second line says that the first one holds.
        let script = "trap '' TERM; echo held; while :; do sleep 0.05; done";
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        let mut child = command
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let mut first = [0; 4];
        std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut first).unwrap();
        let pid = i32::try_from(child.id()).unwrap();
        let started = read::started(pid).unwrap();
        let held = Held::of(Identity { pid, started }).unwrap();
        held.signal(&read::table().unwrap(), me(), false).unwrap();
        assert!(!held.is_over_within(Duration::from_millis(300)).unwrap());
        held.signal(&read::table().unwrap(), me(), true).unwrap();
        assert!(held.is_over_within(Duration::from_secs(10)).unwrap());
        child.wait().unwrap();
    }

    #[test]
    fn an_id_that_was_given_away_is_no_target() {
        let (mut child, identity) = sleeper("exec sleep 60");
        let before = Identity {
            started: identity.started - 1,
            ..identity
        };
        let refused = Held::of(before).unwrap_err();
        assert_eq!(refused.code(), weir_model::codes::PROCESS_REUSED);
        let table = read::table().unwrap();
        let refused = target(&table, me(), identity.pid, Some(before.started)).unwrap_err();
        assert_eq!(refused.code(), weir_model::codes::PROCESS_REUSED);
        assert_eq!(read::started(identity.pid), Some(identity.started));
        // Held while it lived, asked for after it was over and buried.
        let held = Held::of(identity).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        let mut stale = table;
        stale.uptime += 1.0;
        let refused = held.signal(&stale, me(), true).unwrap_err();
        assert_eq!(refused.code(), weir_model::codes::NO_PROCESS);
    }

    #[test]
    fn what_the_command_stands_on_is_no_target() {
        let table = read::table().unwrap();
        let mut protected = crate::ancestors(&table, me());
        protected.extend([me(), 1, 0, -1]);
        for pid in protected {
            let refused = target(&table, me(), pid, None).unwrap_err();
            assert_eq!(
                refused.code(),
                weir_model::codes::PROCESS_PROTECTED,
                "{pid}"
            );
        }
    }
}
