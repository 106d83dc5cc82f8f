//! Current values of KPIs: the same expression as the published ones, over merged parts.

use crate::StoreError;
use crate::calendar::{LAST_MOMENT, Zones, zones};
use crate::client::{ident, text};
use crate::measure::statistic;
use crate::score::score_current_sql;
use crate::setting::join_setting;
use crate::table::PartsTable;
use crate::to_date::{self, ToDate};
use crate::view::{SETTINGS, end_of, rollup_name, rows_of, start_of};
use weir_catalog::{Catalog, JudgedWindow, KpiDef, Target, Term, sql};
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
    let read = Read::of(kpi, catalog, &zones, (from, to))?;
    let (from_clause, place) = read.clause(kpi, catalog, &zones)?;
    let terms: Vec<String> = kpi
        .terms
        .iter()
        .zip(&place)
        .map(|(t, column)| {
            if adds_up(catalog, t) {
                format!("ifNull({column}, 0.)")
            } else {
                column.clone()
            }
        })
        .collect();
    let value = sql::rounded(&sql::expression(&kpi.expr, &terms), kpi.decimals);
    let value = match kpi.minimum_sample {
        Some((i, least)) => format!("if(ifNull({} >= {least:?}, 0), {value}, NULL)", terms[i]),
        None => value,
    };
    let sample = match kpi.minimum_sample {
        Some((i, _)) => format!("CAST({} AS Nullable(Float64))", terms[i]),
        None => "CAST(NULL AS Nullable(Float64))".into(),
    };
    let shown: String = kpi
        .terms
        .iter()
        .zip(&terms)
        .map(|(t, s)| format!(", {s} AS {}", ident(&format!("term_{}", t.name))))
        .collect();
    let shown_names: String = kpi
        .terms
        .iter()
        .map(|t| format!(", {}", ident(&format!("term_{}", t.name))))
        .collect();
    let dims = dims(kpi);
    let base_dims: String = kpi
        .dimensions
        .iter()
        .map(|d| format!("b.{0} AS {0}, ", ident(d)))
        .collect();
    Ok(format!(
        "SELECT tenant, {dims}window_start, window_end, {}, value, {} AS score,\n    multiIf(value IS NULL, 'no_data', score IS NULL OR score >= 100, 'on_target', score >= 80, 'near', 'off') AS status, sample{shown_names}\nFROM (SELECT b.tenant AS tenant, {base_dims}b.window_start AS window_start, b.window_end AS window_end,\n    CAST({value} AS Nullable(Float64)) AS value, {sample} AS sample{shown}\nFROM {from_clause}{})\n{SETTINGS}, join_use_nulls = 1",
        zones.calendar(LAST_MOMENT),
        score(kpi.target),
        range("b.window_end", from, to),
    ))
}

/// The dimensions of a KPI, each with a comma behind it.
fn dims(kpi: &KpiDef) -> String {
    kpi.dimensions
        .iter()
        .map(|d| format!("{}, ", ident(d)))
        .collect()
}

/// Where a KPI's terms are read: a pass over a table for those that stand on its own dimensions,
/// and for others, which are joined to them.
struct Read {
    own: Vec<String>,
    joined: Vec<Joined>,
}

/// A pass whose rows are joined by some of the KPI's dimensions.
struct Joined {
    dimensions: Vec<String>,
    /// Of its terms.
    terms: Vec<usize>,
    select: String,
}

impl Read {
    fn of(
        kpi: &KpiDef,
        catalog: &Catalog,
        zones: &Zones,
        bounds: (Option<Micros>, Option<Micros>),
    ) -> Result<Read, StoreError> {
        let mut read = Read {
            own: Vec::new(),
            joined: Vec::new(),
        };
        for source in sources(kpi, catalog) {
            let first = &kpi.terms[source[0]];
            let is_own = first.stands_on(&kpi.dimensions);
            let names = free_dimensions(catalog, first);
            let select = match kpi.window {
                JudgedWindow::ToDate { since, step } => {
                    let columns = columns(kpi, catalog, &source, is_own);
                    let window = ToDate {
                        kpi,
                        catalog,
                        zones,
                        since,
                        step,
                        bounds,
                    };
                    window.source_sql(&source, &names, &columns)?
                }
                _ => {
                    let of = (&source[..], &names[..], is_own);
                    source_sql(kpi, catalog, zones, kpi.window, of, bounds)?
                }
            };
            if is_own {
                read.own.push(select)
            } else {
                read.joined.push(Joined {
                    dimensions: names.into_iter().map(str::to_owned).collect(),
                    terms: source,
                    select,
                })
            }
        }
        if read.own.is_empty() {
            return Err(StoreError::Catalog {
                event: kpi.name.clone(),
                reason: "no term of this KPI stands on its own dimensions; declare one that does"
                    .into(),
            });
        }
        Ok(read)
    }

    /// What is selected from, and by term the column that holds it there.
    fn clause(
        &self,
        kpi: &KpiDef,
        catalog: &Catalog,
        zones: &Zones,
    ) -> Result<(String, Vec<String>), StoreError> {
        let dims = dims(kpi);
        let base_terms: Vec<String> = (0..kpi.terms.len())
            .map(|i| format!("max(t{i}) AS t{i}"))
            .collect();
        // Of all there is, rollups start apart.
        let (start, start_key, same_start) = match to_date::starts_apart(kpi) {
            true => ("min(window_start) AS window_start", "", String::new()),
            false => (
                "window_start",
                "window_start, ",
                " AND b.window_start = {j}.window_start".to_owned(),
            ),
        };
        let mut clause = format!(
            "(SELECT tenant, {dims}{start}, window_end, {}\nFROM ({})\nGROUP BY tenant, {dims}{start_key}window_end) AS b",
            base_terms.join(", "),
            self.own.join("\nUNION ALL\n"),
        );
        let mut place: Vec<String> = (0..kpi.terms.len()).map(|i| format!("b.t{i}")).collect();
        for (j, joined) in self.joined.iter().enumerate() {
            let on: String = joined
                .dimensions
                .iter()
                .map(|d| format!(" AND b.{0} = j{j}.{0}", ident(d)))
                .collect();
            clause += &format!(
                "\nLEFT JOIN ({}) AS j{j} ON b.tenant = j{j}.tenant{} AND b.window_end = j{j}.window_end{on}",
                joined.select,
                same_start.replace("{j}", &format!("j{j}"))
            );
            for i in &joined.terms {
                place[*i] = format!("j{j}.t{i}");
            }
        }
        for (i, term) in kpi.terms.iter().enumerate() {
            if catalog.is_setting(term) {
                let (join, column) = join_setting(kpi, catalog, zones, i)?;
                clause += &join;
                place[i] = column;
            }
        }
        Ok((clause, place))
    }
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

/// Whether a subject without rows has 0 of it, where it has rows of another term.
fn adds_up(catalog: &Catalog, term: &Term) -> bool {
    let kind = &catalog.events[term.event].measures[term.measure].kind;
    kind.accumulator().empty().stat(term.stat).is_some()
}

/// The terms of a source as columns, and on request NULL for each other term.
fn columns(kpi: &KpiDef, catalog: &Catalog, source: &[usize], all_terms: bool) -> Vec<String> {
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
    let dims: String = names.iter().map(|d| format!("{}, ", ident(d))).collect();
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

pub(crate) fn score(target: Option<Target>) -> String {
    let Some(Target {
        value: t,
        higher_is_better,
    }) = target
    else {
        return "CAST(NULL AS Nullable(Float64))".into();
    };
    let raw = if higher_is_better {
        format!("100. * assumeNotNull(value) / ({t:?})")
    } else {
        format!("if(assumeNotNull(value) <= ({t:?}), 100., 100. * ({t:?}) / assumeNotNull(value))")
    };
    let cut = format!("if(value IS NULL, NULL, least(greatest({raw}, 0.), 100.))");
    sql::rounded(&format!("CAST({cut} AS Nullable(Float64))"), 2)
}
