//! `weir import`

use super::judged;
use crate::args::{ImportArgs, ImportSource, SystemArgs};
use crate::output::{self, Bar, thousands};
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use weir_model::Micros;
use weir_model::codes::MAPPING;
use weir_ops::Watch;
use weir_sources::ingest::{self, History, Report, Table};
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
    if let Some(ImportSource::Agents(agents)) = a.source {
        return super::agents::run(system, &agents);
    }
    let brokers = system.find_brokers()?;
    let now = Micros(jiff::Timestamp::now().as_microsecond());
    if let Some(ImportSource::Git {
        path,
        tenant,
        team,
        json,
    }) = a.source
    {
        let watch = Watch::begin(&brokers, system.catalog()?, &tenant)?;
        let bar = Bar::new("commits", json);
        let known = system.catalog()?.assistants.clone();
        let history = History {
            path: &path,
            tenant: &tenant,
            team: &team,
            assistants: &known,
            now,
            privacy: system.privacy()?,
        };
        let report = ingest::git(&brokers, &history, &mut |n, t| bar.at(n, t))?;
        drop(bar);
        let not_judged = late(&watch, &report)?;
        if json {
            output::json(&Imported {
                data: &path,
                error: None,
                report,
                not_judged,
            })?;
        } else {
            let said = judged::tell(&tenant, not_judged, report.written);
            tell(&path, &report, "commits", said);
        }
        return Ok(ExitCode::SUCCESS);
    }
    let map = a
        .map
        .context("give a mapping with --map, or `weir import git PATH`, or `weir import agents`")?;
    let catalog = system.catalog()?;
    let (mut failed, mut refused) = (false, false);
    let mut reports = Vec::with_capacity(a.data.len());
    for path in &a.data {
        let mapping = mapping(&map)?;
        let Some(event) = catalog.events.iter().find(|e| e.name == mapping.event) else {
            let there: Vec<&str> = catalog.events.iter().map(|e| e.name.as_str()).collect();
            bail!(
                "{MAPPING}: the mapping {map} is for {}, an event type that the catalog does not have; it has {}",
                mapping.event,
                there.join(", ")
            );
        };
        let watch = Watch::begin(&brokers, catalog.clone(), &a.tenant)?;
        let bar = Bar::new("rows", a.json);
        let table = Table {
            mapping,
            event,
            tenant: &a.tenant,
            path,
            complete: a.complete,
            now,
            privacy: system.privacy()?,
        };
        let result = ingest::table(&brokers, table, &mut |n, t| bar.at(n, t));
        drop(bar);
        let (report, error) = match result {
            Ok(report) => (report, None),
            // The others are read all the same.
            Err(e) if a.data.len() > 1 => (Report::default(), Some(format!("{e:#}"))),
            Err(e) => return Err(e),
        };
        let not_judged = late(&watch, &report)?;
        failed |= error.is_some();
        refused |= report.refused > 0;
        match &error {
            Some(e) => eprintln!("weir: {e}"),
            None if !a.json => {
                let said = judged::tell(&a.tenant, not_judged, report.written);
                tell(path, &report, "rows", said);
            }
            None => {}
        }
        reports.push(Imported {
            data: path,
            error,
            report,
            not_judged,
        });
    }
    if a.json {
        output::json(&reports)?;
    }
    Ok(ExitCode::from(match (failed, refused) {
        (true, _) => 2,
        (false, true) => 1,
        (false, false) => 0,
    }))
}

/// One file's report, as JSON.
#[derive(serde::Serialize)]
struct Imported<'a> {
    data: &'a Path,
    /// Why nothing of it was published.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(flatten)]
    report: Report,
    /// Events older than the watermark: counted, not judged. `null` where no processor has read
    /// them yet.
    not_judged: Option<u64>,
}

/// How many of what was published came too late to be judged. Nobody waits for the answer where
/// nothing was.
fn late(watch: &Watch, report: &Report) -> Result<Option<u64>> {
    if report.written == 0 {
        return Ok(Some(0));
    }
    watch.late()
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
            "{MAPPING}: there is no mapping {name}; give a file, or one of {}",
            SHIPPED
                .iter()
                .map(|(n, _)| *n)
                .collect::<Vec<_>>()
                .join(", ")
        ),
    }
}

fn tell(path: &Path, report: &Report, what: &str, said: Option<String>) {
    let mut line = format!(
        "{}: {} events published, {} published before, {} left out, {} refused",
        path.display(),
        thousands(report.written),
        thousands(report.already),
        thousands(report.left_out),
        thousands(report.refused)
    );
    for (n, of) in [
        (
            report.doubled,
            "rows of an identity that another row stands for",
        ),
        (report.odd, "without a usable time"),
    ] {
        if n > 0 {
            line += &format!(", {} {of}", thousands(n));
        }
    }
    if report.per_second > 0.0 {
        line += &format!(
            " ({} {what} per second)",
            thousands(report.per_second as u64)
        );
    }
    println!("{line}");
    if let Some(said) = said {
        println!("  {said}");
    }
    for reason in &report.reasons {
        eprintln!("  {reason}");
    }
    let told = report.reasons.len() as u64;
    if report.refused + report.odd > told {
        eprintln!(
            "  and {} more",
            thousands(report.refused + report.odd - told)
        );
    }
    if report.differing > 0 {
        eprintln!(
            "  {} of those published before have other numbers here; what was published stays",
            thousands(report.differing)
        );
    }
    if report.waiting > 0 {
        eprintln!(
            "  the last line has no end yet and was not counted; if nothing is added to the file any more, say --complete"
        );
    }
    for note in &report.notes {
        eprintln!("  {note}");
    }
}
