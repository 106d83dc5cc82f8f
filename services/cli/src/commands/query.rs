//! `weir query`

use super::runtime;
use crate::args::{QueryArgs, SystemArgs};
use crate::output;
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::io::Write;
use std::process::ExitCode;
use weir_model::Micros;
use weir_model::codes::QUERY;
use weir_ops::Asked;
use weir_ops::question::{Answer, Coverage, Span};
use weir_store::{Param, Question, Rows, Store};

/// How an answer is printed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    Table,
    Json,
    Csv,
}

pub fn run(system: &SystemArgs, mut a: QueryArgs) -> Result<ExitCode> {
    let mut format = match (a.json, a.csv) {
        (true, _) => Format::Json,
        (_, true) => Format::Csv,
        _ => Format::Table,
    };
    // After the question, `--json`, `--csv` and `--wide` reach us among its parameters.
    a.parameters.retain(|p| match p.as_str() {
        "--json" => {
            format = Format::Json;
            false
        }
        "--csv" => {
            format = Format::Csv;
            false
        }
        "--wide" => {
            output::be_wide();
            false
        }
        _ => true,
    });
    let Some(question) = a.question else {
        return list(&system.questions()?, format);
    };
    if question.trim().is_empty() {
        bail!("{QUERY}: the question is empty; `weir query` lists those that have names");
    }
    let now = Micros(jiff::Timestamp::now().as_microsecond());
    let is_sql = question.trim().contains(char::is_whitespace);
    let asked = if is_sql {
        if !a.parameters.is_empty() {
            bail!("{QUERY}: parameters go with named questions; `weir query` lists them");
        }
        Asked::sql(question)
    } else {
        let question = Question::find(system.questions()?, &question)?;
        let given = parameters(&a.parameters)?;
        Asked::named(&question, &given, system.catalog()?.as_ref(), now)?
    };
    let store = Store::new(&system.find()?.store()?);
    let coverage = runtime()?.block_on(async {
        let is_empty = answer(&store, &asked, format).await?;
        asked
            .coverage(&store, now, is_empty)
            .await
            .map(|c| (c, is_empty))
    })?;
    let (coverage, is_empty) = coverage;
    if let Some(coverage) = coverage {
        tell_of_data(&coverage, is_empty);
    }
    if is_sql && is_empty {
        let told = weir_ops::question::not_kept(system.catalog()?.as_ref(), &asked.sql);
        told.iter().for_each(|line| eprintln!("{line}"));
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints an answer; true where it has no rows.
async fn answer(store: &Store, asked: &Asked, format: Format) -> Result<bool> {
    let stream = async |format: &str| {
        let mut out = std::io::stdout().lock();
        let mut write = |bytes: &[u8]| Ok(out.write_all(bytes)?);
        asked.stream(store, format, &mut write).await
    };
    match format {
        Format::Table => {
            let answer = asked.answer(store).await?;
            match &answer {
                Answer::Rows(rows) => print(rows)?,
                Answer::Text(bytes) => std::io::stdout().write_all(bytes)?,
            }
            Ok(answer.is_empty())
        }
        Format::Json => Ok(stream("JSONEachRow").await? == 0),
        // Its first line is the header.
        Format::Csv => Ok(stream("CSVWithNames").await? <= 1),
    }
}

/// Most tenants that are named beside an answer.
const NAMED: usize = 10;

/// Says where data begins and ends, where an answer is empty or its period leaves some out.
fn tell_of_data(coverage: &Coverage, is_empty: bool) {
    if is_empty {
        eprintln!("no rows in the period asked for ({})", coverage.period);
    }
    if coverage.no_data {
        match coverage.tenant.as_str() {
            "" => eprintln!("there is no data yet"),
            t => eprintln!("there is no data of {t}"),
        }
    }
    for Span {
        tenant,
        first,
        last,
    } in coverage.spans.iter().take(NAMED)
    {
        eprintln!(
            "data of {tenant}: {first} to {last}; --from {first} --to {last} looks at all of it"
        );
    }
    if coverage.spans.len() > NAMED {
        eprintln!(
            "… and of {} more tenants: weir query \"SELECT * FROM data_spans\"",
            coverage.spans.len() - NAMED
        );
    }
}

/// `--days 30 --tenant=acme`
fn parameters(given: &[String]) -> Result<Vec<Param>> {
    let mut out = Vec::new();
    let mut rest = given.iter();
    while let Some(p) = rest.next() {
        let name = p
            .strip_prefix("--")
            .with_context(|| format!("{QUERY}: `{p}` is no parameter; write --name value"))?;
        match name.split_once('=') {
            Some((name, value)) => out.push((name.to_owned(), value.to_owned())),
            None => {
                let value = rest
                    .next()
                    .with_context(|| format!("{QUERY}: --{name} has no value"))?;
                out.push((name.to_owned(), value.clone()));
            }
        }
    }
    Ok(out)
}

fn list(all: &[Question], format: Format) -> Result<ExitCode> {
    if format == Format::Json {
        let all: Vec<_> = all
            .iter()
            .map(|q| {
                let parameters: Vec<_> = q
                    .parameters
                    .iter()
                    .map(|p| serde_json::json!({"name": p.name, "type": p.kind, "default": p.default, "help": p.help}))
                    .collect();
                serde_json::json!({"name": q.name, "title": q.title, "parameters": parameters})
            })
            .collect();
        output::json(&all)?;
        return Ok(ExitCode::SUCCESS);
    }
    let rows: Vec<Vec<String>> = all
        .iter()
        .map(|q| {
            // What need not be given has no default.
            let parameters: Vec<String> = q
                .parameters
                .iter()
                .filter(|p| !p.default.is_empty())
                .map(|p| format!("--{} {}", p.name, p.default))
                .collect();
            vec![q.name.clone(), q.title.clone(), parameters.join(" ")]
        })
        .collect();
    output::table(
        &["question", "what it tells", "parameters with defaults"],
        &rows,
    )?;
    println!(
        "All take --tenant NAME; those with --days also --from DATE and --to DATE, days of the tenant."
    );
    println!(
        "Ask one with `weir query NAME`, or give SQL: weir query \"SELECT … FROM llm_call_1d\""
    );
    Ok(ExitCode::SUCCESS)
}

/// Prints rows as a table.
fn print(answer: &Rows) -> Result<()> {
    let header: Vec<&str> = answer.columns.iter().map(|c| c.name.as_str()).collect();
    let rows: Vec<Vec<String>> = answer
        .rows
        .iter()
        .map(|r| {
            r.iter()
                .zip(&answer.columns)
                .map(|(v, c)| cell(v, &c.kind))
                .collect()
        })
        .collect();
    output::table(&header, &rows)?;
    println!(
        "{} row{}",
        rows.len(),
        if rows.len() == 1 { "" } else { "s" }
    );
    Ok(())
}

fn cell(v: &Value, kind: &str) -> String {
    match v {
        Value::Null => "-".into(),
        Value::String(s) if kind.contains("DateTime") => s.trim_end_matches(".000000").to_owned(),
        Value::String(s) => s.clone(),
        Value::Number(n) => match n.as_f64() {
            // More digits than a person reads; --json has them all.
            Some(x) if kind.contains("Float") => output::short(x),
            _ => n.to_string(),
        },
        Value::Object(o) => o
            .iter()
            .map(|(k, v)| format!("{k}={}", cell(v, "")))
            .collect::<Vec<_>>()
            .join(" "),
        other => other.to_string(),
    }
}
