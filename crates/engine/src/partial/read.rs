//! Blocks are read in place: nothing is copied but the table of texts.

use super::{SmallList, VERSION, WHAT, WatermarkEntry};
use crate::{EngineError, varint};
use weir_catalog::types::EventId;
use weir_model::Micros;

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
