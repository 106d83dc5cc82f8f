//! `slas:`: a promise about the answers of a service, as measures of them, KPIs over days and
//! rules over burn rates.

use super::{Added, Around, Needs, names, quoted};
use crate::reader::{Fields, File};
use crate::terms::read_by;
use crate::yaml::{Key, Node};
use std::fmt::Write as _;
use weir_model::codes;

const FIELDS: &[&str] = &[
    "title",
    "event",
    "by",
    "where",
    "success",
    "response",
    "availability",
    "satisfaction",
    "compliance",
    "minimum_sample",
    "impact",
    "action",
];

/// How fast an error budget may burn, as two windows and the multiple of the pace that uses it up
/// in 28 days: both windows must be above it, so that it is told early and ends soon.
struct Pace {
    name: &'static str,
    long: (&'static str, &'static str),
    short: (&'static str, &'static str),
    factor: f64,
    severity: &'static str,
    priority: &'static str,
    title: &'static str,
}

const PACES: [Pace; 3] = [
    Pace {
        name: "fast",
        long: ("1h", "1h/5m"),
        short: ("5m", "5m"),
        factor: 14.4,
        severity: "critical",
        priority: "P1",
        title: "the error budget of 28 days is gone in two",
    },
    Pace {
        name: "slow",
        long: ("6h", "6h/5m"),
        short: ("30m", "30m/5m"),
        factor: 6.0,
        severity: "high",
        priority: "P1",
        title: "the error budget of 28 days is gone in five",
    },
    Pace {
        name: "steady",
        long: ("3d", "3d/1h"),
        short: ("6h", "6h/5m"),
        factor: 1.0,
        severity: "medium",
        priority: "P2",
        title: "the error budget will not last for 28 days",
    },
];

/// What was declared.
struct Sla {
    /// What all its names begin with.
    name: String,
    title: String,
    by: Vec<String>,
    event: String,
    /// The events it is about; all of them without.
    filter: Option<String>,
    success: Option<String>,
    response: Option<Response>,
    availability: Option<f64>,
    satisfaction: Option<(String, f64)>,
    compliance: f64,
    sample: f64,
    impact: String,
    action: String,
}

struct Response {
    field: String,
    target: f64,
    max: f64,
}

pub(super) fn read(_: &Around<'_>, file: File<'_>, key: &Key, node: &Node) -> Option<Added> {
    let f = file.fields(node, "an SLA", FIELDS)?;
    let event = f
        .need("event", "the SLA")
        .and_then(|n| file.text(n, "event"))?;
    let share = |name: &str| f.get(name).and_then(|n| percent(file, n, name));
    let sla = Sla {
        name: format!("sla_{}", key.name),
        title: f.text_or("title", &key.name),
        by: read_by(&f),
        event: event.to_owned(),
        filter: f.text("where").map(str::to_owned),
        success: f.text("success").map(str::to_owned),
        response: response(&f),
        availability: share("availability"),
        satisfaction: satisfaction(&f),
        compliance: share("compliance").unwrap_or(95.0),
        sample: f.number("minimum_sample").unwrap_or(20.0),
        impact: f.text_or("impact", ""),
        action: f.text_or("action", ""),
    };
    if sla.response.is_none() && sla.success.is_none() {
        file.say(
            key.at,
            codes::CATALOG_IMPOSSIBLE,
            format!("SLA \"{}\" promises nothing", key.name),
            "add `response: {field: response_ms, target: 3000, max: 6000}`, or `success:`",
        );
        return None;
    }
    let needs = Needs {
        event: sla.event.clone(),
        by: vec![sla.by.clone()],
        windows: vec!["5m", "1h", "1d"],
        measures: sla.measures(),
    };
    Some(Added {
        version: 1,
        kpis: sla.kpis(),
        alerts: sla.alerts(),
        needs: vec![needs],
        by: sla.by,
        title: sla.title,
    })
}

/// A promise in percent: all of it leaves no budget of errors.
fn percent(file: File<'_>, node: &Node, what: &str) -> Option<f64> {
    let ok = |v: f64| v > 0.0 && v < 100.0;
    file.within(node, what, ok, "a number above 0 and below 100")
}

fn response(f: &Fields<'_>) -> Option<Response> {
    let file = f.file;
    let node = f.get("response")?;
    let r = file.fields(node, "a response", &["field", "target", "max"])?;
    let field = r.need("field", "a response")?;
    let target = r.need("target", "a response")?;
    let response = Response {
        field: file.text(field, "field")?.to_owned(),
        target: file.within(target, "target", |v| v > 0.0, "a number above 0")?,
        max: r.number("max").unwrap_or(f64::INFINITY),
    };
    if response.max < response.target {
        file.say(
            node.at,
            codes::CATALOG_IMPOSSIBLE,
            format!(
                "the longest response, {}, is below the target {}",
                response.max, response.target
            ),
            "swap them",
        );
    }
    Some(response)
}

fn satisfaction(f: &Fields<'_>) -> Option<(String, f64)> {
    let file = f.file;
    let node = f.get("satisfaction")?;
    let s = file.fields(node, "a satisfaction", &["field", "target"])?;
    let field = s.need("field", "a satisfaction")?;
    let target = s.need("target", "a satisfaction")?;
    Some((
        file.text(field, "field")?.to_owned(),
        file.number(target, "target")?,
    ))
}

impl Sla {
    /// The condition of a measure: the SLA's own and more.
    fn condition(&self, more: &[&str]) -> String {
        let own = self.filter.iter().map(|w| format!("({w})"));
        let all: Vec<String> = own.chain(more.iter().map(|m| (*m).to_owned())).collect();
        if all.is_empty() {
            String::new()
        } else {
            format!(", where: {}", quoted(&all.join(" && ")))
        }
    }

    fn measures(&self) -> String {
        let mut out = String::new();
        let mut count = |part: &str, more: &[&str], title: &str| {
            let (name, title) = (&self.name, quoted(&format!("{}: {title}", self.title)));
            let condition = self.condition(more);
            let _ = writeln!(
                out,
                "{name}_{part}: {{count: true{condition}, unit: requests, title: {title}}}"
            );
        };
        let success: Vec<&str> = self.success.iter().map(String::as_str).collect();
        count("requests", &[], "requests");
        count("available", &success, "answered");
        if let Some(r) = &self.response {
            let within = |limit: f64| format!("{} <= {limit}", r.field);
            let with = |limit: &str| [success.clone(), vec![limit]].concat().join(" && ");
            count(
                "good",
                &[&with(&within(r.target))],
                "answered within the target",
            );
            if r.max.is_finite() {
                count(
                    "in_time",
                    &[&with(&within(r.max))],
                    "answered within the maximum",
                );
            }
        } else {
            count("good", &success, "answered");
        }
        if let Some((field, _)) = &self.satisfaction {
            // Any rating: a comparison with none is not true.
            let rated = format!("{field} >= 0");
            count("rated", &[&rated], "rated");
            let (name, title) = (&self.name, quoted(&format!("{}: ratings", self.title)));
            let condition = self.condition(&[&rated]);
            let _ = writeln!(
                out,
                "{name}_ratings: {{sum: {field}{condition}, unit: points, title: {title}}}"
            );
        }
        out
    }

    /// One KPI of these measures.
    fn kpi(&self, out: &mut String, part: &str, kpi: Part<'_>) {
        let Part {
            title,
            unit,
            window,
            value,
            target,
            sample,
            only_changes,
        } = kpi;
        let (name, event) = (&self.name, &self.event);
        let _ = writeln!(
            out,
            "{name}_{part}:\n  title: {}\n  category: sla\n  unit: {unit}\n  decimals: 3\n  \
             weight: {}\n  by: {}\n  window: {window}\n  terms:",
            quoted(&format!("{}: {title}", self.title)),
            u8::from(target.is_some()),
            names(&self.by)
        );
        for measure in [
            "requests",
            "available",
            "good",
            "in_time",
            "rated",
            "ratings",
        ] {
            if value
                .split(|c: char| !c.is_alphanumeric() && c != '_')
                .any(|w| w == measure)
                || measure == sample
            {
                let _ = writeln!(out, "    {measure}: {event}.{name}_{measure}");
            }
        }
        let _ = writeln!(out, "  value: {}", quoted(value));
        if let Some((target, better)) = target {
            let _ = writeln!(out, "  target: {target}\n  better: {better}");
        }
        let _ = writeln!(out, "  minimum_sample: {{{sample}: {}}}", self.sample);
        if only_changes {
            out.push_str("  publish: changes\n");
        }
    }

    fn kpis(&self) -> String {
        let mut out = String::new();
        let day = Part::OF_A_DAY;
        self.kpi(
            &mut out,
            "compliance",
            Part {
                title: "share of requests within the target",
                value: "ratio(good, requests) * 100",
                target: Some((self.compliance, "higher")),
                ..day
            },
        );
        if let Some(a) = self.availability {
            self.kpi(
                &mut out,
                "availability",
                Part {
                    title: "share of requests answered",
                    value: "ratio(available, requests) * 100",
                    target: Some((a, "higher")),
                    ..day
                },
            );
        }
        if self.response.as_ref().is_some_and(|r| r.max.is_finite()) {
            self.kpi(
                &mut out,
                "over_maximum",
                Part {
                    title: "share of answers that took longer than the maximum",
                    window: "1h",
                    value: "ratio(available - in_time, available) * 100",
                    sample: "available",
                    ..day
                },
            );
        }
        if let Some((_, target)) = self.satisfaction {
            self.kpi(
                &mut out,
                "satisfaction",
                Part {
                    title: "mean rating",
                    unit: "points",
                    value: "ratio(ratings, rated)",
                    target: Some((target, "higher")),
                    sample: "rated",
                    ..day
                },
            );
        }
        self.budget(&mut out);
        out
    }

    /// What is left of the errors that the promise allows in 28 days (below 0 it is broken), and
    /// how fast they are used up.
    fn budget(&self, out: &mut String) {
        let allowed = (100.0 - self.compliance) / 100.0;
        let spent = format!("ratio(requests - good, requests * {allowed:?})");
        self.kpi(
            out,
            "budget_left",
            Part {
                title: "error budget that is left of 28 days",
                unit: "percent_of_budget",
                window: "28d/1d",
                value: &format!("(1 - {spent}) * 100"),
                ..Part::OF_A_DAY
            },
        );
        for (label, window) in burn_windows() {
            self.kpi(
                out,
                &format!("burn_{label}"),
                Part {
                    title: &format!("pace at which the error budget burns, over {label}"),
                    unit: "x",
                    window,
                    value: &spent,
                    only_changes: true,
                    ..Part::OF_A_DAY
                },
            );
        }
    }

    /// One rule on these KPIs.
    fn alert(&self, out: &mut String, part: &str, title: &str, kind: &str, lines: &str) {
        let _ = writeln!(
            out,
            "{}_{part}:\n  title: {}\n  type: {kind}\n{lines}  impact: {}\n  action: {}",
            self.name,
            quoted(&format!("{}: {title}", self.title)),
            quoted(&self.impact),
            quoted(&self.action),
        );
    }

    fn alerts(&self) -> String {
        let mut out = String::new();
        let name = &self.name;
        for p in &PACES {
            let condition = |(label, _): (&str, &str)| {
                format!("{{kpi: {name}_burn_{label}, above: {}}}", p.factor)
            };
            let lines = format!(
                "  all: [{}, {}]\n  open_after: 1\n  resolve_after: 3\n  severity: {}\n  \
                 priority: {}\n",
                condition(p.long),
                condition(p.short),
                p.severity,
                p.priority
            );
            self.alert(
                &mut out,
                &format!("burn_{}", p.name),
                p.title,
                "sla_breach",
                &lines,
            );
        }
        let missed = format!(
            "  kpi: {name}_compliance\n  below: {}\n  open_after: 1\n  resolve_after: 1\n  \
             severity: high\n",
            self.compliance
        );
        self.alert(
            &mut out,
            "missed",
            "promise missed for a day",
            "sla_breach",
            &missed,
        );
        if let Some((_, target)) = self.satisfaction {
            let low = format!(
                "  kpi: {name}_satisfaction\n  below: {target}\n  open_after: 2\n  \
                 resolve_after: 1\n  severity: medium\n"
            );
            let kind = "user_satisfaction";
            self.alert(
                &mut out,
                "dissatisfied",
                "ratings below what was promised",
                kind,
                &low,
            );
        }
        out
    }
}

/// What differs between two KPIs.
#[derive(Clone, Copy)]
struct Part<'a> {
    title: &'a str,
    unit: &'a str,
    window: &'a str,
    value: &'a str,
    target: Option<(f64, &'a str)>,
    sample: &'a str,
    /// It slides every few minutes, for the rules on it: what repeats itself need not be kept.
    only_changes: bool,
}

impl Part<'_> {
    /// A share of a day's requests, without a target.
    const OF_A_DAY: Part<'static> = Part {
        title: "",
        unit: "percent",
        window: "1d",
        value: "",
        target: None,
        sample: "requests",
        only_changes: false,
    };
}

/// All windows that a pace needs, each once, shortest first.
fn burn_windows() -> Vec<(&'static str, &'static str)> {
    let mut out = Vec::new();
    for p in &PACES {
        for w in [p.short, p.long] {
            if !out.contains(&w) {
                out.push(w);
            }
        }
    }
    out
}
