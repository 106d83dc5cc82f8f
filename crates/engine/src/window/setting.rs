//! Settings: what is in force for a subject at the end of a window (`docs/semantics.md`, Settings).
//!
//! Rows come in the panes from which they are known: those of events on time, and, in groups of
//! their own, those of events that came late ([`crate::partial::Group::rollup`]). What a window
//! knows is the merge of all rows of panes that end by its end. Rows that every window knows that
//! can still be asked about are merged into one.

use super::plan::{Plan, RollupId};
use super::shard::{Cx, Shard, Step};
use super::store::{Id, tenant, texts};
use super::time::FIVE_MINUTES;
use crate::measure::Layout;
use crate::partial::{Group, RowRef};
use crate::{EngineError, measure, varint};
use weir_catalog::types::EventId;
use weir_model::Micros;

/// Who reads the settings of a rollup.
#[derive(Default)]
pub(crate) struct SettingPlan {
    /// KPIs of one subject.
    pub kpis: Vec<usize>,
    /// (KPI, term) of KPIs across subjects: stage 3 is told of every change.
    pub told: Vec<(usize, usize)>,
}

/// The settings of a series. They do not fade: what was said holds until something else is said.
#[derive(Default, Debug, Clone, PartialEq)]
pub(crate) struct Setting {
    /// What every window knows that can still be asked about; empty where nothing.
    base: Box<[u8]>,
    /// (start of the pane, row), ascending.
    panes: Vec<(Micros, Box<[u8]>)>,
}

impl Setting {
    /// Takes in a row that is known from a pane on. True where the pane is a new one.
    fn add(&mut self, layout: &Layout, pane: Micros, row: &[u8]) -> Result<bool, EngineError> {
        let at = self.panes.partition_point(|(p, _)| *p < pane);
        match self.panes.get_mut(at).filter(|(p, _)| *p == pane) {
            Some((_, held)) => {
                merge_into(layout, held, row)?;
                Ok(false)
            }
            None => {
                self.panes.insert(at, (pane, row.into()));
                Ok(true)
            }
        }
    }

    /// The rows of panes that end by `end`. A window that ends within a minute knows of the full
    /// minutes before.
    fn known(&self, end: Micros) -> impl Iterator<Item = &[u8]> + Clone {
        let last = end.minus(Micros::MINUTE);
        let panes = self.panes.iter().take_while(move |(p, _)| *p <= last);
        let base = Some(&*self.base).filter(|b| !b.is_empty());
        base.into_iter().chain(panes.map(|(_, row)| &**row))
    }

    /// Merges what is known to every window that ends after `through`.
    fn compact(&mut self, layout: &Layout, through: Micros) -> Result<(), EngineError> {
        // A day that ends within five minutes is let go by the end of them.
        let safe = through.minus(FIVE_MINUTES).minus(Micros::MINUTE);
        let n = self.panes.partition_point(|(p, _)| *p <= safe);
        for (_, row) in self.panes.drain(..n) {
            if self.base.is_empty() {
                self.base = row;
            } else {
                merge_into(layout, &mut self.base, &row)?;
            }
        }
        Ok(())
    }

    /// Starts of the panes that end after `through`.
    pub fn open(&self, through: Micros) -> impl Iterator<Item = Micros> {
        let panes = self.panes.iter().map(|(p, _)| *p);
        panes.filter(move |p| p.plus(Micros::MINUTE) > through)
    }

    /// Bytes held, about.
    pub fn bytes(&self) -> usize {
        let rows = self.panes.iter().map(|(_, row)| row.len());
        size_of::<Setting>()
            + self.base.len()
            + rows.sum::<usize>()
            + self.panes.capacity() * size_of::<(Micros, Box<[u8]>)>()
    }

    pub fn encode(&self, out: &mut Vec<u8>) {
        varint::put_bytes(out, &self.base);
        varint::put_u64(out, self.panes.len() as u64);
        for (pane, row) in &self.panes {
            varint::put_i64(out, pane.0);
            varint::put_bytes(out, row);
        }
    }

    pub fn decode(input: &mut &[u8]) -> Result<Setting, EngineError> {
        let mut setting = Setting {
            base: varint::bytes(input)?.into(),
            panes: Vec::new(),
        };
        for _ in 0..varint::usize(input)? {
            let pane = Micros(varint::i64(input)?);
            if setting.panes.last().is_some_and(|(p, _)| *p >= pane) {
                return Err(EngineError::corrupt(
                    "a snapshot",
                    "the panes of a setting are out of order",
                ));
            }
            setting.panes.push((pane, varint::bytes(input)?.into()));
        }
        Ok(setting)
    }
}

fn merge_into(layout: &Layout, held: &mut Box<[u8]>, row: &[u8]) -> Result<(), EngineError> {
    let mut merged = Vec::new();
    measure::merge(layout, held, row, &mut merged)?;
    *held = merged.into();
    Ok(())
}

impl Plan {
    /// The rollup whose late settings a group of that number holds; `None` where there is none.
    pub fn late_setting(&self, event: EventId, rollup: usize) -> Option<RollupId> {
        let def = self.catalog.events.get(event).filter(|e| e.setting)?;
        let of = rollup.checked_sub(def.rollups.len())?;
        self.rollup_id(event, of).ok()
    }
}

impl Shard {
    /// Takes in what came late: it is known from its panes on, in no window and no part.
    pub fn add_late_settings(
        &mut self,
        cx: &mut Cx<'_>,
        id: RollupId,
        group: &Group<'_>,
    ) -> Result<(), EngineError> {
        let plan = cx.plan.rollup(id);
        if plan.setting.is_none() {
            return Ok(());
        }
        let through = self.marks.final_through(plan.event);
        let at = self.series_of(cx, id, group);
        for row in group.rows() {
            let row = row?;
            if row.pane.plus(Micros::MINUTE) <= through {
                self.counters.invariant_breaks += 1;
            } else {
                self.know(cx, at, &row)?;
            }
        }
        self.dirty = true;
        self.store.tidy(at);
        Ok(())
    }

    /// Takes in a row of a setting that somebody reads.
    pub fn know(&mut self, cx: &Cx<'_>, at: Id, row: &RowRef<'_>) -> Result<(), EngineError> {
        let rollup = cx.plan.rollup(self.store.get(at).rollup);
        let Some(plan) = &rollup.setting else {
            return Ok(());
        };
        let layout = &cx.plan.layouts[rollup.event];
        let asked = self.asked_about(cx, rollup.event, plan);
        let setting = self
            .store
            .get_mut(at)
            .memory()
            .setting
            .get_or_insert_default();
        setting.compact(layout, asked)?;
        let new = setting.add(layout, row.pane, row.encoded)?;
        if new && !plan.told.is_empty() {
            let hash = self.store.owner(at).hash;
            let end = row.pane.plus(Micros::MINUTE);
            self.wait(rollup.event, end, Step::Setting, hash, at);
        }
        Ok(())
    }

    /// Windows that end by then have been judged by all that read a setting.
    fn asked_about(&self, cx: &Cx<'_>, event: EventId, plan: &SettingPlan) -> Micros {
        let kpis = plan.kpis.iter().map(|k| self.kpi_through(cx, *k));
        let through = self.marks.final_through(event);
        kpis.min().unwrap_or(through).min(through)
    }

    /// Puts what is in force at the end of a window in the place of the terms that are settings.
    pub fn put_settings(
        &self,
        cx: &mut Cx<'_>,
        owner: Id,
        k: usize,
        end: Micros,
    ) -> Result<(), EngineError> {
        let def = &cx.plan.catalog.kpis[k];
        for &(t, rollup) in &cx.plan.kpis[k].settings {
            let of = |at: &Id| self.store.get(*at).rollup == rollup;
            let Some(at) = self.store.series_ids(owner).find(of) else {
                continue;
            };
            let term = (def.terms[t].measure, def.terms[t].stat);
            if let Some(value) = self.in_force(cx, at, term, end)? {
                cx.scratch.terms[t] = value;
            }
        }
        Ok(())
    }

    /// A statistic of what is in force for a series at a moment; `None` where nothing is known.
    fn in_force(
        &self,
        cx: &mut Cx<'_>,
        at: Id,
        (measure, stat): (usize, weir_catalog::Stat),
        end: Micros,
    ) -> Result<Option<Option<f64>>, EngineError> {
        let series = self.store.get(at);
        let layout = &cx.plan.layouts[cx.plan.rollup(series.rollup).event];
        let memory = series.memory.as_ref().and_then(|m| m.setting.as_ref());
        let Some(setting) = memory else {
            return Ok(None);
        };
        let rows = setting.known(end);
        if rows.clone().next().is_none() {
            return Ok(None);
        }
        let buffers = (&mut cx.scratch.row, &mut cx.scratch.other);
        measure::stat_of_merged(layout, rows, measure, stat, buffers).map(Some)
    }

    /// Tells stage 3 what holds for windows that end by the end of a pane or after it.
    pub fn tell_setting(
        &mut self,
        cx: &mut Cx<'_>,
        at: Id,
        end: Micros,
    ) -> Result<(), EngineError> {
        let plan = cx.plan.rollup(self.store.get(at).rollup);
        if !cx.emit {
            return Ok(());
        }
        for &(k, t) in plan.setting.iter().flat_map(|s| &s.told) {
            let term = &cx.plan.catalog.kpis[k].terms[t];
            let held = self.in_force(cx, at, (term.measure, term.stat), end)?;
            let name = &self.store.owner(at).name;
            let subject = (tenant(name), texts(name).skip(1));
            cx.sink.terms.setting((k, t), subject, end, held.flatten());
        }
        Ok(())
    }
}
