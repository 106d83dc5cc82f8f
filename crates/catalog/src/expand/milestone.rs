//! `milestones:`: a value of a KPI that is worth a badge, as a rule that is told once for each
//! subject.

use super::base::{self, Base, Derived};
use super::in_force::{self, Version};
use super::{Added, Around, Needs, quoted};
use crate::reader::File;
use crate::yaml::{Key, Node};
use weir_model::codes;

const FIELDS: &[&str] = &[
    "title", "version", "kpi", "at_least", "in_force", "badge", "impact", "action",
];

pub(super) fn read(around: &Around<'_>, file: File<'_>, key: &Key, node: &Node) -> Option<Added> {
    let f = file.fields(node, "a milestone", FIELDS)?;
    let on = f.need("kpi", "the milestone")?;
    let kpi = base::find(around, file, on)?;
    let versions = in_force::read(&f, &["at_least"]);
    let mut least = Vec::new();
    for version in &versions {
        let node = version.says.need("at_least", "the milestone")?;
        least.push(file.number(node, "at_least")?);
    }
    let title = f.text_or("title", &key.name);
    let milestone = Milestone {
        name: format!("milestone_{}", key.name),
        version: f.version(),
        title: title.clone(),
        kpi,
        versions,
        least,
    };
    let (needs, kpis, looked) = milestone.looked_at(on, file)?;
    let action = [
        f.text("action").map(str::to_owned),
        f.text("badge").map(|b| format!("Give the badge {b}.")),
    ];
    let action: Vec<String> = action.into_iter().flatten().collect();
    let alerts = format!(
        "{}:\n  title: {}\n  version: {}\n  type: achievement\n{looked}  open_after: 1\n  \
         resolve_after: never\n  severity: low\n  impact: {}\n  action: {}\n",
        milestone.name,
        quoted(&title),
        f.version(),
        quoted(&f.text_or("impact", "")),
        quoted(&action.join(" ")),
    );
    Some(Added {
        version: f.version(),
        by: milestone.kpi.by,
        title,
        needs,
        kpis,
        alerts,
    })
}

struct Milestone<'a> {
    name: String,
    version: u32,
    title: String,
    kpi: Base<'a>,
    versions: Vec<Version<'a>>,
    /// By entry.
    least: Vec<f64>,
}

impl Milestone<'_> {
    /// What its rule looks at: the KPI, or, where the bound depends on who and when, a KPI that says
    /// whether it is reached.
    fn looked_at(&self, on: &Node, file: File<'_>) -> Option<(Vec<Needs>, String, String)> {
        let kpi = &self.kpi;
        if in_force::always(&self.versions) {
            let above = self.least.first().map(|v| just_below(*v, kpi.decimals))?;
            let looked = format!("  kpi: {}\n  above: {above:?}\n", kpi.name);
            return Some((Vec::new(), String::new(), looked));
        }
        if kpi.events.is_empty() {
            file.say(
                on.at,
                codes::CATALOG_IMPOSSIBLE,
                format!("KPI \"{}\" names no measure of an event", kpi.name),
                "let one of its terms be a measure",
            );
            return None;
        }
        let entry = format!("{}_entry", self.name);
        let needs = kpi.events.iter().map(|event| Needs {
            event: (*event).to_owned(),
            by: vec![kpi.by.clone()],
            windows: vec![kpi.stored],
            measures: format!(
                "{entry}: {{version: {}, max: {}, title: {}}}\n",
                self.version,
                quoted(&in_force::number(&self.versions)),
                quoted(&format!("{}: the entry in force", self.title)),
            ),
        });
        let events = kpi.events.iter().enumerate();
        let terms: Vec<(String, String)> = events
            .map(|(i, event)| (format!("entry{i}"), format!("{event}.{entry}")))
            .collect();
        let known = terms.iter().map(|(n, _)| format!("coalesce({n}, 0)"));
        let known: Vec<String> = known.collect();
        let number = match known.as_slice() {
            [one] => one.clone(),
            several => format!("max({})", several.join(", ")),
        };
        let reached = |least: &f64| format!("(reached >= {least:?} ? 1 : 0)");
        let reached: Vec<String> = self.least.iter().map(reached).collect();
        let derived = kpi.derive(&Derived {
            name: format!("{}_reached", self.name),
            head: format!(
                "  title: {}\n  version: {}\n  category: learning\n  weight: 0\n  unit: \"\"\n",
                quoted(&format!("{}: 1 where it is reached", self.title)),
                self.version
            ),
            decimals: 0,
            terms,
            value: in_force::by_number(&format!("({number})"), &reached),
            sample: None,
        });
        let looked = format!("  kpi: {}_reached\n  above: 0.5\n", self.name);
        Some((needs.collect(), derived, looked))
    }
}

/// A bound that the value itself is above, and no smaller one with so many decimals.
fn just_below(value: f64, decimals: u32) -> f64 {
    let scale = 10f64.powi(decimals as i32);
    let half = (value * scale - 0.5) / scale;
    match (value * scale).fract() == 0.0 {
        true => half,
        false => value.next_down(),
    }
}
