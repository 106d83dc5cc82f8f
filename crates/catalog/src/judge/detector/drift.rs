//! `drift`: the values of late have moved away from those of long. Its formula:
//! `docs/semantics.md`, Judging, *drift*.

use super::{Context, Judge, part, threshold, whole};
use crate::meaning::text;
use weir_model::codes;

/// Fast against slow exponentially weighted mean.
#[derive(Debug, Clone, PartialEq)]
pub struct Drift {
    /// Weight of the newest value in the fast mean.
    pub fast: f64,
    /// ... in the slow mean and variance.
    pub slow: f64,
    /// Values needed before it judges.
    pub warmup: usize,
    /// Anomalous from, in standard deviations of the fast mean.
    pub threshold: f64,
}

impl Judge for Drift {
    const NAME: &'static str = "drift";

    fn read(cx: &Context<'_>) -> Option<Drift> {
        let k = cx.fields(Self::NAME, &["fast", "slow", "warmup", "threshold"])?;
        let (fast, slow) = (part(&k, "fast", 0.3)?, part(&k, "slow", 0.02)?);
        if fast <= slow {
            cx.file.say(
                cx.node.at,
                codes::CATALOG_IMPOSSIBLE,
                format!("fast {fast} is not above slow {slow}"),
                "give the fast mean the larger weight",
            );
        }
        Some(Drift {
            fast,
            slow,
            warmup: whole(&k, "warmup", 30, 2, 100_000)? as usize,
            threshold: threshold(&k, 5.0)?,
        })
    }

    fn meaning(&self) -> String {
        format!(
            "Drift {{ fast: {}, slow: {}, warmup: {}, threshold: {} }}",
            text::float(self.fast),
            text::float(self.slow),
            self.warmup,
            text::float(self.threshold)
        )
    }

    fn words(&self, side: &str) -> String {
        format!(
            "of late (weight {}) {} deviations {side} what it is of long (weight {}), after {} \
             values",
            self.fast, self.threshold, self.slow, self.warmup
        )
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::declared;
    use super::*;

    #[test]
    fn the_fast_mean_must_be_faster() {
        let drift = |fast, slow, warmup, threshold| {
            Ok(Drift {
                fast,
                slow,
                warmup,
                threshold,
            }
            .into())
        };
        assert_eq!(declared("drift: {}"), drift(0.3, 0.02, 30, 5.0));
        assert_eq!(
            declared("drift: {fast: 1, slow: 0.5, warmup: 2, threshold: 3}"),
            drift(1.0, 0.5, 2, 3.0)
        );
        assert_eq!(
            declared("drift: {fast: 0.1, slow: 0.1}"),
            Err(vec!["fast 0.1 is not above slow 0.1".to_owned()])
        );
    }
}
