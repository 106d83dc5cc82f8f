//! Settings: the three stages against the oracle over random logs, and what they mean by hand.
#![allow(clippy::unwrap_used)]

#[path = "settings/pipeline.rs"]
mod pipeline;
mod shelf;
#[path = "settings/world.rs"]
mod world;

use pipeline::{engine, folded, oracle};
use proptest::prelude::*;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;
use weir_model::Micros;
use weir_model::headers::Meta;
use weir_oracle::Truth;
use world::{Raw, World, catalog};

/// By id: what both sides say of a KPI's window.
fn kpis_of(truth: &Truth) -> BTreeMap<String, String> {
    let line = |k: &weir_oracle::KpiRow| {
        let (value, score) = (k.value, k.score);
        format!(
            "{} {:?} {:?} {value:?} {score:?} {:?} {:?}",
            k.kpi, k.subject, k.end, k.status, k.momentum
        )
    };
    truth
        .kpis
        .iter()
        .map(|(id, k)| (id.clone(), line(k)))
        .collect()
}

/// Asserts that both say the same of a log; returns the number of windows published.
fn compare(log: &[Raw], rng: &mut ChaCha8Rng) -> usize {
    let catalog = catalog();
    let truth = oracle(&catalog, log);
    let (kpis, alerts) = engine(&catalog, log, rng);
    let mut got = BTreeMap::new();
    for k in &kpis {
        let (value, score) = (k.value, k.score);
        let line = format!(
            "{} {:?} {:?} {value:?} {score:?} {:?} {:?}",
            k.kpi, k.subject, k.end, k.status, k.momentum
        );
        assert!(got.insert(k.id.clone(), line).is_none(), "{} twice", k.id);
    }
    assert_eq!(got, kpis_of(&truth));
    let mut last = BTreeMap::new();
    for a in &alerts {
        let said = (a.step, a.at, a.value, a.worst, a.windows);
        last.entry(a.id.clone())
            .and_modify(|s| {
                if *s < said {
                    *s = said
                }
            })
            .or_insert(said);
    }
    let want = truth
        .alerts
        .iter()
        .map(|(id, a)| (id.clone(), (a.step, a.at, a.value, a.worst, a.windows)));
    assert_eq!(last, want.collect());
    got.len()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn the_stages_say_what_the_oracle_says(seed in any::<u64>()) {
        let rng = &mut ChaCha8Rng::seed_from_u64(seed);
        let mut world = World::new(&catalog(), rng);
        world.live();
        let log = std::mem::take(&mut world.log);
        compare(&log, rng);
    }

    #[test]
    fn a_share_of_the_subjects_reads_the_same(seed in any::<u64>(), limit in 1usize..20_000) {
        let rng = &mut ChaCha8Rng::seed_from_u64(seed);
        let catalog = catalog();
        let mut world = World::new(&catalog, rng);
        world.live();
        let whole = kpis_of(&oracle(&catalog, &world.log));
        let mut shares = BTreeMap::new();
        for truth in shelf::shares(&catalog, folded(&catalog, &world.log), limit) {
            shares.extend(kpis_of(&truth));
        }
        prop_assert_eq!(shares, whole);
    }
}

const MINUTE: i64 = 60_000_000;
const HOUR: i64 = 60 * MINUTE;
/// A Monday at 12:00 UTC.
const NOON: i64 = 1_767_614_400_000_000;

/// (kind, appended at, event time, amount), in minutes from noon: limits of team x, jobs of it.
type Told<'a> = &'a [(&'a str, i64, i64, f64)];

/// By KPI, the values published for team x of tenant d and for the tenant, by minutes from noon.
fn published(told: Told) -> BTreeMap<(String, i64), Option<f64>> {
    let catalog = catalog();
    let rng = &mut ChaCha8Rng::seed_from_u64(7);
    let mut world = World::new(&catalog, rng);
    for (kind, appended, time, amount) in told {
        let event = usize::from(*kind == "job");
        let (at, time) = (Micros(NOON + appended * MINUTE), NOON + time * MINUTE);
        if *kind == "tick" {
            for (event, n) in world::PARTITIONS.into_iter().enumerate() {
                (0..n).for_each(|p| world.tick(event, p, at));
            }
            continue;
        }
        let value = world.value(event, ("d", "x"), time, Some(*amount));
        world.record(event, 0, at, Some(value), Meta::default());
    }
    let log = std::mem::take(&mut world.log);
    assert!(compare(&log, rng) > 0);
    let (kpis, _) = engine(&catalog, &log, rng);
    let of = kpis
        .into_iter()
        .map(|k| ((k.kpi, (k.end.0 - NOON) / MINUTE), k.value));
    of.collect()
}

fn own(published: &BTreeMap<(String, i64), Option<f64>>) -> Vec<(i64, Option<f64>)> {
    let own = published.iter().filter(|((k, _), _)| k == "own");
    own.map(|((_, end), v)| (*end, *v)).collect()
}

#[test]
fn the_last_one_before_the_end_of_the_window_holds() {
    let told = [
        ("job", 1, 1, 1.0),
        ("limit", 30, 30, 10.0),
        // At the end of the first hour: it holds from the second one on.
        ("limit", 60, 60, 20.0),
        ("job", 61, 61, 2.0),
        ("job", 121, 121, 3.0),
        ("limit", 150, 150, 40.0),
        ("limit", 151, 150, 30.0),
        ("limit", 152, 151, 50.0),
        ("tick", 400, 0, 0.0),
    ];
    let all = published(&told);
    let want = [(60, Some(-9.0)), (120, Some(-18.0)), (180, Some(-47.0))];
    assert_eq!(own(&all), want);
    // Nobody worked in the fourth hour: a setting in force publishes nothing.
    assert!(!all.contains_key(&("own".into(), 240)));
}

#[test]
fn where_none_is_in_force_there_is_no_value_and_it_never_fades() {
    let told = [
        ("job", 1, 1, 1.0),
        ("limit", 61, 61, 10.0),
        ("job", 62, 62, 2.0),
        // A year later.
        ("job", 365 * 1440 + 1, 365 * 1440 + 1, 3.0),
        ("tick", 366 * 1440, 0, 0.0),
    ];
    let all = own(&published(&told));
    let want = [(60, None), (120, Some(-8.0)), (365 * 1440 + 60, Some(-7.0))];
    assert_eq!(all, want);
}

#[test]
fn a_late_one_holds_from_the_first_window_that_ends_after_it_came() {
    let told = [
        ("limit", 0, 0, 10.0),
        ("job", 1, 1, 1.0),
        ("tick", 70, 0, 0.0),
        ("job", 71, 71, 1.0),
        // Said of the first hour, in the third.
        ("limit", 125, 30, 20.0),
        // Said of before: it does not replace the newer one, late as both are.
        ("limit", 126, 20, 30.0),
        ("job", 127, 127, 1.0),
        ("tick", 400, 0, 0.0),
    ];
    let want = [(60, Some(-9.0)), (120, Some(-9.0)), (180, Some(-19.0))];
    assert_eq!(own(&published(&told)), want);
}

#[test]
fn a_kpi_waits_for_the_watermark_of_its_settings() {
    let catalog = catalog();
    let rng = &mut ChaCha8Rng::seed_from_u64(1);
    let mut world = World::new(&catalog, rng);
    let job = world.value(1, ("d", "x"), NOON, Some(1.0));
    world.record(1, 0, Micros(NOON), Some(job), Meta::default());
    for p in 0..world::PARTITIONS[1] {
        world.tick(1, p, Micros(NOON + 5 * HOUR));
    }
    world.tick(0, 0, Micros(NOON + 5 * HOUR));
    let before = std::mem::take(&mut world.log);
    assert_eq!(engine(&catalog, &before, rng).0, []);
    let mut world = World::new(&catalog, rng);
    world.tick(0, 1, Micros(NOON + 5 * HOUR));
    let mut after = before;
    after.append(&mut world.log);
    assert!(compare(&after, rng) > 0);
}
