//! Blocks are written group by group; texts are numbered as they come.

use super::{VERSION, WatermarkEntry};
use crate::varint;
use hashbrown::HashTable;
use weir_catalog::types::EventId;
use weir_model::Micros;
use xxhash_rust::xxh3::xxh3_64;

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
