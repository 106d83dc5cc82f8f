//! Recommendations, each with its priority and what it rests on.
//!
//! Priority 1 is most urgent, 5 least. It follows from one number per recommendation, a share of
//! what is wanted that is missing: from 0.5 on 1, from 0.3 on 2, from 0.15 on 3, from 0.05 on 4,
//! else 5.

use super::{Benchmark, ForgettingCurve, LearningCurve, SkillGap};
use serde::Serialize;

/// Missing shares from which on a priority holds, from 1 to 4.
const STEPS: [f64; 4] = [0.5, 0.3, 0.15, 0.05];
/// Share that has to be retained before practice is due.
const RETAINED: f64 = 0.7;
/// Saving by so many more trials that is no progress any more.
const PLATEAU: (usize, f64) = (10, 0.03);
/// Share of variance that a curve has to explain before something is said by it.
const TRUSTED: f64 = 0.5;

/// A number that a recommendation rests on.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Evidence {
    /// What was measured.
    pub what: String,
    /// Its value.
    pub value: f64,
    /// What it is compared with.
    pub against: f64,
}

/// Something to do.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Advice {
    /// 1 (most urgent) to 5.
    pub priority: u8,
    /// Kind: `close_gap`, `measure`, `practise_again`, `change_method`, `reach_benchmark`.
    pub kind: &'static str,
    /// Skill, curve or benchmark that it is about.
    pub about: String,
    /// What it rests on; never empty.
    pub evidence: Vec<Evidence>,
}

/// What is known of a person.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Facts {
    /// Gaps against the role.
    pub gaps: Vec<SkillGap>,
    /// Per skill: effort per trial, and the effort that is aimed at.
    pub curves: Vec<(String, LearningCurve, f64)>,
    /// Per skill: forgetting, and days since it was last practised.
    pub forgetting: Vec<(String, ForgettingCurve, f64)>,
    /// Benchmarks of the person.
    pub benchmarks: Vec<Benchmark>,
}

/// What to do, most urgent first.
pub fn recommend(facts: &Facts) -> Vec<Advice> {
    let mut out: Vec<(f64, Advice)> = Vec::new();
    out.extend(facts.gaps.iter().filter_map(of_gap));
    out.extend(facts.curves.iter().filter_map(of_curve));
    out.extend(facts.forgetting.iter().filter_map(of_forgetting));
    out.extend(facts.benchmarks.iter().filter_map(of_benchmark));
    // The same facts give the same order.
    out.sort_by(|(x, a), (y, b)| {
        (a.priority.cmp(&b.priority))
            .then(y.total_cmp(x))
            .then_with(|| (a.kind, &a.about).cmp(&(b.kind, &b.about)))
    });
    out.into_iter().map(|(_, a)| a).collect()
}

/// The priority of a missing share: 1 is most urgent, 5 least.
pub fn priority(missing: f64) -> u8 {
    (1..)
        .zip(STEPS)
        .find(|(_, from)| missing >= *from)
        .map_or(5, |(p, _)| p)
}

fn advice(
    missing: f64,
    kind: &'static str,
    about: &str,
    evidence: &[(&str, f64, f64)],
) -> (f64, Advice) {
    let evidence = evidence
        .iter()
        .map(|(what, value, against)| Evidence {
            what: (*what).to_owned(),
            value: *value,
            against: *against,
        })
        .collect();
    let advice = Advice {
        priority: priority(missing),
        kind,
        about: about.to_owned(),
        evidence,
    };
    (missing, advice)
}

fn of_gap(g: &SkillGap) -> Option<(f64, Advice)> {
    let Some(level) = g.level else {
        // Unknown is no gap: it has to be looked at, without hurry.
        return Some(advice(
            0.0,
            "measure",
            &g.skill,
            &[("observations", 0.0, 1.0)],
        ));
    };
    let missing = g.weighted.filter(|w| *w > 0.0)?;
    Some(advice(
        missing,
        "close_gap",
        &g.skill,
        &[("level", level, g.required)],
    ))
}

fn of_curve((skill, curve, target): &(String, LearningCurve, f64)) -> Option<(f64, Advice)> {
    let now = curve.at(curve.trials as f64);
    let flat = curve
        .plateau(PLATEAU.0, PLATEAU.1)
        .is_some_and(|n| n <= curve.trials);
    let stuck = flat || curve.rate <= 0.0;
    // Effort far above its aim, and practice that does not help any more.
    if !stuck || now <= *target || *target <= 0.0 || (curve.rate > 0.0 && curve.r2 < TRUSTED) {
        return None;
    }
    let missing = 1.0 - target / now;
    Some(advice(
        missing,
        "change_method",
        skill,
        &[
            ("effort", now, *target),
            ("left per doubling of practice", curve.per_doubling(), 1.0),
        ],
    ))
}

fn of_forgetting((skill, curve, days): &(String, ForgettingCurve, f64)) -> Option<(f64, Advice)> {
    let due = curve.days_until(RETAINED)?;
    if *days < due || curve.r2 < TRUSTED {
        return None;
    }
    let retained = curve.first * (-days / curve.strength).exp();
    let missing = 1.0 - retained / RETAINED;
    Some(advice(
        missing,
        "practise_again",
        skill,
        &[
            ("retained", retained, RETAINED),
            ("days since practice", *days, due),
        ],
    ))
}

fn of_benchmark(b: &Benchmark) -> Option<(f64, Advice)> {
    if b.met {
        return None;
    }
    let missing = b.share.map_or(0.0, |s| (1.0 - s).abs());
    Some(advice(
        missing,
        "reach_benchmark",
        &b.name,
        &[("value", b.reached, b.value)],
    ))
}
