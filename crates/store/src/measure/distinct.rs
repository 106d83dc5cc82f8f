//! How many different texts there are: `m_hashes`, the smallest hashes.

use super::{Stored, one_number};
use crate::row_binary::{Input, length};
use weir_model::measure::HashesRef;
use weir_model::sketch::THETA;

pub(super) const STORED: Stored = Stored {
    columns: &[("_hashes", "Array(UInt64) CODEC(ZSTD(1))")],
    shown: one_number,
    statistic: |m, _| format!("weirDistinct(groupUniqArrayArray({}))", m.column("_hashes")),
    beneath: |m| {
        let all = format!("groupUniqArrayArray({})", m.column("_hashes"));
        vec![(
            "_hashes",
            format!("arraySlice(arraySort({all}), 1, {THETA})"),
        )]
    },
};

pub(super) fn encode(out: &mut Vec<u8>, hashes: &HashesRef<'_>) {
    length(out, hashes.len());
    out.extend_from_slice(hashes.as_bytes());
}

pub(super) fn decode(input: &mut Input<'_>) -> Option<Vec<u64>> {
    let n = input.length()?;
    (0..n).map(|_| input.u64()).collect()
}
