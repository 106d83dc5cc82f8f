//! Who works in the simulated organisation, when, and with what.

use rand::Rng;
use weir_model::Micros;
use weir_model::person::canonical_email;

/// A model that engineers call.
#[derive(Debug)]
pub struct Model {
    pub provider: &'static str,
    pub name: &'static str,
    pub reasoning: bool,
    pub context_median: f64,
    pub first_token_ms: f64,
    pub tokens_per_ms: f64,
}

/// The models in use, the most used first.
pub const MODELS: &[Model] = &[
    Model {
        provider: "anthropic",
        name: "claude-sonnet-4-5",
        reasoning: false,
        context_median: 38_000.0,
        first_token_ms: 1100.0,
        tokens_per_ms: 0.07,
    },
    Model {
        provider: "anthropic",
        name: "claude-haiku-4-5",
        reasoning: false,
        context_median: 14_000.0,
        first_token_ms: 450.0,
        tokens_per_ms: 0.16,
    },
    Model {
        provider: "openai",
        name: "gpt-5",
        reasoning: true,
        context_median: 30_000.0,
        first_token_ms: 1600.0,
        tokens_per_ms: 0.08,
    },
    Model {
        provider: "anthropic",
        name: "claude-opus-4-5",
        reasoning: true,
        context_median: 52_000.0,
        first_token_ms: 1900.0,
        tokens_per_ms: 0.05,
    },
    Model {
        provider: "openai",
        name: "gpt-4o-mini",
        reasoning: false,
        context_median: 6_000.0,
        first_token_ms: 380.0,
        tokens_per_ms: 0.14,
    },
];

/// A capability of the assistant.
#[derive(Debug)]
pub struct Capability {
    pub name: &'static str,
    pub median_ms: f64,
    pub failure_share: f64,
}

/// The capabilities, the most used first.
pub const CAPABILITIES: &[Capability] = &[
    Capability {
        name: "sc:implement",
        median_ms: 1800.0,
        failure_share: 0.03,
    },
    Capability {
        name: "sc:fix",
        median_ms: 1200.0,
        failure_share: 0.04,
    },
    Capability {
        name: "sc:test",
        median_ms: 2200.0,
        failure_share: 0.05,
    },
    Capability {
        name: "sc:explain",
        median_ms: 700.0,
        failure_share: 0.01,
    },
    Capability {
        name: "sc:review",
        median_ms: 1500.0,
        failure_share: 0.02,
    },
    Capability {
        name: "sc:document",
        median_ms: 900.0,
        failure_share: 0.01,
    },
    Capability {
        name: "sc:design",
        median_ms: 2600.0,
        failure_share: 0.03,
    },
    Capability {
        name: "sc:migrate",
        median_ms: 3500.0,
        failure_share: 0.08,
    },
];

const TEAMS: &[&str] = &[
    "payments", "search", "platform", "mobile", "data", "identity", "growth", "infra", "billing",
    "support",
];
const NAMES: &[&str] = &[
    "ada",
    "alan",
    "barbara",
    "claude",
    "donald",
    "edsger",
    "frances",
    "grace",
    "hedy",
    "ivan",
    "jean",
    "katherine",
    "linus",
    "margaret",
    "niklaus",
    "ole",
    "radia",
    "robin",
    "shafi",
    "tim",
    "vint",
    "whitfield",
    "xiaoyun",
    "yukihiro",
];

/// An engineer.
#[derive(Debug, Clone)]
pub struct Engineer {
    pub email: String,
    pub team: String,
    pub host: String,
    pub platform: &'static str,
    pub calls_per_hour: f64,
    pub capabilities_per_hour: f64,
    pub changes_per_hour: f64,
    pub assisted_share: f64,
    pub coverage: f64,
    /// Hours added to the working day's rhythm: early birds and night owls.
    pub shift: i64,
    favourite: usize,
}

impl Engineer {
    /// As events name who did something.
    pub fn named(&self) -> weir_events::Engineer<'static> {
        weir_events::Engineer {
            email: self.email.clone().into(),
            team: self.team.clone().into(),
        }
    }

    /// The model of one call: mostly a favourite, else any, the popular ones more often.
    pub fn model(&self, rng: &mut impl Rng) -> &'static Model {
        let i = if rng.random_range(0..10) < 6 {
            self.favourite
        } else {
            skewed(rng, MODELS.len())
        };
        &MODELS[i]
    }
}

/// An index below `n`, small ones more often.
pub fn skewed(rng: &mut impl Rng, n: usize) -> usize {
    let x: f64 = rng.random();
    ((x * x * n as f64) as usize).min(n - 1)
}

/// `n` engineers in teams of about eight.
pub fn organisation(rng: &mut impl Rng, n: usize) -> Vec<Engineer> {
    let teams = n.div_ceil(8).max(1);
    (0..n)
        .map(|i| {
            let name = NAMES[i % NAMES.len()];
            let round = i / NAMES.len();
            let who = if round == 0 {
                name.to_owned()
            } else {
                format!("{name}{round}")
            };
            let t = i % teams;
            let team = if t < TEAMS.len() {
                TEAMS[t].to_owned()
            } else {
                format!("{}-{}", TEAMS[t % TEAMS.len()], t / TEAMS.len())
            };
            // A few use the assistants a lot, most a little.
            let keen = super::log_normal(rng, 1.0, 0.5).clamp(0.25, 4.0);
            Engineer {
                email: canonical_email(&format!("{who}@example.com")),
                team,
                host: format!("{who}-laptop"),
                platform: ["Darwin", "Darwin", "Linux", "Windows"][rng.random_range(0..4)],
                calls_per_hour: 9.0 * keen,
                capabilities_per_hour: 3.5 * keen,
                changes_per_hour: 0.55 * rng.random_range(0.6..1.5),
                assisted_share: (0.25 * keen).min(0.85),
                coverage: rng.random_range(62.0..90.0),
                shift: rng.random_range(-1..=2),
                favourite: skewed(rng, MODELS.len()),
            }
        })
        .collect()
}

/// Activity of an engineer in the hour that starts at `start`, 1.0 at the height of a working day (UTC).
pub fn rhythm(start: Micros, who: &Engineer) -> f64 {
    const HOURS: [f64; 24] = [
        0.01, 0.0, 0.0, 0.0, 0.0, 0.01, 0.04, 0.15, 0.5, 0.85, 1.0, 0.95, 0.6, 0.75, 0.95, 1.0,
        0.9, 0.7, 0.35, 0.18, 0.12, 0.1, 0.06, 0.03,
    ];
    // The epoch was a Thursday.
    const DAYS: [f64; 7] = [1.0, 0.85, 0.1, 0.08, 0.9, 1.0, 1.05];
    let hours = start.0.div_euclid(Micros::HOUR.0);
    let hour = (hours - who.shift).rem_euclid(24) as usize;
    let day = (hours - who.shift).div_euclid(24).rem_euclid(7) as usize;
    HOURS[hour] * DAYS[day]
}
