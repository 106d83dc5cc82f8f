//! What is asked by tools that look at everything: `weir verify`, `weir digest`, `weir truth`, and
//! the note of `weir query` on where data begins and ends.

use crate::StoreError;
use crate::client::text;
use crate::table::PartsTable;
use crate::view::{Form, merged_sql};
use weir_catalog::{Catalog, EventDef};
use weir_model::{Micros, WindowSize};

/// First and last day with data by tenant: of one, or of all where `tenant` is empty.
pub const SPANS: &str = "SELECT tenant, min(first_day), max(last_day) FROM data_spans \
     WHERE {tenant:String} = '' OR tenant = {tenant:String} GROUP BY tenant ORDER BY tenant";

/// The anomalies of a `tenant` with their windows in microseconds, in the order of their ends: those
/// of the stream, or of a back-test.
pub fn findings(backtest: Option<&str>) -> String {
    let of = said("anomalies", backtest);
    format!(
        "SELECT detector, dimensions, \
         toInt64(toUnixTimestamp64Micro(window_start)) AS start, \
         toInt64(toUnixTimestamp64Micro(window_end)) AS end FROM {of} \
         WHERE tenant = {{tenant:String}} ORDER BY end \
         SETTINGS output_format_json_quote_64bit_integers = 0"
    )
}

/// Alerts of one tenant, as findings: rule, subject, when it was opened.
pub fn openings(backtest: Option<&str>) -> String {
    let of = said("alerts", backtest);
    format!(
        "SELECT rule AS detector, dimensions, \
         toInt64(toUnixTimestamp64Micro(opened)) AS start, start AS end \
         FROM {of} WHERE tenant = {{tenant:String}} ORDER BY end \
         SETTINGS output_format_json_quote_64bit_integers = 0"
    )
}

/// What holds the results of the stream, or of a back-test.
fn said(view: &str, backtest: Option<&str>) -> String {
    match backtest {
        None => view.to_owned(),
        Some(id) => format!(
            "(SELECT * FROM backtest_{view} FINAL WHERE backtest = {})",
            text(id)
        ),
    }
}

/// What a final row says, by table: no key of a part, no offset, no append time.
const FINAL_ROWS: &[(&str, &str, &str)] = &[
    (
        "anomalies",
        "window_end",
        "tenant, dimensions, detector, detector_version, kind, severity, event, window, window_start, window_end, value, expected, score, crosses_at, crosses_from, crosses_to, id",
    ),
    (
        "kpis",
        "window_end",
        "tenant, dimensions, kpi, kpi_version, window, window_start, window_end, value, score, status, momentum, sample, coverage, terms, id",
    ),
    (
        "alerts",
        "at",
        "tenant, dimensions, rule, rule_version, kind, severity, state, step, opened, at, value, threshold, worst, windows, reopenings, type, priority, metric, unit, component, client, group_id, group_key, conditions, failing, id",
    ),
];

/// The final rows by table, up to a time if one is given, without what differs between two systems
/// that read the same log.
pub fn final_rows(through: Option<Micros>) -> impl Iterator<Item = (&'static str, String)> {
    FINAL_ROWS.iter().map(move |(table, time, columns)| {
        let condition = condition(table, time, through);
        (*table, format!("SELECT {columns} FROM {table}{condition}"))
    })
}

/// Which rows of a table count.
fn condition(table: &str, time: &str, through: Option<Micros>) -> String {
    let until = through
        .map(|Micros(t)| format!(" WHERE {time} <= fromUnixTimestamp64Micro({t}, 'UTC')"))
        .unwrap_or_default();
    // An early finding becomes a final one; which of the two is there yet depends on the moment.
    let early = match (table, until.is_empty()) {
        ("anomalies", true) => " WHERE NOT early",
        ("anomalies", false) => " AND NOT early",
        _ => "",
    };
    until + early
}

/// Rows that are compared in one go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowSet {
    /// Windows of a size, of the event type with this index.
    Windows(usize, WindowSize),
    /// Final anomalies.
    Anomalies,
    /// Published values of KPIs and scores.
    Kpis,
    /// Steps of alerts.
    Alerts,
}

impl RowSet {
    /// All that a catalog gives rise to.
    pub fn all(catalog: &Catalog) -> Vec<RowSet> {
        let mut all = Vec::new();
        for (event, def) in catalog.events.iter().enumerate() {
            for size in WindowSize::ALL {
                if def.rollups.iter().any(|r| r.windows.contains(&size)) {
                    all.push(RowSet::Windows(event, size));
                }
            }
        }
        all.extend([RowSet::Anomalies, RowSet::Kpis, RowSet::Alerts]);
        all
    }

    /// The question for the rows, each after the bucket of its subject, one of so many. Times by
    /// event type say what was final. Only what was final when
    /// the log was read, where the store can tell: time goes on meanwhile.
    ///
    /// # Errors
    /// The catalog has no tables.
    pub fn sql(
        self,
        catalog: &Catalog,
        final_through: &[Micros],
        buckets: usize,
    ) -> Result<String, StoreError> {
        let (bucket, rest) = match self {
            RowSet::Windows(event, size) => {
                let def = &catalog.events[event];
                let through = Some(final_through[event]);
                let merged = merged_sql(catalog, def, size, Form::Full, through)?;
                let columns = "* REPLACE (toUnixTimestamp64Micro(window_start) AS window_start, toUnixTimestamp64Micro(window_end) AS window_end)";
                (
                    bucket_of_window(def, buckets),
                    format!("{columns} FROM ({merged})"),
                )
            }
            RowSet::Anomalies => (
                bucket_of_row(buckets),
                "id, event, detector AS name, toUnixTimestamp64Micro(window_end) AS at, value, expected, score, toUnixTimestamp64Micro(crosses_at) AS crosses_at, toUnixTimestamp64Micro(crosses_from) AS crosses_from, toUnixTimestamp64Micro(crosses_to) AS crosses_to FROM anomalies WHERE NOT early".to_owned(),
            ),
            RowSet::Kpis => (
                bucket_of_row(buckets),
                "id, kpi AS name, toUnixTimestamp64Micro(window_end) AS at, value, score, coverage, status, momentum FROM kpis".to_owned(),
            ),
            RowSet::Alerts => (
                bucket_of_row(buckets),
                "id, rule AS name, toUnixTimestamp64Micro(at) AS at, step, value, threshold, worst, windows, reopenings, state, failing, group_key FROM alerts".to_owned(),
            ),
        };
        Ok(format!(
            "SELECT {bucket} AS {BUCKET}, {rest} SETTINGS {SETTINGS}"
        ))
    }
}

/// The first column of each answer.
pub const BUCKET: &str = "weir_bucket";
/// Numbers come whole, and what ClickHouse groups goes to its own disk beyond 512 MiB.
const SETTINGS: &str = "output_format_json_quote_64bit_integers = 1, output_format_json_quote_decimals = 1, \
                        max_bytes_before_external_group_by = 536870912";

/// How many rows all of them have, about: what is not merged yet counts for itself.
///
/// # Errors
/// The catalog has no tables.
pub fn count(catalog: &Catalog) -> Result<String, StoreError> {
    let mut tables = vec![
        "anomalies".to_owned(),
        "kpis".to_owned(),
        "alerts".to_owned(),
    ];
    for event in &catalog.events {
        let name = PartsTable::of(event)?.name;
        let run = "run = (SELECT run FROM current_run)";
        tables.push(format!("`{name}` WHERE {run} AND late = 0"));
    }
    let counts = tables
        .iter()
        .map(|t| format!("SELECT count() AS n FROM {t}"));
    let counts: Vec<String> = counts.collect();
    Ok(format!(
        "SELECT sum(n) FROM ({})",
        counts.join(" UNION ALL ")
    ))
}

/// The bucket of a window of an event type, as `weir_oracle::Share` makes it of its text, where a dimension that a rollup does not have is empty.
fn bucket_of_window(event: &EventDef, buckets: usize) -> String {
    let mut names: Vec<&str> = event.dimensions.iter().map(|d| d.name.as_str()).collect();
    // As the pieces are, whose names end with `=`.
    names.sort_unstable_by_key(|n| format!("{n}="));
    let parts = names
        .iter()
        .map(|n| format!(", if(`{n}` = '', '', concat('\\0{n}=', `{n}`))"));
    bucket(
        buckets,
        &format!("concat(tenant, ''{})", parts.collect::<String>()),
    )
}

/// The same of anomalies, KPIs and alerts, which have their dimensions as a map.
fn bucket_of_row(buckets: usize) -> String {
    let parts = "arraySort(arrayMap((k, v) -> concat('\\0', k, '=', v), \
                 arrayFilter((k, v) -> v != '', mapKeys(dimensions), mapValues(dimensions)), \
                 arrayFilter(v -> v != '', mapValues(dimensions))))";
    bucket(
        buckets,
        &format!("concat(tenant, arrayStringConcat({parts}))"),
    )
}

fn bucket(buckets: usize, text: &str) -> String {
    format!("toUInt16(xxh3({text}) % {buckets})")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn early_findings_never_count_and_a_time_bounds_every_table() {
        assert_eq!(
            condition("anomalies", "window_end", None),
            " WHERE NOT early"
        );
        let until = " WHERE at <= fromUnixTimestamp64Micro(7, 'UTC')";
        assert_eq!(condition("alerts", "at", Some(Micros(7))), until);
        let both = format!("{until} AND NOT early");
        assert_eq!(condition("anomalies", "at", Some(Micros(7))), both);
        assert_eq!(condition("kpis", "window_end", None), "");
    }
}
