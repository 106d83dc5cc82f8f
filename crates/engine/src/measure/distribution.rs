//! How values are spread: count, sum, extremes and the bins of a sketch.
//!
//! Packed: `count * 2 + simple`, nothing more if empty; a simple one (one value) is its float; else
//! sum, min, max and bins. Bins are ascending, each `(step * 2 + many)` and, if `many`, `count -
//! 1`; the first step is counted from the bin of the minimum; a byte 0 ends them (no other byte of
//! them is 0).

mod cursor;
mod live;
mod packed;
mod writer;

pub(super) use live::{Spilled, add};

use super::slots::{exact, number};
use super::{Delta, Packed};
use crate::EngineError;
use weir_model::avro::Value;
use weir_model::measure::{MeasureValue, Stat, bin};
use weir_model::records::AggregateWriter;

pub(super) enum Spread {}

impl Packed for Spread {
    fn decode(row: &mut &[u8]) -> Result<MeasureValue, EngineError> {
        packed::decode(row).map(MeasureValue::Distribution)
    }

    fn encode(value: &MeasureValue, out: &mut Vec<u8>) {
        match value {
            MeasureValue::Distribution(d) => packed::encode(d, out),
            _ => out.push(0),
        }
    }

    /// Copies runs of bins as they stand, because a row that is merged has few bins and the other
    /// many: half the time of the plain merge for rows of 8 values, a tenth for rows of 3,000.
    #[inline]
    fn merge<'a>(a: &mut &'a [u8], b: &mut &'a [u8], out: &mut Vec<u8>) -> Result<(), EngineError> {
        packed::merge(a, b, out)
    }

    /// Hands the bins to the writer one by one, because a list of them would be memory for each
    /// row.
    #[inline]
    fn write(row: &mut &[u8], writer: &mut AggregateWriter) -> Result<(), EngineError> {
        packed::write(row, writer)
    }

    /// Looks for the byte that ends the bins, because most of what is passed over is bins.
    #[inline]
    fn skip(row: &mut &[u8]) -> Result<(), EngineError> {
        packed::skip(row)
    }

    /// Reads no bins unless a percentile is asked for.
    #[inline]
    fn stat(row: &mut &[u8], stat: Stat) -> Result<Option<f64>, EngineError> {
        packed::stat(row, stat)
    }
}

/// What an event adds.
#[inline]
pub(super) fn delta(value: &Value) -> Option<Delta> {
    let (sum, v) = (exact(value)?, number(value)? + 0.0);
    Some(Delta::Value {
        value: v,
        sum,
        bin: bin(v),
    })
}

#[cfg(test)]
pub(super) mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::number::tests::any_float;
    use super::super::{Layout, decode, encode, merge, write};
    use proptest::prelude::*;
    use std::collections::BTreeMap;
    use weir_model::measure::{Accumulator, Distribution, MeasureValue};
    use weir_model::records::{AggregateBlock, AggregateWriter, Part};
    use weir_model::{Fixed, Micros, WindowSize};

    pub fn any_value() -> impl Strategy<Value = MeasureValue> {
        let bins = prop::collection::btree_map(any::<u16>(), 1u64.., 1..20);
        (any::<u64>(), any::<i128>(), any_float(), bins).prop_map(|(count, sum, min, bins)| {
            MeasureValue::Distribution(Distribution {
                count: count >> 1 | 1,
                sum: Fixed(sum),
                min,
                max: min,
                bins: bins.into_iter().collect(),
            })
        })
    }

    /// One of any bins, even below its minimum, and of any counts, even other ones than its own.
    fn distribution() -> impl Strategy<Value = Distribution> {
        let step = prop_oneof![9 => 1u32..70, 1 => 1u32..3000];
        let n = prop_oneof![5 => Just(1u64), 5 => 1u64..200, 1 => 1u64..];
        let first = prop_oneof![17_400u32..17_700, 0u32..65_000];
        let min = prop::sample::select(vec![0.0, 1.0, 1.5, 1e6]);
        let bins = prop::collection::vec((step, n), 1..200);
        (1u64..1000, any::<i64>(), min, first, bins).prop_map(|(count, sum, min, first, bins)| {
            let mut at = first;
            let bins = bins.into_iter().map(|(step, n)| {
                at += step;
                (at, n)
            });
            Distribution {
                count,
                sum: Fixed(i128::from(sum)),
                min,
                max: 1e6,
                bins: bins
                    .filter_map(|(bin, n)| Some((u16::try_from(bin).ok()?, n)))
                    .collect(),
            }
        })
    }

    proptest! {
        #[test]
        fn any_bins_merge_and_leave_as_they_are(a in distribution(), b in distribution(), swap in any::<bool>()) {
            let only = Layout::of(vec![Accumulator::Distribution]);
            let row = |d: &Distribution| {
                let mut out = Vec::new();
                encode(&only, &[MeasureValue::Distribution(d.clone())], &mut out);
                out
            };
            let (x, y) = if swap { (&b, &a) } else { (&a, &b) };
            let mut both = Vec::new();
            merge(&only, &row(x), &row(y), &mut both).unwrap();
            let mut bins: BTreeMap<u16, u64> = a.bins.iter().copied().collect();
            for (bin, n) in &b.bins {
                let at = bins.entry(*bin).or_insert(0);
                *at = at.saturating_add(*n);
            }
            let want = vec![MeasureValue::Distribution(Distribution {
                count: a.count + b.count,
                sum: a.sum.plus(b.sum),
                min: a.min.min(b.min),
                max: a.max.max(b.max),
                bins: bins.into_iter().collect(),
            })];
            prop_assert_eq!(&decode(&only, &both).unwrap(), &want);

            let no_names: [Vec<String>; 1] = [Vec::new()];
            let mut writer = AggregateWriter::new(Vec::new(), "e", 1, 1, &["d"], &no_names);
            let (window, end) = (WindowSize::Hour, Micros::HOUR);
            writer.row("t", 0, [], window, Micros(0), end, Part::OnTime);
            write(&only, &both, &mut writer).unwrap();
            let block = AggregateBlock::decode(&writer.finish().unwrap()).unwrap();
            prop_assert_eq!(&block.rows[0].values, &want);
        }
    }
}
