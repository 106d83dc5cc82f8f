//! Samples as events.

use crate::Error;
use crate::declare::{Field, Resource};
use crate::read;
use crate::table::{MB, Sample, Table, rounded};
use weir_events::{Map, ProcessSampled, ResourceSampled, event_id};
use weir_model::Micros;

/// Whose samples they are.
#[derive(Debug, Clone, Copy)]
pub struct Whose<'a> {
    /// Tenant of the events.
    pub tenant: &'a str,
    /// Machine.
    pub host: &'a str,
    /// When they were taken.
    pub at: Micros,
}

impl Whose<'_> {
    /// The event of a process. The same process at the same moment is the same event.
    pub fn process(&self, s: &Sample) -> ProcessSampled<'static> {
        let identity = format!("{}\0{}\0{}", self.host, s.pid, s.started);
        ProcessSampled {
            event_id: event_id(self.at, identity.as_bytes()),
            event_time: self.at,
            tenant: self.tenant.to_owned().into(),
            source: self.host.to_owned().into(),
            resource: self.resource(),
            host_name: self.host.to_owned().into(),
            process_pid: s.pid.into(),
            process_parent_pid: (s.parent > 0).then_some(s.parent.into()),
            process_executable_name: printable(&s.name).into(),
            process_owner: printable(&s.owner).into(),
            process_command_line: (!s.command.is_empty()).then(|| s.command.clone().into()),
            cpu_percent: s.cpu_percent,
            memory_mb: s.memory_mb,
            memory_percent: Some(s.memory_percent),
            runtime_seconds: s.runtime_seconds,
            threads: Some(s.threads),
            disk_read_bytes: s.read_bytes.map(|n| n as i64),
            disk_write_bytes: s.written_bytes.map(|n| n as i64),
        }
    }

    fn resource(&self) -> Map<'static, weir_events::Text<'static>> {
        Map::from([("host.name".into(), self.host.to_owned().into())])
    }
}

/// The event of the machine between two moments: the fields that are declared. `own` is what the
/// measuring itself used meanwhile, in percent of one core.
///
/// # Errors
/// There is no disk with the path that is declared.
pub fn resource(
    whose: Whose<'_>,
    declared: &Resource,
    (before, after): (&Table, &Table),
    own: f64,
) -> Result<ResourceSampled<'static>, Error> {
    let (then, now) = (&before.machine, &after.machine);
    let reads = |field| declared.fields.contains(&field);
    let span = (after.uptime - before.uptime).max(f64::EPSILON) * now.cores.max(1) as f64;
    let percent = |x: f64| rounded((100.0 * x).clamp(0.0, 100.0), 2);
    let used = now.memory_bytes.saturating_sub(now.available_bytes) as f64;
    let disk = match reads(Field::DiskPercent) {
        true => Some(rounded(read::disk_percent(&declared.disk)?, 2)),
        false => None,
    };
    let moved = |then: u64, now: u64| i64::try_from(now.saturating_sub(then)).ok();
    let identity = format!("{}\0{}", whose.host, declared.component);
    Ok(ResourceSampled {
        event_id: event_id(whose.at, identity.as_bytes()),
        event_time: whose.at,
        tenant: whose.tenant.to_owned().into(),
        source: whose.host.to_owned().into(),
        resource: whose.resource(),
        component: declared.component.clone().into(),
        host_name: whose.host.to_owned().into(),
        cpu_percent: reads(Field::CpuPercent)
            .then(|| percent((now.busy_seconds - then.busy_seconds) / span)),
        memory_mb: reads(Field::MemoryMb).then(|| rounded(used / MB, 3)),
        memory_percent: reads(Field::MemoryPercent)
            .then(|| percent(used / now.memory_bytes.max(1) as f64)),
        disk_percent: disk,
        network_receive_bytes: reads(Field::NetworkReceiveBytes)
            .then(|| moved(then.received_bytes, now.received_bytes))
            .flatten(),
        network_transmit_bytes: reads(Field::NetworkTransmitBytes)
            .then(|| moved(then.sent_bytes, now.sent_bytes))
            .flatten(),
        overhead_percent: reads(Field::OverheadPercent)
            .then(|| percent(own / 100.0 / now.cores.max(1) as f64)),
        ..ResourceSampled::default()
    })
}

/// What is used as a dimension has no control characters.
fn printable(text: &str) -> String {
    let kept = text.chars().filter(|c| !c.is_control());
    kept.take(128).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::declare::Declaration;
    use crate::samples;
    use crate::table::Machine;
    use crate::table::tests::{process, table};

    const WHOSE: Whose<'_> = Whose {
        tenant: "acme",
        host: "build-9",
        at: Micros(1_763_634_000_000_000),
    };

    #[test]
    fn a_moment_of_a_process_is_one_event() {
        let now = table(10.0, vec![process(7, 1, 5), process(8, 7, 5)]);
        let all = samples(&now, &now);
        let event = WHOSE.process(&all[0]);
        assert_eq!(event.event_id, WHOSE.process(&all[0]).event_id);
        assert_ne!(event.event_id, WHOSE.process(&all[1]).event_id);
        assert_eq!((event.process_pid, event.process_parent_pid), (7, Some(1)));
        assert_eq!(event.process_command_line, None);
    }

    #[test]
    fn the_machine_is_told_between_two_moments() {
        let at = |uptime, busy, received| {
            let mut t = table(uptime, Vec::new());
            t.machine = Machine {
                busy_seconds: busy,
                received_bytes: received,
                available_bytes: 1_000_000_000,
                ..t.machine
            };
            t
        };
        let declared = Declaration::load(None).unwrap().resource.unwrap();
        let pair = (&at(10.0, 5.0, 100), &at(20.0, 15.0, 350));
        let event = resource(WHOSE, &declared, pair, 4.0).unwrap();
        // Ten of twenty seconds of two processors.
        assert_eq!(event.cpu_percent, Some(50.0));
        assert_eq!(event.network_receive_bytes, Some(250));
        assert_eq!(
            (event.memory_mb, event.memory_percent),
            (Some(3000.0), Some(75.0))
        );
        assert_eq!(event.overhead_percent, Some(2.0));
        let mut less = declared;
        less.fields = [Field::MemoryMb].into();
        let event = resource(WHOSE, &less, pair, 4.0).unwrap();
        assert_eq!((event.cpu_percent, event.disk_percent), (None, None));
    }
}
