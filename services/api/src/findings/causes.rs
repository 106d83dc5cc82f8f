//! What an anomaly is made of: the value of a further dimension that moved beyond its share.

use super::series::{named, short};
use jiff::civil::Date;
use std::collections::{BTreeMap, BTreeSet};
use weir_analysis::relation::{self, Cause};
use weir_catalog::detector::DetectorDef;
use weir_catalog::{Catalog, Op, Term};
use weir_model::measure::{Accumulator, Stat};
use weir_store::findings::{Cell, Finding};
use weir_store::reader::{MeasureOf, Row};

/// What is known of an anomaly.
pub(super) struct Found {
    pub id: String,
    pub detector: String,
    pub subject: BTreeMap<String, String>,
    pub score: f64,
    /// Where its window is.
    pub day: Date,
}

impl Found {
    pub fn of(row: &Row) -> Option<Found> {
        let text = |name: &str| Some(row.get(name)?.as_str()?.to_owned());
        let subject = row.get("dimensions")?.as_object()?.iter();
        let subject = subject.map(|(n, v)| (n.clone(), v.as_str().unwrap_or_default().to_owned()));
        Some(Found {
            id: text("id")?,
            detector: text("detector")?,
            subject: subject.collect(),
            score: row.get("score")?.as_f64()?,
            day: row.get("day")?.as_str()?.parse().ok()?,
        })
    }
}

/// The term that a detector judges, where it judges nothing else.
pub(super) fn term(detector: &DetectorDef) -> Option<&Term> {
    match detector.expr.ops[..] {
        [Op::Term(i)] => detector.terms.get(i),
        _ => None,
    }
}

/// The rollups by whose further dimensions a detector's value can be told apart, those with fewest
/// first; none where the value does not add up over them.
pub(super) fn apart(catalog: &Catalog, detector: &DetectorDef, most: usize) -> Vec<MeasureOf> {
    let Some(term) = term(detector) else {
        return Vec::new();
    };
    let event = &catalog.events[term.event];
    let measure = &event.measures[term.measure];
    let adds_up = matches!(
        (measure.kind.accumulator(), term.stat),
        (Accumulator::Count | Accumulator::Sum, Stat::Value)
            | (Accumulator::Distribution, Stat::Count | Stat::Sum)
    );
    if event.setting || !adds_up {
        return Vec::new();
    }
    let own: BTreeSet<&str> = event
        .rollup_dimensions(&event.rollups[detector.rollup])
        .into_iter()
        .collect();
    let mut all: Vec<(usize, usize)> = event
        .rollups
        .iter()
        .enumerate()
        .filter_map(|(i, rollup)| {
            let of: BTreeSet<&str> = event.rollup_dimensions(rollup).into_iter().collect();
            let more = of.len().checked_sub(own.len()).filter(|n| *n > 0)?;
            own.is_subset(&of).then_some((more, i))
        })
        .collect();
    all.sort_unstable();
    all.truncate(most);
    let of = |(_, rollup)| MeasureOf {
        event: term.event,
        rollup,
        measure: term.measure,
        stat: term.stat,
    };
    all.into_iter().map(of).collect()
}

/// The cause that accounts for most of the change of its day against the usual one, of cells by
/// day up to it; dimensions of the anomaly itself explain nothing.
pub(super) fn first(cells: &[Cell], found: &Found) -> Option<Cause> {
    let day = found.day;
    let before: BTreeSet<Date> = cells
        .iter()
        .flat_map(|c| c.days.iter().map(|(d, _)| *d))
        .filter(|d| *d < day)
        .collect();
    if before.is_empty() {
        return None;
    }
    let cell = |c: &Cell| {
        let value = |v: &[Option<f64>]| v.first().copied().flatten().unwrap_or(0.0);
        let of = |usual: bool| {
            let days = c.days.iter().filter(|(d, _)| (*d < day) == usual);
            days.map(|(_, v)| value(v)).sum::<f64>()
        };
        let more = c
            .subject
            .iter()
            .filter(|(n, _)| !found.subject.contains_key(*n));
        relation::Cell {
            dimensions: more.map(|(n, v)| (n.clone(), v.clone())).collect(),
            before: of(true) / before.len() as f64,
            now: of(false),
        }
    };
    let cells: Vec<relation::Cell> = cells.iter().map(cell).collect();
    relation::explain(&cells).into_iter().next()
}

/// The finding that says so.
pub(super) fn finding(found: &Found, detector: &DetectorDef, unit: &str, cause: &Cause) -> Finding {
    let (dimension, value) = (&cause.dimension, &cause.value);
    let share = cause.contribution * 100.0;
    Finding {
        subject: found.subject.clone(),
        kind: "cause".to_owned(),
        about: found.detector.clone(),
        of: found.id.clone(),
        verdict: format!("{dimension}={value}"),
        priority: match detector.severity.as_str() {
            "critical" => 1,
            "high" => 2,
            "medium" => 3,
            _ => 4,
        },
        text: format!(
            "{}: {dimension}={value} went from {} a day to {} {unit}, {share:.0} % of the change",
            detector.title,
            short(cause.before),
            short(cause.now),
        ),
        unit: unit.to_owned(),
        value: Some(cause.now - cause.before),
        evidence: named(&[
            ("usual day", cause.before),
            ("this day", cause.now),
            ("share of the change", cause.contribution),
            ("beyond its share", cause.excess),
            ("score of the anomaly", found.score),
        ]),
        method: "excess_over_share".to_owned(),
        ..Finding::default()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use jiff::civil::date;

    fn cell(model: &str, usual: f64, now: f64) -> Cell {
        let days = date(2026, 3, 1).series(jiff::Span::new().days(1)).take(15);
        let value = |d: Date| if d == date(2026, 3, 15) { now } else { usual };
        let of = [("team", "core"), ("model", model)];
        Cell {
            subject: of.map(|(n, v)| (n.to_owned(), v.to_owned())).into(),
            days: days.map(|d| (d, vec![Some(value(d))])).collect(),
        }
    }

    #[test]
    fn what_moved_beyond_its_share_is_named() {
        let found = Found {
            id: "a".into(),
            detector: "team_spend_jump".into(),
            subject: [("team".to_owned(), "core".to_owned())].into(),
            score: 9.0,
            day: date(2026, 3, 15),
        };
        let cells = [cell("large", 80.0, 90.0), cell("small", 20.0, 120.0)];
        let cause = first(&cells, &found).unwrap();
        assert_eq!(
            (cause.dimension.as_str(), cause.value.as_str()),
            ("model", "small")
        );
        assert_eq!((cause.before, cause.now), (20.0, 120.0));
        let catalog = Catalog::embedded().unwrap();
        let detector = catalog.detector("team_spend_jump").unwrap();
        let told = finding(&found, detector, "usd", &cause);
        assert_eq!(
            (told.verdict.as_str(), told.of.as_str()),
            ("model=small", "a")
        );
        assert_eq!(told.value, Some(100.0));
        let day = date(2026, 3, 1);
        assert_eq!(first(&cells, &Found { day, ..found }), None);
    }

    #[test]
    fn only_what_adds_up_is_told_apart() {
        let catalog = Catalog::embedded().unwrap();
        let spend = catalog.detector("team_spend_jump").unwrap();
        let apart_by = apart(&catalog, spend, 5);
        let event = &catalog.events[spend.event];
        let by: Vec<Vec<&str>> = apart_by
            .iter()
            .map(|m| event.rollup_dimensions(&event.rollups[m.rollup]))
            .collect();
        assert!(by.contains(&vec!["model", "team"]), "{by:?}");
        assert!(by.iter().all(|dims| dims.contains(&"team")), "{by:?}");
        let latency = catalog.detector("model_latency_jump").unwrap();
        assert!(apart(&catalog, latency, 5).is_empty());
    }
}
