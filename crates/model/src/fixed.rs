//! Exact sums: a fixed-point number, so that no order of merging changes a result.

use serde::{Deserialize, Serialize};

/// A number counted in billionths, in 128 bits. Money, tokens and durations are summed in it.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Fixed(pub i128);

impl Fixed {
    /// Units per one.
    pub const SCALE: i128 = 1_000_000_000;
    /// Decimal digits after the point; the store keeps `Decimal(38, 9)`.
    pub const DIGITS: u32 = 9;
    /// The largest magnitude accepted for one value; beyond it an event is a dead letter.
    pub const LIMIT: f64 = 1e18;

    /// A whole number.
    pub const fn from_int(v: i64) -> Fixed {
        Fixed(v as i128 * Self::SCALE)
    }
    /// The nearest billionth (half to even); `None` where it is not finite or beyond
    /// [`Fixed::LIMIT`].
    #[inline]
    pub fn from_f64(v: f64) -> Option<Fixed> {
        /// From here on every float is whole.
        const WHOLE: f64 = (1u64 << 52) as f64;
        let billionths = v * Self::SCALE as f64;
        if billionths.abs() < WHOLE {
            // Adding so much leaves no bits for the fraction: the addition itself rounds half to
            // even.
            let shift = WHOLE.copysign(billionths);
            Some(Fixed(i128::from((billionths + shift - shift) as i64)))
        } else if v.abs() <= Self::LIMIT {
            Some(Fixed(billionths as i128))
        } else {
            None
        }
    }
    /// The float nearest to it: whole sums are whole up to 2^53.
    pub fn to_f64(self) -> f64 {
        nearest(self.0, Self::SCALE)
    }
    /// The sum; stops at the ends (never reached: 10^11 values of the largest magnitude).
    pub const fn plus(self, other: Fixed) -> Fixed {
        Fixed(self.0.saturating_add(other.0))
    }
}

/// Units per one of a sum of squares: it is kept in millionths.
pub const SQUARES: i128 = 1_000_000;

/// The float nearest to `n / scale`, half to even; `scale` is [`Fixed::SCALE`] or [`SQUARES`]. The
/// store's SQL (`weirNearest`) does the same steps.
pub fn nearest(n: i128, scale: i128) -> f64 {
    /// Up to here floats hold every whole number.
    const WHOLE: u128 = 1 << 53;
    if n.unsigned_abs() <= WHOLE {
        return n as f64 / scale as f64;
    }
    let (units, rest) = (n / scale, n % scale);
    if units.unsigned_abs() <= WHOLE {
        // Rounds once, in the addition: what lies half way between two floats of this size has a
        // fraction that the division gives exactly (few powers of two), and everything else lies
        // much farther from there than the division errs.
        units as f64 + rest as f64 / scale as f64
    } else {
        // Only whole numbers are left. A fraction tells but the side of half way it lies on: a bit
        // of its own says so.
        (2 * units + rest.signum()) as f64 / 2.0
    }
}

/// Rounds half to even at `decimals` places: what every KPI value goes through before it is
/// compared, published or hashed.
pub fn round(v: f64, decimals: u32) -> f64 {
    let f = 10f64.powi(decimals as i32);
    let r = (v * f).round_ties_even() / f;
    if r.is_finite() {
        if r == 0.0 { 0.0 } else { r }
    } else {
        v
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn sums_do_not_depend_on_the_order(values in prop::collection::vec(-1e18..1e18f64, 0..50), cut in 0..50usize) {
            let fixed: Vec<Fixed> = values.iter().map(|v| Fixed::from_f64(*v).unwrap()).collect();
            let sum = |list: &[Fixed]| list.iter().fold(Fixed(0), |a, b| a.plus(*b));
            let (a, b) = fixed.split_at(cut.min(fixed.len()));
            prop_assert_eq!(sum(&fixed), sum(b).plus(sum(a)));
        }

        #[test]
        fn floats_are_rounded_half_to_even(v in prop_oneof![-1e18..1e18f64, -1e7..1e7f64, -1e-6..1e-6f64], half in -1i64 << 50..1 << 50) {
            // Odd multiples of 2^-10 lie half way between two billionths.
            for v in [v, half as f64 / 1024.0] {
                let want = (v * 1e9).round_ties_even() as i128;
                prop_assert_eq!(Fixed::from_f64(v), Some(Fixed(want)));
            }
        }

        #[test]
        fn whole_numbers_are_read_back(v in -1i64 << 53..=1 << 53, small in -9_000_000i64..9_000_000) {
            prop_assert_eq!(Fixed::from_int(v).to_f64(), v as f64);
            prop_assert_eq!(Fixed::from_int(small).to_f64(), small as f64);
            prop_assert_eq!(Fixed::from_f64(small as f64), Some(Fixed::from_int(small)));
        }

        #[test]
        fn a_sum_is_read_as_the_nearest_float(v in any::<i128>(), shift in 0..127u32, step in 0..4usize, places in prop_oneof![Just(6usize), Just(9)]) {
            // Of any size: whole, half way between floats, with few decimals or with all of them.
            let scale = 10i128.pow(places as u32);
            let step = [1, 1000, 5i128.pow(places as u32), scale][step];
            let v = (v >> shift) / step * step;
            let (units, rest) = ((v / scale).unsigned_abs(), (v % scale).unsigned_abs());
            let text = format!("{}{units}.{rest:0places$}", if v < 0 { "-" } else { "" });
            prop_assert_eq!(nearest(v, scale), text.parse::<f64>().unwrap(), "{}", text);
        }

        #[test]
        fn decimals_up_to_the_ninth_place_are_kept(v in -1_000_000_000_000_000i64..1_000_000_000_000_000) {
            prop_assert_eq!(Fixed::from_f64(v as f64 / 1e9), Some(Fixed(i128::from(v))));
        }

        #[test]
        fn rounding_is_stable_and_near(v in -1e9..1e9f64, decimals in 0..6u32) {
            let r = round(v, decimals);
            prop_assert_eq!(round(r, decimals), r);
            let step = 0.5 / 10f64.powi(decimals as i32);
            prop_assert!((r - v).abs() <= step + 2.0 * v.abs() * f64::EPSILON);
        }
    }

    #[test]
    fn what_is_no_amount_is_refused_and_halves_go_to_even() {
        for v in [
            f64::NAN,
            f64::INFINITY,
            f64::NEG_INFINITY,
            1.000_000_1e18,
            -2e18,
        ] {
            assert_eq!(Fixed::from_f64(v), None);
        }
        assert!(Fixed::from_f64(Fixed::LIMIT).is_some());
        assert_eq!(Fixed::from_f64(0.1), Some(Fixed(100_000_000)));
        // 2^-10 is 976562.5 billionths exactly.
        assert_eq!(Fixed::from_f64(2f64.powi(-10)), Some(Fixed(976_562)));
        assert_eq!(
            Fixed::from_f64(3.0 * 2f64.powi(-10)),
            Some(Fixed(2_929_688))
        );
        assert_eq!(
            (round(0.5, 0), round(1.5, 0), round(2.125, 2)),
            (0.0, 2.0, 2.12)
        );
        assert!(round(-0.2, 0).is_sign_positive());
        assert_eq!(round(f64::MAX, 3), f64::MAX);
    }
}
