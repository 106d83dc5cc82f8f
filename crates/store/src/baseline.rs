//! What a KPI is over a period, by subject: what a baseline is captured from.

use crate::client::{ident, text};
use crate::{Store, StoreError};
use jiff::civil::Date;
use serde_json::Value as Json;
use weir_catalog::KpiDef;

/// A value of a KPI over a period.
#[derive(Debug, Clone, PartialEq)]
pub struct OfPeriod {
    /// One for each dimension of the KPI.
    pub values: Vec<String>,
    /// In its unit.
    pub value: f64,
    /// Size of the sample term, where one is declared.
    pub sample: Option<f64>,
}

impl Store {
    /// The values of a KPI over whole days of a tenant, both ends included, by subject; of those
    /// alone that have these values, where some are given. Subjects without a value are left out.
    ///
    /// # Errors
    /// ClickHouse does not answer.
    pub async fn kpi_over(
        &self,
        kpi: &KpiDef,
        tenant: &str,
        subject: &[(String, String)],
        (from, to): (Date, Date),
    ) -> Result<Vec<OfPeriod>, StoreError> {
        let dims: Vec<String> = kpi.dimensions.iter().map(|d| ident(d)).collect();
        let only: String = subject
            .iter()
            .map(|(name, value)| format!(" AND {} = {}", ident(name), text(value)))
            .collect();
        let sql = format!(
            "SELECT [{}]::Array(String), value, sample FROM {}(from = '{from}', to = '{to}', step = 'all') \
             WHERE tenant = {}{only} AND value IS NOT NULL ORDER BY ALL",
            dims.join(", "),
            ident(&format!("kpi_{}", kpi.name)),
            text(tenant),
        );
        let rows = self.rows(&sql, &[]).await?.rows;
        let read = rows.into_iter().map(|row| {
            let values = row.first()?.as_array()?.iter();
            Some(OfPeriod {
                values: values
                    .map(|v| v.as_str().map(str::to_owned))
                    .collect::<Option<_>>()?,
                value: row.get(1)?.as_f64()?,
                sample: row.get(2).and_then(Json::as_f64),
            })
        });
        read.collect::<Option<Vec<_>>>()
            .ok_or_else(|| StoreError::Answer(format!("values of {}", kpi.name)))
    }
}
