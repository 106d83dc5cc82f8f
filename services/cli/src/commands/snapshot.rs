//! `weir record` and `weir replay`

use super::time;
use crate::args::{RecordArgs, ReplayArgs, SystemArgs};
use crate::output::{self, Bar, thousands};
use anyhow::{Result, bail};
use std::process::ExitCode;
use std::time::Instant;
use weir_model::codes::SNAPSHOT;
use weir_sources::ingest;

pub fn record(system: &SystemArgs, a: &RecordArgs) -> Result<ExitCode> {
    let brokers = system.find_brokers()?;
    let from = a.from.as_deref().map(time).transpose()?;
    let through = a.through.as_deref().map(time).transpose()?;
    let bar = Bar::new("records", a.json);
    let records = ingest::record(&brokers, &a.file, from, through, &mut |n, t| bar.at(n, t))?;
    drop(bar);
    let bytes = std::fs::metadata(&a.file)?.len();
    if a.json {
        output::json(&serde_json::json!({ "file": a.file, "records": records, "bytes": bytes }))?;
    } else {
        println!(
            "{} records written to {} ({} bytes)",
            thousands(records),
            a.file.display(),
            thousands(bytes)
        );
    }
    Ok(ExitCode::SUCCESS)
}

pub fn replay(system: &SystemArgs, a: &ReplayArgs) -> Result<ExitCode> {
    let speed = match a.speed.as_str() {
        "max" => None,
        s => match s.strip_suffix('x').unwrap_or(s).parse::<f64>() {
            Ok(x) if x > 0.0 && x.is_finite() => Some(x),
            _ => bail!("{SNAPSHOT}: `{s}` is no speed; write 1x, 100x or max"),
        },
    };
    let brokers = system.find_brokers()?;
    let begun = Instant::now();
    let bar = Bar::new("events", a.json);
    let report = match weir_sources::samples::is_samples(&a.file)? {
        true => {
            let privacy = system.privacy()?;
            let on = &mut |n, t| bar.at(n, t);
            ingest::replay_samples(&brokers, &a.file, speed, privacy.as_deref(), on)?
        }
        false => ingest::replay(&brokers, &a.file, speed, &mut |n, t| bar.at(n, t))?,
    };
    drop(bar);
    if a.json {
        output::json(&report)?;
    } else {
        println!(
            "{} events played in {:.1} s ({} records were there before)",
            thousands(report.written),
            begun.elapsed().as_secs_f64(),
            thousands(report.already)
        );
    }
    Ok(ExitCode::SUCCESS)
}
