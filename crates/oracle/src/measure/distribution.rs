//! `distribution`: count, sum, extremes and bins.

use super::{Kept, Part, part, sum, tree};
use crate::cells::HEAP;
use crate::event::Event;
use crate::fields;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use weir_catalog::{Input, Stat};
use weir_model::measure::PERCENTILES;
use weir_model::sketch;

/// Count, sum, extremes and bins. Apart, so that the many other values stay small.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Distribution {
    /// Values.
    pub count: u64,
    /// Sum in billionths.
    pub sum: i128,
    /// Smallest.
    pub min: f64,
    /// Largest.
    pub max: f64,
    /// Values by bin.
    pub bins: BTreeMap<u16, u64>,
}

impl Distribution {
    pub(super) fn add(&mut self, input: &Input, e: &Event) {
        let (Some(x), Some(exact)) = (fields::number(input, e), fields::exact(input, e)) else {
            return;
        };
        // Minus zero is zero.
        let x = x + 0.0;
        self.min = if self.count == 0 { x } else { self.min.min(x) };
        self.max = if self.count == 0 { x } else { self.max.max(x) };
        self.count += 1;
        self.sum += exact;
        *self.bins.entry(bin(x)).or_default() += 1;
    }

    pub(super) fn merge(&mut self, other: &Distribution) {
        if other.count > 0 {
            let first = self.count == 0;
            self.min = if first {
                other.min
            } else {
                self.min.min(other.min)
            };
            self.max = if first {
                other.max
            } else {
                self.max.max(other.max)
            };
        }
        self.count += other.count;
        self.sum += other.sum;
        for (bin, n) in &other.bins {
            *self.bins.entry(*bin).or_default() += n;
        }
    }

    pub(super) fn stat(&self, stat: Stat) -> Option<f64> {
        match stat {
            Stat::Value | Stat::Count => Some(self.count as f64),
            Stat::Sum => Some(sum::number(self.sum, sum::DECIMALS)),
            _ if self.count == 0 => None,
            Stat::Mean => Some(sum::number(self.sum, sum::DECIMALS) / self.count as f64),
            Stat::Min => Some(self.min),
            Stat::Max => Some(self.max),
            Stat::Percentile(p) => {
                // Not outside of what was seen.
                quantile(&self.bins, self.count, f64::from(p) / 1000.0).map(|x| {
                    if x < self.min {
                        self.min
                    } else if x > self.max {
                        self.max
                    } else {
                        x
                    }
                })
            }
        }
    }

    /// Bytes on the heap, about: its own, too.
    pub(super) fn heap(&self) -> usize {
        let entry = size_of::<u16>() + size_of::<u64>();
        size_of::<Distribution>() + HEAP + tree(self.bins.len(), entry)
    }

    pub(super) fn parts(&self) -> Vec<Part> {
        let mut parts = vec![
            part("count", "_count", Kept::Whole(self.count)),
            part("sum", "_sum_exact", Kept::Billionths(self.sum)),
            part("bins", "_bins", Kept::Bins(self.bins.clone())),
        ];
        // What is read: each number of the view to its last digit.
        let mut number = |name: &str, stat| {
            let kept = Kept::Number(self.stat(stat));
            parts.push(part(name, &format!("_{name}"), kept));
        };
        number("sum", Stat::Sum);
        number("mean", Stat::Mean);
        number("min", Stat::Min);
        number("max", Stat::Max);
        for p in PERCENTILES {
            number(&format!("p{p}"), Stat::Percentile(p * 10));
        }
        parts
    }
}

/// The bin by its definition: the largest b with 2^(b/35) <= x, found by counting thresholds.
fn bin(x: f64) -> u16 {
    if x < 2f64.powi(-500) {
        return 0;
    }
    let octave = ((x.to_bits() >> 52) as i64 - 1023).min(1000);
    let fraction = x.to_bits() & ((1u64 << 52) - 1);
    let within = sketch::THRESHOLDS
        .iter()
        .filter(|t| **t <= fraction)
        .count() as i64
        - 1;
    (octave * 35 + within + 17_500) as u16
}

/// The value of the bin in which the value of the wanted rank lies.
fn quantile(bins: &BTreeMap<u16, u64>, count: u64, q: f64) -> Option<f64> {
    let rank = ((q * count as f64).ceil() as u64).max(1);
    let mut below = 0;
    for (b, n) in bins {
        below += n;
        if below >= rank {
            return Some(if *b == 0 {
                0.0
            } else {
                ((f64::from(*b) - 17_500.0 + 0.5) / 35.0).exp2()
            });
        }
    }
    None
}
