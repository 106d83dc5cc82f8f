//! One slice of the state: what waits, what is remembered, what is open.

use super::deferred::Deferred;
use super::machine::{Look, Machine};
use super::plan::Pick;
use super::setting::Settings;
use super::silence::{Silence, full_hour, hour_of};
use super::tell::{self, Told};
use super::{Context, ScoreOut, ScoreStats};
use crate::EngineError;
use crate::detect::{Finding, Judged};
use crate::kpi::{self, KpiMemory};
use crate::terms::{Fact, Route, SubjectKey};
use std::collections::{BTreeMap, BTreeSet};
use weir_catalog::types::EventId;
use weir_model::{Micros, Since};

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

/// Times by event type before and after a message, on all partials partitions.
struct Passed {
    before: Vec<Micros>,
    now: Vec<Micros>,
}

impl Passed {
    fn ends_a_day(&self) -> bool {
        let mut both = self.before.iter().zip(&self.now);
        both.any(|(b, n)| b.floor(Micros::DAY) != n.floor(Micros::DAY))
    }

    fn ends_no_hour(&self) -> bool {
        let mut both = self.before.iter().zip(&self.now);
        both.all(|(b, n)| full_hour(*b) == full_hour(*n))
    }

    /// The last full hours before and after, of some event types.
    fn hours_of(&self, events: &[EventId]) -> (Micros, Micros) {
        let least = |times: &[Micros]| {
            let of = events.iter().map(|e| times.get(*e).copied());
            full_hour(
                of.map(|t| t.unwrap_or(Micros::MIN))
                    .min()
                    .unwrap_or(Micros::MIN),
            )
        };
        (least(&self.before), least(&self.now))
    }
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

    fn final_for(&self, context: &Context, route: Route) -> Option<Micros> {
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

    /// Keeps a fact until its round; false where that has run already.
    pub(super) fn take(&mut self, context: &Context, fact: Fact<'_>) -> Result<bool, EngineError> {
        const UNKNOWN: EngineError =
            EngineError::corrupt("a message of terms", "it is about nothing in the catalog");
        match fact {
            Fact::Term {
                kpi,
                term,
                subject,
                start,
                end,
                value,
            } => {
                let plan = context
                    .plan
                    .kpis
                    .get(kpi)
                    .filter(|k| k.cross && term < k.terms.len());
                let plan = plan.ok_or(UNKNOWN)?;
                // Of all there is, a window begins with the KPI's own terms.
                let begins =
                    plan.terms[term].full || !plan.to_date.is_some_and(|w| w.0 == Since::All);
                let start = if begins { start } else { Micros::MAX };
                let Some(round) = self.round(context, Route::Kpi(kpi), end) else {
                    return Ok(false);
                };
                let empty = || TermRows {
                    start,
                    values: Vec::new(),
                };
                let rows = round
                    .terms
                    .entry(subject.as_str().into())
                    .or_insert_with(empty);
                rows.start = rows.start.min(start);
                rows.values.push((term, value));
            }
            Fact::Setting {
                kpi,
                term,
                subject,
                from,
                value,
            } => {
                let plan = context.plan.kpis.get(kpi).filter(|k| k.cross);
                let term_plan = plan.and_then(|k| k.terms.get(term));
                term_plan.filter(|t| t.setting).ok_or(UNKNOWN)?;
                let through = self.final_for(context, Route::Kpi(kpi)).ok_or(UNKNOWN)?;
                if from <= through {
                    return Ok(false);
                }
                self.settings
                    .put(((kpi, term), subject.as_str()), (from, value), through);
                self.dirty = true;
            }
            Fact::KpiValue {
                kpi,
                subject,
                end,
                value,
                ..
            } => {
                context
                    .plan
                    .kpis
                    .get(kpi)
                    .filter(|k| !k.cross)
                    .ok_or(UNKNOWN)?;
                let Some(round) = self.round(context, Route::Kpi(kpi), end) else {
                    return Ok(false);
                };
                if let Some(v) = value {
                    round.values.insert(subject.as_str().into(), (v, None));
                }
            }
            Fact::Verdict {
                detector,
                subject,
                end,
                value,
                found,
                ..
            } => {
                context.plan.detectors.get(detector).ok_or(UNKNOWN)?;
                let route = Route::Detector(detector);
                let Some(round) = self.round(context, route, end) else {
                    return Ok(false);
                };
                round.values.insert(subject.as_str().into(), (value, found));
            }
            Fact::Active {
                rule,
                subject,
                last_minute_end,
            } => {
                let passed = self.final_for(context, Route::Rule(rule)).ok_or(UNKNOWN)?;
                if hour_of(last_minute_end) <= full_hour(passed) {
                    return Ok(false);
                }
                self.silence
                    .entry((rule, subject.as_str().into()))
                    .or_default()
                    .active(last_minute_end);
                self.dirty = true;
            }
            Fact::FinalThrough { .. } => {}
        }
        Ok(true)
    }

    fn round(&mut self, context: &Context, route: Route, end: Micros) -> Option<&mut Round> {
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

    /// One final window of a cross-subject KPI: every subject of its full dimensions.
    fn join(
        &mut self,
        context: &Context,
        k: usize,
        end: Micros,
        rows: &BTreeMap<Box<str>, TermRows>,
        offset: i64,
        out: &mut ScoreOut,
    ) -> Values {
        let (Some(def), Some(plan)) = (context.catalog.kpis.get(k), context.plan.kpis.get(k))
        else {
            return Values::new();
        };
        if let Some(window) = plan.to_date {
            self.learn(k, window.0, rows);
        }
        let mut published = Values::new();
        let (mut terms, mut text) = (Vec::new(), String::new());
        for (subject, own) in rows {
            if !own
                .values
                .iter()
                .any(|(t, _)| plan.terms.get(*t).is_some_and(|t| t.full))
            {
                continue;
            }
            let start = self.start(k, plan, subject).unwrap_or(own.start);
            let key = SubjectKey(subject);
            let dimensions: Vec<&str> = key.values().collect();
            terms.clear();
            for (i, (term, at)) in def.terms.iter().zip(&plan.terms).enumerate() {
                text.clear();
                let picked = at.picks.iter().map(|pick| match pick {
                    Pick::Own(place) => dimensions.get(*place).copied().unwrap_or_default(),
                    Pick::Fixed(value) => value,
                });
                SubjectKey::write(&mut text, key.tenant(), picked);
                let value = if at.setting {
                    self.settings.at((k, i), &text, end)
                } else {
                    let row = match plan.to_date {
                        None => rows.get(text.as_str()),
                        Some((since, _)) => self.known_in(k, since, &text, start),
                    };
                    row.and_then(|r| r.values.iter().find(|(t, _)| *t == i).map(|(_, v)| *v))
                };
                terms.push(value.unwrap_or_else(|| kpi::without_row(&context.catalog, term)));
            }
            let memory = self.memory.entry((k, subject.clone())).or_default();
            if !kpi::remembers(memory.0, end) {
                memory.1 = KpiMemory::default();
            }
            memory.0 = end;
            let days = kpi::days(def.window, (start, end));
            let target = def.target_of(key.values());
            let scored = kpi::score(def, &mut memory.1, &terms, days, target);
            let at = Judged {
                catalog: &context.catalog,
                run: context.options.run,
                start,
                end,
                revision: offset,
            };
            let names = def.dimensions.iter().map(String::as_str);
            out.kpis
                .push(kpi::record(&at, def, key.subject(names), scored, &terms));
            if let Some(v) = scored.value {
                published.insert(subject.clone(), (v, None));
            }
        }
        if let Some(window) = plan.to_date {
            self.unlearn(context, k, window, end, rows);
        }
        published
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

    /// Rules on silence: each full hour that has become final.
    fn hours(
        &mut self,
        context: &Context,
        which: &dyn Fn(usize) -> bool,
        span: &Passed,
        offset: i64,
        out: &mut ScoreOut,
    ) {
        if span.ends_no_hour() {
            return;
        }
        let mut dirty = false;
        let deferred = &mut self.deferred;
        self.silence.retain(|key, state| {
            let (rule, subject) = (key.0, &*key.1);
            if !which(rule) {
                return true;
            }
            let (Some(Some(limit)), Some(plan)) =
                (context.plan.silence.get(rule), context.plan.rules.get(rule))
            else {
                return false;
            };
            let (from, to) = span.hours_of(&plan.events);
            if from >= to {
                return true;
            }
            let was = state.clone();
            let inhibited = |hour| deferred.inhibits(plan, subject, hour);
            let mut steps = Vec::new();
            state.advance(
                (limit.silence, plan.patience),
                (from, to),
                &inhibited,
                &mut |hour, step| steps.push((hour, step)),
            );
            for (hour, step) in steps {
                deferred.note(plan, key, hour, step.state);
                let told = Told::at(rule, hour, Look::Good { value: step.value });
                out.alerts.extend(tell::alert(
                    context,
                    SubjectKey(subject),
                    &told,
                    step,
                    offset,
                ));
            }
            dirty |= *state != was;
            !state.is_forgotten()
        });
        self.dirty |= dirty;
    }

    /// Drops memories that no window to come can reach.
    fn forget(&mut self, context: &Context) {
        let kpis = 0..context.plan.kpis.len();
        let through: Vec<_> = kpis
            .map(|k| self.final_for(context, Route::Kpi(k)))
            .collect();
        let count = self.memory.len();
        self.memory.retain(|(k, _), (last, _)| {
            through
                .get(*k)
                .copied()
                .flatten()
                .is_some_and(|t| kpi::remembers(*last, t))
        });
        self.dirty |= count != self.memory.len();
        self.forget_alerts(context);
    }

    /// Drops alerts that are over and cannot open again, and outcomes that hold no more.
    fn forget_alerts(&mut self, context: &Context) {
        let rules = 0..context.plan.rules.len();
        let through: Vec<Option<Micros>> = rules.map(|r| self.final_for_rule(context, r)).collect();
        let passed = |rule: usize| through.get(rule).copied().flatten();
        let mut dirty = false;
        self.machines.retain(|(rule, _), machine| {
            if let (Some(plan), Some(t)) = (context.plan.rules.get(*rule), passed(*rule)) {
                dirty |= machine.forget(plan.patience, t);
            }
            !machine.is_idle()
        });
        self.dirty |= dirty;
        self.dirty |= self.deferred.forget(&context.plan.rules, &passed);
    }

    pub(super) fn count(&self, stats: &mut ScoreStats) {
        stats.pending += self.pending.len() + self.deferred.waiting.len();
        stats.memories += self.memory.len();
        stats.open_alerts += self.machines.values().filter(|m| m.is_open()).count();
        stats.open_alerts += self.silence.values().filter(|s| s.is_open()).count();
        stats.watched += self.silence.len();
    }
}
