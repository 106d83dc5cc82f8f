//! From the days of a KPI to rows: its trend and its forecast. Values in, rows out.

use super::plan::Declared;
use jiff::civil::Date;
use std::collections::BTreeMap;
use weir_analysis::forecast::{self, Options, Point};
use weir_analysis::learning::priority;
use weir_analysis::trend::{self, Better, Verdict};
use weir_analysis::{Error, Series};
use weir_catalog::KpiDef;
use weir_model::Micros;
use weir_store::findings::{Cell, Finding, ForecastDay, TrendOf};

/// How trends are found, as rows name it.
const TREND_METHOD: &str = "mann_kendall, theil_sen";

/// A column of a subject's days as a series that ends with `last`: days without a value are gaps,
/// at the end too. It begins with the first value.
pub(super) fn by_day(cell: &Cell, column: usize, last: Date) -> Result<Series, Error> {
    let value = |(day, values): &(Date, Vec<Option<f64>>)| {
        Some((*day, values.get(column).copied().flatten()?))
    };
    let known: BTreeMap<Date, f64> = cell.days.iter().filter_map(value).collect();
    let Some(first) = known.keys().next().copied().filter(|f| *f <= last) else {
        return Err(Error::TooShort { have: 0, need: 1 });
    };
    let days = first.until(last).map_or(0, |span| span.get_days());
    let mut values = vec![None; usize::try_from(days).unwrap_or(0) + 1];
    for (day, value) in known {
        let place = first.until(day).map_or(-1, |span| span.get_days());
        let place = usize::try_from(place).ok();
        if let Some(slot) = place.and_then(|p| values.get_mut(p)) {
            *slot = Some(value);
        }
    }
    Series::regular(micros(first), Micros::DAY, values)
}

/// The same of a sum: nothing happened on days that it is not told of.
pub(super) fn by_day_or_none(cell: &Cell, column: usize, last: Date) -> Result<Series, Error> {
    let series = by_day(cell, column, last)?;
    let values = series.values().iter().map(|v| Some(v.unwrap_or(0.0)));
    Series::regular(series.time(0), Micros::DAY, values.collect::<Vec<_>>())
}

/// A day as a place in a series: its midnight, as if days were those of UTC.
fn micros(day: Date) -> Micros {
    let since = Date::constant(1970, 1, 1).until(day);
    Micros(i64::from(since.map_or(0, |s| s.get_days())) * Micros::DAY.0)
}

/// The day of such a place.
pub(super) fn day_of(at: Micros) -> Date {
    let days = jiff::Span::new().days(at.0.div_euclid(Micros::DAY.0));
    Date::constant(1970, 1, 1).saturating_add(days)
}

/// The trend of a KPI's value; none where it has no better side or too few values.
pub(super) fn trend(kpi: &KpiDef, cell: &Cell, last: Date, plan: &Declared) -> Option<TrendOf> {
    let higher = kpi.target?.higher_is_better;
    let series = by_day(cell, 0, last).ok()?;
    let better = match higher {
        true => Better::Higher,
        false => Better::Lower,
    };
    let season = usize::from(plan.season);
    let told = trend::trend(&series, better, Some(season), plan.alpha).ok()?;
    let latest = series.points().last()?.1;
    Some(TrendOf {
        subject: cell.subject.clone(),
        kpi: kpi.name.clone(),
        unit: kpi.unit.clone(),
        verdict: name(&told.verdict),
        better: if higher { "higher" } else { "lower" }.to_owned(),
        p: told.test.p,
        tau: told.test.tau,
        slope: told.slope.slope,
        slope_range: (told.slope.lower, told.slope.upper),
        alpha: plan.alpha,
        season: plan.season,
        first_day: day_of(series.time(0)),
        sample: count(told.sample),
        latest,
        method: TREND_METHOD.to_owned(),
    })
}

/// What a verdict is worth telling: nothing where it is stable.
pub(super) fn of_trend(kpi: &KpiDef, t: &TrendOf, last: Date) -> Option<Finding> {
    if t.verdict == name(&Verdict::Stable) {
        return None;
    }
    let days = t.first_day.until(last).map_or(0, |s| s.get_days());
    let moved = t.slope * f64::from(days);
    let begun = t.latest - moved;
    let share = match begun.abs().max(t.latest.abs()) {
        0.0 => 0.0,
        size => (moved / size).abs(),
    };
    let degrading = t.verdict == name(&Verdict::Degrading);
    let evidence = [
        ("p", t.p),
        ("tau", t.tau),
        ("days with a value", f64::from(t.sample)),
        ("change over the days", moved),
        ("latest value", t.latest),
    ];
    Some(Finding {
        subject: t.subject.clone(),
        kind: "trend".to_owned(),
        about: t.kpi.clone(),
        verdict: t.verdict.clone(),
        priority: if degrading { priority(share) } else { 5 },
        text: format!(
            "{} is {}: {} {} a day",
            kpi.title,
            t.verdict,
            signed(t.slope),
            kpi.unit
        ),
        unit: t.unit.clone(),
        value: Some(t.slope),
        range: (Some(t.slope_range.0), Some(t.slope_range.1)),
        evidence: named(&evidence),
        method: t.method.clone(),
        ..Finding::default()
    })
}

/// The days ahead of a KPI; none where it has too few values.
pub(super) fn ahead(
    kpi: &KpiDef,
    cell: &Cell,
    last: Date,
    (horizon, season): (usize, u16),
) -> Vec<ForecastDay> {
    let options = Options {
        seasons: vec![usize::from(season).max(2)],
        horizon,
        non_negative: None,
    };
    let Ok(series) = by_day(cell, 0, last) else {
        return Vec::new();
    };
    let Ok(told) = forecast::forecast(&series, &options) else {
        return Vec::new();
    };
    let season = told.seasons.first().copied().unwrap_or(0);
    let day = |(i, p): (usize, &Point)| ForecastDay {
        subject: cell.subject.clone(),
        kpi: kpi.name.clone(),
        unit: kpi.unit.clone(),
        day: day_of(p.time),
        ahead: u16::try_from(i + 1).unwrap_or(u16::MAX),
        point: p.point,
        range_80: (p.lower_80, p.upper_80),
        range_95: (p.lower_95, p.upper_95),
        method: name(&told.method),
        season: u16::try_from(season).unwrap_or(u16::MAX),
        sample: count(series.observed()),
        origins: count(told.backtest.origins),
        mae: told.backtest.mae,
        mase: told.backtest.mase,
        coverage: (told.backtest.coverage_80, told.backtest.coverage_95),
        naive_method: name(&told.naive.method),
        naive_mae: told.naive.mae,
        naive_mase: told.naive.mase,
    };
    told.points.iter().enumerate().map(day).collect()
}

/// The name of a value that is nothing but a name.
pub(super) fn name(of: &impl serde::Serialize) -> String {
    match serde_json::to_value(of) {
        Ok(serde_json::Value::String(name)) => name,
        _ => String::new(),
    }
}

pub(super) fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

pub(super) fn named(all: &[(&str, f64)]) -> BTreeMap<String, f64> {
    let finite = all.iter().filter(|(_, v)| v.is_finite());
    finite.map(|(n, v)| ((*n).to_owned(), *v)).collect()
}

/// A number for a sentence: four digits that count.
pub(super) fn short(v: f64) -> String {
    if v == 0.0 || !v.is_finite() {
        return "0".to_owned();
    }
    let digits = 3 - v.abs().log10().floor() as i32;
    let told = format!("{v:.*}", digits.clamp(0, 9) as usize);
    match told.contains('.') {
        true => told.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => told,
    }
}

fn signed(v: f64) -> String {
    let sign = if v > 0.0 { "+" } else { "" };
    format!("{sign}{}", short(v))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use jiff::civil::date;
    use weir_catalog::Catalog;

    fn cell(values: impl Iterator<Item = Option<f64>>) -> Cell {
        let first = date(2026, 1, 1);
        let day = |i: usize| first.saturating_add(jiff::Span::new().days(i as i64));
        Cell {
            subject: [("model".to_owned(), "m".to_owned())].into(),
            days: values.enumerate().map(|(i, v)| (day(i), vec![v])).collect(),
        }
    }

    /// Between 0 and 1, the same each time.
    fn noise(i: i32) -> f64 {
        ((f64::from(i) * 12.9898).sin() * 43_758.545_3).rem_euclid(1.0)
    }

    #[test]
    fn a_series_ends_with_the_last_day_and_begins_with_the_first_value() {
        let cell = cell([None, Some(1.0), None, Some(3.0)].into_iter());
        let last = date(2026, 1, 6);
        let series = by_day(&cell, 0, last).unwrap();
        let want = [Some(1.0), None, Some(3.0), None, None];
        assert_eq!(series.values(), want);
        assert_eq!(day_of(series.time(0)), date(2026, 1, 2));
        let sums = by_day_or_none(&cell, 0, last).unwrap();
        assert_eq!(sums.values()[1], Some(0.0));
        assert_eq!(sums.values()[4], Some(0.0));
        assert!(by_day(&cell, 1, last).is_err());
        assert!(by_day(&cell, 0, date(2026, 1, 1)).is_err());
    }

    #[test]
    fn a_verdict_is_told_only_where_it_is_significant() {
        let catalog = Catalog::embedded().unwrap();
        let plan = super::super::plan::Plan::shipped().unwrap().of;
        let kpi = catalog.kpi("cost_per_call").unwrap();
        let rising = cell((0..60).map(|i| Some(1.0 + f64::from(i) / 10.0)));
        let last = rising.days.last().unwrap().0;
        let told = trend(kpi, &rising, last, &plan).unwrap();
        assert_eq!(
            (told.verdict.as_str(), told.better.as_str()),
            ("degrading", "lower")
        );
        assert_eq!((told.sample, told.first_day), (60, date(2026, 1, 1)));
        let found = of_trend(kpi, &told, last).unwrap();
        assert_eq!((found.kind.as_str(), found.priority), ("trend", 1));
        assert!((found.value.unwrap() - 0.1).abs() < 1e-9);
        assert!(
            found.text.contains("is degrading: +0.1 usd a day"),
            "{}",
            found.text
        );
        let flat = cell((0..60).map(|i| Some(noise(i))));
        let told = trend(kpi, &flat, last, &plan).unwrap();
        assert_eq!(told.verdict, "stable");
        assert_eq!(of_trend(kpi, &told, last), None);
        let few = cell((0..5).map(|i| Some(f64::from(i))));
        assert_eq!(trend(kpi, &few, date(2026, 1, 5), &plan), None);
    }

    #[test]
    fn days_ahead_begin_after_the_last_day_and_are_no_worse_than_naive() {
        let catalog = Catalog::embedded().unwrap();
        let kpi = catalog.kpi("spend_per_hour").unwrap();
        let week = [5.0, 6.0, 7.0, 8.0, 7.0, 1.0, 1.0];
        let weekly = cell((0..70).map(|i| Some(week[i % 7] + noise(i as i32))));
        let last = weekly.days.last().unwrap().0;
        let days = ahead(kpi, &weekly, last, (14, 7));
        assert_eq!(days.len(), 14);
        assert_eq!(days[0].day, last.tomorrow().unwrap());
        assert_eq!((days[13].ahead, days[13].season), (14, 7));
        let of = &days[0];
        assert!(of.mae.unwrap() <= of.naive_mae.unwrap(), "{of:?}");
        assert!(of.range_95.0 <= of.range_80.0 && of.range_80.1 <= of.range_95.1);
        assert!(ahead(kpi, &cell([Some(1.0)].into_iter()), last, (14, 7)).is_empty());
    }

    #[test]
    fn numbers_in_sentences_are_short() {
        for (v, told) in [
            (0.0, "0"),
            (1234.567, "1235"),
            (0.012_345_6, "0.01235"),
            (-3.5, "-3.5"),
            (1e-12, "0"),
        ] {
            assert_eq!(short(v), told);
        }
    }
}
