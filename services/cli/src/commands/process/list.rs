//! `weir process detail`, `anomalies` and `system`: tables of what processes use.

use super::{Act, acted, header, lasting, look, look_over, row, words};
use crate::args::{AnomaliesArgs, DetailArgs, SystemArgs, SystemViewArgs};
use crate::output::{self, harmless, short, thousands};
use anyhow::Result;
use serde::Serialize;
use std::process::ExitCode;
use std::time::Duration;
use weir_process::{Error, Refusal, Sample, Table, Thresholds, Trigger, ancestors, children};

/// Over which the use of a processor by one process is measured.
const SPAN: Duration = Duration::from_millis(500);

/// One process and who stands around it.
#[derive(Serialize)]
struct Detail {
    #[serde(flatten)]
    sample: Sample,
    ancestors: Vec<Named>,
    children: Vec<Named>,
}

/// A process by its name.
#[derive(Serialize)]
struct Named {
    pid: i32,
    name: String,
}

fn named(table: &Table, pids: Vec<i32>) -> Vec<Named> {
    let of = |pid| Some((pid, table.processes.get(&pid)?));
    let all = pids.into_iter().filter_map(of);
    all.map(|(pid, p)| Named {
        pid,
        name: p.name.clone(),
    })
    .collect()
}

/// The sample of a process.
pub fn find(all: &[Sample], pid: i32) -> Result<Sample, Error> {
    let found = all.iter().find(|s| s.pid == pid).cloned();
    found.ok_or(Error::Refused {
        pid,
        why: Refusal::NotThere,
    })
}

pub fn detail(system: &SystemArgs, a: &DetailArgs) -> Result<ExitCode> {
    let parameters = [("verbose", a.verbose.to_string())];
    acted(system, &a.actor, Act::new("detail", &parameters), |act| {
        act.process = Some((a.pid, String::new()));
        let (table, all) = look_over(SPAN)?;
        let sample = find(&all, a.pid)?;
        act.about(&sample);
        act.found = Some(1);
        let sample = words(vec![sample], a.verbose).remove(0);
        let detail = Detail {
            ancestors: named(&table, ancestors(&table, a.pid)),
            children: named(&table, children(&table, a.pid)),
            sample,
        };
        match a.actor.json {
            true => output::json(&detail)?,
            false => tell(&detail, a.verbose)?,
        }
        Ok(ExitCode::SUCCESS)
    })
}

fn tell(d: &Detail, verbose: bool) -> Result<()> {
    let s = &d.sample;
    let line = |all: &[Named], between: &str| {
        let each = all
            .iter()
            .map(|n| format!("{} {}", n.pid, harmless(&n.name)));
        let all = each.collect::<Vec<_>>().join(between);
        if all.is_empty() { "none".into() } else { all }
    };
    let bytes = |n: Option<u64>| n.map_or("not ours to know".to_owned(), thousands);
    let mut rows = vec![
        ("pid", s.pid.to_string()),
        ("program", harmless(&s.name)),
        ("state", state(s.state).to_owned()),
        ("cpu", format!("{} % of one core", short(s.cpu_percent))),
        (
            "memory",
            format!("{} MB, {} %", short(s.memory_mb), short(s.memory_percent)),
        ),
        ("runs for", lasting(s.runtime_seconds)),
        ("began by", line(&d.ancestors, " < ")),
        ("children", line(&d.children, ", ")),
    ];
    if verbose {
        rows.extend([
            ("user", harmless(&s.owner)),
            ("command", harmless(&s.command)),
            ("threads", s.threads.to_string()),
            ("bytes read", bytes(s.read_bytes)),
            ("bytes written", bytes(s.written_bytes)),
            ("started", format!("{} (ticks)", s.started)),
        ]);
    }
    let rows: Vec<Vec<String>> = rows
        .into_iter()
        .map(|(name, value)| vec![name.to_owned(), value])
        .collect();
    output::plain_table(&["of", "value"], &rows)
}

fn state(letter: char) -> &'static str {
    match letter {
        'R' => "runs",
        'S' => "waits",
        'D' => "waits for a disk",
        'T' | 't' => "is stopped",
        'Z' => "is over; its parent has not looked",
        'I' => "idles (kernel)",
        _ => "is another (see `man proc`)",
    }
}

pub fn anomalies(system: &SystemArgs, a: &AnomaliesArgs) -> Result<ExitCode> {
    let mut parameters = vec![
        ("cpu_threshold", a.cpu_threshold.to_string()),
        ("memory_threshold", a.memory_threshold.to_string()),
        ("min_runtime", a.min_runtime.to_string()),
        ("limit", a.limit.to_string()),
    ];
    parameters.extend(a.max_runtime.map(|most| ("max_runtime", most.to_string())));
    acted(
        system,
        &a.actor,
        Act::new("anomalies", &parameters),
        |act| {
            let limits = Thresholds {
                cpu_percent: a.cpu_threshold,
                memory_mb: a.memory_threshold,
                min_runtime_seconds: a.min_runtime,
                max_runtime_seconds: a.max_runtime,
            };
            let (table, all) = look(&a.span)?;
            let scanned = table.processes.len();
            let mut found = weir_process::anomalies(words(all, a.verbose), &limits);
            let count = found.len();
            act.found = Some(count);
            let triggers = |of| found.iter().filter(|f| f.triggers.contains(&of)).count();
            for of in [Trigger::Cpu, Trigger::Memory, Trigger::Runtime] {
                act.parameters.insert(name(of), triggers(of).to_string());
            }
            found.truncate(a.limit);
            if a.actor.json {
                output::json(&serde_json::json!({
                    "scanned": scanned, "found": count, "thresholds": limits, "anomalies": found,
                }))?;
                return Ok(ExitCode::SUCCESS);
            }
            if count > 0 {
                let header: Vec<&str> = ["over"].into_iter().chain(header(a.verbose)).collect();
                let line = |f: &weir_process::Anomaly| {
                    let over: Vec<&str> = f.triggers.iter().map(|t| t.name()).collect();
                    let mut line = vec![over.join(" ")];
                    line.extend(row(&f.sample, a.verbose));
                    line
                };
                let rows: Vec<Vec<String>> = found.iter().map(line).collect();
                output::plain_table(&header, &rows)?;
            }
            println!("{count} of {scanned} processes are over a limit");
            Ok(ExitCode::SUCCESS)
        },
    )
}

/// Of a count, among the parameters of the record.
fn name(of: Trigger) -> &'static str {
    match of {
        Trigger::Cpu => "over_cpu",
        Trigger::Memory => "over_memory",
        Trigger::Runtime => "over_runtime",
    }
}

pub fn largest(system: &SystemArgs, a: &SystemViewArgs) -> Result<ExitCode> {
    let parameters = [
        ("limit", a.limit.to_string()),
        ("verbose", a.verbose.to_string()),
    ];
    acted(system, &a.actor, Act::new("system", &parameters), |act| {
        let (table, mut all) = look(&a.span)?;
        let scanned = all.len();
        act.parameters.insert("scanned", scanned.to_string());
        all.sort_by(|x, y| y.memory_mb.total_cmp(&x.memory_mb));
        all.truncate(a.limit);
        act.found = Some(all.len());
        let all = words(all, a.verbose);
        if a.actor.json {
            output::json(&serde_json::json!({ "scanned": scanned, "processes": all }))?;
            return Ok(ExitCode::SUCCESS);
        }
        let rows: Vec<Vec<String>> = all.iter().map(|s| row(s, a.verbose)).collect();
        output::plain_table(&header(a.verbose), &rows)?;
        let machine = &table.machine;
        let gb = |bytes: u64| short(bytes as f64 / 1e9);
        println!(
            "{} of {scanned} processes, the largest; {} of {} GB of memory are free, {} processors",
            all.len(),
            gb(machine.available_bytes),
            gb(machine.memory_bytes),
            machine.cores
        );
        Ok(ExitCode::SUCCESS)
    })
}
