//! KPIs of one subject: judged when the rows of all their terms are final.

use super::forget::fades;
use super::out::subject;
use super::shard::{Cx, Shard};
use super::store::{Id, KpiSlot, Pending, tenant, texts};
use super::time::due;
use crate::kpi::{self, KpiMemory};
use crate::{EngineError, measure};
use std::collections::VecDeque;
use weir_model::Micros;

impl Shard {
    /// A row of a KPI's term is final: the KPI is judged, or waits for its other event types.
    pub fn kpi(
        &mut self,
        cx: &mut Cx<'_>,
        (owner, rollup): (Id, u16),
        k: usize,
        row: &[u8],
        span: (Micros, Micros),
    ) -> Result<(), EngineError> {
        let plan = &cx.plan.kpis[k];
        let def = &cx.plan.catalog.kpis[k];
        let layout = &cx.plan.layouts[cx.plan.rollup(rollup).event];
        if plan.at_once {
            cx.scratch.terms.clear();
            for term in &def.terms {
                cx.scratch
                    .terms
                    .push(measure::stat(layout, row, term.measure, term.stat)?);
            }
            self.publish(cx, owner, k, span);
            return Ok(());
        }
        let memory = self.store.subject_mut(owner).memory.get_or_insert_default();
        let i = match memory.waits_at(k as u16, span.1) {
            Ok(i) => i,
            Err(i) => {
                let terms = vec![None; def.terms.len()].into();
                let new = Pending {
                    kpi: k as u16,
                    start: span.0,
                    end: span.1,
                    terms,
                };
                memory.pending.insert(i, new);
                self.pending[k].entry(due(span.1)).or_default().push(owner);
                i
            }
        };
        // Of all there is, rollups start apart.
        let pending = &mut memory.pending[i];
        pending.start = pending.start.min(span.0);
        for (t, term) in def
            .terms
            .iter()
            .enumerate()
            .filter(|(t, _)| plan.rollups[*t] == rollup)
        {
            pending.terms[t] = Some(measure::stat(layout, row, term.measure, term.stat)?);
        }
        Ok(())
    }

    /// KPIs of several event types, as far as all of them are final.
    pub fn settle_kpis(&mut self, cx: &mut Cx<'_>) -> Result<(), EngineError> {
        for k in 0..self.pending.len() {
            if self.pending[k].is_empty() {
                continue;
            }
            let through = self.kpi_through(cx, k);
            while let Some(first) = self.pending[k].first_entry()
                && *first.key() <= through
            {
                let (end, mut owners) = first.remove_entry();
                self.dirty = true;
                let subjects = &self.store;
                owners.sort_unstable_by(|&a, &b| {
                    let (a, b) = (subjects.subject_at(a), subjects.subject_at(b));
                    a.hash.cmp(&b.hash).then_with(|| a.name.cmp(&b.name))
                });
                for owner in owners {
                    self.settle(cx, owner, k, end)?;
                    self.store.tidy_subject(owner);
                }
            }
        }
        Ok(())
    }

    fn settle(
        &mut self,
        cx: &mut Cx<'_>,
        owner: Id,
        k: usize,
        end: Micros,
    ) -> Result<(), EngineError> {
        let memory = self.store.subject_mut(owner).memory.get_or_insert_default();
        let waiting = |p: &Pending| usize::from(p.kpi) == k && due(p.end) == end;
        let found = memory.pending.iter().position(waiting);
        let Some(mut pending) = found.and_then(|i| memory.pending.remove(i)) else {
            return Err(EngineError::Invariant(
                "a KPI that should be judged does not wait".into(),
            ));
        };
        if memory.pending.is_empty() {
            memory.pending = VecDeque::new();
        }
        if let Some(window) = cx.plan.kpis[k].to_date {
            self.complete(cx, owner, window, &mut pending);
        }
        let absent = &cx.plan.kpis[k].absent;
        cx.scratch.terms.clear();
        cx.scratch.terms.extend(
            pending
                .terms
                .iter()
                .zip(absent)
                .map(|(t, a)| t.unwrap_or(*a)),
        );
        self.put_settings(cx, owner, k, pending.end)?;
        self.publish(cx, owner, k, (pending.start, pending.end));
        Ok(())
    }

    /// Publishes a KPI whose terms stand in the scratch.
    fn publish(&mut self, cx: &mut Cx<'_>, owner: Id, k: usize, span: (Micros, Micros)) {
        let def = &cx.plan.catalog.kpis[k];
        let target = def.target_of(texts(&self.store.subject_at(owner).name).skip(1));
        let slots = &mut self
            .store
            .subject_mut(owner)
            .memory
            .get_or_insert_default()
            .kpis;
        let i = match slots.binary_search_by_key(&(k as u16), |s| s.kpi) {
            Ok(i) => {
                if !kpi::remembers(slots[i].last, span.1) {
                    slots[i].memory = KpiMemory::default();
                }
                i
            }
            Err(i) => {
                slots.reserve_exact(1);
                slots.insert(
                    i,
                    KpiSlot {
                        kpi: k as u16,
                        last: span.1,
                        memory: KpiMemory::default(),
                    },
                );
                self.fading[k].entry(fades(span.1)).or_default().push(owner);
                i
            }
        };
        let before = std::mem::replace(&mut slots[i].last, span.1);
        let days = kpi::days(def.window, span);
        let terms = &cx.scratch.terms;
        let scored = kpi::score(def, &mut slots[i].memory, terms, days, target);
        if !cx.emit {
            return;
        }
        let held = self.store.subject_at(owner);
        if cx.plan.kpis[k].watched {
            let name = &held.name;
            cx.sink
                .terms
                .kpi_value(k, tenant(name), texts(name).skip(1), span, scored.value);
        }
        if !scored.is_published(def, before, span.1) {
            return;
        }
        let record = kpi::record(
            &cx.judged(span),
            def,
            subject(cx.plan, held),
            scored,
            &cx.scratch.terms,
        );
        cx.sink.kpis.push(record);
    }

    pub fn kpi_through(&self, cx: &Cx<'_>, k: usize) -> Micros {
        let events = cx.plan.kpis[k].events.iter();
        events
            .map(|&e| self.marks.final_through(e))
            .min()
            .unwrap_or(Micros::MIN)
    }
}
