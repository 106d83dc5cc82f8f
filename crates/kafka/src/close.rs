//! Ending a client within a limit: the library waits without one, for brokers, for answers, for its
//! own threads.

use std::mem::ManuallyDrop;
use std::ops::Deref;
use std::sync::mpsc::sync_channel;
use std::time::Duration;

/// Runs `end` on a thread of its own and waits for it up to the limit; false where it is left
/// behind, still at it.
pub(crate) fn within(
    what: &'static str,
    limit: Duration,
    end: impl FnOnce() + Send + 'static,
) -> bool {
    let (done, ended) = sync_channel(1);
    let thread = std::thread::Builder::new().name("weir-close".into());
    let started = thread.spawn(move || {
        end();
        // Nobody waits any more where the limit has passed.
        let _ = done.send(());
    });
    // Where no thread can be started `end` was dropped, and with it what it was to end.
    let in_time = started.is_err() || ended.recv_timeout(limit).is_ok();
    if !in_time {
        let code = weir_model::codes::DEADLINE;
        tracing::error!("{code}: closing {what} takes longer than {limit:?}; it is left behind");
        metrics::counter!(crate::metric::LEFT_BEHIND).increment(1);
    }
    in_time
}

/// A client that is ended within a limit when it is dropped.
pub(crate) struct Closing<T: Send + 'static> {
    inner: ManuallyDrop<T>,
    what: &'static str,
    limit: Duration,
}

impl<T: Send + 'static> Closing<T> {
    pub(crate) fn new(inner: T, what: &'static str, limit: Duration) -> Closing<T> {
        Closing {
            inner: ManuallyDrop::new(inner),
            what,
            limit,
        }
    }
}

impl<T: Send + 'static> Deref for Closing<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.inner
    }
}

impl<T: Send + 'static> Drop for Closing<T> {
    fn drop(&mut self) {
        // SAFETY: taken once, here, and nobody can look at it afterwards.
        let inner = unsafe { ManuallyDrop::take(&mut self.inner) };
        within(self.what, self.limit, move || drop(inner));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    struct Slow(Duration);
    impl Drop for Slow {
        fn drop(&mut self) {
            std::thread::sleep(self.0);
        }
    }

    #[test]
    fn what_does_not_end_is_left_behind() {
        let begun = Instant::now();
        let limit = Duration::from_millis(50);
        drop(Closing::new(Slow(Duration::from_secs(60)), "a test", limit));
        assert!(begun.elapsed() < Duration::from_secs(20));
        assert!(within("a test", Duration::from_secs(20), || {}));
    }
}
