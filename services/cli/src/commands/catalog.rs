//! `weir catalog`

use crate::args::{CatalogCommand, CatalogPart, SystemArgs};
use crate::output;
use anyhow::{Context, Result, bail};
use std::path::PathBuf;
use std::process::ExitCode;
use weir_catalog::{Catalog, RuleOn};
use weir_model::codes::CATALOG_REFERENCE;

pub fn run(system: &SystemArgs, command: CatalogCommand) -> Result<ExitCode> {
    match command {
        CatalogCommand::Check {
            against_running,
            json,
        } => check(system, against_running, json),
        CatalogCommand::List { part, json } => list(&*system.catalog()?, part, json),
        CatalogCommand::Migration { event, print } => migration(system, &event, print),
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
    if let (Some(new), true) = (&catalog, against_running) {
        let brokers = system.find_brokers()?;
        if let Some(old) =
            weir_processor::current_catalog(&brokers, std::time::Duration::from_secs(30))?
        {
            problems = weir_catalog::evolve(&old, new);
        }
    }
    if json {
        let list: Vec<_> = problems
            .iter()
            .map(|p| {
                serde_json::json!({"file": p.file, "line": p.line, "column": p.column, "code": p.code.to_string(),
                    "message": p.message, "remedy": p.remedy})
            })
            .collect();
        output::json(&serde_json::json!({"ok": problems.is_empty(), "problems": list}))?;
    } else {
        for p in &problems {
            eprintln!("{p}");
        }
        match (&catalog, problems.len()) {
            (Some(c), 0) => println!(
                "the catalog is sound: {} event types, {} measures, {} KPIs, {} detectors, {} alert rules (hash {:016x})",
                c.events.len(),
                c.events.iter().map(|e| e.measures.len()).sum::<usize>(),
                c.kpis.len(),
                c.detectors.len(),
                c.rules.len(),
                c.hash
            ),
            (_, n) => eprintln!("{n} problem{}", if n == 1 { "" } else { "s" }),
        }
    }
    Ok(if problems.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(1)
    })
}

fn list(c: &Catalog, part: CatalogPart, json: bool) -> Result<ExitCode> {
    let (header, rows): (&[&str], Vec<Vec<String>>) = match part {
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

fn migration(system: &SystemArgs, event: &str, print: bool) -> Result<ExitCode> {
    let catalog = system.catalog()?;
    let Some(def) = catalog.events.iter().find(|e| e.name == event) else {
        bail!(
            "{CATALOG_REFERENCE}: the catalog has no event type {event}; it has {}",
            catalog
                .events
                .iter()
                .map(|e| e.name.as_str())
                .collect::<Vec<_>>()
                .join(", ")
        );
    };
    let sql = weir_store::generate_event_migration(def)?;
    if print {
        print!("{sql}");
        return Ok(ExitCode::SUCCESS);
    }
    let dir = system
        .schemas
        .clone()
        .unwrap_or_else(|| PathBuf::from("schemas"))
        .join("clickhouse");
    let stem = weir_store::underscored(event);
    let mut next = 1;
    for entry in
        std::fs::read_dir(&dir).with_context(|| format!("cannot read {}", dir.display()))?
    {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.ends_with(&format!("_{stem}.sql")) {
            println!(
                "{} is there already: a migration that was applied once must not change",
                dir.join(name).display()
            );
            return Ok(ExitCode::SUCCESS);
        }
        if let Some(n) = name.split('_').next().and_then(|n| n.parse::<u32>().ok()) {
            next = next.max(n + 1);
        }
    }
    let path = dir.join(format!("{next:04}_{stem}.sql"));
    std::fs::write(&path, sql)?;
    println!("wrote {}; commit it beside the schema", path.display());
    Ok(ExitCode::SUCCESS)
}
