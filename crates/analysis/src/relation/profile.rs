//! The shape of a season, and which part of a whole moves it.

use crate::stats::{mean, median};
use serde::Serialize;

/// The shape of a season.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Profile {
    /// Median of each phase less the median of all, in the unit of the series; absent where a phase
    /// was never observed.
    pub phases: Vec<Option<f64>>,
    /// Share of the variance that the shape explains, 0 to 1.
    pub strength: f64,
    /// Values it rests on.
    pub sample: usize,
}

/// The profile of values at equal steps; `None` where they do not hold the season twice.
pub fn profile(values: &[Option<f64>], season: usize) -> Option<Profile> {
    let known: Vec<(usize, f64)> = values
        .iter()
        .enumerate()
        .filter_map(|(t, v)| v.map(|v| (t % season.max(1), v)))
        .collect();
    if season < 2 || known.len() < 2 * season {
        return None;
    }
    let all: Vec<f64> = known.iter().map(|(_, v)| *v).collect();
    let centre = median(&all)?;
    let phases: Vec<Option<f64>> = (0..season)
        .map(|phase| {
            let of: Vec<f64> = known.iter().filter(|k| k.0 == phase).map(|k| k.1).collect();
            median(&of).map(|m| m - centre)
        })
        .collect();
    let rest: Vec<f64> = known
        .iter()
        .map(|(p, v)| v - phases[*p].unwrap_or(0.0))
        .collect();
    let whole = variance(&all);
    let strength = match whole > 0.0 {
        true => (1.0 - variance(&rest) / whole).clamp(0.0, 1.0),
        false => 0.0,
    };
    Some(Profile {
        phases,
        strength,
        sample: all.len(),
    })
}

fn variance(values: &[f64]) -> f64 {
    let m = mean(values);
    mean(&values.iter().map(|v| (v - m) * (v - m)).collect::<Vec<_>>())
}

/// A part of a whole, such as a component of a request's latency.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Bottleneck {
    /// Its name.
    pub component: String,
    /// Share of the mean of the whole.
    pub of_mean: f64,
    /// Share of the variance of the whole that moves with it: what makes it slow at times. The
    /// shares of all components add up to 1; below 0 is what evens the others out.
    pub of_variance: f64,
}

/// Components of a whole that is their sum, row by row, by their share of its variance. `None` where
/// rows are missing, or the whole never changes.
pub fn bottlenecks(components: &[(String, Vec<f64>)]) -> Option<Vec<Bottleneck>> {
    let rows = components.first()?.1.len();
    if rows < 2 || components.iter().any(|(_, v)| v.len() != rows) {
        return None;
    }
    let whole: Vec<f64> = (0..rows)
        .map(|i| components.iter().map(|(_, v)| v[i]).sum())
        .collect();
    let (centre, spread) = (mean(&whole), variance(&whole));
    if !(spread > 0.0 && spread.is_finite()) {
        return None;
    }
    let mut out: Vec<Bottleneck> = components
        .iter()
        .map(|(name, values)| {
            let m = mean(values);
            let together: Vec<f64> = values
                .iter()
                .zip(&whole)
                .map(|(v, w)| (v - m) * (w - centre))
                .collect();
            Bottleneck {
                component: name.clone(),
                of_mean: if centre != 0.0 { m / centre } else { 0.0 },
                of_variance: mean(&together) / spread,
            }
        })
        .collect();
    out.sort_by(|a, b| b.of_variance.total_cmp(&a.of_variance));
    Some(out)
}
