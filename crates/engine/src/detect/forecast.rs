//! `forecast`: a line through the last values crosses a bound. Its formula: `docs/semantics.md`,
//! Judging, *forecast*.

use super::{Crossing, Finding, Memory, Seen, corrupt, zscore::median};
use crate::{EngineError, varint};
use std::cell::RefCell;
use std::collections::VecDeque;
use weir_catalog::detector::{Forecast, Method};
use weir_catalog::types::{DetectorDef, Expr};
use weir_model::Micros;

/// The upper 10 % of a normal distribution lie above so many of its deviations: 80 % lie within.
const WITHIN: f64 = 1.281_551_565_544_600_4;
/// Most steps between two values that are told apart.
const LONGEST: f64 = 1000.0;

thread_local! {
    /// Scratch for medians: states stay at the size of their values.
    static SCRATCH: RefCell<Vec<f64>> = const { RefCell::new(Vec::new()) };
}

/// The last judged values of a subject with the ends of their windows, oldest first.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Last(VecDeque<(Micros, f64)>);

impl Memory for Last {
    type Kind = Forecast;

    fn bound(kind: &Forecast) -> Option<&Expr> {
        Some(&kind.bound)
    }

    fn judge(&mut self, _: &DetectorDef, kind: &Forecast, seen: &Seen, x: f64) -> Option<Finding> {
        self.push(kind.history, (seen.end, x));
        let bound = seen.bound?;
        let beyond = |v: f64| if kind.above { v > bound } else { v < bound };
        if self.0.len() < kind.warmup || beyond(x) {
            return None;
        }
        let path = SCRATCH.with_borrow_mut(|scratch| self.path(kind, seen.end, scratch));
        path.crosses(kind, seen.end, beyond)
    }

    fn encode(&self, out: &mut Vec<u8>) {
        varint::put_u64(out, self.0.len() as u64);
        for (end, v) in &self.0 {
            varint::put_i64(out, end.0);
            varint::put_f64(out, *v);
        }
    }

    fn decode(kind: &Forecast, input: &mut &[u8]) -> Result<Last, EngineError> {
        let n = varint::usize(input)?;
        if n > kind.history || n > input.len() / 9 {
            return Err(corrupt("it holds more values than its history"));
        }
        let mut last = Last(VecDeque::with_capacity(n));
        for _ in 0..n {
            let point = (Micros(varint::i64(input)?), varint::f64(input)?);
            if last.0.back().is_some_and(|(end, _)| *end >= point.0) {
                return Err(corrupt("its windows are not ascending"));
            }
            last.0.push_back(point);
        }
        Ok(last)
    }

    fn heap_bytes(&self) -> usize {
        self.0.capacity() * size_of::<(Micros, f64)>()
    }
}

impl Last {
    fn push(&mut self, history: usize, point: (Micros, f64)) {
        if self.0.len() >= history {
            self.0.pop_front();
        } else if self.0.len() == self.0.capacity() {
            let more = self.0.len().clamp(4, 32).min(history - self.0.len());
            self.0.reserve_exact(more);
        }
        self.0.push_back(point);
    }

    /// Where the values lead, as seen from the end of the newest window.
    fn path(&self, kind: &Forecast, now: Micros, scratch: &mut Vec<f64>) -> Path {
        match kind.method {
            Method::Slope => self.slope(kind, now, scratch),
            Method::Holt {
                level,
                growth,
                damping,
            } => self.holt(kind, (level, growth, damping), scratch),
        }
    }

    /// The median of the slopes between any two values, and the median of what is left.
    fn slope(&self, kind: &Forecast, now: Micros, scratch: &mut Vec<f64>) -> Path {
        let t = |end: Micros| end.minus(now).0 as f64 / kind.step.0 as f64;
        scratch.clear();
        for (j, (end, v)) in self.0.iter().enumerate() {
            for (before, u) in self.0.iter().take(j) {
                scratch.push((v - u) / (t(*end) - t(*before)));
            }
        }
        let growth = median(scratch);
        scratch.clear();
        scratch.extend(self.0.iter().map(|(end, v)| v - growth * t(*end)));
        let level = median(scratch);
        scratch.clear();
        let off = self.0.iter();
        scratch.extend(off.map(|(end, v)| v - (level + growth * t(*end))));
        Path {
            level,
            growth,
            damping: 1.0,
            half: half(scratch),
        }
    }

    /// Level and growth, smoothed value by value; the damping works in each step between them.
    fn holt(
        &self,
        kind: &Forecast,
        (of_level, of_growth, damping): (f64, f64, f64),
        scratch: &mut Vec<f64>,
    ) -> Path {
        scratch.clear();
        let (mut level, mut growth) = (0.0, 0.0);
        let mut before: Option<Micros> = None;
        for (i, (end, v)) in self.0.iter().enumerate() {
            let steps = before.map_or(1.0, |b| {
                let steps = end.minus(b).0 as f64 / kind.step.0 as f64;
                steps.round().clamp(1.0, LONGEST)
            });
            before = Some(*end);
            match i {
                0 => level = *v,
                1 => (level, growth) = (*v, (v - level) / steps),
                _ => {
                    let (mut left, mut sum) = (1.0, 0.0);
                    for _ in 0..steps as u32 {
                        left *= damping;
                        sum += left;
                    }
                    let expected = level + growth * sum;
                    let off = v - expected;
                    level = expected + of_level * off;
                    growth = growth * left + of_level * of_growth * off / steps;
                    scratch.push(off);
                }
            }
        }
        Path {
            level,
            growth,
            damping,
            half: half(scratch),
        }
    }
}

/// Half the width of the interval that holds 80 % of what is off as these are.
fn half(off: &mut [f64]) -> f64 {
    if off.is_empty() {
        return 0.0;
    }
    let middle = median(off);
    off.iter_mut().for_each(|v| *v = (*v - middle).abs());
    WITHIN * (1.4826 * median(off))
}

/// Where the values lead.
struct Path {
    level: f64,
    growth: f64,
    damping: f64,
    half: f64,
}

impl Path {
    /// The first steps at which the forecast and the ends of its interval are beyond the bound.
    fn crosses(
        &self,
        kind: &Forecast,
        now: Micros,
        beyond: impl Fn(f64) -> bool,
    ) -> Option<Finding> {
        let ahead = if kind.above { self.half } else { -self.half };
        let (mut left, mut sum, mut expected) = (1.0, 0.0, self.level);
        let (mut at, mut from, mut to) = (None, None, None);
        for k in 1..=kind.horizon {
            left *= self.damping;
            sum += left;
            expected = self.level + self.growth * sum;
            let crossed = |first: &mut Option<u32>, v| {
                if first.is_none() && beyond(v) {
                    *first = Some(k);
                }
            };
            crossed(&mut at, expected);
            crossed(&mut from, expected + ahead);
            crossed(&mut to, expected - ahead);
        }
        let (at, from) = (at?, from?);
        if !expected.is_finite() {
            return None;
        }
        let time = |k: u32| now.plus(Micros(i64::from(k) * kind.step.0));
        Some(Finding {
            expected,
            score: f64::from(kind.horizon - at + 1) / f64::from(kind.horizon),
            crosses: Some(Crossing {
                at: time(at),
                from: time(from),
                to: to.map(time),
            }),
        })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::detect::DetectorState;
    use crate::detect::tests::detector;
    use weir_catalog::types::{DetectorKind, Direction, Op};

    fn kind(bound: f64, above: bool, method: Method) -> Forecast {
        Forecast {
            history: 8,
            warmup: 4,
            horizon: 6,
            step: Micros::HOUR,
            above,
            bound: Expr {
                source: String::new(),
                ops: vec![Op::Number(bound)],
            },
            method,
        }
    }

    /// One that judges after few values, for tests of what stands around detectors. Its bound is
    /// their second term.
    pub(crate) fn quick() -> DetectorKind {
        let mut kind = kind(0.0, false, Method::Slope);
        kind.bound.ops = vec![Op::Term(1)];
        DetectorKind::from(kind)
    }

    fn said(kind: &Forecast, values: &[(i64, f64)]) -> Vec<Option<Finding>> {
        let def = detector(kind.clone(), Direction::Up);
        let mut state = DetectorState::new(&def);
        let each = values.iter().map(|(hour, x)| {
            let seen = Seen {
                end: Micros(hour * Micros::HOUR.0),
                x: *x,
                bound: crate::expr::eval(&kind.bound, &[], &mut Vec::new()),
                ..Seen::default()
            };
            state.judge(&def, &seen).and_then(|(_, found)| found)
        });
        each.collect()
    }

    fn hours(h: i64) -> Micros {
        Micros(h * Micros::HOUR.0)
    }

    fn near(a: f64, b: f64) {
        assert!((a - b).abs() < 1e-9, "{a} is not {b}");
    }

    // SciPy: theilslopes([10, 12, 13, 40, 17, 19], [0, 1, 2, 3, 6, 7]) has the slope 1.2. The
    // median of y - 1.2 x is 10.6, so that the line is at 19 now (x = 7). What is off by it: [-0.6,
    // 0.2, 0, 25.8, -0.8, 0], their median 0, the median distance from that 0.4, half of the
    // interval norm.ppf(0.9) * 1.4826 * 0.4 = 0.7600113404305704.
    #[test]
    fn a_robust_slope_tells_when_it_crosses() {
        let values = [10.0, 12.0, 13.0, 40.0, 17.0, 19.0];
        let values: Vec<(i64, f64)> = [0, 1, 2, 3, 6, 7].into_iter().zip(values).collect();
        let all = said(&kind(23.0, true, Method::Slope), &values);
        // 40 is beyond already: that is no forecast.
        assert!(all[..4].iter().all(Option::is_none));
        let found = all[5].unwrap();
        // 20.2, 21.4, 22.6, 23.8, 25, 26.2
        let crossing = found.crosses.unwrap();
        assert_eq!((crossing.at, crossing.from), (hours(11), hours(10)));
        assert_eq!(crossing.to, Some(hours(11)));
        near(found.expected, 26.2);
        assert_eq!(found.score, 0.5);
        // The lower end of the interval does not come that far.
        let late = said(&kind(25.5, true, Method::Slope), &values)[5].unwrap();
        let crossing = late.crosses.unwrap();
        assert_eq!((crossing.at, crossing.from), (hours(13), hours(12)));
        assert_eq!((crossing.to, late.score), (None, 1.0 / 6.0));
        assert_eq!(said(&kind(26.3, true, Method::Slope), &values)[5], None);
        assert_eq!(said(&kind(5.0, false, Method::Slope), &values)[5], None);
    }

    // statsmodels: Holt([15, 13, 18, 21, 20, 24], damped_trend=True, initial_level=12,
    // initial_trend=2).fit(smoothing_level=0.4, smoothing_trend=0.3, damping_trend=0.9) forecasts
    // [24.03310515, 25.27765812, 26.39775579, 27.4058437, 28.31312282, 29.12967402]; by its
    // residuals half of the interval is 1.8468055456267312. (Its smoothing_trend is our growth.)
    #[test]
    fn a_damped_growth_tells_when_it_crosses() {
        let method = Method::Holt {
            level: 0.4,
            growth: 0.3,
            damping: 0.9,
        };
        let values = [10.0, 12.0, 15.0, 13.0, 18.0, 21.0, 20.0, 24.0];
        let values: Vec<(i64, f64)> = (0..).zip(values).collect();
        let found = said(&kind(27.0, true, method), &values)[7].unwrap();
        near(found.expected, 29.129_674_022_623_57);
        assert_eq!(found.score, 0.5);
        let crossing = found.crosses.unwrap();
        assert_eq!((crossing.at, crossing.from), (hours(11), hours(9)));
        assert_eq!(crossing.to, Some(hours(13)));
    }

    #[test]
    fn memory_is_bounded() {
        let kind = kind(1e9, true, Method::Slope);
        let def = detector(kind.clone(), Direction::Up);
        let mut state = DetectorState::new(&def);
        assert_eq!(state.heap_bytes(), 0);
        for i in 0..2000 {
            let seen = Seen {
                end: Micros(i),
                x: 1.0,
                ..Seen::default()
            };
            state.judge(&def, &seen);
        }
        assert_eq!(state.heap_bytes(), 8 * 16);
    }
}
