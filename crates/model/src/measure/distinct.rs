//! How many different texts there are: the smallest of their hashes, from which the number is
//! estimated ([`crate::sketch`]).

use super::{Accumulator, MeasureValue, Sample, put_branch};
use crate::avro::{Cursor, DecodeError, put_bytes, put_long};
use crate::records::AggregateWriter;
use crate::sketch::{self, THETA};

/// Adds one event.
pub(super) fn add(hashes: &mut Vec<u64>, sample: &Sample) {
    if let Err(i) = hashes.binary_search(&sample.hash) {
        hashes.insert(i, sample.hash);
        hashes.truncate(THETA);
    }
}

/// Adds the hashes of another one.
pub(super) fn merge(hashes: &mut Vec<u64>, other: &[u64]) {
    hashes.extend_from_slice(other);
    hashes.sort_unstable();
    hashes.dedup();
    hashes.truncate(THETA);
}

/// The number of different texts, about.
pub(super) fn estimate(hashes: &[u64]) -> f64 {
    sketch::theta_estimate(hashes.len(), hashes.last().copied().unwrap_or(0)) as f64
}

impl MeasureValue {
    /// The hashes that a count of distinct texts keeps, ascending; `None` for another accumulator.
    pub fn hashes(&self) -> Option<&[u64]> {
        match self {
            MeasureValue::Distinct(hashes) => Some(hashes),
            _ => None,
        }
    }
}

impl AggregateWriter {
    /// [`super::MeasureValue::Distinct`]; `n` hashes, ascending.
    pub fn distinct(&mut self, hashes: impl IntoIterator<Item = u64>, n: usize) {
        let out = self.value();
        put_branch(Accumulator::Distinct, out);
        put_long(out, (n * 8) as i64);
        let start = out.len();
        for h in hashes {
            out.extend_from_slice(&h.to_le_bytes());
        }
        if out.len() - start != n * 8 {
            self.spoil();
        }
    }
    /// [`super::MeasureValue::Distinct`]; hashes ascending, each little endian.
    pub fn hashes(&mut self, hashes: &[[u8; 8]]) {
        let out = self.value();
        put_branch(Accumulator::Distinct, out);
        put_bytes(out, hashes.as_flattened());
    }
}

/// The hashes of a distinct count, ascending.
#[derive(Debug, Clone, Copy)]
pub struct HashesRef<'a> {
    bytes: &'a [u8],
}

impl<'a> HashesRef<'a> {
    /// None.
    pub const EMPTY: HashesRef<'static> = HashesRef { bytes: &[] };

    /// Eight bytes each, little endian.
    pub fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }
    /// How many.
    pub fn len(&self) -> usize {
        self.bytes.len() / 8
    }
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }
    /// Each.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = u64> + 'a {
        self.bytes
            .as_chunks::<8>()
            .0
            .iter()
            .map(|b| u64::from_le_bytes(*b))
    }
}

pub(super) fn get<'a>(c: &mut Cursor<'a>) -> Result<HashesRef<'a>, DecodeError> {
    let bytes = c.bytes()?;
    if bytes.len() % 8 != 0 {
        return Err(DecodeError::BadLength);
    }
    Ok(HashesRef { bytes })
}

#[cfg(test)]
pub(super) mod tests {
    #![allow(clippy::unwrap_used)]

    use super::super::MeasureValue;
    use crate::records::tests::{Oracle, field};
    use proptest::prelude::*;

    pub fn any_value() -> impl Strategy<Value = MeasureValue> {
        prop::collection::btree_set(any::<u64>(), 0..5)
            .prop_map(|h| MeasureValue::Distinct(h.into_iter().collect()))
    }
    pub fn value_of(v: &Oracle) -> MeasureValue {
        let Oracle::Bytes(b) = field(v, "hashes") else {
            panic!()
        };
        let hashes = b
            .chunks(8)
            .map(|c| u64::from_le_bytes(c.try_into().unwrap()));
        MeasureValue::Distinct(hashes.collect())
    }
}
