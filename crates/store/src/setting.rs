//! Settings beside the rows of a KPI: what is in force at the end of each, by event time alone.

use crate::assembly::list;
use crate::client::ident;
use crate::kpi::free_dimensions;
use weir_catalog::{Catalog, KpiDef, MeasureKind};

/// Joins a term that is a setting to the rows `b`. Returns the join and the term's column.
///
/// `rows` of the setting have the column `end` in the unit of the KPI's rows: of a `last`, its
/// value in the newest row that has one and ends by then is in force at the end; of a count, what
/// all of them hold.
pub(crate) fn join_setting(
    kpi: &KpiDef,
    catalog: &Catalog,
    i: usize,
    rows: &str,
    end: &str,
) -> (String, String) {
    let term = &kpi.terms[i];
    let names = free_dimensions(catalog, term);
    let dims = list(&names);
    let value = match catalog.events[term.event].measures[term.measure].kind {
        MeasureKind::Count => {
            format!("sum(t{i}) OVER (PARTITION BY {dims}tenant ORDER BY {end})")
        }
        _ => format!("t{i}"),
    };
    let on: String = names
        .iter()
        .map(|d| format!(" AND b.{0} = s{i}.{0}", ident(d)))
        .collect();
    let join = format!(
        "\nASOF LEFT JOIN (SELECT tenant, {dims}{end} AS since, {value} AS held\nFROM ({rows})\nWHERE t{i} IS NOT NULL) AS s{i} ON b.tenant = s{i}.tenant{on} AND b.{end} >= s{i}.since"
    );
    (join, format!("s{i}.held"))
}
