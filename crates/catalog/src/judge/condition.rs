//! Conditions of alert rules: one on a KPI or a detector, or several of them.

use super::detector::DetectorDef;
use super::kpi::KpiDef;
use super::rule::{Declared, RuleOn};
use super::{Checked, limits};
use crate::problem::suggest;
use crate::reader::{Fields, File};
use crate::yaml::{At, Node};
use weir_model::codes;

/// Fields that stand beside a KPI.
pub(super) const OF_KPIS: [&str; 3] = ["above", "below", "status"];

/// Most conditions of a rule.
const MOST: usize = 8;

/// `at`: of what has no threshold.
pub(super) fn on_kpi(f: &Fields<'_>, at: At, n: &Node, kpis: &[Checked<KpiDef>]) -> Option<RuleOn> {
    let file = f.file;
    let name = file.text(n, "kpi")?;
    let Some(kpi) = kpis.iter().position(|k| k.def.name == name) else {
        let remedy = suggest(name, kpis.iter().map(|k| k.def.name.as_str()));
        file.say(
            n.at,
            codes::CATALOG_REFERENCE,
            format!("there is no KPI \"{name}\""),
            remedy,
        );
        return None;
    };
    check_sample(file, n, ("KPI", name), kpis[kpi].unsampled);
    let (above, below) = limits(f, kpis[kpi].range);
    if let Some(status) = f.get("status") {
        return off(f, status, kpi, &kpis[kpi].def, above.or(below).is_some());
    }
    if above.is_none() && below.is_none() {
        file.say(
            at,
            codes::CATALOG_SYNTAX,
            "the rule has no threshold",
            "add `above:` or `below:`",
        );
    }
    Some(RuleOn::Kpi { kpi, above, below })
}

fn off(f: &Fields<'_>, n: &Node, kpi: usize, def: &KpiDef, bounded: bool) -> Option<RuleOn> {
    f.word("status", &["off"], "off");
    if bounded {
        f.file.say(
            n.at,
            codes::CATALOG_SYNTAX,
            "\"status\" stands beside a threshold",
            "keep one of the two",
        );
    }
    if def.target.is_none() {
        f.file.say(
            n.at,
            codes::CATALOG_IMPOSSIBLE,
            format!(
                "KPI \"{}\" has no target, so its status is never off",
                def.name
            ),
            "add `target:` and `better:` to the KPI, or use `above:` or `below:`",
        );
    }
    Some(RuleOn::Off(kpi))
}

pub(super) fn on_detector(
    file: File<'_>,
    n: &Node,
    detectors: &[Checked<DetectorDef>],
) -> Option<RuleOn> {
    let name = file.text(n, "detector")?;
    let Some(d) = detectors.iter().position(|d| d.def.name == name) else {
        let remedy = suggest(name, detectors.iter().map(|d| d.def.name.as_str()));
        file.say(
            n.at,
            codes::CATALOG_REFERENCE,
            format!("there is no detector \"{name}\""),
            remedy,
        );
        return None;
    };
    check_sample(file, n, ("detector", name), detectors[d].unsampled);
    Some(RuleOn::Detector(d))
}

fn check_sample(file: File<'_>, n: &Node, (what, name): (&str, &str), unsampled: bool) {
    if unsampled {
        file.say(
            n.at,
            codes::CATALOG_NO_MINIMUM,
            format!(
                "{what} \"{name}\" is a ratio, mean or percentile without a minimum sample, \
                 so a rule on it fires on noise"
            ),
            format!("add `minimum_sample: {{calls: 20}}` to the {what}"),
        );
    }
}

/// `all: [...]` or `any: [...]`.
pub(super) fn several(
    file: File<'_>,
    node: &Node,
    of: &str,
    declared: Declared<'_>,
) -> Option<RuleOn> {
    let items = file.list(node, of)?;
    if !(2..=MOST).contains(&items.len()) {
        file.say(
            node.at,
            codes::CATALOG_IMPOSSIBLE,
            format!("{of} has {} conditions", items.len()),
            format!("name 2 to {MOST}, or write the only one without {of}"),
        );
        return None;
    }
    let mut conditions: Vec<RuleOn> = Vec::new();
    for item in items {
        let on = one(file, item, declared)?;
        if conditions.iter().any(|o| same(o, &on)) {
            file.say(
                item.at,
                codes::CATALOG_DUPLICATE,
                format!("two conditions of {of} look at the same"),
                "remove one of them",
            );
        }
        conditions.push(on);
    }
    let first = declared.dimensions(&conditions[0]);
    for (item, on) in items.iter().zip(&conditions) {
        let by = declared.dimensions(on);
        if by != first {
            file.say(
                item.at,
                codes::CATALOG_REFERENCE,
                format!(
                    "it stands on [{}], the first condition on [{}]",
                    by.join(", "),
                    first.join(", ")
                ),
                "let all conditions of a rule have the same `by`",
            );
        }
    }
    let all = of == "all";
    Some(RuleOn::Several { all, conditions })
}

fn one(file: File<'_>, item: &Node, declared: Declared<'_>) -> Option<RuleOn> {
    let allowed = ["kpi", "above", "below", "status", "detector"];
    let f = file.fields(item, "a condition", &allowed)?;
    match (f.get("kpi"), f.get("detector")) {
        (Some(n), None) => on_kpi(&f, item.at, n, declared.kpis),
        (None, Some(n)) => {
            for k in OF_KPIS.iter().filter_map(|name| f.key(name)) {
                file.say(
                    k.at,
                    codes::CATALOG_SYNTAX,
                    format!("\"{}\" belongs to conditions on a KPI", k.name),
                    "remove it",
                );
            }
            on_detector(file, n, declared.detectors)
        }
        _ => {
            file.say(
                item.at,
                codes::CATALOG_SYNTAX,
                "a condition does not look at exactly one thing",
                "name one of kpi, detector",
            );
            None
        }
    }
}

/// Whether two conditions look at the same KPI or detector.
fn same(a: &RuleOn, b: &RuleOn) -> bool {
    let look = |on: &RuleOn| match on {
        RuleOn::Kpi { kpi, .. } | RuleOn::Off(kpi) => Some((true, *kpi)),
        RuleOn::Detector(d) => Some((false, *d)),
        RuleOn::NoData { .. } | RuleOn::Several { .. } => None,
    };
    look(a) == look(b)
}
