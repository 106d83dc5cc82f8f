//! `limit`: a value outside fixed bounds. Its formula: `docs/semantics.md`, Judging, *limit* and
//! *Early limits*.

use super::{Finding, Memory, Seen};
use crate::EngineError;
use weir_catalog::detector::Limit;
use weir_catalog::types::DetectorDef;

/// A limit remembers nothing.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Nothing;

impl Memory for Nothing {
    type Kind = Limit;
    const REMEMBERS: bool = false;
    const BOUNDS: bool = true;

    fn judge(&mut self, _: &DetectorDef, kind: &Limit, _: &Seen, x: f64) -> Option<Finding> {
        outside(kind.above, kind.below, x)
    }

    fn encode(&self, _: &mut Vec<u8>) {}

    fn decode(_: &Limit, _: &mut &[u8]) -> Result<Nothing, EngineError> {
        Ok(Nothing)
    }

    fn heap_bytes(&self) -> usize {
        0
    }

    fn tells_early(kind: &Limit) -> bool {
        kind.early
    }

    fn early(kind: &Limit, x: f64) -> Option<Finding> {
        let above = kind.above.filter(|_| kind.early)?;
        outside(Some(above), None, x)
    }
}

fn outside(above: Option<f64>, below: Option<f64>, x: f64) -> Option<Finding> {
    let bound = above.filter(|a| x > *a).or(below.filter(|b| x < *b))?;
    let score = if bound == 0.0 { 0.0 } else { x / bound };
    Some(Finding {
        expected: bound,
        score,
        crosses: None,
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::detect;
    use crate::detect::tests::{Case, agrees, case, detector};
    use proptest::prelude::*;
    use weir_catalog::types::{DetectorKind, Direction};

    /// One that tells early, for tests of what stands around detectors.
    pub(crate) fn early(above: f64) -> DetectorKind {
        DetectorKind::from(Limit {
            above: Some(above),
            below: None,
            early: true,
        })
    }

    /// One for values that are too small.
    pub(crate) fn below(bound: f64) -> DetectorKind {
        DetectorKind::from(Limit {
            above: None,
            below: Some(bound),
            early: false,
        })
    }

    fn plain(case: &Case, kind: &Limit) -> Option<Finding> {
        let x = case.last();
        let bound = match (kind.above, kind.below) {
            (Some(a), _) if x > a => a,
            (_, Some(b)) if x < b => b,
            _ => return None,
        };
        Some(Finding {
            expected: bound,
            score: if bound == 0.0 { 0.0 } else { x / bound },
            crosses: None,
        })
    }

    fn limit() -> impl Strategy<Value = Limit> {
        let bound = || prop::option::of(prop::sample::select(vec![0.0, 10.0, 20.0]));
        (bound(), bound(), any::<bool>()).prop_map(|(above, below, early)| Limit {
            above,
            below,
            early,
        })
    }

    proptest! {
        #[test]
        fn judges_like_a_recomputation_from_all_values(kind in limit(), case in case()) {
            agrees(kind, case, plain)?;
        }
    }

    #[test]
    fn only_early_limits_tell_early() {
        let of = |below, early| {
            let kind = Limit {
                above: Some(5.0),
                below,
                early,
            };
            detector(kind, Direction::Up)
        };
        let def = of(Some(1.0), true);
        assert_eq!(
            detect::early(&def, 10.0),
            Some(Finding {
                expected: 5.0,
                score: 2.0,
                crosses: None,
            })
        );
        assert_eq!(detect::early(&def, 5.0), None);
        assert_eq!(detect::early(&def, 0.0), None);
        assert_eq!(detect::early(&of(None, false), 10.0), None);
        assert!(detect::tells_early(&def.kind));
        assert!(!detect::tells_early(&of(None, false).kind));
    }
}
