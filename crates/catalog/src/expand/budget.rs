//! `budgets:`: what may be spent in a month or a day, as KPIs to date and a rule for each share of
//! it that is told.

use super::{Added, Around, Needs, names, quoted};
use crate::reader::{Fields, File};
use crate::terms::read_by;
use crate::yaml::{Key, Node, Value};
use std::fmt::Write as _;
use weir_model::codes;

const FIELDS: &[&str] = &[
    "title", "of", "by", "limit", "period", "alerts", "unit", "impact", "action",
];

/// A period that budgets are for.
#[derive(Clone, Copy)]
struct Period {
    name: &'static str,
    /// From its start to now.
    to_date: &'static str,
    /// What the pace is taken from, and how many of it are a period.
    recent: (&'static str, f64),
    /// For people: the same.
    pace: &'static str,
    /// What these windows are made of.
    stored: &'static [&'static str],
}

const PERIODS: [Period; 2] = [
    Period {
        name: "month",
        to_date: "1mo/1h",
        recent: ("28d/1d", 30.0 / 28.0),
        pace: "28 days",
        stored: &["1h", "1d"],
    },
    Period {
        name: "day",
        to_date: "1d/5m",
        recent: ("1h/5m", 24.0),
        pace: "hour",
        stored: &["5m", "1d"],
    },
];

/// Shares of a budget that are told where nothing else is declared, in percent.
const SHARES: [f64; 3] = [75.0, 90.0, 100.0];

/// What was declared.
struct Budget {
    name: String,
    title: String,
    of: String,
    by: Vec<String>,
    /// Its lines below `terms:`, and the expression.
    limit: (String, String),
    period: Period,
    shares: Vec<f64>,
    unit: String,
    impact: String,
    action: String,
}

pub(super) fn read(_: &Around<'_>, file: File<'_>, key: &Key, node: &Node) -> Option<Added> {
    let f = file.fields(node, "a budget", FIELDS)?;
    let of_node = f.need("of", "the budget")?;
    let of = file.text(of_node, "of")?;
    let Some((event, _)) = of.rsplit_once('.') else {
        file.say(
            of_node.at,
            codes::CATALOG_REFERENCE,
            format!("\"{of}\" is no measure of an event type"),
            "write it like llm.call.cost",
        );
        return None;
    };
    let word = f.word("period", &PERIODS.map(|p| p.name), PERIODS[0].name);
    let period = *PERIODS.iter().find(|p| p.name == word)?;
    let budget = Budget {
        name: format!("budget_{}", key.name),
        title: f.text_or("title", &key.name),
        of: of.to_owned(),
        by: read_by(&f),
        limit: limit(&f)?,
        period,
        shares: shares(&f)?,
        unit: f.text_or("unit", "usd"),
        impact: f.text_or("impact", ""),
        action: f.text_or("action", ""),
    };
    let needs = Needs {
        event: event.to_owned(),
        by: vec![budget.by.clone()],
        windows: period.stored.to_vec(),
        measures: String::new(),
    };
    Some(Added {
        version: 1,
        kpis: budget.kpis(),
        alerts: budget.alerts(),
        needs: vec![needs],
        by: budget.by,
        title: budget.title,
    })
}

/// A number, or a setting and what holds without one.
fn limit(f: &Fields<'_>) -> Option<(String, String)> {
    let file = f.file;
    let node = f.need("limit", "the budget")?;
    let positive = |n: &Node| file.within(n, "limit", |v| v > 0.0, "a number above 0");
    if matches!(node.value, Value::Number(_)) {
        return Some((String::new(), format!("{:?}", positive(node)?)));
    }
    let l = file.fields(node, "a limit", &["of", "at", "default"])?;
    let of = l.need("of", "a limit").and_then(|n| file.text(n, "of"))?;
    let term = match l.get("at").and_then(|n| file.texts(n, "at")) {
        Some(at) => {
            let at: Vec<String> = at.iter().map(|(n, _)| (*n).to_owned()).collect();
            format!("    limit: {{of: {of}, at: {}}}\n", names(&at))
        }
        None => format!("    limit: {of}\n"),
    };
    let value = match l.get("default") {
        Some(n) => format!("coalesce(limit, {:?})", positive(n)?),
        None => "limit".to_owned(),
    };
    Some((term, value))
}

fn shares(f: &Fields<'_>) -> Option<Vec<f64>> {
    let file = f.file;
    let Some(node) = f.get("alerts") else {
        return Some(SHARES.to_vec());
    };
    let share = |n| {
        file.within(
            n,
            "a share",
            |v| v > 0.0 && v.fract() == 0.0,
            "whole percents",
        )
    };
    file.list(node, "alerts")?.iter().map(share).collect()
}

impl Budget {
    fn kpis(&self) -> String {
        let mut out = String::new();
        let (term, limit) = &self.limit;
        let period = self.period;
        let mut kpi = |(part, title): (&str, &str), unit: &str, window: &str, value: String| {
            let target = match part {
                "used" => "  target: 100\n  better: lower\n",
                _ => "",
            };
            // Any spend is a sample of itself: a rule may look at the share.
            let sample = match part {
                "left" => "",
                _ => "  minimum_sample: {spent: 0.01}\n",
            };
            let _ = write!(
                out,
                "{}_{part}:\n  title: {}\n  category: budget\n  unit: {unit}\n  decimals: 4\n  \
                 weight: {}\n  by: {}\n  window: {window}\n  terms:\n    spent: {}\n{term}  \
                 value: {}\n{target}{sample}",
                self.name,
                quoted(&format!("{}: {title}", self.title)),
                u8::from(!target.is_empty()),
                names(&self.by),
                self.of,
                quoted(&value),
            );
        };
        let (name, unit) = (period.name, "percent_of_budget");
        let left = format!("left of this {name}");
        kpi(
            ("left", &left),
            &self.unit,
            period.to_date,
            format!("{limit} - spent"),
        );
        let used = format!("used of this {name}");
        kpi(
            ("used", &used),
            unit,
            period.to_date,
            format!("ratio(spent, {limit}) * 100"),
        );
        let (window, times) = period.recent;
        let pace = format!("used in a {name} at the pace of the last {}", period.pace);
        let forecast = format!("ratio(spent * {times:?}, {limit}) * 100");
        kpi(("forecast", &pace), unit, window, forecast);
        out
    }

    fn alerts(&self) -> String {
        let mut out = String::new();
        let mut alert = |part: &str, title: &str, condition: &str, severity: &str| {
            let _ = writeln!(
                out,
                "{}_{part}:\n  title: {}\n  type: budget\n{condition}  open_after: 1\n  \
                 resolve_after: 1\n  severity: {severity}\n  impact: {}\n  action: {}",
                self.name,
                quoted(&format!("{}: {title}", self.title)),
                quoted(&self.impact),
                quoted(&self.action)
            );
        };
        let last = self.shares.iter().copied().fold(0.0, f64::max);
        for share in &self.shares {
            let severity = match *share {
                s if s >= last && s >= 100.0 => "high",
                s if s >= 90.0 => "medium",
                _ => "low",
            };
            // Used to the share itself counts as reached.
            let just_below = share - 1e-9;
            let condition = format!("  kpi: {}_used\n  above: {just_below:?}\n", self.name);
            alert(
                &format!("{share}"),
                &format!("{share} % are used"),
                &condition,
                severity,
            );
        }
        let condition = format!("  kpi: {}_forecast\n  above: 100\n", self.name);
        alert(
            "overrun",
            "it will not last at this pace",
            &condition,
            "medium",
        );
        out
    }
}
