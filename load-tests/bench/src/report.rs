//! Figures, and the table that they become.

use anyhow::{Context, Result};
use serde::Serialize;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

/// One measured figure.
#[derive(Debug, Clone, Serialize)]
pub struct Figure {
    /// What.
    pub name: String,
    /// Goal.
    pub goal: String,
    /// At least this, or speed is not good enough.
    pub least: String,
    /// Measured.
    pub measured: String,
    /// How, and with what beside it.
    pub note: String,
    /// Whether the goal is met, and whether what is asked at least.
    pub met: Option<(bool, bool)>,
    /// Subcommand that measures it alone.
    pub command: String,
    /// All numbers behind it.
    pub detail: serde_json::Value,
}

/// Where and when.
#[derive(Debug, Clone, Serialize)]
pub struct Machine {
    /// Processors.
    pub cores: usize,
    /// As the processor calls itself.
    pub processor: String,
    /// Memory in GiB.
    pub memory_gib: u64,
    /// UTC date and time.
    pub at: String,
    /// Commit, `+` where files differ from it.
    pub commit: String,
    /// True where sizes were small: good for looking, not for quoting.
    pub quick: bool,
}

/// This machine, now.
pub fn context(quick: bool) -> Machine {
    let read = |f: &str| std::fs::read_to_string(f).unwrap_or_default();
    let (cpu, memory) = (read("/proc/cpuinfo"), read("/proc/meminfo"));
    let after = |text: &str, name: &str| {
        text.lines()
            .find(|l| l.starts_with(name))
            .and_then(|l| l.split(':').nth(1))
            .unwrap_or("")
            .trim()
            .to_owned()
    };
    let kib: u64 = after(&memory, "MemTotal")
        .trim_end_matches(" kB")
        .parse()
        .unwrap_or(0);
    let git = |arguments: &[&str]| {
        let out = Command::new("git")
            .args(arguments)
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output();
        out.ok()
            .map(|o| String::from_utf8_lossy(&o.stdout).trim().to_owned())
            .unwrap_or_default()
    };
    let changed = !git(&[
        "status",
        "--porcelain",
        "--",
        "../../crates",
        "../../services",
    ])
    .is_empty();
    Machine {
        cores: std::thread::available_parallelism().map_or(0, usize::from),
        processor: after(&cpu, "model name"),
        memory_gib: (kib + (1 << 19)) >> 20,
        at: jiff::Timestamp::now()
            .strftime("%Y-%m-%d %H:%M UTC")
            .to_string(),
        commit: format!(
            "{}{}",
            git(&["rev-parse", "--short", "HEAD"]),
            if changed { "+" } else { "" }
        ),
        quick,
    }
}

/// As Markdown.
pub fn table(context: &Machine, figures: &[Figure]) -> String {
    let mut out = String::new();
    let c = context;
    let quick = if c.quick {
        " **Small sizes (`--quick`): not to be quoted.**"
    } else {
        ""
    };
    let _ = writeln!(
        out,
        "{} cores ({}), {} GiB, {}, commit {}.{quick}\n",
        c.cores, c.processor, c.memory_gib, c.at, c.commit
    );
    out.push_str("| figure | goal | at least | measured | | how |\n|---|---|---|---|---|---|\n");
    for f in figures {
        let mark = match f.met {
            Some((true, _)) => "goal met",
            Some((_, true)) => "enough",
            Some(_) => "**short**",
            None => "",
        };
        let _ = writeln!(
            out,
            "| {} | {} | {} | **{}** | {mark} | {} (`{}`) |",
            f.name, f.goal, f.least, f.measured, f.note, f.command
        );
    }
    out
}

const BEGIN: &str = "<!-- bench:begin -->";
const END: &str = "<!-- bench:end -->";

/// Puts the table between the marks of a document.
pub fn write(document: &Path, table: &str) -> Result<()> {
    let text = std::fs::read_to_string(document)
        .with_context(|| format!("reading {}", document.display()))?;
    let (head, rest) = text
        .split_once(BEGIN)
        .with_context(|| format!("{} has no line {BEGIN}", document.display()))?;
    let (_, tail) = rest
        .split_once(END)
        .with_context(|| format!("{} has no line {END}", document.display()))?;
    std::fs::write(document, format!("{head}{BEGIN}\n{table}{END}{tail}"))
        .with_context(|| format!("writing {}", document.display()))
}
