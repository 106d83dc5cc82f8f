//! `limit`: a value outside fixed bounds. Its formula: `docs/semantics.md`, Judging, *limit* and
//! *Early limits*.

use super::{Context, Judge, refuse_distance};
use crate::judge::limits;
use crate::meaning::text;
use crate::types::JudgedWindow;
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

impl Judge for Limit {
    const NAME: &'static str = "limit";

    fn read(cx: &Context<'_>) -> Option<Limit> {
        let k = cx.fields(Self::NAME, &["above", "below", "early"])?;
        let (above, below) = limits(&k, cx.range);
        if above.is_none() && below.is_none() {
            cx.file.say(
                cx.node.at,
                codes::CATALOG_SYNTAX,
                "the limit limits nothing",
                "write `{above: 100}`",
            );
        }
        let early = k.truth("early");
        let tumbling = matches!(cx.window, None | Some(JudgedWindow::Tumbling(_)));
        if early && (below.is_some() || !tumbling || !cx.scope.borrow().only_grows(cx.value)) {
            cx.file.say(
                k.get("early").unwrap_or(cx.node).at,
                codes::CATALOG_EARLY,
                "an early limit needs a value that can only grow within its window",
                "limit from `above` a count, a max, a cost or a sum of fields bounded by `min: 0`, \
                 in a tumbling window, or remove `early`",
            );
        }
        refuse_distance(cx, "a limit");
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

    fn words(&self, _: &str) -> String {
        let above = self.above.map(|v| format!("above {v}"));
        let below = self.below.map(|v| format!("below {v}"));
        let bounds: Vec<String> = [above, below].into_iter().flatten().collect();
        let early = if self.early { ", told at once" } else { "" };
        format!("{}{early}", bounds.join(" or "))
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::declared;
    use super::*;

    #[test]
    fn a_bound_is_needed_and_must_be_crossable() {
        let limit = |above, below, early| {
            Ok(Limit {
                above,
                below,
                early,
            }
            .into())
        };
        assert_eq!(
            declared("limit: {above: 5, early: true}"),
            limit(Some(5.0), None, true)
        );
        assert_eq!(declared("limit: {below: 1}"), limit(None, Some(1.0), false));
        for (lines, told) in [
            ("limit: {}", "the limit limits nothing"),
            (
                "limit: {below: 0}",
                "nothing is ever below 0: the value is at least 0",
            ),
            (
                "limit: {above: 5, below: 1, early: true}",
                "an early limit needs a value that can only grow within its window",
            ),
            (
                "limit: {above: 5}, direction: up",
                "a limit has no direction and no floor",
            ),
            (
                "limit: {above: 5}, floor: {absolute: 1}",
                "a limit has no direction and no floor",
            ),
        ] {
            assert_eq!(declared(lines), Err(vec![told.to_owned()]), "{lines}");
        }
    }
}
