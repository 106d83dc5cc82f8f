//! `forecast`: the value will cross a bound within a horizon. Its formula: `docs/semantics.md`,
//! Judging, *forecast*.

use super::{Context, Judge, part, refuse_distance, whole};
use crate::judge::limits;
use crate::meaning::text;
use crate::reader::Fields;
use crate::types::{Direction, Expr, Op};
use crate::yaml::{Node, Value};
use weir_model::{Micros, codes};

/// Most windows that are looked ahead.
const FARTHEST: i64 = 1000;

/// A line through the last values crosses a bound.
#[derive(Debug, Clone, PartialEq)]
pub struct Forecast {
    /// Values kept.
    pub history: usize,
    /// Values needed before it judges, the newest among them.
    pub warmup: usize,
    /// Steps that are looked ahead.
    pub horizon: u32,
    /// Length of a step: that of the stored windows, a day being 24 hours.
    pub step: Micros,
    /// Beyond the bound is above it, else below.
    pub above: bool,
    /// The bound, over the detector's terms.
    pub bound: Expr,
    /// How the line is laid.
    pub method: Method,
}

/// How a line is laid through values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Method {
    /// Median of the slopes between any two values.
    Slope,
    /// Level and growth, each smoothed.
    Holt {
        /// Weight of the newest value in the level.
        level: f64,
        /// Weight of the newest growth of the level.
        growth: f64,
        /// What is left of the growth after each step.
        damping: f64,
    },
}

impl Judge for Forecast {
    const NAME: &'static str = "forecast";

    fn read(cx: &Context<'_>) -> Option<Forecast> {
        let allowed = [
            "history", "warmup", "horizon", "above", "below", "method", "level", "growth",
            "damping",
        ];
        let k = cx.fields(Self::NAME, &allowed)?;
        refuse_distance(cx, "a forecast");
        let history = whole(&k, "history", 90, 4, 120)?;
        let warmup = whole(&k, "warmup", history.min(30), 4, history)?;
        let bound = bound(cx, &k);
        let step = cx.window?.stored().length();
        let horizon = horizon(&k, step);
        let method = method(&k);
        let (above, bound) = bound?;
        Some(Forecast {
            history: history as usize,
            warmup: warmup as usize,
            horizon: horizon?,
            step,
            above,
            bound,
            method: method?,
        })
    }

    fn side(&self) -> Option<Direction> {
        Some(match self.above {
            true => Direction::Up,
            false => Direction::Down,
        })
    }

    fn meaning(&self) -> String {
        let side = if self.above { "above" } else { "below" };
        let method = match self.method {
            Method::Slope => "Slope".to_owned(),
            Method::Holt {
                level,
                growth,
                damping,
            } => format!(
                "Holt {{ level: {}, growth: {}, damping: {} }}",
                text::float(level),
                text::float(growth),
                text::float(damping)
            ),
        };
        format!(
            "Forecast {{ history: {}, warmup: {}, horizon: {}, {side}: {}, method: {method} }}",
            self.history,
            self.warmup,
            self.horizon,
            text::steps(&self.bound)
        )
    }

    fn words(&self, _: &str) -> String {
        let method = match self.method {
            Method::Slope => "the median of slopes",
            Method::Holt { .. } => "a damped growth",
        };
        format!(
            "on its way to be {} `{}` within {} windows, by {method} of the last {} (at least {})",
            if self.above { "above" } else { "below" },
            self.bound.source,
            self.horizon,
            self.history,
            self.warmup
        )
    }
}

fn horizon(k: &Fields<'_>, step: Micros) -> Option<u32> {
    let node = k.need("horizon", "the forecast")?;
    let ahead = k.file.duration(node, "horizon")?;
    let steps = ahead.0 / step.0;
    if ahead.0 % step.0 != 0 || !(1..=FARTHEST).contains(&steps) {
        let message = match steps {
            1..=FARTHEST => "the horizon is no whole number of the detector's windows".to_owned(),
            _ => format!("the horizon has {steps} of the detector's windows"),
        };
        let remedy = format!("look 1 to {FARTHEST} windows ahead, e.g. `14d` of `1d`");
        k.file
            .say(node.at, codes::CATALOG_IMPOSSIBLE, message, remedy);
        return None;
    }
    u32::try_from(steps).ok()
}

/// Whether it lies above, and the bound: a number, or an expression over the detector's terms.
fn bound(cx: &Context<'_>, k: &Fields<'_>) -> Option<(bool, Expr)> {
    let (above, node) = match (k.get("above"), k.get("below")) {
        (Some(node), None) => (true, node),
        (None, Some(node)) => (false, node),
        _ => {
            cx.file.say(
                cx.node.at,
                codes::CATALOG_SYNTAX,
                "the forecast has not one bound",
                "write `{above: 100}` or `{below: 100}`",
            );
            return None;
        }
    };
    if let Node {
        value: Value::Number(v),
        ..
    } = node
    {
        limits(k, cx.range);
        let source = format!("{v:?}");
        let ops = vec![Op::Number(*v)];
        return Some((above, Expr { source, ops }));
    }
    let (expr, _) = cx.scope.borrow_mut().compile(cx.file, node)?;
    Some((above, expr))
}

fn method(k: &Fields<'_>) -> Option<Method> {
    const OF_HOLT: [&str; 3] = ["level", "growth", "damping"];
    if k.word("method", &["slope", "holt"], "slope") == "holt" {
        return Some(Method::Holt {
            level: part(k, "level", 0.3)?,
            growth: part(k, "growth", 0.1)?,
            damping: part(k, "damping", 0.98)?,
        });
    }
    for name in OF_HOLT {
        if let Some(key) = k.key(name) {
            k.file.say(
                key.at,
                codes::CATALOG_SYNTAX,
                format!("a slope has no {name}"),
                "remove it, or write `method: holt`",
            );
        }
    }
    Some(Method::Slope)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::tests::declared;
    use super::*;
    use crate::types::DetectorKind;

    fn forecast(lines: &str) -> Forecast {
        match declared(lines) {
            Ok(DetectorKind::Forecast(kind)) => kind,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_forecast_has_defaults_and_two_methods() {
        let kind = forecast("window: 1d, forecast: {horizon: 14d, above: 500}");
        let numbers = (kind.history, kind.warmup, kind.horizon, kind.step);
        assert_eq!(numbers, (90, 30, 14, Micros::DAY));
        assert!(kind.above);
        assert_eq!(kind.bound.ops, [Op::Number(500.0)]);
        assert_eq!(kind.method, Method::Slope);
        let lines = "window: 30d/1d, forecast: {history: 20, warmup: 10, horizon: 48h, \
                     below: 7, method: holt, damping: 0.9}";
        let kind = forecast(lines);
        assert_eq!((kind.history, kind.warmup, kind.horizon), (20, 10, 2));
        assert!(!kind.above);
        let (level, growth, damping) = (0.3, 0.1, 0.9);
        let holt = Method::Holt {
            level,
            growth,
            damping,
        };
        assert_eq!(kind.method, holt);
    }

    #[test]
    fn the_bound_may_be_a_term() {
        let lines = "terms: {capacity: engineers}, forecast: {horizon: 3h, above: capacity * 10}";
        let kind = forecast(lines);
        assert_eq!(kind.bound.ops.len(), 3);
        assert_eq!(kind.bound.source, "capacity * 10");
        assert!(
            kind.meaning()
                .contains("above: [Term(0), Number(10.0), Mul]")
        );
        // A measure that the value does not name becomes a term of the detector.
        let kind = forecast("forecast: {horizon: 3h, above: engineers * 10}");
        assert_eq!(kind.bound.ops[0], Op::Term(1));
    }

    #[test]
    fn what_cannot_be_forecast_is_refused() {
        for (lines, told) in [
            (
                "forecast: {horizon: 90m, above: 5}",
                "the horizon is no whole number of the detector's windows",
            ),
            (
                "forecast: {horizon: 0h, above: 5}",
                "the horizon has 0 of the detector's windows",
            ),
            (
                "window: 1m, forecast: {horizon: 14d, above: 5}",
                "the horizon has 20160 of the detector's windows",
            ),
            ("forecast: {horizon: 2h}", "the forecast has not one bound"),
            (
                "forecast: {horizon: 2h, above: 5, below: 1}",
                "the forecast has not one bound",
            ),
            (
                "forecast: {horizon: 2h, below: 0}",
                "nothing is ever below 0: the value is at least 0",
            ),
            (
                "forecast: {horizon: 2h, above: nothing}",
                "\"nothing\" names measure \"nothing\", which llm.call does not have",
            ),
            (
                "forecast: {horizon: 2h, above: 5, damping: 0.9}",
                "a slope has no damping",
            ),
            (
                "forecast: {horizon: 2h, above: 5}, direction: up",
                "a forecast has no direction and no floor",
            ),
            (
                "forecast: {horizon: 2h, above: 5, warmup: 100}",
                "warmup is 100",
            ),
            ("forecast: {above: 5}", "the forecast has no \"horizon\""),
        ] {
            assert_eq!(declared(lines), Err(vec![told.to_owned()]), "{lines}");
        }
    }
}
