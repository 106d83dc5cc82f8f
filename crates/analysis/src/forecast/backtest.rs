//! What a method would have said at moments of the past, and how wrong it would have been.
//!
//! Source: Tashman, *Out-of-sample tests of forecasting accuracy*, International Journal of
//! Forecasting 16 (2000): a rolling origin. Every member is fitted anew at each origin and sees only
//! what was before it.

use super::members::{Member, Past};

/// Most moments that are looked at: more of them reach back to what is no longer so.
const ORIGINS: usize = 10;
/// Fewest that a horizon is shortened for.
const FEWEST: usize = 3;
/// Part of the series, at least, that the first origin has behind it.
const BEHIND: f64 = 0.5;

/// Where a back-test stands and how far it looks.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// Number of values before each origin, latest first.
    pub origins: Vec<usize>,
    /// Steps that each origin looks ahead.
    pub horizon: usize,
}

impl Plan {
    /// Origins one season apart over `length` values. The horizon is shortened where a short series
    /// has no room for it; without room for one step there are no origins.
    pub fn new(length: usize, season: usize, horizon: usize) -> Plan {
        let behind = ((length as f64 * BEHIND) as usize).max(2 * season).max(4);
        let room = length.saturating_sub(behind);
        let apart = season.max(horizon / 4).min(room / (FEWEST + 1)).max(1);
        let horizon = horizon.min(room.saturating_sub((FEWEST - 1) * apart).max(room.min(1)));
        let origins = (0..ORIGINS)
            .map_while(|i| length.checked_sub(horizon + i * apart))
            .filter(|n| horizon > 0 && *n >= behind)
            .collect();
        Plan { origins, horizon }
    }
}

/// Forecasts of one member at every origin, or nothing where it could not tell at one of them.
pub fn replay(plan: &Plan, member: Member, past: Past<'_>) -> Option<Vec<Vec<f64>>> {
    plan.origins
        .iter()
        .map(|n| member.ahead(past.before(*n), plan.horizon))
        .collect()
}

/// Errors of forecasts at every origin and step; `None` where nothing was observed.
pub fn errors(plan: &Plan, forecasts: &[Vec<f64>], past: Past<'_>) -> Vec<Vec<Option<f64>>> {
    plan.origins
        .iter()
        .zip(forecasts)
        .map(|(n, forecast)| {
            forecast
                .iter()
                .enumerate()
                .map(|(h, f)| past.observed[n + h].then(|| past.values[n + h] - f))
                .collect()
        })
        .collect()
}

/// Mean absolute error of all origins but one (or of all); `None` where nothing was observed.
pub fn mean_absolute(errors: &[Vec<Option<f64>>], but: Option<usize>) -> Option<f64> {
    let (mut sum, mut n) = (0.0, 0.0);
    for (_, of) in errors.iter().enumerate().filter(|(i, _)| Some(*i) != but) {
        for e in of.iter().flatten() {
            sum += e.abs();
            n += 1.0;
        }
    }
    (n > 0.0).then(|| sum / n)
}
