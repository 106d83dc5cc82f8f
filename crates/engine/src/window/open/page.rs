//! Open windows as one run of bytes: what a window costs beyond its row is a few of them.
//!
//! ```text
//! entry = key (6 bytes, big endian), bytes of the row (varint), row
//! ```
//!
//! Entries ascend by key.

use crate::varint;
use std::ops::Range;
use weir_model::prefetch::prefetch;

const KEY: usize = 6;

#[derive(Default)]
pub(super) struct Page {
    bytes: Vec<u8>,
}

/// Where an entry and its row stand.
pub(super) struct Spot {
    /// The entry, then its row's length, then its row.
    from: usize,
    row: usize,
    end: usize,
}

/// Keys and rows.
#[derive(Clone, Default)]
pub(super) struct Entries<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Entries<'a> {
    type Item = (u64, &'a [u8]);

    #[inline]
    fn next(&mut self) -> Option<(u64, &'a [u8])> {
        let (head, mut rest) = self.rest.split_first_chunk::<KEY>()?;
        // The bytes are our own: they read as they were written.
        let row = varint::bytes(&mut rest).ok()?;
        self.rest = rest;
        Some((number(head), row))
    }
}

fn number(head: &[u8; KEY]) -> u64 {
    let mut key = [0; 8];
    key[8 - KEY..].copy_from_slice(head);
    u64::from_be_bytes(key)
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

    fn push_length(&mut self, mut left: usize) {
        while left >= 0x80 {
            self.push(left as u8 | 0x80);
            left >>= 7;
        }
        self.push(left as u8);
    }
}

impl Page {
    /// An empty one that has room for so many bytes.
    pub fn with_room(bytes: usize) -> Page {
        Page {
            bytes: Vec::with_capacity(bytes),
        }
    }

    /// Bytes of an entry with that row.
    pub fn size_of(row: &[u8]) -> usize {
        let mut head = Head::default();
        head.push_length(row.len());
        KEY + head.len + row.len()
    }

    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Bytes of all entries.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Bytes held.
    pub fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    /// Fetches the first of the bytes: what follows comes by itself.
    #[inline]
    pub fn prefetch(&self) {
        prefetch(self.bytes.as_ptr());
        prefetch(self.bytes.as_ptr().wrapping_add(64));
    }

    #[inline]
    pub fn entries(&self) -> Entries<'_> {
        Entries { rest: &self.bytes }
    }

    /// The smallest key.
    #[inline]
    pub fn first(&self) -> Option<u64> {
        self.bytes.first_chunk().map(number)
    }

    /// Where a key stands, or would.
    #[inline]
    pub fn find(&self, wanted: u64) -> Result<Spot, usize> {
        let mut entries = self.entries();
        let mut from = 0;
        while let Some((key, bytes)) = entries.next() {
            let end = self.bytes.len() - entries.rest.len();
            if key == wanted {
                let row = end - bytes.len();
                return Ok(Spot { from, row, end });
            }
            if key > wanted {
                break;
            }
            from = end;
        }
        Err(from)
    }

    pub fn row(&self, at: &Spot) -> &[u8] {
        &self.bytes[at.row..at.end]
    }

    /// Gives an entry another row.
    pub fn replace(&mut self, at: &Spot, row: &[u8]) {
        if row.len() == at.end - at.row {
            self.bytes[at.row..at.end].copy_from_slice(row);
        } else {
            self.put(at.from + KEY..at.end, Head::default(), row);
        }
    }

    /// Adds an entry where [`Page::find`] said.
    pub fn insert(&mut self, at: usize, key: u64, row: &[u8]) {
        let mut head = Head::default();
        for b in &key.to_be_bytes()[8 - KEY..] {
            head.push(*b);
        }
        self.put(at..at, head, row);
    }

    /// Removes an entry.
    pub fn remove(&mut self, at: &Spot) {
        self.make_room(at.from..at.end, 0);
        if self.bytes.is_empty() {
            self.bytes = Vec::new();
        } else if self.bytes.capacity() > 128 && self.bytes.len() * 3 < self.bytes.capacity() {
            self.bytes.shrink_to(self.bytes.len() * 2);
        }
    }

    /// Takes the entries from a place on, which [`Page::find`] or [`Page::middle`] said.
    pub fn split_off(&mut self, at: usize) -> Page {
        let tail = Page {
            bytes: self.bytes[at..].to_vec(),
        };
        self.bytes.truncate(at);
        self.bytes.shrink_to_fit();
        tail
    }

    /// A place between entries about half way; `None` where there is but one.
    pub fn middle(&self) -> Option<usize> {
        let mut entries = self.entries();
        let mut middle = None;
        while entries.next().is_some() && !entries.rest.is_empty() {
            let at = self.bytes.len() - entries.rest.len();
            middle = Some(at);
            if at * 2 >= self.bytes.len() {
                break;
            }
        }
        middle
    }

    /// Writes a head and a row with its length instead of the bytes in `span`.
    fn put(&mut self, span: Range<usize>, mut head: Head, row: &[u8]) {
        head.push_length(row.len());
        let (at, middle) = (span.start, span.start + head.len);
        self.make_room(span, head.len + row.len());
        self.bytes[at..middle].copy_from_slice(&head.bytes[..head.len]);
        self.bytes[middle..middle + row.len()].copy_from_slice(row);
    }

    /// Makes the bytes in `span` `n` bytes, which are to be written.
    fn make_room(&mut self, span: Range<usize>, n: usize) {
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
