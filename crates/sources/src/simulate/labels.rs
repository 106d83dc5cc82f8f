//! Labelled findings of the systems beside the assistants: what was injected, and who is to find
//! it.

use super::anomalies::{Truth, TruthKind, working_day};
use super::people::Engineer;
use super::{ai, assistant, delivery, learning};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use weir_model::Micros;

/// The plan.
#[derive(Debug, Default)]
pub struct Labels {
    pub truth: Vec<Truth>,
}

/// How a plan is made.
struct Plan {
    rng: ChaCha8Rng,
    start: Micros,
    end: Micros,
    /// Working days that something may be injected on.
    usable: Vec<u32>,
    truth: Vec<Truth>,
}

impl Labels {
    /// One of each kind, in the later two thirds of the days where it needs what is usual.
    pub fn plan(options: &super::Options, people: &[Engineer]) -> Labels {
        let (start, days) = (options.start, options.days);
        let first = (days / 3).max(1);
        let mut plan = Plan {
            rng: ChaCha8Rng::seed_from_u64(options.seed ^ 0x6c61_6265_6c73),
            start,
            end: start.plus(Micros(i64::from(days) * Micros::DAY.0)),
            usable: (first..days).filter(|d| working_day(start, *d)).collect(),
            truth: Vec::new(),
        };
        if people.is_empty() {
            return Labels::default();
        }
        if !plan.usable.is_empty() {
            plan.of_hours();
        }
        plan.of_days(days, people);
        plan.of_all_the_time(days, people);
        plan.truth
            .sort_by(|a, b| (a.start, &a.value).cmp(&(b.start, &b.value)));
        Labels { truth: plan.truth }
    }

    fn factor(&self, kind: &TruthKind, value: &str, time: Micros) -> Option<f64> {
        let now =
            |t: &&Truth| t.kind == *kind && t.value == value && t.start <= time && time < t.end;
        self.truth.iter().find(now).map(|t| t.factor)
    }

    fn is(&self, kind: TruthKind, value: &str) -> bool {
        self.truth
            .iter()
            .any(|t| t.kind == kind && t.value == value)
    }

    /// How many times slower than usual a component answers.
    pub fn slowness(&self, component: &str, time: Micros) -> f64 {
        let factor = self.factor(&TruthKind::SlaBreach, component, time);
        factor.unwrap_or(1.0)
    }

    /// How many times more often than usual queries to a component fail.
    pub fn failures(&self, component: &str, time: Micros) -> f64 {
        let factor = self.factor(&TruthKind::ErrorBurst, component, time);
        factor.unwrap_or(1.0)
    }

    /// By what factor a model's predictions are off.
    pub fn drift(&self, model: &str, time: Micros) -> f64 {
        let factor = self.factor(&TruthKind::ModelDrift, model, time);
        factor.unwrap_or(1.0)
    }

    /// By what factor a component or machine uses more than it may, where it does.
    pub fn over_limit(&self, value: &str, time: Micros) -> Option<f64> {
        self.factor(&TruthKind::ResourceLimit, value, time)
    }

    /// Whether an operator has stopped to learn.
    pub fn plateau(&self, operator: &str, time: Micros) -> bool {
        let factor = self.factor(&TruthKind::Plateau, operator, time);
        factor.is_some()
    }

    /// Whether an engineer's second seat lies idle.
    pub fn idle_seat(&self, engineer: &str) -> bool {
        self.is(TruthKind::SavingOpportunity, engineer)
    }

    /// Whether a team's budget is to burst.
    pub fn tight_budget(&self, team: &str) -> bool {
        self.is(TruthKind::BudgetBurst, team)
    }
}

impl Plan {
    fn label(
        &mut self,
        kind: TruthKind,
        (dimension, value): (&str, &str),
        (start, end): (Micros, Micros),
        factor: f64,
        answers: &[&str],
    ) -> &mut Truth {
        let truth = Truth {
            kind,
            dimension: dimension.into(),
            value: value.into(),
            start,
            end,
            factor,
            answers: Some(answers.iter().map(|a| (*a).to_owned()).collect()),
            usd: None,
        };
        let i = self.truth.len();
        self.truth.push(truth);
        &mut self.truth[i]
    }

    /// Some hours of a working day.
    fn hours(&mut self, hours: i64) -> (Micros, Micros) {
        let day = self.usable[self.rng.random_range(0..self.usable.len())];
        let from = i64::from(day) * Micros::DAY.0 + 9 * Micros::HOUR.0;
        let from = self.start.plus(Micros(from));
        (from, from.plus(Micros(hours * Micros::HOUR.0)))
    }

    fn of_hours(&mut self) {
        let answers = [
            "sla_simple_queries",
            "sla_moderate_queries",
            "sla_complex_queries",
            "slower_than_baseline",
            "queries_slow_down",
            "answers_slow_down",
        ];
        let time = self.hours(6);
        let slow = ("component", ai::COMPONENTS[0].name);
        self.label(TruthKind::SlaBreach, slow, time, 8.0, &answers);
        let time = self.hours(3);
        let failing = ("component", ai::COMPONENTS[1].name);
        self.label(TruthKind::ErrorBurst, failing, time, 100.0, &answers[..3]);
        let time = self.hours(1);
        let full = ("component", ai::COMPONENTS[2].name);
        let answers = ["component_over_limit"];
        self.label(TruthKind::ResourceLimit, full, time, 1.4, &answers);
        let time = self.hours(1);
        let host = ("host", delivery::HOSTS[0]);
        let answers = ["process_over_limit"];
        self.label(TruthKind::ResourceLimit, host, time, 1.5, &answers);
    }

    fn of_days(&mut self, days: u32, people: &[Engineer]) {
        if days < 6 {
            return;
        }
        let late = i64::from(days * 2 / 3) * Micros::DAY.0;
        let time = (self.start.plus(Micros(late)), self.end);
        let answers = ["model_drift", "model_retrain", "model_degraded"];
        let model = ("model", ai::MODELS[0].name);
        self.label(TruthKind::ModelDrift, model, time, 1.8, &answers);
        if let Some(operator) = learning::plateau_of(people, &mut self.rng) {
            let half = i64::from(days / 2) * Micros::DAY.0;
            let time = (self.start.plus(Micros(half)), self.end);
            let operator = ("operator", operator.as_str());
            self.label(TruthKind::Plateau, operator, time, 1.0, &[]);
        }
        let i = self.rng.random_range(0..people.len());
        let time = (self.start, self.end);
        let team = ("team", people[i].team.as_str());
        let answers = ["budget_team_spend"];
        self.label(TruthKind::BudgetBurst, team, time, 1.0, &answers);
    }

    fn of_all_the_time(&mut self, days: u32, people: &[Engineer]) {
        let time = (self.start, self.end);
        for who in people.iter().skip(4).step_by(10) {
            let seat = ("engineer", who.email.as_str());
            let usd = assistant::IDLE_SEAT_USD;
            self.label(TruthKind::SavingOpportunity, seat, time, 1.0, &[])
                .usd = Some(usd);
        }
        if days < 2 {
            return;
        }
        for (name, effect) in delivery::EXPERIMENTS {
            let kind = match effect {
                0.0 => TruthKind::ExperimentNoEffect,
                _ => TruthKind::ExperimentEffect,
            };
            self.label(kind, ("experiment", name), time, 1.0, &[]);
        }
    }
}
