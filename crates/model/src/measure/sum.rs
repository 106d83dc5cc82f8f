//! Exact sum of a number: order and grouping change nothing.

use super::{Accumulator, Sample, put_branch};
use crate::Fixed;
use crate::avro::{Cursor, DecodeError};
use crate::records::AggregateWriter;

/// Adds one event.
pub(super) fn add(sum: &mut Fixed, sample: &Sample) {
    merge(sum, sample.exact);
}

/// Adds another sum.
pub(super) fn merge(sum: &mut Fixed, other: Fixed) {
    *sum = sum.plus(other);
}

impl AggregateWriter {
    /// [`super::MeasureValue::Sum`]
    pub fn sum(&mut self, v: Fixed) {
        let out = self.value();
        put_branch(Accumulator::Sum, out);
        put(out, v);
    }
}

/// A decimal: the fewest bytes of two's complement, big endian.
#[inline]
pub(super) fn put(out: &mut Vec<u8>, v: Fixed) {
    let sign_bits = if v.0 < 0 {
        v.0.leading_ones()
    } else {
        v.0.leading_zeros()
    };
    let skip = (sign_bits as usize - 1) / 8;
    let skip = skip.min(15);
    // All sixteen with the length before them, and the surplus cut off: no step depends on how many
    // there are.
    let end = out.len() + 1 + 16 - skip;
    let mut bytes = [0; 17];
    bytes[0] = (16 - skip as u8) << 1;
    bytes[1..].copy_from_slice(&(v.0 << (skip * 8)).to_be_bytes());
    out.extend_from_slice(&bytes);
    out.truncate(end);
}

pub(super) fn get(c: &mut Cursor<'_>) -> Result<Fixed, DecodeError> {
    let bytes = c.bytes()?;
    let Some(first) = bytes.first() else {
        return Err(DecodeError::BadLength);
    };
    let mut wide = if *first >= 0x80 { [0xff; 16] } else { [0; 16] };
    let start = 16usize
        .checked_sub(bytes.len())
        .ok_or(DecodeError::BadLength)?;
    wide[start..].copy_from_slice(bytes);
    Ok(Fixed(i128::from_be_bytes(wide)))
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::MeasureValue;
    use crate::records::tests::{Oracle, decimal, field, number};
    use proptest::prelude::*;

    pub fn any_value() -> impl Strategy<Value = MeasureValue> {
        number().prop_map(MeasureValue::Sum)
    }
    pub fn value_of(v: &Oracle) -> MeasureValue {
        MeasureValue::Sum(decimal(field(v, "sum")))
    }
}
