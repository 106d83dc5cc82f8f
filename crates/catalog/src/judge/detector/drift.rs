//! `drift`: the values of late have moved away from those of long. Its formula:
//! `docs/semantics.md`, Judging, *drift*.

use super::{Kind, Reading, part, threshold, whole};
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

impl Kind for Drift {
    const NAME: &'static str = "drift";

    fn read(r: &Reading<'_>) -> Option<Drift> {
        let k = r.fields(Self::NAME, &["fast", "slow", "warmup", "threshold"])?;
        let (fast, slow) = (part(&k, "fast", 0.3)?, part(&k, "slow", 0.02)?);
        if fast <= slow {
            r.file.say(
                r.node.at,
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
}
