//! What the catalog asks of score, resolved once.

use super::machine::Patience;
use crate::terms::homes;
use crate::{EngineError, detect};
use weir_catalog::types::{Catalog, Direction, EventId, RollupDef, RuleOn};
use weir_model::Micros;

/// See above; vectors are indexed like the catalog's.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) kpis: Vec<KpiPlan>,
    pub(super) detectors: Vec<DetectorPlan>,
    /// By rule: set where it is one on silence.
    pub(super) silence: Vec<Option<SilencePlan>>,
}

#[derive(Debug)]
pub(super) struct KpiPlan {
    /// Score joins its terms.
    pub(super) cross: bool,
    /// The KPI whose route it takes: see [`homes`].
    pub(super) home: usize,
    /// Rounds of one end run by this: scores after what they stand on.
    pub(super) level: usize,
    /// (score that stands on it, its place among the inputs there).
    pub(super) scores: Vec<(usize, usize)>,
    /// Event types that it is made of, each once.
    pub(super) events: Vec<EventId>,
    pub(super) terms: Vec<TermPlan>,
    /// Rules that watch it, ascending.
    pub(super) rules: Vec<usize>,
}

#[derive(Debug)]
pub(super) struct TermPlan {
    /// For each dimension of the term's subject where its value comes from.
    pub(super) picks: Vec<Pick>,
    /// It stands on all of the KPI's dimensions.
    pub(super) full: bool,
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
    pub(super) dimensions: Vec<String>,
    pub(super) rules: Vec<usize>,
    pub(super) limit: bool,
    /// The only side that is anomalous.
    pub(super) side: Option<bool>,
}

#[derive(Debug)]
pub(super) struct SilencePlan {
    pub(super) event: EventId,
    pub(super) dimensions: Vec<String>,
    pub(super) silence: Micros,
    pub(super) patience: Patience,
}

impl Plan {
    pub(super) fn new(catalog: &Catalog) -> Result<Plan, EngineError> {
        let mut plan = Plan {
            kpis: Vec::new(),
            detectors: Vec::new(),
            silence: Vec::new(),
        };
        let (homes, levels) = (homes(catalog), catalog.kpi_levels());
        let places = levels.into_iter().zip(homes).enumerate();
        for (kpi, (k, (level, home))) in catalog.kpis.iter().zip(places) {
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
                terms.push(TermPlan { picks, full });
            }
            plan.kpis.push(KpiPlan {
                cross: !kpi.local,
                home,
                level,
                scores: scores_on(catalog, k),
                events: catalog.kpi_events(k),
                terms,
                rules: Vec::new(),
            });
        }
        for detector in &catalog.detectors {
            plan.detectors.push(DetectorPlan {
                event: detector.event,
                dimensions: names(catalog, detector.event, detector.rollup)?,
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
        for (i, rule) in catalog.rules.iter().enumerate() {
            let unknown = || {
                EngineError::Catalog(format!("rule {} is on nothing that is declared", rule.name))
            };
            let mut silence = None;
            match rule.on {
                RuleOn::Kpi { kpi, .. } => {
                    plan.kpis.get_mut(kpi).ok_or_else(unknown)?.rules.push(i)
                }
                RuleOn::Detector(d) => plan.detectors.get_mut(d).ok_or_else(unknown)?.rules.push(i),
                RuleOn::NoData {
                    event,
                    rollup,
                    silence: limit,
                } => {
                    let dimensions = names(catalog, event, rollup)?;
                    silence = Some(SilencePlan {
                        event,
                        dimensions,
                        silence: limit,
                        patience: Patience::of(rule),
                    });
                }
            }
            plan.silence.push(silence);
        }
        Ok(plan)
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
