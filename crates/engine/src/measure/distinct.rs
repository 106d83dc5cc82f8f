//! Distinct counts in a row: the smallest hashes, ascending, 8 bytes each.

use crate::EngineError;
use crate::varint;
use weir_model::records::AggregateWriter;
use weir_model::sketch::{self, THETA};

const SIZE: usize = size_of::<u64>();

fn take<'a>(input: &mut &'a [u8]) -> Result<&'a [[u8; SIZE]], EngineError> {
    let n = varint::usize(input)?;
    if n > THETA {
        return Err(EngineError::corrupt(
            "a distinct count",
            "it holds too many hashes",
        ));
    }
    Ok(varint::take(input, n * SIZE)?.as_chunks::<SIZE>().0)
}

fn hash(bytes: &[u8; SIZE]) -> u64 {
    u64::from_le_bytes(*bytes)
}

pub fn encode(hashes: &[u64], out: &mut Vec<u8>) {
    let kept = &hashes[..hashes.len().min(THETA)];
    varint::put_u64(out, kept.len() as u64);
    for h in kept {
        out.extend_from_slice(&h.to_le_bytes());
    }
}

pub fn decode(input: &mut &[u8]) -> Result<Vec<u64>, EngineError> {
    Ok(take(input)?.iter().map(hash).collect())
}

pub fn skip(input: &mut &[u8]) -> Result<(), EngineError> {
    take(input)?;
    Ok(())
}

pub fn estimate(input: &mut &[u8]) -> Result<u64, EngineError> {
    let hashes = take(input)?;
    Ok(sketch::theta_estimate(
        hashes.len(),
        hashes.last().map_or(0, hash),
    ))
}

/// Writes it as the next measure of an aggregate.
pub fn write(input: &mut &[u8], writer: &mut AggregateWriter) -> Result<(), EngineError> {
    writer.hashes(take(input)?);
    Ok(())
}

fn put(hashes: &[[u8; SIZE]], out: &mut Vec<u8>) {
    varint::put_u64(out, hashes.len() as u64);
    out.extend_from_slice(hashes.as_flattened());
}

pub fn merge(a: &mut &[u8], b: &mut &[u8], out: &mut Vec<u8>) -> Result<(), EngineError> {
    let (a, b) = (take(a)?, take(b)?);
    if b.is_empty() || a == b {
        put(a, out);
        return Ok(());
    } else if a.is_empty() {
        put(b, out);
        return Ok(());
    }
    let start = out.len();
    // The number stands first but is known last: room for its longest form, closed up where one byte does.
    out.extend_from_slice(&[0, 0]);
    let (mut i, mut j, mut n) = (0, 0, 0usize);
    while n < THETA {
        match (a.get(i), b.get(j)) {
            (Some(x), Some(y)) => {
                let (p, q) = (hash(x), hash(y));
                out.extend_from_slice(if p <= q { x } else { y });
                i += usize::from(p <= q);
                j += usize::from(q <= p);
                n += 1;
            }
            (Some(_), None) => {
                let rest = &a[i..a.len().min(i + THETA - n)];
                out.extend_from_slice(rest.as_flattened());
                n += rest.len();
                break;
            }
            (None, Some(_)) => {
                let rest = &b[j..b.len().min(j + THETA - n)];
                out.extend_from_slice(rest.as_flattened());
                n += rest.len();
                break;
            }
            (None, None) => break,
        }
    }
    if n < 0x80 {
        out[start] = n as u8;
        out.remove(start + 1);
    } else {
        out[start] = n as u8 | 0x80;
        out[start + 1] = (n >> 7) as u8;
    }
    Ok(())
}
