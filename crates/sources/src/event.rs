//! The three event types as Rust values, written straight to Avro: what the simulator and the importer of
//! repositories produce. The schemas are `schemas/events/*.avsc`; a test holds them equal.

use std::sync::LazyLock;
use uuid::Uuid;
use weir_model::{Micros, hash, schemas};

macro_rules! schema {
    ($name:ident, $file:literal) => {
        /// The schema's text.
        pub const $name: &str = include_str!(concat!("../../../schemas/events/", $file));
    };
}
schema!(LLM_CALL, "llm.call.avsc");
schema!(PRODUCTIVITY_RECORDED, "productivity.recorded.avsc");
schema!(CAPABILITY_EXECUTED, "capability.executed.avsc");

/// What every event carries.
#[derive(Debug, Clone, PartialEq)]
pub struct Envelope {
    /// Time-ordered id.
    pub event_id: Uuid,
    /// When it happened.
    pub event_time: Micros,
    /// Whose.
    pub tenant: String,
    /// Emitting instance; also the record key.
    pub source: String,
    /// Resource attributes.
    pub resource: Vec<(String, String)>,
    /// Engineer's e-mail.
    pub email: String,
    /// Engineer's team.
    pub team: String,
}

/// A time-ordered id (UUIDv7) that depends on nothing but its arguments.
pub fn event_id(time: Micros, identity: &[u8]) -> Uuid {
    let bits = hash::identity(identity).to_le_bytes();
    let mut random = [0u8; 10];
    random.copy_from_slice(&bits[..10]);
    let millis = time.0.div_euclid(1000).max(0) as u64;
    uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
}

/// `llm.call`
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)] // the fields are documented in the schema
pub struct LlmCall {
    pub request_id: Option<String>,
    pub session_id: Option<String>,
    pub provider: String,
    pub model: String,
    pub category: String,
    pub tokens_input: i64,
    pub tokens_cache_read: i64,
    pub tokens_cache_write: i64,
    pub tokens_cache_write_5m: Option<i64>,
    pub tokens_cache_write_1h: Option<i64>,
    pub tokens_output: i64,
    pub tokens_reasoning: i64,
    pub cost_usd: Option<f64>,
    pub latency_ms: Option<f64>,
    pub first_token_ms: Option<f64>,
    pub success: bool,
    pub error_type: Option<String>,
    pub stop_reason: Option<String>,
    pub service_tier: String,
}

/// `productivity.recorded`
#[derive(Debug, Clone, PartialEq, Default)]
#[allow(missing_docs)] // the fields are documented in the schema
pub struct ProductivityRecorded {
    pub repository: Option<String>,
    pub change_kind: String,
    pub assistant: Option<String>,
    pub change_id: Option<String>,
    pub commits: i64,
    pub prs_created: i64,
    pub prs_merged: i64,
    pub lines_added: i64,
    pub lines_deleted: i64,
    pub files_changed: i64,
    pub test_coverage_percent: Option<f64>,
    pub bugs_fixed: i64,
    pub code_reviews_completed: i64,
}

/// `capability.executed`
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)] // the fields are documented in the schema
pub struct CapabilityExecuted {
    pub capability: String,
    pub duration_ms: f64,
    pub success: bool,
    pub error_type: Option<String>,
    pub tokens_saved: i64,
    pub api_calls_avoided: i64,
    pub time_saved_minutes: f64,
    pub context_size_tokens: i64,
}

/// The body of an event.
#[derive(Debug, Clone, PartialEq)]
pub enum Body {
    /// `llm.call`
    LlmCall(LlmCall),
    /// `productivity.recorded`
    ProductivityRecorded(ProductivityRecorded),
    /// `capability.executed`
    CapabilityExecuted(CapabilityExecuted),
}

/// An event that can be written.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Envelope.
    pub envelope: Envelope,
    /// Body.
    pub body: Body,
}

impl Body {
    /// Name of the event type.
    pub fn event_type(&self) -> &'static str {
        match self {
            Body::LlmCall(_) => "llm.call",
            Body::ProductivityRecorded(_) => "productivity.recorded",
            Body::CapabilityExecuted(_) => "capability.executed",
        }
    }

    fn schema_id(&self) -> u32 {
        static IDS: LazyLock<[u32; 3]> = LazyLock::new(|| {
            [LLM_CALL, PRODUCTIVITY_RECORDED, CAPABILITY_EXECUTED].map(schemas::schema_id)
        });
        match self {
            Body::LlmCall(_) => IDS[0],
            Body::ProductivityRecorded(_) => IDS[1],
            Body::CapabilityExecuted(_) => IDS[2],
        }
    }
}

impl Event {
    /// The record's value: wire frame and Avro binary.
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer(Vec::with_capacity(256));
        w.0.push(0);
        w.0.extend_from_slice(&self.body.schema_id().to_be_bytes());
        let e = &self.envelope;
        let mut id = [0u8; uuid::fmt::Hyphenated::LENGTH];
        w.text(e.event_id.hyphenated().encode_lower(&mut id));
        w.long(e.event_time.0);
        w.text(&e.tenant);
        w.text(&e.source);
        w.map(&e.resource);
        match &self.body {
            Body::LlmCall(b) => {
                w.optional(b.request_id.as_deref());
                w.engineer(e);
                w.optional(b.session_id.as_deref());
                for text in [&b.provider, &b.model, &b.category] {
                    w.text(text);
                }
                for n in [b.tokens_input, b.tokens_cache_read, b.tokens_cache_write] {
                    w.long(n);
                }
                w.optional_long(b.tokens_cache_write_5m);
                w.optional_long(b.tokens_cache_write_1h);
                for n in [b.tokens_output, b.tokens_reasoning] {
                    w.long(n);
                }
                for x in [b.cost_usd, b.latency_ms, b.first_token_ms] {
                    w.optional_double(x);
                }
                w.bool(b.success);
                w.optional(b.error_type.as_deref());
                w.optional(b.stop_reason.as_deref());
                w.text(&b.service_tier);
            }
            Body::ProductivityRecorded(b) => {
                w.engineer(e);
                w.optional(b.repository.as_deref());
                w.text(&b.change_kind);
                w.optional(b.assistant.as_deref());
                w.optional(b.change_id.as_deref());
                for n in [
                    b.commits,
                    b.prs_created,
                    b.prs_merged,
                    b.lines_added,
                    b.lines_deleted,
                    b.files_changed,
                ] {
                    w.long(n);
                }
                w.optional_double(b.test_coverage_percent);
                w.long(b.bugs_fixed);
                w.long(b.code_reviews_completed);
            }
            Body::CapabilityExecuted(b) => {
                w.engineer(e);
                w.text(&b.capability);
                w.double(b.duration_ms);
                w.bool(b.success);
                w.optional(b.error_type.as_deref());
                w.long(b.tokens_saved);
                w.long(b.api_calls_avoided);
                w.double(b.time_saved_minutes);
                w.long(b.context_size_tokens);
            }
        }
        w.0
    }
}

/// Avro's primitives.
struct Writer(Vec<u8>);

impl Writer {
    fn long(&mut self, v: i64) {
        let mut z = ((v << 1) ^ (v >> 63)) as u64;
        while z >= 0x80 {
            self.0.push(z as u8 | 0x80);
            z >>= 7;
        }
        self.0.push(z as u8);
    }
    fn text(&mut self, s: &str) {
        self.long(s.len() as i64);
        self.0.extend_from_slice(s.as_bytes());
    }
    fn bool(&mut self, v: bool) {
        self.0.push(u8::from(v));
    }
    fn double(&mut self, v: f64) {
        self.0.extend_from_slice(&v.to_le_bytes());
    }
    fn optional(&mut self, s: Option<&str>) {
        self.long(i64::from(s.is_some()));
        if let Some(s) = s {
            self.text(s);
        }
    }
    fn optional_long(&mut self, v: Option<i64>) {
        self.long(i64::from(v.is_some()));
        if let Some(v) = v {
            self.long(v);
        }
    }
    fn optional_double(&mut self, v: Option<f64>) {
        self.long(i64::from(v.is_some()));
        if let Some(v) = v {
            self.double(v);
        }
    }
    fn map(&mut self, entries: &[(String, String)]) {
        if !entries.is_empty() {
            self.long(entries.len() as i64);
            for (k, v) in entries {
                self.text(k);
                self.text(v);
            }
        }
        self.long(0);
    }
    fn engineer(&mut self, e: &Envelope) {
        self.text(&e.email);
        self.text(&e.team);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use apache_avro::{Schema, from_avro_datum, types::Value};

    fn read(event: &Event, schema: &str) -> Vec<(String, Value)> {
        let bytes = event.encode();
        let mut body = &bytes[5..];
        let value = from_avro_datum(&Schema::parse_str(schema).unwrap(), &mut body, None).unwrap();
        assert!(body.is_empty());
        match value {
            Value::Record(fields) => fields,
            other => panic!("not a record: {other:?}"),
        }
    }

    fn field<'a>(fields: &'a [(String, Value)], name: &str) -> &'a Value {
        &fields.iter().find(|(n, _)| n == name).unwrap().1
    }

    #[test]
    fn bytes_read_back_with_the_published_schemas() {
        let time = Micros(1_763_000_000_123_456);
        let envelope = Envelope {
            event_id: event_id(time, b"one"),
            event_time: time,
            tenant: "acme".into(),
            source: "laptop-1".into(),
            resource: vec![("platform".into(), "Linux".into())],
            email: "ada@example.com".into(),
            team: "core".into(),
        };
        let event = |body| Event {
            envelope: envelope.clone(),
            body,
        };
        let call = event(Body::LlmCall(LlmCall {
            request_id: Some("r1".into()),
            session_id: None,
            provider: "anthropic".into(),
            model: "m".into(),
            category: "coding".into(),
            tokens_input: 1,
            tokens_cache_read: 2,
            tokens_cache_write: 3,
            tokens_cache_write_5m: None,
            tokens_cache_write_1h: Some(2),
            tokens_output: -4,
            tokens_reasoning: 1 << 40,
            cost_usd: Some(0.25),
            latency_ms: None,
            first_token_ms: Some(1.5),
            success: false,
            error_type: Some("overloaded".into()),
            stop_reason: None,
            service_tier: "batch".into(),
        }));
        let fields = read(&call, LLM_CALL);
        assert_eq!(field(&fields, "tokens_reasoning"), &Value::Long(1 << 40));
        assert_eq!(
            field(&fields, "event_time"),
            &Value::TimestampMicros(time.0)
        );
        assert_eq!(
            field(&fields, "stop_reason"),
            &Value::Union(0, Box::new(Value::Null))
        );

        assert_eq!(
            field(&fields, "tokens_cache_write_1h"),
            &Value::Union(1, Box::new(Value::Long(2)))
        );
        assert_eq!(
            field(&fields, "service_tier"),
            &Value::String("batch".into())
        );

        let change = event(Body::ProductivityRecorded(ProductivityRecorded {
            commits: 1,
            code_reviews_completed: 7,
            test_coverage_percent: Some(81.5),
            ..Default::default()
        }));
        let fields = read(&change, PRODUCTIVITY_RECORDED);
        assert_eq!(field(&fields, "code_reviews_completed"), &Value::Long(7));

        let run = event(Body::CapabilityExecuted(CapabilityExecuted {
            capability: "sc:fix".into(),
            duration_ms: 12.5,
            success: true,
            error_type: None,
            tokens_saved: 10,
            api_calls_avoided: 1,
            time_saved_minutes: 0.5,
            context_size_tokens: 4096,
        }));
        let fields = read(&run, CAPABILITY_EXECUTED);
        assert_eq!(field(&fields, "context_size_tokens"), &Value::Long(4096));
    }

    #[test]
    fn ids_are_time_ordered_and_reproducible() {
        let id = |t, s: &str| event_id(Micros(t), s.as_bytes());
        assert_eq!(id(5_000_000, "a"), id(5_000_000, "a"));
        assert_ne!(id(5_000_000, "a"), id(5_000_000, "b"));
        assert!(id(5_000_000, "b") < id(6_000_000, "a"));
        assert_eq!(id(5_000_000, "a").get_version_num(), 7);
    }
}
