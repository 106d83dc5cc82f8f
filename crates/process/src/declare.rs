//! What is read and sent: `schemas/process.yaml`.

use crate::Error;
use crate::table::Sample;
use serde::Deserialize;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The declaration that comes with weir.
const SHIPPED: &str = include_str!("../../../schemas/process.yaml");
/// Shorter than this is load, not measuring.
const SHORTEST: Duration = Duration::from_secs(1);

/// What `weir process watch --emit` reads and sends.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Declaration {
    /// Time between two samples.
    #[serde(with = "humantime_serde")]
    pub every: Duration,
    /// Of the machine.
    #[serde(default)]
    pub resource: Option<Resource>,
    /// Of processes.
    #[serde(default)]
    pub processes: Processes,
}

/// What is told of the machine.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resource {
    /// Component that the machine is told as.
    pub component: String,
    /// Path whose disk is looked at.
    pub disk: PathBuf,
    /// Fields of the event that are read.
    pub fields: BTreeSet<Field>,
}

/// A field of `resource.sampled` that can be read here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Field {
    CpuPercent,
    MemoryMb,
    MemoryPercent,
    DiskPercent,
    NetworkReceiveBytes,
    NetworkTransmitBytes,
    OverheadPercent,
}

/// Which processes are told.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Processes {
    /// So many of those that used most processor time.
    pub busiest: usize,
    /// So many of those with most memory.
    pub largest: usize,
    /// All of these programs.
    pub named: BTreeSet<String>,
    /// User and command line, too.
    pub words: bool,
}

impl Declaration {
    /// The one in a folder of schemas, else the one that comes with weir.
    ///
    /// # Errors
    /// It cannot be read, is no YAML, or says what cannot be.
    pub fn load(schemas: Option<&Path>) -> Result<Declaration, Error> {
        let own = schemas.map(|dir| dir.join("process.yaml"));
        match own.filter(|file| file.exists()) {
            Some(file) => {
                let text = std::fs::read_to_string(&file);
                Declaration::parse(&text.map_err(|e| Error::Declaration(e.to_string()))?)
            }
            None => Declaration::parse(SHIPPED),
        }
    }

    fn parse(text: &str) -> Result<Declaration, Error> {
        let read: Declaration =
            serde_saphyr::from_str(text).map_err(|e| Error::Declaration(e.to_string()))?;
        match read.every < SHORTEST {
            true => Err(Error::Declaration("every: at least 1s".to_owned())),
            false => Ok(read),
        }
    }
}

impl Processes {
    /// Those of the samples that are told, each once, in the order of their ids; `also` whatever
    /// they use.
    pub fn of(&self, samples: &[Sample], also: &BTreeSet<i32>) -> Vec<Sample> {
        let mut told: BTreeSet<i32> = also.clone();
        let mut most = |n: usize, of: fn(&Sample) -> f64| {
            let mut by: Vec<&Sample> = samples.iter().filter(|s| of(s) > 0.0).collect();
            by.sort_by(|a, b| of(b).total_cmp(&of(a)));
            told.extend(by.iter().take(n).map(|s| s.pid));
        };
        most(self.busiest, |s| s.cpu_percent);
        most(self.largest, |s| s.memory_mb);
        let named = samples.iter().filter(|s| self.named.contains(&s.name));
        told.extend(named.map(|s| s.pid));
        let chosen = samples.iter().filter(|s| told.contains(&s.pid)).cloned();
        match self.words {
            true => chosen.collect(),
            false => chosen.map(Sample::without_words).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::table::tests::{process, table};
    use crate::{Process, samples};

    #[test]
    fn the_shipped_one_is_valid_and_a_wrong_one_is_not() {
        let shipped = Declaration::load(None).unwrap();
        assert_eq!(shipped.every, Duration::from_secs(30));
        assert_eq!(shipped.resource.unwrap().fields.len(), 7);
        for bad in [
            "every: 30",
            "every: 10ms",
            "every: 30s\nprocess: {}",
            "every: 30s\nresource: {component: x, disk: /, fields: [cpu]}",
        ] {
            let error = Declaration::parse(bad).unwrap_err();
            assert_eq!(
                error.code(),
                weir_model::codes::PROCESS_DECLARATION,
                "{bad}"
            );
        }
    }

    #[test]
    fn each_that_is_chosen_is_told_once() {
        let p = |pid, cpu, mb: u64| Process {
            cpu_seconds: cpu,
            memory_bytes: mb * 1_000_000,
            command: "secret --of somebody".into(),
            ..process(pid, 1, 1)
        };
        let there = vec![
            p(1, 0.0, 9),
            p(2, 5.0, 1),
            p(3, 4.0, 8),
            p(4, 0.0, 2),
            p(5, 0.0, 3),
        ];
        let now = table(1.0, there);
        let all = samples(&now, &now);
        let chosen = Processes {
            busiest: 2,
            largest: 2,
            named: BTreeSet::from(["p4".to_owned()]),
            words: false,
        };
        let pids = |told: &[Sample]| told.iter().map(|s| s.pid).collect::<Vec<_>>();
        let told = chosen.of(&all, &BTreeSet::new());
        assert_eq!(pids(&told), [1, 2, 3, 4]);
        assert!(told.iter().all(|s| s.command.is_empty()));
        assert_eq!(
            pids(&chosen.of(&all, &BTreeSet::from([5]))),
            [1, 2, 3, 4, 5]
        );
    }
}
