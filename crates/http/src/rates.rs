//! How fast a token may go.

use crate::Problem;
use axum::http::StatusCode;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use weir_model::codes;

/// A token that was quiet may do so much at once.
const BURST: Duration = Duration::from_secs(2);

/// What each token may do in a second: so many events, or questions.
pub struct Rates {
    /// Between two of them; none: any number.
    each: Option<Duration>,
    /// When what a token has sent so far would have been sent at its rate.
    sent: Mutex<HashMap<String, Instant>>,
}

impl Rates {
    /// So many a second; 0: any number.
    pub fn new(rate: u32) -> Rates {
        let each = (rate > 0).then(|| Duration::from_secs(1) / rate);
        Rates {
            each,
            sent: Mutex::default(),
        }
    }

    /// Lets a token do so many now. One that has not done too much yet may do them all, and waits
    /// afterwards.
    ///
    /// # Errors
    /// 429 (WEIR-0918): it has to wait.
    pub fn take(&self, token: &str, many: usize, now: Instant) -> Result<(), Problem> {
        let Some(each) = self.each else {
            return Ok(());
        };
        let mut all = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        let sent = all.get(token).map_or(now, |at| (*at).max(now));
        let ahead = sent.duration_since(now);
        if ahead > BURST {
            let detail = "this token sends faster than it may: wait as long as Retry-After says";
            let problem = Problem::new(StatusCode::TOO_MANY_REQUESTS, codes::RATE, detail);
            return Err(problem.again_after(ahead - BURST));
        }
        let many = u32::try_from(many).unwrap_or(u32::MAX);
        all.insert(token.to_owned(), sent + each.saturating_mul(many));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_token_sends_at_its_rate_and_no_other_waits_for_it() {
        let rates = Rates::new(100);
        let start = Instant::now();
        let at = |ms: u64| start + Duration::from_millis(ms);
        rates.take("a", 200, at(0)).unwrap();
        // Not above yet: what is sent now is waited for later.
        rates.take("a", 100, at(0)).unwrap();
        let refused = rates.take("a", 1, at(0)).unwrap_err();
        assert_eq!(refused.retry_after, Some(Duration::from_secs(1)));
        assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
        rates.take("b", 1, at(0)).unwrap();
        rates.take("a", 1, at(1000)).unwrap();
        Rates::new(0).take("a", usize::MAX, at(0)).unwrap();
    }
}
