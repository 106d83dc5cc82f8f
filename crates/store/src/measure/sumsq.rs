//! Exact sum of squares: `m`, in millionths. Its bytes are those of a sum.

use super::Stored;
use weir_catalog::Stat;

pub(super) const STORED: Stored = Stored {
    columns: &[("", "Decimal(38, 6) CODEC(ZSTD(1))")],
    shown: &[("", Stat::Value)],
    statistic: |m, _| {
        format!(
            "toFloat64(reinterpret(sum({}), 'Int128')) / 1000000.",
            m.column("")
        )
    },
    merged: |m| vec![("", format!("sum({})", m.column("")))],
};
