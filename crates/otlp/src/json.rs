//! OTLP as JSON, in all the dialects that exporters write.
//!
//! The messages of `opentelemetry-proto` can be read by serde themselves, but lose the values of
//! sums where an integer is a text. So what is read here is a mirror of what weir uses, and made
//! into those messages.

mod logs;
mod metrics;
mod traces;
mod value;

pub(crate) use logs::LogsBody;
pub(crate) use metrics::MetricsBody;
pub(crate) use traces::TracesBody;
