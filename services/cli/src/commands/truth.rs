//! `weir truth`: injected anomalies against found ones.

use super::query::runtime;
use super::show;
use crate::args::{SystemArgs, TruthArgs};
use crate::output;
use anyhow::{Context, Result};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::process::ExitCode;
use weir_model::Micros;
use weir_sources::simulate::Truth;
use weir_store::{Store, StoreConfig};

/// A finding belongs to what was injected if its window touches it or the hour after: values come in whole windows.
const SLACK: Micros = Micros::HOUR;

#[derive(Debug, Deserialize)]
struct Found {
    detector: String,
    dimensions: BTreeMap<String, String>,
    start: i64,
    end: i64,
}

pub fn run(system: &SystemArgs, a: &TruthArgs) -> Result<ExitCode> {
    let path = a
        .file
        .clone()
        .unwrap_or_else(|| system.data_dir.join(format!("truth-{}.jsonl", a.seed)));
    let text = std::fs::read_to_string(&path).with_context(|| {
        format!(
            "WEIR-0301: cannot read {}; `weir simulate` writes it",
            path.display()
        )
    })?;
    let truth: Vec<Truth> = text
        .lines()
        .map(serde_json::from_str)
        .collect::<Result<_, _>>()?;
    let store = Store::new(&StoreConfig::at(system.find()?.clickhouse));
    let sql = "SELECT detector, dimensions, toInt64(toUnixTimestamp64Micro(window_start)) AS start, \
               toInt64(toUnixTimestamp64Micro(window_end)) AS end FROM anomalies WHERE tenant = {tenant:String} ORDER BY end \
               SETTINGS output_format_json_quote_64bit_integers = 0";
    let params = [("tenant".to_owned(), a.tenant.clone())];
    let text =
        runtime()?.block_on(async { store.query(sql, &params, "JSONEachRow")?.collect().await })?;
    let found: Vec<Found> = text
        .split(|b| *b == b'\n')
        .filter(|l| !l.is_empty())
        .map(serde_json::from_slice)
        .collect::<Result<_, _>>()?;

    let touches = |f: &Found, t: &Truth| f.start < t.end.plus(SLACK).0 && f.end > t.start.0;
    let about = |f: &Found, t: &Truth| f.dimensions.get(&t.dimension) == Some(&t.value);
    let mut rows = Vec::new();
    let mut hits = 0;
    for t in &truth {
        let mut by: Vec<&Found> = found
            .iter()
            .filter(|f| touches(f, t) && about(f, t))
            .collect();
        by.sort_by_key(|f| f.end);
        hits += usize::from(!by.is_empty());
        let first = by.first().map_or_else(
            || "-".into(),
            |f| ((f.end - t.start.0) / Micros::MINUTE.0).to_string(),
        );
        let mut names: Vec<&str> = by.iter().map(|f| f.detector.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        rows.push(vec![
            serde_json::to_value(t.kind)?
                .as_str()
                .unwrap_or_default()
                .to_owned(),
            format!("{}={}", t.dimension, t.value),
            show(t.start),
            format!("{}x", t.factor),
            if names.is_empty() {
                "missed".into()
            } else {
                names.join(", ")
            },
            first,
        ]);
    }
    // A spike of one engineer shows in the team and the organisation too: what touches no injected time is unexplained.
    let unexplained = found
        .iter()
        .filter(|f| !truth.iter().any(|t| touches(f, t)))
        .count();
    if a.json {
        output::json(&serde_json::json!({
            "injected": truth.len(), "found": hits, "findings": found.len(), "outside": unexplained,
        }))?;
    } else {
        output::table(
            &["injected", "in", "from", "factor", "found by", "minutes"],
            &rows,
        )?;
        println!(
            "{hits} of {} injected anomalies found; {} findings in all, {unexplained} of them at no injected time",
            truth.len(),
            found.len()
        );
    }
    Ok(ExitCode::SUCCESS)
}
