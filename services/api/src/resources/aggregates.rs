//! Measures by window and subject.

use super::{catalog, measures, subject_of};
use crate::fault::Fault;
use crate::page::Told;
use crate::params::{Moment, Names, Params, in_order, known_dimensions, page_size};
use crate::state::Asker;
use axum::body::Body;
use axum::extract::Path;
use axum::http::Response;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use utoipa::{IntoParams, ToSchema};
use weir_catalog::{EventDef, suggest};
use weir_model::WindowSize;
use weir_store::reader::{self, AggregatesOf, Row};

/// Which aggregates.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct AggregatesAsked {
    /// Size of windows: `1m`, `5m`, `1h` or `1d`.
    #[param(example = "1d")]
    window: Option<String>,
    /// Dimensions to group by, separated by commas, beside those of `subject`.
    #[serde(default)]
    #[param(value_type = Option<String>, example = "team")]
    by: Names,
    /// Values of dimensions: `subject[team]=payments`.
    #[serde(default)]
    #[param(value_type = Option<Object>, style = DeepObject, explode)]
    subject: BTreeMap<String, String>,
    /// Measures, separated by commas; all where it is left out.
    #[serde(default)]
    #[param(value_type = Option<String>, example = "cost,calls")]
    measures: Names,
    /// Windows that begin from then on.
    #[param(value_type = Option<String>, example = "2026-03-01")]
    from: Option<Moment>,
    /// Windows that begin before.
    #[param(value_type = Option<String>, example = "2026-03-31T12:00:00Z")]
    to: Option<Moment>,
    /// Rows of a page.
    #[param(example = 100)]
    limit: Option<usize>,
    /// `next` of the page before.
    after: Option<String>,
}

/// What a window of a subject comes to.
#[derive(Serialize, ToSchema)]
pub(crate) struct Aggregate {
    /// Values of the dimensions.
    subject: BTreeMap<String, String>,
    #[schema(value_type = String, format = DateTime)]
    window_start: Json,
    #[schema(value_type = String, format = DateTime)]
    window_end: Json,
    /// The tenant's day.
    #[schema(value_type = String, format = Date)]
    day: Json,
    /// Numbers by measure, of distributions by statistic (`latency_p95`); exact sums are texts
    /// (`cost_exact`).
    #[schema(value_type = BTreeMap<String, Json>)]
    measures: Row,
}

/// Measures of an event type by window and subject, the earliest first. Late events are in.
#[utoipa::path(get, path = "/v1/aggregates/{event_type}", tag = "values",
    params(("event_type" = String, Path, example = "llm.call"), AggregatesAsked),
    responses((status = 200, body = Told<Vec<Aggregate>>)))]
pub(crate) async fn aggregates(
    asker: Asker,
    Path(name): Path<String>,
    Params(asked): Params<AggregatesAsked>,
) -> Result<Response<Body>, Fault> {
    let event = catalog::find(&asker, &name)?;
    let all = event.dimensions.iter().map(|d| d.name.as_str());
    known_dimensions(&asked.subject, all)?;
    in_order(asked.from.map(|m| m.0), asked.to.map(|m| m.0))?;
    let by = asked.by.0.iter().chain(asked.subject.keys());
    let rollup = measures::rollup(&asker, event, by)?;
    let size = window(event, rollup, asked.window.as_deref())?;
    let listing = reader::aggregates(&AggregatesOf {
        event,
        rollup,
        size,
        measures: &chosen(event, &asked.measures.0)?,
        subject: &asked.subject,
        within: (asked.from.map(|m| m.0), asked.to.map(|m| m.0)),
    });
    let limit = page_size(asked.limit, asker.most())?;
    let (rows, next) = asker.page(&listing, asked.after.as_deref(), limit).await?;
    let dimensions = event.rollup_dimensions(&event.rollups[rollup]);
    let rows: Vec<Aggregate> = rows.into_iter().map(|r| told(r, &dimensions)).collect();
    let types = std::iter::once(event.name.as_str());
    Ok(asker.told(rows, types).then(next).response())
}

fn told(mut row: Row, dimensions: &[&str]) -> Aggregate {
    let mut take = |name: &str| row.remove(name).unwrap_or_default();
    let (window_start, window_end, day) = (take("window_start"), take("window_end"), take("day"));
    Aggregate {
        window_start,
        window_end,
        day,
        subject: subject_of(&mut row, dimensions.iter().copied()),
        measures: row,
    }
}

/// The size that is asked for; the largest where none is.
fn window(event: &EventDef, rollup: usize, asked: Option<&str>) -> Result<WindowSize, Fault> {
    let kept = &event.rollups[rollup].windows;
    let found = match asked {
        None => kept.last().copied(),
        Some(label) => WindowSize::parse(label).filter(|w| kept.contains(w)),
    };
    found.ok_or_else(|| {
        let labels: Vec<&str> = kept.iter().map(|w| w.label()).collect();
        let list = labels.join(", ");
        Fault::bad(format!("`window` of such subjects is one of {list}"))
    })
}

fn chosen(event: &EventDef, names: &[String]) -> Result<Vec<usize>, Fault> {
    let known = || event.measures.iter().map(|m| m.name.as_str());
    let id = |name: &String| {
        event.measure_id(name).ok_or_else(|| {
            let near = suggest(name, known());
            Fault::bad(format!("{} has no measure {name}; {near}", event.name))
        })
    };
    names.iter().map(id).collect()
}
