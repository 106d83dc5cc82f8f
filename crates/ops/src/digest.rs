//! A hash of the merged numbers and the final rows, without keys of parts, offsets and append
//! times: two systems that read the same log have the same one.

use anyhow::Result;
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeSet;
use weir_catalog::Catalog;
use weir_model::{Micros, WindowSize};
use weir_store::{Form, Store, audit, merged_sql};

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
        store.sync_replicas().await?;
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
        for (table, sql) in audit::final_rows(through) {
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
