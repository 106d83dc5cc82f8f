//! OTLP over HTTP: `/v1/logs`, `/v1/metrics`, `/v1/traces`, under any prefix.

use super::{Sent, take};
use crate::body::{self, Packing, too_large};
use crate::take::From;
use crate::{Shared, emitter};
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use prost::Message as _;
use weir_http::door::media_type;
use weir_http::token::Scope;
use weir_http::{Problem, now};
use weir_model::codes;
use weir_otlp::{Encoding, Signal, answer};

const PROTOBUF: &str = "application/x-protobuf";
const JSON: &str = "application/json";

/// The signal that a path is for.
pub(crate) fn signal_of(path: &str) -> Option<Signal> {
    let path = path.strip_suffix('/').unwrap_or(path);
    let of = |signal: &Signal| path.ends_with(&format!("/v1/{}", signal.name()));
    [Signal::Logs, Signal::Metrics, Signal::Traces]
        .into_iter()
        .find(of)
}

/// `google.rpc.Status`: how OTLP tells errors.
#[derive(Clone, PartialEq, prost::Message)]
struct Status {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
}

/// Takes records.
pub(crate) async fn post(
    state: &Shared,
    signal: Signal,
    request: Request,
) -> Result<Response<Body>, Problem> {
    let encoding = encoding(request.headers());
    match (encoding, receive(state, signal, request).await) {
        // Exporters read errors in the form that they sent, and log them.
        (Ok(Encoding::Protobuf), Err(problem)) => Ok(status(&problem)),
        (_, answer) => answer,
    }
}

async fn receive(
    state: &Shared,
    signal: Signal,
    request: Request,
) -> Result<Response<Body>, Problem> {
    let (head, body) = request.into_parts();
    let bearer = state.door.open(&head, &[Scope::Write])?;
    let encoding = encoding(&head.headers)?;
    let packing = Packing::of(&head.headers)?;
    let from = From {
        bearer,
        emitter: emitter::of(&head.headers),
        now: now(),
    };
    let mut reserved = state.budget.nothing();
    let packed = body::read(&state.config, body, &mut reserved).await?;
    let limit = state.config.otlp.bytes();
    let turn = state.turns.next().await;
    let body = body::unpack(packing, packed, limit, &mut reserved)?;
    drop(turn);
    if body.len() > limit {
        return Err(too_large(&format!("the body is larger than {limit} bytes")));
    }
    let told = take(state, from, Sent::Body(signal, encoding, body), reserved).await?;
    let body = answer(signal, encoding, told.rejected, &told.message);
    Ok(response(StatusCode::OK, encoding, body))
}

fn encoding(headers: &HeaderMap) -> Result<Encoding, Problem> {
    match media_type(headers).as_str() {
        PROTOBUF | "application/protobuf" => Ok(Encoding::Protobuf),
        JSON => Ok(Encoding::Json),
        other => Err(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            codes::MEDIA_TYPE,
            format!("content type {other:?} is no OTLP: send {PROTOBUF} or {JSON}"),
        )),
    }
}

fn response(status: StatusCode, encoding: Encoding, body: Vec<u8>) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let kind = match encoding {
        Encoding::Protobuf => PROTOBUF,
        Encoding::Json => JSON,
    };
    let kind = HeaderValue::from_static(kind);
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

/// A problem in protobuf, with the headers that it has.
fn status(problem: &Problem) -> Response<Body> {
    let told = Status {
        code: super::grpc::code(problem) as i32,
        message: format!("{}: {}", problem.code, problem.detail),
    };
    let (head, _) = problem.response().into_parts();
    let mut response = response(problem.status, Encoding::Protobuf, told.encode_to_vec());
    for name in [header::RETRY_AFTER, header::WWW_AUTHENTICATE] {
        if let Some(value) = head.headers.get(&name) {
            response.headers_mut().insert(name, value.clone());
        }
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_prefix_leads_to_a_signal() {
        assert_eq!(signal_of("/v1/logs"), Some(Signal::Logs));
        assert_eq!(signal_of("/v1/metrics/"), Some(Signal::Metrics));
        assert_eq!(
            signal_of("/api/public/otel/v1/traces"),
            Some(Signal::Traces)
        );
        for other in ["/v1/events", "/v1/logs/x", "/xv1/logs", "v1/logs", "/"] {
            assert_eq!(signal_of(other), None, "{other}");
        }
    }
}
