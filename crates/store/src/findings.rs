//! Tables of what is computed of days that are over: forecasts, trends and findings. A row belongs to
//! the day that its data reaches through; computed again, it has the same id and takes the place of
//! the one before.
//!
//! An *analysis* is all of it for one tenant and day. Its own row is written last, and views show
//! only rows of an analysis that came to its end: one that broke off is not seen, and what a later
//! one says no more is gone.

mod rows;
mod source;

pub use rows::{Analysis, Finding, ForecastDay, Issue, Rows, Span, TrendOf};
pub use source::{Cell, Column, Looked, found_on, measured, queries_of_calls, series};

use crate::client::{ident, text};
use crate::{PartsTable, Store, StoreError};
use jiff::civil::Date;
use std::collections::{BTreeMap, BTreeSet};
use weir_catalog::Catalog;
use weir_model::Micros;

/// (name, type, what it is).
type Declared = (&'static str, &'static str, &'static str);

/// A table and its view.
#[derive(Debug)]
pub(crate) struct Table {
    /// Its name.
    pub name: &'static str,
    /// The view that is read.
    pub view: &'static str,
    /// What a row is.
    pub doc: &'static str,
    /// Columns after those of [`HEAD`].
    own: &'static [Declared],
}

/// Columns that all have.
const HEAD: &[Declared] = &[
    (
        "run",
        "UInt32",
        "derivation of all results that it was computed from",
    ),
    ("tenant", "LowCardinality(String)", "whose it is"),
    (
        "data_through",
        "Date",
        "last day, of the tenant, whose data it rests on",
    ),
    ("issued_at", "DateTime64(6, 'UTC')", "when it was computed"),
];

/// Columns of what is about a subject.
const SUBJECT: &[Declared] = &[
    (
        "dimensions",
        "Map(LowCardinality(String), String)",
        "subject: names of dimensions with their values, empty for the tenant as a whole",
    ),
    (
        "id",
        "String",
        "the same whenever it is computed of the same day",
    ),
];

const FORECASTS: Table = Table {
    name: "forecasts_log",
    view: "forecasts",
    doc: "a day ahead of a KPI of one subject, as it was forecast through a day",
    own: &[
        ("kpi", "LowCardinality(String)", "KPI that is forecast"),
        ("unit", "LowCardinality(String)", "unit of its values"),
        (
            "series",
            "String",
            "the same for all days of one KPI and subject",
        ),
        ("day", "Date", "day ahead, of the tenant"),
        ("ahead", "UInt16", "days from data_through to it"),
        ("point", "Float64", "what is expected"),
        (
            "lower_80",
            "Float64",
            "lower end of the interval that holds 80 %",
        ),
        ("upper_80", "Float64", "upper end of it"),
        (
            "lower_95",
            "Float64",
            "lower end of the interval that holds 95 %",
        ),
        ("upper_95", "Float64", "upper end of it"),
        (
            "method",
            "LowCardinality(String)",
            "combined; or naive, seasonal_naive where nothing beats it",
        ),
        (
            "season",
            "UInt16",
            "days of the season that was used, 0 without one",
        ),
        ("sample", "UInt32", "days with a value that it rests on"),
        (
            "backtest_origins",
            "UInt32",
            "moments of the past that the method was tried at",
        ),
        (
            "backtest_mae",
            "Nullable(Float64)",
            "mean absolute error there",
        ),
        (
            "backtest_mase",
            "Nullable(Float64)",
            "the same over the mean change from season to season",
        ),
        (
            "coverage_80",
            "Nullable(Float64)",
            "share of values there inside the interval of 80 %",
        ),
        (
            "coverage_95",
            "Nullable(Float64)",
            "share of values there inside the interval of 95 %",
        ),
        (
            "naive_method",
            "LowCardinality(String)",
            "the plain forecast that has to be beaten",
        ),
        (
            "naive_mae",
            "Nullable(Float64)",
            "its mean absolute error at the same moments",
        ),
        (
            "naive_mase",
            "Nullable(Float64)",
            "its error over the mean change from season to season",
        ),
    ],
};

const TRENDS: Table = Table {
    name: "trends_log",
    view: "trends",
    doc: "whether a KPI of one subject gets better or worse, and how sure that is",
    own: &[
        ("kpi", "LowCardinality(String)", "KPI that was looked at"),
        ("unit", "LowCardinality(String)", "unit of its values"),
        (
            "verdict",
            "LowCardinality(String)",
            "improving or degrading where significant, else stable",
        ),
        (
            "better",
            "LowCardinality(String)",
            "which way is better: higher or lower",
        ),
        (
            "p",
            "Float64",
            "two-sided p value of the test of Mann and Kendall",
        ),
        (
            "tau",
            "Float64",
            "share of pairs of days that rise less those that fall, -1 to 1",
        ),
        ("slope", "Float64", "change per day (Theil and Sen)"),
        (
            "slope_lower",
            "Float64",
            "lower end of the interval of the slope",
        ),
        (
            "slope_upper",
            "Float64",
            "upper end of the interval of the slope",
        ),
        ("alpha", "Float64", "how small p has to be for a verdict"),
        (
            "season",
            "UInt16",
            "days of the season whose phases are compared with themselves",
        ),
        ("first_day", "Date", "first day that was looked at"),
        ("sample", "UInt32", "days with a value"),
        ("latest", "Float64", "value of the latest of them"),
        (
            "method",
            "LowCardinality(String)",
            "test and slope that were used",
        ),
    ],
};

const FINDINGS: Table = Table {
    name: "findings_log",
    view: "findings",
    doc: "something that deserves a look: verdict, projection, cause, recommendation or opportunity",
    own: &[
        (
            "kind",
            "LowCardinality(String)",
            "trend, budget, experiment, cause, recommendation or opportunity",
        ),
        (
            "about",
            "String",
            "what it is about: KPI, budget, experiment, detector, skill or saving",
        ),
        (
            "of",
            "String",
            "what it belongs to: metric, role, or id of the anomaly; empty without",
        ),
        ("verdict", "String", "what was found"),
        ("priority", "UInt8", "1, most urgent, to 5"),
        ("text", "String", "a sentence for people"),
        (
            "unit",
            "LowCardinality(String)",
            "unit of value, lower and upper",
        ),
        ("value", "Nullable(Float64)", "figure that it says"),
        ("lower", "Nullable(Float64)", "lower end of its range"),
        ("upper", "Nullable(Float64)", "upper end of its range"),
        ("usd", "Nullable(Float64)", "what it is worth, in USD"),
        ("due", "Nullable(Date)", "day that it foresees"),
        ("due_from", "Nullable(Date)", "earliest such day"),
        ("due_to", "Nullable(Date)", "latest such day"),
        (
            "evidence",
            "Map(LowCardinality(String), Float64)",
            "numbers that it rests on, by name",
        ),
        ("method", "LowCardinality(String)", "how it was computed"),
        (
            "backtest",
            "Nullable(Float64)",
            "error of that method in the past (MASE), where it has one",
        ),
    ],
};

const ANALYSES: Table = Table {
    name: "analyses_log",
    view: "analyses",
    doc: "all that was computed of one tenant and day, written when it was done",
    own: &[
        (
            "plan",
            "String",
            "hash of the declaration that says what is computed",
        ),
        ("series", "UInt32", "series of KPIs that were looked at"),
        ("forecasts", "UInt32", "rows of forecasts"),
        ("trends", "UInt32", "rows of trends"),
        ("findings", "UInt32", "rows of findings"),
        ("seconds", "Float64", "how long it took"),
    ],
};

/// All of them; that of analyses, whose rows say what is shown of the others, last.
pub(crate) const TABLES: [&Table; 4] = [&FORECASTS, &TRENDS, &FINDINGS, &ANALYSES];

/// Columns that views show and tables do not have.
pub(crate) const SHOWN: &[Declared] = &[(
    "newest",
    "UInt8",
    "1 where it is of the newest analysis of the tenant",
)];

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
