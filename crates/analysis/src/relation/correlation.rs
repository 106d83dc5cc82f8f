//! Correlation of many pairs, with lag.

use serde::Serialize;
use statrs::distribution::{ContinuousCDF, StudentsT};

/// Fewest pairs of values that are compared.
const MIN_PAIRS: usize = 8;

/// Two measures that move together.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Relation {
    /// One measure.
    pub first: String,
    /// The other.
    pub second: String,
    /// Steps by which the second follows the first; negative where it is ahead.
    pub lag: i64,
    /// Correlation at that lag, -1 to 1.
    pub r: f64,
    /// Pairs of values.
    pub pairs: usize,
    /// Independent pairs that they are worth.
    pub effective: f64,
    /// p value, corrected for the lags that were tried.
    pub p: f64,
    /// The same, corrected for the number of pairs of measures (false discovery rate).
    pub q: f64,
}

/// Pearson's correlation and its two-sided p value for `effective` independent pairs (their number
/// where `None`). `None` below three pairs, or where a side never changes.
pub fn pearson(x: &[f64], y: &[f64], effective: Option<f64>) -> Option<(f64, f64)> {
    let (mx, my) = (crate::stats::mean(x), crate::stats::mean(y));
    let (mut xx, mut xy, mut yy) = (0.0, 0.0, 0.0);
    for (a, b) in x.iter().zip(y) {
        xx += (a - mx) * (a - mx);
        xy += (a - mx) * (b - my);
        yy += (b - my) * (b - my);
    }
    let r = xy / xx.sqrt() / yy.sqrt();
    let free = effective.unwrap_or(x.len() as f64) - 2.0;
    if !r.is_finite() || free <= 0.0 {
        return None;
    }
    let r = r.clamp(-1.0, 1.0);
    let t = r.abs() * (free / (1.0 - r * r).max(f64::MIN_POSITIVE)).sqrt();
    let p = 2.0 * StudentsT::new(0.0, 1.0, free).ok()?.sf(t);
    Some((r, p.min(1.0)))
}

/// All pairs of measures (values at the same steps), each at its strongest lag of at most `max_lag`
/// steps, by ascending q. Pairs that cannot be compared are left out.
pub fn relations(measures: &[(String, Vec<Option<f64>>)], max_lag: usize) -> Vec<Relation> {
    let mut out = Vec::new();
    for (i, (first, a)) in measures.iter().enumerate() {
        for (second, b) in &measures[i + 1..] {
            out.extend(
                strongest(a, b, max_lag).map(|(lag, r, pairs, effective, p)| Relation {
                    first: first.clone(),
                    second: second.clone(),
                    lag,
                    r,
                    pairs,
                    effective,
                    p,
                    q: 1.0,
                }),
            );
        }
    }
    let p: Vec<f64> = out.iter().map(|r| r.p).collect();
    for (relation, q) in out.iter_mut().zip(adjust(&p)) {
        relation.q = q;
    }
    out.sort_by(|a, b| a.q.total_cmp(&b.q).then(b.r.abs().total_cmp(&a.r.abs())));
    out
}

/// Lag, correlation, pairs, effective pairs and p value.
type Strongest = (i64, f64, usize, f64, f64);

fn strongest(a: &[Option<f64>], b: &[Option<f64>], max_lag: usize) -> Option<Strongest> {
    let worth = bartlett(a, b);
    let tried = 2.0 * max_lag as f64 + 1.0;
    let lag = i64::try_from(max_lag).ok()?;
    let mut best: Option<Strongest> = None;
    for lag in -lag..=lag {
        let (mut x, mut y) = (Vec::new(), Vec::new());
        for (t, v) in a.iter().enumerate() {
            let other = i64::try_from(t).ok().map(|t| t + lag);
            let other = other
                .and_then(|t| usize::try_from(t).ok())
                .and_then(|t| *b.get(t)?);
            if let (Some(v), Some(w)) = (v, other) {
                x.push(*v);
                y.push(w);
            }
        }
        if x.len() < MIN_PAIRS {
            continue;
        }
        let effective = (x.len() as f64 * worth).max(3.0);
        let Some((r, p)) = pearson(&x, &y, Some(effective)) else {
            continue;
        };
        let stronger = |b: &Strongest| (p, -r.abs()) < (b.4, -b.1.abs());
        if best.as_ref().is_none_or(stronger) {
            best = Some((lag, r, x.len(), effective, p));
        }
    }
    best.map(|(lag, r, n, e, p)| (lag, r, n, e, (p * tried).min(1.0)))
}

/// How many independent pairs one pair of two series is worth, at most 1: both that follow from
/// their own past make chance correlations likely.
fn bartlett(a: &[Option<f64>], b: &[Option<f64>]) -> f64 {
    let n = a.len().min(b.len());
    let sum: f64 = (1..n / 4)
        .map(|k| {
            let both = autocorrelation(a, k) * autocorrelation(b, k);
            (1.0 - k as f64 / n as f64) * both
        })
        .sum();
    1.0 / (1.0 + 2.0 * sum).max(1.0)
}

fn autocorrelation(values: &[Option<f64>], lag: usize) -> f64 {
    let known: Vec<f64> = values.iter().flatten().copied().collect();
    let mean = crate::stats::mean(&known);
    let variance: f64 = known.iter().map(|v| (v - mean) * (v - mean)).sum();
    let product: f64 = values
        .iter()
        .zip(values.iter().skip(lag))
        .filter_map(|(a, b)| Some((a.as_ref()? - mean) * (b.as_ref()? - mean)))
        .sum();
    if variance > 0.0 {
        product / variance
    } else {
        0.0
    }
}

/// p values of many questions, corrected so that of those called significant at q at most a share q
/// is so by chance (Benjamini and Hochberg), in the order given.
pub fn adjust(p: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|a, b| p[*a].total_cmp(&p[*b]));
    let mut out = vec![1.0; p.len()];
    let mut least = 1.0_f64;
    for (rank, i) in order.iter().enumerate().rev() {
        least = least.min(p[*i] * p.len() as f64 / (rank + 1) as f64);
        out[*i] = least;
    }
    out
}
