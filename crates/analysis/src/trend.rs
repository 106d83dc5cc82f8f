//! Whether something rises or falls, how fast, and when it changed.
//!
//! - Mann-Kendall with ties: Kendall, *Rank Correlation Methods* (1975). Assumption: values are
//!   independent but for the trend; correlated ones look more significant than they are.
//! - Its seasonal variant: Hirsch, Slack and Smith, Water Resources Research 18 (1982): only values
//!   of the same phase are compared.
//! - Theil-Sen slope with interval: Sen, JASA 63 (1968). Assumption: a straight line, with errors of
//!   any distribution.
//! - Change points: PELT (Killick, Fearnhead and Eckley, JASA 107 (2012)) for changes of the mean,
//!   with the penalty of [`penalty`]. Assumption: independent noise of one spread.

use crate::stats::{median, quantile, sorted};
use crate::{Error, Series};
use serde::Serialize;
use statrs::distribution::{ContinuousCDF, Normal};

/// Fewest values of a verdict.
pub const MIN_POINTS: usize = 8;
/// Most values: pairs of all with all are looked at.
pub const MAX_POINTS: usize = 4_000;
/// Fewest values between two change points.
const MIN_SEGMENT: usize = 2;

/// Which way is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Better {
    /// More is better.
    Higher,
    /// Less is better.
    Lower,
}

/// What a trend says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It moves significantly to the better side.
    Improving,
    /// No movement is significant.
    Stable,
    /// It moves significantly to the worse side.
    Degrading,
}

/// The test of Mann and Kendall.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct MannKendall {
    /// Pairs that rise less pairs that fall.
    pub s: f64,
    /// Variance of `s` without a trend, ties allowed for.
    pub variance: f64,
    /// `s` with continuity correction in standard deviations.
    pub z: f64,
    /// Two-sided p value.
    pub p: f64,
    /// `s` over the number of pairs, -1 to 1.
    pub tau: f64,
}

/// A slope per step, with its interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Slope {
    /// Median of the slopes of all pairs.
    pub slope: f64,
    /// Lower end of the interval.
    pub lower: f64,
    /// Upper end of the interval.
    pub upper: f64,
    /// Median of values less slope times median of steps.
    pub intercept: f64,
}

/// A verdict and what it rests on.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Trend {
    /// The verdict.
    pub verdict: Verdict,
    /// The test.
    pub test: MannKendall,
    /// Change per step.
    pub slope: Slope,
    /// Values it rests on.
    pub sample: usize,
}

/// The trend of a series: improving or degrading only where the test is significant at `alpha`.
/// With a season (in steps), phases are compared with themselves.
///
/// # Errors
/// [`Error::TooShort`] below [`MIN_POINTS`] values, [`Error::Options`] above [`MAX_POINTS`] values
/// or where `alpha` is no share or the season is 0.
pub fn trend(
    series: &Series,
    better: Better,
    season: Option<usize>,
    alpha: f64,
) -> Result<Trend, Error> {
    if !(alpha > 0.0 && alpha < 1.0) || season == Some(0) {
        return Err(Error::Options(format!(
            "alpha is a share between 0 and 1, not {alpha}, and a season has a step or more"
        )));
    }
    let points: Vec<(usize, f64)> = series.points().collect();
    let sample = points.len();
    if sample > MAX_POINTS {
        return Err(Error::Options(format!(
            "a trend is made of at most {MAX_POINTS} values, not {sample}; average them first"
        )));
    }
    let short = Error::TooShort {
        have: sample,
        need: MIN_POINTS,
    };
    if sample < MIN_POINTS {
        return Err(short);
    }
    let test = seasonal_mann_kendall(series.values(), season.unwrap_or(1));
    let slope = theil_sen(&points, season, 1.0 - alpha).ok_or(short)?;
    let verdict = match (test.p < alpha, test.s > 0.0, better) {
        (false, _, _) => Verdict::Stable,
        (true, true, Better::Higher) | (true, false, Better::Lower) => Verdict::Improving,
        (true, _, _) => Verdict::Degrading,
    };
    Ok(Trend {
        verdict,
        test,
        slope,
        sample,
    })
}

/// The test of values in their order; gaps are left out.
pub fn mann_kendall(values: &[Option<f64>]) -> MannKendall {
    seasonal_mann_kendall(values, 1)
}

/// The test of each phase of a season, added up. A season of 1 is the plain test.
pub fn seasonal_mann_kendall(values: &[Option<f64>], season: usize) -> MannKendall {
    let (mut s, mut variance, mut pairs) = (0.0, 0.0, 0.0);
    for phase in 0..season.max(1) {
        let of_phase: Vec<f64> = values
            .iter()
            .skip(phase)
            .step_by(season.max(1))
            .flatten()
            .copied()
            .collect();
        let n = of_phase.len() as f64;
        for (i, a) in of_phase.iter().enumerate() {
            for b in &of_phase[i + 1..] {
                s += f64::from(i8::from(b > a)) - f64::from(i8::from(b < a));
            }
        }
        pairs += n * (n - 1.0) / 2.0;
        variance += (of_ties(n) - tied(&of_phase)) / 18.0;
    }
    let z = match variance > 0.0 {
        true => (s - sign(s)) / variance.sqrt(),
        false => 0.0,
    };
    MannKendall {
        s,
        variance,
        z,
        p: two_sided(z),
        tau: if pairs > 0.0 { s / pairs } else { 0.0 },
    }
}

fn sign(x: f64) -> f64 {
    if x == 0.0 { 0.0 } else { x.signum() }
}

fn of_ties(k: f64) -> f64 {
    k * (k - 1.0) * (2.0 * k + 5.0)
}

/// What groups of equal values take from the variance.
fn tied(values: &[f64]) -> f64 {
    sorted(values)
        .chunk_by(|a, b| a == b)
        .map(|g| of_ties(g.len() as f64))
        .sum()
}

/// Probability that a standard normal value lies as far out as `z`.
pub(crate) fn two_sided(z: f64) -> f64 {
    (2.0 * Normal::standard().sf(z.abs())).min(1.0)
}

/// The median slope of points (step, value); with a season, of pairs of the same phase only. The
/// interval of a season is that of all pairs that were compared. `None` without two steps.
pub fn theil_sen(points: &[(usize, f64)], season: Option<usize>, level: f64) -> Option<Slope> {
    let season = season.unwrap_or(1).max(1);
    let mut slopes = Vec::new();
    for (i, (t, v)) in points.iter().enumerate() {
        for (u, w) in &points[i + 1..] {
            if u > t && (u - t) % season == 0 {
                slopes.push(w / (u - t) as f64 - v / (u - t) as f64);
            }
        }
    }
    slopes.sort_unstable_by(f64::total_cmp);
    let slope = quantile(&slopes, 0.5)?;
    let mut variance = 0.0;
    for phase in 0..season {
        let of_phase: Vec<f64> = points
            .iter()
            .filter(|(t, _)| t % season == phase)
            .map(|(_, v)| *v)
            .collect();
        variance += (of_ties(of_phase.len() as f64) - tied(&of_phase)) / 18.0;
    }
    let out = Normal::standard().inverse_cdf(0.5 + level / 2.0) * variance.max(0.0).sqrt();
    let n = slopes.len() as f64;
    let upper = (((n + out) / 2.0).round_ties_even() as usize).min(slopes.len() - 1);
    let lower = ((n - out) / 2.0).round_ties_even() as i64 - 1;
    let steps: Vec<f64> = points.iter().map(|(t, _)| *t as f64).collect();
    let values: Vec<f64> = points.iter().map(|(_, v)| *v).collect();
    Some(Slope {
        slope,
        lower: slopes[lower.max(0) as usize],
        upper: slopes[upper],
        intercept: median(&values)? - slope * median(&steps)?,
    })
}

/// The usual penalty of a change: three times the variance of the noise times the logarithm of the
/// number of values. The noise is what neighbours differ by (their median distance), so that shifts
/// themselves do not count as noise.
pub fn penalty(values: &[f64]) -> f64 {
    let steps: Vec<f64> = values.windows(2).map(|w| (w[1] - w[0]).abs()).collect();
    // 0.6745 is the median of an absolute standard normal value.
    let noise = median(&steps).unwrap_or(0.0) / 0.6745 / std::f64::consts::SQRT_2;
    3.0 * noise * noise * (values.len().max(2) as f64).ln()
}

/// Where the mean of values changes: the first position of each new level. The cost of a segment is
/// the sum of squares around its mean; each change costs `penalty`.
pub fn change_points(values: &[f64], penalty: f64) -> Vec<usize> {
    let n = values.len();
    let centre = median(values).unwrap_or(0.0);
    let (mut sums, mut squares) = (vec![0.0; n + 1], vec![0.0; n + 1]);
    for (i, v) in values.iter().enumerate() {
        sums[i + 1] = sums[i] + (v - centre);
        squares[i + 1] = squares[i] + (v - centre) * (v - centre);
    }
    let cost = |a: usize, b: usize| {
        let sum = sums[b] - sums[a];
        (squares[b] - squares[a] - sum * sum / (b - a) as f64).max(0.0)
    };
    let mut best = vec![f64::INFINITY; n + 1];
    let mut before = vec![0; n + 1];
    best[0] = -penalty;
    let mut starts: Vec<usize> = Vec::new();
    for end in MIN_SEGMENT..=n {
        starts.push(end - MIN_SEGMENT);
        for &start in &starts {
            let total = best[start] + cost(start, end) + penalty;
            if total < best[end] {
                (best[end], before[end]) = (total, start);
            }
        }
        // A start that is dearer than a change at `at` is never the best one again, from the first
        // end on whose last segment may begin there.
        let at = end + 1 - MIN_SEGMENT;
        starts.retain(|&s| best[s].is_finite() && best[s] + cost(s, at) <= best[at]);
    }
    let mut out = Vec::new();
    let mut at = n;
    while n >= MIN_SEGMENT && before[at] > 0 {
        at = before[at];
        out.push(at);
    }
    out.reverse();
    out
}
