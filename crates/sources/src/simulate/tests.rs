//! Simulations as a whole.
#![allow(clippy::unwrap_used)]
use super::*;

fn options(engineers: usize, days: u32) -> Options {
    Options {
        engineers,
        days,
        seed: 7,
        start: Micros::from_secs(1_762_128_000),
        tenant: "acme".into(),
        intensity: 1.0,
        anomalies: true,
        only: Vec::new(),
    }
}

fn all(o: Options) -> (Vec<(Micros, Event)>, Vec<Truth>) {
    let mut s = Simulation::new(o);
    let mut out = Vec::new();
    while let Some(hour) = s.next_hour() {
        out.extend(hour);
    }
    (out, s.truth().to_vec())
}

#[test]
fn a_seed_gives_the_same_events_in_order_of_log_time() {
    let (a, truth) = all(options(20, 4));
    let (b, _) = all(options(20, 4));
    assert_eq!(a, b);
    assert!(a.len() > 1000, "{}", a.len());
    assert!(!truth.is_empty());
    assert!(a.windows(2).all(|w| w[0].0 <= w[1].0));
    let other = all(Options {
        seed: 8,
        ..options(20, 4)
    })
    .0;
    assert_ne!(a, other);
}

#[test]
fn there_is_rhythm_lateness_and_repetition() {
    let (a, _) = all(options(30, 7));
    // 2025-11-03 was a Monday: five working days, then the weekend.
    let per_day = |d: i64| {
        a.iter()
            .filter(|(_, e)| (e.event_time().0 - 1_762_128_000_000_000) / Micros::DAY.0 == d)
            .count()
    };
    assert!(per_day(1) > 4 * per_day(6), "{} {}", per_day(1), per_day(6));
    assert!(
        a.iter()
            .any(|(t, e)| t.0 - e.event_time().0 > Micros::HOUR.0)
    );
    let mut ids: Vec<_> = a.iter().map(|(_, e)| e.event_id()).collect();
    let n = ids.len();
    ids.sort();
    ids.dedup();
    assert!(ids.len() < n);
}
