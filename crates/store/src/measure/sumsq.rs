//! Exact sum of squares: `m`, in millionths. Its bytes are those of a sum.

use super::{Stored, nearest, nothing, number_and_sum};
use weir_model::fixed::SQUARES;

pub(super) const STORED: Stored = Stored {
    columns: &[("", "Decimal(38, 6) CODEC(ZSTD(1))")],
    shown: number_and_sum,
    statistic: |m, _| nearest(&m.column(""), SQUARES),
    beneath: nothing,
};
