//! The one thread that sends.
//!
//! Hosts only move events into the queue. This thread writes them down, sends batches, and repeats
//! a batch until it is answered: with growing pauses, or as `Retry-After` says. With a spool what
//! cannot be sent waits on disk meanwhile.

use crate::client::Stats;
use crate::config::Config;
use crate::event::Item;
use crate::http::Answer;
use crate::peer::Peer;
use crate::spool::Spool;
use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Between attempts: at first, and at most.
const FIRST: Duration = Duration::from_millis(500);
const LAST: Duration = Duration::from_secs(30);
/// Between two looks of who waits.
const LOOK: Duration = Duration::from_millis(50);
/// Between two looks into the spool, where nothing else is to be done.
const SPOOL_LOOK: Duration = Duration::from_secs(1);
/// Nobody waits longer.
const FOREVER: Duration = Duration::from_secs(86_400);
/// Largest event as JSON, bytes.
const LARGEST: usize = 256 << 10;
/// Most bytes of a request, unpacked.
const BODY: usize = 4 << 20;

/// What hosts and the sender both see.
pub(crate) struct Shared {
    /// Events that are queued or on their way.
    pub queued: AtomicU64,
    pub dropped: AtomicU64,
    /// Dropped ones of which the gateway does not know.
    pub untold: AtomicU64,
    /// How many wait for a flush.
    pub urgent: AtomicU64,
    sent: AtomicU64,
    refused: AtomicU64,
    spooled: AtomicU64,
    lost: AtomicU64,
    closed: AtomicBool,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// Until when the sender may try, once the last handle is gone.
    deadline: Option<Instant>,
    ended: bool,
}

impl Shared {
    pub fn new() -> Shared {
        Shared {
            queued: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            untold: AtomicU64::new(0),
            urgent: AtomicU64::new(0),
            sent: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            spooled: AtomicU64::new(0),
            lost: AtomicU64::new(0),
            closed: AtomicBool::new(false),
            state: Mutex::default(),
            changed: Condvar::new(),
        }
    }

    pub fn stats(&self) -> Stats {
        let of = |n: &AtomicU64| n.load(Ordering::SeqCst);
        Stats {
            sent: of(&self.sent),
            refused: of(&self.refused),
            dropped: of(&self.dropped),
            spooled: of(&self.spooled),
            lost: of(&self.lost),
            queued: of(&self.queued),
        }
    }

    /// Waits until nothing is queued or on its way.
    pub fn wait_idle(&self, timeout: Duration) -> bool {
        self.wait(timeout, |_| self.queued.load(Ordering::SeqCst) == 0)
    }

    /// Waits until the sender has ended.
    pub fn wait_ended(&self, timeout: Duration) -> bool {
        self.wait(timeout, |state| state.ended)
    }

    fn wait(&self, timeout: Duration, over: impl Fn(&State) -> bool) -> bool {
        let until = Instant::now() + timeout.min(FOREVER);
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        while !over(&state) && !state.ended {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            // Hosts count without telling: looked at now and then by itself.
            let waited = self.changed.wait_timeout(state, left.min(LOOK));
            (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        }
        over(&state)
    }

    /// The last handle is gone: what is queued may be tried for so long.
    pub fn close(&self, patience: Duration) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.deadline = Instant::now().checked_add(patience);
        self.closed.store(true, Ordering::SeqCst);
    }

    fn deadline(&self) -> Option<Instant> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.deadline
    }

    /// Whoever waits looks again.
    fn tell(&self, ended: bool) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.ended |= ended;
        drop(state);
        self.changed.notify_all();
    }
}

/// The sender.
pub(crate) struct Sender {
    config: Config,
    from: Receiver<Item>,
    shared: Arc<Shared>,
    peer: Peer,
    spool: Option<Spool>,
    failures: u32,
    not_before: Option<Instant>,
    /// What was told once.
    told: HashSet<String>,
}

/// Tells whoever waits that the thread is over, however it ends.
struct Ended(Arc<Shared>);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.tell(true);
    }
}

impl Sender {
    pub fn new(config: Config, peer: Peer, from: Receiver<Item>, shared: Arc<Shared>) -> Sender {
        Sender {
            peer,
            spool: config.spool_of(),
            config,
            from,
            shared,
            failures: 0,
            not_before: None,
            told: HashSet::new(),
        }
    }

    /// Until the last handle is gone and the queue is empty, or time is over.
    pub fn run(mut self) {
        let ended = Ended(self.shared.clone());
        loop {
            self.gather();
            let lines = self.take();
            if lines.is_empty() {
                if self.closed() && self.shared.queued.load(Ordering::SeqCst) == 0 {
                    break;
                }
                self.drain();
                continue;
            }
            let n = lines.len() as u64;
            self.deliver(&lines);
            self.shared.queued.fetch_sub(n, Ordering::SeqCst);
            self.shared.tell(false);
            self.drain();
        }
        drop(ended);
    }

    fn closed(&self) -> bool {
        self.shared.closed.load(Ordering::SeqCst)
    }

    fn hurried(&self) -> bool {
        self.closed() || self.shared.urgent.load(Ordering::SeqCst) > 0
    }

    /// Sleeps while there is nothing; then until there is a batch, the interval is over, or
    /// somebody waits.
    fn gather(&self) {
        let queued = || self.shared.queued.load(Ordering::SeqCst);
        while queued() == 0 && !self.closed() {
            if self.spool.is_some() {
                std::thread::park_timeout(SPOOL_LOOK);
                if queued() == 0 {
                    return;
                }
            } else {
                std::thread::park();
            }
        }
        let until = Instant::now() + self.config.interval;
        while queued() < self.config.batch as u64 && !self.hurried() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            std::thread::park_timeout(left);
        }
    }

    /// A batch, written down. What cannot be sent is counted here and now.
    fn take(&mut self) -> Vec<Vec<u8>> {
        let (mut lines, mut bytes) = (Vec::new(), 0);
        while lines.len() < self.config.batch && bytes < BODY {
            let Ok(item) = self.from.try_recv() else {
                break;
            };
            let name = item.event.name();
            let why = match item.line(&self.config.common, self.config.privacy.as_deref()) {
                Ok(line) if line.len() <= LARGEST => {
                    bytes += line.len();
                    lines.push(line);
                    continue;
                }
                Ok(line) => format!("it has {} bytes, at most {LARGEST} are sent", line.len()),
                Err(why) => why,
            };
            self.once(name, &format!("an event {name} was not sent: {why}"));
            self.shared.refused.fetch_add(1, Ordering::Relaxed);
            self.shared.queued.fetch_sub(1, Ordering::SeqCst);
            self.shared.tell(false);
        }
        lines
    }

    /// Sends lines until they are answered, on disk, or time is over.
    fn deliver(&mut self, lines: &[Vec<u8>]) {
        loop {
            let waits = self.not_before.is_some_and(|until| until > Instant::now());
            if waits && self.keep(lines) {
                return;
            }
            if !self.pause() {
                if !self.keep(lines) {
                    let n = lines.len() as u64;
                    self.shared.lost.fetch_add(n, Ordering::Relaxed);
                    self.once("lost", "events could not be sent before the end");
                }
                return;
            }
            if self.send(lines) || self.keep(lines) {
                return;
            }
        }
    }

    /// One attempt; whether the lines are done with.
    fn send(&mut self, lines: &[Vec<u8>]) -> bool {
        match self.attempt(lines) {
            Answer::Done(accepted, refused) => {
                (self.failures, self.not_before) = (0, None);
                self.shared.sent.fetch_add(accepted, Ordering::Relaxed);
                let n = refused.len() as u64;
                self.shared.refused.fetch_add(n, Ordering::Relaxed);
                for r in refused {
                    let (code, message, remedy) = (&r.code, &r.message, &r.remedy);
                    let said = format!("an event was refused: {code} {message} ({remedy})");
                    self.once(&r.code, &said);
                }
                true
            }
            Answer::Split(_) if lines.len() > 1 => {
                let (one, other) = lines.split_at(lines.len() / 2);
                self.deliver(one);
                self.deliver(other);
                true
            }
            Answer::Split(why) => {
                self.shared.refused.fetch_add(1, Ordering::Relaxed);
                self.once("split", &format!("an event was refused: {why}"));
                true
            }
            Answer::Again(why, after) => {
                let grown = FIRST.saturating_mul(1 << self.failures.min(6)).min(LAST);
                self.failed(&why, after.unwrap_or(grown), after.is_some());
                false
            }
            Answer::Blocked(why) => {
                self.failed(&why, LAST, false);
                false
            }
        }
    }

    /// Puts lines into the spool, where there is one with room.
    fn keep(&mut self, lines: &[Vec<u8>]) -> bool {
        let Some(spool) = &self.spool else {
            return false;
        };
        let why = match spool.write(lines) {
            Ok(true) => {
                let n = lines.len() as u64;
                self.shared.spooled.fetch_add(n, Ordering::Relaxed);
                return true;
            }
            Ok(false) => "the spool is full".to_owned(),
            Err(e) => format!("the spool cannot be written: {e}"),
        };
        self.once("spool", &why);
        false
    }

    /// Sends the oldest batch of the spool, where it is time to.
    fn drain(&mut self) {
        let waits = self.not_before.is_some_and(|until| until > Instant::now());
        let Some(spool) = self.spool.as_ref().filter(|_| !waits && !self.closed()) else {
            return;
        };
        let taken = match spool.take() {
            Ok(Some(taken)) => taken,
            Ok(None) => return,
            Err(e) => return self.once("spool", &format!("the spool cannot be read: {e}")),
        };
        let sent = taken.lines.is_empty() || self.send(&taken.lines);
        if let Some(spool) = &self.spool {
            match sent {
                true => spool.done(&taken),
                false => spool.release(&taken),
            }
        }
        // There may be more.
        if sent {
            std::thread::current().unpark();
        }
    }

    fn attempt(&self, lines: &[Vec<u8>]) -> Answer {
        let told = self.shared.untold.load(Ordering::SeqCst);
        let left = self
            .shared
            .deadline()
            .map(|d| d.saturating_duration_since(Instant::now()));
        let limit = self.config.timeout.min(left.unwrap_or(self.config.timeout));
        let began = Instant::now();
        let answer = self
            .peer
            .send(lines, told, limit.max(Duration::from_millis(1)));
        if self.config.debug {
            let (n, took) = (lines.len(), began.elapsed());
            eprintln!("weir: sent {n} events, {told} dropped before: {answer:?} in {took:.0?}");
        }
        if matches!(answer, Answer::Done(..)) {
            self.shared.untold.fetch_sub(told, Ordering::SeqCst);
        }
        answer
    }

    fn failed(&mut self, why: &str, pause: Duration, at_least: bool) {
        self.failures = self.failures.saturating_add(1);
        // Clients shall not come back all at once: after a time that was asked for a little later,
        // else a little earlier.
        let spread = f64::from(uuid::Uuid::new_v4().as_bytes()[0]) / 255.0;
        let factor = if at_least {
            1.0 + spread / 10.0
        } else {
            0.5 + spread / 2.0
        };
        self.not_before = Instant::now().checked_add(pause.mul_f64(factor));
        let cause = why.split(' ').next().unwrap_or_default().to_owned();
        let said = format!(
            "{} did not take events, they are tried again: {why}",
            self.peer.at()
        );
        self.once(&format!("failed {cause}"), &said);
    }

    /// Waits until the next attempt; false where the end comes sooner.
    fn pause(&self) -> bool {
        loop {
            let deadline = self.shared.deadline();
            let now = Instant::now();
            if deadline.is_some_and(|d| now >= d) {
                return false;
            }
            let Some(until) = self.not_before.filter(|until| *until > now) else {
                return true;
            };
            if deadline.is_some_and(|d| until >= d) {
                return false;
            }
            std::thread::park_timeout(until - now);
        }
    }

    /// Warns of each thing once.
    fn once(&mut self, what: &str, said: &str) {
        if self.told.len() < 100 && self.told.insert(what.to_owned()) {
            log::warn!(target: "weir", "{said}");
            if self.config.debug {
                eprintln!("weir: {said}");
            }
        }
    }
}
