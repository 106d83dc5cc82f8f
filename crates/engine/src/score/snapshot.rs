//! Snapshots of shards, the marker that moves unchanged ones forward, and the way back.

use super::deferred::{Deferred, Held};
use super::machine::{Look, Machine};
use super::setting::Settings;
use super::shard::{Round, Shard, TermRows};
use super::silence::Silence;
use super::{SHARDS, Score};
use crate::detect::Finding;
use crate::kpi::KpiMemory;
use crate::terms::Route;
use crate::{EngineError, sealed, varint};
use std::collections::BTreeMap;
use weir_model::Micros;

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
        let known = [PART_FORMAT, MARKER_FORMAT, UNSEALED_PART, UNSEALED_MARKER];
        if !known.contains(&format) {
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

fn put_through(out: &mut Vec<u8>, through: &[Vec<Micros>]) {
    for times in through {
        varint::put_u64(out, times.len() as u64);
        times.iter().for_each(|t| varint::put_i64(out, t.0));
    }
}

fn through(partials: u32, input: &mut &[u8]) -> Result<Vec<Vec<Micros>>, EngineError> {
    list(partials as usize, |_| {
        let events = varint::usize(input)?;
        list(events, |_| varint::i64(input).map(Micros))
    })
}

/// `n` things, without trusting `n` for the allocation.
fn list<T>(
    n: usize,
    mut read: impl FnMut(usize) -> Result<T, EngineError>,
) -> Result<Vec<T>, EngineError> {
    let mut out = Vec::new();
    for i in 0..n {
        out.push(read(i)?);
    }
    Ok(out)
}

fn put_optional(out: &mut Vec<u8>, v: Option<f64>) {
    out.push(u8::from(v.is_some()));
    v.into_iter().for_each(|v| varint::put_f64(out, v));
}

fn optional(input: &mut &[u8]) -> Result<Option<f64>, EngineError> {
    Ok(if varint::byte(input)? == 1 {
        Some(varint::f64(input)?)
    } else {
        None
    })
}

fn put_key(out: &mut Vec<u8>, (index, subject): &(usize, Box<str>)) {
    varint::put_u64(out, *index as u64);
    varint::put_str(out, subject);
}

fn key(input: &mut &[u8]) -> Result<(usize, Box<str>), EngineError> {
    Ok((varint::usize(input)?, varint::str(input)?.into()))
}

fn encode(shard: &Shard, out: &mut Vec<u8>) {
    put_through(out, &shard.through);
    varint::put_u64(out, shard.pending.len() as u64);
    for ((end, route), round) in &shard.pending {
        varint::put_i64(out, end.0);
        let (kind, index) = match route {
            Route::Kpi(i) => (0, *i),
            Route::Detector(i) => (1, *i),
            Route::Rule(i) => (2, *i),
        };
        out.push(kind);
        varint::put_u64(out, index as u64);
        encode_round(round, out);
    }
    varint::put_u64(out, shard.memory.len() as u64);
    for (k, (last, memory)) in &shard.memory {
        put_key(out, k);
        varint::put_i64(out, last.0);
        memory.encode(out);
    }
    varint::put_u64(out, shard.machines.len() as u64);
    for (k, machine) in &shard.machines {
        put_key(out, k);
        machine.encode(out);
    }
    varint::put_u64(out, shard.silence.len() as u64);
    for (k, silence) in &shard.silence {
        put_key(out, k);
        silence.encode(out);
    }
    // What nothing asks for leaves no bytes: such a part is as it was before there was any.
    if shard.deferred.is_empty() && shard.settings.is_empty() && shard.known.is_empty() {
        return;
    }
    encode_deferred(&shard.deferred, out);
    shard.settings.encode(out);
    varint::put_u64(out, shard.known.len() as u64);
    for (k, rows) in &shard.known {
        put_key(out, k);
        put_rows(out, rows);
    }
}

fn encode_deferred(deferred: &Deferred, out: &mut Vec<u8>) {
    varint::put_u64(out, deferred.waiting.len() as u64);
    for ((rule, end), subjects) in &deferred.waiting {
        varint::put_u64(out, *rule as u64);
        varint::put_i64(out, end.0);
        varint::put_u64(out, subjects.len() as u64);
        for (subject, outcomes) in subjects {
            varint::put_str(out, subject);
            varint::put_u64(out, outcomes.len() as u64);
            for (condition, look) in outcomes {
                varint::put_u64(out, *condition as u64);
                encode_look(look, out);
            }
        }
    }
    varint::put_u64(out, deferred.held.len() as u64);
    for (k, outcomes) in &deferred.held {
        put_key(out, k);
        varint::put_u64(out, outcomes.len() as u64);
        for held in outcomes {
            varint::put_u64(out, held.condition as u64);
            varint::put_i64(out, held.end.0);
            encode_look(&held.look, out);
        }
    }
    varint::put_u64(out, deferred.open.len() as u64);
    for (k, spans) in &deferred.open {
        put_key(out, k);
        varint::put_u64(out, spans.len() as u64);
        for (from, to) in spans {
            varint::put_i64(out, from.0);
            out.push(u8::from(to.is_some()));
            to.iter().for_each(|to| varint::put_i64(out, to.0));
        }
    }
}

fn encode_look(look: &Look, out: &mut Vec<u8>) {
    match look {
        Look::Good { value } => {
            out.push(0);
            put_optional(out, *value);
        }
        Look::Bad {
            value,
            threshold,
            up,
        } => {
            out.push(1 | u8::from(*up) << 1);
            put_optional(out, *value);
            put_optional(out, *threshold);
        }
    }
}

fn put_rows(out: &mut Vec<u8>, rows: &TermRows) {
    varint::put_i64(out, rows.start.0);
    varint::put_u64(out, rows.values.len() as u64);
    for (term, value) in &rows.values {
        varint::put_u64(out, *term as u64);
        put_optional(out, *value);
    }
}

fn rows(input: &mut &[u8]) -> Result<TermRows, EngineError> {
    let start = Micros(varint::i64(input)?);
    let n = varint::usize(input)?;
    let values = list(n, |_| Ok((varint::usize(input)?, optional(input)?)))?;
    Ok(TermRows { start, values })
}

fn encode_round(round: &Round, out: &mut Vec<u8>) {
    varint::put_u64(out, round.terms.len() as u64);
    for (subject, rows) in &round.terms {
        varint::put_str(out, subject);
        put_rows(out, rows);
    }
    varint::put_u64(out, round.values.len() as u64);
    for (subject, (value, found)) in &round.values {
        varint::put_str(out, subject);
        varint::put_f64(out, *value);
        put_optional(out, found.map(|f| f.expected));
        found.iter().for_each(|f| varint::put_f64(out, f.score));
    }
}

fn decode(shard: &mut Shard, input: &mut &[u8]) -> Result<(), EngineError> {
    shard.through = through(shard.through.len() as u32, input)?;
    for _ in 0..varint::usize(input)? {
        let end = Micros(varint::i64(input)?);
        let (kind, index) = (varint::byte(input)?, varint::usize(input)?);
        let route = match kind {
            0 => Route::Kpi(index),
            1 => Route::Detector(index),
            2 => Route::Rule(index),
            _ => return Err(corrupt("it holds an unknown kind of round")),
        };
        shard.pending.insert((end, route), decode_round(input)?);
    }
    for _ in 0..varint::usize(input)? {
        let k = key(input)?;
        let last = Micros(varint::i64(input)?);
        shard.memory.insert(k, (last, KpiMemory::decode(input)?));
    }
    for _ in 0..varint::usize(input)? {
        shard.machines.insert(key(input)?, Machine::decode(input)?);
    }
    for _ in 0..varint::usize(input)? {
        shard.silence.insert(key(input)?, Silence::decode(input)?);
    }
    if !input.is_empty() {
        shard.deferred = decode_deferred(input)?;
        shard.settings = Settings::decode(input)?;
        for _ in 0..varint::usize(input)? {
            shard.known.insert(key(input)?, rows(input)?);
        }
    }
    if input.is_empty() {
        Ok(())
    } else {
        Err(corrupt("bytes are left over"))
    }
}

fn decode_deferred(input: &mut &[u8]) -> Result<Deferred, EngineError> {
    let mut deferred = Deferred::default();
    for _ in 0..varint::usize(input)? {
        let at = (varint::usize(input)?, Micros(varint::i64(input)?));
        let subjects = deferred.waiting.entry(at).or_default();
        for _ in 0..varint::usize(input)? {
            let subject = varint::str(input)?.into();
            let n = varint::usize(input)?;
            let outcomes = list(n, |_| Ok((varint::usize(input)?, decode_look(input)?)))?;
            subjects.insert(subject, outcomes);
        }
    }
    for _ in 0..varint::usize(input)? {
        let k = key(input)?;
        let n = varint::usize(input)?;
        let outcomes = list(n, |_| {
            Ok(Held {
                condition: varint::usize(input)?,
                end: Micros(varint::i64(input)?),
                look: decode_look(input)?,
            })
        })?;
        deferred.held.insert(k, outcomes);
    }
    for _ in 0..varint::usize(input)? {
        let k = key(input)?;
        let n = varint::usize(input)?;
        let spans = list(n, |_| {
            let from = Micros(varint::i64(input)?);
            let closed = varint::byte(input)? == 1;
            let to = closed.then(|| varint::i64(input).map(Micros)).transpose()?;
            Ok((from, to))
        })?;
        deferred.open.insert(k, spans);
    }
    Ok(deferred)
}

fn decode_look(input: &mut &[u8]) -> Result<Look, EngineError> {
    let bits = varint::byte(input)?;
    let value = optional(input)?;
    Ok(if bits & 1 == 0 {
        Look::Good { value }
    } else {
        Look::Bad {
            value,
            threshold: optional(input)?,
            up: bits & 2 != 0,
        }
    })
}

fn decode_round(input: &mut &[u8]) -> Result<Round, EngineError> {
    let mut round = Round::default();
    for _ in 0..varint::usize(input)? {
        let subject = varint::str(input)?.into();
        round.terms.insert(subject, rows(input)?);
    }
    for _ in 0..varint::usize(input)? {
        let subject = varint::str(input)?.into();
        let value = varint::f64(input)?;
        let expected = optional(input)?;
        let found = match expected {
            Some(expected) => Some(Finding {
                expected,
                score: varint::f64(input)?,
                crosses: None,
            }),
            None => None,
        };
        round.values.insert(subject, (value, found));
    }
    Ok(round)
}
