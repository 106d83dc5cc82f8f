//! Snapshots: one stream of bytes per shard, cut into parts; and the marker that moves unchanged
//! shards forward.
//!
//! ```text
//! part   = head, 1, shard, offset, index, parts, bytes, check (8 bytes) marker = head, 2, offset,
//! marks, n, n * (shard, offset of its snapshot; -1: never changed), check (8 bytes) head   =
//! version, catalog (8 bytes), run, partition, partials, shards
//! ```
//!
//! The check sum is that of all that stands before it.

mod read;
mod write;

use super::Window;
use super::marks::Marks;
use super::shard::Shard;
use crate::{EngineError, sealed, varint};
use std::collections::BTreeMap;
use xxhash_rust::xxh3::xxh3_64;

/// 3: every part and marker is sealed.
const VERSION: u8 = 3;
/// Parts have a check sum of their bytes alone, before these. Read until the next version, so that
/// a system that is updated does not depend on partials that may be gone.
const BEFORE: u8 = 2;
/// First bytes of snapshots of window that are read; the first of them is what is written.
pub const FORMATS: &[u8] = &[VERSION, BEFORE];
const WHAT: &str = "a snapshot";
const PART: u8 = 1;
const MARKER: u8 = 2;
/// What follows of a series: its memory, and in it a setting and windows to date. A catalog that
/// has none is written as before there were any.
const MEMORY: u8 = 1;
const SETTING: u8 = 2;
const SUMMED: u8 = 4;
/// Most bytes of a shard's stream in one part: with its head it stays under 512 KiB.
const PART_BYTES: usize = 512 * 1024 - 128;

const fn bad(why: &'static str) -> EngineError {
    EngineError::corrupt(WHAT, why)
}

/// A shard's parts of one snapshot, as far as they were met.
#[derive(Default)]
struct Found {
    parts: usize,
    pieces: BTreeMap<usize, Vec<u8>>,
}

/// The newest marker met.
struct Marker {
    offset: i64,
    marks: Vec<u8>,
    shards: Vec<(usize, i64)>,
}

impl Window {
    /// Snapshot of one shard, through the last block folded: keys' suffixes with values; `None`
    /// removes what an earlier, larger snapshot left. All of them belong into one transaction.
    pub fn snapshot(&mut self, shard: u32) -> Vec<(String, Option<Vec<u8>>)> {
        let head = self.head();
        let Some(state) = self.shards.get_mut(shard as usize) else {
            return Vec::new();
        };
        let bytes = state.encode();
        let pieces: Vec<&[u8]> = bytes.chunks(PART_BYTES).collect();
        let mut parts = Vec::with_capacity(pieces.len());
        for (i, piece) in pieces.iter().enumerate() {
            let mut value = head.clone();
            value.push(PART);
            varint::put_u64(&mut value, u64::from(shard));
            varint::put_i64(&mut value, state.covered);
            varint::put_u64(&mut value, i as u64);
            varint::put_u64(&mut value, pieces.len() as u64);
            value.extend_from_slice(piece);
            sealed::seal(&mut value);
            parts.push((key(shard, i), Some(value)));
        }
        let before = state.snapshot.map_or(0, |(_, n)| n as usize);
        parts.extend((pieces.len()..before).map(|i| (key(shard, i), None)));
        state.snapshot = Some((state.covered, pieces.len() as u32));
        state.dirty = false;
        parts
    }

    /// Says which shards did not change since their snapshots, and the watermarks now: they need
    /// not be snapshotted again for their coverage to move on. Its key is the caller's choice.
    pub fn marker(&self) -> Vec<u8> {
        let mut out = self.head();
        out.push(MARKER);
        varint::put_i64(&mut out, self.resume_from() - 1);
        let mut marks = Vec::new();
        if let Some(shard) = self.shards.iter().min_by_key(|s| s.covered) {
            shard.marks.encode(&mut marks);
        }
        varint::put_bytes(&mut out, &marks);
        let same: Vec<_> = self
            .shards
            .iter()
            .enumerate()
            .filter(|(_, s)| !s.dirty)
            .collect();
        varint::put_u64(&mut out, same.len() as u64);
        for (i, shard) in same {
            varint::put_u64(&mut out, i as u64);
            varint::put_i64(&mut out, shard.snapshot.map_or(-1, |(offset, _)| offset));
        }
        sealed::seal(&mut out);
        out
    }

    /// Takes back parts and markers, in any order. Shards of which nothing is found stay empty.
    /// Fails where a part is of another catalog, run or layout of partitions, or the newest
    /// snapshot of a shard is not complete.
    pub fn restore(
        &mut self,
        parts: &mut dyn Iterator<Item = (String, Vec<u8>)>,
    ) -> Result<(), EngineError> {
        let mut found: Vec<BTreeMap<i64, Found>> =
            self.shards.iter().map(|_| BTreeMap::new()).collect();
        let mut marker: Option<Marker> = None;
        for (_, value) in parts {
            let before = value.first() == Some(&BEFORE);
            let mut input = if before {
                value.as_slice()
            } else {
                sealed::open(WHAT, &value)?
            };
            let input = &mut input;
            self.check_head(input)?;
            match varint::byte(input)? {
                PART => {
                    let shard = varint::usize(input)?;
                    let offset = varint::i64(input)?;
                    let index = varint::usize(input)?;
                    let of = varint::usize(input)?;
                    if before && varint::take(input, 8)? != xxh3_64(input).to_le_bytes() {
                        return Err(bad("a part does not match its check sum"));
                    }
                    let by_offset = found.get_mut(shard).ok_or(bad("a shard is unknown"))?;
                    let snapshot = by_offset.entry(offset).or_default();
                    snapshot.parts = of;
                    snapshot.pieces.insert(index, input.to_vec());
                }
                MARKER => {
                    let read = read_marker(input)?;
                    if marker.as_ref().is_none_or(|m| m.offset < read.offset) {
                        marker = Some(read);
                    }
                }
                _ => return Err(bad("a part is of an unknown kind")),
            }
        }
        let plan = self.plan.clone();
        for (i, by_offset) in found.into_iter().enumerate() {
            let mut shard = Shard::new(&plan, &self.options.partitions);
            if let Some((offset, snapshot)) = by_offset.into_iter().next_back() {
                if snapshot.pieces.keys().copied().ne(0..snapshot.parts) {
                    return Err(bad("a part is missing"));
                }
                let bytes: Vec<u8> = snapshot.pieces.into_values().flatten().collect();
                shard.decode(&plan, &mut self.days, &self.options.partitions, &bytes)?;
                shard.covered = offset;
                shard.snapshot = Some((offset, snapshot.parts as u32));
            }
            let at = shard.snapshot.map_or(-1, |(offset, _)| offset);
            if let Some(m) = &marker
                && m.offset > shard.covered
                && m.shards.contains(&(i, at))
            {
                shard.marks = Marks::decode(&mut m.marks.as_slice(), &self.options.partitions)?;
                shard.covered = m.offset;
            }
            self.shards[i] = shard;
        }
        Ok(())
    }

    fn head(&self) -> Vec<u8> {
        let o = &self.options;
        let mut out = vec![VERSION];
        out.extend_from_slice(&self.plan.catalog.hash.to_le_bytes());
        for n in [o.run, o.partition, o.partials, self.shards.len() as u32] {
            varint::put_u64(&mut out, u64::from(n));
        }
        out
    }

    fn check_head(&self, input: &mut &[u8]) -> Result<(), EngineError> {
        if !FORMATS.contains(&varint::byte(input)?) {
            return Err(bad("it is of another version"));
        }
        let catalog = varint::take(input, 8)? == self.plan.catalog.hash.to_le_bytes();
        if !catalog || varint::u32(input)? != self.options.run {
            return Err(EngineError::OtherRun {
                what: "a snapshot of stage 2",
            });
        }
        if varint::u32(input)? != self.options.partition {
            return Err(bad("it is of another partition"));
        }
        if varint::u32(input)? != self.options.partials {
            return Err(EngineError::Catalog(format!(
                "state was kept for another number of partitions of the partials than {}; give the old number or start a new run with \
                 `weir reprocess`",
                self.options.partials
            )));
        }
        if varint::u32(input)? != self.shards.len() as u32 {
            return Err(EngineError::Catalog(format!(
                "state was kept in another number of shards than {}; give the old number or start a new run with `weir reprocess`",
                self.shards.len()
            )));
        }
        Ok(())
    }
}

fn key(shard: u32, part: usize) -> String {
    format!("{shard}/{part}")
}

fn read_marker(input: &mut &[u8]) -> Result<Marker, EngineError> {
    let offset = varint::i64(input)?;
    let marks = varint::bytes(input)?.to_vec();
    let mut shards = Vec::new();
    for _ in 0..varint::usize(input)? {
        shards.push((varint::usize(input)?, varint::i64(input)?));
    }
    if !input.is_empty() {
        return Err(bad("bytes are left over"));
    }
    Ok(Marker {
        offset,
        marks,
        shards,
    })
}
