//! `weir truth`: injected anomalies against found ones.

use super::query::runtime;
use super::show;
use crate::args::{SystemArgs, TruthArgs};
use crate::output;
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;
use weir_model::Micros;
use weir_sources::simulate::Truth;
use weir_store::Store;

/// A finding belongs to what was injected if its window touches it or the hour after: values come in whole windows.
const SLACK: Micros = Micros::HOUR;

/// A line of a truth file.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Line {
    tenant: String,
    #[serde(flatten)]
    truth: Truth,
}

/// Adds what a simulation injects to a truth file. What earlier ones injected stays: their events are in the log too.
pub fn add(path: &Path, tenant: &str, truth: &[Truth]) -> Result<()> {
    let mut lines = match std::fs::exists(path)? {
        true => read(path)?,
        false => Vec::new(),
    };
    let before = lines.len();
    for t in truth {
        let line = Line {
            tenant: tenant.to_owned(),
            truth: t.clone(),
        };
        if !lines[..before].contains(&line) {
            lines.push(line);
        }
    }
    let mut text = String::new();
    for line in &lines {
        text += &serde_json::to_string(line)?;
        text.push('\n');
    }
    std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

fn read(path: &Path) -> Result<Vec<Line>> {
    let unreadable = || {
        format!(
            "WEIR-0301: cannot read {}; `weir simulate` writes it",
            path.display()
        )
    };
    let text = std::fs::read_to_string(path).with_context(unreadable)?;
    let lines = text.lines().map(serde_json::from_str);
    lines.collect::<Result<_, _>>().with_context(unreadable)
}

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
    let mut lines = read(&path)?;
    lines.retain(|l| l.tenant == a.tenant);
    let truth: Vec<Truth> = lines.into_iter().map(|l| l.truth).collect();
    let store = Store::new(&system.find()?.own_store()?);
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
