//! The hashes that are part of the contract: they decide partitions, ids and distinct counts.

use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

/// Hash of one value counted as distinct. Zero is not produced, so that it can mark an empty slot.
pub fn distinct(value: &[u8]) -> u64 {
    xxh3_64(value).max(1)
}

/// Hash of an event's identity (`scope` = "tenant NUL type"), for de-duplication.
pub fn identity(bytes: &[u8]) -> u128 {
    xxh3_128(bytes)
}

/// Hash of a subject from its [`subject_key`]; its partition of the partials is this modulo their
/// number.
pub fn subject(key: &[u8]) -> u64 {
    xxh3_64(key)
}

/// Appends the canonical bytes of a subject: tenant, then each dimension with its value, in name
/// order. Control bytes separate, since neither names nor tenants may hold them.
pub fn subject_key<'a>(
    out: &mut Vec<u8>,
    tenant: &str,
    dimensions: impl IntoIterator<Item = (&'a str, &'a str)>,
) {
    out.extend_from_slice(tenant.as_bytes());
    for (name, value) in dimensions {
        out.push(0x1f);
        out.extend_from_slice(name.as_bytes());
        out.push(0x1e);
        out.extend_from_slice(value.as_bytes());
    }
}

/// A short stable id from parts: 32 hex digits. Used for anomalies, KPI rows and alerts.
pub fn id(parts: &[&[u8]]) -> String {
    let mut buf = Vec::with_capacity(96);
    for p in parts {
        buf.extend_from_slice(&(p.len() as u32).to_le_bytes());
        buf.extend_from_slice(p);
    }
    format!("{:032x}", xxh3_128(&buf))
}

/// Id of an anomaly or of a KPI value: of what said it (name, version), about whom
/// ([`subject_key`]), and the window (label, end).
pub fn result_id(
    name: &str,
    version: u32,
    subject_key: &[u8],
    window: &str,
    end: crate::Micros,
) -> String {
    id(&[
        name.as_bytes(),
        &version.to_le_bytes(),
        subject_key,
        window.as_bytes(),
        &end.0.to_le_bytes(),
    ])
}

/// Id of an alert: rule (name, version), subject ([`subject_key`]), no window label, and the window
/// end at which it opened.
pub fn alert_id(rule: &str, version: u32, subject_key: &[u8], opened: crate::Micros) -> String {
    result_id(rule, version, subject_key, "", opened)
}
