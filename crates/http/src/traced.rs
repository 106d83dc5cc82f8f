//! A span for each request, where traces are on.

use axum::body::Body;
use axum::extract::{MatchedPath, Request};
use axum::http::Response;
use axum::middleware::Next;
use weir_runtime::traces;

/// Of a response: which route answered, where no router knows it.
#[derive(Clone, Copy, Debug)]
pub struct Route(pub &'static str);

/// A layer that makes a span of a request until its answer begins, in the trace that its
/// `traceparent` names. A span is called by the route as it is declared: not by what somebody makes
/// up.
pub async fn traced(request: Request, next: Next) -> Response<Body> {
    let headers = request.headers();
    let header = |name: &str| headers.get(name)?.to_str().ok();
    let method = request.method().as_str();
    let Some(mut span) = traces::asked(method, header).filter(traces::Span::is_on) else {
        return next.run(request).await;
    };
    let method = method.to_owned();
    let matched = request.extensions().get::<MatchedPath>();
    let matched = matched.map(|m| m.as_str().to_owned());
    let response = next.run(request).await;
    let own = response.extensions().get::<Route>();
    if let Some(route) = matched.or_else(|| own.map(|r| r.0.to_owned())) {
        span.name(format!("{method} {route}"));
        span.text("http.route", route);
    }
    span.text("http.request.method", method);
    let status = response.status();
    span.number("http.response.status_code", status.as_u16().into());
    if status.is_server_error() {
        span.failed("");
    }
    response
}
