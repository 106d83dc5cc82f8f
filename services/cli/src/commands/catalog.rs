//! `weir catalog`

use crate::args::{CatalogCommand, CatalogPart, SystemArgs};
use crate::output;
use anyhow::{Result, bail};
use std::process::ExitCode;
use weir_catalog::{Catalog, EventDef, Problem, RuleOn};
use weir_model::codes::{CATALOG_REFERENCE, MAPPING};

pub fn run(system: &SystemArgs, command: CatalogCommand) -> Result<ExitCode> {
    match command {
        CatalogCommand::Check {
            against_running,
            json,
        } => check(system, against_running, json),
        CatalogCommand::Show { name } => show(&*system.catalog()?, &name),
        CatalogCommand::List { part, json } => list(&*system.catalog()?, part, json),
    }
}

fn check(system: &SystemArgs, against_running: bool, json: bool) -> Result<ExitCode> {
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

/// What is wrong with the declarations of OpenTelemetry records.
fn otlp(system: &SystemArgs) -> Option<Problem> {
    let loaded = match &system.schemas {
        Some(dir) => weir_otlp::Mappings::load(dir),
        None => weir_otlp::Mappings::shipped(),
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

/// What an SLA or a budget stands for; what else there is of a name, where it is declared.
fn show(c: &Catalog, name: &str) -> Result<ExitCode> {
    if let Some(e) = c
        .expanded
        .iter()
        .find(|e| e.name == name || format!("{}_{}", e.kind, e.name) == name)
    {
        println!(
            "# {} {}: {}\n{}",
            e.kind,
            e.name,
            e.title,
            e.text.trim_end()
        );
        return Ok(ExitCode::SUCCESS);
    }
    let sections = ["kpis", "detectors", "alerts", "scores"];
    let measures = c.events.iter().map(|e| [e.name.as_str(), "measures", name]);
    let paths = sections
        .iter()
        .map(|s| vec![*s, name])
        .chain(measures.map(|m| m.to_vec()));
    let mut found = false;
    for path in paths {
        let (file, line, _) = c.place(&path);
        let source = c.sources.iter().find(|(f, _)| *f == file && line > 0);
        if let Some((_, text)) = source {
            println!("# {file}:{line}\n{}", declaration(text, line as usize));
            found = true;
        }
    }
    if !found {
        bail!(
            "{CATALOG_REFERENCE}: nothing in the catalog is named {name}; `weir catalog list kpis` and the like show what there is"
        );
    }
    Ok(ExitCode::SUCCESS)
}

/// The lines of a declaration: its first one and all that are further in.
fn declaration(text: &str, line: usize) -> String {
    let depth = |l: &str| l.len() - l.trim_start().len();
    let mut lines = text.lines().skip(line.saturating_sub(1));
    let first = lines.next().unwrap_or_default();
    let inside = lines.take_while(|l| l.trim().is_empty() || depth(l) > depth(first));
    let mut out: Vec<&str> = std::iter::once(first).chain(inside).collect();
    while out.last().is_some_and(|l| l.trim().is_empty()) {
        out.pop();
    }
    out.join("\n")
}

fn event(e: &EventDef) -> Vec<String> {
    let schema: serde_json::Value = serde_json::from_str(&e.schema_json).unwrap_or_default();
    vec![
        e.name.clone(),
        (if e.low_volume { "low" } else { "usual" }).to_owned(),
        e.measures.len().to_string(),
        e.rollups.len().to_string(),
        schema["doc"].as_str().unwrap_or_default().to_owned(),
    ]
}

fn list(c: &Catalog, part: CatalogPart, json: bool) -> Result<ExitCode> {
    let (header, rows): (&[&str], Vec<Vec<String>>) = match part {
        CatalogPart::Events => (
            &["event", "volume", "measures", "rollups", "what it is"],
            c.events.iter().map(event).collect(),
        ),
        CatalogPart::Measures => (
            &["event", "measure", "unit", "what it is"],
            c.events
                .iter()
                .flat_map(|e| {
                    e.measures.iter().map(|m| {
                        vec![
                            e.name.clone(),
                            m.name.clone(),
                            m.unit.clone(),
                            m.title.clone(),
                        ]
                    })
                })
                .collect(),
        ),
        CatalogPart::Kpis => (
            &["kpi", "by", "window", "target", "expression", "what it is"],
            c.kpis
                .iter()
                .map(|k| {
                    let target = k.target.map_or_else(String::new, |t| {
                        format!(
                            "{} {} {}",
                            if t.higher_is_better { "≥" } else { "≤" },
                            t.value,
                            k.unit
                        )
                    });
                    vec![
                        k.name.clone(),
                        k.dimensions.join(","),
                        k.window.label().to_owned(),
                        target,
                        k.expr.source.clone(),
                        k.title.clone(),
                    ]
                })
                .collect(),
        ),
        CatalogPart::Detectors => (
            &[
                "detector",
                "event",
                "window",
                "severity",
                "value",
                "what it is",
            ],
            c.detectors
                .iter()
                .map(|d| {
                    vec![
                        d.name.clone(),
                        c.events[d.event].name.clone(),
                        d.window.label().to_owned(),
                        d.severity.clone(),
                        d.expr.source.clone(),
                        d.title.clone(),
                    ]
                })
                .collect(),
        ),
        CatalogPart::Rules => (
            &["rule", "on", "severity", "what it is"],
            c.rules
                .iter()
                .map(|r| {
                    let on = look(c, &r.on);
                    let unless = r.unless.map(|u| format!(", unless {}", c.rules[u].name));
                    let on = on + &unless.unwrap_or_default();
                    vec![r.name.clone(), on, r.severity.clone(), r.title.clone()]
                })
                .collect(),
        ),
    };
    if json {
        let all: Vec<serde_json::Map<_, _>> = rows
            .iter()
            .map(|r| {
                header
                    .iter()
                    .map(|h| (*h).to_owned())
                    .zip(r.iter().map(|v| v.clone().into()))
                    .collect()
            })
            .collect();
        output::json(&all)?;
    } else {
        output::table(header, &rows)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// What a rule looks at.
fn look(c: &Catalog, on: &RuleOn) -> String {
    match on {
        RuleOn::Kpi { kpi, above, below } => {
            let side =
                |s: &str, v: &Option<f64>| v.map(|v| format!(" {s} {v}")).unwrap_or_default();
            format!(
                "{}{}{}",
                c.kpis[*kpi].name,
                side(">", above),
                side("<", below)
            )
        }
        RuleOn::Off(kpi) => format!("{} off", c.kpis[*kpi].name),
        RuleOn::Detector(d) => c.detectors[*d].name.clone(),
        RuleOn::NoData { event, silence, .. } => {
            format!(
                "no {} for {} h",
                c.events[*event].name,
                silence.0 / weir_model::Micros::HOUR.0
            )
        }
        RuleOn::Several { all, conditions } => {
            let each: Vec<String> = conditions.iter().map(|on| look(c, on)).collect();
            each.join(if *all { " and " } else { " or " })
        }
    }
}
