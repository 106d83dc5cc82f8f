//! What an event is, and how it is written.

use crate::privacy::Privacy;
use chrono::{DateTime, Utc};
use serde::{Serialize, Serializer};
use std::borrow::Cow;
use std::collections::BTreeMap;
use uuid::Uuid;

/// A text of an event: a literal costs nothing.
pub type Text = Cow<'static, str>;

/// A person with a team.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Person {
    /// Address, or what stands for one.
    pub email: Text,
    /// Team at the time of the event.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub team: Text,
}

impl Person {
    /// Somebody without a team.
    pub fn new(email: impl Into<Text>) -> Person {
        Person {
            email: email.into(),
            team: Text::default(),
        }
    }
}

/// A time within an event; made of chrono's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Time(pub DateTime<Utc>);

impl From<DateTime<Utc>> for Time {
    fn from(at: DateTime<Utc>) -> Time {
        Time(at)
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_i64(self.0.timestamp_micros())
    }
}

/// What an event may have beside its fields.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Envelope {
    /// Makes two events the same one; left out, each has its own.
    pub event_id: Option<Uuid>,
    /// When it happened; left out, now.
    pub event_time: Option<DateTime<Utc>>,
    /// What sent it; left out, the client's.
    pub source: Option<Text>,
    /// OpenTelemetry resource attributes, over those of the client.
    pub resource: BTreeMap<Text, Text>,
}

/// An event type.
pub trait Event: Serialize + Send + 'static {
    /// Its name, e.g. `llm.call`.
    const TYPE: &'static str;

    /// The field that is the client's person where it is left out.
    fn whose(&mut self) -> Option<&mut Option<Person>> {
        None
    }
}

/// An event on its way, whose type is not known any more.
pub(crate) trait Queued: Send {
    /// Name of the type.
    fn name(&self) -> &'static str;
    /// Takes the client's person where it names none.
    fn own(&mut self, person: &Person);
    /// The fields as a JSON object.
    fn json(&self) -> serde_json::Result<Vec<u8>>;
}

impl<E: Event> Queued for E {
    fn name(&self) -> &'static str {
        E::TYPE
    }

    fn own(&mut self, person: &Person) {
        if let Some(whose) = self.whose() {
            whose.get_or_insert_with(|| person.clone());
        }
    }

    fn json(&self) -> serde_json::Result<Vec<u8>> {
        serde_json::to_vec(self)
    }
}

/// What waits in the queue. It is written in the background: the host's thread only moves it there.
pub(crate) struct Item {
    pub event: Box<dyn Queued>,
    /// Of now, where the envelope has none.
    pub at: i64,
    pub envelope: Option<Box<Envelope>>,
}

/// What every event of a client has.
#[derive(Debug, Clone, Default)]
pub(crate) struct Common {
    pub source: Option<Text>,
    pub person: Option<Person>,
    pub resource: BTreeMap<Text, Text>,
}

/// The beginning of an item of `POST /v1/events`.
#[derive(Serialize)]
struct Head<'a> {
    r#type: &'static str,
    event_id: Uuid,
    event_time: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<&'a str>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    resource: BTreeMap<&'a str, &'a str>,
}

impl Item {
    /// As one line of JSON, without names where `privacy` says so. The id is made here, once: what
    /// is sent again is the same line.
    pub fn line(self, common: &Common, privacy: Option<&Privacy>) -> Result<Vec<u8>, String> {
        let name = self.event.name();
        let told = |e: serde_json::Error| e.to_string();
        let line = self.named(common).map_err(told)?;
        let Some(privacy) = privacy else {
            return Ok(line);
        };
        let event = serde_json::from_slice(&line).map_err(told)?;
        let hidden = privacy.hidden(name, event).ok_or_else(|| {
            "its names cannot be replaced: this version does not know the type".to_owned()
        })?;
        serde_json::to_vec(&hidden).map_err(told)
    }

    fn named(mut self, common: &Common) -> serde_json::Result<Vec<u8>> {
        if let Some(person) = &common.person {
            self.event.own(person);
        }
        let envelope = self.envelope.take().unwrap_or_default();
        let mut resource: BTreeMap<&str, &str> = BTreeMap::new();
        for (name, value) in common.resource.iter().chain(&envelope.resource) {
            resource.insert(name, value);
        }
        let at = envelope
            .event_time
            .map_or(self.at, |t| t.timestamp_micros());
        let head = Head {
            r#type: self.event.name(),
            event_id: envelope.event_id.unwrap_or_else(Uuid::now_v7),
            event_time: at,
            source: envelope.source.as_deref().or(common.source.as_deref()),
            resource,
        };
        let mut line = serde_json::to_vec(&head)?;
        let fields = self.event.json()?;
        // Two objects become one; a type without a field that is set adds none.
        if fields.len() > 2 {
            line.pop();
            line.push(b',');
            line.extend_from_slice(&fields[1..]);
        }
        Ok(line)
    }
}
