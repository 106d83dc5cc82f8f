//! The primitives of Avro's binary encoding.

use super::DecodeError;
use crate::bytes::{begins_plain, is_plain, varint};

type Result<T> = std::result::Result<T, DecodeError>;

/// What has a length of one byte is shorter.
pub(super) const SHORT: usize = 64;

/// The bytes that are still to be read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
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
                let (v, size) = raw_long(self.rest);
                if size == 0 {
                    return Err(self.no_varint());
                }
                self.rest = self.rest.get(size..).unwrap_or_default();
                Ok(v)
            }
        }
    }

    /// What is wrong with the varint at the start.
    #[cold]
    fn no_varint(&self) -> DecodeError {
        if self.rest.len() < MAX_VARINT {
            DecodeError::Truncated
        } else {
            DecodeError::Overflow
        }
    }

    #[inline(always)]
    pub(crate) fn long(&mut self) -> Result<i64> {
        Ok(unzigzag(self.raw()?))
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
        if let Some(bytes) = self.short_bytes() {
            return Ok(bytes);
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
        Ok(self.text_and_kind()?.0)
    }

    /// A text, and whether all of it is printable ASCII.
    #[inline(always)]
    pub(crate) fn text_and_kind(&mut self) -> Result<(&'a str, bool)> {
        if let Some(text) = self.short_text() {
            return Ok((text, true));
        }
        let (bytes, after) = self.long_bytes()?;
        *self = after;
        utf8(bytes)
    }

    #[inline(always)]
    pub(crate) fn skip_varints(&mut self, n: u32) -> Result<()> {
        for _ in 0..n {
            match self.rest {
                [a, tail @ ..] if *a < 0x80 => self.rest = tail,
                _ => {
                    self.raw()?;
                }
            }
        }
        Ok(())
    }

    /// Bytes whose length is a single byte: then it is even (not negative) and has no high bit (is
    /// the last one). As with all that is short, what is not so is left where it is.
    #[inline(always)]
    pub(super) fn short_bytes(&mut self) -> Option<&'a [u8]> {
        let [n, tail @ ..] = self.rest else {
            return None;
        };
        if n & 0x81 != 0 {
            return None;
        }
        let (head, tail) = tail.split_at_checked(usize::from(n >> 1))?;
        self.rest = tail;
        Some(head)
    }

    /// A text of printable ASCII whose length is a single byte.
    #[inline(always)]
    pub(super) fn short_text(&mut self) -> Option<&'a str> {
        let mut ahead = *self;
        let head = ahead.short_bytes()?;
        if !begins_plain(&self.rest[1..], head.len()) {
            return None;
        }
        *self = ahead;
        // SAFETY: `head` is what follows the byte of the length, all of it ASCII, and ASCII is
        // UTF-8.
        Some(unsafe { std::str::from_utf8_unchecked(head) })
    }

    /// A long; one of up to three bytes without a call.
    #[inline(always)]
    pub(super) fn short_long(&mut self) -> Option<i64> {
        let (v, rest) = match self.rest {
            [a, rest @ ..] if *a < 0x80 => (u64::from(*a), rest),
            [a, b, rest @ ..] if *b < 0x80 => (u64::from(*a & 0x7f) | u64::from(*b) << 7, rest),
            [a, b, c, rest @ ..] if *c < 0x80 => {
                let v = u64::from(*a & 0x7f) | u64::from(*b & 0x7f) << 7 | u64::from(*c) << 14;
                (v, rest)
            }
            bytes => {
                let (v, size) = raw_long(bytes);
                if size == 0 {
                    return None;
                }
                (v, bytes.get(size..)?)
            }
        };
        self.rest = rest;
        Some(unzigzag(v))
    }

    /// The index of a union of two.
    #[inline(always)]
    pub(super) fn short_index(&mut self) -> Option<u8> {
        let (index, rest) = match self.rest {
            [0, rest @ ..] => (0, rest),
            [2, rest @ ..] => (1, rest),
            _ => return None,
        };
        self.rest = rest;
        Some(index)
    }

    /// A boolean.
    #[inline(always)]
    pub(super) fn short_boolean(&mut self) -> Option<bool> {
        let (bool, rest) = match self.rest {
            [0, rest @ ..] => (false, rest),
            [1, rest @ ..] => (true, rest),
            _ => return None,
        };
        self.rest = rest;
        Some(bool)
    }

    /// The number of items of a block whose size is not given, where it is a single byte.
    #[inline(always)]
    pub(super) fn short_block(&mut self) -> Option<u8> {
        let [n, rest @ ..] = self.rest else {
            return None;
        };
        if n & 0x81 != 0 {
            return None;
        }
        self.rest = rest;
        Some(n >> 1)
    }

    /// The next eight bytes, not read yet.
    #[inline(always)]
    pub(super) fn peek(&self) -> Option<u64> {
        self.rest.first_chunk().map(|b| u64::from_le_bytes(*b))
    }

    /// The header of a block of an array or map. A block says at most as many items as bytes are
    /// left: one of items without bytes could say any number.
    #[inline(always)]
    pub(crate) fn block(&mut self) -> Result<Block> {
        let n = self.long()?;
        let end = if n < 0 {
            let size = usize::try_from(self.long()?).map_err(|_| DecodeError::BadLength)?;
            let left = self.remaining().checked_sub(size);
            Some(left.ok_or(DecodeError::Truncated)?)
        } else {
            None
        };
        let items = n.unsigned_abs();
        if items > self.remaining() as u64 {
            return Err(DecodeError::Truncated);
        }
        Ok(Block { items, end })
    }

    /// After the last item of a block: where the writer gave its size, it ends here.
    #[inline(always)]
    pub(crate) fn end_of(&self, block: Block) -> Result<()> {
        match block.end {
            Some(left) if left != self.remaining() => Err(DecodeError::BadLength),
            _ => Ok(()),
        }
    }
}

/// A block of an array or map.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Block {
    /// Number of its items; 0 ends the array or map.
    pub items: u64,
    /// Bytes that are left behind it, where the writer gave its size.
    end: Option<usize>,
}

/// The longest varint of 64 bits.
const MAX_VARINT: usize = 10;

#[inline(always)]
fn unzigzag(v: u64) -> i64 {
    (v >> 1) as i64 ^ -((v & 1) as i64)
}

/// A varint of any length and its size, 0 where it is none. All of it goes through registers: what
/// is called must not keep the cursor in memory.
#[inline(never)]
fn raw_long(bytes: &[u8]) -> (u64, usize) {
    if let Some(found) = varint(bytes) {
        return found;
    }
    let mut v = 0u64;
    for (i, b) in bytes.iter().take(MAX_VARINT).enumerate() {
        // The tenth byte holds the last of 64 bits.
        if i == MAX_VARINT - 1 && *b > 1 {
            break;
        }
        v |= u64::from(*b & 0x7f) << (7 * i);
        if *b < 0x80 {
            return (v, i + 1);
        }
    }
    (0, 0)
}

/// Bytes as a text, and whether all of it is printable ASCII.
#[inline(never)]
pub(crate) fn utf8(bytes: &[u8]) -> Result<(&str, bool)> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok((text, is_plain(bytes))),
        Err(_) => Err(DecodeError::BadUtf8),
    }
}

/// Appends a long.
#[inline]
pub fn put_long(out: &mut Vec<u8>, v: i64) {
    let mut z = ((v << 1) ^ (v >> 63)) as u64;
    while z >= 0x80 {
        out.push(z as u8 | 0x80);
        z >>= 7;
    }
    out.push(z as u8);
}

/// Appends a length and bytes.
#[inline]
pub fn put_bytes(out: &mut Vec<u8>, v: &[u8]) {
    put_long(out, v.len() as i64);
    out.extend_from_slice(v);
}
