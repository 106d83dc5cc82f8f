//! Forecasts that were computed when a day was over.

use super::computed::{Wanted, listed};
use crate::fault::Fault;
use crate::page::Told;
use crate::params::{Day, Params};
use crate::state::Asker;
use axum::body::Body;
use axum::http::Response;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::{IntoParams, ToSchema};
use weir_store::reader;

/// A day ahead of a KPI.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct ForecastDay {
    /// The same whenever it is computed of the same day.
    id: String,
    kpi: String,
    unit: String,
    /// Values of the dimensions that it is about.
    dimensions: BTreeMap<String, String>,
    /// Last day whose data it rests on.
    #[schema(format = Date)]
    data_through: String,
    /// When it was computed.
    #[schema(format = DateTime)]
    issued_at: String,
    /// Whether it is of the newest analysis.
    newest: u8,
    /// The same for all days of one KPI and subject.
    series: String,
    /// The day.
    #[schema(format = Date)]
    day: String,
    /// Days from `data_through` to it.
    ahead: u16,
    point: f64,
    lower_80: f64,
    upper_80: f64,
    lower_95: f64,
    upper_95: f64,
    /// `combined`, or `naive` and `seasonal_naive` where nothing beats them.
    method: String,
    /// Days of the season, 0 without one.
    season: u16,
    /// Days with a value that it rests on.
    sample: u32,
    /// Moments of the past that the method was tried at.
    backtest_origins: u32,
    backtest_mae: Option<f64>,
    backtest_mase: Option<f64>,
    coverage_80: Option<f64>,
    coverage_95: Option<f64>,
    /// The plain forecast that has to be beaten.
    naive_method: String,
    naive_mae: Option<f64>,
    naive_mase: Option<f64>,
}

/// Which of them.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ForecastsAsked {
    /// Of this KPI.
    #[param(example = "spend_per_hour")]
    kpi: Option<String>,
    /// Values of dimensions: `subject[team]=payments`.
    #[serde(default)]
    #[param(value_type = Option<Object>, style = DeepObject, explode)]
    subject: BTreeMap<String, String>,
    /// Of data through this day or later; only what is newest where it is left out.
    #[param(value_type = Option<String>, format = Date, example = "2026-03-01")]
    since: Option<Day>,
    /// Rows of a page.
    #[param(example = 100)]
    limit: Option<usize>,
    /// `next` of the page before.
    after: Option<String>,
}

/// Forecasts by day, computed when a day was over, each with how its method did in the past and how
/// the naive one did. What is not among them `/v1/kpis/{kpi}/forecast` computes.
#[utoipa::path(get, path = "/v1/forecasts", tag = "analysis", params(ForecastsAsked),
    responses((status = 200, body = Told<Vec<ForecastDay>>)))]
pub(crate) async fn forecasts(
    asker: Asker,
    Params(asked): Params<ForecastsAsked>,
) -> Result<Response<Body>, Fault> {
    let wanted = Wanted {
        equal: &[("kpi", &asked.kpi)],
        subject: &asked.subject,
        since: asked.since,
        pages: (asked.after.as_deref(), asked.limit),
    };
    listed::<ForecastDay>(&asker, reader::forecasts, &wanted).await
}
