//! A cell: the values of all measures of one subject in one window.

use std::collections::{BTreeMap, BTreeSet};
use weir_catalog::{EventDef, MeasureKind, Stat};
use weir_model::{Micros, WindowSize, sketch};

/// Which cell. Rollup and values are by dimension name, sorted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CellKey {
    /// Index of the event type.
    pub event: usize,
    /// Index of its rollup.
    pub rollup: usize,
    /// Window size.
    pub window: WindowSize,
    /// Window start.
    pub start: Micros,
    /// Window end.
    pub end: Micros,
    /// Tenant.
    pub tenant: String,
    /// Values of the rollup's dimensions.
    pub values: Vec<String>,
}

impl CellKey {
    /// Bytes that one takes up in an ordered map, about.
    pub(crate) fn bytes(&self) -> usize {
        // Nodes of the map are three quarters full; each text is apart.
        let texts = self
            .values
            .iter()
            .map(|v| size_of::<String>() + v.len() + HEAP);
        let texts = texts.sum::<usize>() + self.tenant.len() + 2 * HEAP;
        (size_of::<CellKey>() + size_of::<Cell>()) * 4 / 3 + texts
    }
}

/// What a piece of memory costs beside its content.
const HEAP: usize = 8;

/// The value of one measure.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Count, or number of unpriced events.
    Count(u64),
    /// Sum or cost, in billionths.
    Sum(i128),
    /// Sum of squares, in millionths.
    Squares(i128),
    /// Smallest.
    Min(Option<f64>),
    /// Largest.
    Max(Option<f64>),
    /// Latest.
    Last(Option<(Micros, u64, f64)>),
    /// All that is known of a distribution.
    Distribution(Box<Distribution>),
    /// All hashes.
    Distinct(BTreeSet<u64>),
}

/// Count, sum, extremes and bins. Apart, so that the many other values stay small.
#[derive(Debug, Clone, PartialEq, Default)]
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

/// The values of all measures.
#[derive(Debug, Clone, PartialEq)]
pub struct Cell(pub Vec<Value>);

impl Cell {
    /// A cell without events.
    pub fn empty(event: &EventDef) -> Cell {
        Cell(
            event
                .measures
                .iter()
                .map(|m| match m.kind {
                    MeasureKind::Count | MeasureKind::Unpriced(_) => Value::Count(0),
                    MeasureKind::Sum(_) | MeasureKind::Cost(_) => Value::Sum(0),
                    MeasureKind::SumSq(_) => Value::Squares(0),
                    MeasureKind::Min(_) => Value::Min(None),
                    MeasureKind::Max(_) => Value::Max(None),
                    MeasureKind::Last(_) => Value::Last(None),
                    MeasureKind::Distribution(_) => Value::Distribution(Box::default()),
                    MeasureKind::Distinct(_) => Value::Distinct(BTreeSet::new()),
                })
                .collect(),
        )
    }

    /// Bytes on the heap, about.
    pub(crate) fn bytes(&self) -> usize {
        let tree = |n: usize, entry: usize| {
            if n == 0 {
                0
            } else {
                (n * entry * 4 / 3).max(11 * entry) + 16
            }
        };
        let heap = |v: &Value| match v {
            Value::Distribution(d) => size_of::<Distribution>() + HEAP + tree(d.bins.len(), 10),
            Value::Distinct(all) => tree(all.len(), 8),
            _ => 0,
        };
        self.0.iter().map(heap).sum::<usize>() + self.0.len() * size_of::<Value>() + HEAP
    }

    /// Adds another cell of the same event type.
    pub fn merge(&mut self, other: &Cell) {
        for (a, b) in self.0.iter_mut().zip(&other.0) {
            a.merge(b);
        }
    }

    /// The number that an expression sees.
    pub fn stat(&self, measure: usize, stat: Stat) -> Option<f64> {
        self.0.get(measure)?.stat(stat)
    }
}

impl Value {
    /// Adds one number.
    pub fn add(&mut self, x: f64, exact: i128, at: Micros, id: u64) {
        match self {
            Value::Count(n) => *n += 1,
            Value::Sum(s) | Value::Squares(s) => *s += exact,
            Value::Min(m) => *m = Some(m.map_or(x, |m| m.min(x))),
            Value::Max(m) => *m = Some(m.map_or(x, |m| m.max(x))),
            Value::Last(l) => {
                if l.is_none_or(|(t, i, _)| (t, i) < (at, id)) {
                    *l = Some((at, id, x));
                }
            }
            Value::Distribution(d) => {
                d.min = if d.count == 0 { x } else { d.min.min(x) };
                d.max = if d.count == 0 { x } else { d.max.max(x) };
                d.count += 1;
                d.sum += exact;
                *d.bins.entry(bin(x)).or_default() += 1;
            }
            Value::Distinct(_) => {}
        }
    }

    fn merge(&mut self, other: &Value) {
        match (self, other) {
            (Value::Count(a), Value::Count(b)) => *a += b,
            (Value::Sum(a), Value::Sum(b)) | (Value::Squares(a), Value::Squares(b)) => *a += b,
            (Value::Min(a), Value::Min(b)) => *a = [*a, *b].into_iter().flatten().reduce(f64::min),
            (Value::Max(a), Value::Max(b)) => *a = [*a, *b].into_iter().flatten().reduce(f64::max),
            (Value::Last(a), Value::Last(b)) => {
                *a = [*a, *b]
                    .into_iter()
                    .flatten()
                    .max_by_key(|(t, i, _)| (*t, *i));
            }
            (Value::Distribution(a), Value::Distribution(b)) => {
                if b.count > 0 {
                    a.min = if a.count == 0 {
                        b.min
                    } else {
                        a.min.min(b.min)
                    };
                    a.max = if a.count == 0 {
                        b.max
                    } else {
                        a.max.max(b.max)
                    };
                }
                a.count += b.count;
                a.sum += b.sum;
                for (bin, n) in &b.bins {
                    *a.bins.entry(*bin).or_default() += n;
                }
            }
            (Value::Distinct(a), Value::Distinct(b)) => a.extend(b),
            _ => {}
        }
    }

    /// The number that an expression or a reader of the view sees.
    pub fn stat(&self, stat: Stat) -> Option<f64> {
        match (self, stat) {
            (Value::Count(n), _) => Some(*n as f64),
            (Value::Sum(s), _) => Some(number(*s, 9)),
            (Value::Squares(s), _) => Some(number(*s, 6)),
            (Value::Min(m) | Value::Max(m), _) => *m,
            (Value::Last(l), _) => l.map(|(_, _, x)| x),
            (Value::Distinct(all), _) => Some(distinct(all) as f64),
            (Value::Distribution(d), stat) => match stat {
                Stat::Value | Stat::Count => Some(d.count as f64),
                Stat::Sum => Some(number(d.sum, 9)),
                _ if d.count == 0 => None,
                Stat::Mean => Some(number(d.sum, 9) / d.count as f64),
                Stat::Min => Some(d.min),
                Stat::Max => Some(d.max),
                Stat::Percentile(p) => {
                    // Not outside of what was seen.
                    quantile(&d.bins, d.count, f64::from(p) / 1000.0).map(|x| {
                        if x < d.min {
                            d.min
                        } else if x > d.max {
                            d.max
                        } else {
                            x
                        }
                    })
                }
            },
        }
    }
}

/// The float nearest to a number with so many decimals: what is read where its digits are written down.
fn number(n: i128, decimals: usize) -> f64 {
    let digits = format!("{:0>1$}", n.unsigned_abs(), decimals + 1);
    let (units, fraction) = digits.split_at(digits.len() - decimals);
    let sign = if n < 0 { "-" } else { "" };
    format!("{sign}{units}.{fraction}")
        .parse()
        .unwrap_or(f64::NAN)
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

/// Exact below the size of the sketch, else what the smallest hashes say.
fn distinct(all: &BTreeSet<u64>) -> u64 {
    if all.len() < sketch::THETA {
        return all.len() as u64;
    }
    let largest = all
        .iter()
        .nth(sketch::THETA - 1)
        .copied()
        .unwrap_or(u64::MAX);
    sketch::theta_estimate(sketch::THETA, largest)
}
