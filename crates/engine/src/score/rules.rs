//! What is known of alert rules before anything is judged: what they wait for, how long an outcome
//! holds, what inhibits them, and what all their alerts carry.

use super::machine::Patience;
use crate::EngineError;
use weir_catalog::types::{Catalog, Direction, EventId, Op, RuleDef, RuleOn, Stat};
use weir_model::Micros;

/// Steps for which the outcome of a condition holds.
const HELD: i64 = 2;

#[derive(Debug, Clone)]
pub(super) struct RulePlan {
    pub(super) patience: Patience,
    /// Event types that have to be final for an evaluation, with those of the rule that inhibits
    /// it.
    pub(super) events: Vec<EventId>,
    /// By condition: how long its outcome holds.
    pub(super) holds: Vec<Micros>,
    /// Which way is worse where the first condition has not been bad.
    pub(super) up: bool,
    pub(super) inhibitor: Option<Inhibitor>,
    /// Rules that this one inhibits.
    pub(super) inhibits: Vec<usize>,
    /// Evaluated when `events` are final, not at once.
    pub(super) deferred: bool,
    /// Name of what each condition looks at.
    pub(super) names: Vec<String>,
    /// `kind` of its alerts.
    pub(super) kind: &'static str,
    /// Unit of their values.
    pub(super) unit: String,
}

#[derive(Debug, Clone)]
pub(super) struct Inhibitor {
    pub(super) rule: usize,
    /// For each of its dimensions the place among those of the inhibited rule.
    pub(super) picks: Vec<usize>,
}

impl RulePlan {
    /// Of every rule.
    pub(super) fn all(catalog: &Catalog) -> Result<Vec<RulePlan>, EngineError> {
        let mut all = catalog
            .rules
            .iter()
            .map(|rule| RulePlan::of(catalog, rule))
            .collect::<Result<Vec<_>, _>>()?;
        for (i, rule) in catalog.rules.iter().enumerate() {
            let Some(other) = rule.unless else { continue };
            let circle =
                || EngineError::Catalog(format!("rule {} is inhibited in a circle", rule.name));
            all.get_mut(other).ok_or_else(circle)?.inhibits.push(i);
            // What the inhibitor waits for is waited for too, and so on.
            let mut next = Some(other);
            for _ in 0..catalog.rules.len() {
                let Some(on) = next else { break };
                let of = RulePlan::of(catalog, catalog.rules.get(on).ok_or_else(circle)?)?;
                all[i].events.extend(of.events);
                next = catalog.rules[on].unless;
            }
            if next.is_some() {
                return Err(circle());
            }
            all[i].events.sort_unstable();
            all[i].events.dedup();
        }
        Ok(all)
    }

    /// Rules that wait, each after the one that inhibits it.
    pub(super) fn deferred(all: &[RulePlan]) -> Vec<usize> {
        let depth = |rule: usize| {
            let next = |i: &usize| all.get(*i)?.inhibitor.as_ref().map(|i| i.rule);
            std::iter::successors(Some(rule), next)
                .take(all.len() + 1)
                .count()
        };
        let mut out: Vec<usize> = (0..all.len()).filter(|i| all[*i].deferred).collect();
        out.sort_by_key(|i| (depth(*i), *i));
        out
    }

    fn of(catalog: &Catalog, rule: &RuleDef) -> Result<RulePlan, EngineError> {
        let unknown =
            || EngineError::Catalog(format!("rule {} is on nothing that is declared", rule.name));
        let (mut events, mut steps, mut names) = (Vec::new(), Vec::new(), Vec::new());
        for on in rule.on.conditions() {
            let looked = Looked::at(catalog, on).ok_or_else(unknown)?;
            events.extend(looked.events);
            steps.push(looked.step);
            names.push(looked.name);
        }
        events.sort_unstable();
        events.dedup();
        let longest = steps.iter().copied().max().ok_or_else(unknown)?;
        let several = matches!(rule.on, RuleOn::Several { .. });
        Ok(RulePlan {
            patience: Patience {
                open: rule.open_after.max(1),
                resolve: (!rule.tells_once()).then_some(rule.resolve_after.max(1)),
                flap: Micros(longest.0.saturating_mul(i64::from(rule.flap_within))),
            },
            events,
            holds: steps.iter().map(|s| Micros(HELD * s.0)).collect(),
            up: up(catalog, rule.on.first()),
            inhibitor: inhibitor(catalog, rule)?,
            inhibits: Vec::new(),
            deferred: several || rule.unless.is_some(),
            names,
            kind: match rule.on.first() {
                RuleOn::Detector(_) => "anomaly",
                RuleOn::NoData { .. } => "no_data",
                _ => "threshold",
            },
            unit: unit(catalog, rule.on.first()),
        })
    }
}

/// What a condition looks at.
struct Looked {
    events: Vec<EventId>,
    /// From one end of a window to the next.
    step: Micros,
    name: String,
}

impl Looked {
    fn at(catalog: &Catalog, on: &RuleOn) -> Option<Looked> {
        Some(match on {
            RuleOn::Kpi { kpi, .. } | RuleOn::Off(kpi) => {
                let def = catalog.kpis.get(*kpi)?;
                Looked {
                    events: catalog.kpi_events(*kpi),
                    step: def.window.stored().length(),
                    name: def.name.clone(),
                }
            }
            RuleOn::Detector(d) => {
                let def = catalog.detectors.get(*d)?;
                Looked {
                    events: vec![def.event],
                    step: def.window.stored().length(),
                    name: def.name.clone(),
                }
            }
            RuleOn::NoData { event, .. } => Looked {
                events: vec![*event],
                step: Micros::HOUR,
                name: catalog.events.get(*event)?.name.clone(),
            },
            RuleOn::Several { .. } => return None,
        })
    }
}

fn up(catalog: &Catalog, on: &RuleOn) -> bool {
    match on {
        RuleOn::Kpi { above, .. } => above.is_some(),
        RuleOn::Off(kpi) => {
            let target = catalog.kpis.get(*kpi).and_then(|k| k.target);
            target.is_none_or(|t| !t.higher_is_better)
        }
        RuleOn::Detector(d) => {
            let def = catalog.detectors.get(*d);
            def.is_none_or(|d| !matches!(d.direction, Direction::Down))
        }
        RuleOn::NoData { .. } | RuleOn::Several { .. } => true,
    }
}

fn unit(catalog: &Catalog, on: &RuleOn) -> String {
    let found = match on {
        RuleOn::Kpi { kpi, .. } | RuleOn::Off(kpi) => {
            catalog.kpis.get(*kpi).map(|k| k.unit.as_str())
        }
        RuleOn::Detector(d) => catalog.detectors.get(*d).and_then(|d| {
            let [Op::Term(term)] = d.expr.ops.as_slice() else {
                return None;
            };
            // A number of values is not in their unit.
            let term = d.terms.get(*term).filter(|t| t.stat != Stat::Count)?;
            let measures = &catalog.events.get(term.event)?.measures;
            measures.get(term.measure).map(|m| m.unit.as_str())
        }),
        RuleOn::NoData { .. } => Some("hours"),
        RuleOn::Several { .. } => None,
    };
    found.unwrap_or_default().to_owned()
}

fn inhibitor(catalog: &Catalog, rule: &RuleDef) -> Result<Option<Inhibitor>, EngineError> {
    let Some(other) = rule.unless else {
        return Ok(None);
    };
    let unknown = || {
        EngineError::Catalog(format!(
            "rule {} names one with dimensions that it has not",
            rule.name
        ))
    };
    let names = &catalog.rules.get(other).ok_or_else(unknown)?.dimensions;
    let place = |n: &String| rule.dimensions.iter().position(|d| d == n);
    let picks = names.iter().map(place).collect::<Option<Vec<_>>>();
    Ok(Some(Inhibitor {
        rule: other,
        picks: picks.ok_or_else(unknown)?,
    }))
}
