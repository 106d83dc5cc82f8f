//! `drift`, by `docs/semantics.md`, Judging, *drift*.

use super::{Finding, Memory, Scale, Window};
use weir_catalog::detector::Drift;

/// The means after the last value; none before the first.
pub(super) struct Means<'a> {
    pub kind: &'a Drift,
    pub scale: Scale<'a>,
    /// (f, m, v, n) of the page on semantics.
    pub state: Option<(f64, f64, f64, usize)>,
}

impl Memory for Means<'_> {
    fn judge(&mut self, _: Window<'_>, x: f64) -> Option<Finding> {
        let Drift {
            fast,
            slow,
            warmup,
            threshold,
        } = *self.kind;
        let Some((mut f, mut m, mut v, mut n)) = self.state else {
            self.state = Some((x, x, 0.0, 1));
            return None;
        };
        f += fast * (x - f);
        let mut out = None;
        if n >= warmup {
            let score = (f - m) / self.scale.of((v * fast / (2.0 - fast)).sqrt(), m);
            out = self.scale.beyond(threshold, m, score);
        }
        let d = x - m;
        m += slow * d;
        v = (1.0 - slow) * (v + slow * d * d);
        n += 1;
        self.state = Some((f, m, v, n));
        out
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::tests::said;
    use super::*;

    #[test]
    fn the_fast_mean_is_held_against_the_slow_one() {
        let kind = Drift {
            fast: 0.5,
            slow: 0.25,
            warmup: 2,
            threshold: 2.0,
        };
        let said = said(kind, &[(0, 10.0), (0, 10.0), (0, 14.0)]);
        assert!(said[..2].iter().all(Option::is_none));
        // Nothing varied so far: the scale is the relative floor, a tenth of 10.
        let f = said[2].unwrap();
        assert_eq!((f.expected, f.score), (10.0, 2.0));
    }
}
