//! Injected anomalies and the truth about them.

use super::people::{Engineer, MODELS};
use rand::Rng;
use serde::{Deserialize, Serialize};
use weir_model::Micros;

/// What was injected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TruthKind {
    /// One engineer's agent calls models in a loop.
    RunawayAgent,
    /// A model answers several times slower than usual.
    SlowModel,
    /// The capabilities of one team fail.
    FailingCapabilities,
    /// A team's calls carry far too much context: its spend jumps.
    SpendSpike,
}

/// One injected anomaly: a line of the truth file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Truth {
    /// What.
    pub kind: TruthKind,
    /// Dimension it shows in: `engineer`, `model` or `team`.
    pub dimension: String,
    /// Whose.
    pub value: String,
    /// From.
    pub start: Micros,
    /// Until.
    pub end: Micros,
    /// Factor by which it is off.
    pub factor: f64,
}

/// What of an engineer's hour may be off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aspect {
    Calls,
    Context,
    Failures,
    Latency,
}

/// The plan.
#[derive(Debug, Default)]
pub struct Anomalies {
    pub truth: Vec<Truth>,
}

impl Anomalies {
    /// About one of each kind per four days, in working hours, none in the first days: detectors
    /// need to have seen what is usual.
    pub fn plan(rng: &mut impl Rng, people: &[Engineer], start: Micros, days: u32) -> Anomalies {
        let mut truth = Vec::new();
        let first = (days / 3).max(1);
        let usable: Vec<u32> = (first..days).filter(|d| working_day(start, *d)).collect();
        if usable.is_empty() || people.is_empty() {
            return Anomalies::default();
        }
        let rounds = days.div_ceil(4).max(1);
        for round in 0..rounds {
            for kind in [
                TruthKind::RunawayAgent,
                TruthKind::SlowModel,
                TruthKind::FailingCapabilities,
                TruthKind::SpendSpike,
            ] {
                let day = usable[rng.random_range(0..usable.len())];
                let hour = 10 + rng.random_range(0..5);
                let from = start.plus(Micros(
                    i64::from(day) * Micros::DAY.0 + hour * Micros::HOUR.0,
                ));
                let who = &people[rng.random_range(0..people.len())];
                let (dimension, value, factor, hours) = match kind {
                    TruthKind::RunawayAgent => ("engineer", who.email.clone(), 40.0, 2),
                    TruthKind::SlowModel => {
                        ("model", MODELS[round as usize % 3].name.to_owned(), 6.0, 3)
                    }
                    TruthKind::FailingCapabilities => ("team", who.team.clone(), 18.0, 3),
                    TruthKind::SpendSpike => ("team", who.team.clone(), 12.0, 2),
                };
                truth.push(Truth {
                    kind,
                    dimension: dimension.into(),
                    value,
                    start: from,
                    end: from.plus(Micros(hours * Micros::HOUR.0)),
                    factor,
                });
            }
        }
        truth.sort_by(|a, b| (a.start, &a.value).cmp(&(b.start, &b.value)));
        Anomalies { truth }
    }

    /// How far an engineer's hour is off.
    pub fn factor(&self, kind: Aspect, who: &Engineer, hour: Micros) -> f64 {
        self.now(hour)
            .filter(|t| match (kind, t.kind) {
                (Aspect::Calls, TruthKind::RunawayAgent) => t.value == who.email,
                (Aspect::Context, TruthKind::SpendSpike)
                | (Aspect::Failures, TruthKind::FailingCapabilities) => t.value == who.team,
                _ => false,
            })
            .map(|t| t.factor)
            .fold(1.0, f64::max)
    }

    /// How far a model's latency is off.
    pub fn model_latency(&self, model: &str, hour: Micros) -> f64 {
        self.now(hour)
            .filter(|t| t.kind == TruthKind::SlowModel && t.value == model)
            .map(|t| t.factor)
            .fold(1.0, f64::max)
    }

    fn now(&self, hour: Micros) -> impl Iterator<Item = &Truth> {
        self.truth
            .iter()
            .filter(move |t| t.start <= hour && hour < t.end)
    }
}

fn working_day(start: Micros, day: u32) -> bool {
    // The epoch was a Thursday: days 2 and 3 of that count are Saturday and Sunday.
    let d = (start.0.div_euclid(Micros::DAY.0) + i64::from(day)).rem_euclid(7);
    !matches!(d, 2 | 3)
}
