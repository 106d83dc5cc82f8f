//! A `weir up` as a process, with all that it starts, and what it costs.

use crate::child::{cpu_of, tree, until};
use anyhow::{Context, Result, bail, ensure};
use serde::Serialize;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::{Child as Process, Command, Stdio};
use std::time::{Duration, Instant};

/// Longest wait for a system, and for everything to be in ClickHouse.
const PATIENCE: Duration = Duration::from_secs(1800);
/// Nothing waits for so long: ticks have come, and what they made final has been written.
const QUIET: Duration = Duration::from_secs(20);

/// How often it is looked: each look costs Kafka a little too.
const LOOK: Duration = Duration::from_secs(3);

/// A weir, and the data directory it works on.
pub struct Weir<'a> {
    /// The program.
    pub program: &'a Path,
    /// Its data directory.
    pub data: &'a Path,
}

impl Weir<'_> {
    /// One of its commands.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.program);
        command.arg("--data-dir").arg(self.data).args(arguments);
        command.stdin(Stdio::null());
        command
    }

    /// What a command prints as JSON.
    pub fn json(&self, arguments: &[&str]) -> Result<serde_json::Value> {
        let out = self.command(arguments).output()?;
        ensure!(
            out.status.success(),
            "weir {arguments:?}: {}",
            String::from_utf8_lossy(&out.stderr)
        );
        Ok(serde_json::from_slice(&out.stdout)?)
    }

    /// One number from ClickHouse.
    pub fn number(&self, sql: &str) -> Result<f64> {
        let row = self.json(&["query", sql, "--json"])?;
        let value = row.as_object().and_then(|o| o.values().next());
        let text = value.map(|v| v.to_string().trim_matches('"').to_owned());
        let number = text.and_then(|t| t.parse().ok());
        number.with_context(|| format!("no number answers {sql}"))
    }
}

/// CPU seconds of the processes of a system.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct Cpu {
    /// weir itself.
    pub weir: f64,
    /// The ClickHouse engine.
    pub clickhouse: f64,
    /// Kafka.
    pub kafka: f64,
}

impl Cpu {
    /// What was used since.
    pub fn minus(self, before: Cpu) -> Cpu {
        Cpu {
            weir: self.weir - before.weir,
            clickhouse: self.clickhouse - before.clickhouse,
            kafka: self.kafka - before.kafka,
        }
    }

    /// Of all of them.
    pub fn all(self) -> f64 {
        self.weir + self.clickhouse + self.kafka
    }
}

/// When the last of it was in ClickHouse, and how many offsets waited at most.
pub struct Settled {
    /// When.
    pub at: Instant,
    /// Offsets, of all services together.
    pub most: i64,
}

/// A running `weir up`.
pub struct Up<'a> {
    weir: &'a Weir<'a>,
    process: Process,
}

impl<'a> Up<'a> {
    /// Starts it, with so many processor instances, and waits until it is ready.
    pub fn start(weir: &'a Weir<'a>, instances: u32) -> Result<Up<'a>> {
        let log = std::fs::File::create(weir.data.with_extension("log"))?;
        let mut command = weir.command(&["up", "--processors", &instances.to_string()]);
        command.stdout(log.try_clone()?).stderr(log);
        let process = command.spawn().context("starting weir up")?;
        let mut up = Up { weir, process };
        until(
            "starting weir up",
            PATIENCE,
            Duration::from_millis(200),
            || {
                up.runs()?;
                Ok(up.says()?.contains("ready in"))
            },
        )?;
        Ok(up)
    }

    fn says(&self) -> Result<String> {
        Ok(std::fs::read_to_string(
            self.weir.data.with_extension("log"),
        )?)
    }

    fn runs(&mut self) -> Result<()> {
        if self.process.try_wait()?.is_some() {
            bail!("weir up ended: {}", self.says()?);
        }
        Ok(())
    }

    /// What its processes have used so far.
    pub fn cpu(&self) -> Result<Cpu> {
        let mut cpu = Cpu::default();
        for pid in tree(self.process.id()) {
            let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
            let used = cpu_of(pid)?;
            match name.trim() {
                "java" => cpu.kafka += used,
                n if n.starts_with("weir-clickhouse") => cpu.clickhouse += used,
                _ => cpu.weir += used,
            }
        }
        Ok(cpu)
    }

    /// Waits until everything is in ClickHouse and nothing more comes.
    pub fn settle(&mut self) -> Result<Settled> {
        let (mut done, mut most): (Option<Instant>, i64) = (None, 0);
        let what = "bringing everything to ClickHouse";
        until(what, PATIENCE, LOOK, || {
            self.runs()?;
            let status = self.weir.json(&["status", "--json"])?;
            let lags = status["lag"].as_array().context("no lag in the status")?;
            let behind = lags.iter().filter_map(|l| l["lag"].as_i64()).sum::<i64>();
            most = most.max(behind);
            done = match behind {
                0 => Some(done.unwrap_or_else(Instant::now)),
                _ => None,
            };
            Ok(done.is_some_and(|d| d.elapsed() > QUIET))
        })?;
        let at = done.context("nothing was measured")?;
        Ok(Settled { at, most })
    }

    /// Asks it to end, and waits.
    pub fn stop(mut self) -> Result<()> {
        // SAFETY: a signal to a child that was not waited for.
        unsafe { libc::kill(self.process.id() as i32, libc::SIGTERM) };
        self.process.wait()?;
        Ok(())
    }
}

impl Drop for Up<'_> {
    fn drop(&mut self) {
        // SAFETY: a signal to a child; where it was waited for already, `try_wait` says so.
        if matches!(self.process.try_wait(), Ok(None)) {
            unsafe { libc::kill(self.process.id() as i32, libc::SIGTERM) };
            let _ = self.process.wait();
        }
    }
}

/// Bytes that a directory takes on the disk.
pub fn on_disk(dir: &Path) -> u64 {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let each = entries.map(|e| match e.metadata() {
        Ok(m) if m.is_dir() => on_disk(&e.path()),
        Ok(m) => m.blocks() * 512,
        Err(_) => 0,
    });
    each.sum()
}
