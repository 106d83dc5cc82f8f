//! Finds the row that is asked for, or tells what there is in its place.

use super::Explain;
use super::told::{WindowTold, at};
use anyhow::{Context, Result, bail};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use weir_catalog::{Catalog, JudgedWindow, KpiDef, suggest};
use weir_model::codes::QUERY;
use weir_model::{Micros, WindowSize};
use weir_store::explain::Existing;
use weir_store::{Form, Store, kpi_current_sql, merged_sql, rollup_name};

/// Most subjects among which the nearest is looked for.
const SUBJECTS: usize = 10_000;
/// Most windows that are named.
const ENDS: usize = 5;

/// What rows are looked for in.
pub(super) enum Base<'a> {
    /// Current values of a KPI.
    Kpi(&'a KpiDef),
    /// Windows of an event type.
    Measure {
        event: usize,
        rollup: usize,
        size: WindowSize,
    },
}

/// A row, and what it is of.
pub(super) struct Found {
    pub tenant: String,
    /// Name and value of each dimension, by name.
    pub subject: Vec<(String, String)>,
    pub start: Micros,
    pub end: Micros,
    /// Its columns.
    pub row: BTreeMap<String, Json>,
}

impl Found {
    pub fn window(&self, label: &str) -> WindowTold {
        WindowTold {
            label: label.to_owned(),
            start: at(self.start),
            end: at(self.end),
        }
    }

    /// The number in a column.
    pub fn number(&self, column: &str) -> Option<f64> {
        self.row.get(column).and_then(number)
    }
}

/// A number, however it is written.
pub(super) fn number(v: &Json) -> Option<f64> {
    match v {
        Json::String(s) => s.parse().ok(),
        v => v.as_f64(),
    }
}

impl Base<'_> {
    fn dimensions(&self, catalog: &Catalog) -> Vec<String> {
        match self {
            Base::Kpi(kpi) => kpi.dimensions.clone(),
            Base::Measure { event, rollup, .. } => {
                let def = &catalog.events[*event];
                let names = def.rollup_dimensions(&def.rollups[*rollup]);
                names.into_iter().map(str::to_owned).collect()
            }
        }
    }

    fn name(&self, catalog: &Catalog) -> String {
        match self {
            Base::Kpi(kpi) => kpi.name.clone(),
            Base::Measure { event, .. } => catalog.events[*event].name.clone(),
        }
    }

    /// Rows whose windows end after the first and at most at the second.
    fn sql(&self, catalog: &Catalog, ends: Option<(Micros, Micros)>) -> Result<String> {
        Ok(match self {
            Base::Kpi(kpi) => kpi_current_sql(kpi, catalog, ends.map(|e| e.0), ends.map(|e| e.1))?,
            Base::Measure {
                event,
                rollup,
                size,
            } => {
                let def = &catalog.events[*event];
                let merged = merged_sql(catalog, def, *size, Form::Plain, ends.map(|e| e.1))?;
                weir_store::explain::of_rollup(
                    &merged,
                    &rollup_name(def, *rollup),
                    ends.map(|e| e.0),
                )
            }
        })
    }
}

/// The row of the subject and window that are asked for.
pub(super) async fn find(
    e: &Explain<'_>,
    base: &Base<'_>,
    tenant: String,
    window: JudgedWindow,
) -> Result<Found> {
    let dimensions = base.dimensions(e.catalog);
    let given: Vec<&String> = e.subject.keys().collect();
    if given != dimensions.iter().collect::<Vec<_>>() {
        let wanted: Vec<String> = dimensions.iter().map(|d| format!("{d}=...")).collect();
        bail!(
            "{QUERY}: subjects of {} are by [{}]; write --subject {}",
            base.name(e.catalog),
            dimensions.join(", "),
            match wanted.is_empty() {
                true => "\"\"".to_owned(),
                false => wanted.join(","),
            }
        );
    }
    let ends = e.window.ends_of(window, e.catalog.tenants.zone(&tenant))?;
    let subject: Vec<(String, String)> = e.subject.clone().into_iter().collect();
    let rows = base.sql(e.catalog, Some(ends))?;
    let existing = Existing {
        rows: &rows,
        dimensions: &dimensions,
    };
    let sql = existing.row_sql(&tenant, &subject);
    let told = e.store.rows(&sql, &[]).await?;
    let Some(values) = told.rows.into_iter().next() else {
        return missing(e, base, &tenant, &subject).await;
    };
    let names = told.columns.into_iter().map(|c| c.name);
    let row: BTreeMap<String, Json> = names.zip(values).collect();
    let micros = |name: &str| {
        let value = row.get(name).and_then(Json::as_i64);
        value.map(Micros).context("ClickHouse gave no window")
    };
    let (start, end) = (micros("window_start")?, micros("window_end")?);
    Ok(Found {
        tenant,
        subject,
        start,
        end,
        row,
    })
}

/// Tells what there is, where there is not what was asked for.
async fn missing(
    e: &Explain<'_>,
    base: &Base<'_>,
    tenant: &str,
    subject: &[(String, String)],
) -> Result<Found> {
    let dimensions = base.dimensions(e.catalog);
    let rows = base.sql(e.catalog, None)?;
    let existing = Existing {
        rows: &rows,
        dimensions: &dimensions,
    };
    let name = base.name(e.catalog);
    let asked = say(subject);
    let ends = ends(e.store, &existing.ends_sql(tenant, subject, ENDS)).await?;
    if !ends.is_empty() {
        bail!(
            "{QUERY}: {name} of {asked} has no such window; its newest end at {}",
            ends.join(", ")
        );
    }
    let sql = existing.subjects_sql(tenant, SUBJECTS);
    let known: Vec<String> = e
        .store
        .rows(&sql, &[])
        .await?
        .rows
        .iter()
        .filter_map(|row| {
            let values = row.first()?.as_array()?.iter();
            let pairs = dimensions.iter().zip(values);
            let pairs = pairs.map(|(n, v)| (n.clone(), v.as_str().unwrap_or_default().to_owned()));
            Some(say(&pairs.collect::<Vec<_>>()))
        })
        .collect();
    bail!(
        "{QUERY}: {name} has no {asked} of tenant \"{tenant}\"; {}",
        suggest(&asked, known.iter().map(String::as_str))
    )
}

async fn ends(store: &Store, sql: &str) -> Result<Vec<String>> {
    let rows = store.rows(sql, &[]).await?.rows;
    let ends = rows.iter().filter_map(|r| r.first()?.as_i64());
    Ok(ends.map(|t| at(Micros(t))).collect())
}

/// `team=search,platform=Linux`
fn say(subject: &[(String, String)]) -> String {
    if subject.is_empty() {
        return "the tenant as a whole".into();
    }
    let each: Vec<String> = subject.iter().map(|(n, v)| format!("{n}={v}")).collect();
    each.join(",")
}
