//! How a value looks to a condition of a rule, and the record of a step.

use super::Context;
use super::machine::{Look, Step};
use crate::detect::{Finding, subject_key};
use crate::kpi;
use crate::terms::SubjectKey;
use weir_catalog::types::{RuleDef, RuleOn};
use weir_model::records::{Alert, Subject};
use weir_model::{Micros, fixed, hash};

/// One evaluation of a rule.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Told {
    pub(super) rule: usize,
    pub(super) at: Micros,
    pub(super) look: Look,
    /// Of a rule of several conditions: (condition, value, whether it is bad) of those that hold.
    pub(super) conditions: Vec<(usize, f64, bool)>,
}

impl Told {
    /// Of a rule of one condition.
    pub(super) fn at(rule: usize, at: Micros, look: Look) -> Told {
        Told {
            rule,
            at,
            look,
            conditions: Vec::new(),
        }
    }
}

/// How a value of a subject looks to a condition; `None` where it says nothing.
pub(super) fn look(
    context: &Context,
    (rule, condition): (usize, usize),
    subject: &str,
    value: f64,
    found: Option<Finding>,
) -> Option<Look> {
    match *context
        .catalog
        .rules
        .get(rule)?
        .on
        .conditions()
        .get(condition)?
    {
        RuleOn::Kpi { above, below, .. } => Some(match (above, below) {
            (Some(a), _) if value > a => bad(value, Some(a), true),
            (_, Some(b)) if value < b => bad(value, Some(b), false),
            _ => good(value),
        }),
        RuleOn::Off(kpi) => {
            let def = context.catalog.kpis.get(kpi)?;
            let target = def.target_of(SubjectKey(subject).values());
            let target = target.filter(|t| kpi::is_off(*t, value));
            Some(match target {
                Some(t) => bad(value, Some(t.value), !t.higher_is_better),
                None => good(value),
            })
        }
        RuleOn::Detector(d) => {
            let plan = context.plan.detectors.get(d)?;
            let shown = fixed::round(value, 6);
            let Some(f) = found else {
                return Some(good(shown));
            };
            let up = plan.side.unwrap_or(if plan.limit {
                value > f.expected
            } else {
                f.score >= 0.0
            });
            let threshold = plan.limit.then(|| fixed::round(f.expected, 6));
            Some(bad(shown, threshold, up))
        }
        RuleOn::NoData { .. } | RuleOn::Several { .. } => None,
    }
}

fn bad(value: f64, threshold: Option<f64>, up: bool) -> Look {
    Look::Bad {
        value: Some(value),
        threshold,
        up,
    }
}

fn good(value: f64) -> Look {
    Look::Good { value: Some(value) }
}

/// The record of a step.
pub(super) fn alert(
    context: &Context,
    subject: SubjectKey<'_>,
    told: &Told,
    step: Step,
    offset: i64,
) -> Option<Alert> {
    let def = context.catalog.rules.get(told.rule)?;
    let plan = context.plan.rules.get(told.rule)?;
    let subject: Subject = subject.subject(def.dimensions.iter().map(String::as_str));
    let of = |name: &str| {
        let found = subject.dimensions.iter().find(|(n, _)| n == name);
        found.map(|(_, v)| v.clone())
    };
    let name = |condition: usize| plan.names.get(condition).cloned().unwrap_or_default();
    let failing: Vec<String> = told
        .conditions
        .iter()
        .filter(|(.., bad)| *bad)
        .map(|(c, ..)| name(*c))
        .collect();
    let (group, group_key) = group(def, &subject).unwrap_or_default();
    Some(Alert {
        id: hash::alert_id(&def.name, def.version, &subject_key(&subject), step.opened),
        run: context.options.run,
        catalog: context.catalog.hash,
        rule: def.name.clone(),
        version: def.version,
        kind: plan.kind.to_owned(),
        severity: def.severity.clone(),
        state: step.state,
        step: step.step,
        opened: step.opened,
        at: told.at,
        value: step.value,
        threshold: step.threshold,
        worst: step.worst,
        windows: step.windows,
        impact: def.impact.clone(),
        action: def.action.clone(),
        reopenings: step.reopenings,
        r#type: def.alert_type.clone(),
        priority: def.priority.clone(),
        metric: name(0),
        unit: plan.unit.clone(),
        component: of("component")
            .or_else(|| of("service"))
            .unwrap_or_default(),
        client: of("client").unwrap_or_default(),
        group,
        group_key,
        conditions: told
            .conditions
            .iter()
            .map(|(c, value, _)| (name(*c), Some(*value)))
            .collect(),
        failing: failing.join(","),
        subject,
        revision: offset,
    })
}

/// Hash and spelling of an alert's group, where its rule groups.
fn group(def: &RuleDef, subject: &Subject) -> Option<(String, String)> {
    let by = def.group_by.as_ref()?;
    let own = subject.dimensions.iter().filter(|(n, _)| by.contains(n));
    let of = Subject {
        tenant: subject.tenant.clone(),
        dimensions: own.cloned().collect(),
    };
    let key = hash::id(&[b"group", def.name.as_bytes(), &subject_key(&of)]);
    let values: String = of
        .dimensions
        .iter()
        .map(|(n, v)| format!(",{n}={v}"))
        .collect();
    Some((key, format!("{}{{tenant={}{values}}}", def.name, of.tenant)))
}
