//! One slice of the state: what waits, what is remembered, what is open.

use super::deferred::Deferred;
use super::hours::Passed;
use super::machine::Machine;
use super::setting::Settings;
use super::silence::Silence;
use super::tell::{self, Told};
use super::{Context, ScoreOut, ScoreStats};
use crate::detect::Finding;
use crate::kpi::KpiMemory;
use crate::terms::{Route, SubjectKey};
use std::collections::{BTreeMap, BTreeSet};
use weir_catalog::types::EventId;
use weir_model::Micros;

/// State by (index of a KPI or rule, subject).
pub(super) type BySubject<T> = BTreeMap<(usize, Box<str>), T>;

#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Shard {
    /// Offset of the last message folded; -1 before the first.
    pub(super) covered: i64,
    pub(super) dirty: bool,
    /// (offset covered, number of parts) of the last snapshot.
    pub(super) snapshot: Option<(i64, usize)>,
    /// By partials partition, by event type; empty where it was not heard of.
    pub(super) through: Vec<Vec<Micros>>,
    /// Rounds not run yet, in the order they will be.
    pub(super) pending: BTreeMap<(Micros, Route), Round>,
    /// Of cross-subject KPIs and scores, with the last window end.
    pub(super) memory: BySubject<(Micros, KpiMemory)>,
    /// Of cross-subject KPIs to date: terms as they were last evaluated in the period, by the
    /// term's subject.
    pub(super) known: BySubject<TermRows>,
    /// Of rules on KPIs and detectors: those not idle.
    pub(super) machines: BySubject<Machine>,
    /// Of rules on silence.
    pub(super) silence: BySubject<Silence>,
    /// Of rules that wait for more than what moves them.
    pub(super) deferred: Deferred,
    /// Of cross-subject KPIs.
    pub(super) settings: Settings,
}

/// What the rules look at in one window, by subject.
pub(super) type Values = BTreeMap<Box<str>, (f64, Option<Finding>)>;

/// What is known of one window of a KPI or detector.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Round {
    /// Rows of terms by their subject.
    pub(super) terms: BTreeMap<Box<str>, TermRows>,
    /// Values for the rules, by subject.
    pub(super) values: Values,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct TermRows {
    pub(super) start: Micros,
    /// (term, value)
    pub(super) values: Vec<(usize, Option<f64>)>,
}

impl Shard {
    pub(super) fn new(partials: u32) -> Shard {
        let through = (0..partials).map(|_| Vec::new()).collect();
        Shard {
            covered: -1,
            through,
            ..Shard::default()
        }
    }

    /// Through when an event type is final on all partials partitions.
    pub(super) fn final_on_all(&self, event: EventId) -> Micros {
        let through = self
            .through
            .iter()
            .map(|p| p.get(event).copied().unwrap_or(Micros::MIN));
        through.min().unwrap_or(Micros::MIN)
    }

    pub(super) fn final_for(&self, context: &Context, route: Route) -> Option<Micros> {
        let plan = &context.plan;
        match route {
            Route::Kpi(k) => plan
                .kpis
                .get(k)?
                .events
                .iter()
                .map(|e| self.final_on_all(*e))
                .min(),
            Route::Detector(d) => Some(self.final_on_all(plan.detectors.get(d)?.event)),
            Route::Rule(r) => {
                plan.silence.get(r)?.as_ref()?;
                self.final_for_rule(context, r)
            }
        }
    }

    /// Through when a rule can be evaluated.
    pub(super) fn final_for_rule(&self, context: &Context, rule: usize) -> Option<Micros> {
        let events = &context.plan.rules.get(rule)?.events;
        events.iter().map(|e| self.final_on_all(*e)).min()
    }

    fn is_final(&self, context: &Context, route: Route, end: Micros) -> bool {
        self.final_for(context, route).is_some_and(|t| t >= end)
    }

    pub(super) fn round(
        &mut self,
        context: &Context,
        route: Route,
        end: Micros,
    ) -> Option<&mut Round> {
        if self.is_final(context, route, end) {
            return None;
        }
        self.dirty = true;
        Some(self.pending.entry((end, route)).or_default())
    }

    /// Takes in how far a partials partition is final, and runs every round that is final now.
    pub(super) fn final_through(
        &mut self,
        context: &Context,
        partition: u32,
        through: &[Micros],
        offset: i64,
        out: &mut ScoreOut,
    ) {
        let events = 0..through.len();
        let before: Vec<Micros> = events.clone().map(|e| self.final_on_all(e)).collect();
        let Some(known) = self.through.get_mut(partition as usize) else {
            return;
        };
        known.resize(through.len(), Micros::MIN);
        known
            .iter_mut()
            .zip(through)
            .for_each(|(k, t)| *k = (*k).max(*t));
        let now: Vec<Micros> = events.map(|e| self.final_on_all(e)).collect();
        if now == before {
            return;
        }
        let level = |route| match route {
            Route::Kpi(k) => context.plan.kpis.get(k).map_or(0, |p| p.level),
            _ => 0,
        };
        // Scores run after all that they stand on, in the order of ends.
        let mut ready: BTreeSet<(Micros, usize, Route)> = self
            .pending
            .keys()
            .take_while(|(end, _)| now.iter().any(|t| t >= end))
            .filter(|(end, route)| self.is_final(context, *route, *end))
            .map(|(end, route)| (*end, level(*route), *route))
            .collect();
        while let Some((end, _, route)) = ready.pop_first() {
            if let Some(round) = self.pending.remove(&(end, route)) {
                self.dirty = true;
                let fed = self.run(context, end, route, round, offset, out);
                let fed = fed
                    .into_iter()
                    .filter(|(end, r)| self.is_final(context, *r, *end));
                ready.extend(fed.map(|(end, route)| (end, level(route), route)));
            }
        }
        let span = Passed { before, now };
        let at_once = |rule: usize| context.plan.rules.get(rule).is_some_and(|r| !r.deferred);
        self.hours(context, &at_once, &span, offset, out);
        for rule in &context.plan.deferred {
            self.evaluate(context, *rule, offset, out);
            self.hours(context, &|r| r == *rule, &span, offset, out);
        }
        if span.ends_a_day() {
            self.forget(context);
        }
    }

    /// Runs a round; the rounds of scores that it gave something to.
    fn run(
        &mut self,
        context: &Context,
        end: Micros,
        route: Route,
        round: Round,
        offset: i64,
        out: &mut ScoreOut,
    ) -> Vec<(Micros, Route)> {
        let mut values = round.values;
        if let Route::Kpi(k) = route
            && context.plan.kpis.get(k).is_some_and(|p| p.cross)
        {
            values = match context.catalog.kpis.get(k).is_some_and(|d| d.mix.is_some()) {
                true => self.mix(context, k, end, &round.terms, offset, out),
                false => self.join(context, k, end, &round.terms, offset, out),
            };
        }
        let rules = match route {
            Route::Kpi(k) => context.plan.kpis.get(k).map(|p| &p.rules),
            Route::Detector(d) => context.plan.detectors.get(d).map(|p| &p.rules),
            Route::Rule(_) => None,
        };
        for (rule, condition) in rules.into_iter().flatten() {
            let waits = context.plan.rules.get(*rule).is_some_and(|r| r.deferred);
            for (subject, (value, found)) in &values {
                let Some(look) = tell::look(context, (*rule, *condition), subject, *value, *found)
                else {
                    continue;
                };
                if waits {
                    self.deferred.take((*rule, *condition), end, subject, look);
                } else {
                    let told = Told::at(*rule, end, look);
                    self.watch(context, subject, &told, offset, out);
                }
            }
        }
        match route {
            Route::Kpi(k) => self.feed(context, k, end, &values),
            _ => Vec::new(),
        }
    }

    /// One evaluation of a rule for a subject.
    pub(super) fn watch(
        &mut self,
        context: &Context,
        subject: &str,
        told: &Told,
        offset: i64,
        out: &mut ScoreOut,
    ) {
        let Some(plan) = context.plan.rules.get(told.rule) else {
            return;
        };
        let inhibited = self.deferred.inhibits(plan, subject, told.at);
        let key = (told.rule, Box::from(subject));
        let mut machine = self.machines.get(&key).copied().unwrap_or_default();
        if let Some(step) = machine.take(plan.patience, told.at, told.look, inhibited) {
            self.deferred.note(plan, &key, told.at, step.state);
            out.alerts.extend(tell::alert(
                context,
                SubjectKey(subject),
                told,
                step,
                offset,
            ));
        }
        if machine.is_idle() {
            self.machines.remove(&key);
        } else {
            self.machines.insert(key, machine);
        }
    }

    pub(super) fn count(&self, stats: &mut ScoreStats) {
        stats.pending += self.pending.len() + self.deferred.waiting.len();
        stats.memories += self.memory.len();
        stats.open_alerts += self.machines.values().filter(|m| m.is_open()).count();
        stats.open_alerts += self.silence.values().filter(|s| s.is_open()).count();
        stats.watched += self.silence.len();
    }
}
