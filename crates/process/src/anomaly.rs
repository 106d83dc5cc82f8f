//! Which processes use more than they should.

use crate::table::Sample;
use serde::Serialize;

/// From where on a process is told of.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Thresholds {
    /// Processor time, in percent of one core.
    pub cpu_percent: f64,
    /// Resident memory, in MB.
    pub memory_mb: f64,
    /// Who runs for less is not judged, in s: what begins works.
    pub min_runtime_seconds: f64,
    /// Who runs for longer is told of, in s; none: as long as it likes.
    pub max_runtime_seconds: Option<f64>,
}

/// Why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Trigger {
    /// Processor time.
    Cpu,
    /// Memory.
    Memory,
    /// Running time.
    Runtime,
}

impl Trigger {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Trigger::Cpu => "cpu",
            Trigger::Memory => "memory",
            Trigger::Runtime => "runtime",
        }
    }
}

/// A process that is over.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Anomaly {
    /// What it is over.
    pub triggers: Vec<Trigger>,
    /// What it used.
    #[serde(flatten)]
    pub sample: Sample,
}

impl Thresholds {
    /// What a process is over: at least the value.
    pub fn triggers(&self, of: &Sample) -> Vec<Trigger> {
        if of.runtime_seconds < self.min_runtime_seconds {
            return Vec::new();
        }
        let over = [
            (of.cpu_percent >= self.cpu_percent, Trigger::Cpu),
            (of.memory_mb >= self.memory_mb, Trigger::Memory),
            (
                self.max_runtime_seconds
                    .is_some_and(|most| of.runtime_seconds >= most),
                Trigger::Runtime,
            ),
        ];
        let over = over.into_iter().filter(|(is_over, _)| *is_over);
        over.map(|(_, trigger)| trigger).collect()
    }
}

/// Those that are over, the busiest first.
pub fn anomalies(samples: Vec<Sample>, limits: &Thresholds) -> Vec<Anomaly> {
    let judged = samples.into_iter().map(|sample| Anomaly {
        triggers: limits.triggers(&sample),
        sample,
    });
    let mut over: Vec<Anomaly> = judged.filter(|a| !a.triggers.is_empty()).collect();
    over.sort_by(|a, b| {
        let key = |x: &Anomaly| (x.sample.cpu_percent, x.sample.memory_mb);
        let (a_key, b_key) = (key(a), key(b));
        b_key
            .0
            .total_cmp(&a_key.0)
            .then(b_key.1.total_cmp(&a_key.1))
    });
    over
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::tests::{process, table};
    use crate::{Process, samples};

    #[test]
    fn a_process_is_told_of_for_each_limit_and_not_before_its_time() {
        let p = |pid, cpu, mb: u64, runtime| Process {
            cpu_seconds: cpu,
            memory_bytes: mb * 1_000_000,
            runtime_seconds: runtime,
            ..process(pid, 1, pid as u64)
        };
        let idle = |pid, runtime| p(pid, 0.0, 1, runtime);
        let before = table(10.0, [1, 2, 3, 4].map(|pid| idle(pid, 50.0)).to_vec());
        let now = vec![
            p(1, 0.9, 1, 60.0),
            p(2, 0.95, 600, 60.0),
            p(3, 0.1, 1, 9999.0),
            p(4, 1.0, 999, 5.0),
            idle(5, 60.0),
        ];
        let limits = Thresholds {
            cpu_percent: 90.0,
            memory_mb: 500.0,
            min_runtime_seconds: 10.0,
            max_runtime_seconds: Some(3600.0),
        };
        let found = anomalies(samples(&before, &table(11.0, now)), &limits);
        let found: Vec<_> = found
            .iter()
            .map(|a| (a.sample.pid, a.triggers.clone()))
            .collect();
        use Trigger::{Cpu, Memory, Runtime};
        assert_eq!(
            found,
            [(2, vec![Cpu, Memory]), (1, vec![Cpu]), (3, vec![Runtime])]
        );
    }
}
