//! The record of a command about processes: an event `process.acted`, whatever became of it.

use crate::args::{ActorArgs, SystemArgs};
use crate::commands::mail::{self, Sent};
use anyhow::Result;
use serde_json::Value;
use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Instant;
use weir_events::{Event, ProcessActed, event_id};
use weir_model::Micros;
use weir_process::{Error, Refusal, Sample, read};

/// What a command did.
#[derive(Debug, Default)]
pub struct Act {
    /// Its name.
    pub command: &'static str,
    /// Process that it is about: id and program.
    pub process: Option<(i32, String)>,
    /// What became of it, where no error says so: done or declined.
    pub outcome: &'static str,
    pub force: bool,
    pub confirmed: Option<bool>,
    pub reason: Option<String>,
    /// Processes shown.
    pub found: Option<usize>,
    /// How long it took, in ms.
    pub duration_ms: f64,
    pub parameters: BTreeMap<&'static str, String>,
}

impl Act {
    pub fn new(command: &'static str, parameters: &[(&'static str, String)]) -> Act {
        Act {
            command,
            outcome: "done",
            parameters: parameters.iter().cloned().collect(),
            ..Act::default()
        }
    }

    /// It is about one process.
    pub fn about(&mut self, s: &Sample) {
        self.process = Some((s.pid, s.name.clone()));
    }
}

/// Runs a command and leaves its record, also of one that failed.
pub fn acted(
    system: &SystemArgs,
    actor: &ActorArgs,
    mut act: Act,
    run: impl FnOnce(&mut Act) -> Result<ExitCode>,
) -> Result<ExitCode> {
    let begun = Instant::now();
    let result = run(&mut act);
    if let Err(e) = &result {
        act.outcome = outcome(e, act.outcome);
    }
    act.duration_ms = begun.elapsed().as_secs_f64() * 1e3;
    leave(system, actor, &[act]);
    result
}

fn outcome(e: &anyhow::Error, said: &'static str) -> &'static str {
    match e.downcast_ref::<Error>() {
        Some(Error::Refused { why, .. }) => match why {
            Refusal::NotThere => "not_found",
            _ => "refused",
        },
        _ if said == "declined" => said,
        _ => "failed",
    }
}

/// Sends records, or keeps them until a gateway answers; says so where they are not in the log.
fn leave(system: &SystemArgs, actor: &ActorArgs, acts: &[Act]) {
    let host = read::host();
    let events: Result<Vec<Value>> = acts.iter().map(|a| event(a, actor, &host)).collect();
    let sent = match events {
        Ok(events) => mail::send(system, &actor.gateway, events),
        Err(e) => Sent::Lost(e.to_string()),
    };
    match sent {
        Sent::All => {}
        Sent::Waiting => eprintln!("weir: no gateway answers; the record of this command waits"),
        Sent::Lost(why) => eprintln!("weir: this command is not recorded: {why}"),
    }
}

fn event(act: &Act, actor: &ActorArgs, host: &str) -> Result<Value> {
    let at = Micros(jiff::Timestamp::now().as_microsecond());
    let event = ProcessActed {
        event_id: event_id(at, &rand::random::<[u8; 16]>()),
        event_time: at,
        tenant: actor.tenant.as_str().into(),
        source: host.into(),
        command: act.command.into(),
        host_name: host.into(),
        actor: actor.by.as_deref().unwrap_or_default().into(),
        process_pid: act.process.as_ref().map(|(pid, _)| i64::from(*pid)),
        process_executable_name: act.process.as_ref().map_or("", |(_, n)| n.as_str()).into(),
        outcome: act.outcome.into(),
        force: act.force,
        confirmed: act.confirmed,
        reason: act.reason.as_deref().map(Into::into),
        found: act.found.map(|n| n as i64),
        duration_ms: Some((act.duration_ms * 1e3).round() / 1e3),
        parameters: act
            .parameters
            .iter()
            .map(|(k, v)| ((*k).into(), v.as_str().into()))
            .collect(),
        ..ProcessActed::default()
    };
    item(&event)
}

/// An event as the gateway takes it.
pub fn item<'a>(event: &impl Event<'a>) -> Result<Value> {
    let mut item = event.to_json()?;
    item["type"] = event.event_type().into();
    Ok(item)
}
