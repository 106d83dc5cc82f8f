//! Relations against SciPy and statsmodels, and explanations of injected anomalies.
#![allow(clippy::unwrap_used)]

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use std::collections::BTreeMap;
use weir_analysis::relation::{Cell, adjust, bottlenecks, explain, pearson, profile, relations};

fn close(a: f64, b: f64) {
    assert!((a - b).abs() <= 1e-9 * b.abs().max(1.0), "{a} is not {b}");
}

/// `round(sin(0.9 * t) + (13 * t % 7) / 5, 3)` for t in 0..30
const A: [f64; 30] = [
    0.0, 1.983, 1.974, 1.227, 0.157, -0.578, -0.573, 0.017, 1.994, 1.97, 1.212, 0.142, -0.581,
    -0.562, 0.034, 2.004, 1.966, 1.197, 0.128, -0.584, -0.551, 0.05, 2.014, 1.961, 1.181, 0.113,
    -0.587, -0.54, 0.067, 2.023,
];
/// `round(cos(0.4 * t) + (11 * t % 5) / 3, 3)` for t in 0..30
const B: [f64; 30] = [
    1.0, 1.254, 1.363, 1.362, 1.304, -0.416, -0.404, -0.276, 0.002, 0.437, -0.654, 0.026, 0.754,
    1.469, 2.109, 0.96, 1.327, 1.536, 1.608, 1.585, -0.146, -0.186, -0.144, 0.025, 0.349, -0.839,
    -0.228, 0.472, 1.203, 1.902,
];

#[test]
fn correlation_is_that_of_scipy() {
    // scipy.stats.pearsonr(a, b), and of a[:-3], b[3:]
    let (r, p) = pearson(&A, &B, None).unwrap();
    close(r, 0.1629685486872972);
    close(p, 0.3895353297834594);
    let (r, p) = pearson(&A[..27], &B[3..], None).unwrap();
    close(r, -0.11424231131221753);
    close(p, 0.5704464379542413);
    assert_eq!(pearson(&[1.0; 9], &B[..9], None), None);
}

#[test]
fn correction_is_that_of_statsmodels() {
    // statsmodels.stats.multitest.multipletests(p, method="fdr_bh")[1]
    let q = adjust(&[0.01, 0.04, 0.03, 0.005, 0.5, 0.2, 0.011, 0.9]);
    let expected = [
        0.029333333333333333,
        0.064,
        0.06,
        0.029333333333333333,
        0.5714285714285714,
        0.26666666666666666,
        0.029333333333333333,
        0.9,
    ];
    for (a, b) in q.iter().zip(expected) {
        close(*a, b);
    }
    assert!(adjust(&[]).is_empty());
}

/// A series that follows from its own past.
fn walk(rng: &mut ChaCha8Rng, n: usize, keeps: f64) -> Vec<f64> {
    let mut at = 0.0;
    (0..n)
        .map(|_| {
            let step: f64 = StandardNormal.sample(rng);
            at = keeps * at + step;
            at
        })
        .collect()
}

#[test]
fn the_related_pair_is_found_with_its_lag_and_nothing_else() {
    let mut rng = ChaCha8Rng::seed_from_u64(6);
    let (mut found, mut chance, mut pairs) = (0, 0, 0);
    for _ in 0..40 {
        let mut measures: Vec<(String, Vec<Option<f64>>)> = (0..8)
            .map(|i| {
                let v = walk(&mut rng, 200, 0.7);
                (format!("m{i}"), v.into_iter().map(Some).collect())
            })
            .collect();
        // m1 follows m0 three steps later.
        let cause = measures[0].1.clone();
        for t in 3..200 {
            let noise: f64 = StandardNormal.sample(&mut rng);
            measures[1].1[t] = cause[t - 3].map(|v| 0.8 * v + 0.5 * noise);
        }
        measures[1].1[50] = None;
        let all = relations(&measures, 5);
        assert_eq!(all.len(), 28);
        let best = &all[0];
        let is_it = (best.first.as_str(), best.second.as_str(), best.lag) == ("m0", "m1", 3);
        found += i32::from(is_it && best.q < 0.01);
        chance += all[1..].iter().filter(|r| r.q < 0.05).count();
        pairs += all.len() - 1;
    }
    assert_eq!(found, 40);
    assert!(chance * 100 <= pairs * 2, "{chance} of {pairs}");
}

#[test]
fn the_injected_value_explains_the_anomaly() {
    let mut first = 0;
    for seed in 0..100 {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let dimensions = [("team", 6), ("model", 4), ("capability", 8), ("zone", 3)];
        let at = rng.random_range(0..dimensions.len());
        let injected = (dimensions[at].0, rng.random_range(0..dimensions[at].1));
        let cells: Vec<Cell> = (0..400)
            .map(|_| {
                // Values of low number are more frequent, as a first model is.
                let values = dimensions.map(|(name, n)| {
                    let v = rng.random_range(0..n).min(rng.random_range(0..n));
                    (name, v)
                });
                let before: f64 = rng.random_range(5.0..50.0);
                let noise: f64 = StandardNormal.sample(&mut rng);
                let factor = if values.contains(&injected) {
                    1.6
                } else {
                    1.03
                };
                Cell {
                    dimensions: BTreeMap::from(values.map(|(k, v)| (k.to_owned(), v.to_string()))),
                    before,
                    now: before * (factor + 0.1 * noise),
                }
            })
            .collect();
        let causes = explain(&cells);
        let best = (causes[0].dimension.as_str(), causes[0].value.clone());
        first += i32::from(best == (injected.0, injected.1.to_string()));
    }
    println!("injected value first in {first} of 100");
    assert!(first >= 90, "{first} of 100");
}

#[test]
fn contributions_add_up_and_a_common_growth_explains_nothing() {
    let cell = |team: &str, before, now| Cell {
        dimensions: BTreeMap::from([("team".to_owned(), team.to_owned())]),
        before,
        now,
    };
    let causes = explain(&[cell("a", 80.0, 160.0), cell("b", 20.0, 40.0)]);
    close(causes.iter().map(|c| c.contribution).sum(), 1.0);
    assert!(causes.iter().all(|c| c.excess.abs() < 1e-12));
    let causes = explain(&[cell("a", 80.0, 80.0), cell("b", 20.0, 40.0)]);
    assert_eq!(
        (causes[0].value.as_str(), causes[0].contribution),
        ("b", 1.0)
    );
    close(causes[0].excess, 0.8);
    assert!(explain(&[cell("a", 5.0, 5.0)]).is_empty());
}

#[test]
fn a_profile_tells_shape_and_strength() {
    let week = [0.0, 4.0, 5.0, 4.0, 3.0, -6.0, -8.0];
    let mut rng = ChaCha8Rng::seed_from_u64(8);
    let strong: Vec<Option<f64>> = (0..140)
        .map(|t| {
            let noise: f64 = StandardNormal.sample(&mut rng);
            (t % 11 != 3).then_some(50.0 + week[t % 7] + 0.5 * noise)
        })
        .collect();
    let p = profile(&strong, 7).unwrap();
    assert!(p.strength > 0.97, "{}", p.strength);
    let shape: Vec<f64> = p.phases.iter().map(|v| v.unwrap()).collect();
    for (i, v) in shape.iter().enumerate() {
        assert!((v - shape[0] - week[i]).abs() < 0.8, "{i}: {v}");
    }
    let noise: Vec<Option<f64>> = walk(&mut rng, 140, 0.0).into_iter().map(Some).collect();
    assert!(profile(&noise, 7).unwrap().strength < 0.15);
    assert_eq!(profile(&noise[..13], 7), None);
}

#[test]
fn the_bottleneck_is_what_the_whole_moves_with() {
    let mut rng = ChaCha8Rng::seed_from_u64(9);
    let rows = 500;
    // The database is slowest on average, the queue at times.
    let database: Vec<f64> = (0..rows)
        .map(|_| 100.0 + rng.random_range(-1.0..1.0))
        .collect();
    let queue: Vec<f64> = (0..rows)
        .map(|_| if rng.random_bool(0.1) { 300.0 } else { 5.0 })
        .collect();
    let parts = [
        ("database".to_owned(), database),
        ("queue".to_owned(), queue),
    ];
    let b = bottlenecks(&parts).unwrap();
    assert_eq!(b[0].component, "queue");
    assert!(b[0].of_variance > 0.99 && b[0].of_mean < 0.35);
    close(b.iter().map(|b| b.of_variance).sum(), 1.0);
    close(b.iter().map(|b| b.of_mean).sum(), 1.0);
    assert_eq!(bottlenecks(&[("a".to_owned(), vec![1.0, 1.0])]), None);
    assert_eq!(bottlenecks(&[]), None);
}
