//! Messages in words, and alerts as receivers read them.

use crate::core::{Notice, Part, Step, Why};
use serde_json::{Value, json};
use weir_model::Micros;

/// RFC 3339, UTC.
pub(super) fn time(at: Micros) -> String {
    jiff::Timestamp::from_microsecond(at.0).map_or_else(|_| at.0.to_string(), |t| t.to_string())
}

/// An alert as JSON.
pub(super) fn alert(n: &Notice) -> Value {
    let mut all = json!(n);
    all["opened"] = json!(time(n.opened));
    all["at"] = json!(time(n.at));
    all["status"] = json!(if n.firing { "firing" } else { "resolved" });
    all
}

fn number(x: f64) -> String {
    let text = format!("{x:.3}");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

/// One line about the whole message.
pub(super) fn title(step: &Step) -> String {
    let firing = step.alerts().filter(|a| a.firing).count();
    let over = step.alerts().count() - firing;
    let count = match (step.why, firing, over) {
        (Why::Test, ..) => "TEST".to_owned(),
        (Why::Repeat, n, _) => format!("STILL OPEN {n}"),
        (Why::Summary, n, 0) => format!("HELD BACK {n}"),
        (Why::Summary, n, m) => format!("HELD BACK {n}, RESOLVED {m}"),
        (Why::Change, 0, m) => format!("RESOLVED {m}"),
        (Why::Change, n, 0) => format!("FIRING {n}"),
        (Why::Change, n, m) => format!("FIRING {n}, RESOLVED {m}"),
    };
    let mut rules: Vec<&str> = step.alerts().map(|a| a.rule.as_str()).collect();
    rules.sort_unstable();
    rules.dedup();
    let more = rules.len().saturating_sub(3);
    rules.truncate(3);
    let mut all = format!("[{count}] {}", rules.join(", "));
    if more > 0 {
        all += &format!(" and {more} more");
    }
    if let [part] = &step.parts[..] {
        let of = labels(part);
        if !of.is_empty() {
            all += &format!(" ({of})");
        }
    }
    all
}

fn labels(part: &Part) -> String {
    let all = part.labels.iter();
    let all = all.filter(|(n, v)| *n != "rule" && !v.is_empty());
    let all: Vec<String> = all.map(|(n, v)| format!("{n}={v}")).collect();
    all.join(", ")
}

/// One line about one alert.
pub(super) fn line(n: &Notice) -> String {
    let state = match (n.firing, n.early) {
        (true, true) => "early",
        (true, false) if n.reopened => "again",
        (true, false) => "open",
        (false, true) => "not confirmed",
        (false, false) => "over",
    };
    let mut all = format!("{} {} {}: {}", n.priority, n.severity, state, n.rule);
    let subject = n.subject();
    if !subject.is_empty() {
        all += &format!(" [{subject}]");
    }
    let unit = if n.unit.is_empty() {
        String::new()
    } else {
        format!(" {}", n.unit)
    };
    if let Some(value) = n.value {
        all += &format!(", {} = {}{unit}", n.metric, number(value));
    }
    if let Some(threshold) = n.threshold {
        all += &format!(" (limit {}{unit})", number(threshold));
    }
    all
}

/// What is told below the line.
pub(super) fn details(n: &Notice) -> Vec<(&'static str, String)> {
    let since = if n.early { "window ends" } else { "since" };
    let mut all = vec![
        ("impact", n.impact.clone()),
        ("action", n.action.clone()),
        (since, time(n.opened)),
        ("tenant", n.tenant.clone()),
        ("alert", n.id.clone()),
    ];
    all.retain(|(_, text)| !text.is_empty());
    all
}
