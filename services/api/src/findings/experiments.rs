//! Experiments: each variant against the baseline, by what was observed up to a day.

use super::plan::{Declared, Experiments};
use super::series::{named, short};
use jiff::civil::Date;
use std::collections::BTreeMap;
use weir_analysis::experiment::{self, Arm, Judgement, Plan, State};
use weir_store::findings::{Cell, Column, Finding};

/// What is read of each variant.
pub(super) const COLUMNS: [Column<'static>; 3] = [
    Column::Term("n"),
    Column::Term("mean"),
    Column::Term("squares"),
];

/// An arm, and the days that it was seen on.
struct Seen {
    arm: Arm,
    first: Date,
}

impl Seen {
    /// Added up over days, of each of which n, mean and sum of squares are known.
    fn of(cell: &Cell) -> Option<Seen> {
        let (mut n, mut sum, mut squares) = (0.0, 0.0, 0.0);
        let mut first = None;
        for (day, values) in &cell.days {
            let [Some(of_day), Some(mean), Some(square)] = values[..] else {
                continue;
            };
            first = first.or(Some(*day));
            n += of_day;
            sum += of_day * mean;
            squares += square;
        }
        let first = first.filter(|_| n > 0.0)?;
        let mean = sum / n;
        let variance = match n > 1.0 {
            true => ((squares - n * mean * mean) / (n - 1.0)).max(0.0),
            false => 0.0,
        };
        let arm = Arm { n, mean, variance };
        Some(Seen { arm, first })
    }
}

/// Verdicts on all variants but the baseline, of metrics that are declared.
pub(super) fn of(cells: &[Cell], last: Date, plan: &Declared) -> Vec<Finding> {
    let Some(declared) = &plan.experiments else {
        return Vec::new();
    };
    let without = |cell: &Cell| {
        let mut subject = cell.subject.clone();
        subject.remove(&declared.variant);
        subject
    };
    let is_baseline =
        |cell: &&Cell| cell.subject.get(&declared.variant) == Some(&declared.baseline);
    let baselines: BTreeMap<_, &Cell> = cells
        .iter()
        .filter(is_baseline)
        .map(|c| (without(c), c))
        .collect();
    let others = cells.iter().filter(|c| !is_baseline(c));
    let judged = others.filter_map(|cell| {
        let control = Seen::of(baselines.get(&without(cell))?)?;
        judge(cell, &control, last, declared)
    });
    judged.collect()
}

fn judge(cell: &Cell, control: &Seen, last: Date, declared: &Experiments) -> Option<Finding> {
    let metric = cell.subject.get(&declared.metric)?;
    let way = *declared.better.get(metric)?;
    let treatment = Seen::of(cell)?;
    let effect = declared.effect * control.arm.mean.abs();
    if effect <= 0.0 {
        return None;
    }
    let plan = Plan {
        better: way.into(),
        effect,
        alpha: declared.alpha,
        power: declared.power,
        min_days: declared.min_days,
        share: declared.share,
    };
    let first = control.first.min(treatment.first);
    let days = f64::from(first.until(last).map_or(0, |s| s.get_days()) + 1);
    let told = experiment::judge(&plan, &control.arm, &treatment.arm, &[], days);
    Some(finding(
        cell,
        metric,
        (control, &treatment),
        &told,
        (last, days),
    ))
}

fn finding(
    cell: &Cell,
    metric: &str,
    (control, treatment): (&Seen, &Seen),
    told: &Judgement,
    (last, days): (Date, f64),
) -> Finding {
    let (verdict, priority, due) = match &told.state {
        State::Unhealthy { .. } => ("unhealthy", 1, None),
        State::RollBack { .. } => ("roll_back", 1, None),
        State::RollOut => ("roll_out", 2, None),
        State::Hold => ("hold", 4, None),
        State::DaysLeft { days } => ("days_left", 5, days.and_then(|d| ahead(last, d))),
        State::NoData => ("no_data", 5, None),
    };
    let effect = told.effect.as_ref();
    let text = match effect {
        Some(e) => format!(
            "mean {metric} is {} against {} of the baseline, a difference of {} ({} to {})",
            short(treatment.arm.mean),
            short(control.arm.mean),
            short(e.effect),
            short(e.lower),
            short(e.upper)
        ),
        None => "too little was observed".to_owned(),
    };
    let mut evidence = named(&[
        ("observations of the baseline", control.arm.n),
        ("observations of the variant", treatment.arm.n),
        ("mean of the baseline", control.arm.mean),
        ("mean of the variant", treatment.arm.mean),
        ("days", days),
    ]);
    evidence.extend(effect.map(|e| ("p".to_owned(), e.p)));
    evidence.extend(told.needed.map(|n| ("observations needed".to_owned(), n)));
    if let State::Unhealthy { sample_ratio_p } = told.state {
        evidence.insert("p of the split".to_owned(), sample_ratio_p);
    }
    let mut subject = cell.subject.clone();
    let about = subject.remove("experiment");
    Finding {
        subject,
        kind: "experiment".to_owned(),
        about: about.unwrap_or_default(),
        of: metric.to_owned(),
        verdict: verdict.to_owned(),
        priority,
        text,
        value: effect.map(|e| e.effect),
        range: (effect.map(|e| e.lower), effect.map(|e| e.upper)),
        due,
        evidence,
        method: "always_valid".to_owned(),
        ..Finding::default()
    }
}

/// A day that lies so far ahead that it means never is none.
fn ahead(last: Date, days: f64) -> Option<Date> {
    let days = days.ceil();
    let near = (0.0..=3_660.0).contains(&days);
    near.then(|| last.saturating_add(jiff::Span::new().days(days as i64)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use jiff::civil::date;

    /// Thirty days of 100 observations each, of a mean and with a deviation of 10.
    fn cell(variant: &str, mean: f64, days: usize) -> Cell {
        let of = [
            ("experiment", "e"),
            ("metric", "latency_ms"),
            ("variant", variant),
        ];
        let span = date(2026, 3, 1).series(jiff::Span::new().days(1));
        let squares = 100.0 * (mean * mean + 100.0);
        let values = vec![Some(100.0), Some(mean), Some(squares)];
        Cell {
            subject: of.map(|(n, v)| (n.to_owned(), v.to_owned())).into(),
            days: span.take(days).map(|d| (d, values.clone())).collect(),
        }
    }

    fn told(cells: &[Cell], last: Date) -> Vec<Finding> {
        let plan = super::super::plan::Plan::shipped().unwrap().of;
        of(cells, last, &plan)
    }

    #[test]
    fn a_variant_is_held_against_its_baseline() {
        let last = date(2026, 3, 30);
        for (mean, verdict) in [(150.0, "roll_out"), (250.0, "roll_back"), (200.0, "hold")] {
            let cells = [cell("baseline", 200.0, 30), cell("canary", mean, 30)];
            let found = told(&cells, last);
            assert_eq!(found.len(), 1);
            assert_eq!(found[0].verdict, verdict, "{found:?}");
            assert_eq!(
                (found[0].about.as_str(), found[0].of.as_str()),
                ("e", "latency_ms")
            );
            assert!((found[0].value.unwrap() - (mean - 200.0)).abs() < 1e-9);
            assert_eq!(found[0].evidence["days"], 30.0);
        }
    }

    #[test]
    fn too_early_and_too_few_are_told_as_such() {
        let last = date(2026, 3, 3);
        let cells = [cell("baseline", 200.0, 3), cell("canary", 150.0, 3)];
        let found = told(&cells, last).remove(0);
        assert_eq!(
            (found.verdict.as_str(), found.due),
            ("days_left", Some(date(2026, 3, 7)))
        );
        assert_eq!(told(&[cell("canary", 150.0, 3)], last), []);
        let mut other = cell("canary", 150.0, 3);
        other
            .subject
            .insert("metric".to_owned(), "unknown".to_owned());
        let mut base = cell("baseline", 150.0, 3);
        base.subject
            .insert("metric".to_owned(), "unknown".to_owned());
        assert_eq!(told(&[base, other], last), []);
    }

    #[test]
    fn an_arm_is_added_up_over_days() {
        let seen = Seen::of(&cell("canary", 5.0, 4)).unwrap();
        assert_eq!((seen.arm.n, seen.arm.mean), (400.0, 5.0));
        assert!((seen.arm.variance - 100.0 * 400.0 / 399.0).abs() < 1e-9);
    }
}
