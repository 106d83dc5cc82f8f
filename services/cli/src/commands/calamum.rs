//! `weir calamum`: injects processes that use too much, and says whether they are told of.

mod fault;
mod report;

use super::process::{Act, acted, me, snapshot};
use crate::args::{CalamumCommand, DrillArgs, SystemArgs};
use crate::output;
use anyhow::{Context, Result};
use fault::Injected;
use report::{Baseline, Report};
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;
use weir_model::codes::INPUT;
use weir_process::drill::{Fault, Kind, Watch, attempts, observe};
use weir_process::{Thresholds, anomalies, read, samples};

/// Over which the baseline is measured.
const SPAN: Duration = Duration::from_secs(1);
/// What is taken beyond the limit of memory.
const BEYOND: f64 = 1.25;
/// Seconds that a fault lives beyond those in which it has to be told of.
const SPARE: f64 = 30.0;
/// Where sessions are logged, in the data directory.
const LOG: &str = "calamum_sessions.jsonl";

pub fn run(system: &SystemArgs, command: &CalamumCommand) -> Result<ExitCode> {
    match command {
        CalamumCommand::Fault {
            cpu,
            memory,
            seconds,
        } => fault::be(*cpu, *memory, Duration::from_secs(*seconds)),
        CalamumCommand::Test(a) => test(system, a),
    }
}

fn test(system: &SystemArgs, a: &DrillArgs) -> Result<ExitCode> {
    let mut act = Act::new(
        "calamum",
        &[
            ("target", a.target.clone()),
            ("cpu_threshold", a.cpu_threshold.to_string()),
            ("memory_threshold", a.memory_threshold.to_string()),
        ],
    );
    act.reason = Some(format!("drill of {}", a.target));
    acted(system, &a.actor, act, |act| {
        let report = drill(system, a)?;
        let flagged = report.faults.iter().filter(|f| f.seconds.is_some()).count();
        act.found = Some(flagged);
        act.parameters.insert("passed", report.passed.to_string());
        if let Some(path) = &a.report {
            let cannot = || format!("{INPUT}: cannot write {}", path.display());
            std::fs::write(path, report.text(path)?).with_context(cannot)?;
        }
        log(system, &report)?;
        match a.actor.json {
            true => output::json(&report)?,
            false => tell(&report, a)?,
        }
        Ok(ExitCode::from(u8::from(!report.passed)))
    })
}

fn drill(system: &SystemArgs, a: &DrillArgs) -> Result<Report> {
    let watch = Watch {
        thresholds: Thresholds {
            cpu_percent: a.cpu_threshold,
            memory_mb: a.memory_threshold,
            min_runtime_seconds: 0.0,
            max_runtime_seconds: None,
        },
        interval_seconds: a.interval,
        limit_seconds: a.limit,
    };
    let begun = jiff::Timestamp::now();
    let baseline = baseline(system, a, &watch)?;
    let faults = Kind::ALL
        .into_iter()
        .map(|kind| one(kind, a, &watch))
        .collect::<Result<Vec<Fault>>>()?;
    let safety = safety(a)?;
    let passed = faults.iter().all(|f| f.passed) && safety.iter().all(|s| s.passed);
    Ok(Report {
        target: a.target.clone(),
        host: read::host(),
        begun: begun.to_string(),
        seconds: jiff::Timestamp::now().duration_since(begun).as_secs_f64(),
        version: env!("CARGO_PKG_VERSION"),
        watch,
        baseline,
        faults,
        safety,
        passed,
    })
}

/// What there was before anything was injected, also as a file.
fn baseline(system: &SystemArgs, a: &DrillArgs, watch: &Watch) -> Result<Baseline> {
    let before = read::table()?;
    std::thread::sleep(SPAN);
    let table = read::table()?;
    let all: Vec<_> = samples(&before, &table)
        .into_iter()
        .map(weir_process::Sample::without_words)
        .collect();
    let path = snapshot::default_path(&system.data_dir);
    snapshot::write(system, &path, &a.actor.tenant, &table, &all)?;
    Ok(Baseline {
        snapshot: path,
        processes: all.len(),
        cpu_percent: all.iter().map(|s| s.cpu_percent).sum(),
        memory_free_mb: table.machine.available_bytes as f64 / 1e6,
        over: anomalies(all, &watch.thresholds).len(),
    })
}

fn one(kind: Kind, a: &DrillArgs, watch: &Watch) -> Result<Fault> {
    let mut injected = inject(kind, a)?;
    let seen = observe(kind, injected.identity, injected.begun, watch, me())?;
    injected.bury();
    Ok(seen)
}

fn inject(kind: Kind, a: &DrillArgs) -> Result<Injected> {
    let lives = Duration::from_secs_f64((a.limit + SPARE).ceil());
    Injected::begin(kind, a.memory_threshold * BEYOND, lives)
}

/// Asks for the end of what must not be ended, among it processes of our own.
fn safety(a: &DrillArgs) -> Result<Vec<weir_process::drill::Attempt>> {
    let mut own = inject(Kind::Quiet, a)?;
    let mut over = inject(Kind::Quiet, a)?;
    over.bury();
    let all = attempts(me(), own.identity, over.identity)?;
    own.bury();
    Ok(all)
}

/// Adds a line to the log of sessions.
fn log(system: &SystemArgs, report: &Report) -> Result<()> {
    let path = log_path(system);
    let cannot = || format!("{INPUT}: cannot write {}", path.display());
    let mut options = OpenOptions::new();
    options.append(true).create(true).mode(0o600);
    let mut file = options.open(&path).with_context(cannot)?;
    writeln!(file, "{}", serde_json::to_string(report)?).with_context(cannot)
}

fn log_path(system: &SystemArgs) -> PathBuf {
    system.data_dir.join(snapshot::FOLDER).join(LOG)
}

fn tell(report: &Report, a: &DrillArgs) -> Result<()> {
    let (header, rows) = report.fault_rows();
    output::plain_table(&header, &rows)?;
    let (header, rows) = report.safety_rows();
    output::plain_table(&header, &rows)?;
    println!("{}", report.verdict());
    if let Some(path) = &a.report {
        println!("report: {}", path.display());
    }
    Ok(())
}
