//! `weir catalog check`

use crate::args::SystemArgs;
use crate::output;
use anyhow::Result;
use std::process::ExitCode;
use weir_catalog::{Catalog, Problem};
use weir_model::codes::MAPPING;
use weir_otlp::{Client, Mappings};

pub fn run(system: &SystemArgs, against_running: bool, json: bool) -> Result<ExitCode> {
    let loaded = match &system.schemas {
        Some(dir) => weir_catalog::load(dir),
        None => Catalog::embedded(),
    };
    let (catalog, mut problems) = match loaded {
        Ok(c) => (Some(c), Vec::new()),
        Err(e) => (None, e.0),
    };
    problems.extend(otlp(system));
    if let (Some(new), true) = (&catalog, against_running) {
        let brokers = system.find_brokers()?;
        if let Some(old) =
            weir_processor::current_catalog(&brokers, std::time::Duration::from_secs(30))?
        {
            problems.extend(weir_catalog::evolve(&old, new));
        }
    }
    let findings = match (&catalog, problems.is_empty()) {
        (Some(c), true) => weir_ops::lint::lint(c, &asked_for()),
        _ => Vec::new(),
    };
    if json {
        let list = |of: &[Problem]| -> Vec<serde_json::Value> {
            of.iter().map(|p| serde_json::json!({
                "file": p.file, "line": p.line, "column": p.column, "code": p.code.to_string(),
                "message": p.message, "remedy": p.remedy
            })).collect()
        };
        output::json(&serde_json::json!({
            "ok": problems.is_empty(), "problems": list(&problems), "findings": list(&findings)
        }))?;
    } else {
        for p in &findings {
            eprintln!("{p}");
        }
        for p in &problems {
            eprintln!("{p}");
        }
        match (&catalog, problems.len()) {
            (Some(c), 0) => println!(
                "the catalog is sound: {} event types, {} measures, {} KPIs, {} detectors, {} alert rules, {} (hash {:016x})",
                c.events.len(),
                c.events.iter().map(|e| e.measures.len()).sum::<usize>(),
                c.kpis.len(),
                c.detectors.len(),
                c.rules.len(),
                match findings.len() {
                    1 => "1 finding".to_owned(),
                    n => format!("{n} findings"),
                },
                c.hash
            ),
            (_, n) => eprintln!("{n} problem{}", if n == 1 { "" } else { "s" }),
        }
    }
    Ok(if problems.is_empty() && findings.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(1)
    })
}

/// What is wrong with the declarations of OpenTelemetry records and of clients.
fn otlp(system: &SystemArgs) -> Option<Problem> {
    let loaded = match &system.schemas {
        Some(dir) => Mappings::load(dir).and_then(|m| Client::load(dir, &m)),
        None => Mappings::shipped().and_then(|m| Client::shipped(&m)),
    };
    let wrong = loaded.err()?;
    Some(Problem {
        file: wrong.file,
        line: wrong.line,
        column: 0,
        code: MAPPING,
        message: wrong.message,
        remedy: wrong.remedy,
    })
}

/// Whether a named question speaks of a KPI.
fn asked_for() -> impl Fn(&str) -> bool {
    let questions = weir_store::Question::built_in();
    move |name| {
        let named = |text: &str| {
            text.split(|c: char| !c.is_alphanumeric() && c != '_')
                .any(|word| word == name)
        };
        questions.iter().any(|q| named(&q.text))
    }
}
