//! How long things may take: declared here once, so that they stay in proportion.
//!
//! A broker that stood still and comes back finds everything going on within half a minute: what
//! was under way gives up within [`Timeouts::call`], clients are built anew, and the pauses between
//! two tries are short.

use serde::{Deserialize, Serialize};
use std::time::Duration;
use weir_runtime::progress::Limits;

/// Limits of time. All of them are multiplied by `scale`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Timeouts {
    /// Multiplies the others: tests of faults run with less than 1.
    pub scale: f64,
    /// After so long without a sign of life a group forgets a member.
    #[serde(with = "humantime_serde")]
    pub session: Duration,
    /// After so long the broker aborts an open transaction; records that are not delivered by then
    /// are given up.
    #[serde(with = "humantime_serde")]
    pub transaction: Duration,
    /// After so long without an answer a connection is given up.
    #[serde(with = "humantime_serde")]
    pub request: Duration,
    /// What a stage, the sink or an importer waits for one step of theirs (a commit, reading
    /// offsets), all tries together.
    #[serde(with = "humantime_serde")]
    pub call: Duration,
    /// The same for importers and players, and how long their transactions may last: people wait
    /// for them, and they do not start again by themselves.
    #[serde(with = "humantime_serde")]
    pub import: Duration,
    /// What closing a client may take.
    #[serde(with = "humantime_serde")]
    pub close: Duration,
    /// The longest pause between two tries.
    #[serde(with = "humantime_serde")]
    pub pause: Duration,
    /// A part in which nothing moves for so long, although something waits, is not ready.
    #[serde(with = "humantime_serde")]
    pub stall: Duration,
    /// ... and after so long it is dead: `/livez` says so, and a process whose call does not return
    /// ends (WEIR-0211).
    #[serde(with = "humantime_serde")]
    pub liveness: Duration,
}

impl Default for Timeouts {
    fn default() -> Timeouts {
        let s = Duration::from_secs;
        Timeouts {
            scale: 1.0,
            session: s(6),
            transaction: s(5),
            request: s(10),
            call: s(10),
            import: s(30),
            close: s(5),
            pause: s(5),
            stall: s(15),
            liveness: s(60),
        }
    }
}

impl Timeouts {
    /// With the scale worked in.
    ///
    /// # Errors
    /// A scale that is no number above 0, as text.
    pub fn scaled(&self) -> Result<Timeouts, String> {
        if !(self.scale.is_finite() && self.scale > 0.0 && self.scale <= 100.0) {
            return Err(format!(
                "timeouts.scale is {}: write a number above 0, at most 100",
                self.scale
            ));
        }
        let by = |d: Duration| d.mul_f64(self.scale);
        Ok(Timeouts {
            scale: 1.0,
            session: by(self.session),
            transaction: by(self.transaction),
            request: by(self.request),
            call: by(self.call),
            import: by(self.import),
            close: by(self.close),
            pause: by(self.pause),
            stall: by(self.stall),
            liveness: by(self.liveness),
        })
    }

    /// How long a part may stand still.
    pub fn limits(&self) -> Limits {
        Limits {
            stall: self.stall,
            liveness: self.liveness,
        }
    }

    /// How often a part looks around while nothing comes.
    pub fn look(&self) -> Duration {
        self.stall / 4
    }
}

/// Pauses between tries: doubling from 100 ms to a limit.
#[derive(Clone, Debug)]
pub struct Pauses {
    next: Duration,
    longest: Duration,
}

impl Pauses {
    /// The first is 100 ms, or the longest where that is less.
    pub fn new(longest: Duration) -> Pauses {
        Pauses {
            next: Duration::from_millis(100).min(longest),
            longest,
        }
    }

    /// Sleeps for the next pause; returns at once where `stop` says so.
    pub fn rest(&mut self, stop: &dyn Fn() -> bool) {
        let until = std::time::Instant::now() + self.next;
        self.next = (self.next * 2).min(self.longest);
        while std::time::Instant::now() < until && !stop() {
            std::thread::sleep(Duration::from_millis(20));
            weir_runtime::progress::alive_here();
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn all_are_scaled_and_nothing_else_is_a_scale() {
        let mut half = Timeouts {
            scale: 0.5,
            ..Timeouts::default()
        };
        let scaled = half.scaled().unwrap();
        assert_eq!(scaled.session, Duration::from_secs(3));
        assert_eq!(scaled.limits().liveness, Duration::from_secs(30));
        assert_eq!(scaled.scaled().unwrap(), scaled, "once");
        for wrong in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            half.scale = wrong;
            assert!(half.scaled().is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_depends_on_another_stays_in_proportion() {
        let t = Timeouts::default();
        assert!(t.call * 2 < Duration::from_secs(30));
        assert!(t.call < t.stall && t.stall * 2 < t.liveness);
    }
}
