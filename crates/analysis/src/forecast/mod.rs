//! Forecasts with intervals, and beside each the back-test that says how far to trust it.
//!
//! The forecast is a mean of the naive one (the last season goes on) and of two regressions on lags
//! (of values and of their logarithms), each weighted by one over its squared back-test error
//! (Bates and Granger, *The Combination of Forecasts*, 1969). Where that mean does not beat the best
//! naive forecast in the back-test, the naive one is what is returned, and `method` says so.
//!
//! Assumptions: equal steps, seasons of known length, and a future like the last seasons. Gaps are
//! filled from the season before, and never count as right or wrong. Nothing here is NaN.

mod backtest;
mod capacity;
mod combine;
mod interval;
mod members;
mod ridge;

use crate::{Error, Series};
use backtest::Plan;
use combine::{Judged, judge};
use members::{Member, Past};
use serde::Serialize;
use weir_model::Micros;

pub use capacity::{Crossing, Direction, capacity};

/// Fewest values that a forecast is made of.
pub const MIN_POINTS: usize = 8;
/// Longest forecast, in steps.
pub const MAX_HORIZON: usize = 10_000;
/// Levels of the two intervals.
const LEVELS: [f64; 2] = [0.80, 0.95];
/// Values that a forecast looks at: what is older tells little of what comes, and costs time.
const LATEST: usize = 20_000;
/// Values that a season needs beyond two of its lengths, so that it can be tested at all.
const BEYOND: usize = 4;

/// What to forecast.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// Lengths of seasons in steps, such as 24 and 168 for hours. One that the series does not hold
    /// twice is left out.
    pub seasons: Vec<usize>,
    /// Steps to look ahead, 1 to [`MAX_HORIZON`].
    pub horizon: usize,
    /// Whether values below zero are impossible; `None`: they are where none was ever seen.
    pub non_negative: Option<bool>,
}

/// How the points of a forecast were made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// Naive forecast and regressions, weighted by their back-test.
    Combined,
    /// The last season goes on.
    SeasonalNaive,
    /// The last value goes on.
    Naive,
}

/// One step of a forecast, in the unit of the series.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[allow(missing_docs)] // The names say what they hold.
pub struct Point {
    pub time: Micros,
    pub point: f64,
    pub lower_80: f64,
    pub upper_80: f64,
    pub lower_95: f64,
    pub upper_95: f64,
}

/// How a method did at moments of the past.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Backtest {
    /// Moments that were looked at; 0 where the series leaves no room for any.
    pub origins: usize,
    /// Steps ahead of each.
    pub horizon: usize,
    /// Mean absolute error, in the unit of the series.
    pub mae: Option<f64>,
    /// The same over the mean change from season to season (MASE, Hyndman and Koehler 2006); absent
    /// where the series never changed.
    pub mase: Option<f64>,
    /// Share of values inside the 80 % interval that the other moments gave.
    pub coverage_80: Option<f64>,
    /// The same of the 95 % interval.
    pub coverage_95: Option<f64>,
}

/// The plain forecast that has to be beaten: the better one of last value and last season.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Naive {
    /// [`Method::Naive`] or [`Method::SeasonalNaive`].
    pub method: Method,
    /// Length of the season in steps, 1 for the last value.
    pub season: usize,
    /// Its mean absolute error at the same moments.
    pub mae: Option<f64>,
    /// Its MASE.
    pub mase: Option<f64>,
}

/// A forecast.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Forecast {
    /// How the points were made.
    pub method: Method,
    /// Seasons that the series is long enough for.
    pub seasons: Vec<usize>,
    /// The steps ahead.
    pub points: Vec<Point>,
    /// How this method did.
    pub backtest: Backtest,
    /// How the naive one did.
    pub naive: Naive,
}

/// Forecasts a series.
///
/// # Errors
/// [`Error::TooShort`] below [`MIN_POINTS`] values, [`Error::Options`] where the horizon is not 1 to
/// [`MAX_HORIZON`] or a season is shorter than two steps.
pub fn forecast(series: &Series, options: &Options) -> Result<Forecast, Error> {
    check(series, options)?;
    let prepared = Prepared::new(series, &options.seasons);
    let seasons = &prepared.seasons;
    let season = seasons.first().copied().unwrap_or(1);
    let plan = Plan::new(prepared.values.len(), season, options.horizon);
    let shortest = plan.origins.last().copied().unwrap_or(0);
    let lags = ridge::lags(seasons, shortest);
    let past = Past {
        values: &prepared.values,
        observed: &prepared.observed,
        lags: &lags,
    };
    let judged = judge(&plan, past, seasons, options.horizon);
    let floor = options
        .non_negative
        .unwrap_or(prepared.values.iter().all(|v| *v >= 0.0))
        .then_some(0.0);
    let to_unit = |x: f64| {
        let x = (x * prepared.scale).clamp(-f64::MAX, f64::MAX);
        floor.map_or(x, |f: f64| x.max(f))
    };
    let points = points(series, &judged, to_unit);
    let change = seasonal_change(&prepared, season);
    let in_unit = |mae: Option<f64>| mae.map(|m| (m * prepared.scale).min(f64::MAX));
    let scaled = |mae: Option<f64>| mae.zip(change).map(|(m, c)| m / c);
    Ok(Forecast {
        method: judged.method,
        points,
        backtest: Backtest {
            origins: if judged.mae.is_some() {
                plan.origins.len()
            } else {
                0
            },
            horizon: plan.horizon,
            mae: in_unit(judged.mae),
            mase: scaled(judged.mae),
            coverage_80: judged.coverage(LEVELS[0]),
            coverage_95: judged.coverage(LEVELS[1]),
        },
        naive: Naive {
            method: method_of(judged.naive),
            season: season_of(judged.naive),
            mae: in_unit(judged.naive_mae),
            mase: scaled(judged.naive_mae),
        },
        seasons: prepared.seasons.clone(),
    })
}

fn check(series: &Series, options: &Options) -> Result<(), Error> {
    if options.horizon == 0 || options.horizon > MAX_HORIZON {
        return Err(Error::Options(format!(
            "a horizon has 1 to {MAX_HORIZON} steps, not {}",
            options.horizon
        )));
    }
    if let Some(s) = options.seasons.iter().find(|s| **s < 2) {
        return Err(Error::Options(format!(
            "a season has two steps or more, not {s}"
        )));
    }
    let latest = &series.values()[series.len().saturating_sub(LATEST)..];
    match latest.iter().flatten().count() {
        have if have < MIN_POINTS => Err(Error::TooShort {
            have,
            need: MIN_POINTS,
        }),
        _ => Ok(()),
    }
}

fn method_of(member: Member) -> Method {
    match member {
        Member::Last => Method::Naive,
        Member::Season(_) => Method::SeasonalNaive,
        Member::Ridge | Member::RidgeLog => Method::Combined,
    }
}

fn season_of(member: Member) -> usize {
    match member {
        Member::Season(s) => s,
        _ => 1,
    }
}

/// Values without gaps, between -1 and 1, so that no sum of squares overflows.
struct Prepared {
    values: Vec<f64>,
    observed: Vec<bool>,
    seasons: Vec<usize>,
    scale: f64,
}

impl Prepared {
    fn new(series: &Series, seasons: &[usize]) -> Prepared {
        let known: Vec<Option<f64>> = series
            .values()
            .iter()
            .copied()
            .skip(series.len().saturating_sub(LATEST))
            .skip_while(Option::is_none)
            .collect();
        let mut seasons: Vec<usize> = seasons
            .iter()
            .copied()
            .filter(|s| s.saturating_mul(2) + BEYOND <= known.len())
            .collect();
        seasons.sort_unstable();
        seasons.dedup();
        let largest = known.iter().flatten().fold(0.0_f64, |m, v| m.max(v.abs()));
        let scale = if largest < 1e-290 { 1.0 } else { largest };
        let season = seasons.first().copied().unwrap_or(1);
        let mut values: Vec<f64> = Vec::with_capacity(known.len());
        for (t, v) in known.iter().enumerate() {
            // Only what was known then: a back-test must not see through a gap into the future.
            let before = t.checked_sub(season).or(t.checked_sub(1));
            let filled = before.map_or(0.0, |b| values[b]);
            values.push(v.map_or(filled, |v| v / scale));
        }
        Prepared {
            values,
            observed: known.iter().map(Option::is_some).collect(),
            seasons,
            scale,
        }
    }
}

fn points(series: &Series, judged: &Judged, to_unit: impl Fn(f64) -> f64) -> Vec<Point> {
    let widths = LEVELS.map(|level| judged.widths(level));
    judged
        .ahead
        .iter()
        .enumerate()
        .map(|(h, point)| {
            let [narrow, wide] = [0, 1].map(|i| widths[i][h]);
            Point {
                time: series.time(series.len() + h),
                point: to_unit(*point),
                lower_80: to_unit(point - narrow),
                upper_80: to_unit(point + narrow),
                lower_95: to_unit(point - wide),
                upper_95: to_unit(point + wide),
            }
        })
        .collect()
}

/// Mean absolute change from season to season, of pairs that were both observed.
fn seasonal_change(p: &Prepared, season: usize) -> Option<f64> {
    let changes: Vec<f64> = (season..p.values.len())
        .filter(|t| p.observed[*t] && p.observed[t - season])
        .map(|t| (p.values[t] - p.values[t - season]).abs())
        .collect();
    Some(crate::stats::mean(&changes)).filter(|c| *c > 0.0)
}
