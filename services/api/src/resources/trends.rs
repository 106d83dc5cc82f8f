//! Trends that were computed when a day was over.

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

/// Whether a KPI gets better or worse.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct TrendOf {
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
    /// `improving` or `degrading` where that is significant, else `stable`.
    verdict: String,
    /// Which way is better: `higher` or `lower`.
    better: String,
    /// Two-sided p value of the test of Mann and Kendall.
    p: f64,
    tau: f64,
    /// Change per day (Theil and Sen), with its interval.
    slope: f64,
    slope_lower: f64,
    slope_upper: f64,
    /// How small p has to be.
    alpha: f64,
    /// Days of the season.
    season: u16,
    #[schema(format = Date)]
    first_day: String,
    /// Days with a value.
    sample: u32,
    /// Value of the latest of them.
    latest: f64,
    method: String,
}

/// Which of them.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct TrendsAsked {
    /// Of this KPI.
    #[param(example = "spend_per_hour")]
    kpi: Option<String>,
    /// `improving`, `stable` or `degrading`.
    verdict: Option<String>,
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

/// Trends, computed when a day was over.
#[utoipa::path(get, path = "/v1/trends", tag = "analysis", params(TrendsAsked),
    responses((status = 200, body = Told<Vec<TrendOf>>)))]
pub(crate) async fn trends(
    asker: Asker,
    Params(asked): Params<TrendsAsked>,
) -> Result<Response<Body>, Fault> {
    let wanted = Wanted {
        equal: &[("kpi", &asked.kpi), ("verdict", &asked.verdict)],
        subject: &asked.subject,
        since: asked.since,
        pages: (asked.after.as_deref(), asked.limit),
    };
    listed::<TrendOf>(&asker, reader::trends, &wanted).await
}
