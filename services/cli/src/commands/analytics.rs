//! `weir analytics`: operators, costs and boards, as `/api/analytics/...` tells them.

use super::findings::{field, subject};
use super::{report, runtime};
use crate::args::{AimArgs, AnalyticsArgs, AnalyticsCommand, ReportArgs, SystemArgs};
use crate::output::{self, short};
use anyhow::{Result, bail};
use serde::Serialize;
use serde_json::Value as Json;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use weir_catalog::Catalog;
use weir_model::Micros;
use weir_model::codes::REPORT_ASKED;
use weir_ops::analytics::{self, Overview, Source};
use weir_store::reader::{Limits, Row};
use weir_store::{Question, Reader, Store};

/// Alerts of a dashboard.
const ALERTS: usize = 10;
/// Rows of each of its tables.
const ROWS: usize = 5;

pub fn run(system: &SystemArgs, command: AnalyticsCommand) -> Result<ExitCode> {
    match command {
        AnalyticsCommand::OperatorStats { operator, of } => stats(system, &operator, &of),
        AnalyticsCommand::TrainingPlan { aim, of } => plan(system, &aim, &of),
        AnalyticsCommand::CostReport {
            timeframe,
            category,
            of,
        } => cost(system, &category, timeframe, &of),
        AnalyticsCommand::Leaderboard {
            category,
            limit,
            of,
        } => board(system, &category, limit, &of),
        AnalyticsCommand::SkillGap { aim, of } => gap(system, &aim, &of),
        AnalyticsCommand::Dashboard { tenant, json } => dashboard(system, tenant.as_deref(), json),
        AnalyticsCommand::ExportReport {
            report,
            file,
            format,
            operator_id,
            days,
            tenant,
        } => {
            let format = match format {
                Some(format) => format,
                None => ending(&file)?,
            };
            let asked = ReportArgs {
                report: Some(report),
                period: Some(format!("{days}d")),
                from: None,
                to: None,
                subject: operator_id,
                tenant,
                format,
                output: Some(file),
                templates: None,
            };
            report::run(system, asked)
        }
    }
}

/// `html` of `report.html`.
fn ending(file: &Path) -> Result<String> {
    match file.extension().and_then(|e| e.to_str()) {
        Some(ending) => Ok(ending.to_ascii_lowercase()),
        None => bail!(
            "{REPORT_ASKED}: {} says no format; name one with --format",
            file.display()
        ),
    }
}

/// What is needed to ask.
pub struct Open {
    pub runtime: tokio::runtime::Runtime,
    reader: Reader,
    catalog: Arc<Catalog>,
    questions: Vec<Question>,
}

impl Open {
    pub fn of(system: &SystemArgs, tenant: Option<&str>) -> Result<Open> {
        let store = Store::new(&system.find()?.store()?);
        let runtime = runtime()?;
        let tenant = runtime.block_on(weir_ops::tenant::meant(&store, tenant))?;
        Ok(Open {
            runtime,
            reader: Reader::new(&store, &tenant, &Limits::default()),
            catalog: system.catalog()?,
            questions: system.questions()?,
        })
    }

    pub fn source(&self) -> Source<'_> {
        Source {
            reader: &self.reader,
            catalog: &self.catalog,
            questions: &self.questions,
            now: Micros(jiff::Timestamp::now().as_microsecond()),
        }
    }

    /// Waits for an answer.
    pub fn ask<T>(&self, asked: impl Future<Output = Result<T, analytics::Refused>>) -> Result<T> {
        Ok(self.runtime.block_on(asked)?)
    }
}

/// Prints rows as the asker wants them; JSON has all that there is to say.
fn print(
    of: &AnalyticsArgs,
    all: &impl Serialize,
    header: &[&str],
    rows: &[Vec<String>],
) -> Result<ExitCode> {
    if of.json {
        output::json(all)?;
    } else if of.csv {
        let mut out = csv::Writer::from_writer(std::io::stdout().lock());
        out.write_record(header)?;
        for row in rows {
            out.write_record(row)?;
        }
        out.flush()?;
    } else {
        output::table(header, rows)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// A number for people, or with all its digits for CSV; nothing where there is none.
fn number(of: &AnalyticsArgs, value: Option<f64>) -> String {
    match (value, of.csv) {
        (None, true) => String::new(),
        (None, false) => "-".to_owned(),
        (Some(v), true) => v.to_string(),
        (Some(v), false) => short(v),
    }
}

fn text(value: &Json) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn stats(system: &SystemArgs, operator: &str, of: &AnalyticsArgs) -> Result<ExitCode> {
    let open = Open::of(system, of.tenant.as_deref())?;
    let told = open.ask(analytics::performance(&open.source(), operator))?;
    let row = |k: &analytics::Newest| {
        let name = text(&k.kpi);
        let unit = open.catalog.kpi(&name).map_or("", |k| k.unit.as_str());
        vec![
            name.clone(),
            number(of, k.value.as_f64()),
            unit.to_owned(),
            number(of, k.score.as_f64()),
            text(&k.status),
            minute(&text(&k.window_end)),
        ]
    };
    let rows: Vec<Vec<String>> = told.kpis.iter().map(row).collect();
    let header = ["kpi", "value", "unit", "score", "status", "through"];
    print(of, &told, &header, &rows)
}

/// `2026-03-01 10:00` of a moment in RFC 3339.
fn minute(at: &str) -> String {
    at.chars().take(16).collect::<String>().replace('T', " ")
}

fn plan(system: &SystemArgs, aim: &AimArgs, of: &AnalyticsArgs) -> Result<ExitCode> {
    let open = Open::of(system, of.tenant.as_deref())?;
    let role = aim.target_role.as_deref();
    let known = open.ask(analytics::of_operator(&open.source(), &aim.operator, role))?;
    let steps = analytics::plan(&known);
    if steps.is_empty() && !of.json && !of.csv {
        println!("{} has all that is asked for", aim.operator);
        return Ok(ExitCode::SUCCESS);
    }
    let row = |s: &analytics::Step| {
        let what = match s.level {
            Some(_) => format!("train {}", s.skill),
            None => format!("have {} scored: nothing is known of it", s.skill),
        };
        vec![
            s.priority.to_string(),
            s.role.clone(),
            what,
            number(of, s.level),
            number(of, Some(s.required)),
            number(of, s.gap),
        ]
    };
    let rows: Vec<Vec<String>> = steps.iter().map(row).collect();
    let header = ["priority", "role", "step", "level", "asked", "missing"];
    print(of, &steps, &header, &rows)
}

fn gap(system: &SystemArgs, aim: &AimArgs, of: &AnalyticsArgs) -> Result<ExitCode> {
    let open = Open::of(system, of.tenant.as_deref())?;
    let role = aim.target_role.as_deref();
    let known = open.ask(analytics::of_operator(&open.source(), &aim.operator, role))?;
    let row = |role: &str, g: &weir_analysis::learning::SkillGap| {
        vec![
            role.to_owned(),
            g.skill.clone(),
            number(of, g.level),
            number(of, Some(g.required)),
            number(of, g.gap),
        ]
    };
    let rows: Vec<Vec<String>> = known
        .iter()
        .flat_map(|(role, a)| a.gaps.iter().map(move |g| row(role, g)))
        .collect();
    let all: Vec<Json> = known
        .iter()
        .map(|(role, a)| serde_json::json!({"role": role, "operator": a.operator, "gaps": a.gaps}))
        .collect();
    let header = ["role", "skill", "level", "asked", "missing"];
    print(of, &all, &header, &rows)
}

fn cost(system: &SystemArgs, category: &str, days: u32, of: &AnalyticsArgs) -> Result<ExitCode> {
    let open = Open::of(system, of.tenant.as_deref())?;
    let told = open.ask(analytics::breakdown(&open.source(), category, days))?;
    let row = |i: &analytics::Item| {
        vec![
            i.name.clone(),
            number(of, Some(i.cost)),
            number(of, i.percent),
        ]
    };
    let rows: Vec<Vec<String>> = told.items.iter().map(row).collect();
    let code = print(of, &told, &[category, "USD", "percent"], &rows)?;
    if !of.json && !of.csv {
        let (from, to) = (&told.from, &told.to);
        let usd = short(told.total_cost);
        println!("{usd} USD from {from} to {to}");
    }
    Ok(code)
}

fn board(system: &SystemArgs, by: &str, limit: usize, of: &AnalyticsArgs) -> Result<ExitCode> {
    let open = Open::of(system, of.tenant.as_deref())?;
    let told = open.ask(analytics::leaderboard(&open.source(), by, limit))?;
    let names = analytics::RANKED_BY.map(|(name, _)| name);
    let others = || names.into_iter().filter(|n| *n != by);
    let header: Vec<&str> = ["rank", "operator", by]
        .into_iter()
        .chain(others())
        .collect();
    let row = |e: &analytics::Entry| {
        let rest = others().map(|n| number(of, e.values.get(n).and_then(Json::as_f64)));
        let first = [
            e.rank.to_string(),
            e.name.clone(),
            number(of, Some(e.value)),
        ];
        first.into_iter().chain(rest).collect()
    };
    let rows: Vec<Vec<String>> = told.iter().map(row).collect();
    print(of, &told, &header, &rows)
}

fn dashboard(system: &SystemArgs, tenant: Option<&str>, json: bool) -> Result<ExitCode> {
    let open = Open::of(system, tenant)?;
    let told = open.ask(analytics::overview(&open.source(), ALERTS))?;
    if json {
        output::json(&told)?;
        return Ok(ExitCode::SUCCESS);
    }
    shown(&told)?;
    Ok(ExitCode::SUCCESS)
}

fn shown(told: &Overview) -> Result<()> {
    let spent = told.spend.iter().map(|s| match s.days {
        1 => format!("{} USD today", short(s.usd)),
        n => format!("{} in {n} days", short(s.usd)),
    });
    let spent: Vec<String> = spent.collect();
    println!("{}: {}", told.tenant, spent.join(", "));
    for part in [&told.teams, &told.models] {
        let rows: Vec<Vec<String>> = part
            .items
            .iter()
            .take(ROWS)
            .map(|i| {
                let percent = i.percent.map_or_else(|| "-".to_owned(), short);
                vec![i.name.clone(), short(i.cost), percent]
            })
            .collect();
        section(&[&part.category, "USD in 7 days", "percent"], &rows)?;
    }
    let ahead = told.leaderboard.iter();
    let ahead = ahead.map(|e| vec![e.rank.to_string(), e.name.clone(), short(e.value)]);
    section(&["rank", "operator", "xp"], &ahead.collect::<Vec<_>>())?;
    let alert = |a: &Row| {
        vec![
            field(a, "severity"),
            field(a, "rule"),
            subject(a),
            minute(&field(a, "opened")),
        ]
    };
    let alerts: Vec<Vec<String>> = told.alerts.iter().map(alert).collect();
    if alerts.is_empty() {
        println!("no open alert");
    }
    section(&["severity", "open alert", "of", "since"], &alerts)
}

/// A table, where it has rows.
fn section(header: &[&str], rows: &[Vec<String>]) -> Result<()> {
    match rows.is_empty() {
        true => Ok(()),
        false => output::table(header, rows),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_file_says_its_format() {
        assert_eq!(ending(Path::new("a/report.HTML")).unwrap(), "html");
        let refused = ending(Path::new("report")).unwrap_err().to_string();
        assert!(refused.contains("--format"), "{refused}");
    }
}
