//! `weir procedure`: events about procedures, by flags; sent as `weir emit` sends any.

use super::emit;
use crate::args::{AboutArgs, EmitArgs, FeedbackArgs, InvokedArgs, ProcedureCommand, SystemArgs};
use anyhow::Result;
use std::process::ExitCode;

pub fn run(system: &SystemArgs, command: &ProcedureCommand) -> Result<ExitCode> {
    let (event, fields, about) = match command {
        ProcedureCommand::Feedback(a) => ("procedure.feedback", feedback(a), &a.about),
        ProcedureCommand::Invoked(a) => ("procedure.invoked", invoked(a), &a.about),
    };
    emit::run(system, &said(event, fields, about))
}

fn said(event: &str, mut fields: Vec<String>, about: &AboutArgs) -> EmitArgs {
    fields.extend(text("agent", about.agent.as_ref()));
    fields.extend(text("team", about.team.as_ref()));
    EmitArgs {
        event: event.to_owned(),
        fields,
        validate: about.validate,
        gateway: about.gateway.clone(),
        json: about.json,
    }
}

fn text(name: &str, value: Option<&String>) -> Option<String> {
    value.map(|v| format!("{name}={v}"))
}

fn feedback(a: &FeedbackArgs) -> Vec<String> {
    let number = |name: &str, value: Option<f64>| value.map(|v| format!("{name}={v}"));
    let all = [
        Some(format!("procedure={}", a.procedure)),
        number("clarity", a.clarity),
        number("usefulness", a.usefulness),
        text("comment", a.comment.as_ref()),
    ];
    all.into_iter().flatten().collect()
}

fn invoked(a: &InvokedArgs) -> Vec<String> {
    let all = [
        Some(format!("procedure={}", a.procedure)),
        Some(format!("status={}", a.status)),
        Some(format!("duration_ms={}", a.duration * 1e3)),
        text("task", a.task.as_ref()),
        text("error_type", a.error_type.as_ref()),
    ];
    all.into_iter().flatten().collect()
}
