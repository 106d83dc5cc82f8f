//! Detectors: one state per (detector, subject), judged once per final window.
//!
//! The arithmetic is that of `docs/semantics.md`, step by step in the order written there: a plain
//! recomputation gives the same bits.

mod clock;
mod seasonal;
mod zscore;

pub use clock::LocalHours;

use crate::{EngineError, varint};
use seasonal::Slots;
use weir_catalog::types::{Catalog, DetectorDef, DetectorKind, Direction};
use weir_model::records::{Anomaly, Subject};
use weir_model::{Micros, fixed, hash};
use zscore::Ring;

const WHAT: &str = "the state of a detector";

/// What an anomalous value was measured against. Not rounded.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Finding {
    /// The bound, median or mean.
    pub expected: f64,
    /// Distance in units of the scale; for limits the ratio to the bound.
    pub score: f64,
}

/// What a detector remembers of one subject.
#[derive(Debug, Clone, PartialEq)]
pub struct DetectorState(State);

#[derive(Debug, Clone, PartialEq)]
enum State {
    Limit,
    ZScore(Ring),
    Drift { n: u64, f: f64, m: f64, v: f64 },
    Seasonal(Slots),
}

impl DetectorState {
    /// Of a subject never judged before. Allocates nothing.
    pub fn new(def: &DetectorDef) -> DetectorState {
        DetectorState(match def.kind {
            DetectorKind::Limit { .. } => State::Limit,
            DetectorKind::ZScore { .. } => State::ZScore(Ring::default()),
            DetectorKind::Drift { .. } => State::Drift {
                n: 0,
                f: 0.0,
                m: 0.0,
                v: 0.0,
            },
            DetectorKind::Seasonal { .. } => State::Seasonal(Slots::default()),
        })
    }

    /// Judges the value of one final window and takes it in. `hour_of_week` is local, of the window's start
    /// ([`LocalHours`]; only seasonal detectors look at it). `Some` where it is anomalous.
    pub fn judge(&mut self, def: &DetectorDef, hour_of_week: u8, x: f64) -> Option<Finding> {
        match (&mut self.0, &def.kind) {
            (State::Limit, DetectorKind::Limit { above, below, .. }) => limit(*above, *below, x),
            (
                State::ZScore(ring),
                DetectorKind::ZScore {
                    history,
                    warmup,
                    threshold,
                },
            ) => {
                let found = ring.spread(*warmup).and_then(|(median, mad)| {
                    let score = (x - median) / scale(def, 1.4826 * mad, median);
                    deviates(def.direction, score, *threshold, median)
                });
                ring.push(*history, x);
                found
            }
            (
                State::Drift { n, f, m, v },
                DetectorKind::Drift {
                    fast,
                    slow,
                    warmup,
                    threshold,
                },
            ) => {
                if *n == 0 {
                    (*n, *f, *m, *v) = (1, x, x, 0.0);
                    return None;
                }
                *f += fast * (x - *f);
                let found = (*n >= *warmup as u64).then(|| {
                    let own = (*v * fast / (2.0 - fast)).sqrt();
                    (*f - *m) / scale(def, own, *m)
                });
                let found = found.and_then(|score| deviates(def.direction, score, *threshold, *m));
                let d = x - *m;
                *m += slow * d;
                *v = (1.0 - slow) * (*v + slow * d * d);
                *n += 1;
                found
            }
            (
                State::Seasonal(slots),
                DetectorKind::Seasonal {
                    warmup,
                    weight,
                    threshold,
                },
            ) => {
                let slot = slots.at(hour_of_week);
                let found =
                    (slot.n >= *warmup).then(|| (x - slot.m) / scale(def, 1.2533 * slot.a, slot.m));
                let found =
                    found.and_then(|score| deviates(def.direction, score, *threshold, slot.m));
                slot.take(*weight, x);
                found
            }
            // The state of another kind: the caller mixed two detectors up. Nothing can be said.
            _ => None,
        }
    }

    /// Appends the state for a snapshot.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match &self.0 {
            State::Limit => {}
            State::ZScore(ring) => ring.encode(out),
            State::Drift { n, f, m, v } => {
                varint::put_u64(out, *n);
                for x in [f, m, v] {
                    varint::put_f64(out, *x);
                }
            }
            State::Seasonal(slots) => slots.encode(out),
        }
    }

    /// Reads what [`DetectorState::encode`] wrote for a detector of this definition.
    pub fn decode(def: &DetectorDef, input: &mut &[u8]) -> Result<DetectorState, EngineError> {
        Ok(DetectorState(match def.kind {
            DetectorKind::Limit { .. } => State::Limit,
            DetectorKind::ZScore { history, .. } => State::ZScore(Ring::decode(history, input)?),
            DetectorKind::Drift { .. } => State::Drift {
                n: varint::u64(input)?,
                f: varint::f64(input)?,
                m: varint::f64(input)?,
                v: varint::f64(input)?,
            },
            DetectorKind::Seasonal { .. } => State::Seasonal(Slots::decode(input)?),
        }))
    }

    /// Bytes on the heap.
    pub fn heap_bytes(&self) -> usize {
        match &self.0 {
            State::Limit | State::Drift { .. } => 0,
            State::ZScore(ring) => ring.heap_bytes(),
            State::Seasonal(slots) => slots.heap_bytes(),
        }
    }
}

/// The finding of an early limit on the value so far of an open window.
pub fn early_limit(def: &DetectorDef, x: f64) -> Option<Finding> {
    match def.kind {
        DetectorKind::Limit {
            above: Some(bound),
            early: true,
            ..
        } => limit(Some(bound), None, x),
        _ => None,
    }
}

fn limit(above: Option<f64>, below: Option<f64>, x: f64) -> Option<Finding> {
    let bound = above.filter(|a| x > *a).or(below.filter(|b| x < *b))?;
    let score = if bound == 0.0 { 0.0 } else { x / bound };
    Some(Finding {
        expected: bound,
        score,
    })
}

fn scale(def: &DetectorDef, own: f64, expected: f64) -> f64 {
    own.max(def.floor_relative * expected.abs())
        .max(def.floor_absolute)
        .max(1e-9)
}

fn deviates(direction: Direction, score: f64, threshold: f64, expected: f64) -> Option<Finding> {
    let up = matches!(direction, Direction::Up | Direction::Both) && score >= threshold;
    let down = matches!(direction, Direction::Down | Direction::Both) && score <= -threshold;
    (up || down).then_some(Finding { expected, score })
}

/// The kind of a detector as records name it.
pub fn kind_name(kind: &DetectorKind) -> &'static str {
    match kind {
        DetectorKind::Limit { .. } => "limit",
        DetectorKind::ZScore { .. } => "zscore",
        DetectorKind::Drift { .. } => "drift",
        DetectorKind::Seasonal { .. } => "seasonal",
    }
}

/// Where and when a value was judged.
#[derive(Debug, Clone, Copy)]
pub struct Judged<'a> {
    /// The catalog.
    pub catalog: &'a Catalog,
    /// Run of the derivation.
    pub run: u32,
    /// Window start.
    pub start: Micros,
    /// Window end.
    pub end: Micros,
    /// Offset of the last input.
    pub revision: i64,
}

/// The record of a finding. `early` while the window is open.
pub fn anomaly(
    at: &Judged<'_>,
    def: &DetectorDef,
    subject: Subject,
    x: f64,
    found: Finding,
    early: bool,
) -> Anomaly {
    let window = def.window.label().to_string();
    let event = at
        .catalog
        .events
        .get(def.event)
        .map(|e| e.name.clone())
        .unwrap_or_default();
    Anomaly {
        id: hash::result_id(
            &def.name,
            def.version,
            &subject_key(&subject),
            &window,
            at.end,
        ),
        run: at.run,
        catalog: at.catalog.hash,
        detector: def.name.clone(),
        version: def.version,
        kind: kind_name(&def.kind).to_owned(),
        severity: def.severity.clone(),
        event,
        subject,
        window,
        start: at.start,
        end: at.end,
        value: fixed::round(x, 6),
        expected: fixed::round(found.expected, 6),
        score: fixed::round(found.score, 6),
        early,
        revision: at.revision,
    }
}

/// The canonical bytes of a record's subject, as they enter ids.
pub fn subject_key(subject: &Subject) -> Vec<u8> {
    let mut key = Vec::with_capacity(64);
    let dimensions = subject
        .dimensions
        .iter()
        .map(|(n, v)| (n.as_str(), v.as_str()));
    hash::subject_key(&mut key, &subject.tenant, dimensions);
    key
}

pub(crate) const fn corrupt(why: &'static str) -> EngineError {
    EngineError::corrupt(WHAT, why)
}

#[cfg(test)]
mod tests;
