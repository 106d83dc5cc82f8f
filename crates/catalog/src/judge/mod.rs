//! What judges: KPIs, detectors, alert rules. Each is checked against what it refers to.

mod condition;
pub mod detector;
pub(crate) mod inhibit;
pub mod kpi;
pub mod rule;
pub mod score;
pub mod target;

use crate::problem::suggest;
use crate::reader::Fields;
use crate::terms::find_rollup;
use crate::types::{EventDef, EventId};
use weir_model::codes;

/// How grave what is found is, the least first.
pub const SEVERITIES: &[&str] = &["low", "medium", "high", "critical"];

/// A definition under check: what later references need to know beside it.
pub(crate) struct Checked<T> {
    pub def: T,
    /// A ratio, mean or percentile without a minimum sample.
    pub unsampled: bool,
    /// Smallest and largest value it can take.
    pub range: (f64, f64),
}

/// Reads `above` and `below`; they must leave room between them and be reachable.
fn limits(f: &Fields<'_>, (lo, hi): (f64, f64)) -> (Option<f64>, Option<f64>) {
    let (above, below) = (f.number("above"), f.number("below"));
    let impossible = |name: &str, message: String, remedy: &str| {
        if let Some(n) = f.get(name) {
            f.file.say(n.at, codes::CATALOG_IMPOSSIBLE, message, remedy);
        }
    };
    if let (Some(a), Some(b)) = (above, below)
        && a < b
    {
        impossible(
            "above",
            format!("above {a} and below {b} exclude each other: every value is outside"),
            "swap them",
        );
    }
    if let Some(a) = above
        && a >= hi
    {
        impossible(
            "above",
            format!("nothing is ever above {a}: the value is at most {hi}"),
            "choose a smaller bound",
        );
    }
    if let Some(b) = below
        && b <= lo
    {
        impossible(
            "below",
            format!("nothing is ever below {b}: the value is at least {lo}"),
            "choose a larger bound",
        );
    }
    (above, below)
}

fn event_of(f: &Fields<'_>, what: &str, events: &[EventDef]) -> Option<EventId> {
    let node = f.need("event", what)?;
    let name = f.file.text(node, "event")?;
    let found = events.iter().position(|e| e.name == name);
    if found.is_none() {
        f.file.say(
            node.at,
            codes::CATALOG_REFERENCE,
            format!("there is no event \"{name}\""),
            suggest(name, events.iter().map(|e| e.name.as_str())),
        );
    }
    found
}

fn rollup_of(f: &Fields<'_>, event: EventId, by: &[String], events: &[EventDef]) -> Option<usize> {
    let e = &events[event];
    let found = find_rollup(e, by);
    if found.is_none() {
        let at = f.get("by").map_or(f.at, |n| n.at);
        f.file.say(
            at,
            codes::CATALOG_REFERENCE,
            format!("{} is not kept by [{}]", e.name, by.join(", ")),
            format!("add [{}] to its rollups", by.join(", ")),
        );
    }
    found
}
