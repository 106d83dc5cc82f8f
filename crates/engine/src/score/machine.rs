//! The life of an alert: open, update, resolve, and open again.

use crate::{EngineError, varint};
use weir_model::Micros;
use weir_model::records::AlertState;

/// How one window looked to a rule.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Look {
    Bad {
        /// Absent where the first of several conditions has none.
        value: Option<f64>,
        /// The bound that was crossed, where there is one.
        threshold: Option<f64>,
        /// Larger is worse.
        up: bool,
    },
    Good {
        value: Option<f64>,
    },
}

impl Look {
    pub(super) fn is_bad(self) -> bool {
        matches!(self, Look::Bad { .. })
    }

    pub(super) fn value(self) -> Option<f64> {
        match self {
            Look::Bad { value, .. } | Look::Good { value } => value,
        }
    }
}

/// How many windows in a row it takes, and how long an alert that is over may come back.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    pub(super) open: u32,
    /// Never, if absent: what is open is not told again.
    pub(super) resolve: Option<u32>,
    pub(super) flap: Micros,
}

/// One record to write.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Step {
    pub(super) state: AlertState,
    pub(super) step: u32,
    pub(super) opened: Micros,
    pub(super) value: Option<f64>,
    pub(super) threshold: Option<f64>,
    pub(super) worst: Option<f64>,
    pub(super) windows: u32,
    pub(super) reopenings: u32,
}

/// State of one (rule, subject).
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Machine {
    /// Bad windows in a row while closed, good ones while open.
    streak: u32,
    /// The alert that is open, or that may open again.
    alert: Option<Alert>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Alert {
    opened: Micros,
    step: u32,
    windows: u32,
    worst: Option<f64>,
    up: bool,
    threshold: Option<f64>,
    /// When it resolved, if it has.
    over: Option<Micros>,
    reopenings: u32,
}

// What of an alert is told in a snapshot.
const PRESENT: u8 = 1;
const UP: u8 = 2;
const HAS_THRESHOLD: u8 = 4;
const NO_WORST: u8 = 8;
const OVER: u8 = 16;
const REOPENED: u8 = 32;

impl Machine {
    /// Nothing to remember.
    pub(super) fn is_idle(&self) -> bool {
        *self == Machine::default()
    }

    pub(super) fn is_open(&self) -> bool {
        self.alert.is_some_and(|a| a.over.is_none())
    }

    /// Drops an alert that cannot open again at `at` or later; whether there was one.
    pub(super) fn forget(&mut self, patience: Patience, at: Micros) -> bool {
        let past = |over: Micros| at.minus(over) > patience.flap;
        let gone = self.alert.is_some_and(|a| a.over.is_some_and(past));
        if gone {
            self.alert = None;
        }
        gone
    }

    /// Takes in the window that ends at `at`. `inhibited`: it must not open now.
    pub(super) fn take(
        &mut self,
        patience: Patience,
        at: Micros,
        look: Look,
        inhibited: bool,
    ) -> Option<Step> {
        if self.is_open() {
            return self.go_on(patience, at, look);
        }
        self.forget(patience, at);
        let Look::Bad {
            value,
            threshold,
            up,
        } = look
        else {
            self.streak = 0;
            return None;
        };
        self.streak = patience.open.min(self.streak.saturating_add(1));
        if self.streak < patience.open || inhibited {
            return None;
        }
        self.streak = 0;
        if let Some(alert) = &mut self.alert {
            alert.over = None;
            alert.step += 1;
            alert.reopenings += 1;
            alert.bad(value, threshold);
            return Some(alert.tell(AlertState::Reopened, value));
        }
        let alert = Alert {
            opened: at,
            step: 0,
            windows: 1,
            worst: value,
            up,
            threshold,
            over: None,
            reopenings: 0,
        };
        self.alert = Some(alert);
        Some(alert.tell(AlertState::Open, value))
    }

    fn go_on(&mut self, patience: Patience, at: Micros, look: Look) -> Option<Step> {
        let resolve = patience.resolve?;
        let alert = self.alert.as_mut()?;
        match look {
            Look::Bad {
                value, threshold, ..
            } => {
                self.streak = 0;
                alert.step += 1;
                alert.bad(value, threshold);
                Some(alert.tell(AlertState::Update, value))
            }
            Look::Good { value } => {
                self.streak += 1;
                if self.streak < resolve {
                    return None;
                }
                self.streak = 0;
                alert.step += 1;
                alert.over = Some(at);
                let step = alert.tell(AlertState::Resolve, value);
                if patience.flap == Micros(0) {
                    self.alert = None;
                }
                Some(step)
            }
        }
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        varint::put_u64(out, u64::from(self.streak));
        let Some(a) = &self.alert else {
            return out.push(0);
        };
        let bit = |is: bool, bit: u8| if is { bit } else { 0 };
        out.push(
            PRESENT
                | bit(a.up, UP)
                | bit(a.threshold.is_some(), HAS_THRESHOLD)
                | bit(a.worst.is_none(), NO_WORST)
                | bit(a.over.is_some(), OVER)
                | bit(a.reopenings > 0, REOPENED),
        );
        varint::put_i64(out, a.opened.0);
        varint::put_u64(out, u64::from(a.step));
        varint::put_u64(out, u64::from(a.windows));
        let numbers = a.worst.into_iter().chain(a.threshold);
        numbers.for_each(|v| varint::put_f64(out, v));
        a.over.iter().for_each(|t| varint::put_i64(out, t.0));
        if a.reopenings > 0 {
            varint::put_u64(out, u64::from(a.reopenings));
        }
    }

    pub(super) fn decode(input: &mut &[u8]) -> Result<Machine, EngineError> {
        let streak = varint::u32(input)?;
        let bits = varint::byte(input)?;
        let has = |bit: u8| bits & bit != 0;
        if !has(PRESENT) {
            return Ok(Machine {
                streak,
                alert: None,
            });
        }
        let number = |input: &mut &[u8], is: bool| is.then(|| varint::f64(input)).transpose();
        let alert = Alert {
            opened: Micros(varint::i64(input)?),
            step: varint::u32(input)?,
            windows: varint::u32(input)?,
            worst: number(input, !has(NO_WORST))?,
            up: has(UP),
            threshold: number(input, has(HAS_THRESHOLD))?,
            over: if has(OVER) {
                Some(Micros(varint::i64(input)?))
            } else {
                None
            },
            reopenings: if has(REOPENED) {
                varint::u32(input)?
            } else {
                0
            },
        };
        Ok(Machine {
            streak,
            alert: Some(alert),
        })
    }
}

impl Alert {
    /// One more bad window.
    fn bad(&mut self, value: Option<f64>, threshold: Option<f64>) {
        self.windows += 1;
        self.threshold = threshold;
        self.worst = match (self.worst, value) {
            (Some(a), Some(b)) if self.up => Some(a.max(b)),
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
    }

    fn tell(&self, state: AlertState, value: Option<f64>) -> Step {
        Step {
            state,
            step: self.step,
            opened: self.opened,
            value,
            threshold: self.threshold,
            worst: self.worst,
            windows: self.windows,
            reopenings: self.reopenings,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    type Seen = (usize, AlertState, u32, usize, Option<f64>, u32, u32);

    /// The whole history looked at anew at each window: (look, whether inhibited).
    fn naive(patience: Patience, history: &[(Look, bool)]) -> Vec<Seen> {
        let bad = |i: usize| history[i].0.is_bad();
        let last = |i: usize, n: u32, from: usize, want: bool| {
            i + 1 >= from + n as usize && (i + 1 - n as usize..=i).all(|j| bad(j) == want)
        };
        // The bad windows of an alert since it opened first, steps, reopenings.
        type Life = (Vec<usize>, u32, u32);
        let seen = |i: usize, state: AlertState, (bads, step, again): &Life| {
            let Look::Bad { up, .. } = history[bads[0]].0 else {
                panic!("a good window opened it")
            };
            let worst = bads.iter().filter_map(|j| history[*j].0.value());
            let worst = worst.reduce(|a, b| if up == (b > a) { b } else { a });
            (i, state, *step, bads[0], worst, bads.len() as u32, *again)
        };
        let (mut told, mut from) = (Vec::new(), 0);
        let (mut open, mut over): (Option<Life>, Option<(usize, Life)>) = (None, None);
        for (i, (_, inhibited)) in history.iter().enumerate() {
            let Some(life) = &mut open else {
                if !last(i, patience.open, from, true) || *inhibited {
                    continue;
                }
                let back = over
                    .take()
                    .filter(|(r, _)| (i - r) as i64 <= patience.flap.0);
                let (state, life) = match back {
                    Some((_, (mut bads, step, again))) => {
                        bads.push(i);
                        (AlertState::Reopened, (bads, step + 1, again + 1))
                    }
                    None => (AlertState::Open, (vec![i], 0, 0)),
                };
                told.push(seen(i, state, &life));
                (open, from) = (Some(life), i + 1);
                continue;
            };
            let Some(resolve) = patience.resolve else {
                continue;
            };
            if bad(i) {
                life.0.push(i);
                life.1 += 1;
                told.push(seen(i, AlertState::Update, life));
            } else if last(i, resolve, from, false) {
                life.1 += 1;
                told.push(seen(i, AlertState::Resolve, life));
                over = open.take().map(|life| (i, life));
                from = i + 1;
            }
        }
        told
    }

    fn look() -> impl Strategy<Value = Look> {
        (
            any::<bool>(),
            any::<bool>(),
            prop::option::weighted(0.9, -9i32..9),
            any::<bool>(),
        )
            .prop_map(|(bad, up, value, bound)| {
                let value = value.map(|v| f64::from(v) + 0.5);
                if bad {
                    Look::Bad {
                        value,
                        threshold: bound.then_some(1.0),
                        up,
                    }
                } else {
                    Look::Good { value }
                }
            })
    }

    proptest! {
        #[test]
        fn lives_as_the_history_says(
            history in prop::collection::vec((look(), prop::bool::weighted(0.3)), 0..60),
            open in 1u32..4, resolve in prop::option::weighted(0.9, 1u32..4), flap in 0i64..6, cut in 0usize..60,
        ) {
            let patience = Patience { open, resolve, flap: Micros(flap) };
            let mut machine = Machine::default();
            let mut told = Vec::new();
            for (i, (look, inhibited)) in history.iter().enumerate() {
                if i == cut {
                    let mut bytes = Vec::new();
                    machine.encode(&mut bytes);
                    let mut input = bytes.as_slice();
                    prop_assert_eq!(Machine::decode(&mut input).unwrap(), machine);
                    prop_assert!(input.is_empty());
                    machine.forget(patience, Micros(i as i64 - 1));
                }
                if let Some(s) = machine.take(patience, Micros(i as i64), *look, *inhibited) {
                    let opened = s.opened.0 as usize;
                    told.push((i, s.state, s.step, opened, s.worst, s.windows, s.reopenings));
                }
            }
            prop_assert_eq!(told, naive(patience, &history));
        }
    }
}
