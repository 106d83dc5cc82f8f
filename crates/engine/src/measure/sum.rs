//! Exact sum, in billionths.
//!
//! Packed: a zigzag varint whose first byte also says by which power of 1000 the number was
//! divided. Live: one word, and a pool for the sums that outgrow it.

use super::number::bytes_of;
use super::slots::exact;
use super::{Delta, Live, Packed, Spill};
use crate::EngineError;
use crate::varint;
use weir_model::avro::Value;
use weir_model::measure::MeasureValue;
use weir_model::records::AggregateWriter;
use weir_model::{Fixed, bytes};

pub(super) enum Sum {}

impl Packed for Sum {
    #[inline]
    fn decode(row: &mut &[u8]) -> Result<MeasureValue, EngineError> {
        fixed(row).map(MeasureValue::Sum)
    }

    fn encode(value: &MeasureValue, out: &mut Vec<u8>) {
        match value {
            MeasureValue::Sum(v) => put_fixed(out, *v),
            _ => out.push(0),
        }
    }

    /// Adds in the power of 1000 that both are written in, because most sums are small and stay so:
    /// no multiplication in 128 bits, no factors to be found again, half the time of the plain
    /// merge.
    #[inline]
    fn merge<'a>(a: &mut &'a [u8], b: &mut &'a [u8], out: &mut Vec<u8>) -> Result<(), EngineError> {
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

    /// Asks no value which one it is, as a count does.
    #[inline]
    fn write(row: &mut &[u8], writer: &mut AggregateWriter) -> Result<(), EngineError> {
        writer.sum(fixed(row)?);
        Ok(())
    }

    #[inline]
    fn skip(row: &mut &[u8]) -> Result<(), EngineError> {
        skip_fixed(row)
    }
}

impl Live for Sum {
    const EMPTY: &'static [u64] = &[0];

    fn merge(from: &[u64], into: &mut [u64], spill: &mut Spill) {
        let sum = spill.sums.get(from[0]);
        spill.sums.add(&mut into[0], sum);
    }

    fn pack(words: &[u64], spill: &mut Spill, out: &mut Vec<u8>) {
        put_fixed(out, Fixed(spill.sums.get(words[0])));
    }
}

/// What an event adds.
#[inline]
pub(super) fn delta(value: &Value) -> Option<Delta> {
    exact(value).map(Delta::Sum)
}

/// Sums that outgrew a word. Few do, so that a row has one word per sum instead of two.
#[derive(Debug, Default)]
pub(super) struct Wide {
    sums: Vec<i128>,
}

/// A sum is a word, a signed number, unless that would begin with these bits: a word that does is
/// an index of a pool.
const WIDE: u64 = 0b10;

#[inline(always)]
fn is_wide(word: u64) -> bool {
    word >> 62 == WIDE
}

/// The end of all numbers that a sum runs into: out of the way, since none does.
#[cold]
fn furthest(v: i128) -> i128 {
    if v < 0 { i128::MIN } else { i128::MAX }
}

impl Wide {
    pub fn clear(&mut self) {
        self.sums.clear();
    }

    pub fn bytes(&self) -> usize {
        self.sums.len() * size_of::<i128>()
    }

    /// Adds to the sum in a word.
    #[inline(always)]
    pub fn add(&mut self, word: &mut u64, v: i128) {
        let small = (v as i64, *word as i64);
        if i128::from(small.0) == v
            && !is_wide(*word)
            && let Some(sum) = small.0.checked_add(small.1)
            && !is_wide(sum as u64)
        {
            *word = sum as u64;
            return;
        }
        self.add_wide(word, v);
    }

    #[cold]
    fn add_wide(&mut self, word: &mut u64, v: i128) {
        let sum = self.get(*word).checked_add(v);
        let sum = sum.unwrap_or_else(|| furthest(v));
        if is_wide(*word) {
            self.sums[(*word & !(WIDE << 62)) as usize] = sum;
        } else {
            *word = WIDE << 62 | self.sums.len() as u64;
            self.sums.push(sum);
        }
    }

    /// The sum in a word.
    #[inline]
    pub fn get(&self, word: u64) -> i128 {
        if is_wide(word) {
            self.sums[(word & !(WIDE << 62)) as usize]
        } else {
            i128::from(word as i64)
        }
    }
}

const LONG: EngineError = EngineError::corrupt("a row", "a sum is longer than 128 bits");

/// Appends a sum. Most are whole numbers or have few decimals: up to three factors of 1000 are
/// taken out and counted in the two lowest bits of the first byte, below those of the number.
pub(super) fn put_fixed(out: &mut Vec<u8>, v: Fixed) {
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
    let (code, len) = bytes::varint(input)?;
    let zigzag = code >> 2;
    Some(Short {
        n: (zigzag >> 1) as i64 ^ -((zigzag & 1) as i64),
        thousands: (code & 3) as usize,
        len,
    })
}

/// Takes a sum.
#[inline]
pub(super) fn fixed(input: &mut &[u8]) -> Result<Fixed, EngineError> {
    match short_fixed(input) {
        Some(s) => {
            *input = &input[s.len..];
            Ok(Fixed(i128::from(s.n) * i128::from(POWERS[s.thousands])))
        }
        None => long_fixed(input),
    }
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
pub(super) fn skip_fixed(input: &mut &[u8]) -> Result<(), EngineError> {
    while varint::byte(input)? & 0x80 != 0 {}
    Ok(())
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;
    use weir_model::Fixed;
    use weir_model::measure::MeasureValue;

    pub fn any_value() -> impl Strategy<Value = MeasureValue> {
        any::<i128>().prop_map(|n| MeasureValue::Sum(Fixed(n)))
    }
}
