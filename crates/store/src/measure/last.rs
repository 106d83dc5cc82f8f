//! Value of the latest event: `m_at`, `m_id`, `m_value`; time and id are 0 where there is none.

use super::{NUMBER, Stored, one_number};
use crate::row_binary::{Input, maybe, time};
use weir_model::Micros;
use weir_model::measure::Last;

pub(super) const STORED: Stored = Stored {
    columns: &[
        ("_at", "DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1))"),
        ("_id", "UInt64 CODEC(ZSTD(1))"),
        ("_value", NUMBER),
    ],
    shown: one_number,
    statistic: |m, _| {
        format!(
            "argMax({}, ({}, {}))",
            m.column("_value"),
            m.column("_at"),
            m.column("_id")
        )
    },
    beneath: |m| {
        let key = format!("({}, {})", m.column("_at"), m.column("_id"));
        vec![
            ("_at", format!("max({key}).1")),
            ("_id", format!("max({key}).2")),
        ]
    },
};

pub(super) fn encode(out: &mut Vec<u8>, last: Option<(Micros, u64, f64)>) {
    let (at, id, value) = match last {
        Some((at, id, value)) => (at, id, Some(value)),
        None => (Micros(0), 0, None),
    };
    time(out, at);
    out.extend_from_slice(&id.to_le_bytes());
    maybe(out, value);
}

pub(super) fn decode(input: &mut Input<'_>) -> Option<Option<Last>> {
    let (at, id) = (input.time()?, input.u64()?);
    let value = input.maybe()?;
    Some(value.map(|value| Last { at, id, value }))
}
