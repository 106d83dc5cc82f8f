//! What cross-subject KPIs to date know of each term's subject between two of its evaluations.

use super::Context;
use super::plan::KpiPlan;
use super::shard::{Shard, TermRows};
use crate::terms::SubjectKey;
use std::collections::BTreeMap;
use weir_model::{Micros, Since, WindowSize};

impl Shard {
    /// Takes in the terms that are evaluated at one end.
    pub(super) fn learn(&mut self, k: usize, since: Since, rows: &BTreeMap<Box<str>, TermRows>) {
        for (subject, now) in rows {
            let new = || TermRows {
                start: now.start,
                values: Vec::new(),
            };
            let known = self.known.entry((k, subject.clone())).or_insert_with(new);
            if since == Since::All {
                known.start = known.start.min(now.start);
            } else if known.start != now.start {
                *known = new();
            }
            for (term, value) in &now.values {
                match known.values.iter_mut().find(|(t, _)| t == term) {
                    Some((_, v)) => *v = *value,
                    None => known.values.push((*term, *value)),
                }
            }
        }
    }

    /// When the window to date of a KPI's subject starts.
    pub(super) fn start(&self, k: usize, plan: &KpiPlan, subject: &str) -> Option<Micros> {
        plan.to_date?;
        self.known.get(&(k, subject.into())).map(|rows| rows.start)
    }

    /// What is known of a term's subject in the period that starts then.
    pub(super) fn known_in(
        &self,
        k: usize,
        since: Since,
        subject: &str,
        start: Micros,
    ) -> Option<&TermRows> {
        let known = self.known.get(&(k, subject.into()))?;
        (since == Since::All || known.start == start).then_some(known)
    }

    /// Forgets those whose period is over with this end: all subjects with anything in it are
    /// evaluated there.
    pub(super) fn unlearn(
        &mut self,
        context: &Context,
        k: usize,
        (since, step): (Since, WindowSize),
        end: Micros,
        rows: &BTreeMap<Box<str>, TermRows>,
    ) {
        // Subjects of a tenant stand together.
        let mut of_tenant: Option<(&str, bool)> = None;
        for subject in rows.keys() {
            let tenant = SubjectKey(subject).tenant();
            let over = match of_tenant {
                Some((t, over)) if t == tenant => over,
                _ => {
                    let zone = context.catalog.tenants.zone(tenant);
                    since.last_step(step, Micros(end.0.saturating_sub(1)), zone) == end
                }
            };
            of_tenant = Some((tenant, over));
            if over {
                self.known.remove(&(k, subject.clone()));
            }
        }
    }
}
