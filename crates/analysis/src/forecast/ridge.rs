//! Ridge regression of a value on values before it.
//!
//! Source: Hoerl and Kennard, *Ridge Regression*, Technometrics 12 (1970), on the lags of an
//! autoregression. Assumption: what follows from the last values did so before; a shape that was
//! never seen is not foreseen.

use nalgebra::{Cholesky, DMatrix, DVector};

/// Penalty per row, of standardised values: weak, so that it decides only between lags that say the
/// same.
const PENALTY: f64 = 3e-4;

/// A fitted regression.
pub struct Ridge<'a> {
    lags: &'a [usize],
    coefficients: DVector<f64>,
    mean: f64,
    deviation: f64,
    /// The forecast stays within one range of the series beyond what was seen.
    bounds: (f64, f64),
}

impl<'a> Ridge<'a> {
    /// Fits `values` on their `lags`. Rows whose value was not observed are left out: what fills a
    /// gap is looked back at, not learned. `None` where there are fewer rows than two per lag.
    pub fn fit(values: &[f64], observed: &[bool], lags: &'a [usize]) -> Option<Ridge<'a>> {
        let longest = lags.iter().copied().max()?;
        let mean = crate::stats::mean(values);
        let squares: Vec<f64> = values.iter().map(|v| (v - mean).powi(2)).collect();
        let deviation = crate::stats::mean(&squares).sqrt();
        if deviation.is_nan() || deviation <= 1e-12 * mean.abs() {
            return None;
        }
        let scaled: Vec<f64> = values.iter().map(|v| (v - mean) / deviation).collect();
        let rows = || (longest..values.len()).filter(|t| observed[*t]);
        let n = rows().count();
        if n < 2 * lags.len() {
            return None;
        }
        let p = lags.len() + 1;
        let mut products = DMatrix::<f64>::zeros(p, p);
        let mut with_value = DVector::<f64>::zeros(p);
        let mut x = vec![1.0; p];
        for t in rows() {
            for (x, lag) in x[1..].iter_mut().zip(lags) {
                *x = scaled[t - lag];
            }
            for i in 0..p {
                with_value[i] += x[i] * scaled[t];
                for j in 0..=i {
                    products[(i, j)] += x[i] * x[j];
                }
            }
        }
        for i in 0..p {
            // The level itself is not drawn towards zero.
            products[(i, i)] += if i == 0 { 1e-9 } else { PENALTY } * n as f64;
        }
        // Only the lower triangle is read.
        let coefficients = Cholesky::new(products)?.solve(&with_value);
        let (low, high) = scaled
            .iter()
            .fold((f64::MAX, f64::MIN), |(l, h), v| (l.min(*v), h.max(*v)));
        coefficients.iter().all(|c| c.is_finite()).then_some(Ridge {
            lags,
            coefficients,
            mean,
            deviation,
            bounds: (low - (high - low), high + (high - low)),
        })
    }

    /// The next `horizon` values after `values`, each from those before it.
    pub fn ahead(&self, values: &[f64], horizon: usize) -> Vec<f64> {
        let mut all: Vec<f64> = values
            .iter()
            .map(|v| (v - self.mean) / self.deviation)
            .collect();
        for _ in 0..horizon {
            let t = all.len();
            let next = self
                .lags
                .iter()
                .zip(self.coefficients.iter().skip(1))
                .fold(self.coefficients[0], |sum, (lag, c)| {
                    sum + c * t.checked_sub(*lag).map_or(0.0, |t| all[t])
                });
            all.push(next.clamp(self.bounds.0, self.bounds.1));
        }
        all[values.len()..]
            .iter()
            .map(|v| v * self.deviation + self.mean)
            .collect()
    }
}

/// Multiples of the shortest season that are looked back at: two weeks of days, and no more, for the
/// cost of a fit grows with the square of their number.
const MULTIPLES: std::ops::RangeInclusive<usize> = 4..=14;

/// The lags of seasons: 1 to 7, multiples of the shortest season through the longest one (see
/// [`MULTIPLES`]), and the other seasons, each with its neighbours, as far as `length` values can
/// tell them.
pub fn lags(seasons: &[usize], length: usize) -> Vec<usize> {
    let recent = 1..=7_usize;
    let (Some(short), Some(long)) = (seasons.first(), seasons.last()) else {
        return longest_that_fits(length, 1, |_| recent.clone().collect());
    };
    let most = (long / short).clamp(*MULTIPLES.start(), *MULTIPLES.end());
    longest_that_fits(length, most, |multiples| {
        let reached = |s: &&usize| multiples == most || **s <= multiples * short;
        let others = seasons.iter().filter(reached).copied();
        let mut lags: Vec<usize> = (1..=multiples)
            .map(|m| m * short)
            .chain(others)
            .flat_map(|lag| lag - 1..=lag + 1)
            .chain(recent.clone())
            .collect();
        lags.sort_unstable();
        lags.dedup();
        lags
    })
}

/// Three rows per lag at least; fewer lags where the series is shorter, down to the last value.
fn longest_that_fits(length: usize, most: usize, make: impl Fn(usize) -> Vec<usize>) -> Vec<usize> {
    (0..=most)
        .rev()
        .map(make)
        .chain([vec![1, 2], vec![1]])
        .find(|lags| {
            let longest = lags.iter().copied().max().unwrap_or(0);
            length >= longest + 3 * lags.len() && !lags.is_empty()
        })
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_autoregression_is_found_again() {
        // x[t] = 0.5 x[t-1] - 0.3 x[t-2] + 10 without noise, from two different starts.
        let mut x = vec![40.0, -25.0];
        for t in 2..60 {
            x.push(0.5 * x[t - 1] - 0.3 * x[t - 2] + 10.0);
        }
        let seen = vec![true; x.len()];
        let fit = Ridge::fit(&x[..12], &seen[..12], &[1, 2]).unwrap();
        let ahead = fit.ahead(&x[..12], 4);
        for (a, b) in ahead.iter().zip(&x[12..]) {
            assert!((a - b).abs() < 0.1, "{a} {b}");
        }
    }

    #[test]
    fn lags_are_as_many_as_the_series_can_tell() {
        let full = lags(&[24, 168], 600);
        assert_eq!(full.len(), 7 + 3 * 7);
        assert_eq!((full[7], full[27]), (23, 169));
        assert_eq!(lags(&[7], 300).last(), Some(&29));
        // A year of hours is one lag with its neighbours, not 365 days.
        let year = lags(&[24, 8760], 20_000);
        assert_eq!((year.len(), year.last()), (7 + 3 * 14 + 3, Some(&8761)));
        assert_eq!(lags(&[24, 8760], 5_000).last(), Some(&313));
        assert_eq!(lags(&[24, 168], 100).last(), Some(&49));
        assert_eq!(lags(&[], 40), [1, 2, 3, 4, 5, 6, 7]);
        assert_eq!(lags(&[], 8), [1, 2]);
        assert!(lags(&[], 3).is_empty());
    }
}
