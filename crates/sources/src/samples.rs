//! Snapshots of processes: lines of JSON, each an event `process.sampled` as the gateway takes it.

use crate::Outgoing;
use anyhow::{Context, Result, anyhow, bail};
use serde_json::Value;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use weir_events::{Event, ProcessSampled};
use weir_model::codes::{INPUT, PROCESS_SNAPSHOT};
use weir_privacy::{Met, Privacy};

/// Longest line, bytes: a command line may be long.
const LINE: u64 = 4 << 20;

/// Whether a file has lines of JSON; other snapshots are packed.
///
/// # Errors
/// It cannot be read.
pub fn is_samples(path: &Path) -> Result<bool> {
    let mut first = [0u8; 1];
    let cannot = || format!("{INPUT}: cannot read {}", path.display());
    let read = File::open(path).with_context(cannot)?.read(&mut first);
    Ok(read.with_context(cannot)? == 1 && first == *b"{")
}

/// The events of a file, in the order of their times, as records whose log time is that of the
/// event; with pseudonyms in place of names where `privacy` is given.
///
/// # Errors
/// A line is none (WEIR-1509): nothing is played of a file that is not whole.
pub fn read(path: &Path, privacy: Option<&Privacy>) -> Result<Vec<Outgoing>> {
    let cannot = || format!("{INPUT}: cannot read {}", path.display());
    let mut input = BufReader::new(File::open(path).with_context(cannot)?);
    let mut records = Vec::new();
    for n in 1.. {
        let mut line = Vec::new();
        let mut part = Read::take(&mut input, LINE);
        if part.read_until(b'\n', &mut line).with_context(cannot)? == 0 {
            break;
        }
        if line.trim_ascii().is_empty() {
            continue;
        }
        let record = record(&line, privacy);
        let record = record.map_err(|e| {
            anyhow!(
                "{PROCESS_SNAPSHOT}: line {n} of {} is no event process.sampled: {e:#}",
                path.display()
            )
        })?;
        records.push(record);
    }
    records.sort_by_key(|r| r.log_time);
    Ok(records)
}

fn record(line: &[u8], privacy: Option<&Privacy>) -> Result<Outgoing> {
    let mut item: Value = serde_json::from_slice(line)?;
    let fields = item.as_object_mut().context("not an object")?;
    match fields.remove("type") {
        Some(Value::String(kind)) if kind == ProcessSampled::TYPE => {}
        Some(other) => bail!("it is of type {other}"),
        None => bail!("it has no type"),
    }
    let event: ProcessSampled = serde_json::from_value(item)?;
    let log_time = Some(event.event_time());
    Ok(Outgoing {
        log_time,
        // It names nobody by an address: there is nobody to enter in the directory.
        ..Outgoing::hiding(&event, privacy, &mut Met::default())?
    })
}
