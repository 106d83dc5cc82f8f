//! Tables of back-tests: what rules, detectors and KPIs would have said of history. Their columns
//! are those of the stream's results, after the id of the back-test. No view of results reads them,
//! and nobody is told. Rows are forgotten after [`DAYS_KEPT`] days.

use crate::client::{ident, text};
use crate::encode::string;
use crate::results::{self, ALERTS, ANOMALIES, Fixture, KPIS};
use crate::{Store, StoreError};
use bytes::Bytes;
use serde::Deserialize;
use std::collections::BTreeMap;
use weir_model::Micros;
use weir_model::records::{Alert, Anomaly, Kpi};

/// Days after which the rows of a back-test are gone.
pub const DAYS_KEPT: u32 = 90;

/// A table of results.
struct Table {
    name: &'static str,
    of: Fixture,
    /// Its key after the back-test and the tenant, and what is kept of rows that share it.
    key: &'static str,
    version: &'static str,
}

const TABLES: [Table; 3] = [
    Table {
        name: "backtest_kpis",
        of: KPIS,
        key: "kpi, window_start, id",
        version: "version",
    },
    Table {
        name: "backtest_anomalies",
        of: ANOMALIES,
        key: "detector, window_start, id",
        version: "version",
    },
    Table {
        name: "backtest_alerts",
        of: ALERTS,
        key: "rule, opened, id",
        version: "step",
    },
];

const RUNS: &str = "backtest_runs";
const RUN_COLUMNS: &str = "backtest String COMMENT 'id of the back-test', \
     tenant LowCardinality(String), \
     first_day Date COMMENT 'first day of the span, of the tenant', \
     last_day Date, \
     through DateTime64(6, 'UTC') COMMENT 'all windows that end by then were judged', \
     catalog UInt64 COMMENT 'hash of the catalog that judged', \
     on_time_only Bool COMMENT 'events that came late were left out, as the stream leaves them out', \
     state LowCardinality(String) COMMENT 'running or done', \
     rows UInt64 COMMENT 'rows of history read', \
     judged Map(String, UInt64) COMMENT 'windows judged, by kind and name of what judged them', \
     at DateTime64(6, 'UTC')";

/// A back-test, as it stands in `backtest_runs`.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// Its id.
    pub id: String,
    /// Whose history.
    pub tenant: String,
    /// First day of the span.
    pub first: jiff::civil::Date,
    /// Last one.
    pub last: jiff::civil::Date,
    /// All windows that end by then were judged.
    pub through: Micros,
    /// Hash of the catalog.
    pub catalog: u64,
    /// Late events were left out.
    pub on_time_only: bool,
    /// It has come to its end.
    pub done: bool,
    /// Rows of history read.
    pub rows: u64,
    /// Windows judged: ("rule few_calls", 720).
    pub judged: BTreeMap<String, u64>,
    /// Now.
    pub at: Micros,
}

/// How often something spoke.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Spoken {
    /// Name of the rule, detector or KPI.
    pub name: String,
    /// Alerts opened, windows found anomalous, values published.
    pub times: u64,
    /// Windows that were bad: of rules those since an alert opened, of KPIs those that were off.
    pub bad: u64,
    /// First time, in microseconds.
    pub first: i64,
    /// Last time.
    pub last: i64,
    /// Of how many subjects.
    pub subjects: u64,
    /// The most frequent ones, with how often.
    pub most: Vec<(u64, String)>,
}

/// A time that a rule would have fired.
#[derive(Debug, Clone, PartialEq, Deserialize, serde::Serialize)]
pub struct Firing {
    /// Rule.
    pub rule: String,
    /// `team=core`; empty: the tenant as a whole.
    pub subject: String,
    /// When, in microseconds.
    pub opened: i64,
    /// Its last step.
    pub at: i64,
    /// `open`, `update`, `resolve` or `reopened`.
    pub state: String,
    /// Bad windows since it opened.
    pub windows: u32,
    /// Value at the last step.
    pub value: Option<f64>,
    /// Bound.
    pub threshold: Option<f64>,
    /// Worst value.
    pub worst: Option<f64>,
    /// Severity.
    pub severity: String,
}

/// What makes the tables, where they are not there; `present` has the columns of a table.
pub(crate) fn prepare(present: &dyn Fn(&str) -> Option<Vec<String>>) -> Vec<String> {
    let kept = format!("TTL toDateTime(written) + toIntervalDay({DAYS_KEPT})");
    let mut all = Vec::new();
    for table in &TABLES {
        let name = ident(table.name);
        let columns = || table.of.columns();
        match present(table.name) {
            None => {
                let columns: Vec<String> = columns()
                    .map(|(n, t)| format!("{} {t}", ident(n)))
                    .collect();
                all.push(format!(
                    "CREATE TABLE IF NOT EXISTS {name} (backtest String, {}, written DateTime DEFAULT now()) \
                     ENGINE = ReplacingMergeTree({}) ORDER BY (backtest, tenant, {}) {kept}",
                    columns.join(", "),
                    table.version,
                    table.key
                ));
            }
            Some(there) => all.extend(
                columns()
                    .filter(|(n, _)| !there.iter().any(|t| t == n))
                    .map(|(n, t)| {
                        format!(
                            "ALTER TABLE {name} ADD COLUMN IF NOT EXISTS {} {t}",
                            ident(n)
                        )
                    }),
            ),
        }
    }
    if present(RUNS).is_none() {
        all.push(format!(
            "CREATE TABLE IF NOT EXISTS {RUNS} ({RUN_COLUMNS}, written DateTime DEFAULT now()) \
             ENGINE = ReplacingMergeTree(at) ORDER BY backtest {kept}"
        ));
    }
    all
}

/// SQL of a subject as people write it.
const SUBJECT: &str = "arrayStringConcat(arrayMap((k, v) -> concat(k, '=', v), mapKeys(dimensions), \
     mapValues(dimensions)), ',')";

/// The rows of a back-test.
fn of(table: &str, id: &str) -> String {
    format!("{table} FINAL WHERE backtest = {}", text(id))
}

/// How often each name of a table spoke, its bad windows counted as SQL says.
fn spoken(table: &str, name: &str, time: &str, bad: &str, id: &str) -> String {
    format!(
        "SELECT toString({name}) AS name, sum(n) AS times, toUInt64(sum(bad)) AS bad, min(first) AS first, max(last) AS last, \
         count() AS subjects, arraySlice(arraySort(x -> (-toInt64(x.1), x.2), groupArray((n, subject))), 1, 3) AS most \
         FROM (SELECT {name}, {SUBJECT} AS subject, count() AS n, {bad} AS bad, \
         toInt64(toUnixTimestamp64Micro(min({time}))) AS first, toInt64(toUnixTimestamp64Micro(max({time}))) AS last \
         FROM {} GROUP BY {name}, subject) GROUP BY {name} ORDER BY name \
         SETTINGS output_format_json_quote_64bit_integers = 0",
        of(table, id)
    )
}

/// Bytes of rows of a back-test that wait to be inserted.
#[derive(Debug, Default)]
pub struct Rows {
    kpis: Vec<u8>,
    anomalies: Vec<u8>,
    alerts: Vec<u8>,
    sequence: u64,
}

impl Rows {
    /// Adds a published value.
    pub fn kpi(&mut self, id: &str, k: &Kpi) {
        string(&mut self.kpis, id.as_bytes());
        self.sequence += 1;
        results::kpi(&mut self.kpis, k, self.sequence);
    }

    /// Adds a finding.
    pub fn anomaly(&mut self, id: &str, a: &Anomaly) {
        string(&mut self.anomalies, id.as_bytes());
        self.sequence += 1;
        results::anomaly(&mut self.anomalies, a, self.sequence);
    }

    /// Adds a step of an alert; the highest one stays.
    pub fn alert(&mut self, id: &str, a: &Alert) {
        string(&mut self.alerts, id.as_bytes());
        results::alert(&mut self.alerts, a);
    }

    /// Bytes that wait.
    pub fn bytes(&self) -> usize {
        self.kpis.len() + self.anomalies.len() + self.alerts.len()
    }
}

impl Store {
    /// Inserts what waits.
    ///
    /// # Errors
    /// ClickHouse does not answer.
    pub async fn insert_backtest(&self, rows: &mut Rows) -> Result<(), StoreError> {
        let waiting = [&mut rows.kpis, &mut rows.anomalies, &mut rows.alerts];
        for (table, bytes) in TABLES.iter().zip(waiting) {
            if bytes.is_empty() {
                continue;
            }
            let columns = format!("backtest, {}", table.of.insert_columns());
            let bytes = Bytes::from(std::mem::take(bytes));
            self.insert(table.name, &columns, bytes).await?;
        }
        Ok(())
    }

    /// Writes how a back-test stands.
    ///
    /// # Errors
    /// ClickHouse does not answer.
    pub async fn note_backtest(&self, run: &Run) -> Result<(), StoreError> {
        let judged: Vec<String> = run
            .judged
            .iter()
            .map(|(name, n)| format!("{}, {n}", text(name)))
            .collect();
        let moment = |t: Micros| format!("fromUnixTimestamp64Micro({}, 'UTC')", t.0);
        self.execute(&format!(
            "INSERT INTO {RUNS} (backtest, tenant, first_day, last_day, through, catalog, on_time_only, state, rows, judged, at) \
             SELECT {}, {}, toDate('{}'), toDate('{}'), {}, {}, {}, '{}', {}, CAST(map({}), 'Map(String, UInt64)'), {}",
            text(&run.id),
            text(&run.tenant),
            run.first,
            run.last,
            moment(run.through),
            run.catalog,
            run.on_time_only,
            if run.done { "done" } else { "running" },
            run.rows,
            judged.join(", "),
            moment(run.at),
        ))
        .await
    }

    /// The last back-test of a tenant that has come to its end, or whether one has, by its id.
    ///
    /// # Errors
    /// ClickHouse does not answer.
    pub async fn backtest(
        &self,
        tenant: &str,
        id: Option<&str>,
    ) -> Result<Option<String>, StoreError> {
        let which = id.map_or(String::new(), |id| format!(" AND backtest = {}", text(id)));
        let sql = format!(
            "SELECT backtest FROM {RUNS} FINAL WHERE tenant = {} AND state = 'done'{which} ORDER BY at DESC LIMIT 1",
            text(tenant)
        );
        Ok(self.fetch::<String>(&sql).await?.pop())
    }

    /// How often each rule fired in a back-test, each detector found something, and each KPI was
    /// published.
    ///
    /// # Errors
    /// ClickHouse does not answer.
    pub async fn backtest_summary(&self, id: &str) -> Result<[Vec<Spoken>; 3], StoreError> {
        let off = "countIf(status = 'off')";
        Ok([
            self.lines(&spoken(
                "backtest_alerts",
                "rule",
                "opened",
                "sum(windows)",
                id,
            ))
            .await?,
            self.lines(&spoken(
                "backtest_anomalies",
                "detector",
                "window_end",
                "count()",
                id,
            ))
            .await?,
            self.lines(&spoken("backtest_kpis", "kpi", "window_end", off, id))
                .await?,
        ])
    }

    /// The firings of rules in a back-test, in the order of their times.
    ///
    /// # Errors
    /// ClickHouse does not answer.
    pub async fn backtest_firings(
        &self,
        id: &str,
        rules: &[String],
    ) -> Result<Vec<Firing>, StoreError> {
        let names: Vec<String> = rules.iter().map(|r| text(r)).collect();
        if names.is_empty() {
            return Ok(Vec::new());
        }
        self.lines(&format!(
            "SELECT toString(rule) AS rule, {SUBJECT} AS subject, toInt64(toUnixTimestamp64Micro(opened)) AS opened, \
             toInt64(toUnixTimestamp64Micro(at)) AS at, toString(state) AS state, windows, value, threshold, worst, \
             toString(severity) AS severity FROM {} AND rule IN ({}) ORDER BY opened, rule, subject \
             SETTINGS output_format_json_quote_64bit_integers = 0",
            of("backtest_alerts", id),
            names.join(", ")
        ))
        .await
    }

    async fn lines<T: serde::de::DeserializeOwned>(&self, sql: &str) -> Result<Vec<T>, StoreError> {
        let bytes = self.query(sql, &[], "JSONEachRow")?.collect().await?;
        let lines = bytes.split(|b| *b == b'\n').filter(|l| !l.is_empty());
        lines
            .map(|l| serde_json::from_slice(l).map_err(|e| StoreError::Answer(e.to_string())))
            .collect()
    }
}
