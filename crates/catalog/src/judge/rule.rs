//! Alert rules: what they look at, and how they are read and checked. Their life:
//! `docs/semantics.md`, Judging, Alert rules.

use super::detector::DetectorDef;
use super::kpi::KpiDef;
use super::{Checked, SEVERITIES, event_of, limits, rollup_of};
use crate::meaning::text;
use crate::problem::suggest;
use crate::reader::{Fields, File};
use crate::terms::read_by;
use crate::types::{Catalog, EventDef, EventId};
use crate::yaml::{Key, Node};
use weir_model::{Micros, WindowSize, codes};

/// What a rule looks at.
#[derive(Debug, Clone)]
pub enum RuleOn {
    /// A published KPI crosses a threshold.
    Kpi {
        /// Index into [`Catalog::kpis`].
        kpi: usize,
        /// Bad above.
        above: Option<f64>,
        /// Bad below.
        below: Option<f64>,
    },
    /// A detector finds something.
    Detector(usize),
    /// A subject that had data has none any more.
    NoData {
        /// Event type.
        event: EventId,
        /// Rollup whose subjects are watched.
        rollup: usize,
        /// Silence that is bad, a multiple of an hour; a subject silent for 8 times as long is
        /// forgotten.
        silence: Micros,
    },
}

/// An alert rule.
#[derive(Debug, Clone)]
pub struct RuleDef {
    /// Name.
    pub name: String,
    /// Version.
    pub version: u32,
    /// For people.
    pub title: String,
    /// See [`RuleOn`].
    pub on: RuleOn,
    /// Bad windows in a row until it opens (1 = at once).
    pub open_after: u32,
    /// Good windows in a row until it resolves.
    pub resolve_after: u32,
    /// `low`, `medium`, `high`, `critical`.
    pub severity: String,
    /// Business impact.
    pub impact: String,
    /// Recommended action.
    pub action: String,
}

impl RuleDef {
    /// What gives its alerts their meaning.
    pub(crate) fn meaning(&self, c: &Catalog) -> String {
        let on = self.on.meaning(c);
        format!("{on} {} {}", self.open_after, self.resolve_after)
    }
}

impl RuleOn {
    fn meaning(&self, c: &Catalog) -> String {
        match self {
            RuleOn::Kpi { kpi, above, below } => format!(
                "kpi {} {} {}",
                c.kpis[*kpi].name,
                text::optional(*above, text::float),
                text::optional(*below, text::float)
            ),
            RuleOn::Detector(d) => format!("detector {}", c.detectors[*d].name),
            RuleOn::NoData {
                event,
                rollup,
                silence,
            } => format!(
                "no data {} {} {}",
                c.events[*event].name,
                text::rollup_names(&c.events[*event], *rollup),
                text::micros(*silence)
            ),
        }
    }
}

/// What rules may refer to.
#[derive(Clone, Copy)]
pub(crate) struct Declared<'a> {
    pub events: &'a [EventDef],
    pub kpis: &'a [Checked<KpiDef>],
    pub detectors: &'a [Checked<DetectorDef>],
}

const FIELDS: &[&str] = &[
    "version",
    "title",
    "kpi",
    "above",
    "below",
    "detector",
    "no_data",
    "open_after",
    "resolve_after",
    "severity",
    "impact",
    "action",
];

pub(crate) fn read(
    file: File<'_>,
    key: &Key,
    node: &Node,
    declared: Declared<'_>,
) -> Option<RuleDef> {
    file.check_name(key, "a rule");
    let f = file.fields(node, "a rule", FIELDS)?;
    let on = on(&f, key, declared)?;
    let times = |name: &str| {
        f.get(name)
            .map_or(Some(1), |n| file.whole(n, name, 1, 1000))
    };
    for name in ["impact", "action"] {
        f.need(name, "the rule");
    }
    if !matches!(on, RuleOn::Kpi { .. }) {
        for k in ["above", "below"].iter().filter_map(|n| f.key(n)) {
            file.say(
                k.at,
                codes::CATALOG_SYNTAX,
                format!("\"{}\" belongs to rules on a KPI", k.name),
                "remove it",
            );
        }
    }
    Some(RuleDef {
        name: key.name.clone(),
        version: f.version(),
        title: f.text_or("title", ""),
        on,
        open_after: times("open_after")?,
        resolve_after: times("resolve_after")?,
        severity: f.word("severity", SEVERITIES, "medium"),
        impact: f.text_or("impact", ""),
        action: f.text_or("action", ""),
    })
}

fn on(f: &Fields<'_>, key: &Key, declared: Declared<'_>) -> Option<RuleOn> {
    match (f.get("kpi"), f.get("detector"), f.get("no_data")) {
        (Some(n), None, None) => on_kpi(f, key, n, declared.kpis),
        (None, Some(n), None) => on_detector(f.file, n, declared.detectors),
        (None, None, Some(n)) => on_no_data(f.file, n, declared.events),
        _ => {
            f.file.say(
                key.at,
                codes::CATALOG_SYNTAX,
                format!("rule \"{}\" does not look at exactly one thing", key.name),
                "name one of kpi, detector, no_data",
            );
            None
        }
    }
}

fn on_kpi(f: &Fields<'_>, key: &Key, n: &Node, kpis: &[Checked<KpiDef>]) -> Option<RuleOn> {
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
    if above.is_none() && below.is_none() {
        file.say(
            key.at,
            codes::CATALOG_SYNTAX,
            "the rule has no threshold",
            "add `above:` or `below:`",
        );
    }
    Some(RuleOn::Kpi { kpi, above, below })
}

fn on_detector(file: File<'_>, n: &Node, detectors: &[Checked<DetectorDef>]) -> Option<RuleOn> {
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

fn on_no_data(file: File<'_>, n: &Node, events: &[EventDef]) -> Option<RuleOn> {
    let d = file.fields(n, "no_data", &["event", "by", "silence"])?;
    let event = event_of(&d, "no_data", events)?;
    let rollup = rollup_of(&d, event, &read_by(&d), events)?;
    let s = d.need("silence", "no_data")?;
    let silence = file.duration(s, "silence")?;
    if silence < Micros::HOUR || silence.0 % Micros::HOUR.0 != 0 {
        file.say(
            s.at,
            codes::CATALOG_IMPOSSIBLE,
            "silence is judged at full hours",
            "write a multiple of 1h",
        );
    }
    let stored = &events[event].rollups[rollup].windows;
    if !stored.contains(&WindowSize::Minute) && !stored.contains(&WindowSize::Hour) {
        file.say(
            n.at,
            codes::CATALOG_REFERENCE,
            "no_data needs minutes or hours of its rollup",
            "store 1m or 1h there",
        );
    }
    Some(RuleOn::NoData {
        event,
        rollup,
        silence,
    })
}
