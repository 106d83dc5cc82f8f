//! Settings in current values: what is in force at the end of a window, by event time alone.

use crate::StoreError;
use crate::calendar::Zones;
use crate::client::ident;
use crate::kpi::{free_dimensions, source_sql};
use weir_catalog::{Catalog, JudgedWindow, KpiDef, MeasureKind};

/// Joins a term that is a setting to the windows `b`. Returns the join and the term's column.
///
/// A window of the size that the KPI's windows are made of ends wherever one of the KPI's ends: of
/// a `last`, its value in the newest such window that has one is in force at the end; of a count,
/// what all of them hold.
///
/// # Errors
/// The event type has no table.
pub(crate) fn join_setting(
    kpi: &KpiDef,
    catalog: &Catalog,
    zones: &Zones,
    i: usize,
) -> Result<(String, String), StoreError> {
    let term = &kpi.terms[i];
    let names = free_dimensions(catalog, term);
    let window = JudgedWindow::Tumbling(kpi.window.stored());
    let of = (&[i][..], names.as_slice(), false);
    let merged = source_sql(kpi, catalog, zones, window, of, (None, None))?;
    let dims: String = names.iter().map(|d| format!("{}, ", ident(d))).collect();
    let value = match catalog.events[term.event].measures[term.measure].kind {
        MeasureKind::Count => {
            format!("sum(t{i}) OVER (PARTITION BY {dims}tenant ORDER BY window_end)")
        }
        _ => format!("t{i}"),
    };
    let on: String = names
        .iter()
        .map(|d| format!(" AND b.{0} = s{i}.{0}", ident(d)))
        .collect();
    let join = format!(
        "\nASOF LEFT JOIN (SELECT tenant, {dims}window_end AS since, {value} AS held\nFROM ({merged})\nWHERE t{i} IS NOT NULL) AS s{i} ON b.tenant = s{i}.tenant{on} AND b.window_end >= s{i}.since"
    );
    Ok((join, format!("s{i}.held")))
}
