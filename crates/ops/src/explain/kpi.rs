//! A KPI: what was said, what is true by now, and how it comes of its terms; or a score of its
//! inputs.

use super::Explain;
use super::find::{Found, number};
use super::term::{self, Of, same};
use super::told::{Explanation, Formula, Input, Said, Term};
use anyhow::Result;
use serde_json::Value as Json;
use weir_catalog::{JudgedWindow, KpiDef, Mix};
use weir_engine::expr;
use weir_model::{Micros, Since, WindowSize, fixed};

/// Explains the row of a KPI.
pub(super) async fn explain(e: &Explain<'_>, kpi: &KpiDef, found: &Found) -> Result<Explanation> {
    let inputs: Vec<Input> = kpi
        .mix
        .iter()
        .flat_map(|mix| inputs(e, mix, found))
        .collect();
    let mut terms = Vec::new();
    for i in 0..kpi.terms.len() {
        let of = of(e, kpi, i, found);
        terms.push(term::explain(e, &found.tenant, of).await?);
    }
    let value = match &kpi.mix {
        Some(_) => of_inputs(kpi, &inputs),
        None => of_terms(kpi, &terms),
    };
    let current = Said {
        value: found.number("value"),
        score: found.number("score"),
        status: text(found.row.get("status")),
    };
    Ok(Explanation {
        what: if kpi.mix.is_some() { "score" } else { "kpi" },
        name: kpi.name.clone(),
        title: kpi.title.clone(),
        unit: kpi.unit.clone(),
        tenant: found.tenant.clone(),
        subject: e.subject.clone(),
        window: found.window(kpi.window.label()),
        published: published(e, kpi, found).await?,
        adds_up: same(current.value, value) && terms.iter().all(|t| t.adds_up),
        current,
        formula: Some(formula(kpi, value)),
        inputs,
        terms,
    })
}

fn formula(kpi: &KpiDef, value: Option<f64>) -> Formula {
    let better = |higher: bool| if higher { "higher" } else { "lower" };
    let minimum = kpi.minimum_sample.as_ref();
    Formula {
        expression: match &kpi.mix {
            Some(_) => {
                "sum of weight * worth / sum of weights, of the inputs that are there".into()
            }
            None => kpi
                .expr
                .source
                .split_whitespace()
                .collect::<Vec<_>>()
                .join(" "),
        },
        value,
        decimals: kpi.decimals,
        minimum_sample: minimum.map(|(i, least)| (kpi.terms[*i].name.clone(), *least)),
        target: kpi.target.map(|t| t.value),
        better: kpi.target.map(|t| better(t.higher_is_better)),
    }
}

/// The formula over the terms as they are listed.
fn of_terms(kpi: &KpiDef, terms: &[Term]) -> Option<f64> {
    let values: Vec<Option<f64>> = terms.iter().map(|t| t.value).collect();
    if let Some((i, least)) = kpi.minimum_sample
        && values[i].is_none_or(|n| n < least)
    {
        return None;
    }
    let value = expr::eval(&kpi.expr, &values, &mut Vec::new())?;
    Some(fixed::round(value, kpi.decimals))
}

/// The mean of the inputs that are there.
fn of_inputs(kpi: &KpiDef, inputs: &[Input]) -> Option<f64> {
    let there = || inputs.iter().filter_map(|i| Some((i.weight, i.worth?)));
    let weights: f64 = there().map(|(w, _)| w).sum();
    let worth: f64 = there().map(|(w, x)| w * x).sum();
    (weights > 0.0).then(|| fixed::round(worth / weights, kpi.decimals))
}

fn inputs(e: &Explain<'_>, mix: &Mix, found: &Found) -> Vec<Input> {
    let of = |(kpi, weight): &(usize, f64)| {
        let name = e.catalog.kpis[*kpi].name.clone();
        Input {
            worth: found.number(&format!("term_{name}")),
            kpi: name,
            weight: *weight,
        }
    };
    mix.inputs.iter().map(of).collect()
}

/// What a term is of.
fn of(e: &Explain<'_>, kpi: &KpiDef, i: usize, found: &Found) -> Of {
    let term = &kpi.terms[i];
    let def = &e.catalog.events[term.event];
    let names = def.rollup_dimensions(&def.rollups[term.rollup]);
    let of = |list: &[(String, String)], name: &str| {
        let found = list.iter().find(|(n, _)| n == name);
        found.map(|(_, v)| v.clone())
    };
    let subject = names.into_iter().map(|name| {
        let value = of(&term.fixed, name).or_else(|| of(&found.subject, name));
        (name.to_owned(), value.unwrap_or_default())
    });
    let size = kpi.window.stored();
    Of {
        name: term.name.clone(),
        event: term.event,
        rollup: term.rollup,
        measure: term.measure,
        stat: term.stat,
        subject: subject.collect(),
        size,
        span: (begins(kpi.window, found), found.end),
        value: Some(found.number(&format!("term_{}", term.name))),
    }
}

/// Where the stored windows of a window begin.
fn begins(window: JudgedWindow, found: &Found) -> Micros {
    let step = |size: WindowSize| match size {
        WindowSize::Minute => Some(Micros::MINUTE),
        WindowSize::FiveMinutes => Some(Micros(5 * Micros::MINUTE.0)),
        WindowSize::Hour => Some(Micros::HOUR),
        WindowSize::Day => None,
    };
    match window {
        JudgedWindow::ToDate {
            since: Since::All, ..
        } => Micros(0),
        // A step belongs to the period that it ends in: it may begin before it.
        JudgedWindow::ToDate { step: size, .. } => match step(size) {
            Some(width) => found.start.floor(width),
            None => found.start,
        },
        _ => found.start,
    }
}

async fn published(e: &Explain<'_>, kpi: &KpiDef, found: &Found) -> Result<Option<Said>> {
    let sql =
        weir_store::explain::published_sql(&kpi.name, &found.tenant, &found.subject, found.end);
    let rows = e.store.rows(&sql, &[]).await?.rows;
    Ok(rows.first().map(|row| Said {
        value: row.first().and_then(number),
        score: row.get(1).and_then(number),
        status: text(row.get(2)),
    }))
}

fn text(v: Option<&Json>) -> Option<String> {
    v.and_then(Json::as_str).map(str::to_owned)
}
