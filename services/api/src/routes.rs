//! Which path is what, and the document of all of them.

use crate::fault::Fault;
use crate::state::Shared;
use crate::{dashboard, etag, metric, resources};
use axum::Router;
use axum::body::Body;
use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderValue, Response, StatusCode, header};
use axum::middleware::{Next, from_fn};
use axum::routing::get;
use std::time::Instant;
use tower_http::compression::CompressionLayer;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{
    ContentBuilder, InfoBuilder, OpenApi, OpenApiBuilder, Ref, RefOr, ResponseBuilder,
};
use utoipa_axum::router::OpenApiRouter;
use utoipa_swagger_ui::SwaggerUi;
use weir_model::codes;
use weir_report::Format;
use weir_runtime::Metrics;
use weir_runtime::host::Running;

/// Where the document is.
const DOCUMENT: &str = "/openapi.json";
/// Where the page to try it is.
const PAGE: &str = "/docs";
/// Name of the way in.
const BEARER: &str = "token";
/// What stands for a file of whatever type in the document of an operation.
const FILE: &str = "application/octet-stream";
/// What every question may be answered with, beside its answer.
const PROBLEMS: [(&str, &str); 9] = [
    ("400", "a parameter says what cannot be"),
    ("401", "no token that is known"),
    ("403", "the token may not do that"),
    ("404", "there is no such thing"),
    (
        "422",
        "the answer would take more than it may, or cannot be computed",
    ),
    (
        "429",
        "the token asks faster than it may: wait as long as Retry-After says",
    ),
    ("500", "a fault"),
    (
        "503",
        "ClickHouse does not answer, or the system is starting: what is known is beside",
    ),
    ("default", "something else"),
];

/// All routes, with health and metrics of the process.
pub(crate) fn router(state: &Shared, running: &Running) -> Router {
    let health = running.health.router(&Metrics::install());
    let (resources, document) = parts();
    let text = document.to_json().unwrap_or_default();
    let served = get(move || {
        let text = text.clone();
        async move { ([(header::CONTENT_TYPE, "application/json")], text) }
    });
    resources
        .with_state(state.clone())
        .route(DOCUMENT, served)
        .merge(Router::from(SwaggerUi::new(PAGE).config(page())))
        .fallback(nothing)
        .method_not_allowed_fallback(no_method)
        .layer(from_fn(etag::tag))
        .layer(CompressionLayer::new().gzip(true).zstd(true))
        .merge(dashboard::router().with_state(state.clone()))
        .layer(from_fn(counted))
        .layer(from_fn(weir_http::traced))
        .merge(health)
}

fn page() -> utoipa_swagger_ui::Config<'static> {
    utoipa_swagger_ui::Config::from(DOCUMENT)
        .persist_authorization(false)
        .try_it_out_enabled(true)
        // Nobody elsewhere is told of the document.
        .validator_url("none")
}

/// The document: OpenAPI 3.1, made of the handlers and the types of what they answer.
pub fn document() -> OpenApi {
    parts().1
}

fn parts() -> (Router<Shared>, OpenApi) {
    let info = InfoBuilder::new()
        .title("weir")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(
            "What weir counted, for the tenant of a token. Every answer about it says through when \
             it is complete; refusals are problems (RFC 9457) with a code of docs/errors.md.",
        ))
        .license(Some(utoipa::openapi::License::new(env!(
            "CARGO_PKG_LICENSE"
        ))))
        .build();
    let empty = OpenApiBuilder::new().info(info).build();
    let all = OpenApiRouter::with_openapi(empty).merge(resources::router());
    let (router, mut document) = all.split_for_parts();
    let mut components = document.components.take().unwrap_or_default();
    let scheme = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
    components.add_security_scheme(BEARER, scheme);
    components
        .schemas
        .insert("Problem".to_owned(), resources::problem_schema());
    document.components = Some(components);
    document.security = Some(vec![SecurityRequirement::new(BEARER, Vec::<String>::new())]);
    for item in document.paths.paths.values_mut() {
        let PathItem {
            get, post, delete, ..
        } = item;
        let all = [(get, true), (post, false), (delete, false)];
        for (operation, reads) in all {
            if let Some(operation) = operation {
                refusals(operation, reads);
                files(operation);
            }
        }
    }
    (router, document)
}

/// Adds what every operation can be refused with.
fn refusals(operation: &mut Operation, reads: bool) {
    let all = &mut operation.responses.responses;
    for (status, meaning) in PROBLEMS {
        let content = ContentBuilder::new()
            .schema(Some(RefOr::Ref(Ref::from_schema_name("Problem"))))
            .build();
        let response = ResponseBuilder::new()
            .description(meaning)
            .content("application/problem+json", content)
            .build();
        all.insert(status.to_owned(), response.into());
    }
    if reads {
        let same = ResponseBuilder::new()
            .description("it is what `If-None-Match` names")
            .build();
        all.insert("304".to_owned(), same.into());
    }
}

/// A file is of the type of its format: each of them, in place of the one that stands for all.
fn files(operation: &mut Operation) {
    for response in operation.responses.responses.values_mut() {
        if let RefOr::T(response) = response
            && let Some(file) = response.content.shift_remove(FILE)
        {
            let types = Format::content_types();
            let each = types.map(|kind| (kind.to_owned(), file.clone()));
            response.content.extend(each);
        }
    }
}

async fn nothing(request: Request) -> Fault {
    let path: String = request.uri().path().chars().take(200).collect();
    Fault::new(
        StatusCode::NOT_FOUND,
        codes::NO_ROUTE,
        format!("there is nothing at {path}: {DOCUMENT} lists what there is"),
    )
}

async fn no_method(request: Request) -> Fault {
    Fault::new(
        StatusCode::METHOD_NOT_ALLOWED,
        codes::NO_ROUTE,
        format!("{} is not for this path", request.method()),
    )
}

/// Counts answers, by route as it is declared: not by what somebody makes up.
async fn counted(request: Request, next: Next) -> Response<Body> {
    let begun = Instant::now();
    let route = request.extensions().get::<MatchedPath>();
    let route = route.map_or_else(|| "none".to_owned(), |r| r.as_str().to_owned());
    let mut response = next.run(request).await;
    let status = response.status().as_str().to_owned();
    metrics::counter!(metric::REQUESTS, "route" => route.clone(), "status" => status).increment(1);
    let seconds = begun.elapsed().as_secs_f64();
    metrics::histogram!(metric::REQUEST_SECONDS, "route" => route).record(seconds);
    let sniff = HeaderValue::from_static("nosniff");
    response
        .headers_mut()
        .insert(header::X_CONTENT_TYPE_OPTIONS, sniff);
    response
}
