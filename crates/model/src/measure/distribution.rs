//! How values are spread: their number, sum, extremes, and how many fell into each bin of a sketch
//! ([`crate::sketch`]), from which percentiles are read.

use super::{Accumulator, Sample, Stat, put_branch, sum};
use crate::Fixed;
use crate::avro::{Cursor, DecodeError, put_long};
use crate::records::{AggregateWriter, Field, advance, ended};
use crate::sketch;
use serde::{Deserialize, Serialize};

/// See [`super::MeasureValue::Distribution`].
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Distribution {
    /// Values.
    pub count: u64,
    /// Exact sum.
    pub sum: Fixed,
    /// Smallest, 0 where empty.
    pub min: f64,
    /// Largest, 0 where empty.
    pub max: f64,
    /// (bin, count), ascending by bin.
    pub bins: Vec<(u16, u64)>,
}

/// Percentiles that are shown of a distribution: 50 is the median.
pub const PERCENTILES: [u16; 4] = [50, 90, 95, 99];

/// The bin of a value: negatives share that of zero.
#[inline]
pub fn bin(x: f64) -> u16 {
    if x > 0.0 { sketch::bin(x) } else { 0 }
}

impl Distribution {
    /// Adds one event.
    pub(super) fn add(&mut self, sample: &Sample) {
        self.merge(&Distribution {
            count: 1,
            sum: sample.exact,
            min: sample.value,
            max: sample.value,
            bins: vec![(bin(sample.value), 1)],
        });
    }

    /// Adds another distribution.
    pub(super) fn merge(&mut self, other: &Distribution) {
        if self.count == 0 {
            (self.min, self.max) = (other.min, other.max);
        } else if other.count > 0 {
            (self.min, self.max) = (self.min.min(other.min), self.max.max(other.max));
        }
        self.count = self.count.saturating_add(other.count);
        self.sum = self.sum.plus(other.sum);
        for (bin, n) in &other.bins {
            match self.bins.binary_search_by_key(bin, |b| b.0) {
                Ok(i) => self.bins[i].1 = self.bins[i].1.saturating_add(*n),
                Err(i) => self.bins.insert(i, (*bin, *n)),
            }
        }
    }

    /// The number that an expression sees.
    pub(super) fn stat(&self, stat: Stat) -> Option<f64> {
        match stat {
            Stat::Count => Some(self.count as f64),
            Stat::Sum => Some(self.sum.to_f64()),
            Stat::Value => None,
            _ if self.count == 0 => None,
            Stat::Mean => Some(self.sum.to_f64() / self.count as f64),
            Stat::Min => Some(self.min),
            Stat::Max => Some(self.max),
            Stat::Percentile(p) => {
                let bins = self.bins.iter().copied();
                let seen = (self.min, self.max);
                sketch::quantile(bins, self.count, f64::from(p) / 1000.0, seen)
            }
        }
    }
}

/// More than one byte says as a number of bins, fewer than a third would.
const MANY_BINS: u64 = 64;

impl AggregateWriter {
    /// [`super::MeasureValue::Distribution`]; bins ascending.
    pub fn distribution(
        &mut self,
        count: u64,
        sum: Fixed,
        min: f64,
        max: f64,
        bins: impl IntoIterator<Item = (u16, u64)>,
    ) {
        let out = self.value();
        put_branch(Accumulator::Distribution, out);
        count.put(out);
        sum::put(out, sum);
        min.put(out);
        max.put(out);
        // The number of bins comes first and is known last: there are rarely more bins than values.
        let at = out.len();
        put_long(out, count.min(MANY_BINS) as i64);
        let room = out.len() - at;
        let (mut before, mut n) = (0, 0);
        for (bin, count) in bins {
            let step = i64::from(bin) - before;
            before = i64::from(bin);
            n += 1;
            // Two bytes for most of them, written at once.
            if (0..64).contains(&step) && count < 64 {
                out.extend_from_slice(&[(step << 1) as u8, (count << 1) as u8]);
            } else {
                put_long(out, step);
                count.put(out);
            }
        }
        put_number(out, at..at + room, n);
        out.push(0);
    }
}

/// Writes the number of a list's items, nothing for none, where room was kept for it before them.
#[inline]
fn put_number(out: &mut Vec<u8>, room: std::ops::Range<usize>, n: i64) {
    if n > 0 && n < 64 && room.len() == 1 {
        out[room.start] = (n as u8) << 1;
        return;
    }
    let mut number = Vec::new();
    if n > 0 {
        put_long(&mut number, n);
    }
    out.splice(room, number);
}

/// A distribution of a row.
#[derive(Debug, Clone, Copy)]
pub struct DistributionRef<'a> {
    /// Values.
    pub count: u64,
    /// Exact sum.
    pub sum: Fixed,
    /// Smallest, 0 where empty.
    pub min: f64,
    /// Largest, 0 where empty.
    pub max: f64,
    /// (bin, count), ascending.
    pub bins: BinsRef<'a>,
}

impl DistributionRef<'_> {
    /// One without values.
    pub const EMPTY: DistributionRef<'static> = DistributionRef {
        count: 0,
        sum: Fixed(0),
        min: 0.0,
        max: 0.0,
        bins: BinsRef {
            cursor: Cursor::new(&[0]),
            left: 0,
            bin: 0,
        },
    };

    pub(super) fn to_owned(self) -> Distribution {
        Distribution {
            count: self.count,
            sum: self.sum,
            min: self.min,
            max: self.max,
            bins: self.bins.collect(),
        }
    }
}

/// Bins with their counts, ascending.
#[derive(Debug, Clone, Copy)]
pub struct BinsRef<'a> {
    cursor: Cursor<'a>,
    left: u64,
    bin: i64,
}

impl BinsRef<'_> {
    fn step(&mut self) -> Result<Option<(u16, u64)>, DecodeError> {
        if !advance(&mut self.cursor, &mut self.left)? {
            return Ok(None);
        }
        self.bin = self
            .bin
            .checked_add(self.cursor.long()?)
            .ok_or(DecodeError::Overflow)?;
        let bin = u16::try_from(self.bin).map_err(|_| DecodeError::Overflow)?;
        Ok(Some((bin, u64::get(&mut self.cursor)?)))
    }
}

impl Iterator for BinsRef<'_> {
    type Item = (u16, u64);
    fn next(&mut self) -> Option<(u16, u64)> {
        let step = self.step();
        ended(step, &mut self.cursor)
    }
}

pub(super) fn get<'a>(c: &mut Cursor<'a>) -> Result<DistributionRef<'a>, DecodeError> {
    let (count, sum, min, max) = (u64::get(c)?, sum::get(c)?, f64::get(c)?, f64::get(c)?);
    let bins = BinsRef {
        cursor: *c,
        left: 0,
        bin: 0,
    };
    let mut walk = bins;
    while walk.step()?.is_some() {}
    *c = walk.cursor;
    Ok(DistributionRef {
        count,
        sum,
        min,
        max,
        bins,
    })
}

#[cfg(test)]
pub(super) mod tests {
    #![allow(clippy::unwrap_used)]

    use super::super::MeasureValue;
    use super::Distribution;
    use crate::records::tests::{Oracle, decimal, double, field, float, items, long, number};
    use proptest::prelude::*;

    pub fn any_value() -> impl Strategy<Value = MeasureValue> {
        let bins = prop::collection::btree_map(any::<u16>(), any::<u64>(), 0..5);
        (any::<u64>(), number(), float(), float(), bins).prop_map(|(count, sum, min, max, bins)| {
            MeasureValue::Distribution(Distribution {
                count,
                sum,
                min,
                max,
                bins: bins.into_iter().collect(),
            })
        })
    }
    pub fn value_of(v: &Oracle) -> MeasureValue {
        let mut bin = 0;
        let bins = items(field(v, "bins")).iter().map(|b| {
            bin += long(field(b, "step"));
            (bin as u16, long(field(b, "count")) as u64)
        });
        MeasureValue::Distribution(Distribution {
            count: long(field(v, "count")) as u64,
            sum: decimal(field(v, "sum")),
            min: double(field(v, "min")).unwrap(),
            max: double(field(v, "max")).unwrap(),
            bins: bins.collect(),
        })
    }
}
