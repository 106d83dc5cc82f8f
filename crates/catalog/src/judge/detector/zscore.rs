//! `zscore`: far from the median of the last values. Its formula: `docs/semantics.md`, Judging,
//! *zscore*.

use super::{Context, Judge, threshold, whole};
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

impl Judge for ZScore {
    const NAME: &'static str = "zscore";

    fn read(cx: &Context<'_>) -> Option<ZScore> {
        let k = cx.fields(Self::NAME, &["history", "warmup", "threshold"])?;
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

    fn words(&self, side: &str) -> String {
        format!(
            "{} scaled deviations {side} the median of the last {} (at least {})",
            self.threshold, self.history, self.warmup
        )
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::declared;
    use super::*;

    #[test]
    fn a_short_history_shortens_the_warm_up() {
        let zscore = |history, warmup, threshold| {
            Ok(ZScore {
                history,
                warmup,
                threshold,
            }
            .into())
        };
        assert_eq!(declared("zscore: {}"), zscore(120, 30, 5.0));
        assert_eq!(declared("zscore: {history: 12}"), zscore(12, 12, 5.0));
        assert_eq!(
            declared("zscore: {history: 8, warmup: 4, threshold: 2.5}"),
            zscore(8, 4, 2.5)
        );
        for lines in ["zscore: {history: 8, warmup: 9}", "zscore: {threshold: 0}"] {
            assert_eq!(
                declared(lines).map_err(|told| told.len()),
                Err(1),
                "{lines}"
            );
        }
    }
}
