//! The open windows of a series as one run of bytes: what a series costs beyond its rows is a few
//! bytes per window.
//!
//! ```text
//! entry = key (6 bytes, big endian), bytes of the row (varint), row
//! ```
//!
//! Entries ascend by key. Larger windows come first, so that those which change most, minutes,
//! stand at the end.

use super::ids::Kind;
use crate::varint;
use weir_model::Micros;
use weir_model::prefetch::prefetch;

const KEY: usize = 6;
/// Bits of the start in a key, in seconds.
const START: u32 = 45;
/// Moves starts (whole seconds, a day's may lie before 1970) into the positive.
const BIAS: i64 = 1 << 44;

#[derive(Default)]
pub(crate) struct OpenWindows {
    bytes: Vec<u8>,
}

/// One of them.
#[derive(Clone, Copy)]
pub(crate) struct OpenWindow<'a> {
    key: u64,
    pub row: &'a [u8],
}

/// Where an entry's row stands.
pub(crate) struct Place {
    /// The entry, then its row's length, then its row.
    from: usize,
    row: usize,
    end: usize,
}

/// Where an entry would stand.
pub(crate) struct Gap(usize);

fn key(kind: Kind, start: Micros) -> u64 {
    let start = start.0.div_euclid(1_000_000).saturating_add(BIAS) as u64;
    u64::from(7 - kind.0.min(7)) << START | start & ((1 << START) - 1)
}

impl OpenWindow<'_> {
    pub fn kind(&self) -> Kind {
        Kind(7 - (self.key >> START) as u8)
    }
    pub fn start(&self) -> Micros {
        Micros(((self.key & ((1 << START) - 1)) as i64 - BIAS) * 1_000_000)
    }
}

/// See [`OpenWindows::iter`].
#[derive(Clone)]
pub(crate) struct Iter<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Iter<'a> {
    type Item = OpenWindow<'a>;

    #[inline]
    fn next(&mut self) -> Option<OpenWindow<'a>> {
        let (head, mut rest) = self.rest.split_first_chunk::<KEY>()?;
        let mut key = [0; 8];
        key[8 - KEY..].copy_from_slice(head);
        // The bytes are our own: they read as they were written.
        let row = varint::bytes(&mut rest).ok()?;
        self.rest = rest;
        Some(OpenWindow {
            key: u64::from_be_bytes(key),
            row,
        })
    }
}

/// What stands before a row: a key and a length, which has at most ten bytes.
#[derive(Default)]
struct Head {
    bytes: [u8; KEY + 10],
    len: usize,
}

impl Head {
    fn push(&mut self, b: u8) {
        self.bytes[self.len] = b;
        self.len += 1;
    }
}

impl OpenWindows {
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Fetches the first of the bytes: what follows comes by itself.
    #[inline]
    pub fn prefetch(&self) {
        prefetch(self.bytes.as_ptr());
        prefetch(self.bytes.as_ptr().wrapping_add(64));
    }

    /// Bytes held.
    pub fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    /// All of them: larger windows first, each size by start.
    pub fn iter(&self) -> Iter<'_> {
        Iter { rest: &self.bytes }
    }

    /// Where a window stands, or would.
    pub fn find(&self, kind: Kind, start: Micros) -> Result<Place, Gap> {
        let wanted = key(kind, start);
        let mut entries = self.iter();
        let mut from = 0;
        while let Some(entry) = entries.next() {
            let end = self.bytes.len() - entries.rest.len();
            if entry.key == wanted {
                let row = end - entry.row.len();
                return Ok(Place { from, row, end });
            }
            if entry.key > wanted {
                break;
            }
            from = end;
        }
        Err(Gap(from))
    }

    /// The row of a window.
    pub fn row(&self, at: &Place) -> &[u8] {
        &self.bytes[at.row..at.end]
    }

    /// Gives a window another row.
    pub fn replace(&mut self, at: &Place, row: &[u8]) {
        if row.len() == at.end - at.row {
            self.bytes[at.row..at.end].copy_from_slice(row);
        } else {
            self.put(at.from + KEY..at.end, Head::default(), row);
        }
    }

    /// Opens a window.
    pub fn insert(&mut self, at: Gap, kind: Kind, start: Micros, row: &[u8]) {
        let mut head = Head::default();
        for b in &key(kind, start).to_be_bytes()[8 - KEY..] {
            head.push(*b);
        }
        self.put(at.0..at.0, head, row);
    }

    /// Closes a window, its row goes into `row` (emptied before). False where it is not open.
    pub fn remove(&mut self, kind: Kind, start: Micros, row: &mut Vec<u8>) -> bool {
        row.clear();
        let Ok(at) = self.find(kind, start) else {
            return false;
        };
        row.extend_from_slice(self.row(&at));
        self.make_room(at.from..at.end, 0);
        if self.bytes.is_empty() {
            self.bytes = Vec::new();
        } else if self.bytes.capacity() > 128 && self.bytes.len() * 3 < self.bytes.capacity() {
            self.bytes.shrink_to(self.bytes.len() * 2);
        }
        true
    }

    /// Open windows of a kind with `from <= start < until`.
    pub fn between(
        &self,
        kind: Kind,
        from: Micros,
        until: Micros,
    ) -> impl Iterator<Item = OpenWindow<'_>> + Clone {
        let (a, b) = (key(kind, from), key(kind, until));
        self.iter()
            .skip_while(move |o| o.key < a)
            .take_while(move |o| o.key < b)
    }

    /// Start of the newest open window of a kind.
    pub fn newest(&self, kind: Kind) -> Option<Micros> {
        let last = self.iter().filter(|o| o.kind() == kind).last();
        last.map(|o| o.start())
    }

    /// Writes a head and a row with its length instead of the bytes in `span`.
    fn put(&mut self, span: std::ops::Range<usize>, mut head: Head, row: &[u8]) {
        let mut left = row.len();
        while left >= 0x80 {
            head.push(left as u8 | 0x80);
            left >>= 7;
        }
        head.push(left as u8);
        let (at, middle) = (span.start, span.start + head.len);
        self.make_room(span, head.len + row.len());
        self.bytes[at..middle].copy_from_slice(&head.bytes[..head.len]);
        self.bytes[middle..middle + row.len()].copy_from_slice(row);
    }

    /// Makes the bytes in `span` `n` bytes, which are to be written.
    fn make_room(&mut self, span: std::ops::Range<usize>, n: usize) {
        let len = self.bytes.len();
        let wanted = len - span.len() + n;
        if wanted > self.bytes.capacity() {
            // Few series grow much: by need and an eighth, not by habit. What allocators would
            // round that up to is used too.
            let room = wanted + wanted / 8;
            let step = (room.next_power_of_two() / 8).max(16);
            self.bytes.reserve_exact(room.next_multiple_of(step) - len);
        }
        if wanted > len {
            self.bytes.resize(wanted, 0);
        }
        self.bytes.copy_within(span.end..len, span.start + n);
        self.bytes.truncate(wanted);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #[test]
        fn they_are_an_ordered_map(steps in prop::collection::vec(
            (0u8..5, -3i64..6, prop::collection::vec(any::<u8>(), 0..300), any::<bool>()), 0..60,
        )) {
            let mut open = OpenWindows::default();
            let mut plain: BTreeMap<_, Vec<u8>> = BTreeMap::new();
            let mut row = Vec::new();
            for (kind, minute, bytes, close) in steps {
                let (kind, start) = (Kind(kind), Micros(minute * Micros::MINUTE.0));
                let key = (std::cmp::Reverse(kind), start);
                if close {
                    prop_assert_eq!(open.remove(kind, start, &mut row), plain.contains_key(&key));
                    prop_assert_eq!(plain.remove(&key).unwrap_or_default(), row.clone());
                } else {
                    match open.find(kind, start) {
                        Ok(at) => {
                            prop_assert_eq!(open.row(&at), plain[&key].as_slice());
                            open.replace(&at, &bytes);
                        }
                        Err(gap) => open.insert(gap, kind, start, &bytes),
                    }
                    plain.insert(key, bytes);
                }
                let all: Vec<_> = open.iter().map(|o| ((std::cmp::Reverse(o.kind()), o.start()), o.row.to_vec())).collect();
                prop_assert_eq!(all, plain.clone().into_iter().collect::<Vec<_>>());
                let some = open.between(kind, Micros(0), Micros(3 * Micros::MINUTE.0)).count();
                let minutes = (0..3).filter(|m| plain.contains_key(&(std::cmp::Reverse(kind), Micros(m * Micros::MINUTE.0))));
                prop_assert_eq!(some, minutes.count());
                let newest = plain.keys().filter(|k| k.0.0 == kind).map(|k| k.1).max();
                prop_assert_eq!(open.newest(kind), newest);
            }
        }
    }
}
