//! Traces of weir itself, as OTLP over HTTP: spans of requests, commits and inserts. Off unless an
//! endpoint is configured, and then every [`span`] is one look at an empty cell. Nothing waits for
//! whoever takes them: spans wait in a queue of 2048, and those that find it full are dropped.

use crate::config::Properties;
use crate::outgoing;
use anyhow::{Context as _, Result, bail};
use opentelemetry::propagation::{Extractor, TextMapPropagator};
use opentelemetry::trace::{Span as _, SpanKind, Status, Tracer as _, TracerProvider as _};
use opentelemetry::{Context, KeyValue};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::transform::common::tonic::ResourceAttributesWithSchema;
use opentelemetry_proto::transform::trace::tonic::group_spans_by_resource_and_scope;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{Sampler, SdkTracer, SdkTracerProvider, SpanData, SpanExporter};
use prost::Message;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Duration;
use ureq::Agent;
use weir_model::codes;

/// What sending a batch may take, and ending.
const LIMIT: Duration = Duration::from_secs(5);
/// Where OTLP over HTTP takes spans.
const PATH: &str = "/v1/traces";
/// What sends them says that it is not to be traced: they may come to a gateway of weir.
const NOT_SAMPLED: &str = "00-00000000000000000000000000000001-0000000000000001-00";

/// Where traces go.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TracesConfig {
    /// `http://collector:4318`, to which `/v1/traces` is added where it has no path. Empty: none are
    /// made.
    pub endpoint: String,
    /// Share of traces that begin here and are made, 0 to 1; what a request belongs to says itself
    /// whether it is.
    pub share: f64,
    /// Headers of the requests, as `authorization`; never shown.
    pub headers: Properties,
    /// Authorities (PEM) in place of those of the machine.
    pub authorities: Option<PathBuf>,
}

impl Default for TracesConfig {
    fn default() -> TracesConfig {
        TracesConfig {
            endpoint: String::new(),
            share: 1.0,
            headers: Properties::default(),
            authorities: None,
        }
    }
}

static TRACER: OnceLock<SdkTracer> = OnceLock::new();

/// Sends what is left when it is dropped, for up to 5 s.
#[must_use]
pub struct Traces(SdkTracerProvider);

impl Drop for Traces {
    fn drop(&mut self) {
        if let Err(e) = self.0.shutdown_with_timeout(LIMIT) {
            tracing::debug!("the last spans were not sent: {e}");
        }
    }
}

/// Begins to make spans in the name of a service, where an endpoint is configured. The first call
/// of a process counts.
///
/// # Errors
/// The endpoint is no URL of HTTP(S), the share no share, the authorities cannot be read.
pub fn start(config: &TracesConfig, service: &str) -> Result<Option<Traces>> {
    if config.endpoint.is_empty() {
        return Ok(None);
    }
    if !(0.0..=1.0).contains(&config.share) {
        bail!("{}: traces.share is from 0 to 1", codes::CONFIG);
    }
    let resource = Resource::builder()
        .with_service_name(service.to_owned())
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .build();
    let exporter = Exporter::new(config)?;
    let provider = SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .with_sampler(Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(
            config.share,
        ))))
        .with_resource(resource)
        .build();
    // Where one is there already, this one makes nothing.
    let _ = TRACER.set(provider.tracer("weir"));
    Ok(Some(Traces(provider)))
}

/// The URL that spans are posted to.
fn target(endpoint: &str) -> Result<String> {
    let schemes = ["http://", "https://"];
    let Some(rest) = schemes.iter().find_map(|s| endpoint.strip_prefix(s)) else {
        bail!(
            "{}: traces.endpoint is a URL such as http://collector:4318, not {endpoint}",
            codes::CONFIG
        );
    };
    let bare = !rest.trim_end_matches('/').contains('/');
    Ok(match bare {
        true => format!("{}{PATH}", endpoint.trim_end_matches('/')),
        false => endpoint.to_owned(),
    })
}

struct Exporter {
    agent: Agent,
    target: String,
    headers: Properties,
    resource: ResourceAttributesWithSchema,
}

impl std::fmt::Debug for Exporter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.target)
    }
}

impl Exporter {
    fn new(config: &TracesConfig) -> Result<Exporter> {
        let agent = outgoing::agent(config.authorities.as_deref(), LIMIT);
        Ok(Exporter {
            agent: agent.with_context(|| format!("{}: traces.authorities", codes::CONFIG))?,
            target: target(&config.endpoint)?,
            headers: config.headers.clone(),
            resource: ResourceAttributesWithSchema::default(),
        })
    }

    fn send(&self, batch: Vec<SpanData>) -> Result<(), String> {
        let resource_spans = group_spans_by_resource_and_scope(batch, &self.resource);
        let body = ExportTraceServiceRequest { resource_spans }.encode_to_vec();
        let mut request = self
            .agent
            .post(&self.target)
            .header("content-type", "application/x-protobuf")
            .header("traceparent", NOT_SAMPLED);
        for (name, value) in self.headers.iter() {
            request = request.header(name, value);
        }
        let answer = request.send(&body[..]).map_err(|e| e.to_string())?;
        match answer.status().is_success() {
            true => Ok(()),
            false => Err(format!("answer {}", answer.status())),
        }
    }
}

impl SpanExporter for Exporter {
    /// On the thread of the queue, which does nothing else.
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let lost = batch.len();
        self.send(batch).map_err(|why| {
            let (code, target) = (codes::TRACES, &self.target);
            tracing::warn!("{code}: spans are not taken by {target} ({why}); {lost} are lost");
            OTelSdkError::InternalFailure(why)
        })
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.resource = resource.into();
    }
}

/// A span that ends when it is dropped; nothing where traces are off or it is not sampled.
pub struct Span(Option<opentelemetry_sdk::trace::Span>);

impl Span {
    /// Whether somebody will see it: what it takes time to say need not be said else.
    pub fn is_on(&self) -> bool {
        self.0.as_ref().is_some_and(|span| span.is_recording())
    }

    /// A text that belongs to it.
    pub fn text(&mut self, name: &'static str, value: impl Into<String>) {
        if let Some(span) = &mut self.0 {
            span.set_attribute(KeyValue::new(name, value.into()));
        }
    }

    /// A number that belongs to it.
    pub fn number(&mut self, name: &'static str, value: i64) {
        if let Some(span) = &mut self.0 {
            span.set_attribute(KeyValue::new(name, value));
        }
    }

    /// What it is called, once that is known.
    pub fn name(&mut self, name: String) {
        if let Some(span) = &mut self.0 {
            span.update_name(name);
        }
    }

    /// It did not come to what it was begun for.
    pub fn failed(&mut self, why: impl Into<String>) {
        if let Some(span) = &mut self.0 {
            span.set_status(Status::error(why.into()));
        }
    }
}

/// A span of something that begins by itself, as a commit.
pub fn span(name: &'static str) -> Span {
    Span(TRACER.get().map(|tracer| {
        let builder = tracer.span_builder(name).with_kind(SpanKind::Internal);
        tracer.build_with_context(builder, &Context::new())
    }))
}

/// A span of a request to somebody else, as an insert.
pub fn call(name: &'static str) -> Span {
    Span(TRACER.get().map(|tracer| {
        let builder = tracer.span_builder(name).with_kind(SpanKind::Client);
        tracer.build_with_context(builder, &Context::new())
    }))
}

/// A span of a request that came in, within the trace that its headers name (W3C `traceparent`);
/// none where traces are off.
pub fn asked<'a>(name: &str, header: impl Fn(&str) -> Option<&'a str>) -> Option<Span> {
    let tracer = TRACER.get()?;
    let headers = Headers {
        parent: header("traceparent"),
        state: header("tracestate"),
    };
    let parent = TraceContextPropagator::new().extract_with_context(&Context::new(), &headers);
    let builder = tracer.span_builder(name.to_owned());
    let builder = builder.with_kind(SpanKind::Server);
    Some(Span(Some(tracer.build_with_context(builder, &parent))))
}

/// What a request says of its trace.
struct Headers<'a> {
    parent: Option<&'a str>,
    state: Option<&'a str>,
}

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        match key {
            "traceparent" => self.parent,
            "tracestate" => self.state,
            _ => None,
        }
    }

    fn keys(&self) -> Vec<&str> {
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn spans_go_where_the_endpoint_says() {
        for (endpoint, url) in [
            ("http://c:4318", "http://c:4318/v1/traces"),
            ("https://c/", "https://c/v1/traces"),
            ("http://c/otlp/v1/traces", "http://c/otlp/v1/traces"),
        ] {
            assert_eq!(target(endpoint).unwrap(), url);
        }
        assert!(target("c:4318").is_err());
        let none = TracesConfig::default();
        assert!(start(&none, "x").unwrap().is_none());
        let config = TracesConfig {
            endpoint: "http://127.0.0.1:1".into(),
            share: 2.0,
            ..none
        };
        assert!(start(&config, "x").is_err());
    }
}
