//! `forecast`, by `docs/semantics.md`, Judging, *forecast*.

use super::{Crossing, Finding, Memory, Window, zscore::median};
use weir_catalog::Expr;
use weir_catalog::detector::{Forecast, Method};
use weir_model::Micros;

/// Half of 80 % of a normal distribution, in its deviations.
const Z: f64 = 1.281_551_565_544_600_4;

/// Every value so far, with the end of its window.
pub(super) struct Values<'a> {
    pub kind: &'a Forecast,
    pub all: Vec<(Micros, f64)>,
}

impl Memory for Values<'_> {
    fn bound(&self) -> Option<&Expr> {
        Some(&self.kind.bound)
    }

    fn judge(&mut self, window: Window<'_>, x: f64) -> Option<Finding> {
        self.all.push((window.end, x));
        let bound = window.bound?;
        let up = self.kind.above;
        let beyond = |v: f64| (up && v > bound) || (!up && v < bound);
        let last = &self.all[self.all.len().saturating_sub(self.kind.history)..];
        if last.len() < self.kind.warmup || beyond(x) {
            return None;
        }
        let line = match self.kind.method {
            Method::Slope => theil_sen(last, self.kind.step),
            Method::Holt {
                level,
                growth,
                damping,
            } => holt(last, self.kind.step, level, growth, damping),
        };
        // The forecast of each step, from 1.
        let steps: Vec<f64> = (1..=self.kind.horizon).map(|k| line.at(k)).collect();
        let expected = *steps.last()?;
        if !expected.is_finite() {
            return None;
        }
        let first = |shift: f64| {
            let k = steps.iter().position(|f| beyond(f + shift))?;
            Some(k as i64 + 1)
        };
        let toward = if up { line.half } else { -line.half };
        let (at, from, to) = (first(0.0)?, first(toward)?, first(-toward));
        let end_of = |k: i64| Micros(window.end.0 + k * self.kind.step.0);
        Some(Finding {
            expected,
            score: (i64::from(self.kind.horizon) - at + 1) as f64 / f64::from(self.kind.horizon),
            bound: false,
            up,
            crosses: Some(Crossing {
                at: end_of(at),
                from: end_of(from),
                to: to.map(end_of),
            }),
        })
    }
}

struct Line {
    level: f64,
    growth: f64,
    damping: f64,
    half: f64,
}

impl Line {
    /// level + growth * (damping + damping^2 + ... + damping^k)
    fn at(&self, k: u32) -> f64 {
        self.level + self.growth * powers(self.damping, k).1
    }
}

/// (p^k, p + p^2 + ... + p^k)
fn powers(p: f64, k: u32) -> (f64, f64) {
    let mut power = 1.0;
    let mut sum = 0.0;
    for _ in 0..k {
        power *= p;
        sum += power;
    }
    (power, sum)
}

fn theil_sen(values: &[(Micros, f64)], step: Micros) -> Line {
    let now = values[values.len() - 1].0;
    let points: Vec<(f64, f64)> = values
        .iter()
        .map(|(end, v)| ((end.0 - now.0) as f64 / step.0 as f64, *v))
        .collect();
    let mut slopes = Vec::new();
    for (i, (t, v)) in points.iter().enumerate() {
        for (later, w) in &points[i + 1..] {
            slopes.push((w - v) / (later - t));
        }
    }
    let growth = median(&slopes);
    let rests: Vec<f64> = points.iter().map(|(t, v)| v - growth * t).collect();
    let level = median(&rests);
    let off = points.iter().map(|(t, v)| v - (level + growth * t));
    Line {
        level,
        growth,
        damping: 1.0,
        half: half(off.collect()),
    }
}

fn holt(values: &[(Micros, f64)], step: Micros, a: f64, b: f64, damping: f64) -> Line {
    let between = |i: usize| {
        let passed = (values[i].0.0 - values[i - 1].0.0) as f64 / step.0 as f64;
        passed.round().clamp(1.0, 1000.0)
    };
    let mut level = values[1].1;
    let mut growth = (values[1].1 - values[0].1) / between(1);
    let mut off = Vec::new();
    for (i, (_, value)) in values.iter().enumerate().skip(2) {
        let d = between(i);
        let (power, sum) = powers(damping, d as u32);
        let expected = level + growth * sum;
        let e = value - expected;
        level = expected + a * e;
        growth = growth * power + a * b * e / d;
        off.push(e);
    }
    Line {
        level,
        growth,
        damping,
        half: half(off),
    }
}

fn half(off: Vec<f64>) -> f64 {
    let middle = median(&off);
    let distances: Vec<f64> = off.iter().map(|e| (e - middle).abs()).collect();
    Z * (1.4826 * median(&distances))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use weir_catalog::Op;

    #[test]
    fn a_line_is_followed_to_its_bound() {
        for method in [
            Method::Slope,
            Method::Holt {
                level: 0.5,
                growth: 0.5,
                damping: 1.0,
            },
        ] {
            let kind = Forecast {
                history: 5,
                warmup: 4,
                horizon: 10,
                step: Micros::HOUR,
                above: false,
                bound: Expr {
                    source: String::new(),
                    ops: vec![Op::Number(2.0)],
                },
                method,
            };
            let mut memory = Values {
                kind: &kind,
                all: Vec::new(),
            };
            // 20, 18, 16, 14 without noise: 2 is reached after six hours, and passed after seven.
            let mut said = (0..4).map(|i| {
                let window = Window {
                    bound: Some(2.0),
                    ..Window::of_utc(i)
                };
                memory.judge(window, 20.0 - 2.0 * i as f64)
            });
            let said: Vec<Option<Finding>> = said.by_ref().collect();
            assert!(said[..3].iter().all(Option::is_none));
            let found = said[3].unwrap();
            assert_eq!((found.expected, found.score), (-6.0, 0.4));
            let end = Window::of_utc(3).end;
            let at = end.plus(Micros(7 * Micros::HOUR.0));
            let crossing = found.crosses.unwrap();
            assert_eq!((crossing.at, crossing.from), (at, at));
            assert_eq!(crossing.to, Some(at));
            assert!(!found.up && !found.bound);
        }
    }
}
