//! When a bound is crossed: the day a disk is full or a budget used up.
//!
//! The moment is the first step at which the point forecast reaches the bound. Its range runs from
//! the first step at which the near side of the interval does to the first at which the far side
//! does. Assumption: that of the forecast. No crossing within the horizon is an answer, not "never".

use super::Forecast;
use serde::Serialize;
use weir_model::Micros;

/// From which side a bound is approached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// The bound is reached from below, as a disk fills.
    Rising,
    /// The bound is reached from above, as a budget empties.
    Falling,
}

/// When a bound is reached; each is `None` where it is not within the horizon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Crossing {
    /// By the point forecast.
    pub point: Option<Micros>,
    /// Earliest and latest by the 80 % interval.
    pub range_80: (Option<Micros>, Option<Micros>),
    /// The same by the 95 % interval.
    pub range_95: (Option<Micros>, Option<Micros>),
    /// The last step that was looked at.
    pub through: Option<Micros>,
}

/// When `forecast` reaches `bound`.
pub fn capacity(forecast: &Forecast, bound: f64, direction: Direction) -> Crossing {
    let first = |value: fn(&super::Point) -> f64| {
        let reached = |v: f64| match direction {
            Direction::Rising => v >= bound,
            Direction::Falling => v <= bound,
        };
        let point = forecast.points.iter().find(|p| reached(value(p)))?;
        Some(point.time)
    };
    let in_time = |lower, upper| match direction {
        Direction::Rising => (upper, lower),
        Direction::Falling => (lower, upper),
    };
    Crossing {
        point: first(|p| p.point),
        range_80: in_time(first(|p| p.lower_80), first(|p| p.upper_80)),
        range_95: in_time(first(|p| p.lower_95), first(|p| p.upper_95)),
        through: forecast.points.last().map(|p| p.time),
    }
}
