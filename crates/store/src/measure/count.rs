//! Number of events: `m`.

use super::Stored;
use weir_catalog::Stat;

pub(super) const STORED: Stored = Stored {
    columns: &[("", "UInt64 CODEC(T64, ZSTD(1))")],
    shown: &[("", Stat::Value)],
    statistic: |m, _| format!("sum({})", m.column("")),
    merged: |m| vec![("", format!("sum({})", m.column("")))],
};

pub(super) fn encode(out: &mut Vec<u8>, n: u64) {
    out.extend_from_slice(&n.to_le_bytes());
}
