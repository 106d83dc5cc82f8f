//! What the kernel tells, as it is.

use crate::Error;
use crate::table::{Machine, Process, Table};
use procfs::{Current, CurrentSI, KernelStats, Meminfo};
use std::collections::HashMap;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};
use weir_model::Micros;

/// Flag of the kernel's own threads.
const KERNEL_THREAD: u32 = 0x0020_0000;
/// So many characters of a program's name the kernel keeps.
const SHORT_NAME: usize = 15;

/// All processes now.
///
/// # Errors
/// The kernel's tables cannot be read. A process that ends meanwhile is left out.
pub fn table() -> Result<Table, Error> {
    let owners = owners();
    let uptime = uptime()?;
    let machine = machine()?;
    let all = procfs::process::all_processes().map_err(failed("the list of processes"))?;
    let processes = all
        .flatten()
        .filter_map(|p| process(&p, uptime, &owners))
        .map(|p| (p.pid, p))
        .collect();
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    Ok(Table {
        at: Micros(now.map_or(0, |t| t.as_micros() as i64)),
        uptime,
        machine,
        processes,
    })
}

/// When the process with an id began, in ticks; none where there is none, or it is over.
pub fn started(pid: i32) -> Option<u64> {
    let stat = procfs::process::Process::new(pid).ok()?.stat().ok()?;
    (stat.state != 'Z').then_some(stat.starttime)
}

/// Name of this machine.
pub fn host() -> String {
    rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .into_owned()
}

/// Share of the disk with a path that is in use, 0 to 100.
///
/// # Errors
/// There is no such path.
pub fn disk_percent(path: &Path) -> Result<f64, Error> {
    let of = format!("the disk of {}", path.display());
    let disk = rustix::fs::statvfs(path).map_err(failed(&of))?;
    let used = disk.f_blocks.saturating_sub(disk.f_bfree);
    let all = used + disk.f_bavail;
    Ok(match all {
        0 => 0.0,
        _ => 100.0 * used as f64 / all as f64,
    })
}

fn failed<E: std::fmt::Display>(what: &str) -> impl FnOnce(E) -> Error {
    move |why| Error::Table {
        what: what.to_owned(),
        why: why.to_string(),
    }
}

fn uptime() -> Result<f64, Error> {
    let uptime = procfs::Uptime::current().map_err(failed("the time since the start"))?;
    Ok(uptime.uptime)
}

fn process(
    p: &procfs::process::Process,
    uptime: f64,
    owners: &HashMap<u32, String>,
) -> Option<Process> {
    let stat = p.stat().ok()?;
    let ticks = procfs::ticks_per_second() as f64;
    let arguments = p.cmdline().unwrap_or_default();
    let owner = p.uid().ok();
    let owner = owner.map(|id| owners.get(&id).cloned().unwrap_or_else(|| id.to_string()));
    let io = p.io().ok();
    Some(Process {
        pid: stat.pid,
        parent: stat.ppid,
        started: stat.starttime,
        name: name(&stat.comm, arguments.first().map_or("", String::as_str)),
        command: arguments.join(" "),
        owner: owner.unwrap_or_default(),
        state: stat.state,
        is_kernel: stat.flags & KERNEL_THREAD != 0,
        cpu_seconds: (stat.utime + stat.stime) as f64 / ticks,
        memory_bytes: stat.rss * procfs::page_size(),
        threads: stat.num_threads,
        runtime_seconds: (uptime - stat.starttime as f64 / ticks).max(0.0),
        read_bytes: io.as_ref().map(|io| io.read_bytes),
        written_bytes: io.as_ref().map(|io| io.write_bytes),
    })
}

/// The kernel cuts names; the command line may have all of it.
fn name(short: &str, program: &str) -> String {
    let whole = program.rsplit('/').next().unwrap_or(program);
    match short.len() >= SHORT_NAME && whole.starts_with(short) && !whole.contains(' ') {
        true => whole.to_owned(),
        false => short.to_owned(),
    }
}

fn machine() -> Result<Machine, Error> {
    let memory = Meminfo::current().map_err(failed("the memory"))?;
    let cpu = KernelStats::current().map_err(failed("the processors"))?;
    let total = &cpu.total;
    // Guests are in `user` already.
    let busy = total.user
        + total.nice
        + total.system
        + total.irq.unwrap_or(0)
        + total.softirq.unwrap_or(0)
        + total.steal.unwrap_or(0);
    // Not in every container: nothing was seen of a network then.
    let networks = procfs::net::dev_status().unwrap_or_default();
    let networks = || networks.values().filter(|n| n.name != "lo");
    Ok(Machine {
        host: host(),
        cores: cpu.cpu_time.len(),
        memory_bytes: memory.mem_total,
        available_bytes: memory.mem_available.unwrap_or(memory.mem_free),
        busy_seconds: busy as f64 / procfs::ticks_per_second() as f64,
        received_bytes: networks().map(|n| n.recv_bytes).sum(),
        sent_bytes: networks().map(|n| n.sent_bytes).sum(),
    })
}

/// Names of this machine's own users by number. Those of a directory stay numbers: asking one may
/// take long.
fn owners() -> HashMap<u32, String> {
    let text = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let line = |line: &str| {
        let mut parts = line.split(':');
        let name = parts.next()?.to_owned();
        let id = parts.nth(1)?.parse().ok()?;
        Some((id, name))
    };
    text.lines().filter_map(line).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn this_process_is_in_its_table_below_its_parent() {
        let table = table().unwrap();
        let own = i32::try_from(std::process::id()).unwrap();
        let me = &table.processes[&own];
        assert!(me.memory_bytes > 100_000 && me.threads >= 1, "{me:?}");
        assert!(me.runtime_seconds < 3600.0 && !me.command.is_empty());
        assert_eq!(started(own), Some(me.started));
        assert!(table.processes.contains_key(&me.parent));
        assert!(table.machine.memory_bytes > table.machine.available_bytes);
        assert!(table.machine.cores >= 1 && table.machine.busy_seconds > 0.0);
        let disk = disk_percent(Path::new("/")).unwrap();
        assert!((0.0..=100.0).contains(&disk), "{disk}");
        assert!(disk_percent(Path::new("/nowhere")).is_err());
    }

    #[test]
    fn a_name_that_was_cut_is_whole_again_and_no_other() {
        let long = "/opt/bin/a-program-of-a-long-name";
        assert_eq!(name("a-program-of-a-", long), "a-program-of-a-long-name");
        assert_eq!(name("sh", "/bin/shell"), "sh");
        assert_eq!(name("a-program-of-a-", "another"), "a-program-of-a-");
    }
}
