//! What one tenant may see. A [`Reader`] cannot be made without a tenant, and every question
//! through it is about that tenant: it says so around whatever it asks, so that a mistake within
//! cannot show anything else.

mod listing;
mod lists;
mod persons;
mod silences;

pub use listing::{Key, Kind, Listing, Page, Place};
pub use lists::{
    AggregatesOf, Computed, Finding, MeasureOf, aggregates, alerts, anomalies, findings, forecasts,
    kpi_days, kpi_windows, measure_days, measure_kpi, published, trends,
};
pub use persons::{Hidden, Small, persons, small};
pub use silences::silences;

use crate::client::{Column, Param, Rows};
use crate::{Store, StoreError};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;
use weir_runtime::Size;

/// What one answer may take.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Most rows.
    pub rows: usize,
    /// Longest time in ClickHouse.
    #[serde(with = "humantime_serde")]
    pub time: Duration,
    /// Most memory in ClickHouse.
    pub memory: Size,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            rows: 10_000,
            time: Duration::from_secs(20),
            memory: Size::of(1 << 30),
        }
    }
}

/// The parameter that every question of a reader has.
const TENANT: &str = "tenant";
/// The condition that a row is of the reader's tenant.
pub(crate) const WHOSE: &str = "tenant = {tenant:String}";
/// Numbers are numbers, exact ones are texts, and times are RFC 3339.
const FORMAT: [(&str, &str); 4] = [
    ("output_format_json_quote_64bit_integers", "0"),
    ("output_format_json_quote_decimals", "1"),
    ("output_format_json_quote_denormals", "0"),
    ("date_time_output_format", "iso"),
];

/// A row of an answer, by column.
pub type Row = BTreeMap<String, serde_json::Value>;

/// The store as one tenant sees it.
#[derive(Clone)]
pub struct Reader {
    store: Store,
    tenant: String,
    limits: Limits,
}

impl Reader {
    /// The store for a tenant, within limits.
    pub fn new(store: &Store, tenant: &str, limits: &Limits) -> Reader {
        let mut settings: Vec<(String, String)> = FORMAT
            .iter()
            .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
            .collect();
        settings.extend(limits.settings());
        Reader {
            store: store.with_settings(&settings),
            tenant: tenant.to_owned(),
            limits: limits.clone(),
        }
    }

    /// The same, without what is hidden from who may not see persons: in every question.
    #[must_use]
    pub fn without(&self, hidden: &Hidden) -> Reader {
        Reader {
            store: hidden.over(&self.store),
            ..self.clone()
        }
    }

    /// Whose it is.
    pub fn tenant(&self) -> &str {
        &self.tenant
    }

    /// What an answer may take.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The rows of the tenant, of a SELECT that has a column `tenant`; in its order, without that
    /// column.
    ///
    /// # Errors
    /// ClickHouse refuses it or does not answer, also where it takes more than it may.
    pub async fn rows(&self, select: &str, params: &[Param]) -> Result<Vec<Row>, StoreError> {
        let sql = format!("SELECT * EXCEPT (tenant) FROM (\n{select}\n) WHERE {WHOSE}");
        self.ask(&sql, params).await
    }

    /// A page of a listing: at most so many rows, after a place if one is given.
    ///
    /// # Errors
    /// As of [`Reader::rows`].
    pub async fn page(
        &self,
        listing: &Listing,
        after: Option<&Place>,
        size: usize,
    ) -> Result<Page, StoreError> {
        let size = size.clamp(1, self.limits.rows);
        let (sql, params) = listing.sql(after, size + 1);
        let rows = self.ask(&sql, &params).await?;
        listing.page(rows, size)
    }

    async fn ask(&self, sql: &str, params: &[Param]) -> Result<Vec<Row>, StoreError> {
        let others = params.iter().filter(|(n, _)| n != TENANT).cloned();
        let mut params: Vec<Param> = others.collect();
        params.push((TENANT.to_owned(), self.tenant.clone()));
        let asked = self.store.rows(sql, &params);
        // ClickHouse looks at its clock between blocks only.
        let patience = self.limits.time + GRACE;
        let Rows { columns, rows } = match tokio::time::timeout(patience, asked).await {
            Ok(answer) => answer?,
            Err(_) => return Err(self.store.silent(patience)),
        };
        Ok(named(&columns, rows))
    }
}

/// What an answer may be on its way.
const GRACE: Duration = Duration::from_secs(5);

fn named(columns: &[Column], rows: Vec<Vec<serde_json::Value>>) -> Vec<Row> {
    let name = |c: &Column| c.name.clone();
    rows.into_iter()
        .map(|row| columns.iter().map(name).zip(row).collect())
        .collect()
}

impl Limits {
    /// As settings of a question.
    pub fn settings(&self) -> Vec<(String, String)> {
        let seconds = self.time.as_secs().max(1);
        // Beyond half of it ClickHouse groups and sorts on its disk.
        let beyond = self.memory.bytes() / 2;
        [
            ("max_execution_time", seconds.to_string()),
            ("timeout_overflow_mode", "throw".to_owned()),
            ("max_memory_usage", self.memory.bytes().to_string()),
            ("max_bytes_before_external_group_by", beyond.to_string()),
            ("max_bytes_before_external_sort", beyond.to_string()),
            ("max_result_rows", (self.rows + 1).to_string()),
            ("result_overflow_mode", "throw".to_owned()),
        ]
        .map(|(n, v)| (n.to_owned(), v))
        .into()
    }
}
