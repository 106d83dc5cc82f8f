//! `zscore`: far from the median of the last values. Its formula: `docs/semantics.md`, Judging,
//! *zscore*.

use super::{Finding, Memory, Seen, corrupt, deviates, scale};
use crate::{EngineError, varint};
use std::cell::RefCell;
use weir_catalog::detector::ZScore;
use weir_catalog::types::DetectorDef;

thread_local! {
    /// Scratch for selection: states stay at the size of their values.
    static SCRATCH: RefCell<Vec<f64>> = const { RefCell::new(Vec::new()) };
}

/// The last values of a subject: a ring of at most `history`; `head` is the oldest once it is full.
#[derive(Debug, Clone, Default)]
pub(super) struct Ring {
    values: Vec<f64>,
    head: usize,
}

impl Memory for Ring {
    type Kind = ZScore;

    fn judge(&mut self, def: &DetectorDef, kind: &ZScore, _: &Seen, x: f64) -> Option<Finding> {
        let found = self.spread(kind.warmup).and_then(|(median, mad)| {
            let score = (x - median) / scale(def, 1.4826 * mad, median);
            deviates(def.direction, score, kind.threshold, median)
        });
        self.push(kind.history, x);
        found
    }

    fn encode(&self, out: &mut Vec<u8>) {
        varint::put_u64(out, self.values.len() as u64);
        self.in_order().for_each(|v| varint::put_f64(out, v));
    }

    fn decode(kind: &ZScore, input: &mut &[u8]) -> Result<Ring, EngineError> {
        let n = varint::usize(input)?;
        if n > kind.history || n > input.len() / 8 {
            return Err(corrupt("it holds more values than its history"));
        }
        let values = (0..n)
            .map(|_| varint::f64(input))
            .collect::<Result<_, _>>()?;
        Ok(Ring { values, head: 0 })
    }

    fn heap_bytes(&self) -> usize {
        self.values.capacity() * 8
    }
}

impl Ring {
    /// (median, median of absolute deviations), where there are at least `warmup` values (and any).
    fn spread(&self, warmup: usize) -> Option<(f64, f64)> {
        if self.values.is_empty() || self.values.len() < warmup {
            return None;
        }
        SCRATCH.with_borrow_mut(|scratch| {
            scratch.clear();
            scratch.extend_from_slice(&self.values);
            let middle = median(scratch);
            scratch.iter_mut().for_each(|v| *v = (*v - middle).abs());
            Some((middle, median(scratch)))
        })
    }

    fn push(&mut self, history: usize, x: f64) {
        if self.values.len() < history {
            if self.values.len() == self.values.capacity() {
                let more = self
                    .values
                    .len()
                    .clamp(4, 64)
                    .min(history - self.values.len());
                self.values.reserve_exact(more);
            }
            self.values.push(x);
        } else if let Some(oldest) = self.values.get_mut(self.head) {
            *oldest = x;
            self.head = (self.head + 1) % self.values.len();
        }
    }

    fn in_order(&self) -> impl Iterator<Item = f64> + '_ {
        let (newer, older) = self.values.split_at(self.head);
        older.iter().chain(newer).copied()
    }
}

impl PartialEq for Ring {
    fn eq(&self, other: &Ring) -> bool {
        self.values.len() == other.values.len() && self.in_order().eq(other.in_order())
    }
}

/// Mean of the middle two, or the middle one. `values` is not empty; its order is lost.
pub(super) fn median(values: &mut [f64]) -> f64 {
    let half = values.len() / 2;
    let odd = values.len() % 2 == 1;
    let (below, upper, _) = values.select_nth_unstable_by(half, f64::total_cmp);
    if odd {
        return *upper;
    }
    let lower = below.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    (lower + *upper) / 2.0
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::detect::DetectorState;
    use crate::detect::tests::{Case, agrees, case, detector};
    use proptest::prelude::*;
    use weir_catalog::types::{DetectorKind, Direction};

    /// One that judges after few values, for tests of what stands around detectors.
    pub(crate) fn quick() -> DetectorKind {
        DetectorKind::from(ZScore {
            history: 6,
            warmup: 3,
            threshold: 1.5,
        })
    }

    fn plain(case: &Case, kind: &ZScore) -> Option<Finding> {
        let values = case.before();
        let kept = &values[values.len().saturating_sub(kind.history)..];
        if kept.len() < kind.warmup {
            return None;
        }
        let middle = |v: &mut Vec<f64>| {
            v.sort_by(f64::total_cmp);
            let n = v.len();
            if n % 2 == 1 {
                v[n / 2]
            } else {
                (v[n / 2 - 1] + v[n / 2]) / 2.0
            }
        };
        let median = middle(&mut kept.to_vec());
        let mad = middle(&mut kept.iter().map(|v| (v - median).abs()).collect());
        case.told(kind.threshold, case.last() - median, 1.4826 * mad, median)
    }

    fn zscore() -> impl Strategy<Value = ZScore> {
        (1usize..12, 1usize..8, 0.5..4.0).prop_map(|(history, warmup, threshold)| ZScore {
            history,
            warmup: warmup.min(history),
            threshold,
        })
    }

    proptest! {
        #[test]
        fn judges_like_a_recomputation_from_all_values(kind in zscore(), case in case()) {
            agrees(kind, case, plain)?;
        }
    }

    #[test]
    fn memory_is_bounded() {
        let kind = ZScore {
            history: 30,
            warmup: 5,
            threshold: 3.0,
        };
        let def = detector(kind, Direction::Both);
        let mut state = DetectorState::new(&def);
        assert_eq!(state.heap_bytes(), 0);
        for i in 0..2000u32 {
            let seen = Seen {
                x: f64::from(i),
                ..Seen::default()
            };
            state.judge(&def, &seen);
        }
        assert_eq!(state.heap_bytes(), 240);
    }
}
