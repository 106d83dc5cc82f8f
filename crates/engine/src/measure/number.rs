//! Floats in a row: a varint, 0 for absent, 1 to 8 for as many leading bytes that follow, else
//! thousandths (zigzag) plus 9.

use crate::EngineError;
use crate::varint;
use weir_model::bytes;

/// Largest magnitude, in thousandths, that is written as a decimal: up to there it is the shorter
/// form.
const DECIMAL: f64 = (1u64 << 40) as f64;
/// Codes below are: absent, or a number of raw bytes.
const RAW: u64 = 9;

/// Appends a float or its absence. Minus zero is written as zero.
pub(super) fn put_float(out: &mut Vec<u8>, v: Option<f64>) {
    let Some(v) = v else {
        out.push(0);
        return;
    };
    let thousandths = (v * 1000.0).round_ties_even();
    // NaN and infinities fail the first comparison.
    if thousandths.abs() < DECIMAL && thousandths / 1000.0 == v {
        let n = thousandths as i64;
        varint::put_u64(out, (((n << 1) ^ (n >> 63)) as u64).wrapping_add(RAW));
    } else {
        let bits = v.to_bits();
        let n = 8 - (bits.trailing_zeros() as usize / 8).min(7);
        out.push(n as u8);
        out.extend_from_slice(&bits.to_be_bytes()[..n]);
    }
}

const ABSENT: EngineError = EngineError::corrupt("a row", "a number is absent");

/// Takes the code that a float or its absence begins with.
#[inline]
fn float_code(input: &mut &[u8]) -> Result<u64, EngineError> {
    match bytes::varint(input) {
        Some((code, len)) => {
            *input = &input[len..];
            Ok(code)
        }
        None => varint::u64(input),
    }
}

/// Takes a float or its absence.
#[inline]
pub(super) fn float(input: &mut &[u8]) -> Result<Option<f64>, EngineError> {
    let code = float_code(input)?;
    if code == 0 {
        Ok(None)
    } else if code < RAW {
        let raw = varint::take(input, code as usize)?;
        let mut bytes = [0; 8];
        bytes[..raw.len()].copy_from_slice(raw);
        Ok(Some(f64::from_bits(u64::from_be_bytes(bytes))))
    } else {
        let z = code - RAW;
        let n = (z >> 1) as i64 ^ -((z & 1) as i64);
        Ok(Some(n as f64 / 1000.0))
    }
}

/// Passes over a float that is there.
#[inline]
pub(super) fn skip_present(input: &mut &[u8]) -> Result<(), EngineError> {
    match float_code(input)? {
        0 => Err(ABSENT),
        code if code < RAW => varint::take(input, code as usize).map(drop),
        _ => Ok(()),
    }
}

/// Passes over a value, whatever it is, and returns its bytes.
pub(super) fn bytes_of<'a, T>(
    input: &mut &'a [u8],
    take: impl FnOnce(&mut &'a [u8]) -> Result<T, EngineError>,
) -> Result<(T, &'a [u8]), EngineError> {
    let whole = *input;
    let value = take(input)?;
    Ok((value, &whole[..whole.len() - input.len()]))
}

/// Takes a float that is there.
pub(super) fn present(input: &mut &[u8]) -> Result<f64, EngineError> {
    float(input)?.ok_or(ABSENT)
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    /// Any number but minus zero, which is written as zero.
    pub fn any_float() -> impl Strategy<Value = f64> {
        any::<f64>().prop_filter_map("not a number", |v| (!v.is_nan()).then_some(v + 0.0))
    }
}
