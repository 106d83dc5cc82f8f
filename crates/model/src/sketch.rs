//! The definition of the two sketches, shared by the engine, the oracle and the store's SQL.
//!
//! **Distribution** (a DDSketch): a positive value `x` falls into bin `floor(log2(x) * 35) +
//! 17500`, exactly; zero into bin 0. The value of a bin is its middle, `2^((bin - 17500 + 0.5) /
//! 35)`, which is within 1 % of every value in it. A quantile `q` of `n` values is the value of the
//! bin that holds the value of rank `max(1, ceil(q * n))` in ascending order, cut to what was seen:
//! not below the smallest value, not above the largest.
//!
//! **Count of distinct texts** (a theta sketch): the [`THETA`] smallest hashes
//! ([`crate::hash::distinct`]) of the values. Below [`THETA`] entries the count is exact; from
//! there it is `(THETA - 1) / (largest / 2^64)`, rounded half to even.

/// Bins per octave.
pub const BINS_PER_OCTAVE: i32 = 35;
/// The bin of 1.0.
pub const BIN_OFFSET: i32 = 17_500;
/// Hashes kept by a distinct count: 2.2 % standard error beyond it, exact below.
pub const THETA: usize = 2048;

/// The 52 fraction bits of the smallest double that is at least `2^(k/35)`, for k = 0..35.
pub const THRESHOLDS: [u64; 35] = [
    0x0000000000000,
    0x051ed35254d7b,
    0x0a57de9c16bc8,
    0x0faba81d4e5e0,
    0x151ab8c56eea3,
    0x1aa59c4115e7e,
    0x204ce10811782,
    0x2611186bae675,
    0x2bf2d6a54f7db,
    0x31f2b2e54f85d,
    0x381147622f887,
    0x3e4f316812c30,
    0x44ad116889e7c,
    0x4b2b8b0aaf3c8,
    0x51cb453b9536d,
    0x588cea3f093be,
    0x5f7127c0ac32a,
    0x6678aee5629f8,
    0x6da4345d1e0ae,
    0x74f47075017a0,
    0x7c6a1f29e2ce7,
    0x8406003b2ae5d,
    0x8bc8d73e16610,
    0x93b36bb158fff,
    0x9bc68911258c0,
    0xa402feeb9c533,
    0xac69a0f5a241d,
    0xb4fb472022b1b,
    0xbdb8cdadbe121,
    0xc6a31548e794e,
    0xcfbb031a741a5,
    0xd90180e09c9e4,
    0xe2777d0676771,
    0xec1deabbe3c15,
    0xf5f5c20dfe5f3,
];

/// For each of 256 equal parts of an octave, the bin that its first value falls into.
const START: [u8; 256] = {
    let mut t = [0u8; 256];
    let mut i = 0;
    while i < 256 {
        let m = (i as u64) << 44;
        let mut k = 34;
        while THRESHOLDS[k] > m {
            k -= 1;
        }
        t[i] = k as u8;
        i += 1;
    }
    t
};

/// The bin of a value that is finite and not negative. Exact: no logarithm is taken. Values below
/// 2^-500 (subnormals among them) share bin 0 with zero.
#[inline]
pub fn bin(x: f64) -> u16 {
    let bits = x.to_bits();
    let octave = (bits >> 52) as i32 - 1023;
    // Negative and no number: callers keep them out, and bytes may say them all the same.
    if octave < -500 || x.is_nan() || x.is_sign_negative() {
        return 0;
    }
    let fraction = bits & ((1 << 52) - 1);
    let mut k = START[(fraction >> 44) as usize] as usize;
    // A part of an octave holds at most one threshold: bins are wider than parts.
    if k + 1 < THRESHOLDS.len() && THRESHOLDS[k + 1] <= fraction {
        k += 1;
    }
    (octave.min(1000) * BINS_PER_OCTAVE + k as i32 + BIN_OFFSET) as u16
}

/// The value that stands for a bin.
pub fn bin_value(bin: u16) -> f64 {
    if bin == 0 {
        return 0.0;
    }
    ((f64::from(bin) - f64::from(BIN_OFFSET) + 0.5) / f64::from(BINS_PER_OCTAVE)).exp2()
}

/// The quantile of bins in ascending order, within the `(smallest, largest)` value that was seen;
/// `None` where there are none. More values than a number can count are as many as it can.
pub fn quantile(
    bins: impl IntoIterator<Item = (u16, u64)>,
    count: u64,
    q: f64,
    (least, most): (f64, f64),
) -> Option<f64> {
    let rank = ((q * count as f64).ceil() as u64).max(1);
    let mut seen = 0u64;
    for (b, n) in bins {
        seen = seen.saturating_add(n);
        if seen >= rank {
            return Some(bin_value(b).max(least).min(most));
        }
    }
    None
}

/// The estimate of a distinct count from its number of kept hashes and the largest of them.
pub fn theta_estimate(kept: usize, largest: u64) -> u64 {
    if kept < THETA {
        return kept as u64;
    }
    let theta = largest as f64 / 18_446_744_073_709_551_616.0;
    ((THETA - 1) as f64 / theta).round_ties_even() as u64
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    /// A natural number of any size, 32 bits per digit, lowest first: enough to multiply and
    /// compare.
    #[derive(Clone, PartialEq, Eq)]
    struct Big(Vec<u32>);

    impl Big {
        fn power_of_two(n: u32) -> Big {
            let mut digits = vec![0; n as usize / 32];
            digits.push(1 << (n % 32));
            Big(digits)
        }
        fn times(&self, other: &Big) -> Big {
            let mut out = vec![0u32; self.0.len() + other.0.len()];
            for (i, a) in self.0.iter().enumerate() {
                let mut carry = 0u64;
                for (j, b) in other.0.iter().enumerate() {
                    let v = u64::from(out[i + j]) + u64::from(*a) * u64::from(*b) + carry;
                    out[i + j] = v as u32;
                    carry = v >> 32;
                }
                out[i + other.0.len()] = carry as u32;
            }
            while out.last() == Some(&0) {
                out.pop();
            }
            Big(out)
        }
        fn at_least(&self, other: &Big) -> bool {
            let key = |b: &Big| (b.0.len(), b.0.iter().rev().copied().collect::<Vec<_>>());
            key(self) >= key(other)
        }
    }

    /// The bin by its definition: the largest k with 2^(k/35) <= x, that is 2^k <= x^35.
    fn exact(x: f64) -> u16 {
        let bits = x.to_bits();
        let octave = (bits >> 52) as i32 - 1023;
        let mantissa = bits & ((1 << 52) - 1) | 1 << 52;
        let m = Big(vec![mantissa as u32, (mantissa >> 32) as u32]);
        let power = (1..35).fold(m.clone(), |p, _| p.times(&m));
        // x^35 = mantissa^35 * 2^(35 * (octave - 52)), so 2^(35 * 52 + k) <= mantissa^35 within the
        // octave.
        let k = (0..35)
            .rev()
            .find(|k| power.at_least(&Big::power_of_two(35 * 52 + k)))
            .unwrap();
        (octave * 35 + k as i32 + BIN_OFFSET) as u16
    }

    fn positive() -> impl Strategy<Value = f64> {
        // Within the range that has bins: 2^-500 to 2^1000.
        (523u64..=2023, 0u64..1 << 52).prop_map(|(e, m)| f64::from_bits(e << 52 | m))
    }

    /// A double at a boundary of a bin, or next to it.
    fn boundary() -> impl Strategy<Value = f64> {
        (523u64..=2022, 0..35usize, -1i64..=1).prop_map(|(e, k, d)| {
            f64::from_bits(((e << 52 | THRESHOLDS[k]) as i64 + d).max(523 << 52) as u64)
        })
    }

    proptest! {
        #[test]
        fn bins_are_exact(x in prop_oneof![positive(), boundary()]) {
            prop_assert_eq!(bin(x), exact(x), "{:e}", x);
        }

        #[test]
        fn bins_ascend_with_values(a in prop_oneof![positive(), boundary()], b in prop_oneof![positive(), boundary()]) {
            let (a, b) = if a <= b { (a, b) } else { (b, a) };
            prop_assert!(bin(a) <= bin(b));
            prop_assert!(bin(a) <= bin(f64::from_bits(a.to_bits() + 1)));
        }

        #[test]
        fn the_value_of_a_bin_is_within_one_percent(x in prop_oneof![positive(), boundary()]) {
            prop_assert!((bin_value(bin(x)) / x - 1.0).abs() < 0.01, "{x:e}");
        }

        #[test]
        fn quantiles_are_within_one_percent_of_the_ranked_value(
            mut values in prop::collection::vec(1e-3..1e9f64, 1..200), q in 0.0..=1.0f64,
        ) {
            values.sort_by(f64::total_cmp);
            let mut bins = std::collections::BTreeMap::<u16, u64>::new();
            for v in &values {
                *bins.entry(bin(*v)).or_default() += 1;
            }
            let rank = ((q * values.len() as f64).ceil() as usize).max(1);
            let seen = (values[0], values[values.len() - 1]);
            let got = quantile(bins, values.len() as u64, q, seen).unwrap();
            prop_assert!((got / values[rank - 1] - 1.0).abs() < 0.01);
            prop_assert!(seen.0 <= got && got <= seen.1, "{} of {:?}", got, seen);
        }
    }

    #[test]
    fn every_threshold_is_exact_on_both_sides() {
        for (k, fraction) in THRESHOLDS.iter().enumerate() {
            let x = f64::from_bits(1023 << 52 | fraction);
            assert_eq!(i32::from(bin(x)), BIN_OFFSET + k as i32);
            assert_eq!(bin(x), exact(x));
            let below = f64::from_bits(x.to_bits() - 1);
            assert_eq!(bin(below), exact(below));
            assert_eq!(bin(below) + 1, bin(x));
        }
        for tiny in [0.0, f64::MIN_POSITIVE, 2f64.powi(-501), f64::from_bits(1)] {
            assert_eq!((bin(tiny), bin_value(bin(tiny))), (0, 0.0));
        }
    }

    #[test]
    fn distinct_counts_are_exact_below_theta_and_close_beyond() {
        assert_eq!(theta_estimate(0, 0), 0);
        assert_eq!(theta_estimate(THETA - 1, u64::MAX), 2047);
        for n in [10_000u32, 200_000] {
            let mut hashes: Vec<u64> = (0..n)
                .map(|i| crate::hash::distinct(&i.to_le_bytes()))
                .collect();
            hashes.sort_unstable();
            let estimate = theta_estimate(THETA, hashes[THETA - 1]) as f64;
            assert!(
                (estimate / f64::from(n) - 1.0).abs() < 0.08,
                "{estimate} of {n}"
            );
        }
    }
}
