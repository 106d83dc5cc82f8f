//! Operators in training: sessions, skills that grow with them, goals, certifications, budgets.

use super::hour::{Hour, minutes};
use super::people::Engineer;
use super::relations::{FIRST_SKILL, LEARNING_EXPONENT, SKILL_SIGMA};
use rand::Rng;
use weir_events::{CertificationGranted, GoalSet, Operator, SkillScored, TrainingSession};
use weir_model::Micros;

/// Scenarios and the skill that each trains.
const SCENARIOS: [(&str, &str); 4] = [
    ("pentest_001", "reconnaissance"),
    ("phishing_004", "social_engineering"),
    ("hardening_002", "hardening"),
    ("forensics_003", "forensics"),
];
/// Sessions of an operator in an hour at the height of a working day.
const SESSIONS: f64 = 0.09;
/// Mastery that a certification asks for.
const CERTIFIED: f64 = 0.65;
/// Every how many engineers there is an operator.
pub const OPERATORS: usize = 3;

/// What is known of an operator.
#[derive(Debug, Default)]
struct Trained {
    sessions: u32,
    certified: bool,
}

/// Operators by their place among the people.
#[derive(Debug, Default)]
pub struct Learning {
    trained: Vec<Trained>,
}

impl Learning {
    pub fn hour(&mut self, h: &mut Hour<'_>) {
        let operators: Vec<&Engineer> = h.people.iter().step_by(OPERATORS).collect();
        self.trained.resize_with(operators.len(), Trained::default);
        for (who, trained) in operators.into_iter().zip(&mut self.trained) {
            if h.first {
                goals(h, who);
            }
            let mean = SESSIONS * super::people::rhythm(h.start, who);
            for _ in 0..h.times(mean) {
                session(h, who, trained);
            }
        }
    }
}

/// Mastery after so many sessions.
fn mastery(sessions: u32) -> f64 {
    1.0 - (1.0 - FIRST_SKILL) * f64::from(1 + sessions).powf(-LEARNING_EXPONENT)
}

fn session(h: &mut Hour<'_>, who: &Engineer, trained: &mut Trained) {
    let (scenario, skill) = h.pick(&SCENARIOS);
    let mastered = mastery(trained.sessions);
    let error = h.log_normal_error(1.0 - mastered);
    let success = h.chance(mastered);
    let total = h.rng.random_range(3..=8i64);
    let done = if success {
        total
    } else {
        (total as f64 * mastered) as i64
    };
    let lasted = h.log_normal(55.0, 0.3).min(240.0);
    let ended = h.moment();
    let id = h.identity("training");
    let operator = operator(who);
    let event = TrainingSession {
        session_id: id.clone().into(),
        operator: operator.clone(),
        scenario: scenario.into(),
        started_at: ended.minus(minutes(lasted)),
        ended_at: ended,
        duration_seconds: lasted * 60.0,
        success,
        score: 1.0 - error,
        cost_usd: (lasted * 4.0).round() / 100.0,
        skills: vec![skill.into()],
        objectives_completed: done,
        objectives_total: total,
        ..TrainingSession::default()
    };
    h.emit(ended, "trainer-1", event);
    let event = SkillScored {
        operator: operator.clone(),
        skill: skill.into(),
        score: 1.0 - error,
        method: "session".into(),
        scenario: scenario.into(),
        session_id: Some(id.into()),
        ..SkillScored::default()
    };
    h.emit(ended.plus(Micros(1_000_000)), "trainer-1", event);
    // An operator on a plateau trains on and learns nothing more.
    if !h.labels.plateau(&who.email, h.start) {
        trained.sessions += 1;
    }
    if !trained.certified && mastered > CERTIFIED && success {
        trained.certified = true;
        let year = Micros(365 * Micros::DAY.0);
        let event = CertificationGranted {
            operator,
            certification: "incident-responder".into(),
            issuer: "academy".into(),
            score: Some(mastered),
            expires_at: Some(ended.plus(year)),
            cost_usd: 120.0,
            ..CertificationGranted::default()
        };
        h.emit(ended.plus(Micros::HOUR), "examiner", event);
    }
}

fn goals(h: &mut Hour<'_>, who: &Engineer) {
    let time = h.start.plus(Micros(30_000_000));
    let due = h.start.plus(Micros(30 * Micros::DAY.0));
    let event = GoalSet {
        goal: "twenty-sessions".into(),
        operator: who.email.clone().into(),
        team: who.team.clone().into(),
        metric: "training.session.sessions".into(),
        target: 20.0,
        unit: "sessions".into(),
        description: "Complete 20 sessions".into(),
        due_at: Some(due),
        ..GoalSet::default()
    };
    h.emit(time, "weir-cli", event);
}

fn operator(who: &Engineer) -> Operator<'static> {
    Operator {
        email: who.email.clone().into(),
        team: who.team.clone().into(),
    }
}

impl Hour<'_> {
    /// What is missing to mastery, as it is measured.
    fn log_normal_error(&mut self, median: f64) -> f64 {
        let measured = self.normal(median.ln(), SKILL_SIGMA).exp();
        measured.clamp(1e-6, 1.0)
    }
}

/// Who may be put on a plateau.
pub fn plateau_of(people: &[Engineer], rng: &mut impl Rng) -> Option<String> {
    let operators = people.len().div_ceil(OPERATORS);
    let i = rng.random_range(0..operators.max(1));
    people.get(i * OPERATORS).map(|p| p.email.clone())
}
