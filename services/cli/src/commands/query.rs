//! `weir query`

use crate::args::{QueryArgs, SystemArgs};
use crate::output;
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::io::Write;
use std::process::ExitCode;
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
    // After the question, `--json` and `--csv` reach us among its parameters.
    a.parameters.retain(|p| match p.as_str() {
        "--json" => {
            format = Format::Json;
            false
        }
        "--csv" => {
            format = Format::Csv;
            false
        }
        _ => true,
    });
    let Some(question) = a.question else {
        return list(&system.questions()?, format);
    };
    let (sql, params) = if question.trim().contains(char::is_whitespace) {
        if !a.parameters.is_empty() {
            bail!("WEIR-0305: parameters go with named questions; `weir query` lists them");
        }
        (question, Vec::new())
    } else {
        let question = Question::find(system.questions()?, &question)?;
        question.sql(&parameters(&a.parameters)?)?
    };
    let store = Store::new(&system.find()?.store()?);
    let runtime = runtime()?;
    runtime.block_on(async {
        match format {
            Format::Table => {
                let answer = store.query(&sql, &params, "JSONCompact")?;
                let bytes = answer.collect().await?;
                match serde_json::from_slice::<Rows>(&bytes) {
                    Ok(rows) => print(&rows),
                    // The question has a FORMAT of its own: it is what was asked for.
                    Err(_) => Ok(std::io::stdout().write_all(&bytes)?),
                }
            }
            Format::Json => stream(&store, &sql, &params, "JSONEachRow").await,
            Format::Csv => stream(&store, &sql, &params, "CSVWithNames").await,
        }
    })?;
    Ok(ExitCode::SUCCESS)
}

/// A runtime for one command.
pub fn runtime() -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")
}

async fn stream(store: &Store, sql: &str, params: &[Param], format: &str) -> Result<()> {
    let mut answer = store.query(sql, params, format)?;
    let mut out = std::io::stdout().lock();
    while let Some(bytes) = answer.next().await? {
        out.write_all(&bytes)?;
    }
    Ok(())
}

/// `--days 30 --tenant=acme`
fn parameters(given: &[String]) -> Result<Vec<Param>> {
    let mut out = Vec::new();
    let mut rest = given.iter();
    while let Some(p) = rest.next() {
        let name = p
            .strip_prefix("--")
            .with_context(|| format!("WEIR-0305: `{p}` is no parameter; write --name value"))?;
        match name.split_once('=') {
            Some((name, value)) => out.push((name.to_owned(), value.to_owned())),
            None => {
                let value = rest
                    .next()
                    .with_context(|| format!("WEIR-0305: --{name} has no value"))?;
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
            let parameters: Vec<String> = q
                .parameters
                .iter()
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
        "Ask one with `weir query NAME`, or give SQL: weir query \"SELECT … FROM llm_call_1d\""
    );
    Ok(ExitCode::SUCCESS)
}

/// Prints rows as a table.
pub fn print(answer: &Rows) -> Result<()> {
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
            Some(x) if kind.contains("Float") => short(x),
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

fn short(x: f64) -> String {
    let digits = if x.abs() >= 1000.0 {
        0
    } else if x.abs() >= 10.0 {
        1
    } else {
        3
    };
    let s = format!("{x:.digits$}");
    if s.contains('.') {
        s.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        s
    }
}
