//! What is usual of a KPI: its value over a period, by subject, as baselines to be published.

use crate::backtest::bounds;
use anyhow::{Context, Result, bail};
use jiff::civil::Date;
use std::collections::BTreeMap;
use weir_catalog::{Catalog, KpiDef, suggest};
use weir_model::codes::QUERY;
use weir_sources::baseline::{Baseline, DIMENSIONS};
use weir_store::Store;

/// The event type of baselines, and its dimension that says what they are of.
const EVENT: &str = "baseline.captured";
const METRIC: &str = "metric";

/// What is captured.
#[derive(Debug, Clone)]
pub struct Capture<'a> {
    /// Name of the KPI.
    pub kpi: &'a str,
    /// What it is captured as; the name of the KPI where none is given.
    pub metric: Option<&'a str>,
    /// Values of dimensions: subjects that have others are left out.
    pub subject: &'a BTreeMap<String, String>,
    /// Whose.
    pub tenant: &'a str,
    /// First and last day, of the tenant's zone.
    pub days: (Date, Date),
}

impl Capture<'_> {
    /// The baselines of all subjects that have a value, by subject.
    ///
    /// # Errors
    /// There is no such KPI, dimension or baseline for such subjects, or no value (WEIR-0305);
    /// ClickHouse does not answer.
    pub async fn read(&self, store: &Store, catalog: &Catalog) -> Result<Vec<Baseline>> {
        let kpi = self.kpi(catalog)?;
        let (from, to) = bounds(catalog, self.tenant, self.days)?;
        let subject: Vec<_> = self.subject.clone().into_iter().collect();
        let found = store.kpi_over(kpi, self.tenant, &subject, self.days);
        let found = found.await?;
        if found.is_empty() {
            bail!(
                "{QUERY}: KPI {} has no value of tenant \"{}\" from {} to {} for such a subject; name other days, or another --subject",
                kpi.name,
                self.tenant,
                self.days.0,
                self.days.1
            );
        }
        let baselines = found.into_iter().map(|of| Baseline {
            tenant: self.tenant.to_owned(),
            metric: self.metric.unwrap_or(&kpi.name).to_owned(),
            subject: kpi.dimensions.iter().cloned().zip(of.values).collect(),
            value: of.value,
            unit: kpi.unit.clone(),
            samples: of.sample.map(|n| n as i64),
            from,
            to,
        });
        Ok(baselines.collect())
    }

    /// The KPI, if it has values over periods, and subjects that baselines are kept by.
    fn kpi<'c>(&self, catalog: &'c Catalog) -> Result<&'c KpiDef> {
        let Some(kpi) = catalog.kpi(self.kpi) else {
            let known = catalog.kpis.iter().map(|k| k.name.as_str());
            bail!(
                "{QUERY}: there is no KPI \"{}\"; {}",
                self.kpi,
                suggest(self.kpi, known)
            );
        };
        if kpi.mix.is_some() {
            bail!(
                "{QUERY}: {} is a score and has no value over a period; capture the KPIs that it is made of",
                kpi.name
            );
        }
        if let Some(unknown) = self.subject.keys().find(|n| !kpi.dimensions.contains(n)) {
            bail!(
                "{QUERY}: subjects of {} are by [{}], not by {unknown}",
                kpi.name,
                kpi.dimensions.join(", ")
            );
        }
        let event = catalog.event(EVENT).with_context(|| {
            format!("{QUERY}: the catalog has no event type {EVENT}; give the shipped schemas, or add it")
        })?;
        let mut by: Vec<&str> = kpi.dimensions.iter().map(String::as_str).collect();
        let fields = by.iter().all(|d| DIMENSIONS.contains(d));
        by.push(METRIC);
        if !fields || event.rollup_id(&by).is_none() {
            bail!(
                "{QUERY}: no baseline is kept by [{}], as KPI {} is; add it to the rollups of {EVENT} if it is made of {}, or name another KPI",
                kpi.dimensions.join(", "),
                kpi.name,
                DIMENSIONS.join(", ")
            );
        }
        Ok(kpi)
    }
}
