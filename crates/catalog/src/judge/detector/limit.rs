//! `limit`: a value outside fixed bounds. Its formula: `docs/semantics.md`, Judging, *limit* and
//! *Early limits*.

use super::{Kind, Reading};
use crate::judge::limits;
use crate::meaning::text;
use crate::types::JudgedWindow;
use crate::yaml::Value;
use weir_model::codes;

/// Outside fixed bounds.
#[derive(Debug, Clone, PartialEq)]
pub struct Limit {
    /// Anomalous above.
    pub above: Option<f64>,
    /// Anomalous below.
    pub below: Option<f64>,
    /// Told before the window is final (only for values that can only grow).
    pub early: bool,
}

impl Kind for Limit {
    const NAME: &'static str = "limit";

    fn read(r: &Reading<'_>) -> Option<Limit> {
        let k = r.fields(Self::NAME, &["above", "below", "early"])?;
        let (above, below) = limits(&k, r.range);
        if above.is_none() && below.is_none() {
            r.file.say(
                r.node.at,
                codes::CATALOG_SYNTAX,
                "the limit limits nothing",
                "write `{above: 100}`",
            );
        }
        let early = k.truth("early");
        let tumbling = matches!(r.window, None | Some(JudgedWindow::Tumbling(_)));
        if early && (below.is_some() || !tumbling || !r.scope.only_grows(r.value)) {
            r.file.say(
                k.get("early").unwrap_or(r.node).at,
                codes::CATALOG_EARLY,
                "an early limit needs a value that can only grow within its window",
                "limit from `above` a count, a max, a cost or a sum of fields bounded by `min: 0`, \
                 in a tumbling window, or remove `early`",
            );
        }
        // It measures no distance, so it has no scale.
        let floor = r.detector.get("floor").map(|n| &n.value);
        if r.detector.get("direction").is_some() || matches!(floor, Some(Value::Map(_))) {
            r.file.say(
                r.at,
                codes::CATALOG_SYNTAX,
                "a limit has no direction and no floor",
                "remove them; use above and below",
            );
        }
        Some(Limit {
            above,
            below,
            early,
        })
    }

    fn meaning(&self) -> String {
        format!(
            "Limit {{ above: {}, below: {}, early: {} }}",
            text::optional(self.above, text::float),
            text::optional(self.below, text::float),
            self.early
        )
    }
}
