//! How the sources of a KPI become its rows: one SELECT, whether a row is a window or days of a
//! period.

use crate::StoreError;
use crate::client::{ident, text};
use crate::setting::join_setting;
use crate::view::SETTINGS;
use weir_catalog::{Catalog, KpiDef, Target, Term, sql};

/// What the rows of a KPI are, beside its subjects.
pub(crate) struct Frame {
    /// Column where a row begins.
    pub start: &'static str,
    /// Column where it ends: rows of all sources that end together belong together.
    pub end: &'static str,
    /// Rows that end together may start apart, by their rollup.
    pub starts_apart: bool,
    /// Its length in days, over rows `b`.
    pub days: String,
    /// Further columns, each after a comma.
    pub beside: String,
    /// Condition on rows `b`, with its `WHERE`; empty for all of them.
    pub filter: String,
}

/// Terms that one pass over a table gives.
pub(crate) struct Source<'a> {
    /// Places of the terms in the KPI.
    pub terms: Vec<usize>,
    /// Dimensions of its rows.
    pub names: Vec<&'a str>,
    /// `tenant`, its dimensions, start and end of the frame, `t<i>` of each term.
    pub select: String,
}

/// Rows of each term that is a setting: (its place, SELECT of `tenant`, its dimensions, the end
/// of the frame and `t<i>`).
pub(crate) type Settings = Vec<(usize, String)>;

/// `tenant`, the KPI's dimensions, start and end, what is beside them, `value`, `score`, `status`,
/// `sample` and each term as `term_<name>`. A source on the KPI's own dimensions has a column for
/// each term.
///
/// # Errors
/// No term stands on the KPI's own dimensions.
pub(crate) fn assemble(
    kpi: &KpiDef,
    catalog: &Catalog,
    sources: &[Source<'_>],
    settings: &Settings,
    frame: &Frame,
) -> Result<String, StoreError> {
    let Frame {
        start,
        end,
        beside,
        filter,
        ..
    } = frame;
    let (from_clause, terms) = joined(kpi, catalog, sources, settings, frame)?;
    // The one place where the expression of a KPI meets its terms in the store.
    let value = sql::expression_over(&kpi.expr, &terms, &frame.days);
    let value = sql::rounded(&value, kpi.decimals);
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
        .map(|(t, s)| format!(", {s} AS {}", term_name(t)))
        .collect();
    let shown_names: String = kpi
        .terms
        .iter()
        .map(|t| format!(", {}", term_name(t)))
        .collect();
    let dims = list(&kpi.dimensions);
    let base_dims: String = kpi
        .dimensions
        .iter()
        .map(|d| format!("b.{0} AS {0}, ", ident(d)))
        .collect();
    Ok(format!(
        "SELECT tenant, {dims}{start}, {end}{beside}, value, {} AS score,\n    multiIf(value IS NULL, 'no_data', score IS NULL OR score >= 100, 'on_target', score >= 80, 'near', 'off') AS status, sample{shown_names}\nFROM (SELECT b.tenant AS tenant, {base_dims}b.{start} AS {start}, b.{end} AS {end},\n    CAST({value} AS Nullable(Float64)) AS value, {sample} AS sample{shown}\nFROM {from_clause}{filter})\n{SETTINGS}, join_use_nulls = 1",
        score(kpi),
    ))
}

/// Rows `b` of the KPI's own subjects with all other sources and settings joined to them, and the
/// SQL of each term.
fn joined(
    kpi: &KpiDef,
    catalog: &Catalog,
    sources: &[Source<'_>],
    settings: &Settings,
    frame: &Frame,
) -> Result<(String, Vec<String>), StoreError> {
    let (own, others): (Vec<&Source<'_>>, Vec<_>) = sources
        .iter()
        .partition(|s| kpi.terms[s.terms[0]].stands_on(&kpi.dimensions));
    if own.is_empty() {
        return Err(StoreError::Catalog {
            event: kpi.name.clone(),
            reason: "no term of this KPI stands on its own dimensions; declare one that does"
                .into(),
        });
    }
    let (start, end) = (frame.start, frame.end);
    let (begin, key, same_start) = match frame.starts_apart {
        true => (
            format!("min({start}) AS {start}"),
            String::new(),
            String::new(),
        ),
        false => (
            start.to_owned(),
            format!("{start}, "),
            format!(" AND b.{start} = {{j}}.{start}"),
        ),
    };
    let dims = list(&kpi.dimensions);
    let base_terms: Vec<String> = (0..kpi.terms.len())
        .map(|i| format!("max(t{i}) AS t{i}"))
        .collect();
    let selects: Vec<&str> = own.iter().map(|s| s.select.as_str()).collect();
    let mut clause = format!(
        "(SELECT tenant, {dims}{begin}, {end}, {}\nFROM ({})\nGROUP BY tenant, {dims}{key}{end}) AS b",
        base_terms.join(", "),
        selects.join("\nUNION ALL\n"),
    );
    let mut place: Vec<String> = (0..kpi.terms.len()).map(|i| format!("b.t{i}")).collect();
    for (j, source) in others.iter().enumerate() {
        let on: String = source
            .names
            .iter()
            .map(|d| format!(" AND b.{0} = j{j}.{0}", ident(d)))
            .collect();
        clause += &format!(
            "\nLEFT JOIN ({}) AS j{j} ON b.tenant = j{j}.tenant{} AND b.{end} = j{j}.{end}{on}",
            source.select,
            same_start.replace("{j}", &format!("j{j}"))
        );
        for i in &source.terms {
            place[*i] = format!("j{j}.t{i}");
        }
    }
    for (i, rows) in settings {
        let (join, column) = join_setting(kpi, catalog, *i, rows, end);
        clause += &join;
        place[*i] = column;
    }
    let terms = kpi.terms.iter().zip(place);
    let terms = terms.map(|(t, column)| match adds_up(catalog, t) {
        true => format!("ifNull({column}, 0.)"),
        false => column,
    });
    Ok((clause, terms.collect()))
}

/// Names of columns, each before a comma.
pub(crate) fn list<T: AsRef<str>>(names: &[T]) -> String {
    let each = names.iter();
    each.map(|d| format!("{}, ", ident(d.as_ref()))).collect()
}

pub(crate) fn term_name(term: &Term) -> String {
    ident(&format!("term_{}", term.name))
}

/// Whether a subject without rows has 0 of it, where it has rows of another term.
fn adds_up(catalog: &Catalog, term: &Term) -> bool {
    let kind = &catalog.events[term.event].measures[term.measure].kind;
    kind.accumulator().empty().stat(term.stat).is_some()
}

/// The target of a row's subject.
fn target(kpi: &KpiDef, target: Target) -> String {
    let all = format!("({:?})", target.value);
    let own = kpi.targets.as_ref();
    let Some((own, dimension)) = own.and_then(|t| Some((t, kpi.dimensions.get(t.dimension)?)))
    else {
        return all;
    };
    let (values, targets): (Vec<String>, Vec<String>) = own
        .values
        .iter()
        .map(|(value, target)| (text(value), format!("{target:?}")))
        .unzip();
    format!(
        "transform({}, [{}], [{}], {all})",
        ident(dimension),
        values.join(", "),
        targets.join(", ")
    )
}

/// The score of a row's `value`.
pub(crate) fn score(kpi: &KpiDef) -> String {
    let Some(aim) = kpi.target else {
        return "CAST(NULL AS Nullable(Float64))".into();
    };
    let t = target(kpi, aim);
    let raw = if aim.higher_is_better {
        format!("100. * assumeNotNull(value) / {t}")
    } else {
        format!("if(assumeNotNull(value) <= {t}, 100., 100. * {t} / assumeNotNull(value))")
    };
    let cut = format!("if(value IS NULL, NULL, least(greatest({raw}, 0.), 100.))");
    sql::rounded(&format!("CAST({cut} AS Nullable(Float64))"), 2)
}
