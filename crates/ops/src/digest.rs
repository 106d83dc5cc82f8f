//! A hash of the merged numbers and the final rows, without keys of parts, offsets and append
//! times: two systems that read the same log have the same one.

use anyhow::Result;
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeSet;
use weir_catalog::Catalog;
use weir_model::{Micros, WindowSize};
use weir_store::{Form, Store, merged_sql};

/// What a final row says, by table: no key of a part, no offset, no append time.
const FINAL_ROWS: &[(&str, &str, &str)] = &[
    (
        "anomalies",
        "window_end",
        "tenant, dimensions, detector, detector_version, kind, severity, event, window, window_start, window_end, value, expected, score, crosses_at, crosses_from, crosses_to, id",
    ),
    (
        "kpis",
        "window_end",
        "tenant, dimensions, kpi, kpi_version, window, window_start, window_end, value, score, status, momentum, sample, coverage, terms, id",
    ),
    (
        "alerts",
        "at",
        "tenant, dimensions, rule, rule_version, kind, severity, state, step, opened, at, value, threshold, worst, windows, reopenings, type, priority, metric, unit, component, client, group_id, group_key, conditions, failing, id",
    ),
];

/// The hash of one set of rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Part {
    /// `llm.call 1d`, `alerts`.
    pub what: String,
    /// Different rows.
    pub rows: usize,
    /// SHA-256, 64 hex digits.
    pub digest: String,
}

/// The hash of everything, and of its parts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Digest {
    /// SHA-256 of the parts' names and hashes, 64 hex digits.
    pub digest: String,
    /// By event type and size of windows, then by table.
    pub parts: Vec<Part>,
}

impl Digest {
    /// Of what the store shows, up to a time if one is given.
    ///
    /// # Errors
    /// ClickHouse does not answer.
    pub async fn of(store: &Store, catalog: &Catalog, through: Option<Micros>) -> Result<Digest> {
        let mut parts = Vec::new();
        for event in &catalog.events {
            for size in WindowSize::ALL {
                if event.rollups.iter().any(|r| r.windows.contains(&size)) {
                    let sql = merged_sql(catalog, event, size, Form::Full, through)?;
                    let what = format!("{} {}", event.name, size.label());
                    parts.push(hash(store, &what, &sql).await?);
                }
            }
        }
        for (table, time, columns) in FINAL_ROWS {
            let condition = condition(table, time, through);
            let sql = format!("SELECT {columns} FROM {table}{condition}");
            parts.push(hash(store, table, &sql).await?);
        }
        let mut all = Sha256::new();
        for part in &parts {
            all.update(format!("{} {}\n", part.what, part.digest));
        }
        Ok(Digest {
            digest: hex(all),
            parts,
        })
    }
}

/// Which rows of a table count.
fn condition(table: &str, time: &str, through: Option<Micros>) -> String {
    let until = through
        .map(|Micros(t)| format!(" WHERE {time} <= fromUnixTimestamp64Micro({t}, 'UTC')"))
        .unwrap_or_default();
    // An early finding becomes a final one; which of the two is there yet depends on the moment.
    let early = match (table, until.is_empty()) {
        ("anomalies", true) => " WHERE NOT early",
        ("anomalies", false) => " AND NOT early",
        _ => "",
    };
    until + early
}

/// Rows as a set of lines: their order has no meaning.
async fn hash(store: &Store, what: &str, sql: &str) -> Result<Part> {
    let mut answer = store.query(sql, &[], "JSONEachRow")?;
    let mut text = Vec::new();
    while let Some(bytes) = answer.next().await? {
        text.extend_from_slice(&bytes);
    }
    let lines: BTreeSet<&[u8]> = text
        .split(|b| *b == b'\n')
        .filter(|l| !l.is_empty())
        .collect();
    let mut digest = Sha256::new();
    for l in &lines {
        digest.update(l);
        digest.update(b"\n");
    }
    Ok(Part {
        what: what.to_owned(),
        rows: lines.len(),
        digest: hex(digest),
    })
}

fn hex(digest: Sha256) -> String {
    digest
        .finalize()
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn early_findings_never_count_and_a_time_bounds_every_table() {
        assert_eq!(
            condition("anomalies", "window_end", None),
            " WHERE NOT early"
        );
        let until = " WHERE at <= fromUnixTimestamp64Micro(7, 'UTC')";
        assert_eq!(condition("alerts", "at", Some(Micros(7))), until);
        let both = format!("{until} AND NOT early");
        assert_eq!(condition("anomalies", "at", Some(Micros(7))), both);
        assert_eq!(condition("kpis", "window_end", None), "");
    }
}
