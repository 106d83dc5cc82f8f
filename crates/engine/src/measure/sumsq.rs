//! Exact sum of squares, in millionths. Packed and live as a sum is.

use super::slots::number;
use super::sum::{self, Sum};
use super::{Delta, Live, Packed, Spill};
use crate::EngineError;
use weir_model::avro::Value;
use weir_model::measure::{MeasureValue, square};

pub(super) enum SumSq {}

impl Packed for SumSq {
    #[inline]
    fn decode(row: &mut &[u8]) -> Result<MeasureValue, EngineError> {
        sum::fixed(row).map(MeasureValue::SumSq)
    }

    fn encode(value: &MeasureValue, out: &mut Vec<u8>) {
        match value {
            MeasureValue::SumSq(v) => sum::put_fixed(out, *v),
            _ => out.push(0),
        }
    }

    #[inline]
    fn merge<'a>(a: &mut &'a [u8], b: &mut &'a [u8], out: &mut Vec<u8>) -> Result<(), EngineError> {
        <Sum as Packed>::merge(a, b, out)
    }

    #[inline]
    fn skip(row: &mut &[u8]) -> Result<(), EngineError> {
        Sum::skip(row)
    }
}

impl Live for SumSq {
    const EMPTY: &'static [u64] = Sum::EMPTY;

    fn merge(from: &[u64], into: &mut [u64], spill: &mut Spill) {
        <Sum as Live>::merge(from, into, spill);
    }

    fn pack(words: &[u64], spill: &mut Spill, out: &mut Vec<u8>) {
        Sum::pack(words, spill, out);
    }
}

/// What an event adds.
pub(super) fn delta(value: &Value) -> Option<Delta> {
    number(value).map(|v| Delta::Sum(square(v).0))
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;
    use weir_model::Fixed;
    use weir_model::measure::MeasureValue;

    pub fn any_value() -> impl Strategy<Value = MeasureValue> {
        any::<i128>().prop_map(|n| MeasureValue::SumSq(Fixed(n)))
    }
}
