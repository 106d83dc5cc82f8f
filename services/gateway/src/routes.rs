//! Which path is what.

use crate::{Shared, events, metric, otlp, registry};
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{Method, Response, StatusCode};
use axum::middleware::from_fn;
use axum::routing::post;
use std::time::Instant;
use weir_http::{Problem, Route};
use weir_model::codes;
use weir_otlp::Signal;
use weir_runtime::Metrics;
use weir_runtime::host::Running;

/// All routes, with health and metrics of the process.
pub(crate) fn router(state: &Shared, running: &Running) -> Router {
    let health = running.health.router(&Metrics::install());
    Router::new()
        .route("/v1/events", post(post_events))
        .merge(registry::router())
        .fallback(others)
        .method_not_allowed_fallback(no_method)
        .with_state(state.clone())
        .layer(from_fn(weir_http::traced))
        .merge(health)
}

async fn post_events(State(state): State<Shared>, request: Request) -> Response<Body> {
    let begun = Instant::now();
    let answer = events::post(&state, request).await;
    answered("/v1/events", begun, answer)
}

/// OTLP comes under any prefix; all else is nothing.
async fn others(State(state): State<Shared>, request: Request) -> Response<Body> {
    let signal = otlp::signal_of(request.uri().path());
    let Some(signal) = signal.filter(|_| request.method() == Method::POST) else {
        return nothing(request).await;
    };
    let begun = Instant::now();
    let answer = otlp::post(&state, signal, request).await;
    let route = match signal {
        Signal::Logs => "/v1/logs",
        Signal::Metrics => "/v1/metrics",
        Signal::Traces => "/v1/traces",
    };
    answered(route, begun, answer)
}

async fn nothing(request: Request) -> Response<Body> {
    let path: String = request.uri().path().chars().take(200).collect();
    Problem::new(
        StatusCode::NOT_FOUND,
        codes::NO_ROUTE,
        format!("there is nothing at {path}: events are sent to /v1/events"),
    )
    .response()
}

async fn no_method(request: Request) -> Response<Body> {
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        codes::NO_ROUTE,
        format!("{} is not for this path", request.method()),
    )
    .response()
}

/// Counts an answer.
pub(crate) fn answered(
    route: &'static str,
    begun: Instant,
    answer: Result<Response<Body>, Problem>,
) -> Response<Body> {
    let mut response = answer.unwrap_or_else(|problem| problem.response());
    response.extensions_mut().insert(Route(route));
    let status = response.status().as_str().to_owned();
    metrics::counter!(metric::REQUESTS, "route" => route, "status" => status).increment(1);
    let seconds = begun.elapsed().as_secs_f64();
    metrics::histogram!(metric::REQUEST_SECONDS, "route" => route).record(seconds);
    response
}
