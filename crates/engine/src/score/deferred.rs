//! Rules that are evaluated when more is final than what moves them: those of several conditions,
//! and those that another rule inhibits. What they look at waits here.

use super::machine::Look;
use super::rules::RulePlan;
use super::shard::{BySubject, Shard};
use super::tell::Told;
use super::{Context, ScoreOut};
use crate::terms::SubjectKey;
use std::collections::BTreeMap;
use weir_catalog::types::RuleOn;
use weir_model::Micros;
use weir_model::records::AlertState;

/// By subject: what its conditions said, by their number.
pub(super) type Outcomes = BTreeMap<Box<str>, Vec<(usize, Look)>>;

/// See above.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Deferred {
    /// Outcomes of conditions that no evaluation has seen, by (rule, window end) and subject.
    pub(super) waiting: BTreeMap<(usize, Micros), Outcomes>,
    /// The last outcomes that evaluations of (rule, subject) have seen.
    pub(super) held: BySubject<Vec<Held>>,
    /// When rules that inhibit others were open, from (inclusive) and to (exclusive), in order.
    pub(super) open: BySubject<Vec<(Micros, Option<Micros>)>>,
}

/// The outcome of one condition.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Held {
    pub(super) condition: usize,
    pub(super) end: Micros,
    pub(super) look: Look,
}

impl Deferred {
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.held.is_empty() && self.open.is_empty()
    }

    /// Keeps an outcome until its evaluation.
    pub(super) fn take(
        &mut self,
        (rule, condition): (usize, usize),
        end: Micros,
        subject: &str,
        look: Look,
    ) {
        let subjects = self.waiting.entry((rule, end)).or_default();
        let outcomes = subjects.entry(subject.into()).or_default();
        outcomes.push((condition, look));
    }

    /// Whether a rule must not open at a time for a subject.
    pub(super) fn inhibits(&self, plan: &RulePlan, subject: &str, at: Micros) -> bool {
        let Some(by) = &plan.inhibitor else {
            return false;
        };
        let key = SubjectKey(subject);
        let values: Vec<&str> = key.values().collect();
        let picked = by
            .picks
            .iter()
            .map(|p| values.get(*p).copied().unwrap_or_default());
        let mut text = String::new();
        SubjectKey::write(&mut text, key.tenant(), picked);
        let spans = self.open.get(&(by.rule, text.into()));
        let covers =
            |(from, to): &(Micros, Option<Micros>)| *from <= at && to.is_none_or(|to| at < to);
        spans.is_some_and(|s| s.iter().any(covers))
    }

    /// Remembers since when, and until when, a rule that inhibits others is open.
    pub(super) fn note(
        &mut self,
        plan: &RulePlan,
        key: &(usize, Box<str>),
        at: Micros,
        state: AlertState,
    ) {
        if plan.inhibits.is_empty() || state == AlertState::Update {
            return;
        }
        let spans = self.open.entry(key.clone()).or_default();
        if state == AlertState::Resolve {
            spans.iter_mut().for_each(|(_, to)| *to = to.or(Some(at)));
        } else {
            spans.push((at, None));
        }
    }

    /// Drops what no evaluation to come can see; whether there was any.
    pub(super) fn forget(
        &mut self,
        rules: &[RulePlan],
        passed: &dyn Fn(usize) -> Option<Micros>,
    ) -> bool {
        let count = |d: &Deferred| {
            let spans: usize = d.open.values().map(Vec::len).sum();
            d.held.len() + spans
        };
        let before = count(self);
        self.held.retain(|(rule, _), outcomes| {
            let (Some(plan), Some(t)) = (rules.get(*rule), passed(*rule)) else {
                return true;
            };
            outcomes.iter().any(|h| plan.holds(h, t))
        });
        self.open.retain(|(rule, _), spans| {
            let inhibited = rules.get(*rule).map_or(&[][..], |r| &r.inhibits);
            let least = inhibited.iter().filter_map(|r| passed(*r)).min();
            spans.retain(|(_, to)| to.zip(least).is_none_or(|(to, t)| to > t));
            !spans.is_empty()
        });
        before != count(self)
    }
}

impl RulePlan {
    /// Whether an outcome holds at a time.
    fn holds(&self, held: &Held, at: Micros) -> bool {
        let long = self.holds.get(held.condition).copied().unwrap_or_default();
        at.minus(held.end) <= long
    }
}

impl Shard {
    /// Every evaluation of a rule that has become final.
    pub(super) fn evaluate(
        &mut self,
        context: &Context,
        rule: usize,
        offset: i64,
        out: &mut ScoreOut,
    ) {
        let Some(through) = self.final_for_rule(context, rule) else {
            return;
        };
        let ready = self
            .deferred
            .waiting
            .range((rule, Micros::MIN)..=(rule, through));
        let ends: Vec<Micros> = ready.map(|((_, end), _)| *end).collect();
        for end in ends {
            let subjects = self.deferred.waiting.remove(&(rule, end));
            self.dirty = true;
            for (subject, outcomes) in subjects.into_iter().flatten() {
                if let Some(told) = self.hold(context, rule, end, &subject, &outcomes) {
                    self.watch(context, &subject, &told, offset, out);
                }
            }
        }
    }

    /// Takes in what conditions say at a time, and what the rule says then.
    fn hold(
        &mut self,
        context: &Context,
        rule: usize,
        at: Micros,
        subject: &str,
        outcomes: &[(usize, Look)],
    ) -> Option<Told> {
        let plan = context.plan.rules.get(rule)?;
        let [.., (_, last)] = outcomes else {
            return None;
        };
        let RuleOn::Several { all, .. } = context.catalog.rules.get(rule)?.on else {
            return Some(Told::at(rule, at, *last));
        };
        let held = self
            .deferred
            .held
            .entry((rule, subject.into()))
            .or_default();
        for (condition, look) in outcomes {
            held.retain(|h| h.condition != *condition);
            held.push(Held {
                condition: *condition,
                end: at,
                look: *look,
            });
        }
        held.sort_by_key(|h| h.condition);
        let holding: Vec<&Held> = held.iter().filter(|h| plan.holds(h, at)).collect();
        let bad = holding.iter().filter(|h| h.look.is_bad()).count();
        let is_bad = if all {
            bad == plan.holds.len()
        } else {
            bad > 0
        };
        let first = holding.iter().find(|h| h.condition == 0).map(|h| h.look);
        let look = match (first, is_bad) {
            (Some(look @ Look::Bad { .. }), true) => look,
            (first, true) => Look::Bad {
                value: first.and_then(Look::value),
                threshold: None,
                up: plan.up,
            },
            (first, false) => Look::Good {
                value: first.and_then(Look::value),
            },
        };
        let conditions = holding
            .iter()
            .filter_map(|h| Some((h.condition, h.look.value()?, h.look.is_bad())))
            .collect();
        Some(Told {
            rule,
            at,
            look,
            conditions,
        })
    }
}
