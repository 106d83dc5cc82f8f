//! Whose turn it is: imports of one tenant and event type come one after the other.
//!
//! An import writes a mark with each of its transactions and deletes it with the last one. Another
//! that finds a mark waits until it is gone, or has not changed for [`STALE`], or its process is
//! gone from this machine. The marks are a courtesy; that nothing counts twice rests on the broker,
//! which refuses the producer whose name another one has taken.

use super::Progress;
use super::identities::Scope;
use crate::publish::{DEADLINE, Publisher, Sources};
use anyhow::Result;
use std::collections::HashMap;
use std::path::Path;
use std::time::{Duration, Instant};
use uuid::Uuid;
use weir_kafka::Brokers;
use weir_model::topics;

/// Keys of marks begin so.
pub const PREFIX: &str = "turn/";
/// A mark that is as old belongs to a process that is gone.
const STALE: Duration = Duration::from_secs(10);
/// Time between two looks.
const LOOK: Duration = Duration::from_millis(500);

/// A turn that was taken.
pub struct Turn {
    key: String,
    run: Uuid,
    count: u64,
    held: Instant,
}

impl Turn {
    /// Waits until nobody else imports; how long that took, and what the ledger holds of sources.
    pub fn wait(
        brokers: &Brokers,
        scope: Scope,
    ) -> Result<(Turn, Duration, HashMap<String, Progress>)> {
        let turn = Turn {
            key: format!("{PREFIX}{}", scope.name()),
            run: Uuid::now_v7(),
            count: 0,
            held: Instant::now(),
        };
        let begun = Instant::now();
        let mut seen: Option<(Vec<u8>, Instant)> = None;
        let mut free = 0;
        let sources = loop {
            let looked = Instant::now();
            let (mark, sources) = turn.look(brokers)?;
            match (mark, &seen) {
                (None, None) => break sources,
                // Of several that waited, the first to look again goes on and the others see its
                // mark.
                (None, Some(_)) if free > 0 => break sources,
                (None, Some(_)) => {
                    free += 1;
                    let own = u64::from(self_delay(turn.run));
                    std::thread::sleep(Duration::from_millis(own));
                    continue;
                }
                (Some(mark), Some((old, since))) if mark == *old => {
                    if since.elapsed() >= STALE {
                        break sources;
                    }
                }
                (Some(mark), _) if is_gone(&mark) => break sources,
                (Some(mark), _) => {
                    free = 0;
                    seen = Some((mark, Instant::now()));
                }
            }
            // A long ledger is not read without pause.
            std::thread::sleep(LOOK.max(looked.elapsed()));
        };
        let waited = seen.map_or(Duration::ZERO, |_| begun.elapsed());
        Ok((turn, waited, sources.read()?))
    }

    fn look(&self, brokers: &Brokers) -> Result<(Option<Vec<u8>>, Sources)> {
        let (mut mark, mut sources) = (None, Sources::default());
        let mut take = |key: &[u8], value: Option<&[u8]>| {
            if key == self.key.as_bytes() {
                mark = value.map(<[u8]>::to_vec);
            }
            sources.take(key, value);
        };
        weir_kafka::compacted::scan(brokers, topics::IMPORTS, None, DEADLINE, &mut take)?;
        Ok((mark, sources))
    }

    /// Writes the mark into the open transaction.
    pub fn hold(&mut self, publisher: &mut Publisher) -> Result<()> {
        self.count += 1;
        self.held = Instant::now();
        let mark = format!("{} {} {}", self.run, self.count, place());
        publisher.note(self.key.as_bytes(), Some(mark.as_bytes()))
    }

    /// Whether it is time to write the mark again, though there is nothing else to write.
    pub fn is_old(&self) -> bool {
        self.held.elapsed() >= STALE / 5
    }

    /// Deletes it.
    pub fn end(&self, publisher: &mut Publisher) -> Result<()> {
        publisher.note(self.key.as_bytes(), None)
    }
}

/// This process among all: the start of the machine, its space of process ids, and its id.
fn place() -> String {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let space = std::fs::read_link("/proc/self/ns/pid").unwrap_or_default();
    let pid = std::process::id();
    format!("{}/{} {pid}", boot.trim(), space.display())
}

/// Whether a mark was written by a process of this machine that has ended.
fn is_gone(mark: &[u8]) -> bool {
    let mark = String::from_utf8_lossy(mark);
    let mut words = mark.split(' ').skip(2);
    let (Some(theirs), Some(pid)) = (words.next(), words.next()) else {
        return false;
    };
    let own = place();
    let is_here = own.split(' ').next() == Some(theirs) && Path::new("/proc/self").exists();
    is_here && !Path::new("/proc").join(pid).exists()
}

/// Up to a second, another one for each run.
fn self_delay(run: Uuid) -> u16 {
    let b = run.as_bytes();
    u16::from_be_bytes([b[14], b[15]]) % 1000
}
