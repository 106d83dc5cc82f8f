//! The primitives of Avro's binary encoding.

use super::DecodeError;
use crate::short::{HIGH, is_plain};

type Result<T> = std::result::Result<T, DecodeError>;

/// The bytes that are still to be read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Cursor { rest: bytes }
    }

    #[inline(always)]
    pub(crate) fn remaining(&self) -> usize {
        self.rest.len()
    }

    /// What was read since `earlier`, an older copy of this cursor.
    pub(crate) fn since(&self, earlier: &Cursor<'a>) -> &'a [u8] {
        &earlier.rest[..earlier.rest.len() - self.rest.len()]
    }

    #[inline(always)]
    pub(crate) fn take(&mut self, n: usize) -> Result<&'a [u8]> {
        match self.rest.split_at_checked(n) {
            Some((head, tail)) => {
                self.rest = tail;
                Ok(head)
            }
            None => Err(DecodeError::Truncated),
        }
    }

    #[inline(always)]
    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        match self.rest.split_first_chunk::<N>() {
            Some((head, tail)) => {
                self.rest = tail;
                Ok(*head)
            }
            None => Err(DecodeError::Truncated),
        }
    }

    #[inline(always)]
    fn raw(&mut self) -> Result<u64> {
        match self.rest {
            [a, tail @ ..] if *a < 0x80 => {
                self.rest = tail;
                Ok(u64::from(*a))
            }
            [a, b, tail @ ..] if *b < 0x80 => {
                self.rest = tail;
                Ok(u64::from(*a & 0x7f) | u64::from(*b) << 7)
            }
            _ => {
                let (v, after) = self.raw_long()?;
                *self = after;
                Ok(v)
            }
        }
    }

    /// Of any length, eight bytes at a time where there are so many. By value: what is called must not keep the cursor in memory.
    #[inline(never)]
    fn raw_long(self) -> Result<(u64, Self)> {
        if let Some(word) = self.rest.first_chunk() {
            let word = u64::from_le_bytes(*word);
            let ends = !word & HIGH;
            if ends != 0 {
                let bits = ends.trailing_zeros() + 1;
                // Seven bits of each byte, then closed up: two bytes to 14 bits, two of these to 28, two of these to 56.
                let v = word & (u64::MAX >> (64 - bits)) & !HIGH;
                let v = v & 0x007f_007f_007f_007f | (v & 0x7f00_7f00_7f00_7f00) >> 1;
                let v = v & 0x0000_3fff_0000_3fff | (v & 0x3fff_0000_3fff_0000) >> 2;
                let v = v & 0x0fff_ffff | (v & 0x0fff_ffff_0000_0000) >> 4;
                let rest = &self.rest[bits as usize / 8..];
                return Ok((v, Cursor { rest }));
            }
        }
        let mut v = 0u64;
        for (i, b) in self.rest.iter().take(10).enumerate() {
            // The tenth byte holds the last of 64 bits.
            if i == 9 && *b > 1 {
                return Err(DecodeError::Overflow);
            }
            v |= u64::from(*b & 0x7f) << (7 * i);
            if *b < 0x80 {
                let rest = &self.rest[i + 1..];
                return Ok((v, Cursor { rest }));
            }
        }
        Err(DecodeError::Truncated)
    }

    #[inline(always)]
    pub(crate) fn long(&mut self) -> Result<i64> {
        let v = self.raw()?;
        Ok((v >> 1) as i64 ^ -((v & 1) as i64))
    }

    #[inline(always)]
    pub(crate) fn int(&mut self) -> Result<i64> {
        let v = self.long()?;
        if i32::try_from(v).is_err() {
            return Err(DecodeError::Overflow);
        }
        Ok(v)
    }

    #[inline(always)]
    pub(crate) fn float(&mut self) -> Result<f64> {
        Ok(f64::from(f32::from_le_bytes(self.array()?)))
    }

    #[inline(always)]
    pub(crate) fn double(&mut self) -> Result<f64> {
        Ok(f64::from_le_bytes(self.array()?))
    }

    #[inline(always)]
    pub(crate) fn boolean(&mut self) -> Result<bool> {
        match self.array::<1>()? {
            [0] => Ok(false),
            [1] => Ok(true),
            _ => Err(DecodeError::BadIndex),
        }
    }

    #[inline(always)]
    pub(crate) fn bytes(&mut self) -> Result<&'a [u8]> {
        // Mostly the length is one byte: then it is even (not negative) and has no high bit (is the last one).
        if let [n, tail @ ..] = self.rest
            && n & 0x81 == 0
            && let Some((head, tail)) = tail.split_at_checked(usize::from(n >> 1))
        {
            self.rest = tail;
            return Ok(head);
        }
        let (bytes, after) = self.long_bytes()?;
        *self = after;
        Ok(bytes)
    }

    #[inline(never)]
    fn long_bytes(mut self) -> Result<(&'a [u8], Self)> {
        let n = self.long()?;
        let n = usize::try_from(n).map_err(|_| DecodeError::BadLength)?;
        Ok((self.take(n)?, self))
    }

    #[inline(always)]
    pub(crate) fn text(&mut self) -> Result<&'a str> {
        Ok(utf8(self.bytes()?)?.0)
    }

    #[inline(always)]
    pub(crate) fn skip_varints(&mut self, n: u32) -> Result<()> {
        for _ in 0..n {
            match self.rest {
                [a, tail @ ..] if *a < 0x80 => self.rest = tail,
                _ => *self = self.raw_long()?.1,
            }
        }
        Ok(())
    }

    /// The header of a block of an array or map: its number of items (0 ends it) and, where the writer gave
    /// it, its size in bytes.
    #[inline(always)]
    pub(crate) fn block(&mut self) -> Result<(u64, Option<usize>)> {
        let n = self.long()?;
        if n >= 0 {
            return Ok((n as u64, None));
        }
        let size = usize::try_from(self.long()?).map_err(|_| DecodeError::BadLength)?;
        if size > self.remaining() {
            return Err(DecodeError::Truncated);
        }
        Ok((n.unsigned_abs(), Some(size)))
    }
}

/// Bytes as a text, and whether all of it is printable ASCII.
#[inline(always)]
pub(crate) fn utf8(bytes: &[u8]) -> Result<(&str, bool)> {
    if is_plain(bytes) {
        // SAFETY: ASCII is UTF-8; asking for it first is much cheaper on short texts.
        return Ok((unsafe { std::str::from_utf8_unchecked(bytes) }, true));
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok((text, false)),
        Err(_) => Err(DecodeError::BadUtf8),
    }
}

/// Appends a long.
#[inline]
pub(crate) fn put_long(out: &mut Vec<u8>, v: i64) {
    let mut z = ((v << 1) ^ (v >> 63)) as u64;
    while z >= 0x80 {
        out.push(z as u8 | 0x80);
        z >>= 7;
    }
    out.push(z as u8);
}

/// Appends a length and bytes.
#[inline]
pub(crate) fn put_bytes(out: &mut Vec<u8>, v: &[u8]) {
    put_long(out, v.len() as i64);
    out.extend_from_slice(v);
}
