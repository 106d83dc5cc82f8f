//! What a forecast holds on series of every kind: made ones, for recorded ones are measured by
//! `examples/measure_forecast.rs`.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Poisson, StandardNormal};
use weir_analysis::forecast::{Direction, Forecast, Method, Options, capacity, forecast};
use weir_analysis::{Error, Series};
use weir_model::Micros;

fn series(values: &[Option<f64>]) -> Series {
    Series::regular(Micros(0), Micros::HOUR, values.iter().copied()).unwrap()
}

fn options(seasons: &[usize], horizon: usize) -> Options {
    Options {
        seasons: seasons.to_vec(),
        horizon,
        non_negative: None,
    }
}

/// Two seasons, a drifting level and correlated noise.
fn two_seasons(seed: u64, n: usize) -> Vec<Option<f64>> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut normal = || -> f64 { StandardNormal.sample(&mut rng) };
    let (mut level, mut noise) = (100.0, 0.0);
    (0..n)
        .map(|t| {
            level += 0.2 * normal();
            noise = 0.6 * noise + 2.0 * normal();
            let hour = (t % 24) as f64 / 24.0 * std::f64::consts::TAU;
            let weekend = if (t / 24) % 7 >= 5 { -25.0 } else { 0.0 };
            Some(level + 20.0 * hour.sin() + 8.0 * (2.0 * hour).cos() + weekend + noise)
        })
        .collect()
}

/// Mean absolute error and the shares inside both intervals.
fn judged(f: &Forecast, truth: &[Option<f64>]) -> (f64, f64, f64) {
    let (mut e, mut in_80, mut in_95) = (0.0, 0.0, 0.0);
    for (p, t) in f.points.iter().zip(truth.iter().flatten()) {
        e += (p.point - t).abs();
        in_80 += f64::from(u8::from(p.lower_80 <= *t && *t <= p.upper_80));
        in_95 += f64::from(u8::from(p.lower_95 <= *t && *t <= p.upper_95));
    }
    let n = truth.len() as f64;
    (e / n, in_80 / n, in_95 / n)
}

#[test]
fn two_seasons_are_forecast_and_intervals_hold() {
    let (mut ours, mut naive, mut in_80, mut in_95) = (0.0, 0.0, 0.0, 0.0);
    let runs = 60;
    for seed in 0..runs {
        // Every day of the week is the first one to forecast.
        let n = 700 + 24 * (seed as usize % 7);
        let all = two_seasons(seed, n + 48);
        let (past, future) = all.split_at(n);
        let f = forecast(&series(past), &options(&[24, 168], 48)).unwrap();
        let (e, a, b) = judged(&f, future);
        let last = past[n - 24..].iter().cycle();
        let plain = future
            .iter()
            .zip(last)
            .map(|(t, l)| (t.unwrap() - l.unwrap()).abs());
        naive += plain.sum::<f64>() / 48.0;
        ours += e;
        in_80 += a;
        in_95 += b;
        assert_eq!(f.points[0].time, Micros(n as i64 * Micros::HOUR.0));
        assert_eq!(
            (f.seasons.as_slice(), f.backtest.origins),
            ([24, 168].as_slice(), 10)
        );
    }
    let (in_80, in_95) = (in_80 / runs as f64, in_95 / runs as f64);
    println!(
        "ratio {:.3}, coverage {in_80:.3} and {in_95:.3}",
        ours / naive
    );
    assert!(ours < 0.55 * naive, "{ours} against {naive}");
    assert!((0.78..=0.85).contains(&in_80), "{in_80}");
    assert!((0.92..=0.97).contains(&in_95), "{in_95}");
}

#[test]
fn gaps_are_no_zeros_and_cost_little() {
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let (mut whole, mut holed) = (0.0, 0.0);
    for seed in 0..20 {
        let all = two_seasons(seed, 748);
        let (past, future) = all.split_at(700);
        let mut gaps = past.to_vec();
        for (t, v) in gaps.iter_mut().enumerate() {
            let roll: f64 = StandardNormal.sample(&mut rng);
            if roll > 1.3 || (300..330).contains(&t) {
                *v = None;
            }
        }
        let o = options(&[24, 168], 48);
        whole += judged(&forecast(&series(past), &o).unwrap(), future).0;
        holed += judged(&forecast(&series(&gaps), &o).unwrap(), future).0;
    }
    assert!(holed < 1.4 * whole, "{holed} against {whole}");
}

#[test]
fn a_walk_without_season_is_no_better_than_its_last_value() {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let (mut naive, mut ours, mut last) = (0, 0.0, 0.0);
    for _ in 0..60 {
        let mut at = 50.0;
        let all: Vec<Option<f64>> = (0..220)
            .map(|_| {
                let step: f64 = StandardNormal.sample(&mut rng);
                at += step;
                Some(at)
            })
            .collect();
        let (past, future) = all.split_at(200);
        let f = forecast(&series(past), &options(&[], 20)).unwrap();
        naive += usize::from(f.method == Method::Naive);
        ours += judged(&f, future).0;
        let stay = future
            .iter()
            .map(|t| (t.unwrap() - past[199].unwrap()).abs());
        last += stay.sum::<f64>() / 20.0;
        assert_eq!((f.naive.method, f.naive.season), (Method::Naive, 1));
        if f.method == Method::Naive {
            assert_eq!(f.backtest.mae, f.naive.mae);
        } else {
            assert!(f.backtest.mae < f.naive.mae);
        }
    }
    assert!(naive >= 20, "{naive} of 60");
    assert!(ours < 1.1 * last, "{ours} against {last}");
}

#[test]
fn after_a_shift_of_level_the_new_one_goes_on() {
    for seed in 0..10 {
        let mut all = two_seasons(seed, 748);
        for v in all[600..].iter_mut().flatten() {
            *v += 150.0;
        }
        let (past, future) = all.split_at(700);
        let f = forecast(&series(past), &options(&[24, 168], 48)).unwrap();
        // What was before the shift lies 150 below.
        let (e, _, in_95) = judged(&f, future);
        println!("after a shift by 150: mean error {e:.1}");
        assert!(e < 25.0, "{e}");
        assert!(in_95 > 0.8, "{in_95}");
    }
}

#[test]
fn counts_stay_above_zero_and_losses_may_go_below() {
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let rare = Poisson::new(0.4).unwrap();
    let counts: Vec<Option<f64>> = (0..140).map(|_| Some(rare.sample(&mut rng))).collect();
    let f = forecast(&series(&counts), &options(&[7], 28)).unwrap();
    assert!(f.points.iter().all(|p| p.lower_95 >= 0.0 && p.point >= 0.0));
    assert!(f.points.iter().any(|p| p.upper_95 > 0.0));
    let below: Vec<Option<f64>> = counts.iter().map(|v| v.map(|v| v - 0.5)).collect();
    let f = forecast(&series(&below), &options(&[7], 28)).unwrap();
    assert!(f.points.iter().any(|p| p.lower_95 < 0.0));
    let told = Options {
        non_negative: Some(true),
        ..options(&[7], 28)
    };
    let f = forecast(&series(&below), &told).unwrap();
    assert!(f.points.iter().all(|p| p.lower_95 >= 0.0));
}

#[test]
fn what_never_changes_goes_on_without_doubt() {
    for level in [0.0, 3.5, -1e300] {
        let f = forecast(&series(&[Some(level); 60]), &options(&[7], 14)).unwrap();
        assert!(
            f.points
                .iter()
                .all(|p| (p.point, p.lower_95, p.upper_95) == (level, level, level))
        );
        assert_eq!((f.backtest.mae, f.backtest.mase), (Some(0.0), None));
    }
}

#[test]
fn a_season_that_the_series_does_not_hold_twice_is_left_out() {
    let past = &two_seasons(1, 100);
    let f = forecast(&series(past), &options(&[24, 168], 48)).unwrap();
    assert_eq!(f.seasons, [24]);
    let f = forecast(&series(&past[..10]), &options(&[24, 168], 48)).unwrap();
    assert!(f.seasons.is_empty() && f.points.len() == 48);
    assert!(f.backtest.horizon < 48);
    // Beyond what could be tested, doubt grows with the distance.
    let width = |h: usize| f.points[h].upper_95 - f.points[h].point;
    assert!(width(47) > 2.0 * width(5));
}

#[test]
fn too_little_is_refused_with_its_code() {
    let few = forecast(&series(&[Some(1.0); 7]), &options(&[], 3)).unwrap_err();
    assert_eq!(few, Error::TooShort { have: 7, need: 8 });
    assert_eq!(few.code().to_string(), "WEIR-0324");
    let s = series(&[Some(1.0); 20]);
    for o in [options(&[], 0), options(&[], 10_001), options(&[1], 5)] {
        assert_eq!(
            forecast(&s, &o).unwrap_err().code().to_string(),
            "WEIR-0325"
        );
    }
}

#[test]
fn a_disk_is_full_on_a_day_with_a_range() {
    let mut rng = ChaCha8Rng::seed_from_u64(11);
    let disk: Vec<Option<f64>> = (0..200)
        .map(|t| {
            let noise: f64 = StandardNormal.sample(&mut rng);
            Some(100.0 + 2.0 * f64::from(t) + 3.0 * noise)
        })
        .collect();
    let f = forecast(&series(&disk), &options(&[7], 60)).unwrap();
    assert_eq!(f.method, Method::Combined);
    // 100 + 2 t reaches 550 at 225.
    let full = capacity(&f, 550.0, Direction::Rising);
    let hour = |t: Option<Micros>| t.map(|t| t.0 / Micros::HOUR.0);
    let at = hour(full.point).unwrap();
    assert!((220..=231).contains(&at), "{at}");
    let (early, late) = (
        hour(full.range_80.0).unwrap(),
        hour(full.range_80.1).unwrap(),
    );
    assert!(
        early <= at && at <= late && late - early <= 15,
        "{early} {late}"
    );
    let wide = (
        hour(full.range_95.0).unwrap(),
        hour(full.range_95.1).unwrap(),
    );
    assert!(wide.0 <= early && late <= wide.1);
    assert_eq!(capacity(&f, 1e6, Direction::Rising).point, None);
    assert_eq!(
        hour(capacity(&f, 1e6, Direction::Rising).through),
        Some(259)
    );
    // From above it is reached at once.
    assert_eq!(hour(capacity(&f, 1e6, Direction::Falling).point), Some(200));
}

#[test]
fn the_same_input_gives_the_same_bits() {
    let s = series(&two_seasons(9, 500));
    let o = options(&[24, 168], 48);
    assert_eq!(forecast(&s, &o), forecast(&s, &o));
}

fn any_value() -> impl Strategy<Value = Option<f64>> {
    prop_oneof![
        2 => Just(None),
        3 => Just(Some(0.0)),
        6 => (-10.0..100.0_f64).prop_map(Some),
        1 => any::<f64>().prop_map(Some),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn whatever_comes_every_number_is_one_and_bounds_are_in_order(
        values in prop::collection::vec(any_value(), 0..220),
        seasons in prop::collection::vec(2..60_usize, 0..3),
        horizon in 1..80_usize,
    ) {
        let s = series(&values);
        match forecast(&s, &options(&seasons, horizon)) {
            Err(e) => prop_assert!(s.observed() < 8, "{e}"),
            Ok(f) => {
                prop_assert_eq!(f.points.len(), horizon);
                for p in &f.points {
                    let all = [p.lower_95, p.lower_80, p.point, p.upper_80, p.upper_95];
                    prop_assert!(all.iter().all(|v| v.is_finite()), "{:?}", p);
                    prop_assert!(all.windows(2).all(|w| w[0] <= w[1]), "{:?}", p);
                }
                let b = &f.backtest;
                for v in [b.mae, b.mase, b.coverage_80, b.coverage_95, f.naive.mae] {
                    prop_assert!(v.is_none_or(f64::is_finite));
                }
            }
        }
    }
}
