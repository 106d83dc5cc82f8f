//! Trends against pymannkendall 1.4.3, SciPy (`scipy.stats.theilslopes`) and ruptures (`Pelt`).
#![allow(clippy::unwrap_used)]

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use weir_analysis::trend::{
    Better, Verdict, change_points, mann_kendall, penalty, seasonal_mann_kendall, theil_sen, trend,
};
use weir_analysis::{Error, Series};
use weir_model::Micros;

/// `round(10 + 0.05 * t + 3 * sin(1.7 * t) + (7919 * t % 13) / 4, 1)` for t in 0..40: ties included.
const X: [f64; 40] = [
    10.0, 13.5, 10.3, 8.9, 13.7, 15.1, 11.2, 8.7, 13.7, 12.9, 9.4, 12.4, 16.3, 10.3, 8.3, 12.8,
    14.9, 11.1, 11.2, 16.3, 12.8, 9.1, 11.5, 15.9, 13.6, 11.0, 11.9, 14.7, 11.0, 10.5, 15.5, 16.0,
    12.1, 10.6, 15.3, 13.6, 10.6, 14.3, 17.6, 11.0,
];

fn close(a: f64, b: f64) {
    assert!((a - b).abs() <= 1e-9 * b.abs().max(1.0), "{a} is not {b}");
}

fn some(values: &[f64]) -> Vec<Option<f64>> {
    values.iter().copied().map(Some).collect()
}

fn series(values: &[Option<f64>]) -> Series {
    Series::regular(Micros(0), Micros::DAY, values.iter().copied()).unwrap()
}

#[test]
fn mann_kendall_is_that_of_pymannkendall() {
    // pymannkendall.original_test(x)
    let r = mann_kendall(&some(&X));
    assert_eq!((r.s, r.variance), (122.0, 7356.0));
    close(r.z, 1.4107969433003695);
    close(r.p, 0.15830449606161512);
    close(r.tau, 0.1564102564102564);
    // pymannkendall.seasonal_test(x, period=4)
    let r = seasonal_mann_kendall(&some(&X), 4);
    assert_eq!((r.s, r.variance), (20.0, 498.0));
    close(r.z, 0.8514103584016196);
    close(r.p, 0.3945414396793203);
    close(r.tau, 0.1111111111111111);
}

#[test]
fn theil_sen_is_that_of_scipy() {
    let points: Vec<(usize, f64)> = X.iter().copied().enumerate().collect();
    // scipy.stats.theilslopes(x, numpy.arange(40), level)
    for (level, lower, upper) in [
        (0.95, -0.018181818181818278, 0.125),
        (0.80, 0.002941176470588225, 0.09999999999999994),
    ] {
        let s = theil_sen(&points, None, level).unwrap();
        close(s.slope, 0.05358974358974365);
        close(s.intercept, 11.204999999999998);
        close(s.lower, lower);
        close(s.upper, upper);
    }
}

#[test]
fn change_points_are_those_of_ruptures() {
    let mut y = vec![3.0; 12];
    y.extend([5.0, 5.4, 5.8, 5.1, 5.5, 5.9, 5.2, 5.6, 6.0, 5.3, 5.7, 5.0]);
    y.extend([9.0, 8.5, 9.5, 9.0, 9.0, 8.0, 9.0, 9.5]);
    // ruptures.Pelt(model="l2", min_size=2, jump=1).fit(y).predict(pen=...), without the end
    for pen in [1.0, 5.0, 20.0] {
        assert_eq!(change_points(&y, pen), [12, 24]);
    }
    // Dearer than all that a change can save.
    assert!(change_points(&y, 1e4).is_empty());
    assert!(change_points(&[1.0], 1.0).is_empty() && change_points(&[], 1.0).is_empty());
}

#[test]
fn pruning_changes_nothing() {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    for _ in 0..50 {
        let mut level = 0.0;
        let y: Vec<f64> = (0..60)
            .map(|_| {
                if rng.random_bool(0.06) {
                    level = rng.random_range(-4.0..4.0);
                }
                let noise: f64 = StandardNormal.sample(&mut rng);
                level + 0.5 * noise
            })
            .collect();
        let pen = rng.random_range(0.2..6.0);
        assert_eq!(change_points(&y, pen), plainly(&y, pen));
    }
}

/// All segmentations by dynamic programming, nothing left out.
fn plainly(y: &[f64], pen: f64) -> Vec<usize> {
    let cost = |a: usize, b: usize| {
        let mean = y[a..b].iter().sum::<f64>() / (b - a) as f64;
        y[a..b].iter().map(|v| (v - mean).powi(2)).sum::<f64>()
    };
    let mut best: Vec<(f64, Vec<usize>)> = vec![(f64::INFINITY, vec![]); y.len() + 1];
    best[0] = (0.0, vec![]);
    for end in 2..=y.len() {
        for start in 0..=end - 2 {
            let change = if start > 0 { pen } else { 0.0 };
            let total = best[start].0 + cost(start, end) + change;
            if total < best[end].0 - 1e-12 {
                let mut at = best[start].1.clone();
                at.extend((start > 0).then_some(start));
                best[end] = (total, at);
            }
        }
    }
    best.pop().unwrap().1
}

#[test]
fn a_verdict_needs_significance_and_knows_the_better_side() {
    let rising: Vec<Option<f64>> = (0..20)
        .map(|t| Some(f64::from(t) + f64::from(t % 3)))
        .collect();
    let s = series(&rising);
    let of = |better| trend(&s, better, None, 0.05).unwrap();
    assert_eq!(of(Better::Higher).verdict, Verdict::Improving);
    assert_eq!(of(Better::Lower).verdict, Verdict::Degrading);
    assert!(of(Better::Higher).slope.lower > 0.9);
    let flat = trend(&series(&some(&X)), Better::Higher, None, 0.05).unwrap();
    assert_eq!((flat.verdict, flat.sample), (Verdict::Stable, 40));
    let still = trend(&series(&[Some(2.0); 9]), Better::Higher, None, 0.05).unwrap();
    assert_eq!(
        (still.verdict, still.test.p, still.slope.slope),
        (Verdict::Stable, 1.0, 0.0)
    );
}

#[test]
fn a_season_hides_no_trend() {
    // A small rise under a large week.
    let week = [0.0, 40.0, 45.0, 42.0, 38.0, 5.0, -20.0];
    let values: Vec<Option<f64>> = (0..28)
        .map(|t| Some(week[t % 7] + 0.15 * t as f64))
        .collect();
    let s = series(&values);
    let plain = trend(&s, Better::Lower, None, 0.05).unwrap();
    let seasonal = trend(&s, Better::Lower, Some(7), 0.05).unwrap();
    assert_eq!(plain.verdict, Verdict::Stable);
    assert_eq!(seasonal.verdict, Verdict::Degrading);
    close(seasonal.slope.slope, 0.15);
}

#[test]
fn noise_is_called_a_trend_as_often_as_alpha_says() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut called = 0;
    for _ in 0..1000 {
        let noise: Vec<Option<f64>> = (0..30)
            .map(|t| {
                let v: f64 = StandardNormal.sample(&mut rng);
                (t % 9 != 4).then_some(v)
            })
            .collect();
        let t = trend(&series(&noise), Better::Higher, None, 0.05).unwrap();
        called += i32::from(t.verdict != Verdict::Stable);
    }
    assert!((30..=65).contains(&called), "{called} of 1000");
}

#[test]
fn the_penalty_finds_shifts_and_not_noise() {
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    let (mut false_ones, mut found) = (0, 0);
    for _ in 0..200 {
        let noise: Vec<f64> = (0..100).map(|_| StandardNormal.sample(&mut rng)).collect();
        false_ones += usize::from(!change_points(&noise, penalty(&noise)).is_empty());
        let shifted: Vec<f64> = (0..100)
            .map(|t| noise[t] + if t < 60 { 0.0 } else { 3.0 })
            .collect();
        let at = change_points(&shifted, penalty(&shifted));
        found += usize::from(at.iter().any(|t| (58..=62).contains(t)));
    }
    assert!(false_ones <= 40, "{false_ones} of 200");
    assert!(found >= 190, "{found} of 200");
}

#[test]
fn too_little_and_too_much_are_refused() {
    let few = trend(
        &series(&[Some(1.0), None, Some(2.0)]),
        Better::Higher,
        None,
        0.05,
    );
    assert_eq!(few, Err(Error::TooShort { have: 2, need: 8 }));
    let s = series(&some(&X));
    assert!(matches!(
        trend(&s, Better::Higher, Some(0), 0.05),
        Err(Error::Options(_))
    ));
    assert!(matches!(
        trend(&s, Better::Higher, None, 1.0),
        Err(Error::Options(_))
    ));
    let many = series(&vec![Some(0.0); 4001]);
    assert!(matches!(
        trend(&many, Better::Higher, None, 0.05),
        Err(Error::Options(_))
    ));
}
