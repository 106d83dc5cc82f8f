//! `sum`: exact, in billionths.

use super::{Kept, Part, part};
use crate::event::Event;
use crate::fields;
use weir_catalog::Input;

/// Decimals of a sum.
pub(super) const DECIMALS: usize = 9;

pub(super) fn add(sum: &mut i128, input: &Input, e: &Event) {
    if let Some(exact) = fields::exact(input, e) {
        *sum += exact;
    }
}

/// The float nearest to a number with that many decimals: what is read where its digits are written
/// down.
pub(super) fn number(n: i128, decimals: usize) -> f64 {
    let digits = format!("{:0>1$}", n.unsigned_abs(), decimals + 1);
    let (units, fraction) = digits.split_at(digits.len() - decimals);
    let sign = if n < 0 { "-" } else { "" };
    format!("{sign}{units}.{fraction}")
        .parse()
        .unwrap_or(f64::NAN)
}

pub(super) fn parts(sum: i128) -> Vec<Part> {
    vec![
        part("sum", "_exact", Kept::Billionths(sum)),
        part("number", "", Kept::Number(Some(number(sum, DECIMALS)))),
    ]
}
