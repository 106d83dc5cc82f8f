//! Reports in two steps, for clients that ask so: one names what is wanted and is given an id, the
//! other downloads it. The id is the order itself; nothing is kept.

use super::reports::{self, declared};
use crate::commands::Said;
use crate::fault::Fault;
use crate::page::Told;
use crate::params::{Day, Params};
use crate::state::Asker;
use axum::body::Body;
use axum::extract::Path;
use axum::http::Response;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use weir_report::{Format, Order};

/// Types as such clients name them, and the reports that they are.
const TYPES: [(&str, &str); 6] = [
    ("operator_progress", "operator"),
    ("team_performance", "team"),
    ("cost_analysis", "cost"),
    ("cost_summary", "cost"),
    ("trend_analysis", "trend"),
    ("compliance", "compliance"),
];

/// Which report.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Generate {
    /// `operator_progress`, `team_performance`, `cost_analysis`, `trend_analysis`, `compliance`, or
    /// the name of any report.
    #[schema(example = "operator_progress")]
    report_type: String,
    /// What it is about.
    #[serde(default)]
    parameters: Parameters,
}

/// What a report is about.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Parameters {
    /// Whom, of a report about one operator.
    #[schema(example = "op_001")]
    operator_id: Option<String>,
    /// Whom, of any report about one.
    subject: Option<String>,
    /// Whole days up to `to`.
    #[schema(example = 30)]
    time_range_days: Option<u16>,
    /// First day.
    #[schema(value_type = Option<String>, format = Date)]
    from: Option<Day>,
    /// Last day, included; yesterday where it is left out.
    #[schema(value_type = Option<String>, format = Date)]
    to: Option<Day>,
}

/// A report that can be downloaded.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Generated {
    /// As the path to download it takes it.
    id: String,
    /// Name of the report.
    report: String,
    /// What `format` may be.
    formats: Vec<&'static str>,
    /// Where it is downloaded.
    download: String,
}

/// How it is written.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct FormatAsked {
    /// `html` where it is left out.
    #[param(example = "html")]
    format: Option<String>,
}

/// What an id says.
#[derive(Serialize, Deserialize)]
struct Ordered {
    report: String,
    #[serde(flatten)]
    order: Order,
}

impl Ordered {
    fn id(&self) -> String {
        // Texts alone: nothing can fail.
        URL_SAFE_NO_PAD.encode(serde_json::to_vec(self).unwrap_or_default())
    }

    fn of(id: &str) -> Result<Ordered, Fault> {
        let bytes = URL_SAFE_NO_PAD.decode(id).ok();
        let ordered = bytes.and_then(|b| serde_json::from_slice(&b).ok());
        ordered.ok_or_else(|| {
            Fault::nothing("there is no such report: take `id` of what generated it")
        })
    }
}

/// Names a report that can be downloaded then; its numbers are read when it is.
#[utoipa::path(post, path = "/api/analytics/reports/generate", tag = "analytics",
    request_body = Generate, responses((status = 200, body = Told<Generated>)))]
pub(crate) async fn generate(
    Said(asker, said): Said<Asker, Generate>,
) -> Result<Response<Body>, Fault> {
    let named = TYPES.iter().find(|(name, _)| *name == said.report_type);
    let name = named.map_or(said.report_type.as_str(), |(_, report)| report);
    let of = said.parameters;
    let declared = declared(&asker, name)?;
    let ordered = Ordered {
        report: declared.name.clone(),
        order: Order {
            period: of.time_range_days.map(|days| format!("{days}d")),
            from: of.from.map(|d| d.0.to_string()),
            to: of.to.map(|d| d.0.to_string()),
            subject: of.subject.or(of.operator_id),
        },
    };
    let id = ordered.id();
    let told = Generated {
        download: format!("/api/analytics/reports/{id}/download"),
        formats: Format::names(declared),
        report: ordered.report,
        id,
    };
    Ok(asker.told_of_all(told).response())
}

/// The report, as a file.
#[utoipa::path(get, path = "/api/analytics/reports/{id}/download", tag = "analytics",
    params(("id" = String, Path), FormatAsked),
    responses((status = 200, description = "the file, of the type of its format",
        content_type = "application/octet-stream", body = String)))]
pub(crate) async fn download(
    asker: Asker,
    Path(id): Path<String>,
    Params(asked): Params<FormatAsked>,
) -> Result<Response<Body>, Fault> {
    let of = Ordered::of(&id)?;
    reports::download(&asker, &of.report, &of.order, asked.format.as_deref()).await
}
