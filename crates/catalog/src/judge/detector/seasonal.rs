//! `seasonal`: far from what is usual in this hour of the week. Its formula: `docs/semantics.md`,
//! Judging, *seasonal*.

use super::{Context, Judge, part, threshold, whole};
use crate::meaning::text;
use crate::types::JudgedWindow;
use weir_model::{WindowSize, codes};

/// Distance from the usual value of this hour of the week (tenant's time zone).
#[derive(Debug, Clone, PartialEq)]
pub struct Seasonal {
    /// Weeks needed before a slot judges.
    pub warmup: u32,
    /// Weight of the newest value.
    pub weight: f64,
    /// Anomalous from, in units of 1.2533 * mean absolute deviation.
    pub threshold: f64,
}

impl Judge for Seasonal {
    const NAME: &'static str = "seasonal";

    fn read(cx: &Context<'_>) -> Option<Seasonal> {
        use WindowSize::{FiveMinutes, Hour, Minute};
        let k = cx.fields(Self::NAME, &["warmup", "weight", "threshold"])?;
        let within_an_hour = matches!(
            cx.window,
            None | Some(JudgedWindow::Tumbling(Minute | FiveMinutes | Hour))
        );
        if !within_an_hour {
            cx.file.say(
                cx.detector.get("window").unwrap_or(cx.node).at,
                codes::CATALOG_IMPOSSIBLE,
                "a seasonal detector learns hours of the week, and this window is not within one",
                "use 1m, 5m or 1h",
            );
        }
        Some(Seasonal {
            warmup: whole(&k, "warmup", 3, 1, 520)?,
            weight: part(&k, "weight", 0.3)?,
            threshold: threshold(&k, 4.0)?,
        })
    }

    fn meaning(&self) -> String {
        format!(
            "Seasonal {{ warmup: {}, weight: {}, threshold: {} }}",
            self.warmup,
            text::float(self.weight),
            text::float(self.threshold)
        )
    }

    fn words(&self, side: &str) -> String {
        format!(
            "{} deviations {side} what is usual in this hour of the week, after {} weeks",
            self.threshold, self.warmup
        )
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::declared;
    use super::*;

    #[test]
    fn a_window_lies_within_an_hour_of_the_week() {
        let seasonal = |warmup, weight, threshold| {
            Ok(Seasonal {
                warmup,
                weight,
                threshold,
            }
            .into())
        };
        assert_eq!(declared("seasonal: {}"), seasonal(3, 0.3, 4.0));
        assert_eq!(
            declared("seasonal: {warmup: 1, weight: 1, threshold: 2}"),
            seasonal(1, 1.0, 2.0)
        );
        let told =
            "a seasonal detector learns hours of the week, and this window is not within one";
        for window in ["1d", "1h/5m"] {
            let lines = format!("window: {window}, seasonal: {{}}");
            assert_eq!(declared(&lines), Err(vec![told.to_owned()]), "{window}");
        }
        let told = declared("seasonal: {weight: 1.5}").map_err(|told| told.len());
        assert_eq!(told, Err(1));
    }
}
