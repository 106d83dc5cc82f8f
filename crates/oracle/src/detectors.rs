//! Detectors, computed again from whole histories.

use crate::alerts::{Bad, Look};
use crate::fold::Judged;
use crate::kpis::{evaluate, label, subject_of};
use std::collections::BTreeMap;
use weir_catalog::{Catalog, DetectorDef, DetectorKind, Direction};
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
            let mut memory = Memory::default();
            let mut last: Option<Micros> = None;
            for (end, (start, cell)) in windows {
                if last.is_some_and(|l| end.0 - l.0 > 40 * Micros::DAY.0) {
                    memory = Memory::default();
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
                let hour = hour_of_week(start, zone);
                let finding = memory.judge(def, hour, x);
                let look = Look {
                    value: fixed::round(x, 6),
                    bad: finding.map(|(expected, score)| bad(def, x, expected, score)),
                };
                let verdict = Verdict { end, look };
                verdicts
                    .entry((index, subject.clone()))
                    .or_default()
                    .push(verdict);
                if let Some((expected, score)) = finding {
                    let id = row_id(&def.name, def.version, &subject, &label(def.window), end);
                    let row = AnomalyRow {
                        detector: def.name.clone(),
                        subject: subject.clone(),
                        end,
                        value: fixed::round(x, 6),
                        expected: fixed::round(expected, 6),
                        score: fixed::round(score, 6),
                    };
                    found.insert(id, row);
                }
            }
        }
    }
    (found, verdicts)
}

/// How an anomalous value looks to a rule.
fn bad(def: &DetectorDef, x: f64, expected: f64, score: f64) -> Bad {
    match (&def.kind, def.direction) {
        (DetectorKind::Limit { .. }, _) => Bad {
            threshold: Some(fixed::round(expected, 6)),
            up: x > expected,
        },
        (_, Direction::Up) => Bad::without_bound(true),
        (_, Direction::Down) => Bad::without_bound(false),
        (_, Direction::Both) => Bad::without_bound(score >= 0.0),
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

fn hour_of_week(t: Micros, zone: &jiff::tz::TimeZone) -> usize {
    match jiff::Timestamp::from_microsecond(t.0) {
        Ok(ts) => {
            let local = ts.to_zoned(zone.clone());
            local.weekday().to_monday_zero_offset() as usize * 24 + local.hour() as usize
        }
        Err(_) => 0,
    }
}

#[derive(Default)]
struct Memory {
    history: Vec<f64>,
    drift: Option<(f64, f64, f64, usize)>,
    slots: BTreeMap<usize, (u32, f64, f64)>,
}

impl Memory {
    /// (expected, score) of an anomalous value.
    fn judge(&mut self, def: &DetectorDef, hour: usize, x: f64) -> Option<(f64, f64)> {
        let scale = |own: f64, expected: f64| {
            own.max(def.floor_relative * expected.abs())
                .max(def.floor_absolute)
                .max(1e-9)
        };
        let beyond = |threshold: f64, score: f64| match def.direction {
            Direction::Up => score >= threshold,
            Direction::Down => score <= -threshold,
            Direction::Both => score >= threshold || score <= -threshold,
        };
        match &def.kind {
            DetectorKind::Limit { above, below, .. } => {
                let bound = above.filter(|a| x > *a).or(below.filter(|b| x < *b))?;
                Some((bound, if bound == 0.0 { 0.0 } else { x / bound }))
            }
            DetectorKind::ZScore {
                history,
                warmup,
                threshold,
            } => {
                let from = self.history.len().saturating_sub(*history);
                let past = &self.history[from..];
                let mut out = None;
                if past.len() >= *warmup && !past.is_empty() {
                    let expected = median(past);
                    let distances: Vec<f64> = past.iter().map(|v| (v - expected).abs()).collect();
                    let score = (x - expected) / scale(1.4826 * median(&distances), expected);
                    out = beyond(*threshold, score).then_some((expected, score));
                }
                self.history.push(x);
                out
            }
            DetectorKind::Drift {
                fast,
                slow,
                warmup,
                threshold,
            } => {
                let Some((mut f, mut m, mut v, mut n)) = self.drift else {
                    self.drift = Some((x, x, 0.0, 1));
                    return None;
                };
                f += fast * (x - f);
                let mut out = None;
                if n >= *warmup {
                    let score = (f - m) / scale((v * fast / (2.0 - fast)).sqrt(), m);
                    out = beyond(*threshold, score).then_some((m, score));
                }
                let d = x - m;
                m += slow * d;
                v = (1.0 - slow) * (v + slow * d * d);
                n += 1;
                self.drift = Some((f, m, v, n));
                out
            }
            DetectorKind::Seasonal {
                warmup,
                weight,
                threshold,
            } => {
                let (n, m, a) = self.slots.entry(hour).or_insert((0, 0.0, 0.0));
                let mut out = None;
                if *n >= *warmup && *n > 0 {
                    let score = (x - *m) / scale(1.2533 * *a, *m);
                    out = beyond(*threshold, score).then_some((*m, score));
                }
                if *n == 0 {
                    (*m, *a) = (x, 0.0);
                } else {
                    *a += weight * ((x - *m).abs() - *a);
                    *m += weight * (x - *m);
                }
                *n += 1;
                out
            }
        }
    }
}

fn median(values: &[f64]) -> f64 {
    let mut v = values.to_vec();
    v.sort_by(f64::total_cmp);
    let n = v.len();
    if n % 2 == 1 {
        v[n / 2]
    } else {
        (v[n / 2 - 1] + v[n / 2]) / 2.0
    }
}
