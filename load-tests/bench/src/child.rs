//! Parts that run as processes of their own, so that what they cost can be told apart.

use anyhow::{Context, Result, bail};
use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;
use std::process::{Child as Process, Command, Stdio};
use std::time::{Duration, Instant};

/// What a process used from its start to its end.
#[derive(Clone, Copy, Debug, Default, serde::Serialize)]
pub struct Usage {
    /// User time, seconds.
    pub user: f64,
    /// System time, seconds.
    pub system: f64,
    /// Largest resident size, bytes.
    pub peak: u64,
}

impl Usage {
    /// User and system time, seconds.
    pub fn cpu(self) -> f64 {
        self.user + self.system
    }
}

/// This program, started again with a subcommand.
pub struct Child {
    process: Process,
    name: String,
}

impl Child {
    /// Starts it; `output` keeps its standard output.
    pub fn start(arguments: &[&str]) -> Result<Child> {
        let program = std::env::current_exe().context("looking for the running program")?;
        let mut command = Command::new(program);
        command.args(arguments);
        Child::spawn(command, arguments.first().copied().unwrap_or_default())
    }

    /// Starts any program, called `name` in what is told of it.
    pub fn spawn(mut command: Command, name: &str) -> Result<Child> {
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let process = command.spawn();
        Ok(Child {
            process: process.with_context(|| format!("starting {name}"))?,
            name: name.to_owned(),
        })
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// An error where it ended although nobody asked.
    pub fn check(&mut self) -> Result<()> {
        match self.process.try_wait()? {
            Some(status) => bail!("{} ended by itself: {status}", self.name),
            None => Ok(()),
        }
    }

    /// Asks it to end, and waits.
    pub fn stop(self) -> Result<Usage> {
        // SAFETY: a signal to a child that was not waited for.
        unsafe { libc::kill(self.process.id() as i32, libc::SIGTERM) };
        self.wait().map(|(usage, _)| usage)
    }

    /// Waits for its end: what it used, and what it printed.
    pub fn wait(mut self) -> Result<(Usage, String)> {
        let mut printed = String::new();
        if let Some(mut out) = self.process.stdout.take() {
            out.read_to_string(&mut printed)?;
        }
        let (mut status, mut used) = (0, std::mem::MaybeUninit::<libc::rusage>::zeroed());
        // SAFETY: our child, valid out parameters. `Process` does not wait when dropped.
        let pid =
            unsafe { libc::wait4(self.process.id() as i32, &mut status, 0, used.as_mut_ptr()) };
        if pid < 0 {
            bail!(
                "{} cannot be waited for: {}",
                self.name,
                std::io::Error::last_os_error()
            );
        }
        if status != 0 {
            bail!("{} failed with status {status}", self.name);
        }
        // SAFETY: written by the call; all zero is valid too.
        let used = unsafe { used.assume_init() };
        let seconds = |t: libc::timeval| t.tv_sec as f64 + t.tv_usec as f64 / 1e6;
        let usage = Usage {
            user: seconds(used.ru_utime),
            system: seconds(used.ru_stime),
            peak: used.ru_maxrss as u64 * 1024,
        };
        Ok((usage, printed))
    }
}

/// User and system time of a running process, seconds.
pub fn cpu_of(pid: u32) -> Result<f64> {
    cpu_in(Path::new(&format!("/proc/{pid}/stat")))
}

fn cpu_in(file: &Path) -> Result<f64> {
    let stat = std::fs::read_to_string(file)?;
    // The name in parentheses may hold spaces.
    let fields: Vec<&str> = stat
        .rsplit(") ")
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .collect();
    let ticks = |i: usize| {
        fields
            .get(i)
            .and_then(|f| f.parse::<f64>().ok())
            .context("the form of /proc/PID/stat")
    };
    // SAFETY: a constant of the system.
    let per_second = unsafe { libc::sysconf(libc::_SC_CLK_TCK) } as f64;
    Ok((ticks(11)? + ticks(12)?) / per_second)
}

/// CPU seconds of a running process by names of its threads; those of the Kafka client are one.
pub fn threads_of(pid: u32) -> Result<BTreeMap<String, f64>> {
    let mut all = BTreeMap::new();
    for task in std::fs::read_dir(format!("/proc/{pid}/task"))?.flatten() {
        let name = std::fs::read_to_string(task.path().join("comm")).unwrap_or_default();
        let name = match name.trim() {
            n if n.starts_with("rdk:") => "kafka client",
            n => n,
        };
        let used = cpu_in(&task.path().join("stat")).unwrap_or(0.0);
        *all.entry(name.to_owned()).or_insert(0.0) += used;
    }
    Ok(all)
}

/// Resident bytes of a process: its own, and its share of what it shares with others.
pub fn memory_of(pid: u32) -> Result<u64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
    let kib = text.lines().find_map(|l| {
        l.strip_prefix("Pss:")?
            .trim()
            .strip_suffix(" kB")?
            .trim()
            .parse::<u64>()
            .ok()
    });
    Ok(kib.context("the form of /proc/PID/smaps_rollup")? * 1024)
}

/// A process and all below it.
pub fn tree(root: u32) -> Vec<u32> {
    let mut all = vec![root];
    let mut at = 0;
    while at < all.len() {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", all[at]))
            .into_iter()
            .flatten()
            .flatten();
        for task in tasks {
            let children =
                std::fs::read_to_string(task.path().join("children")).unwrap_or_default();
            all.extend(
                children
                    .split_whitespace()
                    .filter_map(|p| p.parse::<u32>().ok()),
            );
        }
        at += 1;
    }
    all
}

/// CPU time that this thread has used, seconds.
pub fn thread_cpu() -> f64 {
    let mut t = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: valid out parameter.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut t) };
    t.tv_sec as f64 + t.tv_nsec as f64 / 1e9
}

/// Resident bytes of this process.
pub fn resident() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    statm
        .split_whitespace()
        .nth(1)
        .and_then(|p| p.parse::<u64>().ok())
        .unwrap_or(0)
        * 4096
}

/// Calls `done` until it says so.
pub fn until(
    what: &str,
    limit: Duration,
    every: Duration,
    mut done: impl FnMut() -> Result<bool>,
) -> Result<()> {
    let end = Instant::now() + limit;
    while !done()? {
        if Instant::now() > end {
            bail!("{what} took more than {} s", limit.as_secs());
        }
        std::thread::sleep(every);
    }
    Ok(())
}
