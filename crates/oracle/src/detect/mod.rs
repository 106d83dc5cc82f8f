//! Detectors, computed again from whole histories. A way to judge is a file of this folder, named
//! as the catalog names it; [`memory`] lists them all.

mod drift;
mod forecast;
mod limit;
mod seasonal;
mod shift;
mod zscore;

use crate::alerts::{Bad, Look};
use crate::fold::Judged;
use crate::kpis::{evaluate, label, subject_of};
use std::collections::BTreeMap;
use weir_catalog::{Catalog, DetectorDef, DetectorKind, Direction, Expr};
use weir_model::records::Subject;
use weir_model::{Micros, fixed, hash};

/// A finding, as it must stand in the store.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct AnomalyRow {
    /// Detector.
    pub detector: String,
    /// Whose.
    pub subject: Subject,
    /// Window end.
    pub end: Micros,
    /// Value.
    pub value: f64,
    /// Expected.
    pub expected: f64,
    /// Score.
    pub score: f64,
    /// When a forecast crosses its bound.
    pub crosses: Option<Crossing>,
}

/// When a forecast crosses its bound, and when the ends of its interval do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Crossing {
    /// The forecast.
    pub at: Micros,
    /// The first end.
    pub from: Micros,
    /// The last end, if within the horizon.
    pub to: Option<Micros>,
}

/// What a detector said of a window, for the rules on it.
pub(crate) struct Verdict {
    pub end: Micros,
    pub look: Look,
}

pub(crate) type Verdicts = BTreeMap<(usize, Subject), Vec<Verdict>>;

pub(crate) fn run(catalog: &Catalog, judged: &Judged) -> (BTreeMap<String, AnomalyRow>, Verdicts) {
    let mut found = BTreeMap::new();
    let mut verdicts = Verdicts::new();
    for (index, def) in catalog.detectors.iter().enumerate() {
        let through = judged.final_through[def.event];
        for ((tenant, values), windows) in
            judged.series(catalog, def.event, def.rollup, def.window, through)
        {
            let subject = subject_of(catalog, def.event, def.rollup, &tenant, &values);
            let zone = catalog.tenants.zone(&tenant);
            let mut memory = self::memory(def);
            let mut last: Option<Micros> = None;
            for (end, (start, cell)) in windows {
                if last.is_some_and(|l| end.0 - l.0 > 40 * Micros::DAY.0) {
                    memory = self::memory(def);
                }
                last = Some(end);
                let terms: Vec<Option<f64>> = def
                    .terms
                    .iter()
                    .map(|t| cell.stat(t.measure, t.stat))
                    .collect();
                if let Some((i, least)) = def.minimum_sample
                    && terms[i].is_none_or(|n| n < least)
                {
                    continue;
                }
                let Some(x) = evaluate(&def.expr, &terms) else {
                    continue;
                };
                let window = Window {
                    start,
                    end,
                    zone,
                    bound: memory.bound().and_then(|b| evaluate(b, &terms)),
                    bins: memory.looks_at().and_then(|m| cell.bins(m)),
                };
                let Some(x) = memory.value(window, x) else {
                    continue;
                };
                let finding = memory.judge(window, x);
                let look = Look {
                    value: fixed::round(x, 6),
                    bad: finding.map(bad),
                };
                let verdict = Verdict { end, look };
                verdicts
                    .entry((index, subject.clone()))
                    .or_default()
                    .push(verdict);
                if let Some(Finding {
                    expected,
                    score,
                    crosses,
                    ..
                }) = finding
                {
                    let id = row_id(&def.name, def.version, &subject, &label(def.window), end);
                    let row = AnomalyRow {
                        detector: def.name.clone(),
                        subject: subject.clone(),
                        end,
                        value: fixed::round(x, 6),
                        expected: fixed::round(expected, 6),
                        score: fixed::round(score, 6),
                        crosses,
                    };
                    found.insert(id, row);
                }
            }
        }
    }
    (found, verdicts)
}

/// How an anomalous value looks to a rule.
fn bad(f: Finding) -> Bad {
    Bad {
        threshold: f.bound.then(|| fixed::round(f.expected, 6)),
        up: f.up,
    }
}

/// Id of an anomaly, KPI row or alert.
pub(crate) fn row_id(
    name: &str,
    version: u32,
    subject: &Subject,
    label: &str,
    end: Micros,
) -> String {
    let mut key = Vec::new();
    hash::subject_key(
        &mut key,
        &subject.tenant,
        subject
            .dimensions
            .iter()
            .map(|(n, v)| (n.as_str(), v.as_str())),
    );
    hash::id(&[
        name.as_bytes(),
        &version.to_le_bytes(),
        &key,
        label.as_bytes(),
        &end.0.to_le_bytes(),
    ])
}

/// A final window that is judged.
#[derive(Clone, Copy)]
struct Window<'a> {
    start: Micros,
    end: Micros,
    zone: &'a jiff::tz::TimeZone,
    /// Value of the bound, where the detector has one.
    bound: Option<f64>,
    /// The distribution, where the detector looks at one.
    bins: Option<&'a BTreeMap<u16, u64>>,
}

/// What is said of an anomalous value.
#[derive(Debug, Clone, Copy)]
struct Finding {
    expected: f64,
    score: f64,
    /// What is expected is a bound that was crossed.
    bound: bool,
    /// Larger is worse.
    up: bool,
    /// When the bound will be crossed.
    crosses: Option<Crossing>,
}

/// What a detector remembers of one subject.
trait Memory {
    /// What the bound is, over the detector's terms.
    fn bound(&self) -> Option<&Expr> {
        None
    }

    /// The distribution that is looked at.
    fn looks_at(&self) -> Option<usize> {
        None
    }

    /// The value that is judged, if there is one, made of that of the detector's expression.
    fn value(&mut self, _: Window<'_>, x: f64) -> Option<f64> {
        Some(x)
    }

    /// Judges a value and takes it in.
    fn judge(&mut self, window: Window<'_>, x: f64) -> Option<Finding>;
}

/// The memory of a subject never judged before.
fn memory(def: &DetectorDef) -> Box<dyn Memory + '_> {
    let scale = Scale(def);
    match &def.kind {
        DetectorKind::Limit(kind) => Box::new(limit::Bounds(kind)),
        DetectorKind::ZScore(kind) => Box::new(zscore::Values {
            kind,
            scale,
            all: Vec::new(),
        }),
        DetectorKind::Drift(kind) => Box::new(drift::Means {
            kind,
            scale,
            state: None,
        }),
        DetectorKind::Seasonal(kind) => Box::new(seasonal::Hours {
            kind,
            scale,
            slots: BTreeMap::new(),
        }),
        DetectorKind::Forecast(kind) => Box::new(forecast::Values {
            kind,
            all: Vec::new(),
        }),
        DetectorKind::Shift(kind) => Box::new(shift::Windows {
            kind,
            all: Vec::new(),
        }),
    }
}

/// How distances of a detector are measured.
struct Scale<'a>(&'a DetectorDef);

impl Scale<'_> {
    /// s of the page on semantics.
    fn of(&self, own: f64, expected: f64) -> f64 {
        own.max(self.0.floor_relative * expected.abs())
            .max(self.0.floor_absolute)
            .max(1e-9)
    }

    /// The finding where the score is beyond the threshold, on the side that is looked at.
    fn beyond(&self, threshold: f64, expected: f64, score: f64) -> Option<Finding> {
        let (anomalous, up) = match self.0.direction {
            Direction::Up => (score >= threshold, true),
            Direction::Down => (score <= -threshold, false),
            Direction::Both => (score >= threshold || score <= -threshold, score >= 0.0),
        };
        anomalous.then_some(Finding {
            expected,
            score,
            bound: false,
            up,
            crosses: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use weir_catalog::JudgedWindow;
    use weir_model::WindowSize;

    impl Window<'_> {
        /// The hour after so many hours of a Monday, in UTC.
        pub fn of_utc(hours: i64) -> Window<'static> {
            const UTC: &jiff::tz::TimeZone = &jiff::tz::TimeZone::UTC;
            let start = Micros((4 * 24 + hours) * Micros::HOUR.0);
            Window {
                start,
                end: start.plus(Micros::HOUR),
                zone: UTC,
                bound: None,
                bins: None,
            }
        }
    }

    /// What a detector, both ways and with a tenth of the expected value as floor, says of values
    /// by hour.
    pub fn said(kind: impl Into<DetectorKind>, values: &[(i64, f64)]) -> Vec<Option<Finding>> {
        let def = DetectorDef {
            name: "d".into(),
            version: 1,
            title: String::new(),
            event: 0,
            rollup: 0,
            window: JudgedWindow::Tumbling(WindowSize::Hour),
            terms: Vec::new(),
            expr: Expr {
                source: String::new(),
                ops: Vec::new(),
            },
            kind: kind.into(),
            direction: Direction::Both,
            floor_relative: 0.1,
            floor_absolute: 0.0,
            minimum_sample: None,
            severity: "low".into(),
        };
        let mut memory = memory(&def);
        values
            .iter()
            .map(|(hour, x)| memory.judge(Window::of_utc(*hour), *x))
            .collect()
    }
}
