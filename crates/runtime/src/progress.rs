//! Whether the parts of this process move: what `/readyz` and `/livez` tell, and what ends a
//! process that hangs.
//!
//! A part (a stage, the sink, an importer's call to the broker) registers and says when it comes
//! round, reads and commits. Everybody else only looks. Being caught up is no stall; neither is
//! waiting for something outside, which is told apart: no restart helps there.

use std::cell::RefCell;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::{Duration, Instant};
use weir_model::codes::{DEADLINE, STALLED};

/// Seconds for which a part has been standing still, 0 while it moves.
pub const STALLED_SECONDS: &str = "weir_stalled_seconds";
/// Exit status of a process that was ended by a deadline (sysexits: software error).
const EXIT: i32 = 70;
/// How often is looked.
const ROUND: Duration = Duration::from_millis(500);

/// How long a part may stand still.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// After so long it is not ready.
    pub stall: Duration,
    /// After so long it is dead: a restart is what helps.
    pub liveness: Duration,
}

/// A part that stands still.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stall {
    /// Its name.
    pub part: String,
    /// What it does not do.
    pub why: String,
    /// For how long.
    pub seconds: u64,
    /// True past the liveness limit.
    pub dead: bool,
}

impl std::fmt::Display for Stall {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} stands still for {} s: {}",
            self.part, self.seconds, self.why
        )
    }
}

struct State {
    /// When its loop came round last.
    alive: Instant,
    /// Records wait and none was read since.
    unread: Option<Instant>,
    /// Records were read and nothing was committed since.
    uncommitted: Option<Instant>,
    /// What it waits for that no restart brings.
    outside: Option<(Instant, String)>,
    told: bool,
}

struct Inner {
    name: String,
    limits: Limits,
    state: Mutex<State>,
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The clock that has run longest past the limit for readiness.
    fn stall(&self, now: Instant) -> Option<Stall> {
        let state = self.lock();
        let of = |since: Instant, why: &str, restart_helps: bool| {
            let age = now.saturating_duration_since(since);
            (age >= self.limits.stall).then(|| Stall {
                part: self.name.clone(),
                why: why.to_owned(),
                seconds: age.as_secs(),
                dead: restart_helps && age >= self.limits.liveness,
            })
        };
        if let Some(stall) = of(state.alive, "a call does not return", true) {
            return Some(stall);
        }
        if let Some((since, what)) = &state.outside {
            return of(*since, &format!("it waits for {what}"), false);
        }
        let unread = (state.unread, "records wait and none is read");
        let uncommitted = (state.uncommitted, "records were read and none is committed");
        [unread, uncommitted]
            .into_iter()
            .filter_map(|(since, why)| of(since?, why, true))
            .max_by_key(|stall| stall.seconds)
    }

    /// The process itself stood still: nobody could move meanwhile.
    fn forgive(&self, pause: Duration) {
        let mut s = self.lock();
        s.alive += pause;
        s.unread = s.unread.map(|at| at + pause);
        s.uncommitted = s.uncommitted.map(|at| at + pause);
    }
}

/// A part that says how it is; dropped, it is forgotten. Cheap to clone.
#[derive(Clone)]
pub struct Part(Arc<Inner>);

thread_local! {
    static HERE: RefCell<Weak<Inner>> = const { RefCell::new(Weak::new()) };
}

impl Part {
    /// Registers a part. It belongs to the calling thread, see [`alive_here`].
    pub fn register(name: impl Into<String>, limits: Limits) -> Part {
        let inner = Arc::new(Inner {
            name: name.into(),
            limits,
            state: Mutex::new(State {
                alive: Instant::now(),
                unread: None,
                uncommitted: None,
                outside: None,
                told: false,
            }),
        });
        lock().push(Arc::downgrade(&inner));
        HERE.set(Arc::downgrade(&inner));
        Part(inner)
    }

    /// Its loop comes round.
    pub fn alive(&self) {
        self.0.lock().alive = Instant::now();
    }

    /// Records wait. Reading is due from the first time this is said.
    pub fn waits(&self) {
        let mut s = self.0.lock();
        s.outside = None;
        s.unread.get_or_insert_with(Instant::now);
    }

    /// Records were read. A commit is due from the first time this is said.
    pub fn read(&self) {
        let mut s = self.0.lock();
        s.outside = None;
        s.unread = None;
        s.uncommitted.get_or_insert_with(Instant::now);
    }

    /// What was read is committed; what is read now is due anew.
    pub fn committed(&self) {
        let mut s = self.0.lock();
        s.outside = None;
        s.uncommitted = None;
    }

    /// Nothing waits to be read.
    pub fn caught_up(&self) {
        let mut s = self.0.lock();
        s.outside = None;
        s.unread = None;
    }

    /// Nothing waits to be read, and nothing to be committed.
    pub fn idle(&self) {
        let mut s = self.0.lock();
        s.outside = None;
        (s.unread, s.uncommitted) = (None, None);
    }

    /// It waits for something that no restart of this process brings.
    pub fn waits_for(&self, what: impl Into<String>) {
        let mut s = self.0.lock();
        // What waited before is not younger for the reason being known now.
        let waited = [s.unread, s.uncommitted].into_iter().flatten().min();
        let known = s.outside.take().map(|(since, _)| since);
        let since = known.or(waited).unwrap_or_else(Instant::now);
        s.outside = Some((since, what.into()));
        // Once that is there, it has its time again.
        (s.unread, s.uncommitted) = (None, None);
    }
}

/// The part of this thread, if it has one, comes round: for loops within one of its calls that
/// themselves move.
pub fn alive_here() {
    let here = HERE.with_borrow(Weak::upgrade);
    if let Some(inner) = here {
        Part(inner).alive();
    }
}

/// All parts that stand still.
pub fn stalls() -> Vec<Stall> {
    let now = Instant::now();
    let parts: Vec<Arc<Inner>> = lock().iter().filter_map(Weak::upgrade).collect();
    parts.iter().filter_map(|p| p.stall(now)).collect()
}

fn lock() -> MutexGuard<'static, Vec<Weak<Inner>>> {
    static ALL: OnceLock<Mutex<Vec<Weak<Inner>>>> = OnceLock::new();
    ALL.get_or_init(|| {
        let started = std::thread::Builder::new()
            .name("weir-watchdog".into())
            .spawn(patrol);
        if let Err(e) = started {
            tracing::error!("the watchdog thread cannot start: {e}");
        }
        Mutex::default()
    })
    .lock()
    .unwrap_or_else(PoisonError::into_inner)
}

fn patrol() {
    let mut last = Instant::now();
    loop {
        std::thread::sleep(ROUND);
        let parts: Vec<Arc<Inner>> = {
            let mut all = lock();
            all.retain(|w| w.strong_count() > 0);
            all.iter().filter_map(Weak::upgrade).collect()
        };
        // A process that was stopped, or a machine that slept: the others come round in a moment,
        // as this thread does.
        let late = last.elapsed().saturating_sub(2 * ROUND);
        last = Instant::now();
        for part in &parts {
            if !late.is_zero() {
                part.forgive(late);
            }
            look(part);
        }
    }
}

/// Tells of a part that begins or ends to stand still; ends the process where a call does not
/// return.
fn look(part: &Inner) {
    let stall = part.stall(Instant::now());
    metrics::gauge!(STALLED_SECONDS, "part" => part.name.clone())
        .set(stall.as_ref().map_or(0.0, |s| s.seconds as f64));
    let told = std::mem::replace(&mut part.lock().told, stall.is_some());
    match &stall {
        Some(stall) if !told => tracing::error!("{STALLED}: {stall}"),
        None if told => tracing::warn!("{} moves again", part.name),
        _ => {}
    }
    if part.lock().alive.elapsed() >= part.limits.liveness {
        let limit = part.limits.liveness;
        tracing::error!(
            "{DEADLINE}: {} did not return within {limit:?}: exiting",
            part.name
        );
        std::process::exit(EXIT);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const LIMITS: Limits = Limits {
        stall: Duration::from_secs(15),
        liveness: Duration::from_secs(60),
    };

    /// What the part says that many seconds from now, if its loop goes on.
    fn after(part: &Part, seconds: u64) -> Option<(String, bool)> {
        let now = Instant::now() + Duration::from_secs(seconds);
        part.0.lock().alive = now;
        part.0.stall(now).map(|s| (s.why, s.dead))
    }

    #[test]
    fn caught_up_and_idle_is_ready_for_ever() {
        let part = Part::register("idle", LIMITS);
        assert_eq!(after(&part, 3600), None);
        part.read();
        part.committed();
        part.waits();
        part.caught_up();
        assert_eq!(after(&part, 3600), None);
        // Partitions that were taken away before a commit.
        part.read();
        part.idle();
        assert_eq!(after(&part, 3600), None);
    }

    #[test]
    fn records_that_wait_unread_or_uncommitted_are_a_stall_and_then_death() {
        let part = Part::register("unread", LIMITS);
        part.waits();
        assert_eq!(after(&part, 14), None);
        let why = "records wait and none is read".to_owned();
        assert_eq!(after(&part, 16), Some((why.clone(), false)));
        assert_eq!(after(&part, 61), Some((why, true)));
        part.read();
        let why = "records were read and none is committed".to_owned();
        assert_eq!(after(&part, 16), Some((why, false)));
        // Reading on is no commit.
        part.read();
        assert!(after(&part, 61).unwrap().1);
        part.committed();
        assert_eq!(after(&part, 3600), None);
    }

    #[test]
    fn a_restart_does_not_help_against_what_is_missing_outside() {
        let part = Part::register("outside", LIMITS);
        part.read();
        part.waits_for("a broker");
        let why = "it waits for a broker".to_owned();
        assert_eq!(after(&part, 16), Some((why.clone(), false)));
        assert_eq!(after(&part, 3600), Some((why, false)));
    }

    #[test]
    fn a_reason_found_late_does_not_start_the_clock_again() {
        let part = Part::register("late reason", LIMITS);
        let began = Instant::now() - Duration::from_secs(10);
        part.0.lock().uncommitted = Some(began);
        part.waits_for("a store");
        assert!(after(&part, 6).is_some());
    }

    #[test]
    fn a_loop_that_does_not_come_round_is_a_stall_whatever_it_waits_for() {
        let part = Part::register("hangs", LIMITS);
        part.waits_for("a broker");
        let later = Instant::now() + Duration::from_secs(61);
        let stall = part.0.stall(later).unwrap();
        assert!(stall.dead, "{stall}");
    }

    #[test]
    fn the_time_in_which_the_process_stood_still_does_not_count() {
        let part = Part::register("paused", LIMITS);
        part.waits();
        part.0.forgive(Duration::from_secs(100));
        let later = Instant::now() + Duration::from_secs(110);
        assert_eq!(part.0.stall(later), None);
    }
}
