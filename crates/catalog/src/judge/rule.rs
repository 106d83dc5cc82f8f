//! Alert rules: what they look at, and how they are read and checked. Their life:
//! `docs/semantics.md`, Judging, Alert rules.

use super::condition;
use super::detector::DetectorDef;
use super::inhibit::Linked;
use super::kpi::KpiDef;
use super::{Checked, SEVERITIES, event_of, rollup_of};
use crate::meaning::text;
use crate::problem::suggest;
use crate::reader::{Fields, File};
use crate::terms::read_by;
use crate::types::{Catalog, EventDef, EventId};
use crate::yaml::{Key, Node, Value};
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
    /// The status of a published KPI, an index into [`Catalog::kpis`], is `off`.
    Off(usize),
    /// A detector finds something.
    Detector(usize),
    /// Two or more of the above at once, of the same dimensions; the first one gives alerts their
    /// figures.
    Several {
        /// Bad while all of them are, not while any of them is.
        all: bool,
        /// In the order of declaration.
        conditions: Vec<RuleOn>,
    },
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
    /// Names of the dimensions of its subjects, sorted.
    pub dimensions: Vec<String>,
    /// Bad windows in a row until it opens (1 = at once).
    pub open_after: u32,
    /// Good windows in a row until it resolves, or [`RuleDef::NEVER`].
    pub resolve_after: u32,
    /// `low`, `medium`, `high`, `critical`.
    pub severity: String,
    /// Business impact.
    pub impact: String,
    /// Recommended action.
    pub action: String,
    /// Index of the rule that keeps it from opening while open itself.
    pub unless: Option<usize>,
    /// Windows after it resolved within which an alert opens again as the same one (0: none).
    pub flap_within: u32,
    /// Dimensions whose values make the group of its alerts, sorted; `None`: alerts have no group.
    pub group_by: Option<Vec<String>>,
    /// What receivers tell kinds of alerts apart by, e.g. `kpi_threshold`, `sla_breach`.
    pub alert_type: String,
    /// `P1` or `P2`.
    pub priority: String,
}

impl RuleDef {
    /// `resolve_after: never`: it is told once for each subject, and then nothing moves it.
    pub const NEVER: u32 = u32::MAX;

    /// Whether it is told once for each subject.
    pub fn tells_once(&self) -> bool {
        self.resolve_after == RuleDef::NEVER
    }

    /// [`RuleDef::resolve_after`], in words.
    pub fn resolves_after(&self) -> String {
        match self.tells_once() {
            true => "never".to_owned(),
            false => self.resolve_after.to_string(),
        }
    }

    /// What gives its alerts their meaning.
    pub(crate) fn meaning(&self, c: &Catalog) -> String {
        let on = self.on.meaning(c);
        let mut out = format!("{on} {} {}", self.open_after, self.resolves_after());
        // A rule without these is written as before there were any.
        if let Some(rule) = self.unless {
            out += &format!(" unless {}", c.rules[rule].name);
        }
        if self.flap_within > 0 {
            out += &format!(" flap within {}", self.flap_within);
        }
        out
    }

    /// What its alerts carry beside their meaning, where it is not the usual.
    pub(crate) fn labels(&self) -> String {
        let mut out = String::new();
        if let Some(by) = &self.group_by {
            out += &format!(" group by {}", text::names(by));
        }
        if self.alert_type != self.on.alert_type() {
            out += &format!(" type {}", self.alert_type);
        }
        if self.priority != priority(&self.severity) {
            out += &format!(" {}", self.priority);
        }
        out
    }
}

/// The usual priority of a severity.
fn priority(severity: &str) -> &'static str {
    match severity {
        "critical" | "high" => "P1",
        _ => "P2",
    }
}

impl RuleOn {
    /// What it looks at: its conditions where there are several, else itself.
    pub fn conditions(&self) -> &[RuleOn] {
        match self {
            RuleOn::Several { conditions, .. } => conditions,
            one => std::slice::from_ref(one),
        }
    }

    /// The first of [`RuleOn::conditions`].
    pub fn first(&self) -> &RuleOn {
        self.conditions().first().unwrap_or(self)
    }

    /// The usual `type` of its alerts.
    fn alert_type(&self) -> &'static str {
        match self.first() {
            RuleOn::Detector(_) => "anomaly",
            RuleOn::NoData { .. } => "no_data",
            _ => "kpi_threshold",
        }
    }

    fn meaning(&self, c: &Catalog) -> String {
        match self {
            RuleOn::Kpi { kpi, above, below } => format!(
                "kpi {} {} {}",
                c.kpis[*kpi].name,
                text::optional(*above, text::float),
                text::optional(*below, text::float)
            ),
            RuleOn::Off(kpi) => format!("kpi {} off", c.kpis[*kpi].name),
            RuleOn::Detector(d) => format!("detector {}", c.detectors[*d].name),
            RuleOn::Several { all, conditions } => {
                let each: Vec<String> = conditions
                    .iter()
                    .map(|on| format!("({})", on.meaning(c)))
                    .collect();
                format!("{} {}", if *all { "all" } else { "any" }, each.join(" "))
            }
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

impl Declared<'_> {
    /// Names of the dimensions of what a condition looks at, sorted.
    pub fn dimensions(&self, on: &RuleOn) -> Vec<String> {
        let names = |event: EventId, rollup: usize| {
            let def = &self.events[event];
            let names = def.rollup_dimensions(&def.rollups[rollup]);
            names.into_iter().map(str::to_owned).collect()
        };
        match on.first() {
            RuleOn::Kpi { kpi, .. } | RuleOn::Off(kpi) => self.kpis[*kpi].def.dimensions.clone(),
            RuleOn::Detector(d) => {
                let def = &self.detectors[*d].def;
                names(def.event, def.rollup)
            }
            RuleOn::NoData { event, rollup, .. } => names(*event, *rollup),
            RuleOn::Several { .. } => Vec::new(),
        }
    }
}

const FIELDS: &[&str] = &[
    "version",
    "title",
    "kpi",
    "above",
    "below",
    "status",
    "detector",
    "no_data",
    "all",
    "any",
    "open_after",
    "resolve_after",
    "unless",
    "flap_within",
    "group_by",
    "severity",
    "type",
    "priority",
    "impact",
    "action",
];

pub(crate) fn read<'s>(
    file: File<'s>,
    key: &'s Key,
    node: &'s Node,
    declared: Declared<'_>,
) -> Option<Linked<'s>> {
    file.check_name(key, "a rule");
    let f = file.fields(node, "a rule", FIELDS)?;
    let on = on(&f, key, declared)?;
    let times = |name: &str, least: u32| {
        f.get(name)
            .map_or(Some(least), |n| file.whole(n, name, least, 1000))
    };
    for name in ["impact", "action"] {
        f.need(name, "the rule");
    }
    if !matches!(on, RuleOn::Kpi { .. } | RuleOn::Off(_)) {
        let only = condition::OF_KPIS.iter().filter_map(|n| f.key(n));
        for k in only {
            file.say(
                k.at,
                codes::CATALOG_SYNTAX,
                format!("\"{}\" belongs to rules on a KPI", k.name),
                "remove it",
            );
        }
    }
    let resolve_after = match resolves(&f, &on) {
        true => times("resolve_after", 1)?,
        false => RuleDef::NEVER,
    };
    let dimensions = declared.dimensions(&on);
    let severity = f.word("severity", SEVERITIES, "medium");
    let def = RuleDef {
        name: key.name.clone(),
        version: f.version(),
        title: f.text_or("title", ""),
        open_after: times("open_after", 1)?,
        resolve_after,
        impact: f.text_or("impact", ""),
        action: f.text_or("action", ""),
        unless: None,
        flap_within: times("flap_within", 0)?,
        group_by: group_by(&f, &dimensions),
        alert_type: alert_type(&f).unwrap_or_else(|| on.alert_type().to_owned()),
        priority: f.word("priority", &["P1", "P2"], priority(&severity)),
        severity,
        dimensions,
        on,
    };
    let unless = f
        .get("unless")
        .and_then(|n| Some((file.text(n, "unless")?, n.at)));
    Some(Linked { def, file, unless })
}

/// Whether it resolves at some time; silence ends when data come, or the subject is forgotten.
fn resolves(f: &Fields<'_>, on: &RuleOn) -> bool {
    let never = |n: &&Node| matches!(&n.value, Value::Text(t) if t == "never");
    let Some(node) = f.get("resolve_after").filter(never) else {
        return true;
    };
    let problem = match on {
        RuleOn::NoData { .. } => {
            Some((node.at, "silence ends, so its alerts do", "write how often"))
        }
        _ => f.key("flap_within").map(|k| {
            let said = "a rule that never resolves does not come back";
            (k.at, said, "remove flap_within")
        }),
    };
    if let Some((at, said, remedy)) = problem {
        f.file.say(at, codes::CATALOG_IMPOSSIBLE, said, remedy);
    }
    false
}

/// The dimensions that alerts are grouped by, which the rule has to have.
fn group_by(f: &Fields<'_>, dimensions: &[String]) -> Option<Vec<String>> {
    let mut names = Vec::new();
    for (name, at) in f.file.texts(f.get("group_by")?, "group_by")? {
        if dimensions.iter().any(|d| d == name) {
            names.push(name.to_owned());
            continue;
        }
        let remedy = match dimensions {
            [] => "write `group_by: []`: all alerts of a tenant are one group".to_owned(),
            _ => suggest(name, dimensions.iter().map(String::as_str)),
        };
        f.file.say(
            at,
            codes::CATALOG_REFERENCE,
            format!("the rule's subjects have no dimension \"{name}\""),
            remedy,
        );
    }
    names.sort();
    Some(names)
}

fn alert_type<'a>(f: &Fields<'a>) -> Option<String> {
    let node = f.get("type")?;
    let text = f.file.text(node, "type")?;
    let key = Key {
        name: text.to_owned(),
        at: node.at,
    };
    f.file.check_name(&key, "a type of alerts");
    Some(text.to_owned())
}

fn on(f: &Fields<'_>, key: &Key, declared: Declared<'_>) -> Option<RuleOn> {
    let looks = ["kpi", "detector", "no_data", "all", "any"];
    let mut named = looks.iter().filter_map(|name| Some((*name, f.get(name)?)));
    match (named.next(), named.next()) {
        (Some(("kpi", n)), None) => condition::on_kpi(f, key.at, n, declared.kpis),
        (Some(("detector", n)), None) => condition::on_detector(f.file, n, declared.detectors),
        (Some(("no_data", n)), None) => on_no_data(f.file, n, declared.events),
        (Some((of, n)), None) => condition::several(f.file, n, of, declared),
        _ => {
            f.file.say(
                key.at,
                codes::CATALOG_SYNTAX,
                format!("rule \"{}\" does not look at exactly one thing", key.name),
                "name one of kpi, detector, no_data, all, any",
            );
            None
        }
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
