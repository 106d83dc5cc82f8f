//! `zscore`, by `docs/semantics.md`, Judging, *zscore*.

use super::{Finding, Memory, Scale, Window};
use weir_catalog::detector::ZScore;

/// Every value so far.
pub(super) struct Values<'a> {
    pub kind: &'a ZScore,
    pub scale: Scale<'a>,
    pub all: Vec<f64>,
}

impl Memory for Values<'_> {
    fn judge(&mut self, _: Window<'_>, x: f64) -> Option<Finding> {
        let from = self.all.len().saturating_sub(self.kind.history);
        let past = &self.all[from..];
        let mut out = None;
        if past.len() >= self.kind.warmup && !past.is_empty() {
            let expected = median(past);
            let distances: Vec<f64> = past.iter().map(|v| (v - expected).abs()).collect();
            let score = (x - expected) / self.scale.of(1.4826 * median(&distances), expected);
            out = self.scale.beyond(self.kind.threshold, expected, score);
        }
        self.all.push(x);
        out
    }
}

/// The middle of the values, or the mean of the middle two.
pub(super) fn median(values: &[f64]) -> f64 {
    let mut v = values.to_vec();
    v.sort_by(f64::total_cmp);
    let n = v.len();
    if n % 2 == 1 {
        v[n / 2]
    } else {
        (v[n / 2 - 1] + v[n / 2]) / 2.0
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::tests::said;
    use super::*;

    #[test]
    fn the_median_of_the_last_values_is_expected() {
        let kind = ZScore {
            history: 4,
            warmup: 3,
            threshold: 2.0,
        };
        // Two values are no warm-up, and the 100 is no longer among the last four.
        let said = said(
            kind,
            &[(0, 100.0), (0, 1.0), (0, 2.0), (0, 3.0), (0, 4.0), (0, 9.0)],
        );
        assert!(said[..5].iter().all(Option::is_none));
        let f = said[5].unwrap();
        assert_eq!((f.expected, f.score), (2.5, 6.5 / 1.4826));
        assert!(f.up && !f.bound);
    }
}
