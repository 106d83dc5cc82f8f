//! Judging: detectors, and what stage 3 has to know, once per final window.

use super::forget::fades;
use super::out::subject;
use super::plan::Judges;
use super::shard::{Cx, Shard};
use super::store::{DetectorSlot, Id, tenant, texts};
use crate::detect::{self, DetectorState, Judged, Seen};
use crate::{EngineError, expr, kpi, measure};
use weir_catalog::types::{DetectorDef, Term};
use weir_model::Micros;

impl Cx<'_> {
    pub fn judged(&self, (start, end): (Micros, Micros)) -> Judged<'_> {
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
    pub fn value<'r>(
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
    pub fn seen(
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
            let slot = self.detector_slot(at, (d, def), span.1);
            slot.last = span.1;
            seen.and_then(|mut seen| {
                if detect::by_hour(&def.kind) {
                    seen.hour_of_week = cx.days.hour_of_week(zone, span.0);
                }
                slot.state.judge(def, &seen)
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

    /// A detector's state in a series for a window that ends then: made where there is none, anew
    /// where it is too old.
    fn detector_slot(
        &mut self,
        at: Id,
        (d, def): (usize, &DetectorDef),
        end: Micros,
    ) -> &mut DetectorSlot {
        let slots = &mut self.store.get_mut(at).memory().detectors;
        let i = match slots.binary_search_by_key(&(d as u16), |s| s.detector) {
            Ok(i) => {
                if !kpi::remembers(slots[i].last, end) {
                    slots[i].state = DetectorState::new(def);
                }
                i
            }
            Err(i) => {
                if slots.is_empty() {
                    self.expiring[def.event]
                        .entry(fades(end))
                        .or_default()
                        .push(at);
                }
                let slot = DetectorSlot {
                    detector: d as u16,
                    last: end,
                    state: DetectorState::new(def),
                };
                slots.reserve_exact(1);
                slots.insert(i, slot);
                i
            }
        };
        &mut slots[i]
    }
}
