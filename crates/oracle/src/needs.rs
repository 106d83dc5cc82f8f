//! What of a rollup is looked at, found out once.

use weir_catalog::{Catalog, JudgedWindow, RuleOn};
use weir_model::WindowSize;

/// By window size, in the order of [`WindowSize::ALL`].
pub(crate) type Sizes = [bool; WindowSize::ALL.len()];

/// What a rollup's rows are for.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Needs {
    /// Windows that are stored.
    pub stored: Sizes,
    /// Windows that a detector or KPI looks at.
    pub judged: Sizes,
    /// Windows that KPIs of other subjects look at, or rules that inhibit those of other subjects:
    /// those of more dimensions.
    pub joined: Sizes,
    /// A KPI reads what is in force.
    pub in_force: bool,
    /// So do KPIs of other subjects: those of more dimensions.
    pub joined_in_force: bool,
    /// A rule watches it for silence.
    pub watched: bool,
    /// One that inhibits rules of other subjects does.
    pub watched_by_others: bool,
}

impl Needs {
    /// By event type and rollup.
    pub fn of(catalog: &Catalog) -> Vec<Vec<Needs>> {
        let events = catalog.events.iter().enumerate();
        events
            .map(|(event, def)| {
                let rollups = 0..def.rollups.len();
                rollups.map(|r| Needs::one(catalog, event, r)).collect()
            })
            .collect()
    }

    fn one(catalog: &Catalog, event: usize, rollup: usize) -> Needs {
        let mut needs = Needs::default();
        for (i, size) in WindowSize::ALL.into_iter().enumerate() {
            let base = |w: &JudgedWindow| match w {
                JudgedWindow::Tumbling(s) => *s == size,
                JudgedWindow::Rolling { of, .. } => *of == size,
                JudgedWindow::ToDate { step, .. } => *step == size,
            };
            needs.stored[i] = catalog.events[event].rollups[rollup]
                .windows
                .contains(&size);
            let mut detectors = catalog.detectors.iter();
            needs.judged[i] =
                detectors.any(|d| d.event == event && d.rollup == rollup && base(&d.window));
            for kpi in catalog.kpis.iter().filter(|k| base(&k.window)) {
                for term in kpi
                    .terms
                    .iter()
                    .filter(|t| (t.event, t.rollup) == (event, rollup))
                {
                    if catalog.events[event].setting {
                        needs.in_force = true;
                        needs.joined_in_force |= term.at != kpi.dimensions;
                        continue;
                    }
                    needs.judged[i] = true;
                    needs.joined[i] |= !term.stands_on(&kpi.dimensions);
                }
            }
        }
        for (i, rule) in catalog.rules.iter().enumerate() {
            let inhibits = catalog.rules.iter().any(|r| r.unless == Some(i));
            for on in rule.on.conditions() {
                needs.of_condition(catalog, on, (event, rollup), inhibits);
            }
        }
        needs
    }

    fn of_condition(&mut self, catalog: &Catalog, on: &RuleOn, at: (usize, usize), inhibits: bool) {
        let window = match on {
            RuleOn::NoData { event, rollup, .. } => {
                self.watched |= at == (*event, *rollup);
                self.watched_by_others |= inhibits && at == (*event, *rollup);
                return;
            }
            RuleOn::Kpi { kpi, .. } | RuleOn::Off(kpi) => {
                let kpi = &catalog.kpis[*kpi];
                let mut terms = kpi.terms.iter();
                let stands = terms.any(|t| (t.event, t.rollup) == at);
                stands.then_some(kpi.window)
            }
            RuleOn::Detector(d) => {
                let d = &catalog.detectors[*d];
                ((d.event, d.rollup) == at).then_some(d.window)
            }
            RuleOn::Several { .. } => None,
        };
        for (i, size) in WindowSize::ALL.into_iter().enumerate() {
            self.joined[i] |= inhibits && window.is_some_and(|w| w.stored() == size);
        }
    }
}
