//! What is measured and scored: the declarations of the catalog.

use crate::fault::Fault;
use crate::page::Told;
use crate::params::Params;
use crate::resources::Nothing;
use crate::state::Asker;
use axum::body::Body;
use axum::extract::Path;
use axum::http::Response;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use weir_catalog::{Catalog, EventDef, KpiDef};

/// An event type.
#[derive(Serialize, ToSchema)]
pub(crate) struct EventType {
    #[schema(example = "llm.call")]
    name: String,
    /// Its events say what is in force from then on.
    setting: bool,
    dimensions: Vec<Dimension>,
    measures: Vec<Measure>,
    rollups: Vec<Rollup>,
}

/// What events are grouped by.
#[derive(Serialize, ToSchema)]
struct Dimension {
    #[schema(example = "team")]
    name: String,
    /// Where it stands in the event.
    path: String,
}

/// What is measured of events.
#[derive(Serialize, ToSchema)]
struct Measure {
    #[schema(example = "cost")]
    name: String,
    title: String,
    #[schema(example = "usd")]
    unit: String,
    /// `count`, `sum`, `cost`, `distribution`, ...
    #[schema(example = "cost")]
    kind: String,
}

/// What is kept.
#[derive(Serialize, ToSchema)]
struct Rollup {
    /// Dimensions; none: the tenant as a whole.
    by: Vec<String>,
    /// Sizes of windows.
    #[schema(example = json!(["1h", "1d"]))]
    windows: Vec<String>,
}

/// A KPI or score.
#[derive(Serialize, ToSchema)]
pub(crate) struct Kpi {
    #[schema(example = "cost_per_call")]
    name: String,
    title: String,
    unit: String,
    category: String,
    /// `kpi` or `score`.
    #[schema(example = "kpi")]
    kind: &'static str,
    /// Dimensions of its subjects; none: the tenant as a whole.
    by: Vec<String>,
    /// The window that it is published for.
    #[schema(example = "1d")]
    window: String,
    version: u32,
    /// Digits after the point.
    decimals: u32,
    /// Its formula over terms; null of a score.
    formula: Option<String>,
    terms: Vec<Term>,
    /// Of a score.
    inputs: Vec<Input>,
    target: Option<f64>,
    /// Which way is better, where it has a target.
    #[schema(example = "lower")]
    better: Option<&'static str>,
}

/// A term of a formula.
#[derive(Serialize, ToSchema)]
struct Term {
    name: String,
    #[schema(example = "llm.call")]
    event: String,
    #[schema(example = "cost")]
    measure: String,
}

/// An input of a score.
#[derive(Serialize, ToSchema)]
struct Input {
    kpi: String,
    weight: f64,
}

fn event(e: &EventDef) -> EventType {
    let dimension = |d: &weir_catalog::Dimension| Dimension {
        name: d.name.clone(),
        path: d.path.clone(),
    };
    let measure = |m: &weir_catalog::MeasureDef| Measure {
        name: m.name.clone(),
        title: m.title.clone(),
        unit: m.unit.clone(),
        kind: m.kind.label().to_owned(),
    };
    let rollup = |r: &weir_catalog::RollupDef| Rollup {
        by: e
            .rollup_dimensions(r)
            .into_iter()
            .map(str::to_owned)
            .collect(),
        windows: r.windows.iter().map(|w| w.label().to_owned()).collect(),
    };
    EventType {
        name: e.name.clone(),
        setting: e.setting,
        dimensions: e.dimensions.iter().map(dimension).collect(),
        measures: e.measures.iter().map(measure).collect(),
        rollups: e.rollups.iter().map(rollup).collect(),
    }
}

fn told(catalog: &Catalog, k: &KpiDef) -> Kpi {
    let term = |t: &weir_catalog::Term| {
        let event = &catalog.events[t.event];
        Term {
            name: t.name.clone(),
            event: event.name.clone(),
            measure: event.measures[t.measure].name.clone(),
        }
    };
    let inputs = k.mix.iter().flat_map(|mix| &mix.inputs);
    let inputs = inputs.map(|(i, weight)| Input {
        kpi: catalog.kpis[*i].name.clone(),
        weight: *weight,
    });
    Kpi {
        name: k.name.clone(),
        title: k.title.clone(),
        unit: k.unit.clone(),
        category: k.category.clone(),
        kind: if k.mix.is_some() { "score" } else { "kpi" },
        by: k.dimensions.clone(),
        window: k.window.label().to_owned(),
        version: k.version,
        decimals: k.decimals,
        formula: k.mix.is_none().then(|| k.expr.source.clone()),
        terms: k.terms.iter().map(term).collect(),
        inputs: inputs.collect(),
        target: k.target.map(|t| t.value),
        better: k.target.map(|t| match t.higher_is_better {
            true => "higher",
            false => "lower",
        }),
    }
}

/// Which KPIs.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct KpisAsked {
    /// Of this category alone.
    #[param(example = "cost")]
    category: Option<String>,
    /// `kpi` or `score`.
    kind: Option<String>,
}

/// The event types, with their measures, dimensions and what is kept of them.
#[utoipa::path(get, path = "/v1/event-types", tag = "catalog",
    responses((status = 200, body = Told<Vec<EventType>>)))]
pub(crate) async fn event_types(
    asker: Asker,
    Params(Nothing {}): Params<Nothing>,
) -> Result<Response<Body>, Fault> {
    let all: Vec<EventType> = asker.catalog().events.iter().map(event).collect();
    Ok(asker.told_of_all(all).response())
}

/// One of them.
#[utoipa::path(get, path = "/v1/event-types/{event_type}", tag = "catalog",
    params(("event_type" = String, Path, example = "llm.call")),
    responses((status = 200, body = Told<EventType>)))]
pub(crate) async fn event_type(
    asker: Asker,
    Path(name): Path<String>,
    Params(Nothing {}): Params<Nothing>,
) -> Result<Response<Body>, Fault> {
    let found = find(&asker, &name)?;
    let types = std::iter::once(found.name.as_str());
    Ok(asker.told(event(found), types).response())
}

/// An event type by its name.
pub(crate) fn find<'a>(asker: &'a Asker, name: &str) -> Result<&'a EventDef, Fault> {
    let known = || asker.catalog().events.iter().map(|e| e.name.as_str());
    let found = asker.catalog().event(name);
    found.ok_or_else(|| Fault::missing("event type", name, known()))
}

/// The KPIs and scores, as they are declared.
#[utoipa::path(get, path = "/v1/kpis", tag = "catalog", params(KpisAsked),
    responses((status = 200, body = Told<Vec<Kpi>>)))]
pub(crate) async fn kpis(
    asker: Asker,
    Params(asked): Params<KpisAsked>,
) -> Result<Response<Body>, Fault> {
    let kind = asked.kind.as_deref();
    if kind.is_some_and(|k| !["kpi", "score"].contains(&k)) {
        return Err(Fault::bad("`kind` is kpi or score"));
    }
    let category = asked.category.as_deref();
    let wanted = |k: &&KpiDef| {
        category.is_none_or(|c| c == k.category)
            && kind.is_none_or(|wanted| (wanted == "score") == k.mix.is_some())
    };
    let all = asker.catalog().kpis.iter().filter(wanted);
    let all: Vec<Kpi> = all.map(|k| told(asker.catalog(), k)).collect();
    Ok(asker.told_of_all(all).response())
}

/// One of them.
#[utoipa::path(get, path = "/v1/kpis/{kpi}", tag = "catalog",
    params(("kpi" = String, Path, example = "cost_per_call")),
    responses((status = 200, body = Told<Kpi>)))]
pub(crate) async fn kpi(
    asker: Asker,
    Path(name): Path<String>,
    Params(Nothing {}): Params<Nothing>,
) -> Result<Response<Body>, Fault> {
    let found = asker.kpi(&name)?;
    Ok(asker
        .told_of_kpi(told(asker.catalog(), found), found)
        .response())
}
