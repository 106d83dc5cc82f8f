//! What is read to compute findings: series of KPIs and measures by day, what was found on a day,
//! and calls by what was paid for them. All of it through a [`Reader`], which sees one tenant.

use super::Span;
use crate::client::{Param, ident, text};
use crate::kpi_period::kpi_period_of_sql;
use crate::reader::{MeasureOf, Reader, Row, WHOSE, measure_kpi};
use crate::table::underscored;
use crate::{EventsTable, StoreError};
use jiff::civil::Date;
use serde_json::Value as Json;
use std::collections::BTreeMap;
use weir_catalog::{Catalog, CostDef, EventDef, KpiDef};

/// What is read of a KPI for each day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Column<'a> {
    /// Its value over the day.
    Value,
    /// One of its terms.
    Term(&'a str),
}

impl Column<'_> {
    fn sql(self) -> String {
        match self {
            Column::Value => "value".to_owned(),
            Column::Term(name) => ident(&format!("term_{name}")),
        }
    }
}

/// A subject with what was read of its days.
#[derive(Clone, Debug, PartialEq)]
pub struct Cell {
    /// Dimensions with their values.
    pub subject: BTreeMap<String, String>,
    /// Days that have a row, in order, with the columns that were asked for.
    pub days: Vec<(Date, Vec<Option<f64>>)>,
}

/// Which days of a KPI are read.
#[derive(Clone, Copy, Debug)]
pub struct Looked<'a> {
    /// First and last day of the tenant.
    pub days: Span,
    /// Most subjects: those with most days.
    pub most: usize,
    /// Dimensions that have a value.
    pub subject: &'a BTreeMap<String, String>,
    /// `day`, or `all` for one row over all of them.
    pub step: &'a str,
}

/// A KPI by day and subject; the same questions give the same subjects in the same order.
///
/// # Errors
/// The catalog has no such tables, or ClickHouse refuses or does not answer.
pub async fn series(
    reader: &Reader,
    catalog: &Catalog,
    kpi: &KpiDef,
    columns: &[Column<'_>],
    of: &Looked<'_>,
) -> Result<Vec<Cell>, StoreError> {
    let values = kpi_period_of_sql(kpi, catalog, WHOSE)?;
    let dims: Vec<String> = kpi.dimensions.iter().map(|d| ident(d)).collect();
    let group: String = dims.iter().map(|d| format!(", {d}")).collect();
    let read = columns.iter().enumerate().map(|(i, c)| {
        // A null would be left out of the array.
        format!(
            ", groupArray(ifNull(toFloat64({}), nan)) AS weir_c{i}",
            c.sql()
        )
    });
    let read: String = read.collect();
    let mut params: Vec<Param> = vec![
        ("from".to_owned(), of.days.first.to_string()),
        ("to".to_owned(), of.days.last.to_string()),
        ("step".to_owned(), of.step.to_owned()),
    ];
    let mut given = String::new();
    for (i, (name, value)) in of.subject.iter().enumerate() {
        given.push_str(&format!(" AND {} = {{s{i}:String}}", ident(name)));
        params.push((format!("s{i}"), value.clone()));
    }
    let sql = format!(
        "SELECT tenant{group}, groupArray(toString(`from`)) AS weir_days{read}\nFROM (\n{values}\n)\n\
         WHERE {}{given}\nGROUP BY tenant{group}\nORDER BY count() DESC{group}\nLIMIT {}",
        some(columns),
        of.most
    );
    let rows = reader.rows(&sql, &params).await?;
    let mut cells: Vec<Cell> = rows
        .into_iter()
        .map(|row| cell(row, &kpi.dimensions, columns.len()))
        .collect();
    cells.sort_by(|a, b| a.subject.cmp(&b.subject));
    Ok(cells)
}

/// That a row says anything.
fn some(columns: &[Column<'_>]) -> String {
    let each = columns.iter().map(|c| format!("{} IS NOT NULL", c.sql()));
    format!("({})", each.collect::<Vec<_>>().join(" OR "))
}

fn cell(mut row: Row, dimensions: &[String], columns: usize) -> Cell {
    let list = |v: Option<Json>| match v {
        Some(Json::Array(all)) => all,
        _ => Vec::new(),
    };
    let at = list(row.remove("weir_days"));
    let values: Vec<Vec<Json>> = (0..columns)
        .map(|i| list(row.remove(&format!("weir_c{i}"))))
        .collect();
    let day = |(i, day): (usize, &Json)| {
        let of = values.iter().map(|v| v.get(i).and_then(Json::as_f64));
        Some((day.as_str()?.parse().ok()?, of.collect()))
    };
    let mut days: Vec<(Date, Vec<Option<f64>>)> = at.iter().enumerate().filter_map(day).collect();
    days.sort_by_key(|(day, _)| *day);
    let value = |d: &String| {
        row.get(d)
            .and_then(Json::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    Cell {
        subject: dimensions.iter().map(|d| (d.clone(), value(d))).collect(),
        days,
    }
}

/// A measure by day and subject, as [`series`] has a KPI.
///
/// # Errors
/// As of [`series`].
pub async fn measured(
    reader: &Reader,
    catalog: &Catalog,
    measure: MeasureOf,
    of: &Looked<'_>,
) -> Result<Vec<Cell>, StoreError> {
    series(
        reader,
        catalog,
        &measure_kpi(measure, catalog),
        &[Column::Value],
        of,
    )
    .await
}

/// Anomalies of some days, the farthest out first, of each day, detector and subject one: rows of
/// the view, without the tenant.
///
/// # Errors
/// ClickHouse refuses or does not answer.
pub async fn found_in(reader: &Reader, days: Span, most: usize) -> Result<Vec<Row>, StoreError> {
    let sql = format!(
        "SELECT tenant, id, detector, dimensions, day, score FROM anomalies \
         WHERE {WHOSE} AND day BETWEEN {{from:Date}} AND {{to:Date}} ORDER BY abs(score) DESC, id \
         LIMIT 1 BY detector, toString(dimensions), day LIMIT {most}"
    );
    let params = [("from", days.first), ("to", days.last)];
    let params = params.map(|(name, day)| (name.to_owned(), day.to_string()));
    reader.rows(&sql, &params).await
}

/// The question for the calls of some days, added up by provider, model, task and pattern of waste:
/// `provider`, `model`, `task`, `waste`, `calls`, `reported` (USD) and, of calls whose cost is not
/// reported, `unreported` (calls) and the tokens of each class as `t0`, `t1`, ... `None` where the
/// archive of the event type has no such fields.
///
/// `patterns` are names with conditions on the archive's columns.
pub fn queries_of_calls(
    event: &EventDef,
    cost: &CostDef,
    task: &str,
    patterns: &[(String, String)],
    days: Span,
) -> Option<(String, Vec<Param>)> {
    let table = EventsTable::of(event).ok()?;
    let column = |path: &str| {
        let leaf = table.leaves.iter().find(|l| l.path == path)?;
        Some(ident(&leaf.column))
    };
    let (provider, model) = (column(&cost.provider)?, column(&cost.model)?);
    let task = column(task)?;
    let reported = cost.reported.as_deref().and_then(column);
    let reported = reported.unwrap_or_else(|| "CAST(NULL, 'Nullable(Float64)')".to_owned());
    let mut tokens = String::new();
    for (i, (path, _)) in cost.tokens.iter().enumerate() {
        let of = column(path)?;
        tokens.push_str(&format!(
            ", toFloat64(sumIf(toInt64(ifNull({of}, 0)), {reported} IS NULL)) AS t{i}"
        ));
    }
    let once = match event.identity.as_deref().and_then(column) {
        Some(identity) => format!("coalesce(nullIf(toString({identity}), ''), event_id)"),
        None => "event_id".to_owned(),
    };
    let patterns = patterns.iter();
    let waste: String = patterns
        .map(|(name, condition)| format!("{condition}, {}, ", text(name)))
        .collect();
    let waste = match waste.is_empty() {
        true => "''".to_owned(),
        false => format!("multiIf({waste}'')"),
    };
    let sql = format!(
        "SELECT tenant, {provider} AS provider, {model} AS model, {task} AS task, {waste} AS waste, \
         toFloat64(count()) AS calls, toFloat64(sum(toDecimal128(ifNull({reported}, 0), 9))) AS reported, \
         toFloat64(countIf({reported} IS NULL)) AS unreported{tokens}\n\
         FROM (SELECT * FROM {} WHERE {WHOSE} AND day BETWEEN {{from:Date}} AND {{to:Date}} \
         AND event_time >= toDateTime64({{from:Date}}, 6, 'UTC') - toIntervalDay(1) \
         AND event_time < toDateTime64({{to:Date}}, 6, 'UTC') + toIntervalDay(2) LIMIT 1 BY {once})\n\
         GROUP BY tenant, provider, model, task, waste ORDER BY provider, model, task, waste",
        ident(&format!("{}_events", underscored(&event.name))),
    );
    let params = vec![
        ("from".to_owned(), days.first.to_string()),
        ("to".to_owned(), days.last.to_string()),
    ];
    Some((sql, params))
}
