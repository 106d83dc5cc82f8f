//! What there is to read, one file for each kind.

mod aggregates;
mod analytics;
mod catalog;
mod computed;
mod explain;
mod findings;
mod forecasts;
mod kpis;
mod measures;
mod named;
mod ordered;
mod questions;
mod reports;
pub(crate) mod results;
mod schedules;
mod series;
mod status;
mod trends;

use crate::commands;
use crate::fault::Fault;
use crate::live;
use crate::state::Shared;
use serde::Deserialize;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;
use std::collections::BTreeMap;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::Schema;
use utoipa::{PartialSchema, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use weir_model::codes;
use weir_store::reader::Row;

/// All of it.
pub(crate) fn router() -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(routes!(status::status))
        .routes(routes!(catalog::event_types))
        .routes(routes!(catalog::event_type))
        .routes(routes!(catalog::kpis))
        .routes(routes!(catalog::kpi))
        .routes(routes!(aggregates::aggregates))
        .routes(routes!(measures::measured))
        .routes(routes!(kpis::values))
        .routes(routes!(kpis::windows))
        .routes(routes!(kpis::published))
        .routes(routes!(series::trend))
        .routes(routes!(series::forecast))
        .routes(routes!(forecasts::forecasts))
        .routes(routes!(trends::trends))
        .routes(routes!(findings::findings))
        .routes(routes!(results::alerts))
        .routes(routes!(results::alert))
        .routes(routes!(results::anomalies))
        .routes(routes!(results::anomaly))
        .routes(routes!(explain::kpi))
        .routes(routes!(explain::measure))
        .routes(routes!(named::scores))
        .routes(routes!(named::slas))
        .routes(routes!(named::budgets))
        .routes(routes!(named::experiments))
        .routes(routes!(named::deployments))
        .routes(routes!(named::leaderboards))
        .routes(routes!(named::procedures))
        .routes(routes!(questions::questions))
        .routes(routes!(questions::question))
        .routes(routes!(reports::reports))
        .routes(routes!(reports::report))
        .routes(routes!(schedules::schedules))
        .routes(routes!(analytics::leaderboard))
        .routes(routes!(analytics::performance))
        .routes(routes!(analytics::recommendations))
        .routes(routes!(analytics::cost_breakdown))
        .routes(routes!(ordered::generate))
        .routes(routes!(ordered::download))
        .routes(routes!(commands::acknowledge))
        .routes(routes!(commands::silences, commands::silence))
        .routes(routes!(commands::speak))
        .routes(routes!(live::stream))
}

/// A refusal, as RFC 9457 has it; some have more members.
#[derive(Serialize, ToSchema)]
#[allow(dead_code, reason = "says what weir_http::Problem writes")]
struct Problem {
    /// `urn:weir:error:` with the code.
    r#type: String,
    /// What the code means.
    title: String,
    /// As the status of HTTP.
    status: u16,
    /// What is wrong, and what to do.
    detail: String,
    /// As in docs/errors.md.
    #[schema(pattern = "^WEIR-[0-9]{4}$")]
    code: String,
    /// What to do about such a code.
    remedy: String,
}

pub(crate) fn problem_schema() -> RefOr<Schema> {
    Problem::schema()
}

/// A row as what it is.
pub(crate) fn typed<T: DeserializeOwned>(row: Row) -> Result<T, Fault> {
    let object = Json::Object(row.into_iter().collect());
    serde_json::from_value(object).map_err(|e| {
        tracing::error!("an answer of ClickHouse is not what it is to be: {e}");
        Fault::new(
            axum::http::StatusCode::INTERNAL_SERVER_ERROR,
            codes::STORE,
            "the store answers something else than was asked for: the api's log says what",
        )
    })
}

pub(crate) fn all_typed<T: DeserializeOwned>(rows: Vec<Row>) -> Result<Vec<T>, Fault> {
    rows.into_iter().map(typed).collect()
}

/// Takes the values of dimensions out of a row.
fn subject_of<'a>(
    row: &mut Row,
    dimensions: impl Iterator<Item = &'a str>,
) -> BTreeMap<String, String> {
    let text = |v: Json| v.as_str().unwrap_or_default().to_owned();
    dimensions
        .filter_map(|d| Some((d.to_owned(), text(row.remove(d)?))))
        .collect()
}

/// A path that takes no parameters.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Nothing {}
