//! `weir experiment`: variants against their baselines, as the findings of a day judge them.

use super::analytics::Open;
use crate::args::{ExperimentArgs, ExperimentCommand, SystemArgs};
use crate::output::{self, short};
use anyhow::{Context, Result, bail};
use jiff::civil::Date;
use std::collections::BTreeSet;
use std::process::ExitCode;
use weir_api::findings::experiments::{self, Judged};
use weir_catalog::suggest;
use weir_model::codes::QUERY;

pub fn run(system: &SystemArgs, command: &ExperimentCommand) -> Result<ExitCode> {
    match command {
        ExperimentCommand::List(of) => {
            let (tenant, last, all) = read(system, of)?;
            if of.json {
                output::json(&all)?;
                return Ok(ExitCode::SUCCESS);
            }
            list(&tenant, last, &all)
        }
        ExperimentCommand::Show { name, of } => {
            let (_, last, mut all) = read(system, of)?;
            let known: BTreeSet<String> = all.iter().map(|j| j.experiment.clone()).collect();
            all.retain(|j| j.experiment == *name);
            if all.is_empty() {
                let near = suggest(name, known.iter().map(String::as_str));
                bail!("{QUERY}: nothing was observed of an experiment \"{name}\"; {near}");
            }
            if of.json {
                output::json(&all)?;
                return Ok(ExitCode::SUCCESS);
            }
            show(last, &all)
        }
    }
}

/// Of whom, through which day, and what is said.
fn read(system: &SystemArgs, of: &ExperimentArgs) -> Result<(String, Date, Vec<Judged>)> {
    let open = Open::of(system, of.tenant.as_deref())?;
    let source = open.source();
    let last = match &of.through {
        Some(day) => day.parse().with_context(|| {
            format!("{QUERY}: --through takes a day such as 2026-01-05, not {day}")
        })?,
        None => source.today().yesterday()?,
    };
    let plan = system.plan()?;
    let asked = experiments::read(source.reader, source.catalog, &plan, last);
    let all = open.runtime.block_on(asked)?;
    Ok((source.reader.tenant().to_owned(), last, all))
}

fn list(tenant: &str, last: Date, all: &[Judged]) -> Result<ExitCode> {
    if all.is_empty() {
        eprintln!(
            "nothing was observed of experiments of {tenant} through {last}: they are events \
             experiment.observed, with a variant `baseline`"
        );
        return Ok(ExitCode::SUCCESS);
    }
    let rows: Vec<Vec<String>> = all.iter().map(row).collect();
    let header = [
        "experiment",
        "metric",
        "variant",
        "state",
        "difference",
        "range",
        "seen",
        "needed",
    ];
    output::table(&header, &rows)?;
    println!("of {tenant}, through {last}; weir experiment show NAME says more");
    Ok(ExitCode::SUCCESS)
}

fn row(j: &Judged) -> Vec<String> {
    let effect = j.effect.as_ref();
    let range = effect.map(|e| format!("{} to {}", short(e.lower), short(e.upper)));
    vec![
        j.experiment.clone(),
        j.metric.clone(),
        j.variant.clone(),
        state(j),
        effect.map_or_else(|| "-".to_owned(), |e| short(e.effect)),
        range.unwrap_or_else(|| "-".to_owned()),
        short(j.baseline.n + j.treatment.n),
        j.needed.map_or_else(|| "-".to_owned(), short),
    ]
}

/// In words of people.
fn state(j: &Judged) -> String {
    match (j.state, j.days_left) {
        ("days_left", Some(days)) if days <= 1.0 => "1 day left".to_owned(),
        ("days_left", Some(days)) => format!("{} days left", short(days)),
        ("days_left", None) => "too early".to_owned(),
        (state, _) => state.replace('_', " "),
    }
}

fn show(last: Date, all: &[Judged]) -> Result<ExitCode> {
    for (i, j) in all.iter().enumerate() {
        if i > 0 {
            println!();
        }
        for line in lines(last, j) {
            println!("{line}");
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// What there is to say of one.
fn lines(last: Date, j: &Judged) -> Vec<String> {
    let (n, m) = (short(j.baseline.n), short(j.treatment.n));
    let due = j.due.map_or_else(String::new, |d| format!(", on {d}"));
    let mut all = vec![
        format!(
            "{} by {}, {} against the baseline",
            j.experiment, j.metric, j.variant
        ),
        format!("  state       {}{due}", state(j)),
        format!("  seen        {n} of the baseline, {m} of the variant"),
        format!(
            "  days        {} through {last}, at least {}",
            short(j.days),
            short(j.min_days)
        ),
        format!(
            "  means       {} of the baseline, {} of the variant",
            short(j.baseline.mean),
            short(j.treatment.mean)
        ),
    ];
    all.extend(j.effect.as_ref().map(|e| {
        format!(
            "  difference  {}, from {} to {} at {} %, however often one looks; p {}",
            short(e.effect),
            short(e.lower),
            short(e.upper),
            short(100.0 * (1.0 - j.alpha)),
            short(e.p)
        )
    }));
    all.push(format!(
        "  split       {} % of the variant, planned {} %; p {}",
        short(100.0 * j.split.seen),
        short(100.0 * j.split.planned),
        short(j.split.p)
    ));
    let needed = j.needed.map_or_else(|| "-".to_owned(), short);
    all.push(format!(
        "  power       {} % for a difference of {}, at {needed} observations",
        short(100.0 * j.power),
        short(j.matters)
    ));
    all.extend(j.guardrails.iter().map(|g| {
        format!(
            "  guardrail   {}: {} changed by {}, {} worse is tolerated",
            if g.broken { "broken" } else { "holds" },
            g.metric,
            short(g.change),
            short(g.margin)
        )
    }));
    if j.guardrails.is_empty() {
        all.push("  guardrail   none was observed".to_owned());
    }
    all
}
