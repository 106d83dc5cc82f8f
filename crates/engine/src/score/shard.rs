//! One slice of the state: what waits, what is remembered, what is open.

use super::machine::{Look, Machine, Patience, Step};
use super::plan::Pick;
use super::silence::{Silence, full_hour, hour_of};
use super::{Context, ScoreOut, ScoreStats};
use crate::EngineError;
use crate::detect::{Finding, Judged, subject_key};
use crate::kpi::{self, KpiMemory};
use crate::terms::{Fact, Route, SubjectKey};
use std::collections::{BTreeMap, BTreeSet};
use weir_catalog::types::{EventId, RuleOn};
use weir_model::records::{Alert, Subject};
use weir_model::{Micros, fixed, hash};

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
    /// Of rules on KPIs and detectors: those not idle.
    pub(super) machines: BySubject<Machine>,
    /// Of rules on silence.
    pub(super) silence: BySubject<Silence>,
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
            Route::Rule(r) => Some(self.final_on_all(plan.silence.get(r)?.as_ref()?.event)),
        }
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
                plan.ok_or(UNKNOWN)?;
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
                rows.values.push((term, value));
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
        self.hours(context, &before, &now, offset, out);
        if before
            .iter()
            .zip(&now)
            .any(|(b, n)| b.floor(Micros::DAY) != n.floor(Micros::DAY))
        {
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
        for rule in rules.into_iter().flatten() {
            for (subject, (value, found)) in &values {
                let Some(look) = look(context, *rule, *value, *found) else {
                    continue;
                };
                self.watch(context, *rule, subject, end, look, offset, out);
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
                let row = rows.get(text.as_str());
                let value =
                    row.and_then(|r| r.values.iter().find(|(t, _)| *t == i).map(|(_, v)| *v));
                terms.push(value.unwrap_or_else(|| kpi::without_row(&context.catalog, term)));
            }
            let memory = self.memory.entry((k, subject.clone())).or_default();
            if !kpi::remembers(memory.0, end) {
                memory.1 = KpiMemory::default();
            }
            memory.0 = end;
            let scored = kpi::score(def, &mut memory.1, &terms);
            let at = Judged {
                catalog: &context.catalog,
                run: context.options.run,
                start: own.start,
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
        published
    }

    #[allow(clippy::too_many_arguments)]
    fn watch(
        &mut self,
        context: &Context,
        rule: usize,
        subject: &str,
        end: Micros,
        look: Look,
        offset: i64,
        out: &mut ScoreOut,
    ) {
        let Some(def) = context.catalog.rules.get(rule) else {
            return;
        };
        let key = (rule, Box::from(subject));
        let mut machine = self.machines.get(&key).copied().unwrap_or_default();
        if let Some(step) = machine.take(Patience::of(def), end, look) {
            out.alerts
                .extend(alert(context, rule, SubjectKey(subject), end, step, offset));
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
        before: &[Micros],
        now: &[Micros],
        offset: i64,
        out: &mut ScoreOut,
    ) {
        if before
            .iter()
            .zip(now)
            .all(|(b, n)| full_hour(*b) == full_hour(*n))
        {
            return;
        }
        let mut dirty = false;
        self.silence.retain(|(rule, subject), state| {
            let Some(Some(plan)) = context.plan.silence.get(*rule) else {
                return false;
            };
            let (Some(from), Some(to)) = (before.get(plan.event), now.get(plan.event)) else {
                return true;
            };
            let (from, to) = (full_hour(*from), full_hour(*to));
            if from >= to {
                return true;
            }
            let was = state.clone();
            let patience = plan.patience;
            state.advance(plan.silence, patience, from, to, &mut |hour, step| {
                out.alerts.extend(alert(
                    context,
                    *rule,
                    SubjectKey(subject),
                    hour,
                    step,
                    offset,
                ));
            });
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
    }

    pub(super) fn count(&self, stats: &mut ScoreStats) {
        stats.pending += self.pending.len();
        stats.memories += self.memory.len();
        stats.open_alerts += self.machines.values().filter(|m| m.is_open()).count();
        stats.open_alerts += self.silence.values().filter(|s| s.is_open()).count();
        stats.watched += self.silence.len();
    }
}

/// How a value looks to a rule; `None` where it says nothing.
fn look(context: &Context, rule: usize, value: f64, found: Option<Finding>) -> Option<Look> {
    match context.catalog.rules.get(rule)?.on {
        RuleOn::Kpi { above, below, .. } => Some(match (above, below) {
            (Some(a), _) if value > a => Look::Bad {
                value,
                threshold: Some(a),
                up: true,
            },
            (_, Some(b)) if value < b => Look::Bad {
                value,
                threshold: Some(b),
                up: false,
            },
            _ => Look::Good { value },
        }),
        RuleOn::Detector(d) => {
            let plan = context.plan.detectors.get(d)?;
            let shown = fixed::round(value, 6);
            let Some(f) = found else {
                return Some(Look::Good { value: shown });
            };
            let up = plan.side.unwrap_or(if plan.limit {
                value > f.expected
            } else {
                f.score >= 0.0
            });
            let threshold = plan.limit.then(|| fixed::round(f.expected, 6));
            Some(Look::Bad {
                value: shown,
                threshold,
                up,
            })
        }
        RuleOn::NoData { .. } => None,
    }
}

fn alert(
    context: &Context,
    rule: usize,
    subject: SubjectKey<'_>,
    at: Micros,
    step: Step,
    offset: i64,
) -> Option<Alert> {
    let def = context.catalog.rules.get(rule)?;
    let (kind, names) = match def.on {
        RuleOn::Kpi { kpi, .. } => ("threshold", &context.catalog.kpis.get(kpi)?.dimensions),
        RuleOn::Detector(d) => ("anomaly", &context.plan.detectors.get(d)?.dimensions),
        RuleOn::NoData { .. } => (
            "no_data",
            &context.plan.silence.get(rule)?.as_ref()?.dimensions,
        ),
    };
    let subject: Subject = subject.subject(names.iter().map(String::as_str));
    Some(Alert {
        id: hash::alert_id(&def.name, def.version, &subject_key(&subject), step.opened),
        run: context.options.run,
        catalog: context.catalog.hash,
        rule: def.name.clone(),
        version: def.version,
        kind: kind.to_owned(),
        severity: def.severity.clone(),
        subject,
        state: step.state,
        step: step.step,
        opened: step.opened,
        at,
        value: Some(step.value),
        threshold: step.threshold,
        worst: Some(step.worst),
        windows: step.windows,
        impact: def.impact.clone(),
        action: def.action.clone(),
        revision: offset,
    })
}
