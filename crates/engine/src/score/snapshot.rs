//! Snapshots of shards, the marker that moves unchanged ones forward, and the way back.

mod read;
mod write;

use super::shard::Shard;
use super::{SHARDS, Score};
use crate::{EngineError, sealed, varint};
use read::{decode, through};
use std::collections::BTreeMap;
use weir_model::Micros;
use write::{encode, put_through};

/// Largest value of a part.
const PART: usize = 512 * 1024;
/// First byte of a part. All of it is sealed, as are markers.
const PART_FORMAT: u8 = b'P';
/// First byte of a marker.
const MARKER_FORMAT: u8 = b'M';
/// The same before they were sealed. Read until the next change, so that a system that is updated
/// does not depend on terms that may be gone.
const UNSEALED_PART: u8 = 1;
const UNSEALED_MARKER: u8 = 2;
/// First bytes of snapshots of score that are read; the first two are what is written.
pub const FORMATS: &[u8] = &[PART_FORMAT, MARKER_FORMAT, UNSEALED_PART, UNSEALED_MARKER];
const WHAT: &str = "a snapshot of score";

const fn corrupt(why: &'static str) -> EngineError {
    EngineError::corrupt(WHAT, why)
}

/// A marker, read.
struct Marker {
    offset: i64,
    through: Vec<Vec<Micros>>,
    /// By shard: the snapshot offset that it is unchanged since (-1: since the beginning).
    unchanged: Vec<Option<i64>>,
}

/// The parts of one shard as they come in.
#[derive(Default)]
struct Parts {
    covered: i64,
    count: usize,
    bytes: BTreeMap<usize, Vec<u8>>,
}

impl Score {
    /// The state of one shard through the last message folded: (key suffix, value) of at most 512
    /// KiB each; `None` for keys of its last snapshot that are to go.
    pub fn snapshot(&mut self, shard: u32) -> Vec<(String, Option<Vec<u8>>)> {
        let (catalog, options) = (self.context.catalog.hash, self.context.options);
        let Some(state) = self.shards.get_mut(shard as usize) else {
            return Vec::new();
        };
        let mut body = Vec::new();
        encode(state, &mut body);
        let count = body.len().div_ceil(PART - 64);
        let mut parts = Vec::with_capacity(count);
        for (i, piece) in body.chunks(PART - 64).enumerate() {
            let mut part = Vec::with_capacity(piece.len() + 64);
            head(
                &mut part,
                PART_FORMAT,
                catalog,
                options.run,
                options.partials,
            );
            for n in [shard as usize, i, count] {
                varint::put_u64(&mut part, n as u64);
            }
            varint::put_i64(&mut part, state.covered);
            part.extend_from_slice(piece);
            sealed::seal(&mut part);
            parts.push((format!("{shard}/{i}"), Some(part)));
        }
        let before = state.snapshot.map_or(0, |(_, parts)| parts);
        parts.extend((count..before).map(|i| (format!("{shard}/{i}"), None)));
        state.snapshot = Some((state.covered, count));
        state.dirty = false;
        parts
    }

    /// The value of a record that says which snapshots are still valid through the last message
    /// folded. [`Score::restore`] takes it among the parts, whatever its key.
    pub fn marker(&self) -> Vec<u8> {
        let options = self.context.options;
        let mut out = Vec::new();
        head(
            &mut out,
            MARKER_FORMAT,
            self.context.catalog.hash,
            options.run,
            options.partials,
        );
        let offset = self.shards.iter().map(|s| s.covered).min().unwrap_or(-1);
        varint::put_i64(&mut out, offset);
        for shard in &self.shards {
            let valid = !shard.dirty && shard.covered == offset;
            out.push(u8::from(valid));
            varint::put_i64(&mut out, shard.snapshot.map_or(-1, |(covered, _)| covered));
        }
        let at_offset = self.shards.iter().find(|s| s.covered == offset);
        at_offset
            .into_iter()
            .for_each(|s| put_through(&mut out, &s.through));
        sealed::seal(&mut out);
        out
    }

    /// Takes the parts of the snapshots (and the marker) as they were last written, into a score
    /// that has folded nothing. Then read from [`Score::resume_from`].
    pub fn restore(
        &mut self,
        parts: &mut dyn Iterator<Item = (String, Vec<u8>)>,
    ) -> Result<(), EngineError> {
        let mut shards: BTreeMap<usize, Parts> = BTreeMap::new();
        let mut marker = None;
        for (_, bytes) in parts {
            let mut input = match bytes.first() {
                Some(&(UNSEALED_PART | UNSEALED_MARKER)) => bytes.as_slice(),
                _ => sealed::open(WHAT, &bytes)?,
            };
            let format = self.check_head(&mut input)?;
            if matches!(format, MARKER_FORMAT | UNSEALED_MARKER) {
                marker = Some(self.read_marker(&mut input)?);
                continue;
            }
            let (shard, i, count) = (
                varint::usize(&mut input)?,
                varint::usize(&mut input)?,
                varint::usize(&mut input)?,
            );
            let covered = varint::i64(&mut input)?;
            let of = shards.entry(shard).or_insert(Parts {
                covered,
                count,
                bytes: BTreeMap::new(),
            });
            if (of.covered, of.count) != (covered, count)
                || i >= count
                || shard >= self.shards.len()
            {
                return Err(corrupt("its parts do not belong together"));
            }
            of.bytes.insert(i, input.to_vec());
        }
        for (i, parts) in shards {
            if parts.bytes.len() != parts.count {
                return Err(corrupt("a part is missing"));
            }
            let body: Vec<u8> = parts.bytes.into_values().flatten().collect();
            let mut shard = Shard::new(self.context.options.partials);
            decode(&mut shard, &mut body.as_slice())?;
            shard.covered = parts.covered;
            shard.snapshot = Some((parts.covered, parts.count));
            self.shards[i] = shard;
        }
        let Some(marker) = marker else { return Ok(()) };
        for (shard, unchanged) in self.shards.iter_mut().zip(marker.unchanged) {
            if unchanged == Some(shard.covered) && marker.offset > shard.covered {
                shard.covered = marker.offset;
                shard.through.clone_from(&marker.through);
            }
        }
        Ok(())
    }

    /// The oldest offset that some shard has not folded.
    pub fn resume_from(&self) -> i64 {
        self.shards.iter().map(|s| s.covered).min().unwrap_or(-1) + 1
    }

    fn check_head(&self, input: &mut &[u8]) -> Result<u8, EngineError> {
        let format = varint::byte(input)?;
        if !FORMATS.contains(&format) {
            return Err(corrupt("its format is unknown"));
        }
        let mut hash = [0; 8];
        hash.copy_from_slice(varint::take(input, 8)?);
        let options = self.context.options;
        if (u64::from_le_bytes(hash), varint::u32(input)?)
            != (self.context.catalog.hash, options.run)
        {
            return Err(EngineError::OtherRun {
                what: "a snapshot of score",
            });
        }
        if (varint::u32(input)?, varint::u32(input)?) != (options.partials, SHARDS) {
            return Err(corrupt(
                "it was made with another number of partials partitions or shards",
            ));
        }
        Ok(format)
    }

    fn read_marker(&self, input: &mut &[u8]) -> Result<Marker, EngineError> {
        let offset = varint::i64(input)?;
        let mut unchanged = Vec::new();
        for _ in 0..SHARDS {
            let valid = varint::byte(input)? == 1;
            let snapshot = varint::i64(input)?;
            unchanged.push(valid.then_some(snapshot));
        }
        let through = through(self.context.options.partials, input)?;
        if !input.is_empty() {
            return Err(corrupt("bytes are left over"));
        }
        Ok(Marker {
            offset,
            through,
            unchanged,
        })
    }
}

fn head(out: &mut Vec<u8>, format: u8, catalog: u64, run: u32, partials: u32) {
    out.push(format);
    out.extend_from_slice(&catalog.to_le_bytes());
    for n in [run, partials, SHARDS] {
        varint::put_u64(out, u64::from(n));
    }
}
