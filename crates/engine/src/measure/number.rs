//! Numbers of a row: exact sums, floats, the latest value.

use crate::EngineError;
use crate::varint;
use weir_model::records::Last;
use weir_model::{Fixed, Micros, short};

const LONG: EngineError = EngineError::corrupt("a row", "a sum is longer than 128 bits");

/// Appends a sum. Most are whole numbers or have few decimals: up to three factors of 1000 are taken out and
/// counted in the two lowest bits of the first byte, below those of the number.
pub fn put_fixed(out: &mut Vec<u8>, v: Fixed) {
    match i64::try_from(v.0) {
        Ok(0) => out.push(0),
        Ok(n) => {
            let (n, thousands) = small(n);
            put_scaled(out, n, thousands);
        }
        Err(_) => {
            let (mut n, mut thousands) = (v.0, 0u8);
            while thousands < 3 && n % 1000 == 0 {
                n /= 1000;
                thousands += 1;
            }
            put_long_scaled(out, ((n << 1) ^ (n >> 127)) as u128, thousands);
        }
    }
}

/// Appends a number out of which all factors were taken.
#[inline]
fn put_scaled(out: &mut Vec<u8>, n: i64, thousands: u8) {
    let zigzag = ((n << 1) ^ (n >> 63)) as u64;
    if zigzag >> 62 == 0 {
        varint::put_u64(out, zigzag << 2 | u64::from(thousands));
    } else {
        put_long_scaled(out, u128::from(zigzag), thousands);
    }
}

#[cold]
fn put_long_scaled(out: &mut Vec<u8>, zigzag: u128, thousands: u8) {
    // The number shifted by two bits might not fit any more: only its first byte is made so.
    let first = (zigzag as u8 & 0x1f) << 2 | thousands;
    let rest = zigzag >> 5;
    if rest == 0 {
        out.push(first);
        return;
    }
    out.push(first | 0x80);
    varint::put_u128(out, rest);
}

/// Takes up to three factors of 1000 out of a number.
#[inline]
fn small(n: i64) -> (i64, u8) {
    // Sums of whole numbers are the most frequent.
    if n % 1_000_000_000 == 0 {
        (n / 1_000_000_000, 3)
    } else if n % 1000 != 0 {
        (n, 0)
    } else if n % 1_000_000 != 0 {
        (n / 1000, 1)
    } else {
        (n / 1_000_000, 2)
    }
}

/// A sum of at most eight bytes.
#[derive(Clone, Copy)]
struct Short {
    /// At most 54 bits.
    n: i64,
    thousands: usize,
    len: usize,
}

#[inline]
fn short_fixed(input: &[u8]) -> Option<Short> {
    let (code, len) = short::varint(input)?;
    let zigzag = code >> 2;
    Some(Short {
        n: (zigzag >> 1) as i64 ^ -((zigzag & 1) as i64),
        thousands: (code & 3) as usize,
        len,
    })
}

/// Takes a sum.
#[inline]
pub fn fixed(input: &mut &[u8]) -> Result<Fixed, EngineError> {
    match short_fixed(input) {
        Some(s) => {
            *input = &input[s.len..];
            Ok(Fixed(i128::from(s.n) * i128::from(POWERS[s.thousands])))
        }
        None => long_fixed(input),
    }
}

/// Appends the sum of two sums.
#[inline]
pub fn merge_fixed(a: &mut &[u8], b: &mut &[u8], out: &mut Vec<u8>) -> Result<(), EngineError> {
    // Nothing is one byte 0: the other is the result.
    if let [0, rest @ ..] = *a {
        *a = rest;
        return copy_fixed(b, out);
    }
    if let [0, rest @ ..] = *b {
        *b = rest;
        return copy_fixed(a, out);
    }
    if let (Some(x), Some(y)) = (short_fixed(a), short_fixed(b)) {
        let thousands = x.thousands.min(y.thousands);
        let scaled = |s: Short| s.n.checked_mul(POWERS[s.thousands - thousands]);
        if let (Some(n), Some(m)) = (scaled(x), scaled(y))
            && let Some(mut sum) = n.checked_add(m)
        {
            (*a, *b) = (&a[x.len..], &b[y.len..]);
            if sum == 0 {
                out.push(0);
                return Ok(());
            }
            let mut thousands = thousands as u8;
            while thousands < 3 && sum % 1000 == 0 {
                sum /= 1000;
                thousands += 1;
            }
            put_scaled(out, sum, thousands);
            return Ok(());
        }
    }
    put_fixed(out, fixed(a)?.plus(fixed(b)?));
    Ok(())
}

fn copy_fixed(input: &mut &[u8], out: &mut Vec<u8>) -> Result<(), EngineError> {
    let ((), bytes) = bytes_of(input, skip_fixed)?;
    out.extend_from_slice(bytes);
    Ok(())
}

const POWERS: [i64; 4] = [1, 1_000, 1_000_000, 1_000_000_000];

#[inline(never)]
fn long_fixed(input: &mut &[u8]) -> Result<Fixed, EngineError> {
    let first = varint::byte(input)?;
    let mut zigzag = u128::from(first >> 2 & 0x1f);
    let mut more = first & 0x80 != 0;
    let mut shift = 5;
    while more {
        let b = varint::byte(input)?;
        if shift > 127 {
            return Err(LONG);
        }
        zigzag |= u128::from(b & 0x7f) << shift;
        shift += 7;
        more = b & 0x80 != 0;
    }
    let n = (zigzag >> 1) as i128 ^ -((zigzag & 1) as i128);
    let scaled = n.checked_mul(i128::from(POWERS[usize::from(first & 3)]));
    Ok(Fixed(scaled.ok_or(LONG)?))
}

/// Passes over a sum.
pub fn skip_fixed(input: &mut &[u8]) -> Result<(), EngineError> {
    while varint::byte(input)? & 0x80 != 0 {}
    Ok(())
}

/// Largest magnitude, in thousandths, that is written as a decimal: up to there it is the shorter form.
const DECIMAL: f64 = (1u64 << 40) as f64;
/// Codes below are: absent, or a number of raw bytes.
const RAW: u64 = 9;

/// Appends a float or its absence. Minus zero is written as zero.
pub fn put_float(out: &mut Vec<u8>, v: Option<f64>) {
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
    match short::varint(input) {
        Some((code, len)) => {
            *input = &input[len..];
            Ok(code)
        }
        None => varint::u64(input),
    }
}

/// Takes a float or its absence.
#[inline]
pub fn float(input: &mut &[u8]) -> Result<Option<f64>, EngineError> {
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
pub fn skip_present(input: &mut &[u8]) -> Result<(), EngineError> {
    match float_code(input)? {
        0 => Err(ABSENT),
        code if code < RAW => varint::take(input, code as usize).map(drop),
        _ => Ok(()),
    }
}

/// Passes over a value, whatever it is, and returns its bytes.
pub fn bytes_of<'a, T>(
    input: &mut &'a [u8],
    take: impl FnOnce(&mut &'a [u8]) -> Result<T, EngineError>,
) -> Result<(T, &'a [u8]), EngineError> {
    let whole = *input;
    let value = take(input)?;
    Ok((value, &whole[..whole.len() - input.len()]))
}

/// Takes a float that is there.
pub fn present(input: &mut &[u8]) -> Result<f64, EngineError> {
    float(input)?.ok_or(ABSENT)
}

/// Appends the latest value or its absence.
pub fn put_last(out: &mut Vec<u8>, last: Option<&Last>) {
    put_float(out, last.map(|l| l.value));
    if let Some(l) = last {
        varint::put_i64(out, l.at.0);
        out.extend_from_slice(&l.id.to_le_bytes());
    }
}

/// Takes the latest value or its absence.
pub fn last(input: &mut &[u8]) -> Result<Option<Last>, EngineError> {
    let Some(value) = float(input)? else {
        return Ok(None);
    };
    let at = Micros(varint::i64(input)?);
    let mut id = [0; 8];
    id.copy_from_slice(varint::take(input, 8)?);
    Ok(Some(Last {
        at,
        id: u64::from_le_bytes(id),
        value,
    }))
}
