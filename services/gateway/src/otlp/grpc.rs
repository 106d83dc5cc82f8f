//! OTLP over gRPC.

use super::{Sent, Told, take};
use crate::Shared;
use crate::budget::Reserved;
use crate::emitter;
use crate::routes::answered;
use crate::take::From;
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, Response, StatusCode, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;
use tonic::codec::CompressionEncoding;
use tonic::service::Routes;
use tonic::{Code, Extensions};
use weir_http::token::Scope;
use weir_http::{Bearer, Problem, now};
use weir_otlp::Request;
use weir_otlp::proto::collector::logs::v1 as logs;
use weir_otlp::proto::collector::metrics::v1 as metrics;
use weir_otlp::proto::collector::trace::v1 as traces;

/// In metrics.
const ROUTE: &str = "grpc";

/// The three services of the collector protocol.
pub(crate) fn router(state: &Shared) -> Router {
    let (limit, service) = (state.config.otlp.bytes(), || Grpc(state.clone()));
    let (gzip, zstd) = (CompressionEncoding::Gzip, CompressionEncoding::Zstd);
    let logs = logs::logs_service_server::LogsServiceServer::new(service())
        .max_decoding_message_size(limit)
        .accept_compressed(gzip)
        .accept_compressed(zstd);
    let metrics = metrics::metrics_service_server::MetricsServiceServer::new(service())
        .max_decoding_message_size(limit)
        .accept_compressed(gzip)
        .accept_compressed(zstd);
    let traces = traces::trace_service_server::TraceServiceServer::new(service())
        .max_decoding_message_size(limit)
        .accept_compressed(gzip)
        .accept_compressed(zstd);
    let mut routes = Routes::builder();
    routes
        .add_service(logs)
        .add_service(metrics)
        .add_service(traces);
    routes
        .routes()
        .into_axum_router()
        .layer(from_fn_with_state(state.clone(), enter))
        .layer(from_fn(weir_http::traced))
}

/// Who sends, and the room for what he sends; taken once.
type Entered = Arc<Mutex<Option<(From, Reserved)>>>;

/// Lets a call in before its message is read: with a token, and where there is room for the largest
/// message.
async fn enter(
    State(state): State<Shared>,
    request: axum::extract::Request,
    next: Next,
) -> Response<Body> {
    let begun = Instant::now();
    let (mut head, body) = request.into_parts();
    // In HTTP/2 the host is a part of the target.
    if let Some(host) = head.uri.authority().map(|a| a.as_str().to_owned())
        && let Ok(host) = HeaderValue::from_str(&host)
    {
        head.headers.entry(header::HOST).or_insert(host);
    }
    let entered = match admitted(&state, &head).await {
        Ok(entered) => entered,
        Err(problem) => {
            let response = status(&problem).into_http();
            return answered(ROUTE, begun, Ok(response));
        }
    };
    let entered: Entered = Arc::new(Mutex::new(Some(entered)));
    head.extensions.insert(entered);
    let response = next
        .run(axum::extract::Request::from_parts(head, body))
        .await;
    answered(ROUTE, begun, Ok(response))
}

async fn admitted(
    state: &Shared,
    head: &axum::http::request::Parts,
) -> Result<(From, Reserved), Problem> {
    let bearer: Bearer = state.door.open(head, &[Scope::Write])?;
    let mut reserved = state.budget.nothing();
    reserved.up_to(state.config.otlp.bytes()).await?;
    let from = From {
        bearer,
        emitter: emitter::of(&head.headers),
        now: now(),
    };
    Ok((from, reserved))
}

/// The code that says the same as a problem.
pub(crate) fn code(problem: &Problem) -> Code {
    match problem.status {
        StatusCode::UNAUTHORIZED => Code::Unauthenticated,
        StatusCode::FORBIDDEN => Code::PermissionDenied,
        StatusCode::NOT_FOUND => Code::Unimplemented,
        // What exporters send again.
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => Code::Unavailable,
        _ => Code::InvalidArgument,
    }
}

/// A problem as gRPC tells it.
fn status(problem: &Problem) -> tonic::Status {
    tonic::Status::new(
        code(problem),
        format!("{}: {}", problem.code, problem.detail),
    )
}

/// The services.
#[derive(Clone)]
struct Grpc(Shared);

impl Grpc {
    async fn take(&self, of: &Extensions, request: Request) -> Result<Told, tonic::Status> {
        let entered = of.get::<Entered>();
        let entered = entered.and_then(|e| e.lock().unwrap_or_else(PoisonError::into_inner).take());
        let Some((from, reserved)) = entered else {
            return Err(tonic::Status::internal("a call that was not let in"));
        };
        let told = take(&self.0, from, Sent::Request(request), reserved).await;
        told.map_err(|problem| status(&problem))
    }
}

/// What a partial success says; none where all was taken.
fn partial(told: &Told) -> Option<(i64, String)> {
    let rejected = i64::try_from(told.rejected).unwrap_or(i64::MAX);
    let partial = rejected > 0 || !told.message.is_empty();
    partial.then(|| (rejected, told.message.clone()))
}

type Answer<T> = Result<tonic::Response<T>, tonic::Status>;

#[tonic::async_trait]
impl logs::logs_service_server::LogsService for Grpc {
    async fn export(
        &self,
        request: tonic::Request<logs::ExportLogsServiceRequest>,
    ) -> Answer<logs::ExportLogsServiceResponse> {
        let (_, of, message) = request.into_parts();
        let told = self.take(&of, Request::Logs(message)).await?;
        let partial = partial(&told);
        let partial_success = partial.map(|(n, error_message)| logs::ExportLogsPartialSuccess {
            rejected_log_records: n,
            error_message,
        });
        Ok(logs::ExportLogsServiceResponse { partial_success }.into())
    }
}

#[tonic::async_trait]
impl metrics::metrics_service_server::MetricsService for Grpc {
    async fn export(
        &self,
        request: tonic::Request<metrics::ExportMetricsServiceRequest>,
    ) -> Answer<metrics::ExportMetricsServiceResponse> {
        let (_, of, message) = request.into_parts();
        let told = self.take(&of, Request::Metrics(message)).await?;
        let partial = partial(&told);
        let partial_success =
            partial.map(|(n, error_message)| metrics::ExportMetricsPartialSuccess {
                rejected_data_points: n,
                error_message,
            });
        Ok(metrics::ExportMetricsServiceResponse { partial_success }.into())
    }
}

#[tonic::async_trait]
impl traces::trace_service_server::TraceService for Grpc {
    async fn export(
        &self,
        request: tonic::Request<traces::ExportTraceServiceRequest>,
    ) -> Answer<traces::ExportTraceServiceResponse> {
        let (_, of, message) = request.into_parts();
        let told = self.take(&of, Request::Traces(message)).await?;
        let partial = partial(&told);
        let partial_success = partial.map(|(n, error_message)| traces::ExportTracePartialSuccess {
            rejected_spans: n,
            error_message,
        });
        Ok(traces::ExportTraceServiceResponse { partial_success }.into())
    }
}
