//! Smallest and largest value. Packed: a float, or byte 0 for none. Live: one word, an infinity
//! while there is none.

use super::number::{float, put_float};
use super::{Live, Packed, Spill};
use crate::EngineError;
use weir_model::measure::MeasureValue;

pub(super) enum Min {}
pub(super) enum Max {}

impl Packed for Min {
    #[inline]
    fn decode(row: &mut &[u8]) -> Result<MeasureValue, EngineError> {
        float(row).map(MeasureValue::Min)
    }

    fn encode(value: &MeasureValue, out: &mut Vec<u8>) {
        match value {
            MeasureValue::Min(v) => put_float(out, *v),
            _ => out.push(0),
        }
    }
}

impl Packed for Max {
    #[inline]
    fn decode(row: &mut &[u8]) -> Result<MeasureValue, EngineError> {
        float(row).map(MeasureValue::Max)
    }

    fn encode(value: &MeasureValue, out: &mut Vec<u8>) {
        match value {
            MeasureValue::Max(v) => put_float(out, *v),
            _ => out.push(0),
        }
    }
}

impl Live for Min {
    const EMPTY: &'static [u64] = &[f64::INFINITY.to_bits()];

    fn merge(from: &[u64], into: &mut [u64], _: &mut Spill) {
        if let Some(into) = into.first_chunk_mut() {
            add_least(into, f64::from_bits(from[0]));
        }
    }

    fn pack(words: &[u64], _: &mut Spill, out: &mut Vec<u8>) {
        pack(words, out);
    }
}

impl Live for Max {
    const EMPTY: &'static [u64] = &[f64::NEG_INFINITY.to_bits()];

    fn merge(from: &[u64], into: &mut [u64], _: &mut Spill) {
        if let Some(into) = into.first_chunk_mut() {
            add_most(into, f64::from_bits(from[0]));
        }
    }

    fn pack(words: &[u64], _: &mut Spill, out: &mut Vec<u8>) {
        pack(words, out);
    }
}

fn pack(words: &[u64], out: &mut Vec<u8>) {
    let v = f64::from_bits(words[0]);
    put_float(out, Some(v).filter(|v| v.is_finite()));
}

/// Adds a value to the smallest.
#[inline(always)]
pub(super) fn add_least([w]: &mut [u64; 1], v: f64) {
    if v < f64::from_bits(*w) {
        *w = v.to_bits();
    }
}

/// Adds a value to the largest.
#[inline(always)]
pub(super) fn add_most([w]: &mut [u64; 1], v: f64) {
    if v > f64::from_bits(*w) {
        *w = v.to_bits();
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::number::tests::any_float;
    use proptest::prelude::*;
    use weir_model::measure::MeasureValue;

    pub fn any_least() -> impl Strategy<Value = MeasureValue> {
        prop::option::of(any_float()).prop_map(MeasureValue::Min)
    }
    pub fn any_most() -> impl Strategy<Value = MeasureValue> {
        prop::option::of(any_float()).prop_map(MeasureValue::Max)
    }
}
