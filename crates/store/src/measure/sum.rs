//! Exact sum: `m`.

use super::Stored;
use crate::row_binary::fixed;
use weir_catalog::Stat;
use weir_model::Fixed;

pub(super) const STORED: Stored = Stored {
    columns: &[("", "Decimal(38, 9) CODEC(ZSTD(1))")],
    shown: &[("", Stat::Value)],
    statistic: |m, _| format!("weirNumber(sum({}))", m.column("")),
    merged: |m| vec![("", format!("sum({})", m.column("")))],
};

pub(super) fn encode(out: &mut Vec<u8>, v: Fixed) {
    fixed(out, v);
}
