#![allow(clippy::unwrap_used)]

use super::*;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use weir_model::WindowSize;
use weir_model::records::{AggregateBlock, Distribution, Part};
use weir_model::sketch::THETA;
use weir_model::{hash, sketch};

pub(crate) const KINDS: [Kind; 8] = [
    Kind::Count,
    Kind::Sum,
    Kind::Min,
    Kind::Max,
    Kind::SumSq,
    Kind::Last,
    Kind::Distribution,
    Kind::Distinct,
];

pub(crate) fn layout(kinds: &[Kind]) -> Layout {
    Layout {
        kinds: kinds.to_vec(),
    }
}

/// One event's contribution, the same number seen by every kind.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sample {
    pub at: i64,
    pub id: u64,
    pub value: f64,
    pub who: u32,
}

pub(crate) fn samples(most: usize) -> impl Strategy<Value = Vec<Sample>> {
    let value = prop_oneof![
        4 => (0i64..5_000_000).prop_map(|n| n as f64 / 1000.0),
        4 => 1e-3f64..1e6,
        1 => -1e6f64..1e18,
        1 => prop::sample::select(vec![0.0, -0.0, -1.0, 1e18, -1e18, 1e-300, 1e12, 2e12]),
    ];
    let one = (0i64..5, 0u64..3, value, 0u32..6000).prop_map(|(at, id, value, who)| Sample {
        at,
        id,
        value,
        who,
    });
    prop::collection::vec(one, 0..most)
}

/// The fold as the definitions say it.
pub(crate) fn naive(samples: &[Sample]) -> Vec<MeasureValue> {
    let zero = |v: f64| if v == 0.0 { 0.0 } else { v };
    let values = || samples.iter().map(|s| zero(s.value));
    let sum = samples
        .iter()
        .fold(Fixed(0), |s, x| s.plus(Fixed::from_f64(x.value).unwrap()));
    let square = |v: f64| ((v.clamp(-1e12, 1e12) * 1000.0).round_ties_even() as i128).pow(2);
    let mut bins = BTreeMap::new();
    for v in values() {
        *bins
            .entry(if v > 0.0 { sketch::bin(v) } else { 0 })
            .or_insert(0) += 1;
    }
    let hashes: BTreeSet<u64> = samples
        .iter()
        .map(|s| hash::distinct(&s.who.to_le_bytes()))
        .collect();
    let last = samples.iter().max_by(|a, b| {
        (a.at, a.id)
            .cmp(&(b.at, b.id))
            .then(zero(a.value).total_cmp(&zero(b.value)))
    });
    vec![
        MeasureValue::Count(samples.len() as u64),
        MeasureValue::Sum(sum),
        MeasureValue::Min(values().min_by(f64::total_cmp)),
        MeasureValue::Max(values().max_by(f64::total_cmp)),
        MeasureValue::SumSq(Fixed(values().map(square).sum())),
        MeasureValue::Last(last.map(|s| Last {
            at: Micros(s.at),
            id: s.id,
            value: zero(s.value),
        })),
        MeasureValue::Distribution(Distribution {
            count: samples.len() as u64,
            sum,
            min: values().min_by(f64::total_cmp).unwrap_or(0.0),
            max: values().max_by(f64::total_cmp).unwrap_or(0.0),
            bins: bins.into_iter().collect(),
        }),
        MeasureValue::Distinct(hashes.into_iter().take(THETA).collect()),
    ]
}

fn bytes(values: &[MeasureValue]) -> Vec<u8> {
    let mut out = Vec::new();
    encode(&layout(&KINDS), values, &mut out);
    out
}

fn merged(a: &[u8], b: &[u8]) -> Vec<u8> {
    let mut out = vec![9];
    merge(&layout(&KINDS), a, b, &mut out).unwrap();
    out.split_off(1)
}

/// One of any bins, even below its minimum, and of any counts, even other ones than its own.
fn distribution() -> impl Strategy<Value = Distribution> {
    let step = prop_oneof![9 => 1u32..70, 1 => 1u32..3000];
    let n = prop_oneof![5 => Just(1u64), 5 => 1u64..200, 1 => 1u64..];
    let first = prop_oneof![17_400u32..17_700, 0u32..65_000];
    let min = prop::sample::select(vec![0.0, 1.0, 1.5, 1e6]);
    let bins = prop::collection::vec((step, n), 1..200);
    (1u64..1000, any::<i64>(), min, first, bins).prop_map(|(count, sum, min, first, bins)| {
        let mut at = first;
        let bins = bins.into_iter().map(|(step, n)| {
            at += step;
            (at, n)
        });
        Distribution {
            count,
            sum: Fixed(i128::from(sum)),
            min,
            max: 1e6,
            bins: bins
                .filter_map(|(bin, n)| Some((u16::try_from(bin).ok()?, n)))
                .collect(),
        }
    })
}

/// What a statistic is, from decoded values.
fn plain_stat(value: &MeasureValue, stat: Stat) -> Option<f64> {
    match (value, stat) {
        (MeasureValue::Distribution(d), Stat::Count) => Some(d.count as f64),
        (MeasureValue::Distribution(d), Stat::Sum) => Some(d.sum.to_f64()),
        (MeasureValue::Distribution(d), _) if d.count == 0 => None,
        (MeasureValue::Distribution(d), Stat::Mean) => Some(d.sum.to_f64() / d.count as f64),
        (MeasureValue::Distribution(d), Stat::Min) => Some(d.min),
        (MeasureValue::Distribution(d), Stat::Max) => Some(d.max),
        (MeasureValue::Distribution(d), Stat::Percentile(p)) => {
            sketch::quantile(d.bins.iter().copied(), d.count, f64::from(p) / 1000.0)
        }
        (_, s) if s != Stat::Value => None,
        (MeasureValue::Count(n), _) => Some(*n as f64),
        (MeasureValue::Sum(s), _) => Some(s.to_f64()),
        (MeasureValue::SumSq(s), _) => Some(s.0 as f64 / 1e6),
        (MeasureValue::Min(v) | MeasureValue::Max(v), _) => *v,
        (MeasureValue::Last(l), _) => l.as_ref().map(|l| l.value),
        (MeasureValue::Distinct(h), _) => {
            Some(sketch::theta_estimate(h.len(), h.last().copied().unwrap_or(0)) as f64)
        }
        (MeasureValue::Distribution(_), _) => None,
    }
}

proptest! {
    #[test]
    fn a_merge_of_parts_is_the_fold_of_the_whole_in_any_order(a in samples(40), b in samples(4000), c in samples(2)) {
        let whole = naive(&[a.clone(), b.clone(), c.clone()].concat());
        let (a, b, c) = (bytes(&naive(&a)), bytes(&naive(&b)), bytes(&naive(&c)));
        let left = merged(&merged(&a, &b), &c);
        prop_assert_eq!(&left, &merged(&a, &merged(&b, &c)));
        prop_assert_eq!(&left, &merged(&c, &merged(&b, &a)));
        // Canonical: the bytes are those of the values, whichever way they came about.
        prop_assert_eq!(&left, &bytes(&whole));
        prop_assert_eq!(decode(&layout(&KINDS), &left).unwrap(), whole);
    }

    #[test]
    fn statistics_are_those_of_the_values(a in samples(60)) {
        let values = naive(&a);
        let row = bytes(&values);
        let stats = [Stat::Value, Stat::Count, Stat::Sum, Stat::Mean, Stat::Min, Stat::Max,
            Stat::Percentile(500), Stat::Percentile(950), Stat::Percentile(999)];
        for (i, v) in values.iter().enumerate() {
            for s in stats {
                prop_assert_eq!(stat(&layout(&KINDS), &row, i, s).unwrap(), plain_stat(v, s), "{:?} {:?}", v, s);
            }
        }
    }

    #[test]
    fn any_values_come_back(
        sum in any::<i128>(), count in any::<u64>(), min in any::<f64>(), at in any::<i64>(), id in any::<u64>(),
        bins in prop::collection::btree_map(any::<u16>(), 1u64.., 1..20),
    ) {
        prop_assume!(!min.is_nan());
        let min = if min == 0.0 { 0.0 } else { min };
        let values = vec![
            MeasureValue::Count(count), MeasureValue::Sum(Fixed(sum)), MeasureValue::Min(Some(min)),
            MeasureValue::Max(None), MeasureValue::SumSq(Fixed(sum)),
            MeasureValue::Last(Some(Last { at: Micros(at), id, value: min })),
            MeasureValue::Distribution(Distribution {
                count: count >> 1 | 1, sum: Fixed(sum), min, max: min, bins: bins.into_iter().collect(),
            }),
            MeasureValue::Distinct(vec![id]),
        ];
        prop_assert_eq!(decode(&layout(&KINDS), &bytes(&values)).unwrap(), values);
    }

    #[test]
    fn any_bins_merge_and_leave_as_they_are(a in distribution(), b in distribution(), swap in any::<bool>()) {
        let only = layout(&[Kind::Distribution]);
        let row = |d: &Distribution| {
            let mut out = Vec::new();
            encode(&only, &[MeasureValue::Distribution(d.clone())], &mut out);
            out
        };
        let (x, y) = if swap { (&b, &a) } else { (&a, &b) };
        let mut both = Vec::new();
        merge(&only, &row(x), &row(y), &mut both).unwrap();
        let mut bins: BTreeMap<u16, u64> = a.bins.iter().copied().collect();
        for (bin, n) in &b.bins {
            let at = bins.entry(*bin).or_insert(0);
            *at = at.saturating_add(*n);
        }
        let want = vec![MeasureValue::Distribution(Distribution {
            count: a.count + b.count,
            sum: a.sum.plus(b.sum),
            min: a.min.min(b.min),
            max: a.max.max(b.max),
            bins: bins.into_iter().collect(),
        })];
        prop_assert_eq!(&decode(&only, &both).unwrap(), &want);

        let no_names: [Vec<String>; 1] = [Vec::new()];
        let mut writer = AggregateWriter::new(Vec::new(), "e", 1, 1, &["d"], &no_names);
        let (window, end) = (WindowSize::Hour, Micros::HOUR);
        writer.row("t", 0, [], window, Micros(0), end, Part::OnTime);
        write(&only, &both, &mut writer).unwrap();
        let block = AggregateBlock::decode(&writer.finish().unwrap()).unwrap();
        prop_assert_eq!(&block.rows[0].values, &want);
    }

    #[test]
    fn damage_is_an_error_or_another_row_never_a_panic(a in samples(60), at in any::<prop::sample::Index>(), x in any::<u8>()) {
        let mut row = bytes(&naive(&a));
        let n = at.index(row.len());
        prop_assert!(decode(&layout(&KINDS), &row[..n]).is_err());
        row[n] ^= x;
        let (row, mut out) = (&row, Vec::new());
        let _ = (decode(&layout(&KINDS), row), merge(&layout(&KINDS), row, row, &mut out));
        let _ = stat(&layout(&KINDS), row, 7, Stat::Value);
    }
}

#[test]
fn rows_of_one_and_two_events_are_small() {
    let kinds = [
        Kind::Count,
        Kind::Count,
        Kind::Sum,
        Kind::Sum,
        Kind::Distribution,
        Kind::Distinct,
        Kind::Sum,
        Kind::Sum,
    ];
    let value = |v: f64| Distribution {
        count: 1,
        sum: Fixed::from_f64(v).unwrap(),
        min: v,
        max: v,
        bins: vec![(sketch::bin(v), 1)],
    };
    let row = |ms: f64| {
        let mut out = Vec::new();
        let values = [
            MeasureValue::Count(1),
            MeasureValue::Count(0),
            MeasureValue::Sum(Fixed::from_int(1200)),
            MeasureValue::Sum(Fixed::from_int(3)),
            MeasureValue::Distribution(value(ms)),
            MeasureValue::Distinct(vec![hash::distinct(b"ada")]),
            MeasureValue::Sum(Fixed::from_f64(2.5).unwrap()),
            MeasureValue::Sum(Fixed::from_f64(0.0123).unwrap()),
        ];
        encode(&layout(&kinds), &values, &mut out);
        out
    };
    let (one, mut two) = (row(1234.567), Vec::new());
    merge(&layout(&kinds), &one, &row(0.1 + 0.2), &mut two).unwrap();
    assert_eq!((one.len(), two.len()), (25, 41));
}
