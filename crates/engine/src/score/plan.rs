//! What the catalog asks of score, resolved once.

use super::rules::RulePlan;
use crate::terms::Routes;
use crate::{EngineError, detect};
use weir_catalog::types::{Catalog, Direction, EventId, JudgedWindow, RollupDef, RuleOn};
use weir_model::{Micros, Since, WindowSize};

/// See above; vectors are indexed like the catalog's.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) kpis: Vec<KpiPlan>,
    pub(super) detectors: Vec<DetectorPlan>,
    /// By rule: set where it is one on silence.
    pub(super) silence: Vec<Option<SilencePlan>>,
    pub(super) rules: Vec<RulePlan>,
    /// Rules that wait for more than what moves them, each after the one that inhibits it.
    pub(super) deferred: Vec<usize>,
    pub(super) routes: Routes,
}

#[derive(Debug)]
pub(super) struct KpiPlan {
    /// Score joins its terms.
    pub(super) cross: bool,
    /// Rounds of one end run by this: scores after what they stand on.
    pub(super) level: usize,
    /// (score that stands on it, its place among the inputs there).
    pub(super) scores: Vec<(usize, usize)>,
    /// Event types that it is made of, each once.
    pub(super) events: Vec<EventId>,
    pub(super) terms: Vec<TermPlan>,
    /// (rule, condition) that watch it, ascending.
    pub(super) rules: Vec<(usize, usize)>,
    /// Period and steps of a window to date.
    pub(super) to_date: Option<(Since, WindowSize)>,
}

#[derive(Debug)]
pub(super) struct TermPlan {
    /// For each dimension of the term's subject where its value comes from.
    pub(super) picks: Vec<Pick>,
    /// It stands on all of the KPI's dimensions.
    pub(super) full: bool,
    /// It is a setting: no row of a window, but what is in force at its end.
    pub(super) setting: bool,
}

#[derive(Debug)]
pub(super) enum Pick {
    /// The KPI's subject: place among its dimensions.
    Own(usize),
    /// The declaration.
    Fixed(Box<str>),
}

#[derive(Debug)]
pub(super) struct DetectorPlan {
    pub(super) event: EventId,
    /// (rule, condition) that watch it, ascending.
    pub(super) rules: Vec<(usize, usize)>,
    pub(super) limit: bool,
    /// The only side that is anomalous.
    pub(super) side: Option<bool>,
}

#[derive(Debug)]
pub(super) struct SilencePlan {
    pub(super) silence: Micros,
}

impl Plan {
    pub(super) fn new(catalog: &Catalog) -> Result<Plan, EngineError> {
        let mut plan = Plan {
            kpis: Vec::new(),
            detectors: Vec::new(),
            silence: Vec::new(),
            rules: Vec::new(),
            deferred: Vec::new(),
            routes: Routes::new(catalog),
        };
        let levels = catalog.kpi_levels().into_iter().enumerate();
        for (kpi, (k, level)) in catalog.kpis.iter().zip(levels) {
            let mut terms = Vec::new();
            for term in &kpi.terms {
                let names = names(catalog, term.event, term.rollup)?;
                let pick = |n: &String| match term.fixed.iter().find(|(f, _)| f == n) {
                    Some((_, value)) => Some(Pick::Fixed(value.as_str().into())),
                    None => kpi.dimensions.iter().position(|d| d == n).map(Pick::Own),
                };
                let picks = names
                    .iter()
                    .map(pick)
                    .collect::<Option<Vec<_>>>()
                    .ok_or_else(|| {
                        EngineError::Catalog(format!(
                            "term {} of kpi {} stands on a dimension that the kpi has not",
                            term.name, kpi.name
                        ))
                    })?;
                let full = term.fixed.is_empty() && picks.len() == kpi.dimensions.len();
                let setting = catalog.is_setting(term);
                terms.push(TermPlan {
                    picks,
                    full,
                    setting,
                });
            }
            plan.kpis.push(KpiPlan {
                cross: !kpi.local,
                level,
                scores: scores_on(catalog, k),
                events: catalog.kpi_events(k),
                terms,
                rules: Vec::new(),
                to_date: match kpi.window {
                    JudgedWindow::ToDate { since, step } => Some((since, step)),
                    _ => None,
                },
            });
        }
        for detector in &catalog.detectors {
            plan.detectors.push(DetectorPlan {
                event: detector.event,
                rules: Vec::new(),
                limit: detect::bounds(&detector.kind),
                side: match detector.direction {
                    _ if detect::bounds(&detector.kind) => None,
                    Direction::Both => None,
                    Direction::Up => Some(true),
                    Direction::Down => Some(false),
                },
            });
        }
        plan.add_rules(catalog)?;
        Ok(plan)
    }

    fn add_rules(&mut self, catalog: &Catalog) -> Result<(), EngineError> {
        for (i, rule) in catalog.rules.iter().enumerate() {
            let unknown = || {
                EngineError::Catalog(format!("rule {} is on nothing that is declared", rule.name))
            };
            let mut silence = None;
            for (c, on) in rule.on.conditions().iter().enumerate() {
                match *on {
                    RuleOn::Kpi { kpi, .. } | RuleOn::Off(kpi) => {
                        let plan = self.kpis.get_mut(kpi).ok_or_else(unknown)?;
                        plan.rules.push((i, c));
                    }
                    RuleOn::Detector(d) => {
                        let plan = self.detectors.get_mut(d).ok_or_else(unknown)?;
                        plan.rules.push((i, c));
                    }
                    RuleOn::NoData { silence: limit, .. } => {
                        silence = Some(SilencePlan { silence: limit });
                    }
                    RuleOn::Several { .. } => return Err(unknown()),
                }
            }
            self.silence.push(silence);
        }
        self.rules = RulePlan::all(catalog)?;
        self.deferred = RulePlan::deferred(&self.rules);
        Ok(())
    }
}

/// The scores that stand on a KPI, and where among their inputs it is.
fn scores_on(catalog: &Catalog, kpi: usize) -> Vec<(usize, usize)> {
    let mut scores = Vec::new();
    for (score, def) in catalog.kpis.iter().enumerate() {
        let inputs = def.mix.iter().flat_map(|m| &m.inputs).enumerate();
        let here = inputs.filter(|(_, (input, _))| *input == kpi);
        scores.extend(here.map(|(place, _)| (score, place)));
    }
    scores
}

fn names(catalog: &Catalog, event: EventId, rollup: usize) -> Result<Vec<String>, EngineError> {
    let unknown = || EngineError::Catalog(format!("event type {event} has no rollup {rollup}"));
    let def = catalog.events.get(event).ok_or_else(unknown)?;
    let RollupDef { dimensions, .. } = def.rollups.get(rollup).ok_or_else(unknown)?;
    dimensions
        .iter()
        .map(|i| {
            def.dimensions
                .get(*i)
                .map(|d| d.name.clone())
                .ok_or_else(unknown)
        })
        .collect()
}
