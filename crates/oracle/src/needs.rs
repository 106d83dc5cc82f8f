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
    /// Windows that KPIs of other subjects look at: those of more dimensions.
    pub joined: Sizes,
    /// A rule watches it for silence.
    pub watched: bool,
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
                    needs.judged[i] = true;
                    needs.joined[i] |= !term.stands_on(&kpi.dimensions);
                }
            }
        }
        needs.watched = catalog.rules.iter().any(|rule| {
            matches!(rule.on, RuleOn::NoData { event: e, rollup: r, .. } if (e, r) == (event, rollup))
        });
        needs
    }
}
