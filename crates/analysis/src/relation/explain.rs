//! Which dimension values account for an anomaly of a sum.
//!
//! A value explains what it moved beyond its share of the whole: had everything grown alike, a model
//! with 80 % of the cost would have 80 % of the growth and explain nothing. Assumption: the measure
//! adds up over the values of a dimension. After Bhagwan et al., *Adtributor* (NSDI 2014), with the
//! excess over the share in place of their divergence.

use serde::Serialize;
use std::collections::BTreeMap;

/// What one cell of dimensions added, before and now.
#[derive(Debug, Clone, PartialEq)]
pub struct Cell {
    /// Dimensions with their values.
    pub dimensions: BTreeMap<String, String>,
    /// Sum in a usual period.
    pub before: f64,
    /// Sum in the period of the anomaly.
    pub now: f64,
}

/// A dimension value and its part in an anomaly.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Cause {
    /// The dimension.
    pub dimension: String,
    /// Its value.
    pub value: String,
    /// Sum in a usual period.
    pub before: f64,
    /// Sum in the period of the anomaly.
    pub now: f64,
    /// Its change as a share of the whole change.
    pub contribution: f64,
    /// What it moved beyond its share of the whole, as a share of the whole change: what causes are
    /// sorted by.
    pub excess: f64,
}

/// Dimension values by how much of the change they explain, most first. Empty where nothing changed.
pub fn explain(cells: &[Cell]) -> Vec<Cause> {
    let before: f64 = cells.iter().map(|c| c.before).sum();
    let now: f64 = cells.iter().map(|c| c.now).sum();
    let change = now - before;
    if change == 0.0 || !change.is_finite() {
        return Vec::new();
    }
    let mut sums: BTreeMap<(&str, &str), (f64, f64)> = BTreeMap::new();
    for cell in cells {
        for (dimension, value) in &cell.dimensions {
            let (b, n) = sums
                .entry((dimension.as_str(), value.as_str()))
                .or_default();
            *b += cell.before;
            *n += cell.now;
        }
    }
    let mut out: Vec<Cause> = sums
        .into_iter()
        .map(|((dimension, value), (b, n))| {
            let share = if before != 0.0 { b / before } else { 0.0 };
            Cause {
                dimension: dimension.to_owned(),
                value: value.to_owned(),
                before: b,
                now: n,
                contribution: (n - b) / change,
                excess: (n - b - share * change) / change,
            }
        })
        .collect();
    out.sort_by(|a, b| b.excess.total_cmp(&a.excess));
    out
}
