//! The way back: a shard out of its bytes, and what waits in its queues.

use super::{SETTING, SUMMED, bad};
use crate::detect::DetectorState;
use crate::kpi::KpiMemory;
use crate::window::forget::fades;
use crate::window::marks::Marks;
use crate::window::plan::{Plan, RollupPlan};
use crate::window::setting::Setting;
use crate::window::shard::{Shard, Step};
use crate::window::store::{
    DetectorSlot, Id, KpiSlot, Past, Pending, Ring, WindowKind, check_name, tenant,
};
use crate::window::time::{Days, Size, due};
use crate::window::to_date::{Known, ToDate};
use crate::{EngineError, varint};
use weir_model::Micros;

/// The series that is read.
#[derive(Clone, Copy)]
struct At {
    id: Id,
    event: usize,
    /// Of its subject.
    hash: u64,
}

impl Shard {
    /// Reads what [`Shard::encode`] wrote, into an empty shard.
    pub(super) fn decode(
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
            self.take_subject(input, plan, days)?;
        }
        if input.is_empty() {
            Ok(())
        } else {
            Err(bad("bytes are left over"))
        }
    }

    fn take_subject(
        &mut self,
        input: &mut &[u8],
        plan: &Plan,
        days: &mut Days,
    ) -> Result<(), EngineError> {
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
        self.take_momenta(input, plan, id)?;
        self.take_waiting(input, plan, id)?;
        for _ in 0..varint::usize(input)? {
            self.take_series(input, plan, days, (id, hash))?;
        }
        Ok(())
    }

    fn take_momenta(
        &mut self,
        input: &mut &[u8],
        plan: &Plan,
        owner: Id,
    ) -> Result<(), EngineError> {
        for _ in 0..varint::usize(input)? {
            let kpi = index(input, plan.kpis.len())?;
            let last = Micros(varint::i64(input)?);
            let memory = KpiMemory::decode(input)?;
            let subject = self.store.subject_mut(owner);
            subject.memory.get_or_insert_default().kpis.push(KpiSlot {
                kpi: kpi as u16,
                last,
                memory,
            });
            self.fading[kpi].entry(fades(last)).or_default().push(owner);
        }
        Ok(())
    }

    fn take_waiting(
        &mut self,
        input: &mut &[u8],
        plan: &Plan,
        owner: Id,
    ) -> Result<(), EngineError> {
        for _ in 0..varint::usize(input)? {
            let (pending, known) = take_pending(input, plan)?;
            let memory = self.store.subject_mut(owner).memory.get_or_insert_default();
            if known {
                memory.known.push(Known {
                    kpi: pending.kpi,
                    start: pending.start,
                    until: pending.end,
                    terms: pending.terms,
                });
                continue;
            }
            let queue = &mut self.pending[usize::from(pending.kpi)];
            queue.entry(due(pending.end)).or_default().push(owner);
            // One of an earlier version may come in any order.
            let (Ok(at) | Err(at)) = memory.waits_at(pending.kpi, pending.end);
            memory.pending.insert(at, pending);
        }
        Ok(())
    }

    fn take_series(
        &mut self,
        input: &mut &[u8],
        plan: &Plan,
        days: &mut Days,
        (subject, hash): (Id, u64),
    ) -> Result<(), EngineError> {
        let rollup = index(input, plan.rollups.len())?;
        let of = &plan.rollups[rollup];
        let at = At {
            id: self.store.series_of(subject, rollup as u16),
            event: of.event,
            hash,
        };
        self.take_open(input, days, at)?;
        let held = varint::byte(input)?;
        if held == 0 {
            return Ok(());
        }
        self.take_detectors(input, plan, at)?;
        self.take_rings(input, at)?;
        for _ in 0..varint::usize(input)? {
            let detector = index(input, plan.catalog.detectors.len())?;
            let end = Micros(varint::i64(input)?);
            let told = &mut self.store.get_mut(at.id).memory().told;
            told.push((detector as u16, end));
        }
        if held & SETTING != 0 {
            self.take_setting(input, of, at)?;
        }
        if held & SUMMED != 0 {
            self.take_sums(input, of, at)?;
        }
        Ok(())
    }

    fn take_open(&mut self, input: &mut &[u8], days: &mut Days, at: At) -> Result<(), EngineError> {
        let zone = self.store.owner(at.id).zone;
        for _ in 0..varint::usize(input)? {
            let kind = WindowKind(varint::byte(input)?);
            let start = Micros(varint::i64(input)?);
            let row = varint::bytes(input)?;
            let open = &mut self.store.get_mut(at.id).open;
            let Err(gap) = open.find(kind, start) else {
                return Err(bad("a window stands there twice"));
            };
            open.insert(gap, kind, start, row);
            let (end, step) = match Size::from_code(kind.0) {
                Some(size) => (due(days.span(size, zone, start).1), Step::Close(size)),
                None if kind == WindowKind::ACTIVITY => (start.plus(Micros::HOUR), Step::Activity),
                None => return Err(bad("a window is of an unknown size")),
            };
            self.wait(at.event, end, step, at.hash, at.id);
        }
        Ok(())
    }

    fn take_detectors(
        &mut self,
        input: &mut &[u8],
        plan: &Plan,
        at: At,
    ) -> Result<(), EngineError> {
        for _ in 0..varint::usize(input)? {
            let detector = index(input, plan.catalog.detectors.len())?;
            let last = Micros(varint::i64(input)?);
            let state = DetectorState::decode(&plan.catalog.detectors[detector], input)?;
            let slots = &mut self.store.get_mut(at.id).memory().detectors;
            if slots.is_empty() {
                self.expiring[at.event]
                    .entry(fades(last))
                    .or_default()
                    .push(at.id);
            }
            slots.push(DetectorSlot {
                detector: detector as u16,
                last,
                state,
            });
        }
        Ok(())
    }

    fn take_rings(&mut self, input: &mut &[u8], at: At) -> Result<(), EngineError> {
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
                self.wait(at.event, due(slide), Step::Slide(of), at.hash, at.id);
                self.store.get_mut(at.id).memory().rings.push(ring);
            }
        }
        Ok(())
    }

    fn take_setting(
        &mut self,
        input: &mut &[u8],
        plan: &RollupPlan,
        at: At,
    ) -> Result<(), EngineError> {
        let setting = Setting::decode(input)?;
        if plan.setting.as_ref().is_some_and(|s| !s.told.is_empty()) {
            for pane in setting.open(self.marks.final_through(at.event)) {
                let end = pane.plus(Micros::MINUTE);
                self.wait(at.event, end, Step::Setting, at.hash, at.id);
            }
        }
        self.store.get_mut(at.id).memory().setting = Some(Box::new(setting));
        Ok(())
    }

    fn take_sums(
        &mut self,
        input: &mut &[u8],
        plan: &RollupPlan,
        at: At,
    ) -> Result<(), EngineError> {
        for _ in 0..varint::usize(input)? {
            let sum = take_to_date(input, plan)?;
            if sum.until != Micros::MAX {
                let over = Step::Over(sum.window);
                self.wait(at.event, due(sum.until), over, at.hash, at.id);
            }
            self.store.get_mut(at.id).memory().to_date.push(sum);
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
