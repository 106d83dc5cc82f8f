//! Current values of scores: what the current values of their inputs are worth together.

use crate::StoreError;
use crate::assembly::{list, score};
use crate::calendar::{LAST_MOMENT, zones};
use crate::client::ident;
use crate::kpi::{kpi_current_sql, range};
use crate::view::{SETTINGS, end_of, start_of};
use weir_catalog::{Catalog, KpiDef, Mix, sql};
use weir_model::Micros;

const NOTHING: &str = "CAST(NULL AS Nullable(Float64))";

/// As [`kpi_current_sql`], with `coverage`; `term_<name>` is what an input is worth.
///
/// # Errors
/// As of [`kpi_current_sql`], of any of its inputs.
pub(crate) fn score_current_sql(
    kpi: &KpiDef,
    mix: &Mix,
    catalog: &Catalog,
    from: Option<Micros>,
    to: Option<Micros>,
) -> Result<String, StoreError> {
    let zones = zones(catalog)?;
    let dims = list(&kpi.dimensions);
    // Windows end at full minutes: the minute before lies in the window that they end in.
    let at = "(p.window_end - toIntervalMinute(1))";
    let start = start_of(mix.window, at, &zones);
    let end = end_of(mix.window, &start, &zones);
    // What goes into a window may have ended as early as a day before it, and 25 hours at most.
    let reach = |t: Micros| Micros(t.minus(Micros(25 * Micros::HOUR.0)).0.max(0));
    let mut inputs = Vec::new();
    for (place, (input, _)) in mix.inputs.iter().enumerate() {
        let unknown = || StoreError::Catalog {
            event: kpi.name.clone(),
            reason: "a score stands on a KPI that is not declared".into(),
        };
        let def = catalog.kpis.get(*input).ok_or_else(unknown)?;
        let values = kpi_current_sql(def, catalog, from.map(reach), to)?;
        let worth = if def.mix.is_some() { "value" } else { "score" };
        inputs.push(format!(
            "SELECT tenant, {dims}{start} AS s, {end} AS e, toUInt32({place}) AS input, argMax(p.{worth}, p.window_end) AS worth\nFROM ({values}) AS p\nWHERE p.{worth} IS NOT NULL\nGROUP BY tenant, {dims}s, e"
        ));
    }
    let places = 0..mix.inputs.len();
    let columns: Vec<String> = places
        .clone()
        .map(|i| format!("CAST(maxIf(worth, input = {i}) AS Nullable(Float64)) AS t{i}"))
        .collect();
    let sum = |one: &dyn Fn(usize, f64) -> String| {
        let parts = mix.inputs.iter().enumerate().map(|(i, (_, w))| one(i, *w));
        format!("(0. + {})", parts.collect::<Vec<_>>().join(" + "))
    };
    let worth = sum(&|i, w| format!("ifNull(t{i} * {w:?}, 0.)"));
    let present = sum(&|i, w| format!("if(t{i} IS NULL, 0., {w:?})"));
    let all = sum(&|_, w| format!("{w:?}"));
    let value = sql::rounded(&format!("{worth} / {present}"), kpi.decimals);
    let coverage = sql::rounded(&format!("{present} / {all}"), 4);
    let inputs_of = places.zip(&mix.inputs);
    let terms: String = inputs_of
        .map(|(i, (input, _))| format!(", t{i} AS {}", worth_of(catalog, *input)))
        .collect();
    Ok(format!(
        "SELECT tenant, {dims}window_start, window_end, {}, value, {} AS score,\n    multiIf(score IS NULL OR score >= 100, 'on_target', score >= 80, 'near', 'off') AS status, {NOTHING} AS sample, coverage{terms}\nFROM (SELECT tenant, {dims}s AS window_start, e AS window_end, CAST({value} AS Nullable(Float64)) AS value, CAST({coverage} AS Nullable(Float64)) AS coverage, * EXCEPT (tenant, {}s, e)\nFROM (SELECT tenant, {dims}s, e, {}\nFROM ({})\nGROUP BY tenant, {dims}s, e){})\n{SETTINGS}",
        zones.calendar(LAST_MOMENT),
        score(kpi),
        dims,
        columns.join(", "),
        inputs.join("\nUNION ALL\n"),
        range("e", from, to),
    ))
}

/// The column that says what an input of a score is worth.
pub(crate) fn worth_of(catalog: &Catalog, input: usize) -> String {
    let def = catalog.kpis.get(input);
    ident(&format!("term_{}", def.map_or("", |d| d.name.as_str())))
}
