//! How simulated numbers depend on each other: one coefficient for each relation, which the truth
//! file names, so that what is measured can be held against it.

use serde::{Deserialize, Serialize};

/// Of ln(1 - skill): it falls by this for each ln(1 + earlier sessions).
pub const LEARNING_EXPONENT: f64 = 0.35;
/// Mastery before the first session.
pub const FIRST_SKILL: f64 = 0.4;
/// Spread of ln(1 - skill) as measured.
pub const SKILL_SIGMA: f64 = 0.15;
/// USD that 1,000 tokens of a query to an AI system cost, median.
pub const QUERY_USD_PER_1000_TOKENS: f64 = 0.004;
/// Share of deployments that an incident follows.
pub const INCIDENTS_PER_DEPLOYMENT: f64 = 0.12;
/// Points of satisfaction that are lost with each second of waiting.
pub const SATISFACTION_PER_SECOND: f64 = 0.06;
/// Satisfaction with an answer that comes at once.
pub const SATISFACTION_AT_ONCE: f64 = 4.75;
/// Percent of a component's processor that one query an hour and engineer takes.
pub const CPU_PER_LOAD: f64 = 40.0;
/// Percent of a component's processor in use without queries.
pub const CPU_IDLE: f64 = 12.0;
/// USD that 1,000 tokens which need not be sent save, median.
pub const SAVED_USD_PER_1000_TOKENS: f64 = 0.03;
/// Milliseconds that the canary of the experiment with an effect is faster.
pub const EXPERIMENT_EFFECT_MS: f64 = 12.0;

/// A coefficient: a line of the truth file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Coefficient {
    /// Its name.
    pub coefficient: String,
    /// Its value, with its sign.
    pub value: f64,
    /// What depends on what, and how.
    pub relation: String,
    /// Event types that it can be recovered from.
    pub events: Vec<String>,
}

/// All coefficients of an organisation of so many engineers.
pub fn coefficients(engineers: usize) -> Vec<Coefficient> {
    let all: [(&str, f64, &str, &[&str]); 9] = [
        (
            "learning_exponent",
            -LEARNING_EXPONENT,
            "ln(1 - score of skill.scored) per ln(1 + earlier sessions of the operator)",
            &["training.session", "skill.scored"],
        ),
        (
            "first_skill",
            FIRST_SKILL,
            "median score of skill.scored in an operator's first session",
            &["skill.scored"],
        ),
        (
            "query_usd_per_1000_tokens",
            QUERY_USD_PER_1000_TOKENS,
            "median of cost_usd of ai.query per 1000 tokens read and written",
            &["ai.query"],
        ),
        (
            "incidents_per_deployment",
            INCIDENTS_PER_DEPLOYMENT,
            "share of deployment.recorded that an incident.recorded names as its cause",
            &["deployment.recorded", "incident.recorded"],
        ),
        (
            "satisfaction_per_second",
            -SATISFACTION_PER_SECOND,
            "satisfaction of ai.query per second of response",
            &["ai.query"],
        ),
        (
            "cpu_percent_per_query",
            CPU_PER_LOAD / engineers.max(1) as f64,
            "cpu_percent of resource.sampled per ai.query of the component in that hour",
            &["ai.query", "resource.sampled"],
        ),
        (
            "saved_usd_per_1000_tokens",
            SAVED_USD_PER_1000_TOKENS,
            "median of cost_saved_usd of optimization.sampled per 1000 tokens less",
            &["optimization.sampled"],
        ),
        (
            "experiment_effect_new_ranker",
            -EXPERIMENT_EFFECT_MS,
            "mean latency_ms of the canary less that of the baseline, experiment new-ranker",
            &["experiment.observed"],
        ),
        (
            "experiment_effect_warm_start",
            0.0,
            "mean latency_ms of the canary less that of the baseline, experiment warm-start",
            &["experiment.observed"],
        ),
    ];
    all.map(|(name, value, relation, events)| Coefficient {
        coefficient: name.into(),
        value,
        relation: relation.into(),
        events: events.iter().map(|e| (*e).to_owned()).collect(),
    })
    .into()
}
