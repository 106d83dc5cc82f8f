//! Experiments: reference values, and the two promises: few false verdicts under continuous
//! looking, and real effects found.
#![allow(clippy::unwrap_used)]

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Exp1, StandardNormal};
use weir_analysis::experiment::{
    Arm, Guardrail, Plan, State, effect, half_width, judge, sample_ratio,
};
use weir_analysis::trend::Better;

fn plan(effect: f64) -> Plan {
    Plan {
        better: Better::Higher,
        effect,
        alpha: 0.05,
        power: 0.9,
        min_days: 7.0,
        share: 0.5,
    }
}

/// An arm that grows by one value after the other.
#[derive(Clone, Copy, Default)]
struct Growing {
    n: f64,
    mean: f64,
    squares: f64,
}

impl Growing {
    fn add(&mut self, v: f64) {
        self.n += 1.0;
        let off = v - self.mean;
        self.mean += off / self.n;
        self.squares += off * (v - self.mean);
    }
    fn arm(&self) -> Arm {
        Arm {
            n: self.n,
            mean: self.mean,
            variance: self.squares / (self.n - 1.0).max(1.0),
        }
    }
}

/// Plays an experiment with 400 subjects a day, looked at every 20; the verdict and its subjects.
fn play(
    plan: &Plan,
    days: usize,
    rng: &mut ChaCha8Rng,
    mut value: impl FnMut(&mut ChaCha8Rng, bool) -> f64,
    guarded: bool,
) -> (State, f64) {
    let mut arms = [Growing::default(); 2];
    let mut guard = [Growing::default(); 2];
    let mut state = State::NoData;
    for i in 1..=days * 400 {
        let treated = rng.random_bool(plan.share);
        arms[usize::from(treated)].add(value(rng, treated));
        guard[usize::from(treated)].add(StandardNormal.sample(rng));
        if i % 20 > 0 {
            continue;
        }
        let guardrails = [Guardrail {
            name: "latency".into(),
            better: Better::Lower,
            margin: 0.0,
            control: guard[0].arm(),
            treatment: guard[1].arm(),
        }];
        let guardrails = if guarded { &guardrails[..] } else { &[] };
        let day = i as f64 / 400.0;
        let j = judge(plan, &arms[0].arm(), &arms[1].arm(), guardrails, day);
        state = j.state;
        if matches!(
            state,
            State::RollOut | State::RollBack { .. } | State::Hold | State::Unhealthy { .. }
        ) {
            return (state, i as f64);
        }
    }
    (state, days as f64 * 400.0)
}

fn is_verdict(s: &State) -> bool {
    matches!(s, State::RollOut | State::RollBack { .. })
}

#[test]
fn a_thousand_null_experiments_have_few_false_verdicts() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    // A small effect is planned for, so that all are looked at for the full 20 days.
    let plan = Plan {
        min_days: 0.0,
        ..plan(0.02)
    };
    let (mut wrong, mut unhealthy) = (0, 0);
    for i in 0..1000 {
        let (state, _) = match i % 3 {
            0 => play(
                &plan,
                20,
                &mut rng,
                |r, _| f64::from(u8::from(r.random_bool(0.2))),
                false,
            ),
            1 => play(&plan, 20, &mut rng, |r, _| StandardNormal.sample(r), true),
            _ => play(&plan, 20, &mut rng, |r, _| Exp1.sample(r), true),
        };
        wrong += i32::from(is_verdict(&state));
        unhealthy += i32::from(matches!(state, State::Unhealthy { .. }));
    }
    println!("false verdicts: {wrong} of 1000, false alarms on the split: {unhealthy}");
    assert!(wrong <= 50, "{wrong} of 1000");
    assert!(unhealthy <= 1, "{unhealthy} of 1000");
}

#[test]
fn the_declared_effect_is_found() {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    let mut found = 0;
    let runs = 200;
    for i in 0..runs {
        let (state, _) = match i % 2 {
            0 => {
                let value = |r: &mut ChaCha8Rng, t: bool| {
                    f64::from(u8::from(r.random_bool(if t { 0.25 } else { 0.2 })))
                };
                play(&plan(0.05), 40, &mut rng, value, false)
            }
            _ => {
                let value = |r: &mut ChaCha8Rng, t: bool| {
                    let noise: f64 = StandardNormal.sample(r);
                    noise + if t { 0.15 } else { 0.0 }
                };
                play(&plan(0.15), 40, &mut rng, value, false)
            }
        };
        found += i32::from(state == State::RollOut);
    }
    println!("found: {found} of {runs}");
    assert!(found >= runs * 9 / 10, "{found} of {runs}");
}

#[test]
fn intervals_are_those_of_the_formula() {
    // sqrt(V * (V + t) / t * log((V + t) / (V * a * a))) with V = 4.0/500 + 4.4/520, t = 0.25**2
    let v = 4.0 / 500.0 + 4.4 / 520.0;
    let h = half_width(v, 0.0625, 0.05);
    assert!((h - 0.3965031394412315).abs() < 1e-12, "{h}");
    let arm = |n, mean, variance| Arm { n, mean, variance };
    let e = effect(&arm(500.0, 10.0, 4.0), &arm(520.0, 10.5, 4.4), 0.25, 0.05).unwrap();
    assert!((e.upper - e.lower - 2.0 * h).abs() < 1e-12);
    // The p value is alpha where the interval ends at zero.
    let edge = effect(
        &arm(500.0, 10.0, 4.0),
        &arm(520.0, 10.0 + h, 4.4),
        0.25,
        0.05,
    )
    .unwrap();
    assert!((edge.p - 0.05).abs() < 1e-9 && edge.lower.abs() < 1e-12);
    assert_eq!(
        effect(&arm(99.0, 1.0, 1.0), &arm(500.0, 1.0, 1.0), 0.1, 0.05),
        None
    );
    assert_eq!(
        effect(&arm(500.0, 1.0, 0.0), &arm(500.0, 2.0, 0.0), 0.1, 0.05),
        None
    );
}

#[test]
fn a_wrong_split_is_seen() {
    // The formula with scipy.special.gammaln, concentration 100.
    let p = sample_ratio(&[5300.0, 4700.0], &[0.5, 0.5]);
    assert!((p / 1.8113709101117875e-07 - 1.0).abs() < 1e-6, "{p}");
    assert_eq!(sample_ratio(&[5030.0, 4970.0], &[0.5, 0.5]), 1.0);
    let j = judge(
        &plan(0.05),
        &Arm::proportion(1060, 5300),
        &Arm::proportion(1200, 4700),
        &[],
        9.0,
    );
    assert!(matches!(j.state, State::Unhealthy { .. }), "{:?}", j.state);
}

#[test]
fn every_state_is_reached() {
    let p = plan(0.05);
    let j = |c: (u64, u64), t: (u64, u64), days| {
        judge(
            &p,
            &Arm::proportion(c.0, c.1),
            &Arm::proportion(t.0, t.1),
            &[],
            days,
        )
        .state
    };
    assert_eq!(j((10, 50), (12, 52), 9.0), State::NoData);
    assert_eq!(j((400, 2000), (600, 2000), 9.0), State::RollOut);
    assert_eq!(
        j((600, 2000), (400, 2000), 9.0),
        State::RollBack { guardrail: None }
    );
    assert_eq!(j((4000, 20_000), (4010, 20_000), 9.0), State::Hold);
    // Decided, but a week is a week.
    assert_eq!(
        j((400, 2000), (600, 2000), 5.0),
        State::DaysLeft { days: Some(2.0) }
    );
    let State::DaysLeft { days: Some(days) } = j((100, 500), (105, 500), 10.0) else {
        panic!("{:?}", j((100, 500), (105, 500), 10.0));
    };
    let needed = judge(
        &p,
        &Arm::proportion(100, 500),
        &Arm::proportion(105, 500),
        &[],
        10.0,
    )
    .needed;
    assert!((days - (needed.unwrap() - 1000.0) / 100.0).abs() < 1e-9);
    let slow = |mean| Arm {
        n: 2000.0,
        mean,
        variance: 100.0,
    };
    let guard = |margin| Guardrail {
        name: "latency".into(),
        better: Better::Lower,
        margin,
        control: slow(50.0),
        treatment: slow(53.0),
    };
    let guarded = |margin| {
        let (c, t) = (Arm::proportion(400, 2000), Arm::proportion(600, 2000));
        judge(&p, &c, &t, &[guard(margin)], 1.0).state
    };
    // Harm ends an experiment on its first day, a gain does not.
    assert_eq!(
        guarded(0.0),
        State::RollBack {
            guardrail: Some("latency".into())
        }
    );
    assert!(matches!(guarded(5.0), State::DaysLeft { .. }));
}
