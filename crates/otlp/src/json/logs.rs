//! The body of `/v1/logs`.

use super::value::{Any, Enum, Hex, Num, Pair, ResourceJson, ScopeJson, or_default, pairs};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use serde::{Deserialize, Deserializer};

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct LogsBody {
    #[serde(deserialize_with = "or_default")]
    resource_logs: Vec<OfResource>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct OfResource {
    resource: Option<ResourceJson>,
    #[serde(deserialize_with = "or_default")]
    scope_logs: Vec<OfScope>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct OfScope {
    scope: Option<ScopeJson>,
    #[serde(deserialize_with = "or_default")]
    log_records: Vec<Record>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Record {
    #[serde(deserialize_with = "or_default")]
    time_unix_nano: Num<u64>,
    #[serde(deserialize_with = "or_default")]
    observed_time_unix_nano: Num<u64>,
    #[serde(deserialize_with = "severity")]
    severity_number: Enum,
    #[serde(deserialize_with = "or_default")]
    severity_text: String,
    body: Option<Any>,
    #[serde(deserialize_with = "or_default")]
    attributes: Vec<Pair>,
    #[serde(deserialize_with = "or_default")]
    flags: Num<u32>,
    #[serde(deserialize_with = "or_default")]
    trace_id: Hex,
    #[serde(deserialize_with = "or_default")]
    span_id: Hex,
    #[serde(deserialize_with = "or_default")]
    event_name: String,
}

/// Severities are read by number only: no mapping asks for them.
fn severity<'de, D: Deserializer<'de>>(d: D) -> Result<Enum, D::Error> {
    Enum::read(d, &[])
}

impl From<LogsBody> for ExportLogsServiceRequest {
    fn from(body: LogsBody) -> Self {
        let resource_logs = body.resource_logs.into_iter().map(Into::into).collect();
        ExportLogsServiceRequest { resource_logs }
    }
}

impl From<OfResource> for ResourceLogs {
    fn from(r: OfResource) -> Self {
        ResourceLogs {
            resource: r.resource.map(Into::into),
            scope_logs: r.scope_logs.into_iter().map(Into::into).collect(),
            ..Default::default()
        }
    }
}

impl From<OfScope> for ScopeLogs {
    fn from(s: OfScope) -> Self {
        ScopeLogs {
            scope: s.scope.map(Into::into),
            log_records: s.log_records.into_iter().map(Into::into).collect(),
            ..Default::default()
        }
    }
}

impl From<Record> for LogRecord {
    fn from(r: Record) -> Self {
        LogRecord {
            time_unix_nano: r.time_unix_nano.0,
            observed_time_unix_nano: r.observed_time_unix_nano.0,
            severity_number: r.severity_number.0,
            severity_text: r.severity_text,
            body: r.body.map(Into::into),
            attributes: pairs(r.attributes),
            flags: r.flags.0,
            trace_id: r.trace_id.0,
            span_id: r.span_id.0,
            event_name: r.event_name,
            ..Default::default()
        }
    }
}
