//! How good predictions were, where their outcomes are known.
//!
//! R2, F1, Brier score and logarithmic loss are the usual ones (scikit-learn computes the same). The
//! calibration error is that of Naeini et al. (AAAI 2015), over ten bins of equal width. Drift is the
//! population stability index over bins of equal share of the reference, and the two-sample test of
//! Kolmogorov and Smirnov with its limiting distribution (samples of 20 and more).

use crate::stats::{mean, quantile, sorted};
use serde::Serialize;

/// Bins of calibration and of drift.
const BINS: usize = 10;
/// Share that an empty bin counts as, so that the index stays finite.
const EMPTY: f64 = 1e-4;

/// Predictions of numbers.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Regression {
    /// Share of the variance of outcomes that was predicted; absent where outcomes never change.
    pub r2: Option<f64>,
    /// Mean absolute error, in the unit of the outcome.
    pub mae: f64,
    /// Root of the mean squared error.
    pub rmse: f64,
    /// Share of predictions that were near enough for the business.
    pub business_accuracy: f64,
    /// Pairs.
    pub sample: usize,
}

/// Judges pairs of (prediction, outcome). Near enough is within `tolerance`, a share of the outcome.
pub fn regression(pairs: &[(f64, f64)], tolerance: f64) -> Option<Regression> {
    if pairs.is_empty() {
        return None;
    }
    let n = pairs.len() as f64;
    let centre = mean(&pairs.iter().map(|p| p.1).collect::<Vec<_>>());
    let (mut absolute, mut squares, mut whole, mut near) = (0.0, 0.0, 0.0, 0.0);
    for (predicted, outcome) in pairs {
        let e = outcome - predicted;
        absolute += e.abs();
        squares += e * e;
        whole += (outcome - centre) * (outcome - centre);
        near += f64::from(u8::from(e.abs() <= tolerance * outcome.abs()));
    }
    Some(Regression {
        r2: (whole > 0.0).then(|| 1.0 - squares / whole),
        mae: absolute / n,
        rmse: (squares / n).sqrt(),
        business_accuracy: near / n,
        sample: pairs.len(),
    })
}

/// Predictions of yes or no.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Classification {
    /// Share of correct answers.
    pub accuracy: f64,
    /// Of those called yes, the share that was; absent where none was called so.
    pub precision: Option<f64>,
    /// Of those that were yes, the share that was called so; absent where none was.
    pub recall: Option<f64>,
    /// Harmonic mean of both; absent where there is neither.
    pub f1: Option<f64>,
    /// Pairs.
    pub sample: usize,
}

/// Judges pairs of (prediction, outcome).
pub fn classification(pairs: &[(bool, bool)]) -> Option<Classification> {
    let count = |of: (bool, bool)| pairs.iter().filter(|p| **p == of).count() as f64;
    let (hit, false_yes, missed) = (
        count((true, true)),
        count((true, false)),
        count((false, true)),
    );
    let share = |part: f64, whole: f64| (whole > 0.0).then(|| part / whole);
    Some(Classification {
        accuracy: share(hit + count((false, false)), pairs.len() as f64)?,
        precision: share(hit, hit + false_yes),
        recall: share(hit, hit + missed),
        f1: share(2.0 * hit, 2.0 * hit + false_yes + missed),
        sample: pairs.len(),
    })
}

/// Share of decisions that were right, each weighted by what it was worth (USD, hours, customers).
/// `None` where nothing was worth anything.
pub fn business_accuracy(decisions: &[(bool, f64)]) -> Option<f64> {
    let worth: f64 = decisions.iter().map(|d| d.1.max(0.0)).sum();
    let right: f64 = decisions.iter().filter(|d| d.0).map(|d| d.1.max(0.0)).sum();
    (worth > 0.0).then(|| right / worth)
}

/// How far stated probabilities can be believed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Calibration {
    /// Mean squared distance of probability and outcome, 0 to 1, less is better.
    pub brier: f64,
    /// Logarithmic loss, less is better; certainty that was wrong counts as 1e-15.
    pub log_loss: f64,
    /// Mean distance of stated probability and observed share, over bins by their size.
    pub error: f64,
    /// Bins that hold something: mean probability, observed share, pairs.
    pub bins: Vec<(f64, f64, usize)>,
}

/// Judges pairs of (probability, outcome).
pub fn calibration(pairs: &[(f64, bool)]) -> Option<Calibration> {
    if pairs.is_empty() || pairs.iter().any(|p| !(0.0..=1.0).contains(&p.0)) {
        return None;
    }
    let n = pairs.len() as f64;
    let (mut brier, mut log_loss) = (0.0, 0.0);
    let mut bins = [(0.0, 0.0, 0_usize); BINS];
    for (p, outcome) in pairs {
        let y = f64::from(u8::from(*outcome));
        brier += (p - y) * (p - y);
        let said = if *outcome { *p } else { 1.0 - p };
        log_loss -= said.clamp(1e-15, 1.0).ln();
        let bin = &mut bins[((p * BINS as f64) as usize).min(BINS - 1)];
        bin.0 += p;
        bin.1 += y;
        bin.2 += 1;
    }
    let used = bins.iter().filter(|b| b.2 > 0);
    let bins: Vec<(f64, f64, usize)> = used
        .map(|(p, y, k)| (p / *k as f64, y / *k as f64, *k))
        .collect();
    let error: f64 = bins.iter().map(|(p, y, k)| (p - y).abs() * *k as f64).sum();
    Some(Calibration {
        brier: brier / n,
        log_loss: log_loss / n,
        error: error / n,
        bins,
    })
}

/// How far values moved away from a reference.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Drift {
    /// Population stability index: below 0.1 as before, from 0.25 on another population.
    pub psi: f64,
    /// Largest distance of both distributions, 0 to 1.
    pub ks: f64,
    /// p value of that distance where both are one population.
    pub p: f64,
}

/// Compares values with a reference. `None` where either is empty or holds what is no number.
pub fn drift(reference: &[f64], values: &[f64]) -> Option<Drift> {
    if reference.is_empty() || values.iter().chain(reference).any(|v| !v.is_finite()) {
        return None;
    }
    let (old, new) = (sorted(reference), sorted(values));
    let (n, m) = (
        old.len() as f64,
        (!new.is_empty()).then_some(new.len() as f64)?,
    );
    let mut edges: Vec<f64> = (1..BINS)
        .filter_map(|i| quantile(&old, i as f64 / BINS as f64))
        .collect();
    edges.dedup();
    let shares = |of: &[f64]| -> Vec<f64> {
        let below = |edge: &f64| of.partition_point(|v| v <= edge);
        let mut ends: Vec<usize> = edges.iter().map(below).collect();
        ends.push(of.len());
        let mut from = 0;
        ends.into_iter()
            .map(|to| {
                let share = (to - std::mem::replace(&mut from, to)) as f64 / of.len() as f64;
                share.max(EMPTY)
            })
            .collect()
    };
    let psi = shares(&old)
        .iter()
        .zip(shares(&new))
        .map(|(o, v)| (v - o) * (v / o).ln())
        .sum();
    let ks = old
        .iter()
        .chain(&new)
        .map(|x| {
            let below = |of: &[f64]| of.partition_point(|v| v <= x) as f64;
            (below(&old) / n - below(&new) / m).abs()
        })
        .fold(0.0, f64::max);
    Some(Drift {
        psi,
        ks,
        p: kolmogorov((n * m / (n + m)).sqrt() * ks),
    })
}

/// Probability that the limiting distribution of Kolmogorov exceeds `x`.
fn kolmogorov(x: f64) -> f64 {
    if x < 0.2 {
        // The series below needs ever more terms, and the answer is 1 to eleven digits.
        return 1.0;
    }
    let terms = (1..=100).map(|k| {
        let k = f64::from(k);
        let sign = if k % 2.0 == 0.0 { -1.0 } else { 1.0 };
        sign * (-2.0 * k * k * x * x).exp()
    });
    (2.0 * terms.sum::<f64>()).clamp(0.0, 1.0)
}
