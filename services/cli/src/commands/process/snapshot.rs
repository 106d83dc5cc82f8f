//! `weir process snapshot`: what all processes use, as a file of events that `weir replay` plays.

use super::act::item;
use super::{Act, acted, look, words};
use crate::args::{SnapshotArgs, SystemArgs};
use crate::output;
use anyhow::{Context, Result};
use serde_json::Value;
use std::fs::OpenOptions;
use std::io::{BufWriter, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use weir_model::codes::INPUT;
use weir_privacy::Met;
use weir_process::{Sample, Table, Whose};

/// Folder of what is written about this machine, in the data directory.
pub const FOLDER: &str = "metrics";

pub fn run(system: &SystemArgs, a: &SnapshotArgs) -> Result<ExitCode> {
    let mut parameters = vec![("verbose", a.verbose.to_string())];
    parameters.extend(a.filter.clone().map(|f| ("filter", f)));
    parameters.extend(a.limit.map(|n| ("limit", n.to_string())));
    acted(system, &a.actor, Act::new("snapshot", &parameters), |act| {
        let (table, all) = look(&a.span)?;
        let chosen = words(choose(all, a.filter.as_deref(), a.limit), a.verbose);
        let path = match &a.output {
            Some(path) => path.clone(),
            None => default_path(&system.data_dir),
        };
        write(system, &path, &a.actor.tenant, &table, &chosen)?;
        act.found = Some(chosen.len());
        act.parameters.insert("output", path.display().to_string());
        if a.actor.json {
            let said = serde_json::json!({
                "file": path, "records": chosen.len(), "scanned": table.processes.len(),
            });
            output::json(&said)?;
        } else {
            let (n, of) = (chosen.len(), table.processes.len());
            println!("{n} of {of} processes written to {}", path.display());
        }
        Ok(ExitCode::SUCCESS)
    })
}

fn choose(mut all: Vec<Sample>, filter: Option<&str>, limit: Option<usize>) -> Vec<Sample> {
    if let Some(term) = filter.map(str::to_lowercase) {
        let has = |text: &str| text.to_lowercase().contains(&term);
        all.retain(|s| has(&s.name) || has(&s.command));
    }
    all.sort_by(|x, y| y.memory_mb.total_cmp(&x.memory_mb));
    all.truncate(limit.unwrap_or(usize::MAX));
    all
}

/// `metrics/process_snapshot_20261130_153000.jsonl` in the data directory.
pub fn default_path(data_dir: &Path) -> PathBuf {
    let name = jiff::Timestamp::now().strftime("process_snapshot_%Y%m%d_%H%M%S.jsonl");
    data_dir.join(FOLDER).join(name.to_string())
}

/// Writes samples as events, a line each, without names where this system replaces them.
pub fn write(
    system: &SystemArgs,
    path: &Path,
    tenant: &str,
    table: &Table,
    samples: &[Sample],
) -> Result<()> {
    let privacy = system.privacy()?;
    let whose = Whose {
        tenant,
        host: &table.machine.host,
        at: table.at,
    };
    let mut lines = Vec::with_capacity(samples.len());
    for sample in samples {
        let mut line = item(&whose.process(sample))?;
        if let (Some(privacy), Value::Object(fields)) = (&privacy, &mut line) {
            privacy.hide("process.sampled", tenant, fields, &mut Met::default());
        }
        lines.push(line);
    }
    let cannot = || {
        format!(
            "{INPUT}: cannot write {}; name another with --output",
            path.display()
        )
    };
    let mut out = BufWriter::new(private(path).with_context(cannot)?);
    for line in lines {
        writeln!(out, "{line}").with_context(cannot)?;
    }
    out.flush().with_context(cannot)
}

/// A new file that others do not read: command lines may hold secrets.
fn private(path: &Path) -> std::io::Result<std::fs::File> {
    if let Some(folder) = path.parent() {
        let mut private = std::fs::DirBuilder::new();
        private.recursive(true).mode(0o700).create(folder)?;
    }
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    options.open(path)
}
