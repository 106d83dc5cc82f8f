//! The life of an alert: open, update, resolve.

use crate::{EngineError, varint};
use weir_catalog::types::RuleDef;
use weir_model::Micros;
use weir_model::records::AlertState;

/// How one window looked to a rule.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Look {
    Bad {
        value: f64,
        /// The bound that was crossed, where there is one.
        threshold: Option<f64>,
        /// Larger is worse.
        up: bool,
    },
    Good {
        value: f64,
    },
}

/// How many windows in a row it takes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    pub(super) open: u32,
    pub(super) resolve: u32,
}

impl Patience {
    pub(super) fn of(rule: &RuleDef) -> Patience {
        Patience {
            open: rule.open_after.max(1),
            resolve: rule.resolve_after.max(1),
        }
    }
}

/// One record to write.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Step {
    pub(super) state: AlertState,
    pub(super) step: u32,
    pub(super) opened: Micros,
    pub(super) value: f64,
    pub(super) threshold: Option<f64>,
    pub(super) worst: f64,
    pub(super) windows: u32,
}

/// State of one (rule, subject).
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Machine {
    /// Bad windows in a row while closed, good ones while open.
    streak: u32,
    open: Option<Open>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Open {
    opened: Micros,
    step: u32,
    windows: u32,
    worst: f64,
    up: bool,
    threshold: Option<f64>,
}

impl Machine {
    /// Nothing to remember.
    pub(super) fn is_idle(&self) -> bool {
        *self == Machine::default()
    }

    pub(super) fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// Takes in the window that ends at `at`.
    pub(super) fn take(&mut self, patience: Patience, at: Micros, look: Look) -> Option<Step> {
        match (look, &mut self.open) {
            (Look::Good { .. }, None) => {
                self.streak = 0;
                None
            }
            (
                Look::Bad {
                    value,
                    threshold,
                    up,
                },
                None,
            ) => {
                self.streak += 1;
                if self.streak < patience.open {
                    return None;
                }
                let open = Open {
                    opened: at,
                    step: 0,
                    windows: 1,
                    worst: value,
                    up,
                    threshold,
                };
                *self = Machine {
                    streak: 0,
                    open: Some(open),
                };
                Some(open.tell(AlertState::Open, value))
            }
            (
                Look::Bad {
                    value, threshold, ..
                },
                Some(open),
            ) => {
                self.streak = 0;
                open.step += 1;
                open.windows += 1;
                open.threshold = threshold;
                open.worst = if open.up {
                    open.worst.max(value)
                } else {
                    open.worst.min(value)
                };
                Some(open.tell(AlertState::Update, value))
            }
            (Look::Good { value }, Some(open)) => {
                self.streak += 1;
                if self.streak < patience.resolve {
                    return None;
                }
                open.step += 1;
                let step = open.tell(AlertState::Resolve, value);
                *self = Machine::default();
                Some(step)
            }
        }
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        varint::put_u64(out, u64::from(self.streak));
        let Some(o) = &self.open else {
            return out.push(0);
        };
        out.push(1 | u8::from(o.up) << 1 | u8::from(o.threshold.is_some()) << 2);
        varint::put_i64(out, o.opened.0);
        varint::put_u64(out, u64::from(o.step));
        varint::put_u64(out, u64::from(o.windows));
        varint::put_f64(out, o.worst);
        o.threshold
            .into_iter()
            .for_each(|t| varint::put_f64(out, t));
    }

    pub(super) fn decode(input: &mut &[u8]) -> Result<Machine, EngineError> {
        let streak = varint::u32(input)?;
        let bits = varint::byte(input)?;
        if bits & 1 == 0 {
            return Ok(Machine { streak, open: None });
        }
        let open = Open {
            opened: Micros(varint::i64(input)?),
            step: varint::u32(input)?,
            windows: varint::u32(input)?,
            worst: varint::f64(input)?,
            up: bits & 2 != 0,
            threshold: if bits & 4 != 0 {
                Some(varint::f64(input)?)
            } else {
                None
            },
        };
        Ok(Machine {
            streak,
            open: Some(open),
        })
    }
}

impl Open {
    fn tell(&self, state: AlertState, value: f64) -> Step {
        Step {
            state,
            step: self.step,
            opened: self.opened,
            value,
            threshold: self.threshold,
            worst: self.worst,
            windows: self.windows,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    /// The whole history looked at anew at each window.
    fn naive(
        patience: Patience,
        history: &[Look],
    ) -> Vec<(usize, AlertState, u32, usize, f64, u32)> {
        let bad = |i: usize| matches!(history[i], Look::Bad { .. });
        let number = |i: usize| match history[i] {
            Look::Bad { value, .. } | Look::Good { value } => value,
        };
        let last = |i: usize, n: u32, from: usize, want: bool| {
            i + 1 >= from + n as usize && (i + 1 - n as usize..=i).all(|j| bad(j) == want)
        };
        let (mut told, mut from, mut open) = (Vec::new(), 0, None);
        for i in 0..history.len() {
            let Some((opened, step)) = open else {
                if last(i, patience.open, from, true) {
                    open = Some((i, 0));
                    told.push((i, AlertState::Open, 0, i, number(i), 1));
                }
                continue;
            };
            let Look::Bad { up, .. } = history[opened] else {
                panic!("a good window opened it")
            };
            let bads: Vec<f64> = (opened..=i).filter(|j| bad(*j)).map(number).collect();
            let worst = bads
                .iter()
                .copied()
                .reduce(|a, b| if up == (b > a) { b } else { a })
                .unwrap();
            if bad(i) {
                open = Some((opened, step + 1));
                told.push((
                    i,
                    AlertState::Update,
                    step + 1,
                    opened,
                    worst,
                    bads.len() as u32,
                ));
            } else if last(i, patience.resolve, opened + 1, false) {
                (open, from) = (None, i + 1);
                told.push((
                    i,
                    AlertState::Resolve,
                    step + 1,
                    opened,
                    worst,
                    bads.len() as u32,
                ));
            }
        }
        told
    }

    fn look() -> impl Strategy<Value = Look> {
        (any::<bool>(), any::<bool>(), -9i32..9, any::<bool>()).prop_map(
            |(bad, up, value, bound)| {
                let value = f64::from(value) + 0.5;
                if bad {
                    Look::Bad {
                        value,
                        threshold: bound.then_some(1.0),
                        up,
                    }
                } else {
                    Look::Good { value }
                }
            },
        )
    }

    proptest! {
        #[test]
        fn lives_as_the_history_says(
            history in prop::collection::vec(look(), 0..60), open in 1u32..4, resolve in 1u32..4, cut in 0usize..60,
        ) {
            let patience = Patience { open, resolve };
            let mut machine = Machine::default();
            let mut told = Vec::new();
            for (i, look) in history.iter().enumerate() {
                if i == cut {
                    let mut bytes = Vec::new();
                    machine.encode(&mut bytes);
                    let mut input = bytes.as_slice();
                    prop_assert_eq!(Machine::decode(&mut input).unwrap(), machine);
                    prop_assert!(input.is_empty());
                }
                if let Some(s) = machine.take(patience, Micros(i as i64), *look) {
                    told.push((i, s.state, s.step, s.opened.0 as usize, s.worst, s.windows));
                }
            }
            prop_assert_eq!(told, naive(patience, &history));
        }
    }
}
