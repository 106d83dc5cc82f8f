//! Delivery and operation: deployments and the incidents that follow them, experiments,
//! procedures, processes.

use super::hour::{Hour, minutes};
use super::relations::{EXPERIMENT_EFFECT_MS, INCIDENTS_PER_DEPLOYMENT};
use rand::Rng;
use std::collections::BTreeSet;
use weir_events::{
    DeploymentRecorded, ExperimentObserved, IncidentRecorded, ProcedureFeedback, ProcedureInvoked,
    ProcessActed, ProcessSampled,
};
use weir_model::Micros;

/// Experiments, and by how many ms their canary is faster.
pub const EXPERIMENTS: [(&str, f64); 2] =
    [("new-ranker", EXPERIMENT_EFFECT_MS), ("warm-start", 0.0)];
/// Machines whose processes are sampled.
pub const HOSTS: [&str; 2] = ["build-1", "gateway-1"];
/// Programs with their usual memory in MB and processor use in percent.
const PROGRAMS: [(&str, f64, f64); 2] = [("node", 620.0, 35.0), ("postgres", 900.0, 20.0)];
/// What a program uses at its limit: MB, percent of a core.
const PROGRAM_LIMIT: (f64, f64) = (4096.0, 95.0);
/// Procedures, the task of each and how often they fail.
const PROCEDURES: [(&str, &str, f64); 4] = [
    ("github/PROC-1", "release", 0.02),
    ("github/PROC-2", "review", 0.01),
    ("ops/PROC-7", "rollback", 0.06),
    ("ops/PROC-9", "rotate-keys", 0.03),
];
/// Deployments of a team in an hour in which all of an organisation's people are at work.
const DEPLOYMENTS: f64 = 0.3;
/// Observations of an experiment, and procedures, in an hour per active person.
const OBSERVATIONS: f64 = 0.3;
const INVOCATIONS: f64 = 0.2;

/// The events of an hour.
pub fn hour(h: &mut Hour<'_>) {
    let people = h.people;
    let teams: BTreeSet<&str> = people.iter().map(|p| p.team.as_str()).collect();
    let busy = h.activity / people.len().max(1) as f64;
    for team in teams {
        for _ in 0..h.times(DEPLOYMENTS * busy) {
            deployment(h, team);
        }
    }
    for _ in 0..h.times(OBSERVATIONS * h.activity) {
        observation(h);
    }
    for _ in 0..h.times(INVOCATIONS * h.activity) {
        procedure(h);
    }
    for host in &HOSTS[..(1 + people.len() / 20).min(HOSTS.len())] {
        processes(h, host);
    }
    if h.chance(0.1) {
        looked_at(h);
    }
}

fn deployment(h: &mut Hour<'_>, team: &str) {
    let finished = h.moment();
    let id = h.identity("deploy");
    let service = format!("{team}-service");
    let took = h.log_normal(6.0, 0.4);
    let success = !h.chance(0.03);
    let harmed = h.chance(INCIDENTS_PER_DEPLOYMENT);
    let lead = h.log_normal(9.0 * 60.0, 0.7);
    let event = DeploymentRecorded {
        deployment_id: id.clone().into(),
        service_name: service.clone().into(),
        team: team.to_owned().into(),
        repository: Some(service.clone().into()),
        commits: Some(h.rng.random_range(1..8)),
        commit_at: Some(finished.minus(minutes(took + lead))),
        finished_at: finished,
        duration_ms: took * 60_000.0,
        success,
        failed: Some(harmed),
        rework: Some(h.chance(0.06)),
        ai_assisted: Some(h.chance(0.5)),
        error_type: (!success).then(|| "timeout".into()),
        ..DeploymentRecorded::default()
    };
    h.emit(finished.plus(minutes(0.1)), "ci-1", event);
    if harmed {
        let opened = finished.plus(minutes(h.log_normal(5.0, 0.5)));
        let resolved = opened.plus(minutes(h.log_normal(70.0, 0.6)));
        let cause = Some(id);
        incident(h, team, (opened, resolved), cause);
    }
    // Some incidents no deployment caused.
    if h.chance(0.03) {
        let resolved = finished.plus(minutes(h.log_normal(40.0, 0.5)));
        incident(h, team, (finished, resolved), None);
    }
}

/// Sent when it is over.
fn incident(
    h: &mut Hour<'_>,
    team: &str,
    (opened, resolved): (Micros, Micros),
    cause: Option<String>,
) {
    let event = IncidentRecorded {
        incident_id: h.identity("incident").into(),
        service_name: format!("{team}-service").into(),
        team: team.to_owned().into(),
        severity: h.pick(&["low", "medium", "high", "critical"]).into(),
        opened_at: opened,
        detected_at: Some(opened.plus(Micros((resolved.0 - opened.0) / 10))),
        resolved_at: Some(resolved),
        deployment_id: cause.map(Into::into),
        ..IncidentRecorded::default()
    };
    h.emit(resolved, "pager", event);
}

fn observation(h: &mut Hour<'_>) {
    let (experiment, effect) = h.pick(&EXPERIMENTS);
    let canary = h.chance(0.5);
    let mean = if canary { 240.0 - effect } else { 240.0 };
    let time = h.moment();
    let event = ExperimentObserved {
        experiment: experiment.into(),
        variant: if canary { "canary" } else { "baseline" }.into(),
        metric: "latency_ms".into(),
        value: h.normal(mean, 25.0),
        unit_id: Some(h.identity("session").into()),
        planned_share: Some(0.5),
        ..ExperimentObserved::default()
    };
    h.emit(time, "mesh-1", event);
}

fn procedure(h: &mut Hour<'_>) {
    let (procedure, task, failures) = h.pick(&PROCEDURES);
    let who = h.anybody();
    let failed = h.chance(failures);
    let aborted = !failed && h.chance(0.01);
    let time = h.moment();
    let status = match (failed, aborted) {
        (true, _) => "failure",
        (_, true) => "aborted",
        _ => "success",
    };
    let duration_ms = h.log_normal(90_000.0, 0.6);
    let event = ProcedureInvoked {
        procedure: procedure.into(),
        status: status.into(),
        duration_ms,
        task: task.into(),
        agent: "claude-code".into(),
        team: who.team.clone().into(),
        error_type: failed.then(|| "step_failed".into()),
        ..ProcedureInvoked::default()
    };
    h.emit(time, &who.host, event);
    if h.chance(0.15) {
        // What has failed is found less useful.
        let liked = if failed { 2.5 } else { 4.4 };
        let event = ProcedureFeedback {
            procedure: procedure.into(),
            clarity: Some(h.normal(4.3, 0.3).clamp(1.0, 5.0)),
            usefulness: Some(h.normal(liked, 0.3).clamp(1.0, 5.0)),
            agent: "claude-code".into(),
            team: who.team.clone().into(),
            ..ProcedureFeedback::default()
        };
        h.emit(time.plus(minutes(2.0)), &who.host, event);
    }
}

/// Once an hour; every two minutes while a program of the machine is over its limit.
fn processes(h: &mut Hour<'_>, host: &'static str) {
    let over = h.labels.over_limit(host, h.start);
    let samples = if over.is_some() { 30 } else { 1 };
    for n in 0..samples {
        let time = h.start.plus(minutes(n as f64 * 2.0 + 0.3));
        for (i, (program, memory, cpu)) in PROGRAMS.into_iter().enumerate() {
            let (memory, cpu) = match over {
                Some(f) if i == 0 => (PROGRAM_LIMIT.0 * f, PROGRAM_LIMIT.1 * f),
                _ => (memory, cpu),
            };
            let event = ProcessSampled {
                host_name: host.into(),
                process_pid: 4000 + i as i64,
                process_executable_name: program.into(),
                process_owner: "service".into(),
                cpu_percent: h.log_normal(cpu, 0.03),
                memory_mb: h.log_normal(memory, 0.03),
                // It is started anew each midnight.
                runtime_seconds: (time.0.rem_euclid(Micros::DAY.0) / 1_000_000) as f64,
                threads: Some(12),
                ..ProcessSampled::default()
            };
            h.emit(time, host, event);
        }
    }
}

fn looked_at(h: &mut Hour<'_>) {
    let who = h.anybody();
    let time = h.moment();
    let command = h.pick(&["detail", "anomalies", "tree", "kill"]);
    let kill = command == "kill";
    let event = ProcessActed {
        command: command.into(),
        host_name: HOSTS[0].into(),
        actor: who.email.clone().into(),
        process_pid: Some(4000),
        process_executable_name: PROGRAMS[0].0.into(),
        outcome: if kill {
            h.pick(&["done", "declined"])
        } else {
            "done"
        }
        .into(),
        confirmed: kill.then_some(true),
        found: (!kill).then(|| PROGRAMS.len() as i64),
        duration_ms: Some(h.log_normal(40.0, 0.4)),
        ..ProcessActed::default()
    };
    h.emit(time, HOSTS[0], event);
}
