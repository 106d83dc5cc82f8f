//! Cross-subject KPIs: the terms of a subject meet those of what it belongs to.

use super::plan::Pick;
use super::shard::{Shard, TermRows, Values};
use super::{Context, ScoreOut};
use crate::detect::Judged;
use crate::kpi::{self, KpiMemory};
use crate::terms::SubjectKey;
use std::collections::BTreeMap;
use weir_model::Micros;

impl Shard {
    /// One final window of a cross-subject KPI: every subject of its full dimensions.
    pub(super) fn join(
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
            self.terms_of(
                (context, k),
                (subject, start, end),
                rows,
                (&mut terms, &mut text),
            );
            let memory = self.memory.entry((k, subject.clone())).or_default();
            if !kpi::remembers(memory.0, end) {
                memory.1 = KpiMemory::default();
            }
            let before = std::mem::replace(&mut memory.0, end);
            let days = kpi::days(def.window, (start, end));
            let target = def.target_of(SubjectKey(subject).values());
            let scored = kpi::score(def, &mut memory.1, &terms, days, target);
            let at = Judged {
                catalog: &context.catalog,
                run: context.options.run,
                start,
                end,
                revision: offset,
            };
            let names = def.dimensions.iter().map(String::as_str);
            if scored.is_published(def, before, end) {
                let of = SubjectKey(subject).subject(names);
                out.kpis.push(kpi::record(&at, def, of, scored, &terms));
            }
            if let Some(v) = scored.value {
                published.insert(subject.clone(), (v, None));
            }
        }
        if let Some(window) = plan.to_date {
            self.unlearn(context, k, window, end, rows);
        }
        published
    }

    /// The terms of a KPI for one of its subjects, whose window starts and ends then, into `terms`;
    /// `text` is for the subjects of the terms.
    fn terms_of(
        &self,
        (context, k): (&Context, usize),
        (subject, start, end): (&str, Micros, Micros),
        rows: &BTreeMap<Box<str>, TermRows>,
        (terms, text): (&mut Vec<Option<f64>>, &mut String),
    ) {
        terms.clear();
        let (Some(def), Some(plan)) = (context.catalog.kpis.get(k), context.plan.kpis.get(k))
        else {
            return;
        };
        let key = SubjectKey(subject);
        let dimensions: Vec<&str> = key.values().collect();
        for (i, (term, at)) in def.terms.iter().zip(&plan.terms).enumerate() {
            text.clear();
            let picked = at.picks.iter().map(|pick| match pick {
                Pick::Own(place) => dimensions.get(*place).copied().unwrap_or_default(),
                Pick::Fixed(value) => value,
            });
            SubjectKey::write(text, key.tenant(), picked);
            let value = if at.setting {
                self.settings.at((k, i), text, end)
            } else {
                let row = match plan.to_date {
                    None => rows.get(text.as_str()),
                    Some((since, _)) => self.known_in(k, since, text, start),
                };
                row.and_then(|r| r.values.iter().find(|(t, _)| *t == i).map(|(_, v)| *v))
            };
            terms.push(value.unwrap_or_else(|| kpi::without_row(&context.catalog, term)));
        }
    }
}
