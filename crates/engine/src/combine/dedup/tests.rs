use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

/// A UUID of version 7, made at so many times 4.096 s.
fn made_at(time: u128) -> String {
    format!(
        "{:08x}-{:x}000-7000-8000-000000000000",
        time >> 4,
        time & 15
    )
}

#[test]
fn identities_of_the_same_seconds_are_near() {
    let table = |time, hash| Key::of(&made_at(time), hash).table;
    assert!((0..1000).all(|t| table(t, 0) == table(t, u128::MAX)));
    assert!((0..1000).all(|t| table(t, 0).wrapping_add(1) == table(t + 1, 0)));
    assert_ne!(Key::of("req-7", 0).table, Key::of("req-7", u128::MAX).table);
}

#[test]
fn late_events_do_not_keep_the_others_of_their_seconds() {
    let (a_minute, each) = (15, 40);
    let mut dedup = Dedup::default();
    let mut read = |made, n: u128, minute, late| {
        let hash = (n + 1).wrapping_mul(0x2360_ed05_1fc6_5da4_4385_df64_9fcc_f645);
        assert!(!dedup.seen(Key::of(&made_at(made), hash), minute, late));
        dedup.len()
    };
    for time in 10 * a_minute..60 * a_minute {
        let minute = (time / a_minute) as i64;
        for n in 0..each {
            read(time, time * 100 + n, minute, false);
        }
        let held = read(time - 10 * a_minute, time * 100 + each, minute, true);
        assert!(held <= 13 * (a_minute * (each + 1)) as usize, "{held}");
    }
}

/// Steps of the clock: within the horizon, beyond it, and far beyond what an entry can tell.
fn step() -> impl Strategy<Value = i64> {
    prop_oneof![
        40 => Just(0i64),
        4 => 1i64..4,
        1 => 9i64..13,
        1 => Just(MINUTES),
        1 => MINUTES - 12..MINUTES + 12,
    ]
}

proptest! {
    #[test]
    fn remembers_what_lies_within_the_horizon(
        reads in prop::collection::vec((any::<prop::sample::Index>(), step()), 1..4000), start in -70_000i64..70_000,
    ) {
        let (mut dedup, mut plain) = (Dedup::default(), BTreeMap::new());
        let mut minute = start;
        for (key, step) in reads {
            minute += step;
            // Crowded at the end of a table, which is where looking starts again from its
            // beginning. Some have the table of their time.
            let key = key.index(700) as u128;
            let text = if key.is_multiple_of(3) { made_at(key / 200) } else { String::new() };
            let key = Key::of(&text, u128::MAX >> 40 ^ key << 10);
            let before = plain.insert((key.table, key.low()), (key, minute)).map(|(_, m)| m);
            let want = before.is_some_and(|m: i64| m >= minute - HORIZON);
            prop_assert_eq!(dedup.seen(key, minute, key.low().is_multiple_of(5)), want);
        }
        let near = plain.values().filter(|(_, m)| *m >= minute - HORIZON).count();
        let held = dedup.len();
        dedup.tables.iter_mut().for_each(|t| t.rebuild(minute, 0));
        prop_assert!(held >= near);
        prop_assert_eq!(dedup.len(), near);
        for (key, then) in plain.into_values() {
            prop_assert_eq!(dedup.seen(key, minute, key.low().is_multiple_of(5)), then >= minute - HORIZON);
        }
    }

    #[test]
    fn is_as_large_as_what_lies_within_the_horizon(rate in 1usize..2000, in_time: bool) {
        let mut dedup = Dedup::default();
        let mut key = 1u128;
        let tables = TABLES * size_of::<Line>();
        let most = if in_time { 24 } else { 40 };
        for minute in 0..60 {
            for i in 0..if minute < 40 { rate } else { 1 + rate / 50 } {
                key = key.wrapping_mul(0x2360_ed05_1fc6_5da4_4385_df64_9fcc_f645).wrapping_add(1);
                let second = minute as u128 * 15 + (i * 15 / rate) as u128;
                let text = if in_time { made_at(second) } else { String::new() };
                prop_assert!(!dedup.seen(Key::of(&text, key), minute, false));
            }
            prop_assert!(dedup.bytes() <= tables + rate * 11 * most);
        }
    }
}
