//! `budgets:`: what may be spent in a month or a day, as KPIs to date and a rule for each share of
//! it that is told.

use super::{Added, names, quoted};
use crate::reader::{Fields, File};
use crate::terms::read_by;
use crate::yaml::{Key, Node, Value};
use std::fmt::Write as _;
use weir_model::codes;

const FIELDS: &[&str] = &[
    "title", "of", "by", "limit", "period", "alerts", "unit", "impact", "action",
];

/// `(period, window to date, stored window)`
const PERIODS: [(&str, &str, &[&str]); 2] = [
    ("month", "1mo/1h", &["1h", "1d"]),
    ("day", "1d/5m", &["5m", "1d"]),
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
    window: &'static str,
    period: &'static str,
    shares: Vec<f64>,
    unit: String,
    impact: String,
    action: String,
}

pub(super) fn read(file: File<'_>, key: &Key, node: &Node) -> Option<Added> {
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
    let word = f.word("period", &PERIODS.map(|(p, ..)| p), PERIODS[0].0);
    let (period, window, windows) = *PERIODS.iter().find(|(p, ..)| *p == word)?;
    let budget = Budget {
        name: format!("budget_{}", key.name),
        title: f.text_or("title", &key.name),
        of: of.to_owned(),
        by: read_by(&f),
        limit: limit(&f)?,
        window,
        period,
        shares: shares(&f)?,
        unit: f.text_or("unit", "usd"),
        impact: f.text_or("impact", ""),
        action: f.text_or("action", ""),
    };
    Some(Added {
        measures: String::new(),
        kpis: budget.kpis(),
        alerts: budget.alerts(),
        event: event.to_owned(),
        by: budget.by,
        title: budget.title,
        windows,
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
        let mut kpi = |part: &str, title: &str, unit: &str, value: String, target: &str| {
            let _ = write!(
                out,
                "{}_{part}:\n  title: {}\n  category: budget\n  unit: {unit}\n  decimals: 4\n  \
                 weight: {}\n  by: {}\n  window: {}\n  terms:\n    spent: {}\n{term}  value: {}\n\
                 {target}",
                self.name,
                quoted(&format!("{}: {title}", self.title)),
                u8::from(!target.is_empty()),
                names(&self.by),
                self.window,
                self.of,
                quoted(&value),
            );
        };
        let period = self.period;
        let left = format!("{limit} - spent");
        kpi(
            "left",
            &format!("left of this {period}"),
            &self.unit,
            left,
            "",
        );
        let used = format!("ratio(spent, {limit}) * 100");
        let target = "  target: 100\n  better: lower\n";
        let unit = "percent_of_budget";
        kpi(
            "used",
            &format!("used of this {period}"),
            unit,
            used,
            target,
        );
        // At the pace of this period so far: the first tenth of it foretells nothing.
        let share = "elapsed < 0.1 ? null : elapsed";
        let forecast = format!("ratio(spent, ({limit}) * ({share})) * 100");
        kpi(
            "forecast",
            &format!("used at the end of this {period} at this pace"),
            unit,
            forecast,
            "",
        );
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
