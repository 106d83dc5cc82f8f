//! Detectors: one state per (detector, subject), judged once per final window.
//!
//! The arithmetic is that of `docs/semantics.md`, step by step in the order written there: a plain
//! recomputation gives the same bits. A way to judge is a file of this folder, named as the catalog
//! names it; the registry lists them all.

mod clock;
pub(crate) mod drift;
pub(crate) mod forecast;
pub(crate) mod limit;
pub(crate) mod seasonal;
pub(crate) mod shift;
pub(crate) mod zscore;

pub use clock::LocalHours;

use crate::EngineError;
use weir_catalog::types::{Catalog, DetectorDef, DetectorKind, Direction, Expr};
use weir_model::records::{Anomaly, Subject};
use weir_model::{Micros, fixed, hash};

const WHAT: &str = "the state of a detector";

/// What an anomalous value was measured against. Not rounded.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Finding {
    /// The bound, median, mean or forecast.
    pub expected: f64,
    /// Distance in units of the scale; for limits the ratio to the bound.
    pub score: f64,
    /// When the bound will be crossed, where that is what was found. Alerts do not tell it.
    pub crosses: Option<Crossing>,
}

/// When a forecast crosses its bound: ends of windows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Crossing {
    /// The forecast itself.
    pub at: Micros,
    /// The end of its interval that does so first.
    pub from: Micros,
    /// The other end, where it does so within the horizon.
    pub to: Option<Micros>,
}

/// A final window of a subject, as detectors see it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Seen {
    /// End of the window.
    pub end: Micros,
    /// Local hour of the week of its start ([`LocalHours`]; see [`by_hour`]).
    pub hour_of_week: u8,
    /// Value of the detector's expression.
    pub x: f64,
    /// Value of the [`bound`], where there is one and it has a value.
    pub bound: Option<f64>,
    /// Bins of the distribution that is looked at ([`looks_at`]), ascending.
    pub bins: Vec<(u16, u64)>,
}

/// What a way to judge remembers of one subject, and how it judges with it. `default` is the memory
/// of a subject never judged before, and allocates nothing.
trait Memory: Default {
    /// Its declaration in the catalog.
    type Kind;
    /// Whether the memory differs from subject to subject at all.
    const REMEMBERS: bool = true;
    /// Whether it looks at the hour of the week.
    const BY_HOUR: bool = false;
    /// Whether what it expects is a bound, which alerts tell as their threshold.
    const BOUNDS: bool = false;

    /// The bound that the value is held against, over the detector's terms.
    fn bound(_: &Self::Kind) -> Option<&Expr> {
        None
    }

    /// The measure of which it looks at the bins.
    fn looks_at(_: &Self::Kind) -> Option<usize> {
        None
    }

    /// The value that is judged; without one nothing is said of the window.
    fn value(&mut self, _: &Self::Kind, seen: &Seen) -> Option<f64> {
        Some(seen.x)
    }

    /// Judges the value of one final window and takes it in.
    fn judge(
        &mut self,
        def: &DetectorDef,
        kind: &Self::Kind,
        seen: &Seen,
        x: f64,
    ) -> Option<Finding>;

    /// Appends itself for a snapshot.
    fn encode(&self, out: &mut Vec<u8>);

    /// Reads what `encode` wrote.
    fn decode(kind: &Self::Kind, input: &mut &[u8]) -> Result<Self, EngineError>;

    /// Bytes on the heap.
    fn heap_bytes(&self) -> usize;

    /// Whether it tells of open windows.
    fn tells_early(_: &Self::Kind) -> bool {
        false
    }

    /// What it tells of the value so far of an open window.
    fn early(_: &Self::Kind, _: f64) -> Option<Finding> {
        None
    }
}

/// What a detector remembers of one subject.
#[derive(Debug, Clone, PartialEq)]
pub struct DetectorState(State);

/// Makes [`DetectorState`] and the questions to kinds of the kinds that are listed with their
/// memories. Each is a `match`: what is judged per window and subject goes through no table of
/// functions.
macro_rules! registry {
    ($($kind:ident: $memory:ty),+ $(,)?) => {
        #[derive(Debug, Clone, PartialEq)]
        enum State {
            $($kind($memory)),+
        }

        impl DetectorState {
            /// Of a subject never judged before. Allocates nothing.
            pub fn new(def: &DetectorDef) -> DetectorState {
                DetectorState(match def.kind {
                    $(DetectorKind::$kind(_) => State::$kind(Default::default())),+
                })
            }

            /// Judges one final window and takes it in: the value that was judged, if there is
            /// one, and what was found, where it is anomalous.
            pub fn judge(
                &mut self,
                def: &DetectorDef,
                seen: &Seen,
            ) -> Option<(f64, Option<Finding>)> {
                match (&mut self.0, &def.kind) {
                    $((State::$kind(memory), DetectorKind::$kind(kind)) => {
                        let x = memory.value(kind, seen)?;
                        Some((x, memory.judge(def, kind, seen, x)))
                    })+
                    // The state of another kind: the caller mixed two detectors up. Nothing can be
                    // said.
                    _ => None,
                }
            }

            /// Appends the state for a snapshot.
            pub fn encode(&self, out: &mut Vec<u8>) {
                match &self.0 {
                    $(State::$kind(memory) => memory.encode(out)),+
                }
            }

            /// Reads what [`DetectorState::encode`] wrote for a detector of this definition.
            pub fn decode(
                def: &DetectorDef,
                input: &mut &[u8],
            ) -> Result<DetectorState, EngineError> {
                Ok(DetectorState(match &def.kind {
                    $(DetectorKind::$kind(kind) => {
                        State::$kind(<$memory as Memory>::decode(kind, input)?)
                    })+
                }))
            }

            /// Bytes on the heap.
            pub fn heap_bytes(&self) -> usize {
                match &self.0 {
                    $(State::$kind(memory) => memory.heap_bytes()),+
                }
            }
        }

        /// Whether detectors of this kind remember anything of a subject.
        pub fn remembers(kind: &DetectorKind) -> bool {
            match kind {
                $(DetectorKind::$kind(_) => <$memory as Memory>::REMEMBERS),+
            }
        }

        /// Whether detectors of this kind look at the hour of the week.
        pub fn by_hour(kind: &DetectorKind) -> bool {
            match kind {
                $(DetectorKind::$kind(_) => <$memory as Memory>::BY_HOUR),+
            }
        }

        /// The bound that values are held against, over the detector's terms.
        pub fn bound(kind: &DetectorKind) -> Option<&Expr> {
            match kind {
                $(DetectorKind::$kind(kind) => <$memory as Memory>::bound(kind)),+
            }
        }

        /// The measure of which detectors of this kind look at the bins.
        pub fn looks_at(kind: &DetectorKind) -> Option<usize> {
            match kind {
                $(DetectorKind::$kind(kind) => <$memory as Memory>::looks_at(kind)),+
            }
        }

        /// Whether what detectors of this kind expect is a bound, which alerts tell as their
        /// threshold.
        pub fn bounds(kind: &DetectorKind) -> bool {
            match kind {
                $(DetectorKind::$kind(_) => <$memory as Memory>::BOUNDS),+
            }
        }

        /// Whether detectors of this kind, as declared, tell of open windows.
        pub fn tells_early(kind: &DetectorKind) -> bool {
            match kind {
                $(DetectorKind::$kind(kind) => <$memory as Memory>::tells_early(kind)),+
            }
        }

        /// What a detector tells of the value so far of an open window.
        pub fn early(def: &DetectorDef, x: f64) -> Option<Finding> {
            match &def.kind {
                $(DetectorKind::$kind(kind) => <$memory as Memory>::early(kind, x)),+
            }
        }
    };
}

registry! {
    Limit: limit::Nothing,
    ZScore: zscore::Ring,
    Drift: drift::Means,
    Seasonal: seasonal::Slots,
    Forecast: forecast::Last,
    Shift: shift::Past,
}

fn scale(def: &DetectorDef, own: f64, expected: f64) -> f64 {
    own.max(def.floor_relative * expected.abs())
        .max(def.floor_absolute)
        .max(1e-9)
}

fn deviates(direction: Direction, score: f64, threshold: f64, expected: f64) -> Option<Finding> {
    let up = matches!(direction, Direction::Up | Direction::Both) && score >= threshold;
    let down = matches!(direction, Direction::Down | Direction::Both) && score <= -threshold;
    (up || down).then_some(Finding {
        expected,
        score,
        crosses: None,
    })
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
        kind: def.kind.name().to_owned(),
        severity: def.severity.clone(),
        event,
        subject,
        window,
        start: at.start,
        end: at.end,
        value: fixed::round(x, 6),
        expected: fixed::round(found.expected, 6),
        score: fixed::round(found.score, 6),
        crosses_at: found.crosses.map(|c| c.at),
        crosses_from: found.crosses.map(|c| c.from),
        crosses_to: found.crosses.and_then(|c| c.to),
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
pub(crate) mod tests;
