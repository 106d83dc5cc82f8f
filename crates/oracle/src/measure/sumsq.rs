//! `sumsq`: squares of values rounded to thousandths, in millionths.

use super::{Kept, Part, part};
use crate::event::Event;

pub(super) fn add(sum: &mut i128, path: &str, e: &Event) {
    if let Some(x) = e.number(path) {
        let thousandths = (x.clamp(-1e12, 1e12) * 1000.0).round_ties_even() as i128;
        *sum += thousandths * thousandths;
    }
}

pub(super) fn number(sum: i128) -> f64 {
    sum as f64 / 1e6
}

pub(super) fn parts(sum: i128) -> Vec<Part> {
    vec![part("sum of squares", "", Kept::Billionths(sum * 1000))]
}
