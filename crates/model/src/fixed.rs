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
    /// The nearest billionth (half to even); `None` where it is not finite or beyond [`Fixed::LIMIT`].
    pub fn from_f64(v: f64) -> Option<Fixed> {
        if v.abs() <= Self::LIMIT {
            Some(Fixed((v * Self::SCALE as f64).round_ties_even() as i128))
        } else {
            None
        }
    }
    /// As a float: one conversion, one division (the store's SQL does the same two steps).
    pub fn to_f64(self) -> f64 {
        self.0 as f64 / Self::SCALE as f64
    }
    /// The sum; stops at the ends (never reached: 10^11 values of the largest magnitude).
    pub const fn plus(self, other: Fixed) -> Fixed {
        Fixed(self.0.saturating_add(other.0))
    }
}

/// Rounds half to even at `decimals` places: what every KPI value goes through before it is compared,
/// published or hashed.
pub fn round(v: f64, decimals: u32) -> f64 {
    let f = 10f64.powi(decimals as i32);
    let r = (v * f).round_ties_even() / f;
    if r.is_finite() {
        if r == 0.0 { 0.0 } else { r }
    } else {
        v
    }
}
