//! What a system costs that nobody uses.

use crate::child::{cpu_of, memory_of, tree};
use crate::report::Figure;
use crate::system::beside;
use anyhow::{Context, Result, ensure};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// CPU seconds and bytes of a process and all below it, by name.
fn look(root: u32) -> Result<Vec<(u32, String, f64, u64)>> {
    let mut all = Vec::new();
    for pid in tree(root) {
        let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        all.push((pid, name.trim().to_owned(), cpu_of(pid)?, memory_of(pid)?));
    }
    Ok(all)
}

fn measure(program: &Path, dir: &Path, settle: Duration, lasting: Duration) -> Result<Figure> {
    let log = std::fs::File::create(dir.join("up.log"))?;
    let mut up = Command::new(program)
        .arg("--data-dir")
        .arg(dir.join("data"))
        .arg("up")
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .spawn()
        .context("starting weir up")?;
    std::thread::sleep(settle);
    let measured = (|| {
        ensure!(
            up.try_wait()?.is_none(),
            "weir up ended: {}",
            std::fs::read_to_string(dir.join("up.log"))?
        );
        let before = look(up.id())?;
        let begun = Instant::now();
        std::thread::sleep(lasting);
        let (after, seconds) = (look(up.id())?, begun.elapsed().as_secs_f64());
        ensure!(
            after.len() >= 3,
            "weir up does not run Kafka and ClickHouse: {after:?}"
        );
        Ok((before, after, seconds))
    })();
    // SAFETY: a signal to a child that was not waited for.
    unsafe { libc::kill(up.id() as i32, libc::SIGTERM) };
    up.wait()?;
    let (before, after, seconds) = measured?;
    let used = |pid: u32, cpu: f64| cpu - before.iter().find(|b| b.0 == pid).map_or(0.0, |b| b.2);
    let parts: Vec<(String, f64, u64)> = after
        .iter()
        .map(|(pid, name, cpu, bytes)| (name.clone(), used(*pid, *cpu) / seconds, *bytes))
        .collect();
    let cpu: f64 = parts.iter().map(|p| p.1).sum();
    let bytes: u64 = parts.iter().map(|p| p.2).sum();
    let list: Vec<String> = parts
        .iter()
        .map(|(n, c, b)| format!("{n} {:.1} %, {} MiB", c * 100.0, b >> 20))
        .collect();
    Ok(Figure {
        name: "`weir up` idle".into(),
        goal: "2 % of a core, 1 GiB".into(),
        least: String::new(),
        measured: format!("{:.1} %, {} MiB", cpu * 100.0, bytes >> 20),
        note: format!(
            "{seconds:.0} s, {} s after start; {}",
            settle.as_secs(),
            list.join("; ")
        ),
        met: {
            let met = cpu <= 0.02 && bytes <= 1 << 30;
            Some((met, met))
        },
        command: "idle".into(),
        detail: serde_json::json!({ "cores": cpu, "bytes": bytes, "parts": parts }),
    })
}

/// Figure 7.
pub fn figures(quick: bool) -> Result<Vec<Figure>> {
    let dir = tempfile::Builder::new().prefix("weir-bench-").tempdir()?;
    let (settle, lasting) = if quick { (20, 15) } else { (60, 60) };
    eprintln!("idle: {lasting} s");
    Ok(vec![measure(
        &beside("weir")?,
        dir.path(),
        Duration::from_secs(settle),
        Duration::from_secs(lasting),
    )?])
}
