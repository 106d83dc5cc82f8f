//! `drift`: the values of late have moved away from those of long. Its formula:
//! `docs/semantics.md`, Judging, *drift*.

use super::{Finding, Memory, Seen, deviates, scale};
use crate::{EngineError, varint};
use weir_catalog::detector::Drift;
use weir_catalog::types::DetectorDef;

/// Number of values, fast and slow mean, slow variance.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Means {
    n: u64,
    f: f64,
    m: f64,
    v: f64,
}

impl Memory for Means {
    type Kind = Drift;

    fn judge(&mut self, def: &DetectorDef, kind: &Drift, _: &Seen, x: f64) -> Option<Finding> {
        let Means { n, f, m, v } = self;
        if *n == 0 {
            (*n, *f, *m, *v) = (1, x, x, 0.0);
            return None;
        }
        *f += kind.fast * (x - *f);
        let found = (*n >= kind.warmup as u64).then(|| {
            let own = (*v * kind.fast / (2.0 - kind.fast)).sqrt();
            let score = (*f - *m) / scale(def, own, *m);
            deviates(def.direction, score, kind.threshold, *m)
        });
        let d = x - *m;
        *m += kind.slow * d;
        *v = (1.0 - kind.slow) * (*v + kind.slow * d * d);
        *n += 1;
        found.flatten()
    }

    fn encode(&self, out: &mut Vec<u8>) {
        varint::put_u64(out, self.n);
        for x in [self.f, self.m, self.v] {
            varint::put_f64(out, x);
        }
    }

    fn decode(_: &Drift, input: &mut &[u8]) -> Result<Means, EngineError> {
        Ok(Means {
            n: varint::u64(input)?,
            f: varint::f64(input)?,
            m: varint::f64(input)?,
            v: varint::f64(input)?,
        })
    }

    fn heap_bytes(&self) -> usize {
        0
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::detect::tests::{Case, agrees, case};
    use proptest::prelude::*;
    use weir_catalog::types::DetectorKind;

    /// One that judges after few values, for tests of what stands around detectors.
    pub(crate) fn quick() -> DetectorKind {
        DetectorKind::from(Drift {
            fast: 0.5,
            slow: 0.1,
            warmup: 3,
            threshold: 1.0,
        })
    }

    fn plain(case: &Case, kind: &Drift) -> Option<Finding> {
        let values = case.before();
        let (first, rest) = values.split_first()?;
        let (mut f, mut m, mut v) = (*first, *first, 0.0);
        for x in rest {
            f += kind.fast * (x - f);
            let d = x - m;
            m += kind.slow * d;
            v = (1.0 - kind.slow) * (v + kind.slow * d * d);
        }
        if values.len() < kind.warmup {
            return None;
        }
        f += kind.fast * (case.last() - f);
        let own = (v * kind.fast / (2.0 - kind.fast)).sqrt();
        case.told(kind.threshold, f - m, own, m)
    }

    fn drift() -> impl Strategy<Value = Drift> {
        (0.2..0.9, 0.01..0.2, 1usize..10, 0.5..3.0).prop_map(|(fast, slow, warmup, threshold)| {
            Drift {
                fast,
                slow,
                warmup,
                threshold,
            }
        })
    }

    proptest! {
        #[test]
        fn judges_like_a_recomputation_from_all_values(kind in drift(), case in case()) {
            agrees(kind, case, plain)?;
        }
    }
}
