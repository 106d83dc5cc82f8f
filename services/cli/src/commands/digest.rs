//! `weir digest`: a hash of the merged numbers and the final rows, without keys of parts, offsets and append times.

use super::arrival::Arrival;
use super::query::runtime;
use super::services::current_run;
use super::time;
use crate::args::{DigestArgs, SystemArgs};
use crate::output;
use anyhow::Result;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::process::ExitCode;
use std::time::Duration;
use weir_model::{Micros, WindowSize};
use weir_store::{Form, Store, merged_sql};

/// What a final row says, by table: no key of a part, no offset, no append time.
const FINAL_ROWS: &[(&str, &str, &str)] = &[
    (
        "anomalies",
        "window_end",
        "tenant, dimensions, detector, detector_version, kind, severity, event, window, window_start, window_end, value, expected, score, id",
    ),
    (
        "kpis",
        "window_end",
        "tenant, dimensions, kpi, kpi_version, window, window_start, window_end, value, score, status, trend, sample, terms, id",
    ),
    (
        "alerts",
        "at",
        "tenant, dimensions, rule, rule_version, kind, severity, state, step, opened, at, value, threshold, worst, windows, id",
    ),
];

/// (what, rows, SHA-256)
type Line = (String, usize, String);

pub fn run(system: &SystemArgs, a: &DigestArgs) -> Result<ExitCode> {
    let through = a.through.as_deref().map(time).transpose()?;
    let catalog = system.catalog()?;
    let found = system.find()?;
    if let Some(through) = through {
        let run = current_run(&found.brokers, &catalog)?;
        let arrival = Arrival {
            brokers: &found.brokers,
            catalog: &catalog,
            run,
        };
        arrival.through(through, Duration::from_secs_f64(a.wait))?;
    }
    let store = Store::new(&found.own_store()?);
    let lines: Vec<Line> = runtime()?.block_on(async {
        let mut out = Vec::new();
        for event in &catalog.events {
            for size in WindowSize::ALL {
                if event.rollups.iter().any(|r| r.windows.contains(&size)) {
                    let sql = merged_sql(&catalog, event, size, Form::Full, through)?;
                    out.push(
                        hash(&store, &format!("{} {}", event.name, size.label()), &sql).await?,
                    );
                }
            }
        }
        for (table, time, columns) in FINAL_ROWS {
            let until = through
                .map(|Micros(t)| format!(" WHERE {time} <= fromUnixTimestamp64Micro({t}, 'UTC')"))
                .unwrap_or_default();
            // An early finding becomes a final one; which of the two is there yet depends on the moment.
            let early = if *table == "anomalies" {
                if until.is_empty() {
                    " WHERE NOT early"
                } else {
                    " AND NOT early"
                }
            } else {
                ""
            };
            let sql = format!("SELECT {columns} FROM {table}{until}{early}");
            out.push(hash(&store, table, &sql).await?);
        }
        anyhow::Ok(out)
    })?;
    let mut all = Sha256::new();
    for (what, _, digest) in &lines {
        all.update(format!("{what} {digest}\n"));
    }
    let digest = hex(all);
    if a.json {
        let parts: Vec<_> = lines
            .iter()
            .map(|(what, rows, d)| serde_json::json!({"what": what, "rows": rows, "digest": d}))
            .collect();
        output::json(&serde_json::json!({"digest": digest, "parts": parts}))?;
    } else {
        let rows: Vec<Vec<String>> = lines
            .iter()
            .map(|(w, n, d)| vec![w.clone(), n.to_string(), d[..16].to_owned()])
            .collect();
        output::table(&["what", "rows", "digest"], &rows)?;
        println!("{digest}");
    }
    Ok(ExitCode::SUCCESS)
}

/// Rows as a set of lines: their order has no meaning.
async fn hash(store: &Store, what: &str, sql: &str) -> Result<Line> {
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
    Ok((what.to_owned(), lines.len(), hex(digest)))
}

fn hex(digest: Sha256) -> String {
    digest
        .finalize()
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect()
}
