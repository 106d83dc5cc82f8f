//! Smallest and largest value: `m`, null where there is none.

use super::{NUMBER, Stored};
use crate::row_binary::maybe;
use weir_catalog::Stat;

pub(super) const MIN: Stored = Stored {
    columns: &[("", NUMBER)],
    shown: &[("", Stat::Value)],
    statistic: |m, _| format!("min({})", m.column("")),
    merged: |m| vec![("", format!("min({})", m.column("")))],
};

pub(super) const MAX: Stored = Stored {
    columns: &[("", NUMBER)],
    shown: &[("", Stat::Value)],
    statistic: |m, _| format!("max({})", m.column("")),
    merged: |m| vec![("", format!("max({})", m.column("")))],
};

pub(super) fn encode(out: &mut Vec<u8>, v: Option<f64>) {
    maybe(out, v);
}
