//! Injected anomalies and the truth about them.

use super::people::{Engineer, MODELS};
use rand::Rng;
use serde::{Deserialize, Serialize};
use weir_model::Micros;

/// What was injected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
    /// A component answers far slower than it is promised.
    SlaBreach,
    /// Queries to a component fail.
    ErrorBurst,
    /// What a model predicts is distributed otherwise than before.
    ModelDrift,
    /// A component or machine uses more than it may.
    ResourceLimit,
    /// An operator trains on and learns nothing more.
    Plateau,
    /// A budget that does not last.
    BudgetBurst,
    /// Money that is spent for nothing.
    SavingOpportunity,
    /// An experiment whose variants differ.
    ExperimentEffect,
    /// An experiment whose variants do not differ.
    ExperimentNoEffect,
    /// What another version injects: kept, and found by whatever tells of its subject.
    #[serde(untagged)]
    Other(String),
}

/// What was injected, and who is to find it: a line of the truth file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Truth {
    /// What.
    pub kind: TruthKind,
    /// Dimension it shows in, e.g. `engineer`, `model` or `team`.
    pub dimension: String,
    /// Whose.
    pub value: String,
    /// From.
    pub start: Micros,
    /// Until.
    pub end: Micros,
    /// Factor by which it is off.
    pub factor: f64,
    /// Detectors and rules that are to find it, by name; an SLA or budget stands for all its rules.
    /// Empty: there is none. Absent: any detector may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answers: Option<Vec<String>>,
    /// What it costs, in USD for 30 days.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usd: Option<f64>,
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
            for what in [
                Aspect::Calls,
                Aspect::Latency,
                Aspect::Failures,
                Aspect::Context,
            ] {
                let day = usable[rng.random_range(0..usable.len())];
                let hour = 10 + rng.random_range(0..5);
                let from = start.plus(Micros(
                    i64::from(day) * Micros::DAY.0 + hour * Micros::HOUR.0,
                ));
                let who = &people[rng.random_range(0..people.len())];
                let (kind, dimension, value, factor, hours) = match what {
                    Aspect::Calls => (
                        TruthKind::RunawayAgent,
                        "engineer",
                        who.email.clone(),
                        40.0,
                        2,
                    ),
                    Aspect::Latency => {
                        let model = MODELS[round as usize % 3].name.to_owned();
                        (TruthKind::SlowModel, "model", model, 6.0, 3)
                    }
                    Aspect::Failures => {
                        let team = who.team.clone();
                        (TruthKind::FailingCapabilities, "team", team, 18.0, 3)
                    }
                    Aspect::Context => (TruthKind::SpendSpike, "team", who.team.clone(), 12.0, 2),
                };
                truth.push(Truth {
                    kind,
                    dimension: dimension.into(),
                    value,
                    start: from,
                    end: from.plus(Micros(hours * Micros::HOUR.0)),
                    factor,
                    answers: None,
                    usd: None,
                });
            }
        }
        truth.sort_by(|a, b| (a.start, &a.value).cmp(&(b.start, &b.value)));
        Anomalies { truth }
    }

    /// How far an engineer's hour is off.
    pub fn factor(&self, kind: Aspect, who: &Engineer, hour: Micros) -> f64 {
        self.now(hour)
            .filter(|t| match (kind, &t.kind) {
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

pub fn working_day(start: Micros, day: u32) -> bool {
    // The epoch was a Thursday: days 2 and 3 of that count are Saturday and Sunday.
    let d = (start.0.div_euclid(Micros::DAY.0) + i64::from(day)).rem_euclid(7);
    !matches!(d, 2 | 3)
}
