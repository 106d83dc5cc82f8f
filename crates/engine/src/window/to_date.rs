//! Windows to date: one row per series and window that grows by each final step and goes with its
//! period, and what a KPI of several rollups knows of each of them.

use super::shard::{Cx, Shard, Step};
use super::store::{Id, Pending};
use super::time::{Size, due};
use crate::{EngineError, measure};
use weir_model::{Micros, Since};

/// A window to date of a series. Unless it has no end it waits in the queue of its period's last
/// step.
pub(crate) struct ToDate {
    /// Place of its plan among the rollup's.
    pub window: u8,
    /// Start of the period; of all there is, of the first step.
    pub start: Micros,
    /// End of the period's last step; [`Micros::MAX`]: it has none.
    pub until: Micros,
    /// End of the last step that was merged.
    pub told: Micros,
    pub row: Box<[u8]>,
}

/// What a KPI of several rollups knows of a subject's period: the terms as they were last
/// evaluated.
pub(crate) struct Known {
    pub kpi: u16,
    pub start: Micros,
    /// As of [`ToDate`].
    pub until: Micros,
    pub terms: Box<[Option<Option<f64>>]>,
}

impl ToDate {
    /// Bytes held, about.
    pub fn bytes(&self) -> usize {
        size_of::<ToDate>() + self.row.len()
    }
}

impl Known {
    /// Bytes held, about.
    pub fn bytes(&self) -> usize {
        size_of::<Known>() + size_of_val(&*self.terms)
    }
}

impl Shard {
    /// A window of a series is final: it is a step of those to date that are made of its size.
    pub fn step_to_date(
        &mut self,
        cx: &mut Cx<'_>,
        at: Id,
        size: Size,
        span: (Micros, Micros),
        row: &[u8],
    ) -> Result<(), EngineError> {
        let plan = cx.plan.rollup(self.store.get(at).rollup);
        for (i, window) in plan.to_date.iter().enumerate() {
            if window.step != size {
                continue;
            }
            let place = self.merge_step(cx, at, i as u8, span, row)?;
            let sum = &mut self.store.get_mut(at).memory().to_date[place];
            let (start, row) = (sum.start, std::mem::take(&mut sum.row));
            let judged = self.judge(cx, at, &window.judges, &row, (start, span.1));
            self.store.get_mut(at).memory().to_date[place].row = row;
            judged?;
        }
        Ok(())
    }

    /// Merges a step into the row of its period, which may begin with it.
    fn merge_step(
        &mut self,
        cx: &mut Cx<'_>,
        at: Id,
        window: u8,
        (start, end): (Micros, Micros),
        step: &[u8],
    ) -> Result<usize, EngineError> {
        let (hash, zone) = {
            let owner = self.store.owner(at);
            (owner.hash, owner.zone)
        };
        let plan = cx.plan.rollup(self.store.get(at).rollup);
        let sums = &mut self.store.get_mut(at).memory().to_date;
        if let Some(place) = sums.iter().position(|s| s.window == window) {
            let (sum, out) = (&mut sums[place], &mut cx.scratch.row);
            if sum.until < end {
                return Err(EngineError::Invariant(
                    "a step comes after the end of its period".into(),
                ));
            }
            out.clear();
            measure::merge(&cx.plan.layouts[plan.event], &sum.row, step, out)?;
            if sum.row.len() == out.len() {
                sum.row.copy_from_slice(out);
            } else {
                sum.row = out.as_slice().into();
            }
            sum.told = end;
            return Ok(place);
        }
        let of = &plan.to_date[usize::from(window)];
        let (period, until) = cx.days.period_of((of.since, of.step), zone, end);
        sums.reserve_exact(1);
        sums.push(ToDate {
            window,
            start: if of.since == Since::All {
                start
            } else {
                period
            },
            until,
            told: end,
            row: step.into(),
        });
        let place = sums.len() - 1;
        if until != Micros::MAX {
            self.wait(plan.event, due(until), Step::Over(window), hash, at);
        }
        Ok(place)
    }

    /// The last step of a period is final: the window is judged, unless that step was merged and so
    /// judged already, and goes.
    pub fn period_over(&mut self, cx: &mut Cx<'_>, at: Id, window: u8) -> Result<(), EngineError> {
        let sums = &mut self.store.get_mut(at).memory().to_date;
        let Some(place) = sums.iter().position(|s| s.window == window) else {
            return Err(EngineError::Invariant(
                "a window to date that should end is not there".into(),
            ));
        };
        let sum = sums.swap_remove(place);
        if sums.is_empty() {
            *sums = Vec::new();
        }
        if sum.told == sum.until {
            return Ok(());
        }
        let plan = cx.plan.rollup(self.store.get(at).rollup);
        let judges = &plan.to_date[usize::from(window)].judges;
        self.judge(cx, at, judges, &sum.row, (sum.start, sum.until))
    }

    /// Gives a KPI the terms that were evaluated earlier in the period, and remembers those that
    /// are evaluated now until it is over.
    pub fn complete(
        &mut self,
        cx: &mut Cx<'_>,
        owner: Id,
        window: (Since, Size),
        pending: &mut Pending,
    ) {
        let zone = self.store.subject_at(owner).zone;
        let (_, until) = cx.days.period_of(window, zone, pending.end);
        let memory = self.store.subject_mut(owner).memory.get_or_insert_default();
        let known = memory.known.iter().position(|k| k.kpi == pending.kpi);
        if let Some(i) = known {
            let known = &memory.known[i];
            pending.start = pending.start.min(known.start);
            for (now, before) in pending.terms.iter_mut().zip(&known.terms) {
                *now = now.or(*before);
            }
        }
        let over = pending.end == until;
        match known {
            Some(i) if over => drop(memory.known.swap_remove(i)),
            Some(i) => {
                memory.known[i].start = pending.start;
                memory.known[i].terms.copy_from_slice(&pending.terms);
            }
            None if over => {}
            None => {
                memory.known.reserve_exact(1);
                memory.known.push(Known {
                    kpi: pending.kpi,
                    start: pending.start,
                    until,
                    terms: pending.terms.clone(),
                });
            }
        }
    }
}
