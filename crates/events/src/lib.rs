//! The event types of `schemas/events` as Rust types with named fields, and their bytes.
//!
//! A build script makes one type per schema: [`LlmCall`], [`CapabilityExecuted`] and so on. Texts
//! are borrowed or owned as the maker has them; [`Event::encode`] writes straight into one buffer.
//! `Default` is the default of each field that has one, and empty or zero for the others, which the
//! maker has to set. An event type is added by its schema alone.
//!
//! A type that is known only at run time, by its name and schema, is written by [`Dynamic`].

mod dynamic;
mod put;

pub use dynamic::Dynamic;
pub use types::*;

use std::borrow::Cow;
use std::collections::BTreeMap;
use uuid::Uuid;
use weir_model::{Micros, hash, headers::SchemaRef, wire};

/// Texts as fields hold them.
pub type Text<'a> = Cow<'a, str>;
/// Maps as fields hold them: written in the order of their keys.
pub type Map<'a, T> = BTreeMap<Text<'a>, T>;

mod types {
    use crate::put::Put;
    use crate::{Envelope, Event, Map, Text};
    use serde::{Deserialize, Serialize};
    use serde_json::Value as Json;
    use std::sync::LazyLock;
    use uuid::Uuid;
    use weir_model::{Micros, schemas::schema_id};

    include!(concat!(env!("OUT_DIR"), "/types.rs"));
}

/// What every event carries.
#[derive(Debug, Clone, PartialEq)]
pub struct Envelope<'a> {
    /// Time-ordered id.
    pub event_id: Uuid,
    /// When it happened.
    pub event_time: Micros,
    /// Whose.
    pub tenant: Text<'a>,
    /// Emitting instance; also the record key.
    pub source: Text<'a>,
    /// Resource attributes.
    pub resource: Map<'a, Text<'a>>,
}

/// An event that can be written.
pub trait Event<'a> {
    /// Name of the event type, e.g. `llm.call`.
    fn event_type(&self) -> &'static str;
    /// Id of the schema that the bytes are written by.
    fn schema_id(&self) -> u32;
    /// Emitting instance; also the record key.
    fn source(&self) -> &str;
    /// Its id.
    fn event_id(&self) -> Uuid;
    /// When it happened.
    fn event_time(&self) -> Micros;
    /// Fills in what every event carries.
    fn set_envelope(&mut self, envelope: Envelope<'a>);
    /// Appends the Avro binary.
    fn put_body(&self, out: &mut Vec<u8>);
    /// As JSON, with every field. A number that is not finite becomes null: JSON has no such
    /// numbers.
    ///
    /// # Errors
    /// None that fields of events can cause; the signature is that of the JSON library.
    fn to_json(&self) -> serde_json::Result<serde_json::Value>;

    /// The record's value: wire frame and Avro binary.
    fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(256);
        wire::put_frame(&mut out, SchemaRef::Id(self.schema_id()));
        self.put_body(&mut out);
        out
    }
}

impl<'a> Event<'a> for AnyEvent<'a> {
    fn event_type(&self) -> &'static str {
        self.inner().event_type()
    }
    fn schema_id(&self) -> u32 {
        self.inner().schema_id()
    }
    fn source(&self) -> &str {
        self.inner().source()
    }
    fn event_id(&self) -> Uuid {
        self.inner().event_id()
    }
    fn event_time(&self) -> Micros {
        self.inner().event_time()
    }
    fn set_envelope(&mut self, envelope: Envelope<'a>) {
        self.inner_mut().set_envelope(envelope);
    }
    fn put_body(&self, out: &mut Vec<u8>) {
        self.inner().put_body(out);
    }
    fn to_json(&self) -> serde_json::Result<serde_json::Value> {
        self.inner().to_json()
    }
}

/// A time-ordered id (UUIDv7) that depends on nothing but its arguments.
pub fn event_id(time: Micros, identity: &[u8]) -> Uuid {
    let bits = hash::identity(identity).to_le_bytes();
    let mut random = [0u8; 10];
    random.copy_from_slice(&bits[..10]);
    let millis = time.0.div_euclid(1000).max(0) as u64;
    uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
}

#[cfg(test)]
mod tests;
