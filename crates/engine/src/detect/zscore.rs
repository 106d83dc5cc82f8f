//! The last values of a subject, their median and median absolute deviation.

use super::corrupt;
use crate::{EngineError, varint};
use std::cell::RefCell;

thread_local! {
    /// Scratch for selection: states stay at the size of their values.
    static SCRATCH: RefCell<Vec<f64>> = const { RefCell::new(Vec::new()) };
}

/// A ring of at most `history` values; `head` is the oldest once it is full.
#[derive(Debug, Clone, Default)]
pub(super) struct Ring {
    values: Vec<f64>,
    head: usize,
}

impl Ring {
    /// (median, median of absolute deviations), where there are at least `warmup` values (and any).
    pub(super) fn spread(&self, warmup: usize) -> Option<(f64, f64)> {
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

    pub(super) fn push(&mut self, history: usize, x: f64) {
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

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        varint::put_u64(out, self.values.len() as u64);
        self.in_order().for_each(|v| varint::put_f64(out, v));
    }

    pub(super) fn decode(history: usize, input: &mut &[u8]) -> Result<Ring, EngineError> {
        let n = varint::usize(input)?;
        if n > history || n > input.len() / 8 {
            return Err(corrupt("it holds more values than its history"));
        }
        let values = (0..n)
            .map(|_| varint::f64(input))
            .collect::<Result<_, _>>()?;
        Ok(Ring { values, head: 0 })
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.values.capacity() * 8
    }
}

impl PartialEq for Ring {
    fn eq(&self, other: &Ring) -> bool {
        self.values.len() == other.values.len() && self.in_order().eq(other.in_order())
    }
}

/// Mean of the middle two, or the middle one. `values` is not empty; its order is lost.
fn median(values: &mut [f64]) -> f64 {
    let half = values.len() / 2;
    let odd = values.len() % 2 == 1;
    let (below, upper, _) = values.select_nth_unstable_by(half, f64::total_cmp);
    if odd {
        return *upper;
    }
    let lower = below.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    (lower + *upper) / 2.0
}
