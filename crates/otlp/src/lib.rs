//! OpenTelemetry records as weir's events, by declaration (`schemas/otlp`, `docs/otlp.md`).
//!
//! Pure: a body goes in, events come out in the form that `POST /v1/events` takes. Nothing is kept
//! between two bodies, so a body that is sent again gives the same events with the same ids.

mod client;
mod compile;
mod declare;
mod event;
mod identity;
mod join;
mod json;
mod map;
mod overlap;
mod read;
mod schema;
mod shipped;
mod tokens;
mod unmapped;
mod wire;

use std::path::Path;

pub use client::{Client, Format, Placeholders, Settings};
pub use compile::{Mappings, Wrong};
pub use identity::event_id;
pub use opentelemetry_proto::tonic as proto;
pub use unmapped::Unmapped;
pub use wire::answer;

use proto::collector::logs::v1::ExportLogsServiceRequest;
use proto::collector::metrics::v1::ExportMetricsServiceRequest;
use proto::collector::trace::v1::ExportTraceServiceRequest;

/// One of the three signals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Signal {
    /// Log records and events.
    Logs,
    /// Data points of metrics.
    Metrics,
    /// Spans.
    Traces,
}

impl Signal {
    /// `logs`, `metrics` or `traces`, as in the path of a request.
    pub fn name(self) -> &'static str {
        match self {
            Signal::Logs => "logs",
            Signal::Metrics => "metrics",
            Signal::Traces => "traces",
        }
    }

    /// How the JSON answer names the number of what was not taken.
    fn rejected_key(self) -> &'static str {
        match self {
            Signal::Logs => "rejectedLogRecords",
            Signal::Metrics => "rejectedDataPoints",
            Signal::Traces => "rejectedSpans",
        }
    }
}

/// How a body is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// `application/x-protobuf`
    Protobuf,
    /// `application/json`
    Json,
}

/// A request of one of the three services, as gRPC hands it over.
#[derive(Debug, Clone, PartialEq)]
pub enum Request {
    /// Of the logs service.
    Logs(ExportLogsServiceRequest),
    /// Of the metrics service.
    Metrics(ExportMetricsServiceRequest),
    /// Of the trace service.
    Traces(ExportTraceServiceRequest),
}

/// What became of a request. Every record is counted in exactly one of `events`, `unmapped`,
/// `repeated`, `ignored` and `rejected`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Mapped {
    /// Items as `POST /v1/events` takes them: `type`, `event_id`, `event_time` (microseconds),
    /// `source`, `resource` and fields of the type.
    pub events: Vec<serde_json::Map<String, serde_json::Value>>,
    /// Records that no declaration knows.
    pub unmapped: Vec<Unmapped>,
    /// Records that are known to repeat what another record says.
    pub repeated: u64,
    /// Records that are known to say nothing that weir counts.
    pub ignored: u64,
    /// Records that a declaration knows, but that hold something that cannot be read.
    pub rejected: u64,
    /// Why, of the first that was rejected; empty where none was.
    pub message: String,
}

/// A body that cannot be read at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}; {remedy}")]
pub struct Refused {
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub remedy: String,
}

impl Mappings {
    /// The mappings that this binary was built with.
    pub fn shipped() -> Result<Self, Wrong> {
        shipped::load()
    }

    /// Reads the mappings of a `schemas` folder, or of an `otlp` folder (with `default.yaml` in it,
    /// and `events` beside it). What the folder does not have is that of this binary.
    pub fn load(dir: &Path) -> Result<Self, Wrong> {
        shipped::read(dir)
    }

    /// Maps a body whose transport compression is off. A record without any time is taken to be of
    /// `received_micros`.
    pub fn map(
        &self,
        signal: Signal,
        encoding: Encoding,
        body: &[u8],
        received_micros: i64,
    ) -> Result<Mapped, Refused> {
        Ok(self.map_request(&wire::decode(signal, encoding, body)?, received_micros))
    }

    /// Maps a request that is decoded already.
    pub fn map_request(&self, request: &Request, received_micros: i64) -> Mapped {
        map::map(self, request, received_micros)
    }
}
