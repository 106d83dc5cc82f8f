//! `limit`, by `docs/semantics.md`, Judging, *limit*.

use super::{Finding, Memory, Window};
use weir_catalog::detector::Limit;

/// A limit has no memory.
pub(super) struct Bounds<'a>(pub &'a Limit);

impl Memory for Bounds<'_> {
    fn judge(&mut self, _: Window<'_>, x: f64) -> Option<Finding> {
        let above = self.0.above.filter(|a| x > *a);
        let bound = above.or(self.0.below.filter(|b| x < *b))?;
        Some(Finding {
            expected: bound,
            score: if bound == 0.0 { 0.0 } else { x / bound },
            bound: true,
            up: x > bound,
            crosses: None,
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_value_is_compared_with_both_bounds() {
        let limit = Limit {
            above: Some(10.0),
            below: Some(0.0),
            early: false,
        };
        let judge = |x| Bounds(&limit).judge(Window::of_utc(0), x);
        assert!(judge(10.0).is_none() && judge(0.0).is_none());
        let high = judge(25.0).unwrap();
        assert_eq!((high.expected, high.score, high.up), (10.0, 2.5, true));
        let low = judge(-1.0).unwrap();
        assert_eq!((low.expected, low.score, low.up), (0.0, 0.0, false));
    }
}
