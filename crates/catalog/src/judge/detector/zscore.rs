//! `zscore`: far from the median of the last values. Its formula: `docs/semantics.md`, Judging,
//! *zscore*.

use super::{Kind, Reading, threshold, whole};
use crate::meaning::text;

/// Distance from the median in units of 1.4826 * MAD (the median absolute deviation).
#[derive(Debug, Clone, PartialEq)]
pub struct ZScore {
    /// Values kept.
    pub history: usize,
    /// Values needed before it judges.
    pub warmup: usize,
    /// Anomalous from.
    pub threshold: f64,
}

impl Kind for ZScore {
    const NAME: &'static str = "zscore";

    fn read(r: &Reading<'_>) -> Option<ZScore> {
        let k = r.fields(Self::NAME, &["history", "warmup", "threshold"])?;
        let history = whole(&k, "history", 120, 4, 1024)?;
        let warmup = whole(&k, "warmup", history.min(30), 2, history)?;
        Some(ZScore {
            history: history as usize,
            warmup: warmup as usize,
            threshold: threshold(&k, 5.0)?,
        })
    }

    fn meaning(&self) -> String {
        format!(
            "ZScore {{ history: {}, warmup: {}, threshold: {} }}",
            self.history,
            self.warmup,
            text::float(self.threshold)
        )
    }
}
