//! Current values of KPIs: the same expression as the published ones, over merged parts.

use crate::StoreError;
use crate::assembly::{Frame, Settings, Source, assemble, list, term_name};
use crate::calendar::{LAST_MOMENT, Zones, zones};
use crate::client::{ident, text};
use crate::measure::statistic;
use crate::score::{score_current_sql, worth_of};
use crate::table::PartsTable;
use crate::to_date::{self, ToDate};
use crate::view::{end_of, rollup_name, rows_of, start_of};
use weir_catalog::{Catalog, JudgedWindow, KpiDef, Term};
use weir_model::{Micros, WindowSize};

/// One row for each subject and window of a KPI: `tenant`, its dimensions, `window_start`,
/// `window_end`, `day`, `days_ago`, `value`, `score`, `status`, `sample` and each term as
/// `term_<name>`; of a score also `coverage`. Windows end after `from` and at most at `to`.
///
/// # Errors
/// No term stands on the KPI's own dimensions, or the catalog has no tables.
pub fn kpi_current_sql(
    kpi: &KpiDef,
    catalog: &Catalog,
    from: Option<Micros>,
    to: Option<Micros>,
) -> Result<String, StoreError> {
    if let Some(mix) = &kpi.mix {
        return score_current_sql(kpi, mix, catalog, from, to);
    }
    let zones = zones(catalog)?;
    let mut all = Vec::new();
    for terms in sources(kpi, catalog) {
        let first = &kpi.terms[terms[0]];
        let is_own = first.stands_on(&kpi.dimensions);
        let names = free_dimensions(catalog, first);
        let select = match kpi.window {
            JudgedWindow::ToDate { since, step } => {
                let columns = columns(kpi, catalog, &terms, is_own);
                let window = ToDate {
                    kpi,
                    catalog,
                    zones: &zones,
                    since,
                    step,
                    bounds: (from, to),
                };
                window.source_sql(&terms, &names, &columns)?
            }
            _ => {
                let of = (&terms[..], &names[..], is_own);
                source_sql(kpi, catalog, &zones, kpi.window, of, (from, to))?
            }
        };
        all.push(Source {
            terms,
            names,
            select,
        });
    }
    let frame = Frame {
        start: "window_start",
        end: "window_end",
        // Of all there is, rollups start apart.
        starts_apart: to_date::starts_apart(kpi),
        days: days(kpi.window),
        beside: format!(", {}", zones.calendar(LAST_MOMENT)),
        filter: range("b.window_end", from, to),
    };
    let settings = settings(kpi, catalog, &zones)?;
    assemble(kpi, catalog, &all, &settings, &frame)
}

/// Length of a window `b` in days: as many as it has local ones where it is made of days.
fn days(window: JudgedWindow) -> String {
    let micros = |time: &str| format!("toUnixTimestamp64Micro({time})");
    let (start, end) = (micros("b.window_start"), micros("b.window_end"));
    let days = format!("({end} - {start}) / {}", Micros::DAY.0);
    match window.stored() {
        WindowSize::Day => format!("round({days})"),
        _ => days,
    }
}

/// The columns of [`kpi_current_sql`] with their types, in brackets.
pub(crate) fn current_columns(kpi: &KpiDef, catalog: &Catalog) -> String {
    const NUMBER: &str = "Nullable(Float64)";
    const MOMENT: &str = "DateTime64(6, 'UTC')";
    let fixed = [
        ("window_start", MOMENT),
        ("window_end", MOMENT),
        ("day", "Date"),
        ("days_ago", "Int64"),
        ("value", NUMBER),
        ("score", NUMBER),
        ("status", "String"),
        ("sample", NUMBER),
    ];
    let mut columns = vec!["tenant LowCardinality(String)".to_owned()];
    columns.extend(
        kpi.dimensions
            .iter()
            .map(|d| format!("{} String", ident(d))),
    );
    columns.extend(fixed.map(|(name, kind)| format!("{name} {kind}")));
    let terms: Vec<String> = match &kpi.mix {
        Some(mix) => {
            columns.push(format!("coverage {NUMBER}"));
            let inputs = mix.inputs.iter();
            inputs.map(|(input, _)| worth_of(catalog, *input)).collect()
        }
        None => kpi.terms.iter().map(term_name).collect(),
    };
    columns.extend(terms.iter().map(|name| format!("{name} {NUMBER}")));
    format!(" ({})", columns.join(", "))
}

/// Windows of the terms that are settings, by their place. A window of the size that the KPI's
/// windows are made of ends wherever one of the KPI's ends.
fn settings(kpi: &KpiDef, catalog: &Catalog, zones: &Zones) -> Result<Settings, StoreError> {
    let window = JudgedWindow::Tumbling(kpi.window.stored());
    let terms = kpi.terms.iter().enumerate();
    terms
        .filter(|(_, term)| catalog.is_setting(term))
        .map(|(i, term)| {
            let names = free_dimensions(catalog, term);
            let of = (&[i][..], names.as_slice(), false);
            let rows = source_sql(kpi, catalog, zones, window, of, (None, None))?;
            Ok((i, rows))
        })
        .collect()
}

/// Terms on windows grouped by what their rows are: each group is one pass over a table.
pub(crate) fn sources(kpi: &KpiDef, catalog: &Catalog) -> Vec<Vec<usize>> {
    let rows = |t: &Term| (t.event, t.rollup, t.fixed.clone());
    let mut groups: Vec<Vec<usize>> = Vec::new();
    let terms = kpi.terms.iter().enumerate();
    for (i, t) in terms.filter(|(_, t)| !catalog.is_setting(t)) {
        match groups
            .iter_mut()
            .find(|g| rows(&kpi.terms[g[0]]) == rows(t))
        {
            Some(g) => g.push(i),
            None => groups.push(vec![i]),
        }
    }
    groups
}

/// Names of the dimensions of a term's subject, in the order of its rollup.
pub(crate) fn dimensions<'a>(catalog: &'a Catalog, term: &Term) -> Vec<&'a str> {
    let event = &catalog.events[term.event];
    event.rollups[term.rollup]
        .dimensions
        .iter()
        .map(|d| event.dimensions[*d].name.as_str())
        .collect()
}

/// Names of the dimensions of a term's subject that are not fixed, sorted.
pub(crate) fn free_dimensions<'a>(catalog: &'a Catalog, term: &Term) -> Vec<&'a str> {
    let mut names = dimensions(catalog, term);
    names.retain(|n| !term.fixed.iter().any(|(f, _)| f == n));
    names.sort_unstable();
    names
}

/// The condition that rows `p` are of a term's fixed dimensions, to be added to another.
pub(crate) fn fixed_sql(term: &Term) -> String {
    let each = term.fixed.iter();
    each.map(|(name, value)| format!(" AND p.{} = {}", ident(name), text(value)))
        .collect()
}

/// The terms of a source as columns, and on request NULL for each other term.
pub(crate) fn columns(
    kpi: &KpiDef,
    catalog: &Catalog,
    source: &[usize],
    all_terms: bool,
) -> Vec<String> {
    let mut columns = Vec::new();
    for (i, term) in kpi.terms.iter().enumerate() {
        if source.contains(&i) {
            let m = &catalog.events[term.event].measures[term.measure];
            let value = statistic(&m.name, m.kind.accumulator(), term.stat);
            columns.push(format!("CAST({value} AS Nullable(Float64)) AS t{i}"));
        } else if all_terms {
            columns.push(format!("CAST(NULL AS Nullable(Float64)) AS t{i}"));
        }
    }
    columns
}

/// Windows of some terms, which stand in one table: their numbers, by subject. `all_terms`: with
/// columns for the other ones too.
pub(crate) fn source_sql(
    kpi: &KpiDef,
    catalog: &Catalog,
    zones: &Zones,
    window: JudgedWindow,
    (source, names, all_terms): (&[usize], &[&str], bool),
    (from, to): (Option<Micros>, Option<Micros>),
) -> Result<String, StoreError> {
    let first = &kpi.terms[source[0]];
    let event = &catalog.events[first.event];
    let table = PartsTable::of(event)?;
    let dims = list(names);
    let columns = columns(kpi, catalog, source, all_terms);
    let at = "p.window_start";
    let (size, count, start, end) = match window {
        JudgedWindow::Tumbling(size) => {
            let start = start_of(size, at, zones);
            (size, 1, start.clone(), end_of(size, &start, zones))
        }
        JudgedWindow::Rolling {
            count,
            of: WindowSize::Day,
        } => {
            let day = |n: String| {
                zones.each(|z| {
                    format!("toDateTime64(toDateTime(toDate({at}, {z}) + {n}, {z}), 6, 'UTC')")
                })
            };
            (
                WindowSize::Day,
                count,
                day(format!("k + 1 - {count}")),
                day("k + 1".into()),
            )
        }
        JudgedWindow::ToDate { .. } => {
            return Err(StoreError::Catalog {
                event: kpi.name.clone(),
                reason: "a window to date is not made of a number of windows".into(),
            });
        }
        JudgedWindow::Rolling { count, of } => {
            let minutes = match of {
                WindowSize::Minute => 1,
                WindowSize::FiveMinutes => 5,
                _ => 60,
            };
            let base = start_of(of, at, zones);
            let moved = |n: String| format!("{base} + toIntervalMinute({minutes} * ({n}))");
            // In signed numbers: the start lies before the row.
            (
                of,
                count,
                moved(format!("toInt32(k) + 1 - {count}")),
                moved("toInt32(k) + 1".into()),
            )
        }
    };
    let join = if count > 1 {
        format!(" ARRAY JOIN range({count}) AS k")
    } else {
        String::new()
    };
    // Days last 25 hours at most.
    let reach = Micros(Micros::HOUR.0 * 25 * (i64::from(count) + 1));
    let fixed = fixed_sql(first);
    let near = range(at, from.map(|t| Micros(t.minus(reach).0.max(0))), to).replace("WHERE", "AND");
    Ok(format!(
        "SELECT tenant, {dims}{start} AS window_start, {end} AS window_end, {}\nFROM {} AS p FINAL{join}\nWHERE {}{fixed}{near}\nGROUP BY tenant, {dims}window_start, window_end",
        columns.join(", "),
        ident(&table.name),
        rows_of(size, &[rollup_name(event, first.rollup)]),
    ))
}

pub(crate) fn range(column: &str, from: Option<Micros>, to: Option<Micros>) -> String {
    let time = |t: Micros| format!("fromUnixTimestamp64Micro({}, 'UTC')", t.0);
    let conditions: Vec<String> = from
        .map(|t| format!("{column} > {}", time(t)))
        .into_iter()
        .chain(to.map(|t| format!("{column} <= {}", time(t))))
        .collect();
    if conditions.is_empty() {
        String::new()
    } else {
        format!("\nWHERE {}", conditions.join(" AND "))
    }
}
