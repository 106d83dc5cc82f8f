//! Smallest and largest value: `m`, null where there is none.

use super::{NUMBER, Stored, nothing, one_number};
use crate::row_binary::{Input, maybe};

pub(super) const MIN: Stored = Stored {
    columns: &[("", NUMBER)],
    shown: one_number,
    statistic: |m, _| format!("min({})", m.column("")),
    beneath: nothing,
};

pub(super) const MAX: Stored = Stored {
    columns: &[("", NUMBER)],
    shown: one_number,
    statistic: |m, _| format!("max({})", m.column("")),
    beneath: nothing,
};

pub(super) fn encode(out: &mut Vec<u8>, v: Option<f64>) {
    maybe(out, v);
}

pub(super) fn decode(input: &mut Input<'_>) -> Option<Option<f64>> {
    input.maybe()
}
