//! Values of measures: what is merged, stored and verified. One file per accumulator: its plain
//! form, which is its definition, then how a value stands in a record of
//! [`crate::topics::AGGREGATES`].
//!
//! This file is the list of them. What merges millions of values per second does so on packed bytes
//! (`crates/engine/src/measure`) and is held to the plain form by tests.

mod count;
mod distinct;
mod distribution;
mod extreme;
mod last;
mod sum;
mod sumsq;
#[cfg(test)]
pub(crate) mod tests;

pub use distinct::HashesRef;
pub use distribution::{BinsRef, Distribution, DistributionRef, PERCENTILES, bin};
pub use last::Last;
pub use sumsq::{in_units, square};

use crate::avro::{Cursor, DecodeError, put_long};
use crate::records::AggregateWriter;
use crate::{Fixed, Micros};
use serde::{Deserialize, Serialize};

/// How a measure adds up. Several kinds of measure may share one: a cost adds up as a sum does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Accumulator {
    /// See [`MeasureValue::Count`].
    Count,
    /// See [`MeasureValue::Sum`].
    Sum,
    /// See [`MeasureValue::Min`].
    Min,
    /// See [`MeasureValue::Max`].
    Max,
    /// See [`MeasureValue::SumSq`].
    SumSq,
    /// See [`MeasureValue::Last`].
    Last,
    /// See [`MeasureValue::Distribution`].
    Distribution,
    /// See [`MeasureValue::Distinct`].
    Distinct,
}

/// The value of one measure in one part.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum MeasureValue {
    /// Events.
    Count(u64),
    /// Exact sum.
    Sum(Fixed),
    /// Smallest value, if any.
    Min(Option<f64>),
    /// Largest value, if any.
    Max(Option<f64>),
    /// Exact sum of squares of values rounded to thousandths, in millionths.
    SumSq(Fixed),
    /// Value of the latest event by (event time, event id).
    Last(Option<Last>),
    /// Count, sum, min, max and bins (ascending, no zero counts) of a distribution.
    Distribution(Distribution),
    /// The smallest hashes, ascending, at most [`crate::sketch::THETA`].
    Distinct(Vec<u64>),
}

/// A value as it stands in a record.
#[derive(Debug, Clone, Copy)]
pub enum ValueRef<'a> {
    /// [`MeasureValue::Count`]
    Count(u64),
    /// [`MeasureValue::Sum`]
    Sum(Fixed),
    /// [`MeasureValue::Min`]
    Min(Option<f64>),
    /// [`MeasureValue::Max`]
    Max(Option<f64>),
    /// [`MeasureValue::SumSq`]
    SumSq(Fixed),
    /// [`MeasureValue::Last`]
    Last(Option<(Micros, u64, f64)>),
    /// [`MeasureValue::Distribution`]
    Distribution(DistributionRef<'a>),
    /// [`MeasureValue::Distinct`]
    Distinct(HashesRef<'a>),
}

/// What is read out of a value: its number, or a statistic of a distribution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stat {
    /// Count, sum, min, max, last, distinct estimate, cost.
    Value,
    /// Values in a distribution.
    Count,
    /// Sum of a distribution.
    Sum,
    /// Mean of a distribution: sum / count.
    Mean,
    /// Smallest.
    Min,
    /// Largest.
    Max,
    /// Percentile, in thousandths: p50 = 500, p99.9 = 999.
    Percentile(u16),
}

/// What one event says to a measure. Each accumulator looks at what it needs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    /// Event time.
    pub at: Micros,
    /// Identity hash of the event.
    pub id: u64,
    /// The number, never minus zero.
    pub value: f64,
    /// The number in billionths.
    pub exact: Fixed,
    /// [`crate::hash::distinct`] of the text.
    pub hash: u64,
}

impl Accumulator {
    /// All of them, in the order of the branches of the record's union.
    pub const ALL: [Accumulator; 8] = [
        Accumulator::Count,
        Accumulator::Sum,
        Accumulator::Min,
        Accumulator::Max,
        Accumulator::SumSq,
        Accumulator::Last,
        Accumulator::Distribution,
        Accumulator::Distinct,
    ];

    /// The value without events.
    pub fn empty(self) -> MeasureValue {
        match self {
            Accumulator::Count => MeasureValue::Count(0),
            Accumulator::Sum => MeasureValue::Sum(Fixed(0)),
            Accumulator::Min => MeasureValue::Min(None),
            Accumulator::Max => MeasureValue::Max(None),
            Accumulator::SumSq => MeasureValue::SumSq(Fixed(0)),
            Accumulator::Last => MeasureValue::Last(None),
            Accumulator::Distribution => MeasureValue::Distribution(Distribution::default()),
            Accumulator::Distinct => MeasureValue::Distinct(Vec::new()),
        }
    }
}

impl MeasureValue {
    /// Adds one event.
    pub fn add(&mut self, sample: &Sample) {
        match self {
            MeasureValue::Count(n) => count::add(n),
            MeasureValue::Sum(sum) => sum::add(sum, sample),
            MeasureValue::Min(least) => extreme::add(least, sample, f64::min),
            MeasureValue::Max(most) => extreme::add(most, sample, f64::max),
            MeasureValue::SumSq(sum) => sumsq::add(sum, sample),
            MeasureValue::Last(last) => last::add(last, sample),
            MeasureValue::Distribution(d) => d.add(sample),
            MeasureValue::Distinct(hashes) => distinct::add(hashes, sample),
        }
    }

    /// Adds what another one has: associative and commutative. A value of another accumulator adds
    /// nothing.
    pub fn merge(&mut self, other: &MeasureValue) {
        match (self, other) {
            (MeasureValue::Count(a), MeasureValue::Count(b)) => count::merge(a, *b),
            (MeasureValue::Sum(a), MeasureValue::Sum(b)) => sum::merge(a, *b),
            (MeasureValue::Min(a), MeasureValue::Min(b)) => extreme::merge(a, *b, f64::min),
            (MeasureValue::Max(a), MeasureValue::Max(b)) => extreme::merge(a, *b, f64::max),
            (MeasureValue::SumSq(a), MeasureValue::SumSq(b)) => sum::merge(a, *b),
            (MeasureValue::Last(a), MeasureValue::Last(b)) => last::merge(a, b.as_ref()),
            (MeasureValue::Distribution(a), MeasureValue::Distribution(b)) => a.merge(b),
            (MeasureValue::Distinct(a), MeasureValue::Distinct(b)) => distinct::merge(a, b),
            _ => {}
        }
    }

    /// The number that an expression sees. `None`: it has no value (an empty distribution's mean, a
    /// statistic that the accumulator does not have).
    pub fn stat(&self, stat: Stat) -> Option<f64> {
        if let MeasureValue::Distribution(d) = self {
            return d.stat(stat);
        }
        if stat != Stat::Value {
            return None;
        }
        match self {
            MeasureValue::Count(n) => Some(count::number(*n)),
            MeasureValue::Sum(sum) => Some(sum.to_f64()),
            MeasureValue::Min(v) | MeasureValue::Max(v) => *v,
            MeasureValue::SumSq(sum) => Some(in_units(*sum)),
            MeasureValue::Last(last) => last.as_ref().map(|l| l.value),
            MeasureValue::Distinct(hashes) => Some(distinct::estimate(hashes)),
            MeasureValue::Distribution(_) => None,
        }
    }

    /// Its accumulator.
    pub fn accumulator(&self) -> Accumulator {
        match self {
            MeasureValue::Count(_) => Accumulator::Count,
            MeasureValue::Sum(_) => Accumulator::Sum,
            MeasureValue::Min(_) => Accumulator::Min,
            MeasureValue::Max(_) => Accumulator::Max,
            MeasureValue::SumSq(_) => Accumulator::SumSq,
            MeasureValue::Last(_) => Accumulator::Last,
            MeasureValue::Distribution(_) => Accumulator::Distribution,
            MeasureValue::Distinct(_) => Accumulator::Distinct,
        }
    }
}

impl ValueRef<'_> {
    /// The value without events, as a record holds it.
    pub fn empty(accumulator: Accumulator) -> ValueRef<'static> {
        match accumulator {
            Accumulator::Count => ValueRef::Count(0),
            Accumulator::Sum => ValueRef::Sum(Fixed(0)),
            Accumulator::Min => ValueRef::Min(None),
            Accumulator::Max => ValueRef::Max(None),
            Accumulator::SumSq => ValueRef::SumSq(Fixed(0)),
            Accumulator::Last => ValueRef::Last(None),
            Accumulator::Distribution => ValueRef::Distribution(DistributionRef::EMPTY),
            Accumulator::Distinct => ValueRef::Distinct(HashesRef::EMPTY),
        }
    }

    /// The value on its own.
    pub fn to_owned(&self) -> MeasureValue {
        match *self {
            ValueRef::Count(n) => MeasureValue::Count(n),
            ValueRef::Sum(v) => MeasureValue::Sum(v),
            ValueRef::Min(v) => MeasureValue::Min(v),
            ValueRef::Max(v) => MeasureValue::Max(v),
            ValueRef::SumSq(v) => MeasureValue::SumSq(v),
            ValueRef::Last(v) => {
                MeasureValue::Last(v.map(|(at, id, value)| Last { at, id, value }))
            }
            ValueRef::Distribution(d) => MeasureValue::Distribution(d.to_owned()),
            ValueRef::Distinct(h) => MeasureValue::Distinct(h.iter().collect()),
        }
    }
}

/// Begins a value: the branch of the union.
#[inline]
fn put_branch(accumulator: Accumulator, out: &mut Vec<u8>) {
    put_long(out, accumulator as i64);
}

/// Takes a value with its branch; what it borrows is checked.
#[inline]
pub(crate) fn get<'a>(c: &mut Cursor<'a>) -> Result<ValueRef<'a>, DecodeError> {
    let branch = usize::try_from(c.long()?).map_err(|_| DecodeError::BadIndex)?;
    let accumulator = Accumulator::ALL.get(branch).ok_or(DecodeError::BadIndex)?;
    Ok(match accumulator {
        Accumulator::Count => ValueRef::Count(count::get(c)?),
        Accumulator::Sum => ValueRef::Sum(sum::get(c)?),
        Accumulator::Min => ValueRef::Min(extreme::get(c)?),
        Accumulator::Max => ValueRef::Max(extreme::get(c)?),
        Accumulator::SumSq => ValueRef::SumSq(sum::get(c)?),
        Accumulator::Last => ValueRef::Last(last::get(c)?),
        Accumulator::Distribution => ValueRef::Distribution(distribution::get(c)?),
        Accumulator::Distinct => ValueRef::Distinct(distinct::get(c)?),
    })
}

impl AggregateWriter {
    /// Any value.
    pub fn measure(&mut self, value: &MeasureValue) {
        match value {
            MeasureValue::Count(n) => self.count(*n),
            MeasureValue::Sum(v) => self.sum(*v),
            MeasureValue::Min(v) => self.min(*v),
            MeasureValue::Max(v) => self.max(*v),
            MeasureValue::SumSq(v) => self.sum_sq(*v),
            MeasureValue::Last(v) => self.last(v.clone()),
            MeasureValue::Distribution(d) => {
                self.distribution(d.count, d.sum, d.min, d.max, d.bins.iter().copied());
            }
            MeasureValue::Distinct(hashes) => self.distinct(hashes.iter().copied(), hashes.len()),
        }
    }
}
