//! The body of `/v1/traces`.

use super::value::{Enum, Hex, Num, Pair, ResourceJson, ScopeJson, or_default, pairs};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::span::Event;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use serde::{Deserialize, Deserializer};

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct TracesBody {
    #[serde(deserialize_with = "or_default")]
    resource_spans: Vec<OfResource>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct OfResource {
    resource: Option<ResourceJson>,
    #[serde(deserialize_with = "or_default")]
    scope_spans: Vec<OfScope>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct OfScope {
    scope: Option<ScopeJson>,
    #[serde(deserialize_with = "or_default")]
    spans: Vec<SpanJson>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct SpanJson {
    #[serde(deserialize_with = "or_default")]
    trace_id: Hex,
    #[serde(deserialize_with = "or_default")]
    span_id: Hex,
    #[serde(deserialize_with = "or_default")]
    parent_span_id: Hex,
    #[serde(deserialize_with = "or_default")]
    name: String,
    #[serde(deserialize_with = "or_default")]
    start_time_unix_nano: Num<u64>,
    #[serde(deserialize_with = "or_default")]
    end_time_unix_nano: Num<u64>,
    #[serde(deserialize_with = "or_default")]
    attributes: Vec<Pair>,
    #[serde(deserialize_with = "or_default")]
    events: Vec<EventJson>,
    status: Option<StatusJson>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct EventJson {
    #[serde(deserialize_with = "or_default")]
    time_unix_nano: Num<u64>,
    #[serde(deserialize_with = "or_default")]
    name: String,
    #[serde(deserialize_with = "or_default")]
    attributes: Vec<Pair>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct StatusJson {
    #[serde(deserialize_with = "or_default")]
    message: String,
    #[serde(deserialize_with = "code")]
    code: Enum,
}

fn code<'de, D: Deserializer<'de>>(d: D) -> Result<Enum, D::Error> {
    Enum::read(d, &[("_OK", 1), ("_ERROR", 2)])
}

impl From<TracesBody> for ExportTraceServiceRequest {
    fn from(body: TracesBody) -> Self {
        let resource_spans = body.resource_spans.into_iter().map(Into::into).collect();
        ExportTraceServiceRequest { resource_spans }
    }
}

impl From<OfResource> for ResourceSpans {
    fn from(r: OfResource) -> Self {
        ResourceSpans {
            resource: r.resource.map(Into::into),
            scope_spans: r.scope_spans.into_iter().map(Into::into).collect(),
            ..Default::default()
        }
    }
}

impl From<OfScope> for ScopeSpans {
    fn from(s: OfScope) -> Self {
        ScopeSpans {
            scope: s.scope.map(Into::into),
            spans: s.spans.into_iter().map(Into::into).collect(),
            ..Default::default()
        }
    }
}

impl From<SpanJson> for Span {
    fn from(s: SpanJson) -> Self {
        Span {
            trace_id: s.trace_id.0,
            span_id: s.span_id.0,
            parent_span_id: s.parent_span_id.0,
            name: s.name,
            start_time_unix_nano: s.start_time_unix_nano.0,
            end_time_unix_nano: s.end_time_unix_nano.0,
            attributes: pairs(s.attributes),
            events: s.events.into_iter().map(Into::into).collect(),
            status: s.status.map(|t| Status {
                message: t.message,
                code: t.code.0,
            }),
            ..Default::default()
        }
    }
}

impl From<EventJson> for Event {
    fn from(e: EventJson) -> Self {
        Event {
            time_unix_nano: e.time_unix_nano.0,
            name: e.name,
            attributes: pairs(e.attributes),
            ..Default::default()
        }
    }
}
