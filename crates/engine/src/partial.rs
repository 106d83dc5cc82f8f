//! Messages of `weir.partials`: blocks of rows, grouped by subject, each string once per block.
//!
//! ```text
//! block   = 1, catalog (8 bytes), run, n, n * text, base, n, n * group, n, n * watermark
//! group   = event, rollup, hash (8 bytes), tenant, n, n * value, rows, bytes, rows * row
//! row     = (pane - pane before) * 2 zigzag | late, n, n bytes
//! ```
//!
//! Numbers are varints, texts are referred to by index, panes are minutes counted from the row
//! before (the first of a group from `base`), and watermarks apply after the rows.

use crate::{EngineError, varint};
use hashbrown::HashTable;
use std::ops::Deref;
use weir_catalog::types::EventId;
use weir_model::Micros;
use xxhash_rust::xxh3::xxh3_64;

const WHAT: &str = "a block of partials";
const VERSION: u8 = 1;

/// Shards of a partition: stage 2 keeps and snapshots the subjects of each apart, and stage 1
/// writes them shard by shard.
pub const SHARDS: usize = 8;

/// Most partitions of a raw topic: room is kept for as many as a watermark says there are.
pub const PARTITIONS: u32 = 1 << 16;

/// The shard of its partition that a subject belongs to, of so many.
#[inline]
pub(crate) fn shard_of(hash: u64, shards: usize) -> usize {
    ((hash >> 40) % shards as u64) as usize
}

/// How far the events of one raw partition have come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WatermarkEntry {
    /// Event type.
    pub event: EventId,
    /// Raw partition.
    pub partition: u32,
    /// Number of partitions of the raw topic.
    pub partitions: u32,
    /// No on-time event of it lies before this time any more.
    pub watermark: Micros,
}

impl WatermarkEntry {
    /// Holds it to what can be: its partition is one of them, and they are not too many.
    pub(crate) fn check(&self) -> Result<(), EngineError> {
        if self.partition < self.partitions && self.partitions <= PARTITIONS {
            return Ok(());
        }
        Err(EngineError::corrupt(
            WHAT,
            "a watermark is of a partition that cannot be",
        ))
    }
}

/// A short list that does not allocate up to [`SmallList::INLINE`] items.
#[derive(Debug, Clone)]
pub struct SmallList<T> {
    inline: [T; 6],
    len: usize,
    /// All items, where they are more.
    more: Vec<T>,
}

impl<T: Copy + Default> SmallList<T> {
    /// Items kept in place.
    pub const INLINE: usize = 6;

    /// An empty list.
    pub fn new() -> SmallList<T> {
        SmallList {
            inline: [T::default(); 6],
            len: 0,
            more: Vec::new(),
        }
    }
    /// Appends.
    pub fn push(&mut self, item: T) {
        if let Some(slot) = self.inline.get_mut(self.len)
            && self.more.is_empty()
        {
            *slot = item;
        } else {
            if self.more.is_empty() {
                self.more.extend_from_slice(&self.inline);
            }
            self.more.push(item);
        }
        self.len += 1;
    }
}

impl<T: Copy + Default> FromIterator<T> for SmallList<T> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        let mut list = SmallList::new();
        for item in items {
            list.push(item);
        }
        list
    }
}

impl<T: Copy + Default> Default for SmallList<T> {
    fn default() -> Self {
        SmallList::new()
    }
}

impl<T> Deref for SmallList<T> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        if self.more.is_empty() {
            &self.inline[..self.len]
        } else {
            &self.more
        }
    }
}

/// A block, read in place.
#[derive(Debug, Clone)]
pub struct Block<'a> {
    /// Hash of the catalog it was made under.
    pub catalog: u64,
    /// Run of the derivation.
    pub run: u32,
    strings: Vec<&'a str>,
    base: i64,
    groups: usize,
    rows: &'a [u8],
    watermarks: Vec<WatermarkEntry>,
}

impl<'a> Block<'a> {
    /// Reads the frame, texts and watermarks of a block; its groups are read by [`Block::groups`].
    pub fn parse(bytes: &'a [u8]) -> Result<Block<'a>, EngineError> {
        let mut input = bytes;
        let input = &mut input;
        if varint::byte(input)? != VERSION {
            return Err(EngineError::corrupt(WHAT, "it is of another version"));
        }
        let catalog = fixed_u64(input)?;
        let run = varint::u32(input)?;
        let n = count(input)?;
        let mut strings = Vec::with_capacity(n);
        for _ in 0..n {
            strings.push(varint::str(input)?);
        }
        let base = varint::i64(input)?;
        let groups = count(input)?;
        let rows = varint::bytes(input)?;
        let n = count(input)?;
        // Each of them has four numbers at least.
        let mut watermarks = Vec::with_capacity(n.min(input.len() / 4));
        for _ in 0..n {
            let entry = WatermarkEntry {
                event: varint::usize(input)?,
                partition: varint::u32(input)?,
                partitions: varint::u32(input)?,
                watermark: Micros(varint::i64(input)?),
            };
            entry.check()?;
            watermarks.push(entry);
        }
        if !input.is_empty() {
            return Err(EngineError::corrupt(WHAT, "bytes are left over"));
        }
        Ok(Block {
            catalog,
            run,
            strings,
            base,
            groups,
            rows,
            watermarks,
        })
    }

    /// The watermarks it carries. They apply after its rows.
    pub fn watermarks(&self) -> impl Iterator<Item = WatermarkEntry> + '_ {
        self.watermarks.iter().copied()
    }

    /// The groups of rows, one per subject. The iterator ends after an error.
    pub fn groups(&self) -> Groups<'_, 'a> {
        Groups {
            block: self,
            left: self.groups,
            input: self.rows,
            index: 0,
        }
    }
}

/// See [`Block::groups`].
#[derive(Debug, Clone)]
pub struct Groups<'b, 'a> {
    block: &'b Block<'a>,
    left: usize,
    input: &'a [u8],
    index: u32,
}

impl<'a> Iterator for Groups<'_, 'a> {
    type Item = Result<Group<'a>, EngineError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.left == 0 {
            return None;
        }
        self.left -= 1;
        let group = self.read();
        if group.is_err() {
            self.left = 0;
        }
        Some(group)
    }
}

impl<'a> Groups<'_, 'a> {
    fn read(&mut self) -> Result<Group<'a>, EngineError> {
        let input = &mut self.input;
        let text = |input: &mut &'a [u8]| {
            let strings = &self.block.strings;
            let i = varint::usize(input)?;
            strings
                .get(i)
                .copied()
                .ok_or(EngineError::corrupt(WHAT, "a text is missing"))
        };
        let event = varint::usize(input)?;
        let rollup = varint::usize(input)?;
        let hash = fixed_u64(input)?;
        let tenant = text(input)?;
        let mut values = SmallList::new();
        for _ in 0..count(input)? {
            values.push(text(input)?);
        }
        let count = varint::u32(input)?;
        let rows = varint::bytes(input)?;
        let first = self.index;
        self.index = first.saturating_add(count);
        Ok(Group {
            event,
            rollup,
            hash,
            tenant,
            values,
            count,
            first,
            base: self.block.base,
            rows,
        })
    }
}

/// The rows of one subject.
#[derive(Debug, Clone)]
pub struct Group<'a> {
    /// Event type.
    pub event: EventId,
    /// Index into its rollups. Of a setting, as many again follow: rows of events that came late,
    /// for judging, in the panes from which they are known.
    pub rollup: usize,
    /// [`weir_model::hash::subject`] of the subject's key.
    pub hash: u64,
    /// Tenant.
    pub tenant: &'a str,
    /// Values of the rollup's dimensions, in its order.
    pub values: SmallList<&'a str>,
    count: u32,
    first: u32,
    base: i64,
    rows: &'a [u8],
}

impl<'a> Group<'a> {
    /// Number of rows.
    pub fn len(&self) -> u32 {
        self.count
    }
    /// Never true in blocks that weir writes.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }
    /// The rows.
    pub fn rows(&self) -> Rows<'a> {
        Rows {
            input: self.rows,
            left: self.count,
            index: self.first,
            pane: self.base,
        }
    }
}

/// See [`Group::rows`]. The iterator ends after an error.
#[derive(Debug, Clone)]
pub struct Rows<'a> {
    input: &'a [u8],
    left: u32,
    index: u32,
    pane: i64,
}

impl<'a> Iterator for Rows<'a> {
    type Item = Result<RowRef<'a>, EngineError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.left == 0 {
            return None;
        }
        self.left -= 1;
        let row = self.read();
        if row.is_err() {
            self.left = 0;
        }
        Some(row)
    }
}

impl<'a> Rows<'a> {
    fn read(&mut self) -> Result<RowRef<'a>, EngineError> {
        let code = varint::i64(&mut self.input)?;
        let encoded = varint::bytes(&mut self.input)?;
        self.pane = self.pane.wrapping_add(code >> 1);
        let index = self.index;
        self.index = index.saturating_add(1);
        let pane = Micros(self.pane.saturating_mul(Micros::MINUTE.0));
        Ok(RowRef {
            index,
            pane,
            late: code & 1 == 1,
            encoded,
        })
    }
}

/// One row: the measures of a subject's events of one pane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowRef<'a> {
    /// Running number in the block.
    pub index: u32,
    /// Start of the pane.
    pub pane: Micros,
    /// Late events, or on-time ones.
    pub late: bool,
    /// See [`crate::measure`].
    pub encoded: &'a [u8],
}

/// Makes blocks. It can be used again after [`BlockWriter::finish`], keeping its buffers.
#[derive(Debug)]
pub struct BlockWriter {
    catalog: u64,
    run: u32,
    /// Texts, one after the other, and where each ends.
    texts: Vec<u8>,
    ends: Vec<usize>,
    known: HashTable<u32>,
    base: Option<i64>,
    groups: u64,
    done: Vec<u8>,
    /// The group being written: what stands before its rows, its rows.
    head: Vec<u8>,
    rows: Vec<u8>,
    count: u64,
    pane: i64,
    watermarks: Vec<WatermarkEntry>,
    /// Number of the block, from 1.
    block: u32,
}

impl BlockWriter {
    /// A writer of blocks of this catalog and run.
    pub fn new(catalog: u64, run: u32) -> BlockWriter {
        BlockWriter {
            catalog,
            run,
            texts: Vec::new(),
            ends: Vec::new(),
            known: HashTable::new(),
            base: None,
            groups: 0,
            done: Vec::new(),
            head: Vec::new(),
            rows: Vec::new(),
            count: 0,
            pane: 0,
            watermarks: Vec::new(),
            block: 1,
        }
    }

    /// The number of the block being written: indices of texts hold for one block.
    pub(crate) fn block(&self) -> u32 {
        self.block
    }

    /// Adds a text without a look at whether the block has it, for callers that know; its index.
    pub(crate) fn new_text(&mut self, text: &str) -> u32 {
        self.texts.extend_from_slice(text.as_bytes());
        self.ends.push(self.texts.len());
        (self.ends.len() - 1) as u32
    }

    /// As [`BlockWriter::group`], with indices of texts.
    pub(crate) fn group_at(
        &mut self,
        (event, rollup): (EventId, usize),
        hash: u64,
        tenant: u32,
        values: &[u32],
    ) {
        self.close();
        varint::put_u64(&mut self.head, event as u64);
        varint::put_u64(&mut self.head, rollup as u64);
        self.head.extend_from_slice(&hash.to_le_bytes());
        varint::put_u64(&mut self.head, u64::from(tenant));
        varint::put_u64(&mut self.head, values.len() as u64);
        for v in values {
            varint::put_u64(&mut self.head, u64::from(*v));
        }
    }

    /// Starts the group of a subject; its rows follow.
    pub fn group<'s>(
        &mut self,
        (event, rollup): (EventId, usize),
        hash: u64,
        tenant: &str,
        values: impl ExactSizeIterator<Item = &'s str>,
    ) {
        self.close();
        varint::put_u64(&mut self.head, event as u64);
        varint::put_u64(&mut self.head, rollup as u64);
        self.head.extend_from_slice(&hash.to_le_bytes());
        let tenant = self.text(tenant);
        varint::put_u64(&mut self.head, tenant);
        varint::put_u64(&mut self.head, values.len() as u64);
        for v in values {
            let v = self.text(v);
            varint::put_u64(&mut self.head, v);
        }
    }

    /// Adds a row to the group.
    pub fn row(&mut self, pane: Micros, late: bool, encoded: &[u8]) {
        let minute = pane.0.div_euclid(Micros::MINUTE.0);
        let base = *self.base.get_or_insert(minute);
        let before = if self.count == 0 { base } else { self.pane };
        varint::put_i64(
            &mut self.rows,
            minute.wrapping_sub(before) << 1 | i64::from(late),
        );
        varint::put_bytes(&mut self.rows, encoded);
        self.pane = minute;
        self.count += 1;
    }

    /// Adds a watermark: it applies after the rows.
    pub fn watermark(&mut self, entry: WatermarkEntry) {
        self.watermarks.push(entry);
    }

    /// Bytes that the block has so far, about.
    pub fn size(&self) -> usize {
        let frame = 32 + self.ends.len() * 2 + self.watermarks.len() * 16;
        frame + self.texts.len() + self.done.len() + self.head.len() + self.rows.len()
    }

    /// True where nothing was added.
    pub fn is_empty(&self) -> bool {
        self.groups == 0 && self.count == 0 && self.watermarks.is_empty()
    }

    /// Writes the block into `out` (cleared before) and starts anew.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        self.close();
        out.clear();
        out.reserve(self.size());
        out.push(VERSION);
        out.extend_from_slice(&self.catalog.to_le_bytes());
        varint::put_u64(out, u64::from(self.run));
        varint::put_u64(out, self.ends.len() as u64);
        let mut from = 0;
        for end in &self.ends {
            varint::put_bytes(out, &self.texts[from..*end]);
            from = *end;
        }
        varint::put_i64(out, self.base.unwrap_or(0));
        varint::put_u64(out, self.groups);
        varint::put_bytes(out, &self.done);
        varint::put_u64(out, self.watermarks.len() as u64);
        for w in &self.watermarks {
            varint::put_u64(out, w.event as u64);
            varint::put_u64(out, u64::from(w.partition));
            varint::put_u64(out, u64::from(w.partitions));
            varint::put_i64(out, w.watermark.0);
        }
        self.texts.clear();
        self.ends.clear();
        self.known.clear();
        self.base = None;
        self.groups = 0;
        self.done.clear();
        self.watermarks.clear();
        // Numbers come again after 2^32 blocks; zero stands for none.
        self.block = self.block.checked_add(1).unwrap_or(1);
    }

    /// Moves the group being written, if it has rows, to the finished ones.
    fn close(&mut self) {
        if self.count > 0 {
            self.done.extend_from_slice(&self.head);
            varint::put_u64(&mut self.done, self.count);
            varint::put_bytes(&mut self.done, &self.rows);
            self.groups += 1;
        }
        self.head.clear();
        self.rows.clear();
        self.count = 0;
    }

    fn text(&mut self, text: &str) -> u64 {
        let (texts, ends) = (&mut self.texts, &mut self.ends);
        let hash = xxh3_64(text.as_bytes());
        let found = self
            .known
            .find(hash, |i| stored(texts, ends, *i) == text.as_bytes());
        if let Some(i) = found {
            return u64::from(*i);
        }
        let index = ends.len() as u32;
        texts.extend_from_slice(text.as_bytes());
        ends.push(texts.len());
        self.known
            .insert_unique(hash, index, |i| xxh3_64(stored(texts, ends, *i)));
        u64::from(index)
    }
}

fn stored<'t>(texts: &'t [u8], ends: &[usize], i: u32) -> &'t [u8] {
    let i = i as usize;
    let from = if i == 0 { 0 } else { ends[i - 1] };
    &texts[from..ends[i]]
}

fn fixed_u64(input: &mut &[u8]) -> Result<u64, EngineError> {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(varint::take(input, 8)?);
    Ok(u64::from_le_bytes(bytes))
}

/// A number of items, each of at least one byte: no more than bytes are left.
fn count(input: &mut &[u8]) -> Result<usize, EngineError> {
    let n = varint::usize(input)?;
    if n > input.len() {
        return Err(EngineError::corrupt(WHAT, "it is shorter than it says"));
    }
    Ok(n)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    #[derive(Debug, Clone, PartialEq)]
    struct Plain {
        key: (usize, usize),
        hash: u64,
        tenant: String,
        values: Vec<String>,
        rows: Vec<(i64, bool, Vec<u8>)>,
    }

    fn group() -> impl Strategy<Value = Plain> {
        let text = "[a-z]{0,3}";
        let row = (
            -5i64..1 << 36,
            any::<bool>(),
            prop::collection::vec(any::<u8>(), 0..40),
        );
        (
            (0usize..5, 0usize..5),
            any::<u64>(),
            text,
            prop::collection::vec(text, 0..9),
            prop::collection::vec(row, 1..5),
        )
            .prop_map(|(key, hash, tenant, values, rows)| Plain {
                key,
                hash,
                tenant,
                values,
                rows,
            })
    }

    type Content = (Vec<Plain>, Vec<WatermarkEntry>, Vec<u32>);

    fn read(bytes: &[u8]) -> Result<Content, EngineError> {
        let block = Block::parse(bytes)?;
        let (mut groups, mut indices) = (Vec::new(), Vec::new());
        for g in block.groups() {
            let g = g?;
            let mut rows = Vec::new();
            for r in g.rows() {
                let r = r?;
                indices.push(r.index);
                rows.push((r.pane.0 / Micros::MINUTE.0, r.late, r.encoded.to_vec()));
            }
            groups.push(Plain {
                key: (g.event, g.rollup),
                hash: g.hash,
                tenant: g.tenant.into(),
                values: g.values.iter().map(|v| v.to_string()).collect(),
                rows,
            });
        }
        Ok((groups, block.watermarks().collect(), indices))
    }

    #[test]
    fn a_watermark_is_of_one_of_so_many_partitions() {
        for (partition, partitions, fine) in [
            (0, 1, true),
            (PARTITIONS - 1, PARTITIONS, true),
            (0, 0, false),
            (3, 3, false),
            (0, PARTITIONS + 1, false),
            (u32::MAX, u32::MAX, false),
            (u32::MAX, 1, false),
        ] {
            let mut writer = BlockWriter::new(7, 3);
            writer.watermark(WatermarkEntry {
                event: 0,
                partition,
                partitions,
                watermark: Micros(5),
            });
            let mut bytes = Vec::new();
            writer.finish(&mut bytes);
            assert_eq!(
                Block::parse(&bytes).is_ok(),
                fine,
                "{partition} of {partitions}"
            );
        }
    }

    proptest! {
        #[test]
        fn a_block_reads_back_and_its_damage_is_an_error_not_a_panic(
            blocks in prop::collection::vec(prop::collection::vec(group(), 0..8), 1..3),
            marks in prop::collection::vec((0usize..3, 0u32..9, 9u32..99, any::<i64>()), 0..4),
            cut in any::<prop::sample::Index>(), flip in any::<(prop::sample::Index, u8)>(),
        ) {
            let mut writer = BlockWriter::new(7, 3);
            let mut bytes = Vec::new();
            // The writer is used again: the second block must not know the first one's strings.
            for groups in &blocks {
                for g in groups {
                    writer.group(g.key, g.hash, &g.tenant, g.values.iter().map(String::as_str));
                    for (pane, late, encoded) in &g.rows {
                        writer.row(Micros(pane * Micros::MINUTE.0), *late, encoded);
                    }
                }
                let marks: Vec<_> = marks.iter().map(|m| WatermarkEntry {
                    event: m.0, partition: m.1, partitions: m.2, watermark: Micros(m.3),
                }).collect();
                for m in &marks {
                    writer.watermark(*m);
                }
                prop_assert_eq!(writer.is_empty(), groups.is_empty() && marks.is_empty());
                let size = writer.size();
                writer.finish(&mut bytes);
                prop_assert!(bytes.len() <= size + 24 * (1 + groups.len()));
                let (got, got_marks, indices) = read(&bytes).unwrap();
                prop_assert_eq!(&got, groups);
                prop_assert_eq!(got_marks, marks);
                prop_assert!(indices.iter().enumerate().all(|(i, n)| i as u32 == *n));
            }
            let cut = cut.index(bytes.len());
            prop_assert!(Block::parse(&bytes[..cut]).is_err());
            let at = flip.0.index(bytes.len());
            bytes[at] ^= flip.1;
            let _ = read(&bytes);
        }
    }
}
