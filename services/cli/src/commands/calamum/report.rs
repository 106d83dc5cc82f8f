//! What a drill came to, for programs and for people.

use crate::output::short;
use anyhow::Result;
use serde::Serialize;
use std::path::{Path, PathBuf};
use weir_process::Refusal;
use weir_process::drill::{Attempt, Fault, Kind, Watch};

/// What a drill came to.
#[derive(Debug, Serialize)]
pub struct Report {
    pub target: String,
    pub host: String,
    pub begun: String,
    pub seconds: f64,
    pub version: &'static str,
    pub watch: Watch,
    pub baseline: Baseline,
    pub faults: Vec<Fault>,
    pub safety: Vec<Attempt>,
    pub passed: bool,
}

/// What there was before anything was injected.
#[derive(Debug, Serialize)]
pub struct Baseline {
    /// File of all processes.
    pub snapshot: PathBuf,
    pub processes: usize,
    /// Of all processes, in percent of one core.
    pub cpu_percent: f64,
    pub memory_free_mb: f64,
    /// Processes that were over a limit already.
    pub over: usize,
}

type Rows = (Vec<&'static str>, Vec<Vec<String>>);

impl Report {
    /// As a file with this name holds it.
    pub fn text(&self, path: &Path) -> Result<String> {
        Ok(match path.extension().is_some_and(|e| e == "md") {
            true => self.markdown(),
            false => serde_json::to_string_pretty(self)? + "\n",
        })
    }

    pub fn verdict(&self) -> String {
        let wanted = self.faults.iter().filter(|f| f.kind != Kind::Quiet);
        let (told, all) = wanted.fold((0, 0), |(told, all), f| {
            (told + u32::from(f.seconds.is_some()), all + 1)
        });
        let refused = self.safety.iter().filter(|s| s.passed).count();
        let slowest = self
            .faults
            .iter()
            .filter_map(|f| f.seconds)
            .fold(0.0, f64::max);
        let passed = if self.passed { "passed" } else { "failed" };
        format!(
            "{passed}: {told} of {all} injected faults told of, the last after {slowest:.1} s; {refused} of \
             {} ends refused that must not be",
            self.safety.len()
        )
    }

    pub fn fault_rows(&self) -> Rows {
        let row = |f: &Fault| {
            let told: Vec<&str> = f.triggers.iter().map(|t| t.name()).collect();
            vec![
                f.kind.name().to_owned(),
                f.pid.to_string(),
                if told.is_empty() {
                    "nothing".into()
                } else {
                    told.join(" ")
                },
                f.seconds.map_or("-".into(), |s| format!("{s:.1} s")),
                short(f.cpu_percent),
                short(f.memory_mb),
                passed(f.passed),
            ]
        };
        let header = vec![
            "injected",
            "pid",
            "told of for",
            "after",
            "cpu %",
            "memory MB",
            "result",
        ];
        (header, self.faults.iter().map(row).collect())
    }

    pub fn safety_rows(&self) -> Rows {
        let row = |s: &Attempt| {
            vec![
                s.target.to_owned(),
                s.pid.to_string(),
                s.refused.map_or("not refused", why).to_owned(),
                passed(s.passed),
            ]
        };
        let header = vec!["asked to end", "pid", "refused as", "result"];
        (header, self.safety.iter().map(row).collect())
    }

    fn markdown(&self) -> String {
        let (b, w) = (&self.baseline, &self.watch);
        let limits = &w.thresholds;
        let head = format!(
            "# Drill of {}\n\n**{}**\n\n{} on {}, {:.1} s, weir {}.\n\n## Before\n\n\
             {} processes used {} % of one core; {} MB of memory were free; {} processes were over a \
             limit already. All of them: `{}`.\n\n",
            self.target.replace('\n', " "),
            self.verdict(),
            self.begun,
            self.host,
            self.seconds,
            self.version,
            b.processes,
            short(b.cpu_percent),
            short(b.memory_free_mb),
            b.over,
            b.snapshot.display(),
        );
        let faults = format!(
            "## Faults\n\nTold of from {} % of one core and {} MB on, looked at each {} s, for {} s at \
             most.\n\n{}\n",
            limits.cpu_percent,
            limits.memory_mb,
            w.interval_seconds,
            w.limit_seconds,
            table(self.fault_rows())
        );
        head + &faults + "## What must not be ended\n\n" + &table(self.safety_rows())
    }
}

fn passed(is: bool) -> String {
    if is { "passed" } else { "failed" }.to_owned()
}

fn why(of: Refusal) -> &'static str {
    match of {
        Refusal::First => "the first process",
        Refusal::Itself => "the command itself",
        Refusal::Ancestor => "what began the command",
        Refusal::Kernel => "a part of the kernel",
        Refusal::NotThere => "not there",
        Refusal::Reused => "another process by now",
    }
}

fn table((header, rows): Rows) -> String {
    let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    let mut text = line(header.iter().map(|h| (*h).to_owned()).collect());
    text += &format!("|{}\n", "---|".repeat(header.len()));
    rows.into_iter().fold(text, |text, row| text + &line(row))
}

#[cfg(test)]
mod tests {
    use super::*;
    use weir_process::{Thresholds, Trigger};

    fn report(seconds: Option<f64>) -> Report {
        let fault = |kind, seconds: Option<f64>, triggers| Fault {
            kind,
            pid: 7,
            triggers,
            seconds,
            looks: 3,
            cpu_percent: 99.5,
            memory_mb: 12.0,
            ended: true,
            passed: true,
        };
        let attempt = Attempt {
            target: "the first process",
            pid: 1,
            refused: Some(Refusal::First),
            passed: true,
        };
        Report {
            target: "staging".into(),
            host: "h".into(),
            begun: "2026-01-01T00:00:00Z".into(),
            seconds: 4.25,
            version: "1",
            watch: Watch {
                thresholds: Thresholds {
                    cpu_percent: 50.0,
                    memory_mb: 200.0,
                    min_runtime_seconds: 0.0,
                    max_runtime_seconds: None,
                },
                interval_seconds: 0.5,
                limit_seconds: 15.0,
            },
            baseline: Baseline {
                snapshot: "metrics/s.jsonl".into(),
                processes: 20,
                cpu_percent: 12.0,
                memory_free_mb: 1000.0,
                over: 0,
            },
            faults: vec![
                fault(Kind::Cpu, seconds, vec![Trigger::Cpu]),
                fault(Kind::Quiet, None, vec![]),
            ],
            safety: vec![attempt],
            passed: seconds.is_some(),
        }
    }

    #[test]
    fn a_report_says_what_was_told_of_and_how_soon() {
        let said = report(Some(0.75)).verdict();
        assert!(said.starts_with("passed: 1 of 1 injected faults told of, the last after 0.8 s"));
        let said = report(None).verdict();
        assert!(said.starts_with("failed: 0 of 1"), "{said}");
        let text = report(Some(0.75)).markdown();
        assert!(
            text.starts_with("# Drill of staging\n\n**passed: 1 of 1"),
            "{text}"
        );
        assert!(
            text.contains("| cpu | 7 | cpu | 0.8 s | 99.5 | 12 | passed |"),
            "{text}"
        );
        assert!(text.contains("| the first process | 1 | the first process | passed |"));
    }
}
