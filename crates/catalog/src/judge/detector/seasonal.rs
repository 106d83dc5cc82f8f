//! `seasonal`: far from what is usual in this hour of the week. Its formula: `docs/semantics.md`,
//! Judging, *seasonal*.

use super::{Kind, Reading, part, threshold, whole};
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

impl Kind for Seasonal {
    const NAME: &'static str = "seasonal";

    fn read(r: &Reading<'_>) -> Option<Seasonal> {
        use WindowSize::{FiveMinutes, Hour, Minute};
        let k = r.fields(Self::NAME, &["warmup", "weight", "threshold"])?;
        let within_an_hour = matches!(
            r.window,
            None | Some(JudgedWindow::Tumbling(Minute | FiveMinutes | Hour))
        );
        if !within_an_hour {
            r.file.say(
                r.detector.get("window").unwrap_or(r.node).at,
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
}
