//! Learning: curves against `scipy.stats.linregress` of logarithms, and what follows from them.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use weir_analysis::learning::{
    Facts, ForgettingCurve, LearningCurve, Level, Requirement, benchmark, recommend, skill_gap,
    standing, strengths, velocity,
};
use weir_analysis::trend::Better;
use weir_analysis::{Error, Series};
use weir_model::Micros;

fn close(a: f64, b: f64) {
    assert!((a - b).abs() <= 1e-9 * b.abs().max(1.0), "{a} is not {b}");
}

const EFFORT: [f64; 12] = [
    30.0, 24.5, 21.0, 19.6, 18.2, 17.5, 16.6, 16.4, 15.9, 15.0, 14.9, 14.2,
];

#[test]
fn curves_are_those_of_scipy() {
    // l = linregress(log(arange(1, 13)), log(effort)): exp(l.intercept), -l.slope, l.rvalue**2
    let c = LearningCurve::fit(&EFFORT).unwrap();
    close(c.first, 29.66051356978936);
    close(c.rate, 0.29311729888688765);
    close(c.r2, 0.9957678874270238);
    // l = linregress(days, log(retained)): exp(l.intercept), -1 / l.slope, l.rvalue**2
    let points = [
        (1.0, 0.92),
        (2.0, 0.85),
        (4.0, 0.78),
        (7.0, 0.6),
        (14.0, 0.41),
        (30.0, 0.2),
    ];
    let f = ForgettingCurve::fit(&points).unwrap();
    close(f.first, 0.9270462920224453);
    close(f.strength, 19.0057197682041);
    close(f.r2, 0.9902325344450116);
    let due = f.days_until(0.7).unwrap();
    close(f.first * (-due / f.strength).exp(), 0.7);
    let still = ForgettingCurve::fit(&[(1.0, 0.9); 5]).unwrap();
    assert_eq!(still.days_until(0.5), None);
}

#[test]
fn plateau_and_proficiency_follow_from_the_curve() {
    let c = LearningCurve::fit(&EFFORT).unwrap();
    let n = c.proficient(12.0).unwrap();
    assert!(c.at(n as f64) <= 12.0 && c.at(n as f64 - 1.0) > 12.0, "{n}");
    close(c.days_to(12.0, 12, 2.0).unwrap(), (n - 12) as f64 / 2.0);
    assert_eq!(c.days_to(16.0, 12, 0.0), Some(0.0));
    assert_eq!(c.days_to(12.0, 12, 0.0), None);
    assert_eq!((c.proficient(40.0), c.proficient(0.0)), (Some(1), None));
    let p = c.plateau(10, 0.03).unwrap();
    let saved = |n: usize| 1.0 - c.at(n as f64 + 10.0) / c.at(n as f64);
    assert!(saved(p) <= 0.03 && saved(p - 1) > 0.03, "{p}");
    let worse = LearningCurve::fit(&[1.0, 2.0, 3.0, 4.0]).unwrap();
    assert!(worse.rate < 0.0);
    assert_eq!(
        (worse.plateau(10, 0.03), worse.proficient(0.5)),
        (None, None)
    );
    let few = LearningCurve::fit(&[3.0, 0.0, f64::NAN, -1.0, 2.0]);
    assert_eq!(few, Err(Error::TooShort { have: 2, need: 4 }));
}

#[test]
fn velocity_is_per_week() {
    let values = (0..20).map(|d| (d % 6 != 5).then(|| 40.0 + 0.5 * f64::from(d)));
    let s = Series::regular(Micros(0), Micros::DAY, values).unwrap();
    let v = velocity(&s).unwrap();
    close(v.slope, 3.5);
    close(v.lower, 3.5);
}

fn level(level: f64, sample: usize) -> Level {
    Level { level, sample }
}

fn gaps() -> Vec<weir_analysis::learning::SkillGap> {
    let need = |level, weight| Requirement {
        level,
        weight,
        min_sample: 3,
    };
    let role = BTreeMap::from([
        ("review".to_owned(), need(4.0, 1.0)),
        ("testing".to_owned(), need(3.0, 2.0)),
        ("prompting".to_owned(), need(2.0, 1.0)),
        ("rust".to_owned(), need(4.0, 1.0)),
    ]);
    let person = BTreeMap::from([
        ("review".to_owned(), level(3.0, 9)),
        ("testing".to_owned(), level(2.0, 9)),
        ("prompting".to_owned(), level(3.0, 9)),
        ("rust".to_owned(), level(0.0, 2)),
    ]);
    skill_gap(&role, &person)
}

#[test]
fn gaps_are_weighted_and_unknown_is_not_zero() {
    let gaps = gaps();
    let order: Vec<&str> = gaps.iter().map(|g| g.skill.as_str()).collect();
    assert_eq!(order, ["testing", "review", "prompting", "rust"]);
    close(gaps[0].weighted.unwrap(), 2.0 / 3.0);
    assert_eq!(
        (gaps[2].gap, gaps[3].gap, gaps[3].level),
        (Some(0.0), None, None)
    );
}

#[test]
fn peers_need_to_be_enough() {
    let peers = [1.0, 2.0, 3.0, 3.0, 5.0, 6.0];
    let s = standing(3.0, &peers).unwrap();
    // scipy.stats.percentileofscore(peers, 3, kind="mean") / 100
    close(s.above, 0.5);
    assert_eq!((s.median, s.peers), (3.0, 6));
    assert_eq!(standing(3.0, &peers[..4]), None);
    let person = BTreeMap::from([
        ("a".to_owned(), level(5.5, 9)),
        ("b".to_owned(), level(5.5, 1)),
        ("c".to_owned(), level(2.5, 9)),
    ]);
    let all = ["a", "b", "c"].map(|k| (k.to_owned(), peers.to_vec()));
    let strong = strengths(&person, &BTreeMap::from(all), 3);
    assert_eq!(strong.len(), 1);
    assert_eq!(strong[0].0, "a");
}

#[test]
fn advice_is_in_order_and_never_without_evidence() {
    let stuck = LearningCurve {
        first: 20.0,
        rate: 0.05,
        r2: 0.9,
        trials: 200,
    };
    let fading = ForgettingCurve {
        first: 1.0,
        strength: 20.0,
        r2: 0.9,
    };
    let facts = Facts {
        gaps: gaps(),
        curves: vec![
            ("deploys".into(), stuck, 10.0),
            ("fixes".into(), LearningCurve { rate: 0.5, ..stuck }, 30.0),
        ],
        forgetting: vec![("kafka".into(), fading, 10.0), ("sql".into(), fading, 2.0)],
        benchmarks: vec![
            benchmark("coverage", 0.8, 0.76, Better::Higher),
            benchmark("lead time", 24.0, 20.0, Better::Lower),
        ],
    };
    let all = recommend(&facts);
    let told: Vec<(u8, &str, &str)> = all
        .iter()
        .map(|a| (a.priority, a.kind, a.about.as_str()))
        .collect();
    assert_eq!(
        told,
        [
            (1, "close_gap", "testing"),
            (2, "change_method", "deploys"),
            (3, "close_gap", "review"),
            (4, "practise_again", "kafka"),
            (4, "reach_benchmark", "coverage"),
            (5, "measure", "rust"),
        ]
    );
    assert!(all.iter().all(|a| !a.evidence.is_empty()));
    assert_eq!(
        (all[0].evidence[0].value, all[0].evidence[0].against),
        (2.0, 3.0)
    );
    assert!(recommend(&Facts::default()).is_empty());
}
