//! What was there at a moment, and what two moments tell of use.

use serde::Serialize;
use std::collections::{BTreeMap, HashMap};
use weir_model::Micros;

/// Bytes of a MB.
pub(crate) const MB: f64 = 1e6;

/// Which process, also when its id is given to another one later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Identity {
    /// Its id.
    pub pid: i32,
    /// When it began, in ticks of the kernel since the machine did.
    pub started: u64,
}

/// One process, as the kernel tells.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Process {
    /// Its id.
    pub pid: i32,
    /// Id of its parent; 0: none that can be seen.
    pub parent: i32,
    /// When it began, in ticks of the kernel since the machine did.
    pub started: u64,
    /// Name of its program.
    pub name: String,
    /// Its command line, arguments between blanks; empty where the kernel tells none.
    pub command: String,
    /// User that it runs as: a name, or the number where it has none.
    pub owner: String,
    /// State as `ps` has it: R, S, D, Z, ...
    pub state: char,
    /// A thread of the kernel: no program.
    pub is_kernel: bool,
    /// Processor time used since it began, in s.
    pub cpu_seconds: f64,
    /// Resident memory, in bytes.
    pub memory_bytes: u64,
    /// Its threads.
    pub threads: i64,
    /// Time since it began, in s.
    pub runtime_seconds: f64,
    /// Read from disks since it began, in bytes; none where it is not ours to know.
    pub read_bytes: Option<u64>,
    /// Written to disks since it began, in bytes; none where it is not ours to know.
    pub written_bytes: Option<u64>,
}

impl Process {
    /// Which one it is.
    pub fn identity(&self) -> Identity {
        Identity {
            pid: self.pid,
            started: self.started,
        }
    }
}

/// The machine at a moment.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Machine {
    /// Its name.
    pub host: String,
    /// Processors.
    pub cores: usize,
    /// Its memory, in bytes.
    pub memory_bytes: u64,
    /// What programs could still take of it, in bytes.
    pub available_bytes: u64,
    /// Time that its processors worked, added up over them, in s.
    pub busy_seconds: f64,
    /// Received by its networks, loopback aside, in bytes.
    pub received_bytes: u64,
    /// Sent by them, in bytes.
    pub sent_bytes: u64,
}

/// All processes at a moment.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Table {
    /// When, by the clock.
    pub at: Micros,
    /// When, in s since the machine began: spans are taken of it, the clock may be set meanwhile.
    pub uptime: f64,
    /// The machine.
    pub machine: Machine,
    /// By their ids.
    pub processes: BTreeMap<i32, Process>,
}

/// What one process used.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Sample {
    /// Its id.
    pub pid: i32,
    /// Id of its parent; 0: none that can be seen.
    pub parent: i32,
    /// When it began, in ticks of the kernel since the machine did: tells it from another that has
    /// its id later.
    pub started: u64,
    /// Name of its program.
    pub name: String,
    /// User that it runs as.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub owner: String,
    /// Its command line.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub command: String,
    /// State as `ps` has it.
    pub state: char,
    /// Processor time used, in percent of one core.
    pub cpu_percent: f64,
    /// Resident memory, in MB (of a million bytes).
    pub memory_mb: f64,
    /// Share of the machine's memory, 0 to 100.
    pub memory_percent: f64,
    /// Time since it began, in s.
    pub runtime_seconds: f64,
    /// Its threads.
    pub threads: i64,
    /// Read from disks since it began, in bytes; none where it is not ours to know.
    pub read_bytes: Option<u64>,
    /// Written to disks since it began, in bytes; none where it is not ours to know.
    pub written_bytes: Option<u64>,
}

impl Sample {
    /// Which process it is of.
    pub fn identity(&self) -> Identity {
        Identity {
            pid: self.pid,
            started: self.started,
        }
    }

    /// Without what tells of a person: user and command line.
    pub fn without_words(self) -> Sample {
        Sample {
            owner: String::new(),
            command: String::new(),
            ..self
        }
    }
}

/// What the processes of the second moment used between the two; who began in between is measured
/// since then. In the order of their ids.
pub fn samples(before: &Table, after: &Table) -> Vec<Sample> {
    let span = after.uptime - before.uptime;
    let then: HashMap<Identity, f64> = before
        .processes
        .values()
        .map(|p| (p.identity(), p.cpu_seconds))
        .collect();
    let used = |p: &Process| match then.get(&p.identity()) {
        Some(earlier) if span > 0.0 => (p.cpu_seconds - earlier) / span,
        _ if p.runtime_seconds > 0.0 => p.cpu_seconds / p.runtime_seconds,
        _ => 0.0,
    };
    let processes = after.processes.values();
    processes
        .map(|p| sample(p, &after.machine, used(p)))
        .collect()
}

fn sample(p: &Process, machine: &Machine, cores_used: f64) -> Sample {
    let share = match machine.memory_bytes {
        0 => 0.0,
        all => 100.0 * p.memory_bytes as f64 / all as f64,
    };
    Sample {
        pid: p.pid,
        parent: p.parent,
        started: p.started,
        name: p.name.clone(),
        owner: p.owner.clone(),
        command: p.command.clone(),
        state: p.state,
        cpu_percent: rounded(100.0 * cores_used.max(0.0), 1),
        memory_mb: rounded(p.memory_bytes as f64 / MB, 3),
        memory_percent: rounded(share.min(100.0), 2),
        runtime_seconds: rounded(p.runtime_seconds.max(0.0), 2),
        threads: p.threads,
        read_bytes: p.read_bytes,
        written_bytes: p.written_bytes,
    }
}

/// So many digits behind the point: more are noise of the kernel's ticks.
pub(crate) fn rounded(x: f64, digits: i32) -> f64 {
    let scale = 10f64.powi(digits);
    (x * scale).round() / scale
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A process with an id, a parent and a start.
    pub(crate) fn process(pid: i32, parent: i32, started: u64) -> Process {
        Process {
            pid,
            parent,
            started,
            name: format!("p{pid}"),
            state: 'S',
            runtime_seconds: 10.0,
            ..Process::default()
        }
    }

    /// A table of them.
    pub(crate) fn table(uptime: f64, processes: Vec<Process>) -> Table {
        Table {
            uptime,
            machine: Machine {
                memory_bytes: 4_000_000_000,
                cores: 2,
                ..Machine::default()
            },
            processes: processes.into_iter().map(|p| (p.pid, p)).collect(),
            ..Table::default()
        }
    }

    #[test]
    fn use_is_that_between_two_moments_of_the_same_process() {
        let busy = |started, cpu| Process {
            cpu_seconds: cpu,
            memory_bytes: 1_000_000_000,
            ..process(7, 1, started)
        };
        let before = table(100.0, vec![busy(5, 40.0), process(8, 1, 6)]);
        let same = &samples(&before, &table(102.0, vec![busy(5, 43.0)]))[0];
        assert_eq!((same.cpu_percent, same.memory_mb), (150.0, 1000.0));
        assert_eq!(same.memory_percent, 25.0);
        // Another one with the same id has used nothing of what the first did.
        let other = &samples(&before, &table(102.0, vec![busy(9, 1.0)]))[0];
        assert_eq!(other.cpu_percent, 10.0);
    }
}
