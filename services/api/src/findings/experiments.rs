//! Experiments: each variant against the baseline, by what was observed up to a day.

use super::plan::{Declared, Experiments};
use super::series::{named, short};
use jiff::civil::Date;
use serde::Serialize;
use std::collections::BTreeMap;
use weir_analysis::experiment::{self, Arm, Effect, Guardrail, Plan, State};
use weir_catalog::Catalog;
use weir_store::StoreError;
use weir_store::findings::{Cell, Column, Finding, Looked, Span, series};
use weir_store::reader::Reader;

/// The dimension that has the name of an experiment.
const EXPERIMENT: &str = "experiment";

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

    fn observed(&self) -> Observed {
        Observed {
            n: self.arm.n,
            mean: self.arm.mean,
        }
    }
}

/// A variant against its baseline, by one metric.
#[derive(Clone, Debug, Serialize)]
pub struct Judged {
    /// Name of the experiment.
    pub experiment: String,
    /// What is judged.
    pub metric: String,
    /// The variant.
    pub variant: String,
    /// `unhealthy`, `no_data`, `days_left`, `roll_out`, `hold` or `roll_back`.
    pub state: &'static str,
    /// The day at which enough will have been seen; null: at none that is near, or it is decided.
    #[serde(serialize_with = "day")]
    pub due: Option<Date>,
    /// Whole days until then.
    pub days_left: Option<f64>,
    /// Days since the first observation, the last one included.
    pub days: f64,
    /// The least that are waited for.
    pub min_days: f64,
    /// Without the treatment.
    pub baseline: Observed,
    /// With it.
    pub treatment: Observed,
    /// Treatment less baseline, in the unit of the metric, with an interval that holds at every
    /// look and its p value; null where too little is known.
    pub effect: Option<Effect>,
    /// The smallest effect that matters, in the unit of the metric.
    pub matters: f64,
    /// Greatest share of wrong verdicts.
    pub alpha: f64,
    /// Share of such effects that are to be found.
    pub power: f64,
    /// Observations of both that this needs; null: not known.
    pub needed: Option<f64>,
    /// Whether the split is as planned.
    pub split: Split,
    /// Metrics that must not become worse.
    pub guardrails: Vec<Guarded>,
}

fn day<S: serde::Serializer>(day: &Option<Date>, to: S) -> Result<S::Ok, S::Error> {
    day.map(|d| d.to_string()).serialize(to)
}

/// What was seen of an arm.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Observed {
    /// Observations.
    pub n: f64,
    /// Their mean.
    pub mean: f64,
}

/// The sample ratio.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Split {
    /// Share of observations that the variant was to get, 0 to 1.
    pub planned: f64,
    /// Share that it got.
    pub seen: f64,
    /// Always-valid p value of the planned one.
    pub p: f64,
}

/// A metric that must not become worse.
#[derive(Clone, Debug, Serialize)]
pub struct Guarded {
    /// Its name.
    pub metric: String,
    /// How much worse is tolerated, in its unit.
    pub margin: f64,
    /// Treatment less baseline.
    pub change: f64,
    /// Whether it is worse beyond that, for certain.
    pub broken: bool,
}

/// What experiments are read of: subjects of the declared KPI.
type Subject = BTreeMap<String, String>;

/// The cells of all baselines, by subject without the variant.
struct Baselines<'a>(BTreeMap<Subject, &'a Cell>);

impl<'a> Baselines<'a> {
    fn of(cells: &'a [Cell], declared: &Experiments) -> Baselines<'a> {
        let all = cells.iter().filter(|c| declared.is_baseline(c));
        Baselines(all.map(|c| (declared.without(c), c)).collect())
    }

    fn beside(&self, cell: &Cell, declared: &Experiments) -> Option<Seen> {
        Seen::of(self.0.get(&declared.without(cell))?)
    }
}

impl Experiments {
    fn is_baseline(&self, cell: &Cell) -> bool {
        cell.subject.get(&self.variant) == Some(&self.baseline)
    }

    fn without(&self, cell: &Cell) -> Subject {
        let mut subject = cell.subject.clone();
        subject.remove(&self.variant);
        subject
    }

    /// The guardrails that were observed beside a cell.
    fn beside(&self, cell: &Cell, all: &[Cell], baselines: &Baselines<'_>) -> Vec<Guardrail> {
        let of = |(name, share): (&String, &f64)| {
            let mut subject = cell.subject.clone();
            subject.insert(self.metric.clone(), name.clone());
            let other = all.iter().find(|c| c.subject == subject)?;
            let control = baselines.beside(other, self)?.arm;
            Some(Guardrail {
                name: name.clone(),
                better: (*self.better.get(name)?).into(),
                margin: share * control.mean.abs(),
                treatment: Seen::of(other)?.arm,
                control,
            })
        };
        let own = cell.subject.get(&self.metric);
        let others = self.guardrails.iter().filter(|(n, _)| Some(*n) != own);
        others.filter_map(of).collect()
    }
}

/// All variants but the baseline, by metrics that are declared, in the order of the cells.
pub(super) fn judged(cells: &[Cell], last: Date, declared: &Experiments) -> Vec<Judged> {
    let baselines = Baselines::of(cells, declared);
    let others = cells.iter().filter(|c| !declared.is_baseline(c));
    let judged = others.filter_map(|cell| {
        let guardrails = declared.beside(cell, cells, &baselines);
        let control = baselines.beside(cell, declared)?;
        judge(cell, (&control, &guardrails), last, declared)
    });
    judged.collect()
}

fn judge(
    cell: &Cell,
    (control, guardrails): (&Seen, &[Guardrail]),
    last: Date,
    declared: &Experiments,
) -> Option<Judged> {
    let of = |name: &str| cell.subject.get(name).cloned().unwrap_or_default();
    let metric = of(&declared.metric);
    let way = *declared.better.get(&metric)?;
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
    let told = experiment::judge(&plan, &control.arm, &treatment.arm, guardrails, days);
    let (state, left) = state(&told.state);
    Some(Judged {
        experiment: of(EXPERIMENT),
        variant: of(&declared.variant),
        metric,
        state,
        due: left.and_then(|d| ahead(last, d)),
        days_left: left.map(f64::ceil),
        days,
        min_days: declared.min_days,
        baseline: control.observed(),
        treatment: treatment.observed(),
        effect: told.effect,
        matters: effect,
        alpha: declared.alpha,
        power: declared.power,
        needed: told.needed,
        split: split(declared.share, (&control.arm, &treatment.arm)),
        guardrails: guarded(guardrails, &told.state),
    })
}

/// Its name, and the days that are left.
fn state(of: &State) -> (&'static str, Option<f64>) {
    match of {
        State::Unhealthy { .. } => ("unhealthy", None),
        State::RollBack { .. } => ("roll_back", None),
        State::RollOut => ("roll_out", None),
        State::Hold => ("hold", None),
        State::DaysLeft { days } => ("days_left", *days),
        State::NoData => ("no_data", None),
    }
}

fn split(planned: f64, (control, treatment): (&Arm, &Arm)) -> Split {
    let (counts, shares) = ([control.n, treatment.n], [1.0 - planned, planned]);
    Split {
        planned,
        seen: treatment.n / (control.n + treatment.n),
        p: experiment::sample_ratio(&counts, &shares),
    }
}

fn guarded(guardrails: &[Guardrail], state: &State) -> Vec<Guarded> {
    let is_broken = |name: &String| matches!(state, State::RollBack { guardrail: Some(broken) } if broken == name);
    let one = |g: &Guardrail| Guarded {
        metric: g.name.clone(),
        margin: g.margin,
        change: g.treatment.mean - g.control.mean,
        broken: is_broken(&g.name),
    };
    guardrails.iter().map(one).collect()
}

/// Verdicts, as findings of a day.
pub(super) fn of(cells: &[Cell], last: Date, plan: &Declared) -> Vec<Finding> {
    let Some(declared) = &plan.experiments else {
        return Vec::new();
    };
    let all = judged(cells, last, declared);
    all.iter().map(|j| finding(j, declared)).collect()
}

fn finding(told: &Judged, declared: &Experiments) -> Finding {
    let priority = match told.state {
        "unhealthy" | "roll_back" => 1,
        "roll_out" => 2,
        "hold" => 4,
        _ => 5,
    };
    let effect = told.effect.as_ref();
    let mut evidence = named(&[
        ("observations of the baseline", told.baseline.n),
        ("observations of the variant", told.treatment.n),
        ("mean of the baseline", told.baseline.mean),
        ("mean of the variant", told.treatment.mean),
        ("days", told.days),
    ]);
    evidence.extend(effect.map(|e| ("p".to_owned(), e.p)));
    evidence.extend(told.needed.map(|n| ("observations needed".to_owned(), n)));
    if told.state == "unhealthy" {
        evidence.insert("p of the split".to_owned(), told.split.p);
    }
    let subject = [
        (declared.variant.clone(), told.variant.clone()),
        (declared.metric.clone(), told.metric.clone()),
    ];
    Finding {
        subject: subject.into(),
        kind: "experiment".to_owned(),
        about: told.experiment.clone(),
        of: told.metric.clone(),
        verdict: told.state.to_owned(),
        priority,
        text: told.words(),
        value: effect.map(|e| e.effect),
        range: (effect.map(|e| e.lower), effect.map(|e| e.upper)),
        due: told.due,
        evidence,
        method: "always_valid".to_owned(),
        ..Finding::default()
    }
}

impl Judged {
    /// What was seen, in one sentence.
    #[must_use]
    pub fn words(&self) -> String {
        if let Some(broken) = self.guardrails.iter().find(|g| g.broken) {
            let (metric, change) = (&broken.metric, short(broken.change));
            return format!("{metric}, which must not become worse, changed by {change}");
        }
        let Some(e) = &self.effect else {
            return "too little was observed".to_owned();
        };
        format!(
            "mean {} is {} against {} of the baseline, a difference of {} ({} to {})",
            self.metric,
            short(self.treatment.mean),
            short(self.baseline.mean),
            short(e.effect),
            short(e.lower),
            short(e.upper)
        )
    }
}

/// Experiments of a tenant through a day: what the findings of that day say.
///
/// # Errors
/// The catalog has no such KPI, or ClickHouse refuses or does not answer.
pub async fn read(
    reader: &Reader,
    catalog: &Catalog,
    plan: &super::Plan,
    last: Date,
) -> Result<Vec<Judged>, StoreError> {
    let Some(declared) = &plan.of.experiments else {
        return Ok(Vec::new());
    };
    let Some(kpi) = catalog.kpi(&declared.kpi) else {
        return Ok(Vec::new());
    };
    let back = jiff::Span::new().days(i64::from(plan.of.days) - 1);
    let looked = Looked {
        days: Span {
            first: last.saturating_sub(back),
            last,
        },
        most: plan.of.subjects,
        subject: &BTreeMap::new(),
        step: "day",
    };
    let cells = series(reader, catalog, kpi, &COLUMNS, &looked).await?;
    Ok(judged(&cells, last, declared))
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
    fn a_guardrail_that_is_broken_turns_it_back() {
        let last = date(2026, 3, 30);
        let of = |metric: &str, variant: &str, mean: f64| {
            let mut cell = cell(variant, mean, 30);
            cell.subject.insert("metric".to_owned(), metric.to_owned());
            cell
        };
        let judged = |cost: f64| {
            let cells = [
                of("latency_ms", "baseline", 200.0),
                of("latency_ms", "canary", 150.0),
                of("cost_usd", "baseline", 100.0),
                of("cost_usd", "canary", cost),
            ];
            let plan = super::super::plan::Plan::shipped().unwrap().of;
            super::judged(&cells, last, &plan.experiments.unwrap()).remove(0)
        };
        let fine = judged(101.0);
        assert_eq!(fine.state, "roll_out");
        assert!(!fine.guardrails[0].broken && (fine.split.seen - 0.5).abs() < 1e-9);
        assert!((fine.guardrails[0].change - 1.0).abs() < 1e-9);
        let broken = judged(140.0);
        assert_eq!(broken.state, "roll_back");
        assert!(broken.guardrails[0].broken);
        assert!(broken.words().starts_with("cost_usd"), "{}", broken.words());
    }

    #[test]
    fn an_arm_is_added_up_over_days() {
        let seen = Seen::of(&cell("canary", 5.0, 4)).unwrap();
        assert_eq!((seen.arm.n, seen.arm.mean), (400.0, 5.0));
        assert!((seen.arm.variance - 100.0 * 400.0 / 399.0).abs() < 1e-9);
    }
}
