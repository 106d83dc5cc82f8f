//! Snapshots: one stream of bytes per shard, cut into parts; and the marker that moves unchanged
//! shards forward.
//!
//! ```text
//! part   = head, 1, shard, offset, index, parts, bytes, check (8 bytes)
//! marker = head, 2, offset, marks, n, n * (shard, offset of its snapshot; -1: never changed), check (8 bytes)
//! head   = version, catalog (8 bytes), run, partition, partials, shards
//! ```
//!
//! The check sum is that of all that stands before it.

use super::Window;
use super::marks::Marks;
use super::plan::{Plan, RollupPlan};
use super::setting::Setting;
use super::shard::{Shard, Step};
use super::store::{DetectorSlot, Kind, KpiSlot, Past, Pending, Ring, check_name, tenant};
use super::time::{Days, Size, due};
use super::to_date::{Known, ToDate};
use crate::detect::DetectorState;
use crate::kpi::KpiMemory;
use crate::{EngineError, sealed, varint};
use std::collections::BTreeMap;
use weir_model::Micros;
use xxhash_rust::xxh3::xxh3_64;

/// 3: every part and marker is sealed.
const VERSION: u8 = 3;
/// Parts have a check sum of their bytes alone, before these. Read until the next version, so that
/// a system that is updated does not depend on partials that may be gone.
const BEFORE: u8 = 2;
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
        if !matches!(varint::byte(input)?, VERSION | BEFORE) {
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

impl Shard {
    /// marks, n, n * subject; a subject with its memory, then its series.
    fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.marks.encode(&mut out);
        varint::put_u64(&mut out, self.store.len().0 as u64);
        for (id, subject) in self.store.subjects() {
            varint::put_u64(&mut out, u64::from(subject.shape));
            out.extend_from_slice(&subject.hash.to_le_bytes());
            varint::put_bytes(&mut out, &subject.name);
            let kpis = subject.memory.as_ref().map_or(&[][..], |m| &m.kpis);
            varint::put_u64(&mut out, kpis.len() as u64);
            for slot in kpis {
                varint::put_u64(&mut out, u64::from(slot.kpi));
                varint::put_i64(&mut out, slot.last.0);
                slot.memory.encode(&mut out);
            }
            let pending = subject.memory.as_ref().map_or(&[][..], |m| &m.pending);
            let known = subject.memory.as_ref().map_or(&[][..], |m| &m.known);
            varint::put_u64(&mut out, (pending.len() + known.len()) as u64);
            for p in pending {
                put_pending(&mut out, (usize::from(p.kpi), p.start, p.end), &p.terms);
            }
            for k in known {
                // As one that waits, of a KPI beyond them all.
                let kpi = self.pending.len() + usize::from(k.kpi);
                put_pending(&mut out, (kpi, k.start, k.until), &k.terms);
            }
            varint::put_u64(&mut out, self.store.series_ids(id).count() as u64);
            for at in self.store.series_ids(id) {
                self.put_series(&mut out, at);
            }
        }
        out
    }

    fn put_series(&self, out: &mut Vec<u8>, at: u32) {
        let series = self.store.get(at);
        varint::put_u64(out, u64::from(series.rollup));
        varint::put_u64(out, series.open.iter().count() as u64);
        for open in series.open.iter() {
            out.push(open.kind().0);
            varint::put_i64(out, open.start().0);
            varint::put_bytes(out, open.row);
        }
        let Some(memory) = &series.memory else {
            out.push(0);
            return;
        };
        let setting = u8::from(memory.setting.is_some()) * SETTING;
        let summed = u8::from(!memory.to_date.is_empty()) * SUMMED;
        out.push(MEMORY | setting | summed);
        varint::put_u64(out, memory.detectors.len() as u64);
        for slot in &memory.detectors {
            varint::put_u64(out, u64::from(slot.detector));
            varint::put_i64(out, slot.last.0);
            slot.state.encode(out);
        }
        varint::put_u64(out, memory.rings.len() as u64);
        for ring in &memory.rings {
            out.push(ring.of.code());
            varint::put_i64(out, ring.slide.0);
            varint::put_u64(out, ring.rows.len() as u64);
            for past in &ring.rows {
                varint::put_i64(out, past.start.0);
                varint::put_i64(out, past.end.0);
                varint::put_bytes(out, &past.row);
            }
        }
        varint::put_u64(out, memory.told.len() as u64);
        for (detector, end) in &memory.told {
            varint::put_u64(out, u64::from(*detector));
            varint::put_i64(out, end.0);
        }
        if let Some(setting) = &memory.setting {
            setting.encode(out);
        }
        if !memory.to_date.is_empty() {
            varint::put_u64(out, memory.to_date.len() as u64);
            memory.to_date.iter().for_each(|s| put_to_date(out, s));
        }
    }

    fn decode(
        &mut self,
        plan: &Plan,
        days: &mut Days,
        partitions: &[u32],
        bytes: &[u8],
    ) -> Result<(), EngineError> {
        let mut input = bytes;
        let input = &mut input;
        self.marks = Marks::decode(input, partitions)?;
        for _ in 0..varint::usize(input)? {
            let shape = varint::usize(input)?;
            let names = plan
                .shapes
                .get(shape)
                .ok_or(bad("a list of dimensions is unknown"))?;
            let hash = varint::take(input, 8)?;
            let hash = hash.iter().rev().fold(0u64, |h, b| h << 8 | u64::from(*b));
            let name = varint::bytes(input)?;
            check_name(name, names.len() + 1)?;
            let id = self
                .store
                .subject(hash, shape as u16, name, || days.zone_id(tenant(name)));
            for _ in 0..varint::usize(input)? {
                let kpi = index(input, plan.kpis.len())?;
                let last = Micros(varint::i64(input)?);
                let memory = KpiMemory::decode(input)?;
                let slots = &mut self
                    .store
                    .subject_mut(id)
                    .memory
                    .get_or_insert_default()
                    .kpis;
                slots.push(KpiSlot {
                    kpi: kpi as u16,
                    last,
                    memory,
                });
                self.fading[kpi]
                    .entry(super::judge::fades(last))
                    .or_default()
                    .push(id);
            }
            for _ in 0..varint::usize(input)? {
                let (pending, known) = take_pending(input, plan)?;
                if known {
                    let memory = self.store.subject_mut(id).memory.get_or_insert_default();
                    memory.known.push(Known {
                        kpi: pending.kpi,
                        start: pending.start,
                        until: pending.end,
                        terms: pending.terms,
                    });
                    continue;
                }
                let queue = &mut self.pending[usize::from(pending.kpi)];
                queue.entry(due(pending.end)).or_default().push(id);
                self.store
                    .subject_mut(id)
                    .memory
                    .get_or_insert_default()
                    .pending
                    .push(pending);
            }
            for _ in 0..varint::usize(input)? {
                self.take_series(input, plan, days, (id, hash))?;
            }
        }
        if input.is_empty() {
            Ok(())
        } else {
            Err(bad("bytes are left over"))
        }
    }

    fn take_series(
        &mut self,
        input: &mut &[u8],
        plan: &Plan,
        days: &mut Days,
        (subject, hash): (u32, u64),
    ) -> Result<(), EngineError> {
        let rollup = index(input, plan.rollups.len())?;
        let event = plan.rollups[rollup].event;
        let at = self.store.series_of(subject, rollup as u16);
        let zone = self.store.subject_at(subject).zone;
        for _ in 0..varint::usize(input)? {
            let kind = Kind(varint::byte(input)?);
            let start = Micros(varint::i64(input)?);
            let row = varint::bytes(input)?;
            let open = &mut self.store.get_mut(at).open;
            let Err(gap) = open.find(kind, start) else {
                return Err(bad("a window stands there twice"));
            };
            open.insert(gap, kind, start, row);
            let (end, step) = match Size::from_code(kind.0) {
                Some(size) => (due(days.span(size, zone, start).1), Step::Close(size)),
                None if kind == Kind::ACTIVITY => (start.plus(Micros::HOUR), Step::Activity),
                None => return Err(bad("a window is of an unknown size")),
            };
            self.wait(event, end, step, hash, at);
        }
        let held = varint::byte(input)?;
        if held == 0 {
            return Ok(());
        }
        for _ in 0..varint::usize(input)? {
            let detector = index(input, plan.catalog.detectors.len())?;
            let last = Micros(varint::i64(input)?);
            let state = DetectorState::decode(&plan.catalog.detectors[detector], input)?;
            let slots = &mut self.store.get_mut(at).memory().detectors;
            if slots.is_empty() {
                self.expiring[event]
                    .entry(super::judge::fades(last))
                    .or_default()
                    .push(at);
            }
            slots.push(DetectorSlot {
                detector: detector as u16,
                last,
                state,
            });
        }
        for _ in 0..varint::usize(input)? {
            let of = Size::from_code(varint::byte(input)?)
                .ok_or(bad("a window is of an unknown size"))?;
            let slide = Micros(varint::i64(input)?);
            let mut ring = Ring {
                of,
                slide,
                rows: Default::default(),
            };
            for _ in 0..varint::usize(input)? {
                let start = Micros(varint::i64(input)?);
                let end = Micros(varint::i64(input)?);
                ring.rows.push_back(Past {
                    start,
                    end,
                    row: varint::bytes(input)?.into(),
                });
            }
            if !ring.rows.is_empty() {
                self.wait(event, due(slide), Step::Slide(of), hash, at);
                self.store.get_mut(at).memory().rings.push(ring);
            }
        }
        for _ in 0..varint::usize(input)? {
            let detector = index(input, plan.catalog.detectors.len())?;
            let end = Micros(varint::i64(input)?);
            self.store
                .get_mut(at)
                .memory()
                .told
                .push((detector as u16, end));
        }
        if held & SETTING != 0 {
            let setting = Setting::decode(input)?;
            let told = plan.rollups[rollup].setting.as_ref();
            if told.is_some_and(|s| !s.told.is_empty()) {
                for pane in setting.open(self.marks.final_through(event)) {
                    let end = pane.plus(Micros::MINUTE);
                    self.wait(event, end, Step::Setting, hash, at);
                }
            }
            self.store.get_mut(at).memory().setting = Some(Box::new(setting));
        }
        let sums = if held & SUMMED != 0 {
            varint::usize(input)?
        } else {
            0
        };
        for _ in 0..sums {
            let sum = take_to_date(input, &plan.rollups[rollup])?;
            if sum.until != Micros::MAX {
                let over = Step::Over(sum.window);
                self.wait(event, due(sum.until), over, hash, at);
            }
            self.store.get_mut(at).memory().to_date.push(sum);
        }
        Ok(())
    }
}

fn index(input: &mut &[u8], below: usize) -> Result<usize, EngineError> {
    let i = varint::usize(input)?;
    if i < below {
        Ok(i)
    } else {
        Err(bad("an index points at nothing"))
    }
}

fn put_to_date(out: &mut Vec<u8>, sum: &ToDate) {
    out.push(sum.window);
    for t in [sum.start, sum.until, sum.told] {
        varint::put_i64(out, t.0);
    }
    varint::put_bytes(out, &sum.row);
}

fn take_to_date(input: &mut &[u8], plan: &RollupPlan) -> Result<ToDate, EngineError> {
    let window = varint::byte(input)?;
    if usize::from(window) >= plan.to_date.len() {
        return Err(bad("a window to date is unknown"));
    }
    Ok(ToDate {
        window,
        start: Micros(varint::i64(input)?),
        until: Micros(varint::i64(input)?),
        told: Micros(varint::i64(input)?),
        row: varint::bytes(input)?.into(),
    })
}

fn put_pending(
    out: &mut Vec<u8>,
    (kpi, start, end): (usize, Micros, Micros),
    terms: &[Option<Option<f64>>],
) {
    varint::put_u64(out, kpi as u64);
    varint::put_i64(out, start.0);
    varint::put_i64(out, end.0);
    for term in terms {
        match term {
            None => out.push(0),
            Some(None) => out.push(1),
            Some(Some(v)) => {
                out.push(2);
                varint::put_f64(out, *v);
            }
        }
    }
}

/// True: it does not wait, it is known.
fn take_pending(input: &mut &[u8], plan: &Plan) -> Result<(Pending, bool), EngineError> {
    let kpi = index(input, 2 * plan.kpis.len())?;
    let known = kpi >= plan.kpis.len();
    let kpi = kpi % plan.kpis.len();
    let (start, end) = (Micros(varint::i64(input)?), Micros(varint::i64(input)?));
    let mut terms = Vec::with_capacity(plan.kpis[kpi].absent.len());
    for _ in 0..plan.kpis[kpi].absent.len() {
        terms.push(match varint::byte(input)? {
            0 => None,
            1 => Some(None),
            2 => Some(Some(varint::f64(input)?)),
            _ => return Err(bad("a term is of an unknown kind")),
        });
    }
    let pending = Pending {
        kpi: kpi as u16,
        start,
        end,
        terms: terms.into(),
    };
    Ok((pending, known))
}
