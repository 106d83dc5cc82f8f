//! Tables of what is computed of days that are over: forecasts, trends and findings. A row belongs
//! to the day that its data reaches through; computed again, it has the same id and takes the place
//! of the one before.
//!
//! An *analysis* is all of it for one tenant and day. Its own row is written last, and views show
//! only rows of an analysis that came to its end: one that broke off is not seen, and what a later
//! one says no more is gone.

mod columns;
mod rows;
mod source;

pub use rows::{Analysis, Finding, ForecastDay, Issue, Rows, Span, TrendOf};
pub use source::{Cell, Column, Looked, found_in, measured, queries_of_calls, series};

pub(crate) use columns::{ABOUT_SUBJECTS, SHOWN, TABLES};

use crate::client::{ident, text};
use crate::{PartsTable, Store, StoreError};
use columns::{ANALYSES, Declared, HEAD, SUBJECT, Table};
use jiff::civil::Date;
use std::collections::{BTreeMap, BTreeSet};
use weir_catalog::Catalog;
use weir_model::Micros;

impl Table {
    /// (name, type, what it is) in the order of RowBinary.
    pub(crate) fn columns(&self) -> impl Iterator<Item = &'static Declared> + use<> {
        let subject: &[Declared] = match self.name == ANALYSES.name {
            true => &[],
            false => SUBJECT,
        };
        HEAD.iter().chain(subject).chain(self.own)
    }

    fn insert_columns(&self) -> String {
        let names: Vec<String> = self.columns().map(|(n, _, _)| ident(n)).collect();
        names.join(", ")
    }

    fn key(&self) -> &'static str {
        match self.name == ANALYSES.name {
            true => "run, tenant, data_through",
            false => "run, tenant, data_through, id",
        }
    }

    fn create(&self) -> String {
        let column = |(name, kind, doc): &Declared| column(name, kind, doc);
        let columns: Vec<String> = self.columns().map(column).collect();
        format!(
            "CREATE TABLE IF NOT EXISTS {} (\n{}\n)\nENGINE = ReplacingMergeTree(issued_at)\n\
             PARTITION BY toYYYYMM(data_through)\nORDER BY ({})\nCOMMENT {}",
            ident(self.name),
            columns.join(",\n"),
            self.key(),
            text(self.doc)
        )
    }

    /// The SELECT of its view: rows of the current run whose analysis came to its end.
    fn select(&self) -> String {
        let whose = "run = (SELECT run FROM current_run)";
        let shown = self.columns().map(|(n, _, _)| *n).filter(|n| *n != "run");
        let shown: Vec<String> = shown.map(ident).collect();
        if self.name == ANALYSES.name {
            return format!(
                "SELECT {} FROM {} FINAL WHERE {whose}",
                shown.join(", "),
                self.name
            );
        }
        format!(
            "SELECT {}, toUInt8(data_through = newest_day) AS newest\n\
             FROM (SELECT * FROM {} FINAL WHERE {whose}) AS r\n\
             INNER JOIN (SELECT tenant, data_through, max(issued_at) AS finished, \
             max(data_through) OVER (PARTITION BY tenant) AS newest_day FROM {} \
             WHERE {whose} GROUP BY tenant, data_through) AS a USING (tenant, data_through)\n\
             WHERE issued_at >= finished",
            shown.join(", "),
            self.name,
            ANALYSES.name
        )
    }
}

fn column(name: &str, kind: &str, doc: &str) -> String {
    format!("    {} {kind} COMMENT {}", ident(name), text(doc))
}

/// What makes the tables, where they are not there; `present` has the columns of a table.
pub(crate) fn prepare(present: &dyn Fn(&str) -> Option<Vec<String>>) -> Vec<String> {
    let mut all = Vec::new();
    for table in TABLES {
        let Some(there) = present(table.name) else {
            all.push(table.create());
            continue;
        };
        let missing = table.columns().filter(|c| !there.iter().any(|t| t == c.0));
        all.extend(missing.map(|(name, kind, doc)| {
            format!(
                "ALTER TABLE {} ADD COLUMN IF NOT EXISTS {}",
                ident(table.name),
                column(name, kind, doc).trim()
            )
        }));
    }
    all
}

/// (name, SELECT) of the views.
pub(crate) fn views() -> impl Iterator<Item = (String, String)> {
    TABLES.iter().map(|t| (t.view.to_owned(), t.select()))
}

/// Whether this store may be written to: true, or false where it refuses that; what is inserted is
/// nothing.
///
/// # Errors
/// ClickHouse does not answer, or has no such table yet.
pub async fn may_write(store: &Store) -> Result<bool, StoreError> {
    let nothing = format!("INSERT INTO {} (run) SELECT 0 WHERE 0", ANALYSES.name);
    match store.execute(&nothing).await {
        Ok(()) => Ok(true),
        Err(StoreError::Refused {
            number: READONLY | ACCESS_DENIED,
            ..
        }) => Ok(false),
        Err(e) => Err(e),
    }
}

/// ClickHouse's numbers of what is not allowed.
const READONLY: i32 = 164;
const ACCESS_DENIED: i32 = 497;

/// The days that were analysed of each tenant, of a run and by a plan.
///
/// # Errors
/// ClickHouse refuses or does not answer.
pub async fn analysed(
    store: &Store,
    run: u32,
    plan: &str,
) -> Result<BTreeMap<String, BTreeSet<Date>>, StoreError> {
    let sql = format!(
        "SELECT toString(tenant), toString(data_through) FROM {} FINAL WHERE run = {run} AND plan = {}",
        ANALYSES.name,
        text(plan)
    );
    let mut all: BTreeMap<String, BTreeSet<Date>> = BTreeMap::new();
    for (tenant, day) in store.fetch::<(String, String)>(&sql).await? {
        all.entry(tenant)
            .or_default()
            .extend(day.parse::<Date>().ok());
    }
    Ok(all)
}

/// Tenants that have data of the current run in windows that begin from a moment on.
///
/// # Errors
/// As of [`analysed`]; the catalog has no such tables.
pub async fn tenants(
    store: &Store,
    catalog: &Catalog,
    since: Micros,
) -> Result<Vec<String>, StoreError> {
    let of = |event| {
        Ok(format!(
            "SELECT DISTINCT toString(tenant) AS t FROM {} WHERE run = (SELECT run FROM current_run) \
             AND window_start >= fromUnixTimestamp64Micro({}, 'UTC')",
            ident(&PartsTable::of(event)?.name),
            since.0
        ))
    };
    let all: Vec<String> = catalog
        .events
        .iter()
        .map(of)
        .collect::<Result<_, StoreError>>()?;
    if all.is_empty() {
        return Ok(Vec::new());
    }
    let sql = format!(
        "SELECT DISTINCT t FROM ({}) ORDER BY t",
        all.join(" UNION ALL ")
    );
    store.fetch::<String>(&sql).await
}
