//! The plain accumulators hold what they promise: any split and any order of events give one value.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::hash;
use crate::records::tests::Oracle;
use proptest::prelude::*;

/// Any value of any accumulator.
pub fn any_value() -> impl Strategy<Value = MeasureValue> {
    prop_oneof![
        count::tests::any_value(),
        sum::tests::any_value(),
        extreme::tests::any_least(),
        extreme::tests::any_most(),
        sumsq::tests::any_value(),
        last::tests::any_value(),
        distribution::tests::any_value(),
        distinct::tests::any_value(),
    ]
}

/// A value as any Avro program decodes it.
pub fn value_of(v: &Oracle) -> MeasureValue {
    let Oracle::Union(branch, v) = v else {
        panic!("{v:?}")
    };
    let read = [
        count::tests::value_of,
        sum::tests::value_of,
        extreme::tests::least_of,
        extreme::tests::most_of,
        sumsq::tests::value_of,
        last::tests::value_of,
        distribution::tests::value_of,
        distinct::tests::value_of,
    ];
    read[*branch as usize](v)
}

fn samples() -> impl Strategy<Value = Vec<Sample>> {
    let value = prop_oneof![
        (0i64..5000).prop_map(|n| n as f64 / 8.0),
        -1e12..1e12f64,
        Just(0.0)
    ];
    let one = (0i64..4, 0u64..3, value, 0u32..9000).prop_map(|(at, id, value, who)| Sample {
        at: Micros(at),
        id,
        value,
        exact: Fixed::from_f64(value).unwrap(),
        hash: hash::distinct(&who.to_le_bytes()),
    });
    prop::collection::vec(one, 0..60)
}

proptest! {
    #[test]
    fn any_split_and_any_order_give_one_value(a in samples(), b in samples(), c in samples()) {
        for accumulator in Accumulator::ALL {
            let fold = |samples: &[Sample]| {
                let mut value = accumulator.empty();
                samples.iter().for_each(|s| value.add(s));
                value
            };
            let merged = |x: &MeasureValue, y: &MeasureValue| {
                let mut x = x.clone();
                x.merge(y);
                x
            };
            let whole = fold(&[a.clone(), b.clone(), c.clone()].concat());
            let (a, b, c) = (fold(&a), fold(&b), fold(&c));
            prop_assert_eq!(&merged(&merged(&a, &b), &c), &whole);
            prop_assert_eq!(&merged(&c, &merged(&b, &a)), &whole);
            prop_assert_eq!(&merged(&accumulator.empty(), &whole), &whole);
            prop_assert_eq!(&merged(&whole, &accumulator.empty()), &whole);
        }
    }
}

#[test]
fn a_value_knows_its_accumulator_and_an_empty_one_is_read_as_it_is_written() {
    for (i, accumulator) in Accumulator::ALL.into_iter().enumerate() {
        assert_eq!(accumulator as usize, i);
        let empty = accumulator.empty();
        assert_eq!(empty.accumulator(), accumulator);
        assert_eq!(ValueRef::empty(accumulator).to_owned(), empty);
        assert_eq!(empty.stat(Stat::Percentile(500)), None);
    }
}
