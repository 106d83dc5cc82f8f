//! Findings that were computed when a day was over.

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

/// Something that deserves a look.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct Finding {
    /// The same whenever it is computed of the same day.
    id: String,
    /// `trend`, `budget`, `experiment`, `cause`, `recommendation` or `opportunity`.
    kind: String,
    /// KPI, budget, experiment, detector, skill or saving.
    about: String,
    /// Metric, role, or id of the anomaly; empty without.
    of: String,
    /// What was found.
    verdict: String,
    /// 1, most urgent, to 5.
    priority: u8,
    /// A sentence for people.
    text: String,
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
    unit: String,
    value: Option<f64>,
    lower: Option<f64>,
    upper: Option<f64>,
    /// What it is worth, in USD.
    usd: Option<f64>,
    /// Day that it foresees, with the earliest and the latest one.
    #[schema(format = Date)]
    due: Option<String>,
    #[schema(format = Date)]
    due_from: Option<String>,
    #[schema(format = Date)]
    due_to: Option<String>,
    /// Numbers that it rests on.
    evidence: BTreeMap<String, f64>,
    method: String,
    /// Error of that method in the past (MASE), where it has one.
    backtest: Option<f64>,
}

/// Which of them.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct FindingsAsked {
    /// `trend`, `budget`, `experiment`, `cause`, `recommendation` or `opportunity`.
    #[param(example = "opportunity")]
    kind: Option<String>,
    /// About this KPI, budget, experiment, detector, skill or saving.
    about: Option<String>,
    /// That say so, e.g. `used_up`.
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

/// What deserves a look, computed when a day was over: verdicts on trends and experiments,
/// projections of budgets, causes of anomalies, recommendations for operators, savings. The most
/// urgent come first.
#[utoipa::path(get, path = "/v1/findings", tag = "analysis", params(FindingsAsked),
    responses((status = 200, body = Told<Vec<Finding>>)))]
pub(crate) async fn findings(
    asker: Asker,
    Params(asked): Params<FindingsAsked>,
) -> Result<Response<Body>, Fault> {
    let wanted = Wanted {
        equal: &[
            ("kind", &asked.kind),
            ("about", &asked.about),
            ("verdict", &asked.verdict),
        ],
        subject: &asked.subject,
        since: asked.since,
        pages: (asked.after.as_deref(), asked.limit),
    };
    listed::<Finding>(&asker, reader::findings, &wanted).await
}
