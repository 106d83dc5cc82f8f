//! Exact sum: `m`.

use super::{Stored, nearest, nothing, number_and_sum};
use crate::row_binary::{Input, fixed};
use weir_model::Fixed;

pub(super) const STORED: Stored = Stored {
    columns: &[("", "Decimal(38, 9) CODEC(ZSTD(1))")],
    shown: number_and_sum,
    statistic: |m, _| nearest(&m.column(""), Fixed::SCALE),
    beneath: nothing,
};

pub(super) fn encode(out: &mut Vec<u8>, v: Fixed) {
    fixed(out, v);
}

pub(super) fn decode(input: &mut Input<'_>) -> Option<Fixed> {
    input.fixed()
}
