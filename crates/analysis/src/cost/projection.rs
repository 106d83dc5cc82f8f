//! What will have been spent at the end of a period, and when a budget is used up.
//!
//! The forecast of [`crate::forecast`] is added up. Both ends of the range add up the ends of the
//! steps, as if all errors went the same way: the range is wide rather than narrow.

use crate::forecast::{Forecast, Options, Point, forecast};
use crate::{Error, Series};
use serde::Serialize;
use weir_model::Micros;

/// Where spending leads.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Projection {
    /// Spent so far in the period.
    pub spent: f64,
    /// Spent at its end, by the point forecast.
    pub at_end: f64,
    /// Range of it that holds 80 % at least.
    pub range_80: (f64, f64),
    /// Step at which the budget is used up; absent where it is not within the period.
    pub used_up: Option<Micros>,
    /// Earliest and latest by the 80 % range.
    pub used_up_80: (Option<Micros>, Option<Micros>),
    /// The forecast that it rests on.
    pub forecast: Forecast,
}

/// Projects a budget: `spending` per step up to now, of which `in_period` steps belong to the
/// period, and `left` steps of it to come. Spending is never below zero.
///
/// # Errors
/// Those of [`forecast`].
pub fn project(
    spending: &Series,
    seasons: &[usize],
    in_period: usize,
    left: usize,
    budget: f64,
) -> Result<Projection, Error> {
    let options = Options {
        seasons: seasons.to_vec(),
        horizon: left,
        non_negative: Some(true),
    };
    let forecast = forecast(spending, &options)?;
    let from = spending.len().saturating_sub(in_period);
    let spent: f64 = spending.values()[from..].iter().flatten().sum();
    let over = |part: fn(&Point) -> f64| {
        let mut sum = spent;
        let mut when = (sum >= budget).then(|| spending.time(spending.len().saturating_sub(1)));
        for p in &forecast.points {
            sum += part(p);
            if when.is_none() && sum >= budget {
                when = Some(p.time);
            }
        }
        (sum, when)
    };
    let (at_end, used_up) = over(|p| p.point);
    let (low, latest) = over(|p| p.lower_80);
    let (high, earliest) = over(|p| p.upper_80);
    Ok(Projection {
        spent,
        at_end,
        range_80: (low, high),
        used_up,
        used_up_80: (earliest, latest),
        forecast,
    })
}
