//! Bodies as they travel: what is sent to weir, and what it answers.

use crate::json::{LogsBody, MetricsBody, TracesBody};
use crate::{Encoding, Refused, Request, Signal};
use opentelemetry_proto::tonic::collector::{logs, metrics, trace};
use prost::Message as _;

/// Reads a body whose transport compression is off.
pub(crate) fn decode(signal: Signal, encoding: Encoding, body: &[u8]) -> Result<Request, Refused> {
    match encoding {
        Encoding::Protobuf => protobuf(signal, body).map_err(|e| Refused {
            message: format!("the body is no {} request in protobuf: {e}", signal.name()),
            remedy: "set the exporter's protocol to http/protobuf and its signal's own path".into(),
        }),
        Encoding::Json => json(signal, body).map_err(|e| Refused {
            message: format!("the body is no {} request in JSON: {e}", signal.name()),
            remedy: "set the exporter's protocol to http/json, or send http/protobuf".into(),
        }),
    }
}

fn protobuf(signal: Signal, body: &[u8]) -> Result<Request, prost::DecodeError> {
    Ok(match signal {
        Signal::Logs => Request::Logs(logs::v1::ExportLogsServiceRequest::decode(body)?),
        Signal::Metrics => {
            Request::Metrics(metrics::v1::ExportMetricsServiceRequest::decode(body)?)
        }
        Signal::Traces => Request::Traces(trace::v1::ExportTraceServiceRequest::decode(body)?),
    })
}

fn json(signal: Signal, body: &[u8]) -> Result<Request, serde_json::Error> {
    Ok(match signal {
        Signal::Logs => Request::Logs(serde_json::from_slice::<LogsBody>(body)?.into()),
        Signal::Metrics => Request::Metrics(serde_json::from_slice::<MetricsBody>(body)?.into()),
        Signal::Traces => Request::Traces(serde_json::from_slice::<TracesBody>(body)?.into()),
    })
}

/// The body of the answer to a request of `signal` that came in `encoding`: full success where
/// `rejected` is 0 and `message` empty, otherwise a partial one. With `rejected` 0 a message is a
/// warning.
pub fn answer(signal: Signal, encoding: Encoding, rejected: u64, message: &str) -> Vec<u8> {
    let partial = rejected > 0 || !message.is_empty();
    match encoding {
        Encoding::Json => json_answer(signal, partial.then_some((rejected, message))),
        Encoding::Protobuf => protobuf_answer(signal, partial.then_some((rejected, message))),
    }
}

fn json_answer(signal: Signal, partial: Option<(u64, &str)>) -> Vec<u8> {
    let mut told = serde_json::Map::new();
    if let Some((rejected, message)) = partial {
        // 64-bit integers are texts in this mapping.
        told.insert(signal.rejected_key().into(), rejected.to_string().into());
        told.insert("errorMessage".into(), message.into());
    }
    serde_json::json!({ "partialSuccess": told })
        .to_string()
        .into_bytes()
}

fn protobuf_answer(signal: Signal, partial: Option<(u64, &str)>) -> Vec<u8> {
    let told = partial.map(|(n, m)| (i64::try_from(n).unwrap_or(i64::MAX), m.to_owned()));
    match signal {
        Signal::Logs => logs::v1::ExportLogsServiceResponse {
            partial_success: told.map(|(n, error_message)| logs::v1::ExportLogsPartialSuccess {
                rejected_log_records: n,
                error_message,
            }),
        }
        .encode_to_vec(),
        Signal::Metrics => metrics::v1::ExportMetricsServiceResponse {
            partial_success: told.map(|(n, error_message)| {
                metrics::v1::ExportMetricsPartialSuccess {
                    rejected_data_points: n,
                    error_message,
                }
            }),
        }
        .encode_to_vec(),
        Signal::Traces => trace::v1::ExportTraceServiceResponse {
            partial_success: told.map(|(n, error_message)| trace::v1::ExportTracePartialSuccess {
                rejected_spans: n,
                error_message,
            }),
        }
        .encode_to_vec(),
    }
}
