//! A snapshot played into a fresh system, with so many instances of the stages: how fast it goes,
//! what waits meanwhile, and that the numbers are the same.

use crate::running::{Up, Weir};
use crate::system::beside;
use anyhow::{Context, Result, bail};
use serde::Serialize;
use std::path::Path;
use std::time::Instant;

/// What one play showed.
#[derive(Debug, Serialize)]
struct Played {
    instances: u32,
    events: u64,
    /// Until the last event was in the log.
    played: f64,
    /// Until everything was in ClickHouse.
    seconds: f64,
    /// Offsets that waited at most, of all services together, after the last event.
    lag: i64,
    core_seconds: f64,
    rows: u64,
    digest: String,
}

fn play(program: &Path, file: &str, speed: &str, instances: u32) -> Result<Played> {
    let dir = tempfile::Builder::new().prefix("weir-replay-").tempdir()?;
    let data = dir.path().join("data");
    let weir = Weir {
        program,
        data: &data,
    };
    let mut up = Up::start(&weir, instances)?;
    let (begun, before) = (Instant::now(), up.cpu()?);
    let report = weir.json(&["replay", file, "--speed", speed, "--json"])?;
    let played = begun.elapsed().as_secs_f64();
    let settled = up.settle()?;
    let used = up.cpu()?.minus(before);
    let digest = weir.json(&["digest", "--json"])?;
    up.stop()?;
    let parts = digest["parts"].as_array().into_iter().flatten();
    Ok(Played {
        instances,
        events: report["written"]
            .as_u64()
            .context("no events were played")?,
        played,
        seconds: settled.at.duration_since(begun).as_secs_f64(),
        lag: settled.most,
        core_seconds: used.all(),
        rows: parts.filter_map(|p| p["rows"].as_u64()).sum(),
        digest: digest["digest"].as_str().unwrap_or_default().to_owned(),
    })
}

/// Plays it once for each number of instances, each in a fresh data directory.
///
/// # Errors
/// A system that does not start or does not come to an end, or digests that differ.
pub fn run(file: &Path, speed: &str, instances: &[u32], json: bool) -> Result<()> {
    let program = beside("weir")?;
    let file = file
        .canonicalize()
        .with_context(|| file.display().to_string())?;
    let file = file.to_str().context("the name of the file is no text")?;
    let mut all: Vec<Played> = Vec::new();
    for n in instances {
        let p = play(&program, file, speed, *n)?;
        if !json {
            println!(
                "instances {n}: {} events played in {:.1} s, in ClickHouse after {:.1} s ({:.0} events/s), {} offsets waited at most, {:.1} core-s, {} rows, digest {}",
                p.events,
                p.played,
                p.seconds,
                p.events as f64 / p.seconds,
                p.lag,
                p.core_seconds,
                p.rows,
                &p.digest
            );
        }
        all.push(p);
    }
    if json {
        println!("{}", serde_json::to_string_pretty(&all)?);
    }
    match all.iter().all(|p| p.digest == all[0].digest) {
        true => Ok(()),
        false => bail!("the digests differ: the numbers depend on how they were made"),
    }
}
