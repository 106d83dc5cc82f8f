//! What needs statistics: the trend of a KPI and its forecast, by day.

use super::kpis::{days, known, over_days};
use crate::fault::Fault;
use crate::page::Told;
use crate::params::{Day, Params};
use crate::standing::rfc3339;
use crate::state::Asker;
use axum::body::Body;
use axum::extract::Path;
use axum::http::{Response, StatusCode};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use utoipa::{IntoParams, ToSchema};
use weir_analysis::Series;
use weir_analysis::forecast::{self, Backtest, Method, Naive, Options};
use weir_analysis::trend::{self, Better, Trend};
use weir_catalog::KpiDef;
use weir_model::{Micros, codes};

/// Days that are looked at where nothing is said.
const BACK: i64 = 180;
/// Days that are forecast where nothing is said.
const HORIZON: usize = 28;
/// Most of them.
const FARTHEST: usize = 366;
/// Days of a week: the season that is looked for where nothing is said.
const WEEK: usize = 7;
/// How sure a verdict is: one in so many is none.
const ALPHA: f64 = 0.05;

/// The trend of what.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct TrendAsked {
    /// Values of all dimensions: `subject[team]=payments`.
    #[serde(default)]
    #[param(value_type = Option<Object>, style = DeepObject, explode)]
    subject: BTreeMap<String, String>,
    /// First day of the tenant; 179 days before `to` where it is left out.
    #[param(value_type = Option<String>, format = Date, example = "2026-01-01")]
    from: Option<Day>,
    /// Last day, included; yesterday where it is left out, as today is not over.
    #[param(value_type = Option<String>, format = Date, example = "2026-03-31")]
    to: Option<Day>,
    /// `higher` or `lower`: which way is better, where the KPI does not say.
    better: Option<String>,
    /// Days of a season whose phases are compared with themselves; 1: none. 7 where it is left out.
    #[param(example = 7)]
    season: Option<usize>,
}

/// The forecast of what.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ForecastAsked {
    /// Values of all dimensions: `subject[team]=payments`.
    #[serde(default)]
    #[param(value_type = Option<Object>, style = DeepObject, explode)]
    subject: BTreeMap<String, String>,
    /// First day of the tenant; 179 days before `to` where it is left out.
    #[param(value_type = Option<String>, format = Date, example = "2026-01-01")]
    from: Option<Day>,
    /// Last day, included; yesterday where it is left out, as today is not over.
    #[param(value_type = Option<String>, format = Date, example = "2026-03-31")]
    to: Option<Day>,
    /// Days ahead, 1 to 366.
    #[param(example = 28)]
    horizon: Option<usize>,
    /// Days of a season, 2 or more. 7 where it is left out.
    #[param(example = 7)]
    season: Option<usize>,
}

/// Which days of which subject were looked at.
#[derive(Serialize, ToSchema)]
struct Looked {
    kpi: String,
    unit: String,
    subject: BTreeMap<String, String>,
    /// First day.
    #[schema(format = Date)]
    from: String,
    /// Last day, included.
    #[schema(format = Date)]
    to: String,
    /// Days that have a value; the others are gaps.
    values: usize,
}

/// A verdict and what it rests on.
#[derive(Serialize, ToSchema)]
pub(crate) struct TrendTold {
    #[serde(flatten)]
    looked: Looked,
    /// Days of the season.
    season: usize,
    /// How sure a verdict is.
    alpha: f64,
    /// `verdict` is `improving`, `stable` or `degrading`; `test` that of Mann and Kendall; `slope`
    /// that of Theil and Sen, per day, with its interval.
    #[serde(flatten)]
    #[schema(value_type = Object)]
    trend: Trend,
}

/// A forecast, and how far to trust it.
#[derive(Serialize, ToSchema)]
pub(crate) struct ForecastTold {
    #[serde(flatten)]
    looked: Looked,
    /// `combined`, or `naive` and `seasonal_naive` where nothing beats them.
    #[schema(value_type = String)]
    method: Method,
    /// Seasons that the series is long enough for, in days.
    seasons: Vec<usize>,
    points: Vec<Point>,
    /// How this method did at moments of the past: `mae`, `mase`, `coverage_80`, `coverage_95`.
    #[schema(value_type = Object)]
    backtest: Backtest,
    /// How the naive one did, which has to be beaten.
    #[schema(value_type = Object)]
    naive: Naive,
}

/// A day ahead.
#[derive(Serialize, ToSchema)]
struct Point {
    /// Its begin, as if days were those of UTC.
    #[schema(format = DateTime)]
    time: String,
    point: f64,
    lower_80: f64,
    upper_80: f64,
    lower_95: f64,
    upper_95: f64,
}

/// Values of a KPI by day: one subject, days that are over.
async fn series(
    asker: &Asker,
    kpi: &KpiDef,
    subject: &BTreeMap<String, String>,
    (from, to): (Option<Day>, Option<Day>),
) -> Result<(Series, Looked), Fault> {
    known(asker, kpi, subject)?;
    if let Some(missing) = kpi.dimensions.iter().find(|d| !subject.contains_key(*d)) {
        return Err(Fault::bad(format!(
            "a series is of one subject: {} stands on [{}], give `subject[{missing}]` too",
            kpi.name,
            kpi.dimensions.join(", ")
        )));
    }
    let yesterday = asker.today().yesterday().unwrap_or(asker.today());
    let back = jiff::Span::new().days(BACK - 1);
    let last = to.map_or(yesterday, |d| d.0);
    let from = from.or_else(|| Some(Day(last.saturating_sub(back))));
    let (from, to) = days(from, to, yesterday)?;
    let listing = over_days(asker, kpi, subject, (from, to), "day")?;
    let (rows, next) = asker.page(&listing, None, asker.most()).await?;
    if next.is_some() {
        let most = asker.most();
        return Err(Fault::too_much(format!(
            "a series has at most {most} days here: ask for a shorter period"
        )));
    }
    let point = |row: &weir_store::reader::Row| {
        let day: Date = row.get("from")?.as_str()?.parse().ok()?;
        let at = day.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp();
        let value = row.get("value").and_then(Json::as_f64);
        Some((Micros(at.as_microsecond()), value.unwrap_or(f64::NAN)))
    };
    let points: Vec<(Micros, f64)> = rows.iter().filter_map(point).collect();
    let series = by_day(from, to, &points)?;
    let looked = Looked {
        kpi: kpi.name.clone(),
        unit: kpi.unit.clone(),
        subject: subject.clone(),
        from: from.to_string(),
        to: to.to_string(),
        values: series.observed(),
    };
    Ok((series, looked))
}

/// A slot for each day of a period, whether it has a value or not: a forecast begins after the last
/// day, not after the last value.
fn by_day(from: Date, to: Date, points: &[(Micros, f64)]) -> Result<Series, Fault> {
    let start = from.to_zoned(jiff::tz::TimeZone::UTC);
    let start = start.map_err(|e| Fault::bad(format!("{from} is no day here: {e}")))?;
    let start = Micros(start.timestamp().as_microsecond());
    let days = from.until(to).map_or(0, |span| span.get_days()) + 1;
    let mut values = vec![None; usize::try_from(days).unwrap_or(0)];
    for (at, value) in points {
        let slot = usize::try_from(at.minus(start).0 / Micros::DAY.0).ok();
        if let Some(place) = slot.and_then(|s| values.get_mut(s)) {
            *place = Some(*value);
        }
    }
    Ok(Series::regular(start, Micros::DAY, values)?)
}

/// Whether a KPI gets better or worse, by day, and how sure that is.
#[utoipa::path(get, path = "/v1/kpis/{kpi}/trend", tag = "analysis",
    params(("kpi" = String, Path, example = "cost_per_call"), TrendAsked),
    responses((status = 200, body = Told<TrendTold>)))]
pub(crate) async fn trend(
    asker: Asker,
    Path(name): Path<String>,
    Params(asked): Params<TrendAsked>,
) -> Result<Response<Body>, Fault> {
    let kpi = asker.kpi(&name)?;
    let declared = kpi.target.map(|t| t.higher_is_better);
    let higher = match (asked.better.as_deref(), declared) {
        (Some("higher"), _) | (None, Some(true)) => true,
        (Some("lower"), _) | (None, Some(false)) => false,
        (Some(_), _) => return Err(Fault::bad("`better` is higher or lower")),
        (None, None) => {
            let detail = "this KPI has no target: say with `better` which way is better";
            return Err(Fault::bad(detail));
        }
    };
    let better = if higher {
        Better::Higher
    } else {
        Better::Lower
    };
    let season = asked.season.unwrap_or(WEEK);
    let (series, looked) = series(&asker, kpi, &asked.subject, (asked.from, asked.to)).await?;
    let trend = computed(move || trend::trend(&series, better, Some(season), ALPHA)).await??;
    let told = TrendTold {
        looked,
        season,
        alpha: ALPHA,
        trend,
    };
    Ok(asker.told_of_kpi(told, kpi).response())
}

/// What a KPI will come to, by day, with intervals, how the method did in the past, and how the
/// naive one did, which has to be beaten.
#[utoipa::path(get, path = "/v1/kpis/{kpi}/forecast", tag = "analysis",
    params(("kpi" = String, Path, example = "cost_per_call"), ForecastAsked),
    responses((status = 200, body = Told<ForecastTold>)))]
pub(crate) async fn forecast(
    asker: Asker,
    Path(name): Path<String>,
    Params(asked): Params<ForecastAsked>,
) -> Result<Response<Body>, Fault> {
    let kpi = asker.kpi(&name)?;
    let horizon = asked.horizon.unwrap_or(HORIZON);
    if !(1..=FARTHEST).contains(&horizon) {
        return Err(Fault::bad(format!(
            "`horizon` is from 1 to {FARTHEST} days, not {horizon}"
        )));
    }
    let options = Options {
        seasons: vec![asked.season.unwrap_or(WEEK)],
        horizon,
        non_negative: None,
    };
    let (series, looked) = series(&asker, kpi, &asked.subject, (asked.from, asked.to)).await?;
    let told = computed(move || forecast::forecast(&series, &options)).await??;
    let point = |p: &forecast::Point| Point {
        time: rfc3339(p.time),
        point: p.point,
        lower_80: p.lower_80,
        upper_80: p.upper_80,
        lower_95: p.lower_95,
        upper_95: p.upper_95,
    };
    let told = ForecastTold {
        looked,
        method: told.method,
        seasons: told.seasons,
        points: told.points.iter().map(point).collect(),
        backtest: told.backtest,
        naive: told.naive,
    };
    Ok(asker.told_of_kpi(told, kpi).response())
}

/// Computes on a thread that nobody else waits for.
async fn computed<T: Send + 'static>(
    compute: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Fault> {
    let done = tokio::task::spawn_blocking(compute).await;
    done.map_err(|e| {
        tracing::error!("a computation ended: {e}");
        let status = StatusCode::INTERNAL_SERVER_ERROR;
        Fault::new(
            status,
            codes::SERIES_OPTIONS,
            "this series cannot be computed",
        )
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use jiff::civil::date;

    #[test]
    fn a_day_without_a_value_is_a_gap_at_the_end_too() {
        let at = |day: i64| Micros(day * Micros::DAY.0);
        let points = [(at(1), 5.0), (at(2), f64::NAN), (at(9), 7.0)];
        let series = by_day(date(1970, 1, 1), date(1970, 1, 5), &points).unwrap();
        assert_eq!(series.values(), [None, Some(5.0), None, None, None]);
        assert_eq!(series.time(series.len()), at(5));
    }
}
