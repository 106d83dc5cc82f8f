//! What the conditions of alert rules say, window by window.

use crate::alerts::{Bad, Look};
use crate::detect::Verdicts;
use crate::kpis::KpiRow;
use std::collections::{BTreeMap, BTreeSet};
use weir_catalog::{Catalog, Direction, JudgedWindow, RuleDef, RuleOn};
use weir_model::records::{Status, Subject};
use weir_model::{Micros, WindowSize};

/// Of one subject: by condition, how each judged window looked, by its end.
#[derive(Default)]
pub(crate) struct Outcomes(Vec<BTreeMap<Micros, Look>>);

impl Outcomes {
    /// Ends of judged windows of any condition.
    pub fn times(&self) -> BTreeSet<Micros> {
        self.0.iter().flat_map(|c| c.keys().copied()).collect()
    }

    /// What a condition said last, not longer than `most` ago.
    pub fn holding(&self, condition: usize, at: Micros, most: Micros) -> Option<Look> {
        let (end, look) = self.0[condition].range(..=at).next_back()?;
        (at.0 - end.0 <= most.0).then_some(*look)
    }
}

/// What the conditions of a rule on KPIs and detectors say, by subject.
pub(crate) fn outcomes(
    catalog: &Catalog,
    rule: &RuleDef,
    verdicts: &Verdicts,
    kpis: &BTreeMap<String, KpiRow>,
) -> BTreeMap<Subject, Outcomes> {
    let mut out: BTreeMap<Subject, Outcomes> = BTreeMap::new();
    let all = rule.on.conditions();
    for (i, on) in all.iter().enumerate() {
        let mut say = |subject: &Subject, end: Micros, look: Look| {
            let of = &mut out.entry(subject.clone()).or_default().0;
            of.resize(all.len(), BTreeMap::new());
            of[i].insert(end, look);
        };
        match on {
            RuleOn::Kpi { kpi, .. } | RuleOn::Off(kpi) => {
                for row in kpis.values().filter(|r| r.index == *kpi) {
                    if let Some(value) = row.value {
                        let bad = crossed(catalog, on, row, value);
                        say(&row.subject, row.end, Look { value, bad });
                    }
                }
            }
            RuleOn::Detector(detector) => {
                for ((index, subject), said) in verdicts {
                    if index == detector {
                        said.iter().for_each(|v| say(subject, v.end, v.look));
                    }
                }
            }
            RuleOn::NoData { .. } | RuleOn::Several { .. } => {}
        }
    }
    out
}

fn crossed(catalog: &Catalog, on: &RuleOn, row: &KpiRow, v: f64) -> Option<Bad> {
    let (bound, up) = match on {
        RuleOn::Kpi { above, below, .. } => {
            let over = above.filter(|a| v > *a).map(|a| (a, true));
            over.or(below.filter(|b| v < *b).map(|b| (b, false)))?
        }
        RuleOn::Off(kpi) if row.status == Status::Off => {
            let (target, more) = crate::kpis::target(&catalog.kpis[*kpi], &row.subject)?;
            (target, !more)
        }
        _ => return None,
    };
    Some(Bad {
        threshold: Some(bound),
        up,
    })
}

/// Event types that conditions stand on.
pub(crate) fn events(catalog: &Catalog, on: &RuleOn) -> Vec<usize> {
    let mut out = Vec::new();
    for on in on.conditions() {
        match on {
            RuleOn::Kpi { kpi, .. } | RuleOn::Off(kpi) => {
                out.extend(catalog.kpi_events(*kpi));
            }
            RuleOn::Detector(d) => out.push(catalog.detectors[*d].event),
            RuleOn::NoData { event, .. } => out.push(*event),
            RuleOn::Several { .. } => {}
        }
    }
    out
}

/// Time between two windows of a condition.
pub(crate) fn step(catalog: &Catalog, on: &RuleOn) -> Micros {
    let of = |window: JudgedWindow| match window.stored() {
        WindowSize::Minute => Micros(60_000_000),
        WindowSize::FiveMinutes => Micros(300_000_000),
        WindowSize::Hour => Micros(3_600_000_000),
        WindowSize::Day => Micros(86_400_000_000),
    };
    match on {
        RuleOn::Kpi { kpi, .. } | RuleOn::Off(kpi) => of(catalog.kpis[*kpi].window),
        RuleOn::Detector(d) => of(catalog.detectors[*d].window),
        RuleOn::NoData { .. } | RuleOn::Several { .. } => Micros::HOUR,
    }
}

/// The worse side of a condition that was not bad.
pub(crate) fn up(catalog: &Catalog, on: &RuleOn) -> bool {
    match on {
        RuleOn::Kpi { above, .. } => above.is_some(),
        RuleOn::Off(kpi) => catalog.kpis[*kpi]
            .target
            .is_none_or(|t| !t.higher_is_better),
        RuleOn::Detector(d) => catalog.detectors[*d].direction != Direction::Down,
        RuleOn::NoData { .. } | RuleOn::Several { .. } => true,
    }
}

/// What a condition looks at.
pub(crate) fn name<'c>(catalog: &'c Catalog, on: &RuleOn) -> &'c str {
    match on {
        RuleOn::Kpi { kpi, .. } | RuleOn::Off(kpi) => &catalog.kpis[*kpi].name,
        RuleOn::Detector(d) => &catalog.detectors[*d].name,
        RuleOn::NoData { event, .. } => &catalog.events[*event].name,
        RuleOn::Several { .. } => "",
    }
}
