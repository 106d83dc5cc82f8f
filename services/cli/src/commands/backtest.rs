//! `weir backtest`: recorded history judged again, and how often each rule would have fired.

use super::{runtime, show};
use crate::args::{BacktestArgs, SystemArgs};
use crate::output::{self, Bar, short, thousands};
use anyhow::{Result, bail};
use jiff::ToSpan;
use jiff::civil::Date;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use weir_catalog::{Catalog, Problem};
use weir_model::Micros;
use weir_model::codes::QUERY;
use weir_ops::Arrival;
use weir_ops::backtest::{self, Backtest, Line, Outcome, Report, Wanted};
use weir_store::backtest::Firing;
use weir_store::{Period, Store};

pub fn run(system: &SystemArgs, a: &BacktestArgs) -> Result<ExitCode> {
    let found = system.find()?;
    let kept = system.catalog()?;
    let judging = match &a.catalog {
        Some(dir) => Arc::new(weir_catalog::load(dir)?),
        None => kept.clone(),
    };
    let run = weir_ops::run::current(&found.brokers, &kept)?;
    let store = Store::new(&found.own_store()?);
    let runtime = runtime()?;
    let named = a.tenant.as_deref();
    let tenant = runtime.block_on(weir_ops::tenant::meant(&store, named))?;
    let there = runtime.block_on(backtest::days(&store, &tenant))?;
    let days = span(a, there)?;
    let arrival = Arrival {
        brokers: &found.brokers,
        catalog: &kept,
        run,
    };
    let through = arrived(&arrival, &judging, &tenant, days, a.wait)?;
    let wanted = Wanted {
        kpis: a.kpi.clone(),
        detectors: a.detector.clone(),
        rules: a.rule.clone(),
    };
    let test = Backtest {
        store: &store,
        kept: &kept,
        run,
        judging: &judging,
        wanted: &wanted,
        tenant: &tenant,
        days,
        through,
        on_time_only: a.on_time,
        now: Micros(jiff::Timestamp::now().as_microsecond()),
    };
    let bar = Bar::lasting("rows judged");
    let outcome = runtime.block_on(test.run(&mut |done, total| bar.at(done, Some(total))))?;
    drop(bar);
    let report = runtime.block_on(Report::of(&store, &judging, &outcome.run))?;
    let firings = store.backtest_firings(&outcome.run.id, &a.rule);
    let firings = runtime.block_on(firings)?;
    let findings = backtest::findings(&judging, &report);
    if a.json {
        print_json(&outcome, &report, &firings, &findings)?;
    } else {
        print(a, &outcome, &report, &firings, &findings)?;
    }
    Ok(match a.check && !findings.is_empty() {
        true => ExitCode::from(1),
        false => ExitCode::SUCCESS,
    })
}

/// The days that are asked for, of those that there are.
fn span(a: &BacktestArgs, (first, last): (Date, Date)) -> Result<(Date, Date)> {
    let given = [("from", &a.from), ("to", &a.to), ("days", &a.days)];
    let given: Vec<(String, String)> = given
        .into_iter()
        .filter_map(|(name, said)| Some((name.to_owned(), said.clone()?)))
        .collect();
    let period = Period::of(1, &given)?;
    let to = period.to.unwrap_or(last);
    let from = match (period.from, &a.days) {
        (Some(from), _) => from,
        (None, Some(_)) => to.checked_sub((i64::from(period.days) - 1).days())?,
        (None, None) => first.min(to),
    };
    if to < from {
        bail!("{QUERY}: --from {from} lies after the last day with data, {last}");
    }
    Ok((from, to))
}

/// Waits until what is final is in the store; up to when that is.
fn arrived(
    arrival: &Arrival<'_>,
    catalog: &Catalog,
    tenant: &str,
    days: (Date, Date),
    wait: f64,
) -> Result<Micros> {
    let (from, end) = backtest::bounds(catalog, tenant, days)?;
    let through = arrival.final_through()?.min(end);
    if through <= from {
        bail!(
            "{QUERY}: no window of {} is final yet; name earlier days",
            days.0
        );
    }
    arrival.through(through, Duration::from_secs_f64(wait))?;
    Ok(through)
}

fn print_json(
    outcome: &Outcome,
    report: &Report,
    firings: &[Firing],
    findings: &[Problem],
) -> Result<()> {
    let run = &outcome.run;
    let findings: Vec<_> = findings
        .iter()
        .map(|p| {
            serde_json::json!({
                "file": p.file, "line": p.line, "column": p.column, "code": p.code.to_string(),
                "message": p.message, "remedy": p.remedy
            })
        })
        .collect();
    output::json(&serde_json::json!({
        "backtest": run.id, "tenant": run.tenant, "from": run.first.to_string(),
        "to": run.last.to_string(), "through": run.through, "catalog": format!("{:016x}", run.catalog),
        "on_time_only": run.on_time_only, "rows": run.rows, "archived": outcome.archived,
        "judged": report, "firings": firings, "findings": findings,
    }))
}

fn print(
    a: &BacktestArgs,
    outcome: &Outcome,
    report: &Report,
    firings: &[Firing],
    findings: &[Problem],
) -> Result<()> {
    let asked = |l: &&Line| l.kind != "kpi" || !a.kpi.is_empty();
    let (spoke, silent): (Vec<&Line>, Vec<&Line>) =
        report.0.iter().filter(asked).partition(|l| l.times > 0);
    if !spoke.is_empty() {
        let rows: Vec<Vec<String>> = spoke.iter().map(|l| cells(l)).collect();
        output::table(
            &[
                "what",
                "name",
                "times",
                "share",
                "first",
                "last",
                "most often",
            ],
            &rows,
        )?;
    }
    if !firings.is_empty() {
        let rows: Vec<Vec<String>> = firings.iter().map(firing).collect();
        output::table(
            &[
                "rule", "of", "fired", "until", "state", "windows", "worst", "bound",
            ],
            &rows,
        )?;
    }
    let judged = |lines: &[&Line]| lines.iter().filter(|l| l.judged > 0).count();
    if !silent.is_empty() {
        println!(
            "{} more judged something and would have said nothing, {} had nothing to judge",
            judged(&silent),
            silent.len() - judged(&silent)
        );
    }
    let kpis = report.0.iter().filter(|l| l.kind == "kpi" && l.times > 0);
    let (names, values) = kpis.fold((0u64, 0), |(n, all), l| (n + 1, all + l.times));
    println!(
        "{} values of {names} KPIs would have been published; {} rows of history read",
        thousands(values),
        thousands(outcome.run.rows)
    );
    for (event, lacking) in &outcome.archived {
        println!("{event} was counted from the archive of its events: {lacking} is not kept");
    }
    for p in findings {
        println!("{p}");
    }
    let run = &outcome.run;
    println!(
        "back-test {} of {}, {} to {}, judged through {}; nobody was told",
        run.id,
        run.tenant,
        run.first,
        run.last,
        show(run.through)
    );
    Ok(())
}

/// The row of a rule, detector or KPI.
fn cells(l: &Line) -> Vec<String> {
    let at = |t: Option<i64>| t.map_or_else(String::new, |t| show(Micros(t)));
    let most = l.most.iter().map(|(n, subject)| {
        let subject = if subject.is_empty() { "all" } else { subject };
        format!("{subject} ({n})")
    });
    let more = l.subjects.saturating_sub(l.most.len() as u64);
    let more = (more > 0).then(|| format!("{more} more"));
    vec![
        l.name.clone(),
        thousands(l.times),
        l.share
            .map_or_else(|| "-".into(), |s| format!("{}%", short(s * 100.0))),
        at(l.first),
        at(l.last),
        most.chain(more).collect::<Vec<_>>().join(", "),
    ]
}

fn firing(f: &Firing) -> Vec<String> {
    let number = |x: Option<f64>| x.map_or_else(|| "-".into(), short);
    vec![
        f.rule.clone(),
        if f.subject.is_empty() {
            "all".to_owned()
        } else {
            f.subject.clone()
        },
        show(Micros(f.opened)),
        show(Micros(f.at)),
        f.state.clone(),
        f.windows.to_string(),
        number(f.worst),
        number(f.threshold),
    ]
}
