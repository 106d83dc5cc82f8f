//! `weir process`: the processes of this machine.

mod act;
mod kill;
mod list;
pub mod snapshot;
mod tree;
mod watch;

pub use act::{Act, acted, item};

use crate::args::{ProcessCommand, SpanArgs, SystemArgs};
use crate::output::{harmless, short};
use anyhow::Result;
use std::process::ExitCode;
use std::time::Duration;
use weir_process::{Sample, Table, read, samples};

pub fn run(system: &SystemArgs, command: &ProcessCommand) -> Result<ExitCode> {
    match command {
        ProcessCommand::Detail(a) => list::detail(system, a),
        ProcessCommand::Kill(a) => kill::run(system, a),
        ProcessCommand::Anomalies(a) => list::anomalies(system, a),
        ProcessCommand::Tree(a) => tree::run(system, a),
        ProcessCommand::Watch(a) => watch::run(system, a),
        ProcessCommand::Snapshot(a) => snapshot::run(system, a),
        ProcessCommand::System(a) => list::largest(system, a),
    }
}

/// This process.
pub fn me() -> i32 {
    i32::try_from(std::process::id()).unwrap_or(0)
}

/// What processes use, measured over a span; and the table at its end.
fn look(span: &SpanArgs) -> Result<(Table, Vec<Sample>)> {
    look_over(span.over)
}

fn look_over(span: Duration) -> Result<(Table, Vec<Sample>)> {
    let before = read::table()?;
    std::thread::sleep(span);
    let after = read::table()?;
    let all = samples(&before, &after);
    Ok((after, all))
}

/// Names of the columns of rows, as people read them.
fn header(verbose: bool) -> Vec<&'static str> {
    let mut names = vec![
        "pid",
        "program",
        "cpu %",
        "memory MB",
        "memory %",
        "runs for",
    ];
    if verbose {
        names.extend(["threads", "user", "command"]);
    }
    names
}

fn row(s: &Sample, verbose: bool) -> Vec<String> {
    let mut row = vec![
        s.pid.to_string(),
        harmless(&s.name),
        short(s.cpu_percent),
        short(s.memory_mb),
        short(s.memory_percent),
        lasting(s.runtime_seconds),
    ];
    if verbose {
        row.extend([s.threads.to_string(), harmless(&s.owner), command(s)]);
    }
    row
}

/// So much of a command line is shown in a table.
const SHOWN: usize = 80;

fn command(s: &Sample) -> String {
    let whole = harmless(&s.command);
    match whole.chars().count() > SHOWN {
        true => whole.chars().take(SHOWN).chain("...".chars()).collect(),
        false => whole,
    }
}

/// `2d 3h`, `3h 4m`, `4m 5s`, `5s`.
fn lasting(seconds: f64) -> String {
    let s = seconds.max(0.0) as u64;
    match (s / 86_400, s / 3600 % 24, s / 60 % 60, s % 60) {
        (0, 0, 0, s) => format!("{s}s"),
        (0, 0, m, s) => format!("{m}m {s}s"),
        (0, h, m, _) => format!("{h}h {m}m"),
        (d, h, _, _) => format!("{d}d {h}h"),
    }
}

/// With or without what tells of a person.
fn words(samples: Vec<Sample>, verbose: bool) -> Vec<Sample> {
    match verbose {
        true => samples,
        false => samples.into_iter().map(Sample::without_words).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_have_two_units_at_most() {
        let shown = [5.9, 65.0, 3_700.0, 90_061.0, -1.0].map(lasting);
        assert_eq!(shown, ["5s", "1m 5s", "1h 1m", "1d 1h", "0s"]);
    }
}
