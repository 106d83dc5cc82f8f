//! Number of events: `m`.

use super::{Stored, nothing, one_number};
use crate::row_binary::Input;

pub(super) const STORED: Stored = Stored {
    columns: &[("", "UInt64 CODEC(T64, ZSTD(1))")],
    shown: one_number,
    statistic: |m, _| format!("sum({})", m.column("")),
    beneath: nothing,
};

pub(super) fn encode(out: &mut Vec<u8>, n: u64) {
    out.extend_from_slice(&n.to_le_bytes());
}

pub(super) fn decode(input: &mut Input<'_>) -> Option<u64> {
    input.u64()
}
