//! Judging: detectors, KPIs of one subject, and what stage 3 has to know, once per final window.

use super::out::subject;
use super::plan::Judges;
use super::shard::{Cx, Shard, active_end};
use super::store::{DetectorSlot, Id, Kind, KpiSlot, NONE, Pending, tenant, texts};
use super::time::{DAY, HOUR, Size, due};
use crate::detect::{self, DetectorState, Judged, Seen};
use crate::kpi::{self, KpiMemory, MEMORY};
use crate::{EngineError, expr, measure};
use weir_catalog::types::{DetectorDef, Term};
use weir_model::Micros;

impl Cx<'_> {
    fn judged(&self, (start, end): (Micros, Micros)) -> Judged<'_> {
        Judged {
            catalog: &self.plan.catalog,
            run: self.run,
            start,
            end,
            revision: self.offset,
        }
    }

    /// The value that a detector looks at in the merge of some rows, into which its terms are read;
    /// `None` where there is none or the sample is too small.
    fn value<'r>(
        &mut self,
        def: &DetectorDef,
        rows: impl Iterator<Item = &'r [u8]> + Clone,
    ) -> Result<Option<f64>, EngineError> {
        let layout = &self.plan.layouts[def.event];
        let scratch = &mut *self.scratch;
        scratch.terms.clear();
        for term in &def.terms {
            let buffers = (&mut scratch.row, &mut scratch.other);
            let rows = rows.clone();
            scratch.terms.push(measure::stat_of_merged(
                layout,
                rows,
                term.measure,
                term.stat,
                buffers,
            )?);
        }
        if let Some((sample, least)) = def.minimum_sample {
            let size = scratch.terms.get(sample).copied().flatten();
            if size.is_none_or(|s| s < least) {
                return Ok(None);
            }
        }
        Ok(expr::eval(&def.expr, &scratch.terms, &mut scratch.stack))
    }

    /// What a detector sees of a final window, if it has a value.
    fn seen(
        &mut self,
        def: &DetectorDef,
        row: &[u8],
        end: Micros,
    ) -> Result<Option<Seen>, EngineError> {
        let Some(x) = self.value(def, std::iter::once(row))? else {
            return Ok(None);
        };
        let scratch = &mut *self.scratch;
        let bound = detect::bound(&def.kind);
        let bins = match detect::looks_at(&def.kind) {
            Some(m) => measure::bins(&self.plan.layouts[def.event], row, m)?,
            None => Vec::new(),
        };
        Ok(Some(Seen {
            end,
            hour_of_week: 0,
            x,
            bound: bound.and_then(|b| expr::eval(b, &scratch.terms, &mut scratch.stack)),
            bins,
        }))
    }
}

/// End of the time after which nothing that ended at `last` is remembered, in steps of a day: a
/// queue's key.
pub(crate) fn fades(last: Micros) -> Micros {
    last.plus(MEMORY).floor(Micros::DAY).plus(Micros::DAY)
}

impl Shard {
    /// Everything that looks at a final window of a series.
    pub fn judge(
        &mut self,
        cx: &mut Cx<'_>,
        at: Id,
        judges: &Judges,
        row: &[u8],
        span: (Micros, Micros),
    ) -> Result<(), EngineError> {
        for &d in &judges.detectors {
            self.detect(cx, at, d, row, span)?;
        }
        let (rollup, owner) = (self.store.get(at).rollup, self.store.get(at).subject);
        for &k in &judges.kpis {
            self.kpi(cx, (owner, rollup), k, row, span)?;
        }
        if cx.emit {
            let layout = &cx.plan.layouts[cx.plan.rollup(rollup).event];
            for &(k, t) in &judges.terms {
                let name = &self.store.subject_at(owner).name;
                if !cx.plan.kpis[k].asks(t, texts(name).skip(1)) {
                    continue;
                }
                let term: &Term = &cx.plan.catalog.kpis[k].terms[t];
                let value = measure::stat(layout, row, term.measure, term.stat)?;
                cx.sink
                    .terms
                    .term((k, t), tenant(name), texts(name).skip(1), span, value);
            }
        }
        Ok(())
    }

    fn detect(
        &mut self,
        cx: &mut Cx<'_>,
        at: Id,
        d: usize,
        row: &[u8],
        span: (Micros, Micros),
    ) -> Result<(), EngineError> {
        let def = &cx.plan.catalog.detectors[d];
        let seen = cx.seen(def, row, span.1)?;
        let judged = if !detect::remembers(&def.kind) {
            seen.and_then(|seen| DetectorState::new(def).judge(def, &seen))
        } else {
            let zone = self.store.owner(at).zone;
            let slots = &mut self.store.get_mut(at).memory().detectors;
            let i = match slots.binary_search_by_key(&(d as u16), |s| s.detector) {
                Ok(i) => {
                    if !kpi::remembers(slots[i].last, span.1) {
                        slots[i].state = DetectorState::new(def);
                    }
                    i
                }
                Err(i) => {
                    if slots.is_empty() {
                        self.expiring[def.event]
                            .entry(fades(span.1))
                            .or_default()
                            .push(at);
                    }
                    let slot = DetectorSlot {
                        detector: d as u16,
                        last: span.1,
                        state: DetectorState::new(def),
                    };
                    slots.reserve_exact(1);
                    slots.insert(i, slot);
                    i
                }
            };
            slots[i].last = span.1;
            seen.and_then(|mut seen| {
                if detect::by_hour(&def.kind) {
                    seen.hour_of_week = cx.days.hour_of_week(zone, span.0);
                }
                slots[i].state.judge(def, &seen)
            })
        };
        let Some((x, found)) = judged else {
            return Ok(());
        };
        if !cx.emit {
            return Ok(());
        }
        let owner = self.store.owner(at);
        if cx.plan.watched_detectors[d] {
            let name = &owner.name;
            cx.sink
                .terms
                .verdict(d, tenant(name), texts(name).skip(1), span, x, found);
        }
        if let Some(found) = found {
            let record = detect::anomaly(
                &cx.judged(span),
                def,
                subject(cx.plan, owner),
                x,
                found,
                false,
            );
            cx.sink.anomalies.push(record);
        }
        Ok(())
    }

    /// A row of a KPI's term is final: the KPI is judged, or waits for its other event types.
    fn kpi(
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
        let same = |p: &Pending| usize::from(p.kpi) == k && p.end == span.1;
        let i = match memory.pending.iter().position(same) {
            Some(i) => i,
            None => {
                let terms = vec![None; def.terms.len()].into();
                memory.pending.push(Pending {
                    kpi: k as u16,
                    start: span.0,
                    end: span.1,
                    terms,
                });
                self.pending[k].entry(due(span.1)).or_default().push(owner);
                memory.pending.len() - 1
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
        let Some(i) = memory.pending.iter().position(waiting) else {
            return Err(EngineError::Invariant(
                "a KPI that should be judged does not wait".into(),
            ));
        };
        let mut pending = memory.pending.swap_remove(i);
        if memory.pending.is_empty() {
            memory.pending = Vec::new();
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
        slots[i].last = span.1;
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

    /// Drops what was not touched by a final window for too long. Only memory is saved by it: what
    /// is too old is not remembered anyway.
    pub fn forget(&mut self, cx: &Cx<'_>) {
        for event in 0..self.expiring.len() {
            let through = self.marks.final_through(event);
            while let Some(first) = self.expiring[event].first_entry()
                && *first.key() <= through
            {
                let ids = first.remove();
                self.dirty = true;
                for at in ids {
                    let slots = &mut self.store.get_mut(at).memory().detectors;
                    slots.retain(|s| kpi::remembers(s.last, through));
                    match slots.iter().map(|s| s.last).max() {
                        Some(last) => self.expiring[event]
                            .entry(fades(last))
                            .or_default()
                            .push(at),
                        None => self.store.tidy(at),
                    }
                }
            }
        }
        for k in 0..self.fading.len() {
            if self.fading[k].is_empty() {
                continue;
            }
            let through = self.kpi_through(cx, k);
            while let Some(first) = self.fading[k].first_entry()
                && *first.key() <= through
            {
                let ids = first.remove();
                self.dirty = true;
                for owner in ids {
                    let slots = &mut self
                        .store
                        .subject_mut(owner)
                        .memory
                        .get_or_insert_default()
                        .kpis;
                    let Ok(i) = slots.binary_search_by_key(&(k as u16), |s| s.kpi) else {
                        continue;
                    };
                    if kpi::remembers(slots[i].last, through) {
                        let at = fades(slots[i].last);
                        self.fading[k].entry(at).or_default().push(owner);
                    } else {
                        slots.remove(i);
                        self.store.tidy_subject(owner);
                    }
                }
            }
        }
    }

    /// Tells early limits of the windows that the last rows went into.
    pub fn early(&mut self, cx: &mut Cx<'_>, at: Id) -> Result<(), EngineError> {
        let plan = cx.plan.rollup(self.store.get(at).rollup);
        let mut touched = std::mem::take(&mut cx.scratch.touched);
        touched.sort_unstable();
        for early in &plan.early {
            let def = &cx.plan.catalog.detectors[early.detector];
            let zone = self.store.owner(at).zone;
            let mut before = None;
            for &t in &touched {
                let (start, end) = cx.days.span(early.size, zone, t);
                let told = (early.detector as u16, end);
                let known = self
                    .store
                    .get(at)
                    .memory
                    .as_ref()
                    .is_some_and(|m| m.told.contains(&told));
                if before.replace(end) == Some(end) || known {
                    continue;
                }
                // Of the rows only what the limit looks at is merged: most of the time there is
                // nothing to tell.
                let by_hours = self.by_hours(cx, at, early.size, start);
                let rows = self.parts(at, early.size, (start, end), by_hours);
                let Some(x) = cx.value(def, rows)? else {
                    continue;
                };
                let Some(found) = detect::early(def, x) else {
                    continue;
                };
                self.store.get_mut(at).memory().told.push(told);
                if cx.emit {
                    let subject = subject(cx.plan, self.store.owner(at));
                    let span = (start, end);
                    cx.sink.anomalies.push(detect::anomaly(
                        &cx.judged(span),
                        def,
                        subject,
                        x,
                        found,
                        true,
                    ));
                }
            }
        }
        cx.scratch.touched = touched;
        Ok(())
    }

    /// Forgets that early limits of a window were told: it is final.
    pub fn untell(&mut self, cx: &Cx<'_>, at: Id, size: Size, end: Micros) {
        let series = self.store.get_mut(at);
        let plan = cx.plan.rollup(series.rollup);
        let Some(memory) = series.memory.as_mut() else {
            return;
        };
        let of_size = |d: u16| {
            plan.early
                .iter()
                .any(|e| e.detector == usize::from(d) && e.size == size)
        };
        memory.told.retain(|&(d, e)| e > end || !of_size(d));
    }

    /// Merges what an open window holds so far into the scratch row. False where it holds nothing.
    pub fn so_far(
        &self,
        cx: &mut Cx<'_>,
        at: Id,
        size: Size,
        span: (Micros, Micros),
    ) -> Result<bool, EngineError> {
        let by_hours = self.by_hours(cx, at, size, span.0);
        let layout = &cx.plan.layouts[cx.plan.rollup(self.store.get(at).rollup).event];
        let (row, other) = (&mut cx.scratch.row, &mut cx.scratch.other);
        row.clear();
        let mut any = false;
        for part in self.parts(at, size, span, by_hours) {
            if any {
                other.clear();
                measure::merge(layout, row, part, other)?;
                std::mem::swap(row, other);
            } else {
                row.extend_from_slice(part);
                any = true;
            }
        }
        Ok(any)
    }

    /// The rows that an open window holds so far: its own and those of the smaller windows in it
    /// that are still open.
    fn parts(
        &self,
        at: Id,
        size: Size,
        (start, end): (Micros, Micros),
        by_hours: bool,
    ) -> impl Iterator<Item = &[u8]> + Clone {
        let open = &self.store.get(at).open;
        Size::ALL
            .into_iter()
            .filter(move |&s| s == size || (s < size && (s < HOUR || by_hours)))
            .flat_map(move |s| open.between(Kind::of(s), start, end))
            .map(|o| o.row)
    }

    /// Whether a window is a day that grows out of hours; one that is not made of them grows out of
    /// five minutes, beside them.
    fn by_hours(&self, cx: &mut Cx<'_>, at: Id, size: Size, start: Micros) -> bool {
        size == DAY && cx.days.of_hours(self.store.owner(at).zone, start)
    }

    /// Tells the last active minute of an hour to the rules on silence.
    pub fn tell_active(&mut self, cx: &mut Cx<'_>, at: Id, end: Micros) {
        let series = self.store.get_mut(at);
        let last = &mut cx.scratch.row;
        if !series
            .open
            .remove(Kind::ACTIVITY, end.minus(Micros::HOUR), last)
        {
            return;
        }
        let last = active_end(last);
        let (rollup, owner) = (series.rollup, series.subject);
        if !cx.emit || owner == NONE {
            return;
        }
        let name = &self.store.subject_at(owner).name;
        for &rule in &cx.plan.rollup(rollup).activity {
            cx.sink
                .terms
                .active(rule, tenant(name), texts(name).skip(1), last);
        }
    }
}
