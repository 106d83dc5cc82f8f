//! Rules on silence: one subject, hour by hour.

use super::machine::{Look, Machine, Patience, Step};
use crate::{EngineError, varint};
use weir_model::Micros;

/// A subject silent for this many times the rule's silence is forgotten.
const FORGOTTEN: i64 = 8;
/// Being forgotten ends an alert at once.
const AT_ONCE: Patience = Patience {
    open: 1,
    resolve: Some(1),
    flap: Micros(0),
};

/// What is known of one (rule, subject).
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Silence {
    /// End of the last minute with an on-time event, as of the last hour looked at.
    last: Option<Micros>,
    /// The same for hours not looked at yet, ascending, one per hour.
    ahead: Vec<Micros>,
    machine: Machine,
}

/// The first full hour that sees a minute ending at `end`.
pub(super) fn hour_of(end: Micros) -> Micros {
    end.plus(Micros::HOUR).minus(Micros(1)).floor(Micros::HOUR)
}

/// The last full hour at or before `t`.
pub(super) fn full_hour(t: Micros) -> Micros {
    if t == Micros::MIN {
        t
    } else {
        t.floor(Micros::HOUR)
    }
}

impl Silence {
    /// A minute with an on-time event ended at `end`, in an hour not looked at yet.
    pub(super) fn active(&mut self, end: Micros) {
        let hour = hour_of(end);
        match self.ahead.binary_search_by_key(&hour, |e| hour_of(*e)) {
            Ok(i) => self.ahead[i] = self.ahead[i].max(end),
            Err(i) => self.ahead.insert(i, end),
        }
    }

    /// Looks at each full hour after `from` up to `to`; `tell` gets the hour and what to write.
    /// `inhibited`: at which hours the rule must not open.
    pub(super) fn advance(
        &mut self,
        (silence, patience): (Micros, Patience),
        (from, to): (Micros, Micros),
        inhibited: &dyn Fn(Micros) -> bool,
        tell: &mut dyn FnMut(Micros, Step),
    ) {
        let mut hour = from.plus(Micros::HOUR);
        loop {
            if self.last.is_none() {
                // Unknown until its next event: nothing to look at before.
                let Some(next) = self.ahead.first() else {
                    return;
                };
                hour = hour.max(hour_of(*next));
            }
            if hour > to {
                return;
            }
            let seen = self.ahead.partition_point(|e| *e <= hour);
            self.last = self.ahead.drain(..seen).next_back().or(self.last);
            let Some(last) = self.last else { return };
            let quiet = hour.minus(last);
            let value = quiet.0 as f64 / Micros::HOUR.0 as f64;
            let forget = quiet.0 >= FORGOTTEN.saturating_mul(silence.0);
            let look = if quiet >= silence && !forget {
                let limit = silence.0 as f64 / Micros::HOUR.0 as f64;
                Look::Bad {
                    value: Some(value),
                    threshold: Some(limit),
                    up: true,
                }
            } else {
                Look::Good { value: Some(value) }
            };
            let patience = if forget { AT_ONCE } else { patience };
            if let Some(step) = self.machine.take(patience, hour, look, inhibited(hour)) {
                tell(hour, step);
            }
            if forget {
                self.last = None;
                self.machine = Machine::default();
            }
            if hour == Micros::MAX {
                return;
            }
            hour = hour.plus(Micros::HOUR);
        }
    }

    pub(super) fn is_forgotten(&self) -> bool {
        self.last.is_none() && self.ahead.is_empty()
    }

    pub(super) fn is_open(&self) -> bool {
        self.machine.is_open()
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        varint::put_u64(
            out,
            self.ahead.len() as u64 * 2 + u64::from(self.last.is_some()),
        );
        self.last
            .iter()
            .chain(&self.ahead)
            .for_each(|t| varint::put_i64(out, t.0));
        self.machine.encode(out);
    }

    pub(super) fn decode(input: &mut &[u8]) -> Result<Silence, EngineError> {
        let n = varint::usize(input)?;
        let last = if n & 1 == 1 {
            Some(Micros(varint::i64(input)?))
        } else {
            None
        };
        let mut ahead = Vec::new();
        for _ in 0..n / 2 {
            ahead.push(Micros(varint::i64(input)?));
        }
        if !ahead.is_sorted() {
            return Err(EngineError::corrupt(
                "a snapshot of score",
                "its hours are not in order",
            ));
        }
        Ok(Silence {
            last,
            ahead,
            machine: Machine::decode(input)?,
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;
    use weir_model::records::AlertState;

    const MINUTE: i64 = Micros::MINUTE.0;
    const HOUR: i64 = Micros::HOUR.0;

    /// Every hour looked at with the whole history, minute by minute.
    fn naive(ends: &[i64], limit: i64, to: i64) -> Vec<(i64, AlertState, f64)> {
        let mut told = Vec::new();
        let (mut open, mut forgotten) = (false, i64::MIN);
        for h in 0..=to {
            let at = h * HOUR;
            let Some(last) = ends
                .iter()
                .map(|m| m * MINUTE)
                .filter(|e| *e <= at && *e > forgotten)
                .max()
            else {
                continue;
            };
            let (quiet, value) = (at - last, (at - last) as f64 / HOUR as f64);
            if quiet >= 8 * limit * HOUR {
                forgotten = last;
            }
            let bad = quiet >= limit * HOUR && quiet < 8 * limit * HOUR;
            match (open, bad) {
                (false, true) => told.push((at, AlertState::Open, value)),
                (true, true) => told.push((at, AlertState::Update, value)),
                (true, false) => told.push((at, AlertState::Resolve, value)),
                (false, false) => {}
            }
            open = bad;
        }
        told
    }

    proptest! {
        #[test]
        fn looks_at_every_hour_whatever_the_steps(
            mut gaps in prop::collection::vec(prop_oneof![1i64..90, 1i64..2000], 0..20), limit in 1i64..4, stops in prop::collection::vec(1i64..40, 0..30),
        ) {
            let mut minute = 0;
            gaps.iter_mut().for_each(|g| { minute += *g; *g = minute; });
            let ends = gaps;
            let (mut subject, mut told, mut from, mut next) = (Silence::default(), Vec::new(), Micros::MIN, 0);
            let mut at = 0;
            for stop in stops {
                at += stop;
                let to = Micros(at * HOUR);
                while next < ends.len() && ends[next] * MINUTE <= to.0 {
                    subject.active(Micros(ends[next] * MINUTE));
                    next += 1;
                }
                let mut bytes = Vec::new();
                subject.encode(&mut bytes);
                prop_assert_eq!(&Silence::decode(&mut bytes.as_slice()).unwrap(), &subject);
                subject.advance((Micros(limit * HOUR), AT_ONCE), (from, to), &|_| false, &mut |h, s| told.push((h.0, s.state, s.value.unwrap())));
                from = to;
            }
            prop_assert_eq!(told, naive(&ends, limit, at));
        }
    }

    #[test]
    fn the_end_of_time_is_reached() {
        let mut subject = Silence::default();
        subject.active(Micros(HOUR));
        let mut told = Vec::new();
        subject.advance(
            (Micros(2 * HOUR), AT_ONCE),
            (Micros::MIN, Micros::MAX),
            &|_| false,
            &mut |_, s| told.push(s.state),
        );
        assert_eq!(
            (told.first(), told.last()),
            (Some(&AlertState::Open), Some(&AlertState::Resolve))
        );
        assert!(subject.is_forgotten());
    }
}
