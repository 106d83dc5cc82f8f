//! Measures that add up what must not be added up, and rollups without an end.

use super::Findings;
use weir_catalog::{EventDef, Input, MeasureDef, MeasureKind};
use weir_model::codes;

/// What fields hold that say how much there is at a moment: the last part of their name.
const GAUGES: [&str; 8] = [
    "cpu_percent",
    "memory_percent",
    "memory_mb",
    "memory_bytes",
    "queue_size",
    "connections",
    "concurrency",
    "temperature",
];
/// Suffixes of fields that are shares already.
const SHARES: [&str; 3] = ["_percent", "_ratio", "_rate"];

pub(super) fn check(event: &EventDef, found: &mut Findings<'_>) {
    for measure in &event.measures {
        let Some(field) = field(measure) else {
            continue;
        };
        let sums = matches!(measure.kind, MeasureKind::Sum(_));
        let path = [event.name.as_str(), "measures", &measure.name];
        let who = format!("measure \"{}\" of {}", measure.name, event.name);
        if is_percentile(field) {
            found.say(
                &path,
                codes::LINT_PERCENTILE,
                format!("{who} adds up percentiles: \"{field}\""),
                "send the values themselves and declare `distribution:`",
            );
        } else if sums && GAUGES.contains(&field) {
            found.say(
                &path,
                codes::LINT_GAUGE,
                format!("{who} sums a gauge: \"{field}\" says how much there is at a moment"),
                "declare `distribution:`, `max:` or `last:`",
            );
        } else if sums && SHARES.iter().any(|s| field.ends_with(s)) {
            found.say(
                &path,
                codes::LINT_MEAN_OF_RATIOS,
                format!("{who} sums shares: \"{field}\""),
                "send what is above and what is below, and let a KPI divide their sums",
            );
        }
    }
    for rollup in &event.rollups {
        for d in &rollup.dimensions {
            let dimension = &event.dimensions[*d];
            let last = dimension.path.rsplit('.').next().unwrap_or(&dimension.path);
            if last == "id" || last.ends_with("_id") && !bounded(last) {
                found.say(
                    &[&event.name, "dimensions", &dimension.name],
                    codes::LINT_UNBOUNDED,
                    format!(
                        "a rollup of {} is by \"{}\", of which there is no end",
                        event.name, dimension.name
                    ),
                    "leave it to the archive of events, or count it with `distinct:`",
                );
            }
        }
    }
}

/// Ids of things that people make by hand, of which there are few.
fn bounded(field: &str) -> bool {
    [
        "procedure_id",
        "experiment_id",
        "component_id",
        "team_id",
        "model_id",
        "goal_id",
    ]
    .contains(&field)
}

/// The last part of the name of the one field that it adds up or spreads.
fn field(measure: &MeasureDef) -> Option<&str> {
    let path = match &measure.kind {
        MeasureKind::Sum(Input::Field(path)) => path,
        MeasureKind::Distribution(Input::Field(path)) => path,
        _ => return None,
    };
    Some(path.rsplit('.').next().unwrap_or(path))
}

fn is_percentile(field: &str) -> bool {
    field.split('_').any(|word| {
        let digits = word.strip_prefix('p').unwrap_or_default();
        let number = (2..=3).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
        number || word == "median" || word == "percentile"
    })
}
