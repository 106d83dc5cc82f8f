//! `goals:`: what people and teams may aim at, as a KPI of how far they have come. What is aimed at
//! is said by `goal.set`: its `metric` names what, its `target` how much.

use super::base::{self, Derived, flow};
use super::{Added, Around, Needs, quoted};
use crate::reader::File;
use crate::yaml::{Key, Node};
use weir_model::codes;

const EVENT: &str = "goal.set";
const FIELDS: &[&str] = &[
    "title",
    "version",
    "kpi",
    "metric",
    "minimum_sample",
    "impact",
    "action",
];
/// Dimensions of whose goal it is, and the measure of the target in force.
const SCOPES: [(&[&str], &str); 3] = [
    (&["operator"], "operator_target"),
    (&["team"], "team_target"),
    (&[], "tenant_target"),
];

pub(super) fn read(around: &Around<'_>, file: File<'_>, key: &Key, node: &Node) -> Option<Added> {
    let f = file.fields(node, "a goal", FIELDS)?;
    let on = f.need("kpi", "the goal")?;
    let kpi = base::find(around, file, on)?;
    let Some((_, measure)) = SCOPES.iter().find(|(by, _)| *by == kpi.by) else {
        file.say(
            on.at,
            codes::CATALOG_IMPOSSIBLE,
            format!(
                "KPI \"{}\" stands on [{}], and nobody has goals there",
                kpi.name,
                kpi.by.join(", ")
            ),
            "name one of an operator, of a team or of the tenant",
        );
        return None;
    };
    let metric = f.text("metric").unwrap_or(kpi.name);
    let (name, title) = (format!("goal_{}", key.name), f.text_or("title", &key.name));
    let progress = kpi.derive(&Derived {
        name: format!("{name}_progress"),
        head: format!(
            "  title: {}\n  version: {}\n  category: goals\n  weight: 0\n  unit: percent\n  target: \
             100\n  better: higher\n",
            quoted(&format!("{title}: how far it is reached")),
            f.version()
        ),
        decimals: 1,
        terms: vec![(
            "goal".to_owned(),
            format!("{{of: {EVENT}.{measure}, at: {{metric: {}}}}}", quoted(metric)),
        )],
        value: "clamp(ratio(reached, goal) * 100, 0, 100)".to_owned(),
        sample: f.get("minimum_sample").map(flow),
    });
    let alerts = format!(
        "{name}_reached:\n  title: {}\n  type: achievement\n  kpi: {name}_progress\n  above: \
         99.95\n  open_after: 1\n  resolve_after: 1\n  severity: low\n  impact: {}\n  action: {}\n",
        quoted(&format!("{title}: reached")),
        quoted(&f.text_or("impact", "Somebody has done what was set out to be done.")),
        quoted(&f.text_or("action", "Set the next goal.")),
    );
    let mut by = kpi.by.clone();
    by.push("metric".to_owned());
    let needs = Needs {
        event: EVENT.to_owned(),
        by: vec![by],
        windows: vec![kpi.stored],
        measures: String::new(),
    };
    Some(Added {
        version: f.version(),
        by: kpi.by,
        title,
        needs: vec![needs],
        kpis: progress,
        alerts,
    })
}
