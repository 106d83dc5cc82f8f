//! `sumsq`: squares of values rounded to thousandths, in millionths.

use super::sum::number;
use super::{Kept, Part, part};
use crate::event::Event;
use crate::fields;
use weir_catalog::Input;

/// Decimals of a sum of squares.
pub(super) const DECIMALS: usize = 6;

pub(super) fn add(sum: &mut i128, input: &Input, e: &Event) {
    if let Some(x) = fields::number(input, e) {
        let thousandths = (x.clamp(-1e12, 1e12) * 1000.0).round_ties_even() as i128;
        *sum += thousandths * thousandths;
    }
}

pub(super) fn parts(sum: i128) -> Vec<Part> {
    let number = number(sum, DECIMALS);
    vec![
        part("sum", "_exact", Kept::Billionths(sum * 1000)),
        part("number", "", Kept::Number(Some(number))),
    ]
}
