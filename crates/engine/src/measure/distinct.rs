//! How many different texts there are: the smallest of their hashes.
//!
//! Packed: a varint number of hashes, then each in 8 bytes, ascending. Live: two words, the state
//! and one hash; more of them stand in lists.

mod smallest;

use super::pool::Pool;
use super::{Delta, Live, Packed, Spill};
use crate::EngineError;
use crate::varint;
use smallest::{Smallest, Sorter};
use weir_model::avro::Value;
use weir_model::hash;
use weir_model::measure::{MeasureValue, Stat};
use weir_model::records::AggregateWriter;
use weir_model::sketch::{self, THETA};

pub(super) enum Distinct {}

impl Packed for Distinct {
    fn decode(row: &mut &[u8]) -> Result<MeasureValue, EngineError> {
        let hashes = take(row)?.iter().map(read).collect();
        Ok(MeasureValue::Distinct(hashes))
    }

    fn encode(value: &MeasureValue, out: &mut Vec<u8>) {
        match value {
            MeasureValue::Distinct(hashes) => encode(hashes, out),
            _ => out.push(0),
        }
    }

    /// Merges the bytes of two ascending lists, because lists of numbers would be memory for each
    /// row: a third of the time of the plain merge for thousands of hashes, less for few.
    fn merge<'a>(a: &mut &'a [u8], b: &mut &'a [u8], out: &mut Vec<u8>) -> Result<(), EngineError> {
        let (a, b) = (take(a)?, take(b)?);
        if b.is_empty() || a == b {
            put(a, out);
            return Ok(());
        } else if a.is_empty() {
            put(b, out);
            return Ok(());
        }
        let start = out.len();
        // The number stands first but is known last: room for its longest form, closed up where one
        // byte does.
        out.extend_from_slice(&[0, 0]);
        let (mut i, mut j, mut n) = (0, 0, 0usize);
        while n < THETA {
            match (a.get(i), b.get(j)) {
                (Some(x), Some(y)) => {
                    let (p, q) = (read(x), read(y));
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

    /// Writes the hashes as they stand.
    #[inline]
    fn write(row: &mut &[u8], writer: &mut AggregateWriter) -> Result<(), EngineError> {
        writer.hashes(take(row)?);
        Ok(())
    }

    #[inline]
    fn skip(row: &mut &[u8]) -> Result<(), EngineError> {
        take(row).map(drop)
    }

    /// Reads the last hash only.
    fn stat(row: &mut &[u8], stat: Stat) -> Result<Option<f64>, EngineError> {
        let hashes = take(row)?;
        let estimate = sketch::theta_estimate(hashes.len(), hashes.last().map_or(0, read));
        Ok((stat == Stat::Value).then_some(estimate as f64))
    }
}

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

fn read(bytes: &[u8; SIZE]) -> u64 {
    u64::from_le_bytes(*bytes)
}

fn encode(hashes: &[u64], out: &mut Vec<u8>) {
    let kept = &hashes[..hashes.len().min(THETA)];
    varint::put_u64(out, kept.len() as u64);
    for h in kept {
        out.extend_from_slice(&h.to_le_bytes());
    }
}

fn put(hashes: &[[u8; SIZE]], out: &mut Vec<u8>) {
    varint::put_u64(out, hashes.len() as u64);
    out.extend_from_slice(hashes.as_flattened());
}

/// Marks a state that is an index of a pool instead of a number of inline hashes.
const SPILLED: u64 = 1 << 63;

impl Live for Distinct {
    const EMPTY: &'static [u64] = &[0, 0];

    fn merge(from: &[u64], into: &mut [u64], spill: &mut Spill) {
        if let (Some(from), Some(into)) = (from.first_chunk(), into.first_chunk_mut()) {
            spill.hashes.merge(from, into);
        }
    }

    fn pack(words: &[u64], spill: &mut Spill, out: &mut Vec<u8>) {
        encode(spill.hashes.sorted(words), out);
    }
}

/// What an event adds.
#[inline]
pub(super) fn delta(value: &Value) -> Option<Delta> {
    match value {
        Value::Str(v) if !v.is_empty() => Some(Delta::Hash(hash::distinct(v.as_bytes()))),
        _ => None,
    }
}

/// Hashes of rows that have more than one.
#[derive(Debug, Default)]
pub(super) struct Spilled {
    pool: Pool<Smallest>,
    sorter: Sorter,
    scratch: Vec<u64>,
}

impl Spilled {
    pub fn clear(&mut self) {
        self.pool.clear();
    }

    pub fn bytes(&self) -> usize {
        self.pool.live().map(|h| h.list().len() * 8).sum()
    }

    /// `words`: number of inline hashes, or an index of the pool; the inline hash.
    #[inline]
    pub fn add(&mut self, words: &mut [u64; 2], hash: u64) {
        let [state, inline] = words;
        if *state & SPILLED != 0 {
            self.pool.items[(*state & !SPILLED) as usize].add(hash, &mut self.sorter);
        } else if *state == 0 {
            (*state, *inline) = (1, hash);
        } else if *inline != hash {
            let (index, store) = self.pool.take();
            store.add(*inline, &mut self.sorter);
            store.add(hash, &mut self.sorter);
            *state = SPILLED | index;
        }
    }

    fn merge(&mut self, from: &[u64; 2], into: &mut [u64; 2]) {
        self.sorted(from);
        let hashes = std::mem::take(&mut self.scratch);
        for hash in &hashes {
            self.add(into, *hash);
        }
        self.scratch = hashes;
    }

    /// Fetches the memory that the next hash goes to.
    #[inline(always)]
    pub fn prefetch(&self, state: u64) {
        if state & SPILLED != 0
            && let Some(hashes) = self.pool.items.get((state & !SPILLED) as usize)
        {
            weir_model::prefetch::prefetch(hashes.list().as_ptr_range().end);
        }
    }

    fn sorted(&mut self, words: &[u64]) -> &[u64] {
        let out = &mut self.scratch;
        out.clear();
        if words[0] & SPILLED != 0 {
            out.extend_from_slice(self.pool.items[(words[0] & !SPILLED) as usize].list());
        } else {
            out.extend_from_slice(&words[1..1 + words[0] as usize]);
        }
        self.sorter.settle(out);
        out
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;
    use weir_model::measure::MeasureValue;

    pub fn any_value() -> impl Strategy<Value = MeasureValue> {
        prop::collection::btree_set(any::<u64>(), 0..9)
            .prop_map(|hashes| MeasureValue::Distinct(hashes.into_iter().collect()))
    }
}
