//! `weir query`

use crate::args::{QueryArgs, SystemArgs};
use crate::output;
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::io::Write;
use std::process::ExitCode;
use weir_model::Micros;
use weir_store::{Param, Period, Question, Rows, Store};

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
        bail!("WEIR-0305: the question is empty; `weir query` lists those that have names");
    }
    let mut asked = None;
    let (sql, params) = if question.trim().contains(char::is_whitespace) {
        if !a.parameters.is_empty() {
            bail!("WEIR-0305: parameters go with named questions; `weir query` lists them");
        }
        (question, Vec::new())
    } else {
        let question = Question::find(system.questions()?, &question)?;
        let given = parameters(&a.parameters)?;
        let now = Micros(jiff::Timestamp::now().as_microsecond());
        let sql = question.sql(&given, system.catalog()?.as_ref(), now)?;
        if let Some(period) = question.period(&given)? {
            let tenant = given.iter().rfind(|(n, _)| n == "tenant");
            asked = Some((period, tenant.map(|(_, t)| t.clone()).unwrap_or_default()));
        }
        sql
    };
    let store = Store::new(&system.find()?.store()?);
    let runtime = runtime()?;
    runtime.block_on(async {
        let is_empty = match format {
            Format::Table => {
                let answer = store.query(&sql, &params, "JSONCompact")?;
                let bytes = answer.collect().await?;
                match serde_json::from_slice::<Rows>(&bytes) {
                    Ok(rows) => {
                        print(&rows)?;
                        rows.rows.is_empty()
                    }
                    // The question has a FORMAT of its own: it is what was asked for.
                    Err(_) => {
                        std::io::stdout().write_all(&bytes)?;
                        false
                    }
                }
            }
            Format::Json => stream(&store, &sql, &params, "JSONEachRow").await? == 0,
            Format::Csv => stream(&store, &sql, &params, "CSVWithNames").await? <= 1,
        };
        match asked {
            Some((period, tenant)) => tell_of_data(&store, &period, &tenant, is_empty).await,
            None => Ok(()),
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

/// Writes an answer as it comes; number of its lines.
async fn stream(store: &Store, sql: &str, params: &[Param], format: &str) -> Result<usize> {
    let mut answer = store.query(sql, params, format)?;
    let mut out = std::io::stdout().lock();
    let mut lines = 0;
    while let Some(bytes) = answer.next().await? {
        lines += bytes.iter().filter(|b| **b == b'\n').count();
        out.write_all(&bytes)?;
    }
    Ok(lines)
}

/// Most tenants that are named beside an answer.
const NAMED: usize = 10;

/// Says where data begins and ends, where an answer is empty or its period leaves some out.
async fn tell_of_data(store: &Store, period: &Period, tenant: &str, is_empty: bool) -> Result<()> {
    let sql = "SELECT tenant, min(first_day), max(last_day) FROM data_spans \
               WHERE {tenant:String} = '' OR tenant = {tenant:String} GROUP BY tenant ORDER BY tenant";
    let params = [("tenant".to_owned(), tenant.to_owned())];
    let spans = store.rows(sql, &params).await?.rows;
    let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
    let outside = |first: &str, last: &str| match period.ends() {
        (Some(from), _) if first < from.to_string().as_str() => true,
        (_, Some(to)) => last > to.to_string().as_str(),
        (Some(_), None) => false,
        // Days up to the tenant's today: a zone more or less decides nothing here.
        (None, None) => {
            let today = jiff::Timestamp::now()
                .to_zoned(jiff::tz::TimeZone::UTC)
                .date();
            let begins = today.saturating_sub(jiff::Span::new().days(i64::from(period.days)));
            first < begins.to_string().as_str()
        }
    };
    let shown: Vec<_> = spans
        .iter()
        .map(|row| (text(&row[0]), text(&row[1]), text(&row[2])))
        .filter(|(_, first, last)| is_empty || outside(first, last))
        .collect();
    if is_empty {
        eprintln!("no rows in the period asked for ({period})");
    }
    if spans.is_empty() {
        match tenant {
            "" => eprintln!("there is no data yet"),
            t => eprintln!("there is no data of {t}"),
        }
    }
    for (tenant, first, last) in shown.iter().take(NAMED) {
        eprintln!(
            "data of {tenant}: {first} to {last}; --from {first} --to {last} looks at all of it"
        );
    }
    if shown.len() > NAMED {
        eprintln!(
            "… and of {} more tenants: weir query \"SELECT * FROM data_spans\"",
            shown.len() - NAMED
        );
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
