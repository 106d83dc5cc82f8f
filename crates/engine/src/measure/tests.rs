#![allow(clippy::unwrap_used)]

use super::*;
use proptest::prelude::*;
use weir_model::measure::{Accumulator, Sample, bin, square};
use weir_model::{Fixed, Micros, hash};

fn every() -> Layout {
    Layout::of(Accumulator::ALL.to_vec())
}

fn samples(most: usize) -> impl Strategy<Value = Vec<Sample>> {
    let value = prop_oneof![
        4 => (0i64..5_000_000).prop_map(|n| n as f64 / 1000.0),
        4 => 1e-3f64..1e6,
        1 => -1e6f64..1e18,
        1 => prop::sample::select(vec![0.0, -0.0, -1.0, 1e18, -1e18, 1e-300, 1e12, 2e12]),
    ];
    let one = (0i64..5, 0u64..3, value, 0u32..6000).prop_map(|(at, id, value, who)| Sample {
        at: Micros(at),
        id,
        value: value + 0.0,
        exact: Fixed::from_f64(value).unwrap(),
        hash: hash::distinct(&who.to_le_bytes()),
    });
    prop::collection::vec(one, 0..most)
}

/// The fold as the plain accumulators do it.
fn plain(samples: &[Sample]) -> Vec<MeasureValue> {
    let fold = |accumulator: Accumulator| {
        let mut value = accumulator.empty();
        samples.iter().for_each(|s| value.add(s));
        value
    };
    Accumulator::ALL.map(fold).to_vec()
}

/// What one event adds to a row of every accumulator.
fn deltas(s: &Sample, words: &Words) -> Vec<(usize, Delta)> {
    let (value, sum) = (s.value, s.exact.0);
    let deltas = [
        Delta::Count,
        Delta::Sum(sum),
        Delta::Min(value),
        Delta::Max(value),
        Delta::Sum(square(value).0),
        Delta::Last {
            at: s.at.0,
            id: s.id,
            value,
        },
        Delta::Value {
            value,
            sum,
            bin: bin(value),
        },
        Delta::Hash(s.hash),
    ];
    let places = deltas.iter().enumerate();
    places.map(|(i, d)| (words.offset(i), *d)).collect()
}

/// Any values, even such that no events add up to, of every accumulator.
fn any_values() -> impl Strategy<Value = Vec<MeasureValue>> {
    (
        count::tests::any_value(),
        sum::tests::any_value(),
        extreme::tests::any_least(),
        extreme::tests::any_most(),
        sumsq::tests::any_value(),
        last::tests::any_value(),
        distribution::tests::any_value(),
        distinct::tests::any_value(),
    )
        .prop_map(|(a, b, c, d, e, f, g, h)| vec![a, b, c, d, e, f, g, h])
}

fn bytes(values: &[MeasureValue]) -> Vec<u8> {
    let mut out = Vec::new();
    encode(&every(), values, &mut out);
    out
}

fn merged(a: &[u8], b: &[u8]) -> Vec<u8> {
    let mut out = vec![9];
    merge(&every(), a, b, &mut out).unwrap();
    out.split_off(1)
}

proptest! {
    #[test]
    fn a_merge_of_parts_is_the_fold_of_the_whole_in_any_order(a in samples(40), b in samples(4000), c in samples(2)) {
        let whole = plain(&[a.clone(), b.clone(), c.clone()].concat());
        let (a, b, c) = (bytes(&plain(&a)), bytes(&plain(&b)), bytes(&plain(&c)));
        let left = merged(&merged(&a, &b), &c);
        prop_assert_eq!(&left, &merged(&a, &merged(&b, &c)));
        prop_assert_eq!(&left, &merged(&c, &merged(&b, &a)));
        // Canonical: the bytes are those of the values, whichever way they came about.
        prop_assert_eq!(&left, &bytes(&whole));
        prop_assert_eq!(decode(&every(), &left).unwrap(), whole);
    }

    #[test]
    fn statistics_are_those_of_the_values(a in samples(60)) {
        let values = plain(&a);
        let row = bytes(&values);
        let stats = [Stat::Value, Stat::Count, Stat::Sum, Stat::Mean, Stat::Min, Stat::Max,
            Stat::Percentile(500), Stat::Percentile(950), Stat::Percentile(999)];
        for (i, v) in values.iter().enumerate() {
            for s in stats {
                prop_assert_eq!(stat(&every(), &row, i, s).unwrap(), v.stat(s), "{:?} {:?}", v, s);
            }
        }
    }

    #[test]
    fn any_values_come_back(values in any_values()) {
        prop_assert_eq!(decode(&every(), &bytes(&values)).unwrap(), values);
    }

    #[test]
    fn a_row_in_words_encodes_and_merges_as_the_fold_of_its_events(
        rows in prop::collection::vec(samples(200), 1..4), hot in samples(9000), again in any::<bool>(),
    ) {
        let words = Words::new(&every(), 2);
        let mut spill = Spill::default();
        for _ in 0..=u8::from(again) {
            let (mut all, mut whole) = (words.template.clone(), Vec::new());
            for samples in rows.iter().chain([&hot]) {
                let mut row = words.template.clone();
                for s in samples {
                    add(&mut row, &[0], &deltas(s, &words), &mut spill);
                }
                let mut got = Vec::new();
                words.encode(&row, &mut spill, &mut got);
                prop_assert_eq!(got, bytes(&plain(samples)));
                words.merge(&row, &mut all, &mut spill);
                whole.extend(samples.iter().copied());
            }
            let mut got = Vec::new();
            words.encode(&all, &mut spill, &mut got);
            prop_assert_eq!(got, bytes(&plain(&whole)));
            spill.clear();
        }
    }

    #[test]
    fn damage_is_an_error_or_another_row_never_a_panic(a in samples(60), at in any::<prop::sample::Index>(), x in any::<u8>()) {
        let mut row = bytes(&plain(&a));
        let n = at.index(row.len());
        prop_assert!(decode(&every(), &row[..n]).is_err());
        row[n] ^= x;
        let (row, mut out) = (&row, Vec::new());
        let _ = (decode(&every(), row), merge(&every(), row, row, &mut out));
        let _ = stat(&every(), row, 7, Stat::Value);
    }
}

#[test]
fn rows_of_one_and_two_events_are_small() {
    // Counts without a number, the other ones of these numbers.
    let row = |ms: f64| {
        [
            ("count", Some(0.0)),
            ("count", None),
            ("sum", Some(1200.0)),
            ("sum", Some(3.0)),
            ("distribution", Some(ms)),
            ("distinct", Some(0.0)),
            ("sum", Some(2.5)),
            ("sum", Some(0.0123)),
        ]
    };
    let kind = |name| MeasureKind::of_field(name, "x").unwrap_or(MeasureKind::Count);
    let layout = Layout::of(row(0.0).map(|(name, _)| kind(name).accumulator()).to_vec());
    let packed = |ms: f64| {
        let values = row(ms).map(|(name, value)| {
            let mut sum = kind(name).accumulator().empty();
            if let Some(value) = value {
                sum.add(&Sample {
                    at: Micros(0),
                    id: 0,
                    value,
                    exact: Fixed::from_f64(value).unwrap(),
                    hash: hash::distinct(b"ada"),
                });
            }
            sum
        });
        let mut out = Vec::new();
        encode(&layout, &values, &mut out);
        out
    };
    let (one, mut two) = (packed(1234.567), Vec::new());
    merge(&layout, &one, &packed(0.1 + 0.2), &mut two).unwrap();
    assert_eq!((one.len(), two.len()), (25, 41));
}
