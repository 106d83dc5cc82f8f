//! Event types, and how an item of JSON becomes a record of one.

use crate::answer::Refusal;
use jiff::Timestamp;
use serde_json::{Map, Value};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use uuid::Uuid;
use weir_catalog::{Catalog, EventDef};
use weir_engine::combine::Check;
use weir_events::Dynamic;
use weir_model::avro::EncodeError;
use weir_model::person::{Form, canonical_email, forms};
use weir_model::{Micros, codes, near, topics};
use weir_privacy::{Met, Privacy, text_at};
use weir_sources::map::plausible;

/// Longest name of a source, bytes: as of all texts that identify something.
const SOURCE: usize = 512;

/// All event types of a catalog.
pub struct Types {
    by_name: HashMap<String, Kind>,
    privacy: Option<Arc<Privacy>>,
}

struct Kind {
    topic: String,
    writer: Dynamic,
    /// What combine will say of an event.
    check: Mutex<Check>,
    /// Paths of the fields that hold addresses of people.
    people: Vec<Vec<String>>,
}

/// Whose events are taken, and when.
#[derive(Clone, Copy, Debug)]
pub struct Sender<'a> {
    /// Tenant of the token.
    pub tenant: &'a str,
    /// Name of the token: the source of events that name none.
    pub name: &'a str,
    /// When they came.
    pub now: Micros,
}

/// An event on its way.
#[derive(Clone, Debug, PartialEq)]
pub struct Made {
    /// Event type.
    pub event_type: String,
    /// Its topic.
    pub topic: String,
    /// Record key: the source.
    pub key: String,
    /// Value in the wire format.
    pub value: Vec<u8>,
}

impl Types {
    /// Those of a catalog.
    ///
    /// # Errors
    /// A schema or a path that cannot be used, as text.
    pub fn new(catalog: &Catalog) -> Result<Types, String> {
        let kind = |event: &EventDef| {
            let of = |e: &dyn std::fmt::Display| format!("event type {}: {e}", event.name);
            let people = forms(&event.schema_json).into_iter();
            let people = people.filter(|(_, form)| *form == Form::Email);
            let parts = |path: String| path.split('.').map(str::to_owned).collect();
            let kind = Kind {
                topic: topics::events(&event.name),
                writer: Dynamic::new(&event.schema_json).map_err(|e| of(&e))?,
                check: Mutex::new(Check::new(event).map_err(|e| of(&e))?),
                people: people.map(|(path, _)| parts(path)).collect(),
            };
            Ok((event.name.clone(), kind))
        };
        let by_name = catalog.events.iter().map(kind).collect::<Result<_, _>>();
        by_name.map(|by_name| Types {
            by_name,
            privacy: None,
        })
    }

    /// Writes pseudonyms in place of names, where `privacy` is given.
    pub fn hiding(self, privacy: Option<Arc<Privacy>>) -> Types {
        Types { privacy, ..self }
    }

    /// Whether there is such an event type.
    pub fn has(&self, name: &str) -> bool {
        self.by_name.contains_key(name)
    }

    /// The record of an item as `POST /v1/events` takes it. Who is met for the first time, where
    /// names are replaced, comes into `met`, to be written with the event.
    ///
    /// # Errors
    /// Why it is not taken.
    pub fn make(
        &self,
        mut item: Map<String, Value>,
        from: Sender<'_>,
        met: &mut Met,
    ) -> Result<Made, Refusal> {
        let name = match item.remove("type") {
            Some(Value::String(name)) => name,
            Some(_) => return Err(unfit("type is the name of an event type, as text")),
            None => return Err(unfit("type is missing: name the event type")),
        };
        let Some(kind) = self.by_name.get(&name) else {
            return Err(self.unknown(&name));
        };
        tenant(&mut item, from.tenant)?;
        event_id(&mut item, from.now)?;
        event_time(&mut item, from.now)?;
        let mut key = source(&mut item, from.name)?;
        for path in &kind.people {
            // One person has one spelling, as in imports.
            text_at(&mut item, path, &mut |text| *text = canonical_email(text));
        }
        if let Some(privacy) = &self.privacy {
            privacy.hide(&name, from.tenant, &mut item, met);
            if let Some(Value::String(hidden)) = item.get("source") {
                key.clone_from(hidden);
            }
        }
        let item = Value::Object(item);
        let value = kind.writer.encode_loosely(&item).map_err(|e| {
            let code = match &e {
                EncodeError::Unknown { .. } => codes::UNKNOWN_FIELD,
                _ => codes::UNFIT,
            };
            Refusal::new(code, format!("{name}: {e}"))
        })?;
        let mut check = kind.check.lock().unwrap_or_else(PoisonError::into_inner);
        check
            .value(&value)
            .map_err(|dead| Refusal::new(dead.code, format!("{name}: {}", dead.message)))?;
        drop(check);
        Ok(Made {
            event_type: name,
            topic: kind.topic.clone(),
            key,
            value,
        })
    }

    fn unknown(&self, name: &str) -> Refusal {
        let names = self.by_name.keys().map(String::as_str);
        let advice = match near::nearest(name, names) {
            Some(near) => format!("; write {near}"),
            None => "; `weir catalog list events` shows all".to_owned(),
        };
        let name: String = name.chars().take(100).collect();
        let message = format!("there is no event type {name:?}{advice}");
        Refusal::new(codes::UNKNOWN_TYPE, message)
    }
}

fn unfit(message: impl Into<String>) -> Refusal {
    Refusal::new(codes::UNFIT, message)
}

/// A value that is there; null is as good as left out.
fn given(item: &Map<String, Value>, name: &str) -> Option<Value> {
    item.get(name).filter(|v| !v.is_null()).cloned()
}

fn tenant(item: &mut Map<String, Value>, own: &str) -> Result<(), Refusal> {
    match given(item, "tenant") {
        None => {}
        Some(Value::String(named)) if named == own => {}
        Some(_) => {
            return Err(Refusal::new(
                codes::OTHER_TENANT,
                format!("the token is of tenant {own}: leave tenant out, or use that one's token"),
            ));
        }
    }
    item.insert("tenant".into(), own.into());
    Ok(())
}

fn event_id(item: &mut Map<String, Value>, now: Micros) -> Result<(), Refusal> {
    let id = match given(item, "event_id") {
        None => {
            let millis = u64::try_from(now.0 / 1000).unwrap_or_default();
            let at = uuid::Timestamp::from_unix(
                uuid::NoContext,
                millis / 1000,
                (millis % 1000) as u32 * 1_000_000,
            );
            Uuid::new_v7(at)
        }
        Some(Value::String(text)) => match Uuid::parse_str(&text) {
            Ok(id) if !id.is_nil() => id,
            _ => return Err(bad_id()),
        },
        Some(_) => return Err(bad_id()),
    };
    // One id has one spelling, so that a retry in another one is the same event.
    item.insert("event_id".into(), id.to_string().into());
    Ok(())
}

fn bad_id() -> Refusal {
    let message = "event_id is no UUID: send one and repeat it in retries, or leave it out";
    Refusal::new(codes::BAD_EVENT_ID, message)
}

fn event_time(item: &mut Map<String, Value>, now: Micros) -> Result<(), Refusal> {
    let refused = |why: String| Err(Refusal::new(codes::BAD_EVENT_TIME, why));
    let time = match given(item, "event_time") {
        None => now,
        Some(Value::String(text)) => match text.parse::<Timestamp>() {
            Ok(at) => Micros(at.as_microsecond()),
            Err(_) => {
                let text: String = text.chars().take(64).collect();
                return refused(format!(
                    "event_time {text:?} is no time: write 2026-03-02T10:00:00.000001Z"
                ));
            }
        },
        Some(other) => match other.as_i64() {
            Some(micros) => Micros(micros),
            None => {
                return refused(format!(
                    "event_time {other} is no time: write RFC 3339 or whole microseconds since 1970"
                ));
            }
        },
    };
    if !plausible(time, now) {
        let shown = Timestamp::from_microsecond(time.0).map_or_else(
            |_| format!("{} microseconds", time.0),
            |at| at.strftime("%Y-%m-%d").to_string(),
        );
        return refused(format!(
            "event_time is {shown}, before 1990 or more than a day ahead: numbers are microseconds \
             since 1970"
        ));
    }
    item.insert("event_time".into(), time.0.into());
    Ok(())
}

fn source(item: &mut Map<String, Value>, own: &str) -> Result<String, Refusal> {
    let source = match given(item, "source") {
        None => own.to_owned(),
        Some(Value::String(text)) if text.is_empty() => own.to_owned(),
        Some(Value::String(text)) => text,
        Some(_) => return Err(unfit("source is the name of what sends, as text")),
    };
    if source.len() > SOURCE || source.bytes().any(|b| b < 0x20) {
        let message = format!("source has more than {SOURCE} bytes or control characters");
        return Err(Refusal::new(codes::BAD_TEXT, message));
    }
    item.insert("source".into(), source.as_str().into());
    Ok(source)
}

#[cfg(test)]
mod tests;
