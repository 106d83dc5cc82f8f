//! `weir catalog list`

use crate::args::CatalogPart;
use crate::output;
use anyhow::Result;
use std::process::ExitCode;
use weir_catalog::{Catalog, DetectorDef, EventDef, KpiDef, MeasureDef, RuleDef};
use weir_ops::docs::looks_at;

pub fn run(c: &Catalog, part: CatalogPart, json: bool) -> Result<ExitCode> {
    let (header, rows): (&[&str], Vec<Vec<String>>) = match part {
        CatalogPart::Events => (
            &["event", "volume", "measures", "rollups", "what it is"],
            c.events.iter().map(event).collect(),
        ),
        CatalogPart::Measures => (
            &["event", "measure", "unit", "what it is"],
            c.events
                .iter()
                .flat_map(|e| e.measures.iter().map(|m| measure(e, m)))
                .collect(),
        ),
        CatalogPart::Rollups => (
            &["event", "by", "windows", "declared", "read by"],
            (0..c.events.len()).flat_map(|e| rollups(c, e)).collect(),
        ),
        CatalogPart::Kpis => (
            &["kpi", "by", "window", "target", "expression", "what it is"],
            c.kpis.iter().map(kpi).collect(),
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
            c.detectors.iter().map(|d| detector(c, d)).collect(),
        ),
        CatalogPart::Rules => (
            &["rule", "on", "severity", "what it is"],
            c.rules.iter().map(|r| rule(c, r)).collect(),
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

/// What is not declared is stored because somebody reads it, hours and days in any case.
fn rollups(c: &Catalog, event: usize) -> Vec<Vec<String>> {
    let e = &c.events[event];
    let each = e.rollups.iter().enumerate().map(|(i, r)| {
        let windows: Vec<&str> = r.windows.iter().map(|w| w.label()).collect();
        let sizes = r.windows.iter();
        let mut readers: Vec<&str> = sizes.flat_map(|w| c.readers(event, i, *w)).collect();
        readers.sort_unstable();
        vec![
            e.name.clone(),
            e.rollup_dimensions(r).join(","),
            windows.join(","),
            (if r.by_need { "by need" } else { "yes" }).to_owned(),
            readers.join(", "),
        ]
    });
    each.collect()
}

fn measure(e: &EventDef, m: &MeasureDef) -> Vec<String> {
    vec![
        e.name.clone(),
        m.name.clone(),
        m.unit.clone(),
        m.title.clone(),
    ]
}

fn kpi(k: &KpiDef) -> Vec<String> {
    let target = k.target.map_or_else(String::new, |t| {
        let own = k.targets.iter().flat_map(|t| &t.values);
        let own: String = own.map(|(v, t)| format!(", {v} {t}")).collect();
        format!(
            "{} {}{own} {}",
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
}

fn detector(c: &Catalog, d: &DetectorDef) -> Vec<String> {
    vec![
        d.name.clone(),
        c.events[d.event].name.clone(),
        d.window.label().to_owned(),
        d.severity.clone(),
        d.expr.source.clone(),
        d.title.clone(),
    ]
}

fn rule(c: &Catalog, r: &RuleDef) -> Vec<String> {
    let unless = r.unless.map(|u| format!(", unless {}", c.rules[u].name));
    let on = looks_at(c, &r.on) + &unless.unwrap_or_default();
    vec![r.name.clone(), on, r.severity.clone(), r.title.clone()]
}
