//! Values of every accumulator, and what ClickHouse shows of them: what the store's own list
//! (`src/measure`) is held to.

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use std::collections::{BTreeMap, BTreeSet};
use weir_catalog::MeasureKind;
use weir_model::fixed::{SQUARES, nearest};
use weir_model::measure::{Accumulator, Distribution, Last, MeasureValue};
use weir_model::sketch::{THETA, bin, quantile, theta_estimate};
use weir_model::{Fixed, Micros};

/// A random value of a kind.
pub fn value(rng: &mut ChaCha8Rng, kind: &MeasureKind, at: Micros) -> MeasureValue {
    let number = |rng: &mut ChaCha8Rng| (rng.random_range(0.0..12.0f64)).exp2() - 1.0;
    match kind.accumulator() {
        Accumulator::Count => MeasureValue::Count(rng.random_range(0..9)),
        Accumulator::Sum => MeasureValue::Sum(Fixed(rng.random_range(-(1i128 << 70)..1i128 << 90))),
        Accumulator::Min => MeasureValue::Min(rng.random_bool(0.8).then(|| number(rng))),
        Accumulator::Max => MeasureValue::Max(rng.random_bool(0.8).then(|| number(rng))),
        Accumulator::SumSq => MeasureValue::SumSq(Fixed(rng.random_range(0..1i128 << 60))),
        Accumulator::Last => MeasureValue::Last(rng.random_bool(0.8).then(|| Last {
            at,
            id: rng.random(),
            value: number(rng),
        })),
        Accumulator::Distribution => {
            let values: Vec<f64> = (0..rng.random_range(0..20)).map(|_| number(rng)).collect();
            let mut bins = BTreeMap::new();
            values
                .iter()
                .for_each(|v| *bins.entry(bin(*v)).or_insert(0) += 1);
            MeasureValue::Distribution(Distribution {
                count: values.len() as u64,
                sum: values
                    .iter()
                    .fold(Fixed(0), |s, v| s.plus(Fixed::from_f64(*v).unwrap())),
                min: values.iter().copied().reduce(f64::min).unwrap_or(0.0),
                max: values.iter().copied().reduce(f64::max).unwrap_or(0.0),
                bins: bins.into_iter().collect(),
            })
        }
        Accumulator::Distinct => {
            // Some at the limit, so that merging has something to cut.
            let n = if rng.random_bool(0.1) {
                THETA
            } else {
                rng.random_range(0..40)
            };
            let mut hashes: BTreeSet<u64> = (0..n).map(|_| rng.random_range(1..u64::MAX)).collect();
            hashes.insert(7);
            MeasureValue::Distinct(hashes.into_iter().take(THETA).collect())
        }
    }
}

/// What is compared: the numbers of the view and what lies beneath them.
pub fn full(v: &MeasureValue) -> Vec<String> {
    let mut all = plain(v);
    match v {
        MeasureValue::Last(None) => all.extend(["0".into(), "0".into()]),
        MeasureValue::Last(Some(l)) => all.extend([l.at.0.to_string(), l.id.to_string()]),
        MeasureValue::Distribution(d) => {
            let bins: Vec<String> = d.bins.iter().map(|(b, n)| format!("({b},{n})")).collect();
            all.push(format!("[{}]", bins.join(",")));
        }
        MeasureValue::Distinct(h) => {
            let hashes: Vec<String> = h.iter().map(u64::to_string).collect();
            all.push(format!("[{}]", hashes.join(",")));
        }
        _ => {}
    }
    all
}

/// What the plain view shows of a measure.
pub fn plain(v: &MeasureValue) -> Vec<String> {
    let float = |f: f64| f.to_bits().to_string();
    match v {
        MeasureValue::Count(n) => vec![n.to_string()],
        MeasureValue::Sum(s) => vec![float(s.to_f64()), s.0.to_string()],
        MeasureValue::SumSq(s) => vec![float(nearest(s.0, SQUARES)), s.0.to_string()],
        MeasureValue::Min(f) | MeasureValue::Max(f) => vec![f.map_or("\\N".into(), float)],
        MeasureValue::Last(l) => vec![l.as_ref().map_or("\\N".into(), |l| float(l.value))],
        MeasureValue::Distinct(h) => {
            vec![theta_estimate(h.len(), h.last().copied().unwrap_or(0)).to_string()]
        }
        MeasureValue::Distribution(d) => {
            let q = |q| {
                quantile(d.bins.iter().copied(), d.count, q, (d.min, d.max))
                    .map_or("\\N".into(), float)
            };
            let some = |f: f64| if d.count == 0 { "\\N".into() } else { float(f) };
            vec![
                d.count.to_string(),
                float(d.sum.to_f64()),
                d.sum.0.to_string(),
                some(d.sum.to_f64() / d.count as f64),
                some(d.min),
                some(d.max),
                q(0.5),
                q(0.9),
                q(0.95),
                q(0.99),
            ]
        }
    }
}
