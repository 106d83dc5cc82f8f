//! Scores: what their inputs are worth together.
//!
//! What a score stands on goes one way with it through `weir.terms`, so all of it meets in one
//! shard. A round of an input, once run, puts what the input is worth into the round of the score
//! that its window ends in; rounds of inputs run before those of their scores.

use super::shard::{Round, Shard, TermRows, Values};
use super::{Context, ScoreOut};
use crate::detect::Judged;
use crate::kpi::{self, KpiMemory};
use crate::terms::{Route, SubjectKey};
use std::collections::BTreeMap;
use weir_catalog::types::Mix;
use weir_model::{Micros, fixed};

/// Decimals of a coverage.
const COVERAGE: u32 = 4;

/// What is worth something together.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Mixed {
    value: f64,
    /// Weight of what is there, of all.
    coverage: f64,
}

/// `None` where nothing is there.
fn mixed(mix: &Mix, worth: &[Option<f64>]) -> Option<Mixed> {
    let (mut sum, mut present, mut all) = (0.0, 0.0, 0.0);
    for ((_, weight), worth) in mix.inputs.iter().zip(worth) {
        all += weight;
        if let Some(worth) = worth {
            sum += weight * worth;
            present += weight;
        }
    }
    (present > 0.0).then(|| Mixed {
        value: sum / present,
        coverage: fixed::round(present / all, COVERAGE),
    })
}

impl Shard {
    /// Gives the scores that stand on a KPI what it said in one window; the rounds that got some.
    pub(super) fn feed(
        &mut self,
        context: &Context,
        k: usize,
        end: Micros,
        values: &Values,
    ) -> Vec<(Micros, Route)> {
        let mut fed = Vec::new();
        let (Some(def), Some(plan)) = (context.catalog.kpis.get(k), context.plan.kpis.get(k))
        else {
            return fed;
        };
        for (score, input) in &plan.scores {
            let above = context.catalog.kpis.get(*score);
            let Some(mix) = above.and_then(|d| d.mix.as_ref()) else {
                continue;
            };
            for (subject, (value, _)) in values {
                let target = def.target_of(SubjectKey(subject).values());
                let Some(worth) = kpi::worth(def, *value, target) else {
                    continue;
                };
                let zone = context.catalog.tenants.zone(SubjectKey(subject).tenant());
                // A window belongs to the one of the score that it ends in.
                let (start, until) = mix.window.span(end.minus(Micros(1)), zone);
                let route = Route::Kpi(*score);
                let round: &mut Round = self.pending.entry((until, route)).or_default();
                let empty = || TermRows {
                    start,
                    values: Vec::new(),
                };
                let rows = round.terms.entry(subject.clone()).or_insert_with(empty);
                // Rounds of one input run in the order of their ends: the last one holds.
                match rows.values.iter_mut().find(|(i, _)| i == input) {
                    Some((_, held)) => *held = Some(worth),
                    None => rows.values.push((*input, Some(worth))),
                }
                fed.push((until, route));
            }
        }
        self.dirty |= !fed.is_empty();
        fed.sort_unstable();
        fed.dedup();
        fed
    }

    /// One final window of a score: every subject of which something is there.
    pub(super) fn mix(
        &mut self,
        context: &Context,
        k: usize,
        end: Micros,
        rows: &BTreeMap<Box<str>, TermRows>,
        offset: i64,
        out: &mut ScoreOut,
    ) -> Values {
        let mut published = Values::new();
        let def = context.catalog.kpis.get(k);
        let Some((def, mix)) = def.and_then(|d| Some((d, d.mix.as_ref()?))) else {
            return published;
        };
        let mut worth = Vec::with_capacity(mix.inputs.len());
        for (subject, own) in rows {
            worth.clear();
            worth.resize(mix.inputs.len(), None);
            for (input, value) in &own.values {
                if let Some(place) = worth.get_mut(*input) {
                    *place = *value;
                }
            }
            let Some(Mixed { value, coverage }) = mixed(mix, &worth) else {
                continue;
            };
            let memory = self.memory.entry((k, subject.clone())).or_default();
            if !kpi::remembers(memory.0, end) {
                memory.1 = KpiMemory::default();
            }
            memory.0 = end;
            let target = def.target_of(SubjectKey(subject).values());
            let scored = kpi::rate(def, &mut memory.1, Some(value), None, target);
            let at = Judged {
                catalog: &context.catalog,
                run: context.options.run,
                start: own.start,
                end,
                revision: offset,
            };
            let names = def.dimensions.iter().map(String::as_str);
            let of = SubjectKey(subject).subject(names);
            let mut record = kpi::record(&at, def, of, scored, &[]);
            record.coverage = Some(coverage);
            let named = |((i, _), worth): (&(usize, f64), &Option<f64>)| {
                let input = context.catalog.kpis.get(*i);
                input.map(|input| (input.name.clone(), *worth))
            };
            record.terms = mix.inputs.iter().zip(&worth).filter_map(named).collect();
            out.kpis.push(record);
            if let Some(v) = scored.value {
                published.insert(subject.clone(), (v, None));
            }
        }
        published
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use weir_model::WindowSize;

    #[test]
    fn a_missing_input_lowers_the_coverage_and_not_the_value() {
        let mix = Mix {
            window: WindowSize::Day,
            inputs: vec![(4, 1.0), (2, 2.0), (7, 0.5)],
            category: None,
        };
        let of = |worth: [Option<f64>; 3]| mixed(&mix, &worth).map(|m| (m.value, m.coverage));
        let all = [Some(100.0), Some(40.0), Some(0.0)];
        assert_eq!(of(all), Some((180.0 / 3.5, 1.0)));
        assert_eq!(of([None, Some(40.0), None]), Some((40.0, 0.5714)));
        assert_eq!(
            of([Some(100.0), None, Some(0.0)]),
            Some((100.0 / 1.5, 0.4286))
        );
        assert_eq!(of([None; 3]), None);
    }
}
