//! Reads a packed distribution: what stands before its bins, and the bins one by one.

use super::super::number;
use super::super::sum;
use crate::EngineError;
use crate::varint;
use weir_model::Fixed;
use weir_model::measure::bin;

pub(super) const WHAT: &str = "a distribution";

/// What stands before the bins.
#[derive(Clone, Copy)]
pub(super) struct Head<'a> {
    pub count: u64,
    pub sum: Fixed,
    pub min: f64,
    pub max: f64,
    /// The bytes of `min` and `max`: equal floats have equal bytes, so that a merge copies one of
    /// them.
    pub ends: (&'a [u8], &'a [u8]),
    /// One value: its bin is not written.
    pub simple: bool,
}

pub(super) fn head<'a>(input: &mut &'a [u8]) -> Result<Option<Head<'a>>, EngineError> {
    let code = varint::u64(input)?;
    if code == 0 {
        return Ok(None);
    }
    if code & 1 == 1 {
        if code != 3 {
            return Err(EngineError::corrupt(WHAT, "a simple one has not one value"));
        }
        let (v, bytes) = number::bytes_of(input, number::present)?;
        let sum =
            Fixed::from_f64(v).ok_or(EngineError::corrupt(WHAT, "a value is out of range"))?;
        return Ok(Some(Head {
            count: 1,
            sum,
            min: v,
            max: v,
            ends: (bytes, bytes),
            simple: true,
        }));
    }
    let sum = sum::fixed(input)?;
    let (min, low) = number::bytes_of(input, number::present)?;
    let (max, high) = number::bytes_of(input, number::present)?;
    Ok(Some(Head {
        count: code >> 1,
        sum,
        min,
        max,
        ends: (low, high),
        simple: false,
    }))
}

/// Bins as they are read, ascending: a cursor on one of them.
#[derive(Clone, Copy)]
pub(super) struct Bins<'a> {
    /// The bins, the byte 0 that ends them, what follows.
    bytes: &'a [u8],
    /// Where the bin at hand stands.
    pos: usize,
    /// Where its step is counted from: the bin before, at first the one under that of the minimum.
    /// All of it modulo 2^16, so that any bins can be written, even ones below their minimum.
    pub before: u32,
    pub at: Entry,
}

/// One of the bins.
#[derive(Clone, Copy)]
pub(super) struct Entry {
    /// [`END`]: there is none; [`BAD`]: the bytes are damaged.
    pub bin: u32,
    pub count: u64,
    /// Where the next one stands.
    next: usize,
}

/// Behind all bins.
pub(super) const END: u32 = 1 << 16;
/// Damaged bytes end the bins too.
const BAD: u32 = END + 1;
/// The bins of a simple distribution, which are not written: one value in that of the minimum.
const ONE_VALUE: &[u8] = &[2, 0, 0];

/// The entry at `pos`. Nearly all are one byte, and a second one where there is a count.
#[inline]
fn entry(bytes: &[u8], pos: usize, before: u32) -> Entry {
    let next = bytes.get(pos..).and_then(<[u8]>::first_chunk);
    let Some(&[code, more]) = next else {
        return long_entry(bytes, pos, before);
    };
    let many = code & 1;
    let more = more & many.wrapping_neg();
    if (code | more) >= 0x80 {
        return long_entry(bytes, pos, before);
    }
    let bin = (before + u32::from(code >> 1)) & 0xffff;
    Entry {
        bin: if code == 0 { END } else { bin },
        count: 1 + u64::from(more),
        next: pos + 1 + usize::from(many),
    }
}

#[inline(never)]
fn long_entry(bytes: &[u8], pos: usize, before: u32) -> Entry {
    let mut input = bytes.get(pos..).unwrap_or_default();
    let input = &mut input;
    let code = varint::u64(input);
    let more = match code {
        Ok(code) if code & 1 == 1 => varint::u64(input),
        _ => Ok(0),
    };
    let (bin, count) = match (code, more) {
        (Ok(0), _) => (END, 0),
        (Ok(code), Ok(more)) => {
            let bin = before.wrapping_add((code >> 1) as u32) & 0xffff;
            (bin, more.saturating_add(1))
        }
        _ => (BAD, 0),
    };
    let next = bytes.len() - input.len();
    Entry { bin, count, next }
}

impl<'a> Bins<'a> {
    /// The bins that `input` begins with.
    #[inline]
    pub fn new(head: &Head<'_>, input: &'a [u8]) -> Bins<'a> {
        let bytes = if head.simple { ONE_VALUE } else { input };
        let before = u32::from(bin(head.min).wrapping_sub(1));
        Bins {
            bytes,
            pos: 0,
            before,
            at: entry(bytes, 0, before),
        }
    }

    #[inline]
    pub fn ended(&self) -> bool {
        self.at.bin >= END
    }

    /// Goes on to the next bin.
    #[inline]
    pub fn pass(&mut self) {
        self.pos = self.at.next;
        self.before = self.at.bin;
        self.at = entry(self.bytes, self.pos, self.before);
    }

    /// Goes on to the first bin that is not below `bin`; the bytes passed over.
    #[inline]
    pub fn pass_below(&mut self, bin: u32) -> &'a [u8] {
        let from = self.pos;
        while self.at.bin < bin {
            self.pass();
        }
        self.bytes.get(from..self.pos).unwrap_or_default()
    }

    /// The bytes of the bins behind the one at hand, and what follows on them all.
    #[inline]
    pub fn rest(&self) -> Result<(&'a [u8], &'a [u8]), EngineError> {
        let at = if self.ended() { self.pos } else { self.at.next };
        let rest = self.bytes.get(at..).unwrap_or_default();
        match end(rest) {
            Some(n) if self.at.bin != BAD => Ok((&rest[..n], &rest[n + 1..])),
            _ => Err(EngineError::corrupt(WHAT, "its bins do not end")),
        }
    }
}

impl Iterator for Bins<'_> {
    type Item = (u16, u64);

    #[inline]
    fn next(&mut self) -> Option<(u16, u64)> {
        if self.ended() {
            return None;
        }
        let found = (self.at.bin as u16, self.at.count);
        self.pass();
        Some(found)
    }
}

/// Where the first byte 0 stands.
#[inline]
fn end(bytes: &[u8]) -> Option<usize> {
    if bytes.first() == Some(&0) {
        return Some(0);
    }
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    let (words, last) = bytes.as_chunks::<8>();
    for (i, word) in words.iter().enumerate() {
        let w = u64::from_le_bytes(*word);
        // The lowest of these bits belongs to the first byte that is 0.
        let zero = w.wrapping_sub(ONES) & !w & (ONES << 7);
        if zero != 0 {
            return Some(i * 8 + zero.trailing_zeros() as usize / 8);
        }
    }
    let n = last.iter().position(|b| *b == 0)?;
    Some(bytes.len() - last.len() + n)
}

/// Passes over the bins that follow on a head.
pub(super) fn skip_bins(head: &Head<'_>, input: &mut &[u8]) -> Result<(), EngineError> {
    if head.simple { Ok(()) } else { pass_end(input) }
}

/// Passes over bins and the byte that ends them.
pub(super) fn pass_end(input: &mut &[u8]) -> Result<(), EngineError> {
    let n = end(input).ok_or(EngineError::corrupt(WHAT, "its bins do not end"))?;
    *input = &input[n + 1..];
    Ok(())
}
