//! Straight to Kafka: the records that the gateway would make of a batch are made here.

use crate::http::{Answer, Refused};
use serde_json::{Map, Value};
use std::collections::HashMap;
use weir_events::{Dynamic, TYPES};
use weir_kafka::{Appender, Brokers};
use weir_model::person::{Form, canonical_email, forms};
use weir_model::{codes, topics};
use weir_privacy::text_at;

/// The key of events that name no source.
const SOURCE: &str = "weir-sdk";

/// The log, and how events of each type are written there.
pub(crate) struct Kafka {
    appender: Appender,
    kinds: HashMap<&'static str, Kind>,
    tenant: String,
}

struct Kind {
    topic: String,
    writer: Dynamic,
    /// Paths of the fields that hold addresses of people.
    people: Vec<Vec<String>>,
}

struct Record<'a> {
    topic: &'a str,
    key: String,
    value: Vec<u8>,
}

impl Kafka {
    /// For events of a tenant. Nothing is connected to before the first batch.
    pub fn new(brokers: &Brokers, tenant: &str) -> Result<Kafka, String> {
        if tenant.trim().is_empty() {
            return Err("straight to Kafka needs a tenant".to_owned());
        }
        let kind = |(name, schema): &(&'static str, &str)| {
            let people = forms(schema).into_iter();
            let people = people.filter(|(_, form)| *form == Form::Email);
            let parts = |(path, _): (String, Form)| path.split('.').map(str::to_owned).collect();
            let kind = Kind {
                topic: topics::events(name),
                writer: Dynamic::new(schema).map_err(|e| format!("event type {name}: {e}"))?,
                people: people.map(parts).collect(),
            };
            Ok((*name, kind))
        };
        Ok(Kafka {
            appender: Appender::new(brokers).map_err(|e| e.to_string())?,
            kinds: TYPES.iter().map(kind).collect::<Result<_, String>>()?,
            tenant: tenant.to_owned(),
        })
    }

    /// Writes lines and waits until all replicas have them. Of a batch that is written again, weir
    /// counts what is there already once.
    pub fn write(&self, lines: &[Vec<u8>]) -> Answer {
        let (mut taken, mut refused) = (0, Vec::new());
        for line in lines {
            match self.record(line) {
                Ok(record) => {
                    let (key, value) = (Some(record.key.as_bytes()), Some(&record.value[..]));
                    let sent = self.appender.send(record.topic, None, key, value, &[]);
                    if let Err(e) = sent {
                        return Answer::Again(format!("kafka: {e}"), None);
                    }
                    taken += 1;
                }
                Err(why) => refused.push(Refused {
                    code: codes::UNFIT.to_string(),
                    message: why,
                    remedy: String::new(),
                }),
            }
        }
        match self.appender.flush() {
            Ok(()) => Answer::Done(taken, refused),
            Err(e) => Answer::Again(format!("kafka: {e}"), None),
        }
    }

    fn record(&self, line: &[u8]) -> Result<Record<'_>, String> {
        let mut item: Map<String, Value> =
            serde_json::from_slice(line).map_err(|e| e.to_string())?;
        let Some(Value::String(name)) = item.remove("type") else {
            return Err("it has no type".to_owned());
        };
        let kind = self.kinds.get(name.as_str());
        let kind = kind.ok_or_else(|| format!("{name} is no event type of this version"))?;
        item.insert("tenant".into(), self.tenant.as_str().into());
        let source = item.get("source").and_then(Value::as_str);
        let key = source.unwrap_or(SOURCE).to_owned();
        item.insert("source".into(), key.as_str().into());
        for path in &kind.people {
            // One person has one spelling, as at the gateway.
            text_at(&mut item, path, &mut |text| *text = canonical_email(text));
        }
        let value = kind.writer.encode_loosely(&Value::Object(item));
        let value = value.map_err(|e| format!("{name}: {e}"))?;
        let topic = &kind.topic;
        Ok(Record { topic, key, value })
    }
}
