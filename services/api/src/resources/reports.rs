//! Reports: those of `weir report`, about the tenant of the token, as files.

use crate::fault::{Fault, without_code};
use crate::page::Told;
use crate::params::Params;
use crate::resources::Nothing;
use crate::state::Asker;
use axum::body::Body;
use axum::extract::Path;
use axum::http::{HeaderValue, Response, StatusCode, header};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use weir_model::{Micros, codes};
use weir_report::{Declaration, File, Format, Order, Renderer, ReportError, Source};

/// A report that can be asked for.
#[derive(Serialize, ToSchema)]
pub(crate) struct Offered {
    #[schema(example = "executive")]
    name: String,
    /// Whom it is for.
    reader: String,
    /// The dimension whose value `subject` names. Null: it is about the whole tenant.
    subject: Option<String>,
    /// Days where none are asked for.
    days: u32,
    /// What `format` may be.
    formats: Vec<&'static str>,
}

/// Which days, whom it is about, and how it is written.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ReportAsked {
    /// One of its `formats`; `html` where it is left out.
    #[param(example = "html")]
    pub format: Option<String>,
    /// `30d` or `4w`: whole days up to `to`, in place of `from`.
    #[param(example = "30d")]
    pub period: Option<String>,
    /// First day of the tenant.
    #[param(format = Date)]
    pub from: Option<String>,
    /// Last day, included; yesterday where it is left out.
    #[param(format = Date)]
    pub to: Option<String>,
    /// Whom it is about, where it is about one: `ada@example.org`.
    pub subject: Option<String>,
}

/// The reports that there are.
#[utoipa::path(get, path = "/v1/reports", tag = "reports",
    responses((status = 200, body = Told<Vec<Offered>>)))]
pub(crate) async fn reports(
    asker: Asker,
    Params(Nothing {}): Params<Nothing>,
) -> Result<Response<Body>, Fault> {
    let offered = |d: &Declaration| Offered {
        name: d.name.clone(),
        reader: d.reader.clone(),
        subject: d.subject.clone(),
        days: d.days,
        formats: Format::names(d),
    };
    let all: Vec<Offered> = asker.state.reports.iter().map(offered).collect();
    Ok(asker.told_of_all(all).response())
}

/// A report over whole days of the tenant, as a file: what `weir report` writes.
#[utoipa::path(get, path = "/v1/reports/{report}", tag = "reports",
    params(("report" = String, Path, example = "executive"), ReportAsked),
    responses((status = 200, description = "the file, of the type of its format",
        content_type = "application/octet-stream", body = String)))]
pub(crate) async fn report(
    asker: Asker,
    Path(name): Path<String>,
    Params(asked): Params<ReportAsked>,
) -> Result<Response<Body>, Fault> {
    let order = Order {
        period: asked.period,
        from: asked.from,
        to: asked.to,
        subject: asked.subject,
    };
    download(&asker, &name, &order, asked.format.as_deref()).await
}

/// One of those that there are.
pub(super) fn declared<'a>(asker: &'a Asker, name: &str) -> Result<&'a Declaration, Fault> {
    let all = &asker.state.reports;
    let known = || all.iter().map(|d| d.name.as_str());
    let found = all.iter().find(|d| d.name == name);
    found.ok_or_else(|| Fault::missing("report", name, known()))
}

/// Makes a report, and writes it as a file.
pub(super) async fn download(
    asker: &Asker,
    name: &str,
    order: &Order,
    format: Option<&str>,
) -> Result<Response<Body>, Fault> {
    let declared = declared(asker, name)?;
    let usual = Format::Html.ending();
    let tell = |e| told(asker, e);
    let format = Format::of(format.unwrap_or(usual), declared).map_err(tell)?;
    asker.may_see(&declared.subject)?;
    let reader = asker.reader().await?;
    let source = Source {
        reader: &reader,
        catalog: asker.catalog(),
        questions: &asker.state.questions,
        complete: asker.state.standing.moments(),
        now: whole_minute(weir_http::now()),
    };
    let turn = asker.turn().await?;
    let report = order.read(&source, declared).await.map_err(tell)?;
    drop(turn);
    let renderer = Renderer {
        templates: asker.state.config.reports.templates.clone(),
    };
    let file = File::of(&report, declared, format, &renderer).map_err(tell)?;
    Ok(attached(file))
}

/// A report says when it was made: within a minute the same one is the same file.
fn whole_minute(at: Micros) -> Micros {
    at.minus(Micros(at.0.rem_euclid(Micros::MINUTE.0)))
}

/// Never shown by a browser as a page of this place: templates may be anybody's.
fn attached(file: File) -> Response<Body> {
    let mut response = Response::new(Body::from(file.bytes));
    let headers = response.headers_mut();
    let kind = HeaderValue::from_static(file.format.content_type());
    headers.insert(header::CONTENT_TYPE, kind);
    let named = format!("attachment; filename=\"{}\"", file.name);
    if let Ok(named) = HeaderValue::from_str(&named) {
        headers.insert(header::CONTENT_DISPOSITION, named);
    }
    response
}

/// Why there is none.
fn told(asker: &Asker, error: ReportError) -> Fault {
    let words = error.to_string();
    let inside = |code, what: &str| {
        tracing::error!("{words}");
        let detail = format!("{what}: the api's log says why");
        Fault::new(StatusCode::INTERNAL_SERVER_ERROR, code, detail)
    };
    match error {
        ReportError::Store(e) => asker.tell(e),
        // On the command line parameters begin with two dashes.
        ReportError::Asked(words) => {
            let detail = words.replace("--", "");
            Fault::new(StatusCode::BAD_REQUEST, codes::REPORT_ASKED, detail)
        }
        ReportError::Declaration { .. } => {
            inside(codes::REPORT_DECLARATION, "its declaration is not valid")
        }
        ReportError::Template { .. } => {
            inside(codes::REPORT_TEMPLATE, "a template of it is not valid")
        }
        ReportError::Merge(_) => inside(codes::REPORT_MERGE, "it cannot be merged"),
        ReportError::Written { .. } => {
            let code = codes::REPORT_WRITTEN;
            let detail = without_code(code, &words);
            Fault::new(StatusCode::UNPROCESSABLE_ENTITY, code, detail)
        }
    }
}
