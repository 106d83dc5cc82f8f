//! `weir import`

use crate::args::{ImportArgs, ImportSource, SystemArgs};
use crate::output::{self, Bar, thousands};
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use weir_sources::ingest::{self, Report};
use weir_sources::map::Mapping;

/// The mappings that come with weir.
const SHIPPED: &[(&str, &str)] = &[
    (
        "coding-agent-trace",
        include_str!("../../../../schemas/imports/coding-agent-trace.yaml"),
    ),
    (
        "azure-llm-trace",
        include_str!("../../../../schemas/imports/azure-llm-trace.yaml"),
    ),
    (
        "conversation-trace",
        include_str!("../../../../schemas/imports/conversation-trace.yaml"),
    ),
    (
        "assistant-analytics",
        include_str!("../../../../schemas/imports/assistant-analytics.yaml"),
    ),
];

pub fn run(system: &SystemArgs, a: ImportArgs) -> Result<ExitCode> {
    let brokers = system.find_brokers()?;
    if let Some(ImportSource::Git {
        path,
        tenant,
        team,
        json,
    }) = a.source
    {
        let bar = Bar::new("commits", json);
        let catalog = system.catalog()?;
        let report = ingest::git(
            &brokers,
            &path,
            &tenant,
            &team,
            &catalog.assistants,
            &mut |n, t| bar.at(n, t),
        )?;
        drop(bar);
        if json {
            output::json(&report)?;
        } else {
            tell(&path, &report);
        }
        return Ok(ExitCode::SUCCESS);
    }
    let map = a
        .map
        .context("give a mapping with --map, or `weir import git PATH`")?;
    let catalog = system.catalog()?;
    let mut code = ExitCode::SUCCESS;
    let mut reports = Vec::with_capacity(a.data.len());
    for path in &a.data {
        let mapping = mapping(&map)?;
        let Some(event) = catalog.events.iter().find(|e| e.name == mapping.event) else {
            bail!(
                "WEIR-0302: the mapping {map} is for {}, an event type that the catalog does not have",
                mapping.event
            );
        };
        let bar = Bar::new("rows", a.json);
        let report = ingest::table(
            &brokers,
            mapping,
            &event.schema_json,
            &a.tenant,
            path,
            &mut |n, t| bar.at(n, t),
        )?;
        drop(bar);
        if report.refused > 0 {
            code = ExitCode::from(1);
        }
        if !a.json {
            tell(path, &report);
        }
        reports.push(Imported { data: path, report });
    }
    if a.json {
        output::json(&reports)?;
    }
    Ok(code)
}

/// One file's report, as JSON.
#[derive(serde::Serialize)]
struct Imported<'a> {
    data: &'a Path,
    #[serde(flatten)]
    report: Report,
}

fn mapping(name: &str) -> Result<Mapping> {
    let path = PathBuf::from(name);
    if path.exists() {
        return Mapping::load(&path);
    }
    let stem = path
        .file_stem()
        .map(|s| s.to_string_lossy().into_owned())
        .unwrap_or_default();
    match SHIPPED.iter().find(|(n, _)| *n == stem) {
        Some((n, text)) => Mapping::parse(n, text),
        None => bail!(
            "WEIR-0302: there is no mapping {name}; give a file, or one of {}",
            SHIPPED
                .iter()
                .map(|(n, _)| *n)
                .collect::<Vec<_>>()
                .join(", ")
        ),
    }
}

fn tell(path: &Path, report: &Report) {
    println!(
        "{}: {} events published, {} published before, {} left out, {} refused",
        path.display(),
        thousands(report.written),
        thousands(report.already),
        thousands(report.left_out),
        thousands(report.refused)
    );
    for reason in &report.reasons {
        eprintln!("  {reason}");
    }
}
