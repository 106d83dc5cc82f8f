//! A call that never returns must not leave a process that looks alive.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::{Duration, Instant};

/// Exit status of a process that was stopped by a deadline (sysexits: software error).
const EXIT: i32 = 70;

struct Watch {
    what: String,
    limit: Duration,
    /// Milliseconds since `epoch` by which [`Watchdog::fed`] must be called again.
    due: AtomicU64,
}

fn epoch() -> Instant {
    static EPOCH: OnceLock<Instant> = OnceLock::new();
    *EPOCH.get_or_init(Instant::now)
}

fn watches() -> &'static Mutex<Vec<Weak<Watch>>> {
    static ALL: OnceLock<Mutex<Vec<Weak<Watch>>>> = OnceLock::new();
    ALL.get_or_init(|| {
        let started = std::thread::Builder::new()
            .name("weir-watchdog".into())
            .spawn(patrol);
        if let Err(e) = started {
            tracing::error!("the watchdog thread cannot start: {e}");
        }
        Mutex::default()
    })
}

fn patrol() {
    loop {
        std::thread::sleep(Duration::from_secs(1));
        let now = epoch().elapsed().as_millis() as u64;
        let mut all = watches().lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|w| w.strong_count() > 0);
        for watch in all.iter().filter_map(Weak::upgrade) {
            if watch.due.load(Ordering::Relaxed) < now {
                let code = weir_model::codes::DEADLINE;
                tracing::error!(
                    "{code}: {} did not return within {:?}: exiting",
                    watch.what,
                    watch.limit
                );
                std::process::exit(EXIT);
            }
        }
    }
}

/// Ends the process if it is not fed in time.
pub(crate) struct Watchdog(Arc<Watch>);

impl Watchdog {
    pub(crate) fn new(what: impl Into<String>, limit: Duration) -> Watchdog {
        let watch = Arc::new(Watch {
            what: what.into(),
            limit,
            due: AtomicU64::new(u64::MAX),
        });
        watches()
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(Arc::downgrade(&watch));
        let dog = Watchdog(watch);
        dog.fed();
        dog
    }
    pub(crate) fn fed(&self) {
        let due = (epoch().elapsed() + self.0.limit).as_millis() as u64;
        self.0.due.store(due, Ordering::Relaxed);
    }
}
