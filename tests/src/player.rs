//! Events into raw topics, as producers write them, or as a log whose time is that of its headers.

use rdkafka::ClientConfig;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use serde_json::{Value as Json, json};
use std::fs;
use std::path::Path;
use std::time::Duration;
use weir_model::avro::encode_json;
use weir_model::headers::{LOG_TIME, TICK};
use weir_model::{schemas, topics, wire};

const MINUTE: i64 = 60_000_000;
/// Longest wait for the broker.
const PATIENCE: Duration = Duration::from_secs(30);

fn producer(brokers: &str) -> BaseProducer {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", brokers).create().unwrap()
}

/// Writes values of event types, all under one key.
pub fn publish<'a>(brokers: &str, values: impl IntoIterator<Item = (&'a str, &'a [u8])>) {
    let producer = producer(brokers);
    for (event, value) in values {
        let topic = topics::events(event);
        let record = BaseRecord::to(&topic).key("one source").payload(value);
        producer.send(record).map_err(|(e, _)| e).unwrap();
    }
    producer.flush(PATIENCE).unwrap();
}

/// Plays a log of some event types. It is told in minutes since its begin.
pub struct Player {
    producer: BaseProducer,
    /// Event type, schema, partitions.
    types: Vec<(&'static str, String, i32)>,
    /// Microseconds since 1970.
    begin: i64,
    made: u32,
}

impl Player {
    /// Of event types whose schemas lie in a folder; `begin` is in microseconds since 1970.
    pub fn new(brokers: &str, schemas: &Path, types: &[&'static str], begin: i64) -> Player {
        let producer = producer(brokers);
        let of = |name: &&'static str| {
            let text = fs::read_to_string(schemas.join(format!("events/{name}.avsc"))).unwrap();
            let topic = topics::events(name);
            let found = producer.client().fetch_metadata(Some(&topic), PATIENCE);
            let partitions = found.unwrap().topics()[0].partitions().len();
            (*name, text, partitions as i32)
        };
        let types = types.iter().map(of).collect();
        Player {
            producer,
            types,
            begin,
            made: 0,
        }
    }

    /// Goes on with a broker that listens elsewhere now.
    pub fn moved(self, brokers: &str) -> Player {
        Player {
            producer: producer(brokers),
            ..self
        }
    }

    fn send(&self, event: &str, partition: i32, value: Option<&[u8]>, headers: &[(&str, &str)]) {
        let topic = topics::events(event);
        let mut all = OwnedHeaders::new();
        for (key, value) in headers {
            let value = Some(*value);
            all = all.insert(Header { key, value });
        }
        let mut record = BaseRecord::<[u8], [u8]>::to(&topic).partition(partition);
        record.payload = value;
        record.headers = Some(all);
        self.producer.send(record).map_err(|(e, _)| e).unwrap();
        self.producer.poll(Duration::ZERO);
    }

    /// A record without a value in every partition.
    pub fn everywhere(&self, headers: &[(&str, &str)]) {
        for (event, _, partitions) in &self.types {
            (0..*partitions).for_each(|p| self.send(event, p, None, headers));
        }
        self.producer.flush(PATIENCE).unwrap();
    }

    /// All is read through a minute.
    pub fn tick(&self, minute: i64) {
        let at = (self.begin + minute * MINUTE).to_string();
        self.everywhere(&[(TICK, &at), (LOG_TIME, &at)]);
    }

    /// An event of tenant acme that arrived in a minute, about another one; its id.
    pub fn event(&mut self, name: &str, arrived: i64, minute: i64, fields: Json) -> String {
        self.made += 1;
        let id = format!("019a9f6e-2c1b-7c01-8f11-{:012}", self.made);
        let mut event = json!({
            "event_id": id, "event_time": self.begin + minute * MINUTE, "tenant": "acme",
            "source": "test",
        });
        let given = fields.as_object().unwrap().clone();
        event.as_object_mut().unwrap().extend(given);
        let (_, schema, _) = self.types.iter().find(|(n, ..)| *n == name).unwrap();
        let body = encode_json(schema, &event).unwrap();
        let value = wire::framed(schemas::schema_id(schema), &body);
        let at = (self.begin + arrived * MINUTE).to_string();
        self.send(name, 0, Some(&value), &[(LOG_TIME, &at)]);
        id
    }
}
