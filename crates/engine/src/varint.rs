//! Variable-length integers: the alphabet of every encoding of the engine (rows, blocks,
//! snapshots).

use crate::EngineError;

const SHORT: EngineError = EngineError::corrupt("an encoding", "it ends inside a field");
const LONG: EngineError = EngineError::corrupt("an encoding", "a number is longer than its type");

/// Appends an unsigned number, seven bits per byte, low bits first.
#[inline]
pub fn put_u64(out: &mut Vec<u8>, v: u64) {
    if v < 0x80 {
        out.push(v as u8);
    } else {
        put_long(out, v);
    }
}

/// As [`put_u64`]. Room is asked for once: ten bytes are written and those too many taken back.
fn put_long(out: &mut Vec<u8>, mut v: u64) {
    let (mut bytes, mut n) = ([0; 10], 0);
    while v >= 0x80 {
        bytes[n] = v as u8 | 0x80;
        v >>= 7;
        n += 1;
    }
    bytes[n] = v as u8;
    let end = out.len() + n + 1;
    out.extend_from_slice(&bytes);
    out.truncate(end);
}

/// Appends a signed number (zigzag).
#[inline]
pub fn put_i64(out: &mut Vec<u8>, v: i64) {
    put_u64(out, ((v << 1) ^ (v >> 63)) as u64);
}

/// Appends a signed number of 128 bits (zigzag).
#[inline]
pub fn put_i128(out: &mut Vec<u8>, v: i128) {
    put_u128(out, ((v << 1) ^ (v >> 127)) as u128);
}

/// Appends an unsigned number of 128 bits.
#[inline]
pub fn put_u128(out: &mut Vec<u8>, mut v: u128) {
    while v >> 64 != 0 {
        out.push(v as u8 | 0x80);
        v >>= 7;
    }
    put_u64(out, v as u64);
}

/// Appends eight bytes of a float.
#[inline]
pub fn put_f64(out: &mut Vec<u8>, v: f64) {
    out.extend_from_slice(&v.to_bits().to_le_bytes());
}

/// Appends a text with its length.
#[inline]
pub fn put_str(out: &mut Vec<u8>, v: &str) {
    put_bytes(out, v.as_bytes());
}

/// Appends bytes with their length.
#[inline]
pub fn put_bytes(out: &mut Vec<u8>, v: &[u8]) {
    put_u64(out, v.len() as u64);
    out.extend_from_slice(v);
}

/// Takes one byte.
#[inline]
pub fn byte(input: &mut &[u8]) -> Result<u8, EngineError> {
    let (first, rest) = input.split_first().ok_or(SHORT)?;
    *input = rest;
    Ok(*first)
}

/// Takes an unsigned number.
#[inline]
pub fn u64(input: &mut &[u8]) -> Result<u64, EngineError> {
    match *input {
        [a, rest @ ..] if *a < 0x80 => {
            *input = rest;
            Ok(u64::from(*a))
        }
        [a, b, rest @ ..] if *b < 0x80 => {
            *input = rest;
            Ok(u64::from(*a & 0x7f) | u64::from(*b) << 7)
        }
        _ => long_u64(input),
    }
}

#[inline(never)]
fn long_u64(input: &mut &[u8]) -> Result<u64, EngineError> {
    let mut v = 0u64;
    let mut shift = 0;
    loop {
        let b = byte(input)?;
        if shift == 63 && b > 1 {
            return Err(LONG);
        }
        v |= u64::from(b & 0x7f) << shift;
        if b < 0x80 {
            return Ok(v);
        }
        shift += 7;
    }
}

/// Takes an unsigned number that is a count or an index.
#[inline]
pub fn usize(input: &mut &[u8]) -> Result<usize, EngineError> {
    usize::try_from(u64(input)?).map_err(|_| LONG)
}

/// Takes an unsigned number of 32 bits.
#[inline]
pub fn u32(input: &mut &[u8]) -> Result<u32, EngineError> {
    u32::try_from(u64(input)?).map_err(|_| LONG)
}

/// Takes a signed number.
#[inline]
pub fn i64(input: &mut &[u8]) -> Result<i64, EngineError> {
    let z = u64(input)?;
    Ok((z >> 1) as i64 ^ -((z & 1) as i64))
}

/// Takes a signed number of 128 bits.
#[inline]
pub fn i128(input: &mut &[u8]) -> Result<i128, EngineError> {
    let mut z = 0u128;
    let mut shift = 0;
    loop {
        let b = byte(input)?;
        if shift == 126 && b > 3 {
            return Err(LONG);
        }
        z |= u128::from(b & 0x7f) << shift;
        if b < 0x80 {
            return Ok((z >> 1) as i128 ^ -((z & 1) as i128));
        }
        shift += 7;
    }
}

/// Takes eight bytes of a float.
#[inline]
pub fn f64(input: &mut &[u8]) -> Result<f64, EngineError> {
    let (head, rest) = input.split_first_chunk::<8>().ok_or(SHORT)?;
    *input = rest;
    Ok(f64::from_bits(u64::from_le_bytes(*head)))
}

/// Takes `n` bytes.
#[inline]
pub fn take<'a>(input: &mut &'a [u8], n: usize) -> Result<&'a [u8], EngineError> {
    let (head, rest) = input.split_at_checked(n).ok_or(SHORT)?;
    *input = rest;
    Ok(head)
}

/// Takes bytes with their length.
#[inline]
pub fn bytes<'a>(input: &mut &'a [u8]) -> Result<&'a [u8], EngineError> {
    let n = usize(input)?;
    take(input, n)
}

/// Takes a text with its length.
#[inline]
pub fn str<'a>(input: &mut &'a [u8]) -> Result<&'a str, EngineError> {
    std::str::from_utf8(bytes(input)?)
        .map_err(|_| EngineError::corrupt("an encoding", "a text is not UTF-8"))
}
