//! Number of events. Packed: a varint. Live: one word.

use super::{Live, Packed, Spill};
use crate::{EngineError, varint};
use weir_model::measure::MeasureValue;
use weir_model::records::AggregateWriter;

pub(super) enum Count {}

impl Packed for Count {
    #[inline]
    fn decode(row: &mut &[u8]) -> Result<MeasureValue, EngineError> {
        varint::u64(row).map(MeasureValue::Count)
    }

    fn encode(value: &MeasureValue, out: &mut Vec<u8>) {
        match value {
            MeasureValue::Count(n) => varint::put_u64(out, *n),
            _ => out.push(0),
        }
    }

    /// Asks no value which one it is, because most measures are counts and sums: 2 % of stage 2.
    #[inline]
    fn write(row: &mut &[u8], writer: &mut AggregateWriter) -> Result<(), EngineError> {
        writer.count(varint::u64(row)?);
        Ok(())
    }
}

impl Live for Count {
    const EMPTY: &'static [u64] = &[0];

    fn merge(from: &[u64], into: &mut [u64], _: &mut Spill) {
        into[0] += from[0];
    }

    fn pack(words: &[u64], _: &mut Spill, out: &mut Vec<u8>) {
        varint::put_u64(out, words[0]);
    }
}

/// Adds one event.
#[inline(always)]
pub(super) fn add([n]: &mut [u64; 1]) {
    *n += 1;
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;
    use weir_model::measure::MeasureValue;

    pub fn any_value() -> impl Strategy<Value = MeasureValue> {
        any::<u64>().prop_map(MeasureValue::Count)
    }
}
