//! How much may be under way: bytes of requests, turns of the processor.

use crate::metric;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};
use weir_http::Problem;

/// Bytes are counted in pieces of this size.
const PIECE: usize = 1 << 10;

/// Bytes that may be under way.
#[derive(Clone)]
pub(crate) struct Budget {
    pieces: Arc<Semaphore>,
    wait: Duration,
}

/// Bytes that are; given back when dropped.
pub(crate) struct Reserved {
    budget: Budget,
    held: Vec<OwnedSemaphorePermit>,
    bytes: usize,
}

impl Budget {
    pub fn new(bytes: usize, wait: Duration) -> Budget {
        let pieces = (bytes / PIECE).min(Semaphore::MAX_PERMITS);
        Budget {
            pieces: Arc::new(Semaphore::new(pieces)),
            wait,
        }
    }

    /// Nothing yet.
    pub fn nothing(&self) -> Reserved {
        Reserved {
            budget: self.clone(),
            held: Vec::new(),
            bytes: 0,
        }
    }
}

fn full() -> Problem {
    Problem::busy("as many bytes are under way as may be: send again in a moment")
}

impl Reserved {
    /// Waits until so many bytes are reserved, those that are already included.
    pub async fn up_to(&mut self, bytes: usize) -> Result<(), Problem> {
        let Some(pieces) = self.missing(bytes) else {
            return Ok(());
        };
        let budget = &self.budget;
        let permits = budget.pieces.clone().acquire_many_owned(pieces);
        match tokio::time::timeout(budget.wait, permits).await {
            Ok(Ok(permits)) => {
                self.take(permits);
                Ok(())
            }
            _ => Err(full()),
        }
    }

    /// As [`Reserved::up_to`], at once or not at all.
    pub fn at_once_up_to(&mut self, bytes: usize) -> Result<(), Problem> {
        let Some(pieces) = self.missing(bytes) else {
            return Ok(());
        };
        let permits = self.budget.pieces.clone().try_acquire_many_owned(pieces);
        self.take(permits.map_err(|_| full())?);
        Ok(())
    }

    fn missing(&self, bytes: usize) -> Option<u32> {
        let pieces = bytes.saturating_sub(self.bytes).div_ceil(PIECE);
        (pieces > 0).then(|| u32::try_from(pieces).unwrap_or(u32::MAX))
    }

    fn take(&mut self, permits: OwnedSemaphorePermit) {
        let bytes = permits.num_permits() * PIECE;
        self.bytes += bytes;
        metrics::gauge!(metric::IN_FLIGHT).increment(bytes as f64);
        self.held.push(permits);
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        metrics::gauge!(metric::IN_FLIGHT).decrement(self.bytes as f64);
    }
}

/// Turns of the processor: unpacking and reading takes memory that no body shows, so not all
/// requests do it at a time.
pub(crate) struct Turns(Semaphore);

impl Turns {
    pub fn new() -> Turns {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        Turns(Semaphore::new(cores.max(2)))
    }

    /// Waits for one.
    pub async fn next(&self) -> Option<SemaphorePermit<'_>> {
        // Never closed.
        self.0.acquire().await.ok()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn bytes_are_given_back_and_never_exceeded() {
        let budget = Budget::new(10 << 10, Duration::from_millis(1));
        let mut one = budget.nothing();
        one.at_once_up_to(6 << 10).unwrap();
        one.at_once_up_to(5 << 10).unwrap();
        let mut two = budget.nothing();
        two.at_once_up_to(5 << 10).unwrap_err();
        two.at_once_up_to(4 << 10).unwrap();
        drop(one);
        two.at_once_up_to(10 << 10).unwrap();
        assert_eq!(budget.pieces.available_permits(), 0);
        drop(two);
        assert_eq!(budget.pieces.available_permits(), 10);
    }
}
