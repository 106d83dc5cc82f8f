//! What is in force, through the whole system: a setting declared without a line of code, a late
//! one, and a system that is killed between them.

#![allow(clippy::unwrap_used)]

use rdkafka::ClientConfig;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use serde_json::{Value as Json, json};
use std::fs;
use std::path::Path;
use std::time::Duration;
use weir_model::avro::encode_json;
use weir_model::headers::{LOG_TIME, REPLAY, TICK};
use weir_model::{schemas, topics, wire};
use weir_tests::{System, copy_dir, root};

const SCHEMA: &str = r#"{
  "type": "record", "name": "LimitSet", "namespace": "weir.events",
  "doc": "So many calls are allowed from now on.",
  "fields": [
    {"name": "event_id", "type": {"type": "string", "logicalType": "uuid"}, "doc": "UUIDv7 of this event"},
    {"name": "event_time", "type": {"type": "long", "logicalType": "timestamp-micros"}, "doc": "when it took effect, UTC"},
    {"name": "tenant", "type": "string", "doc": "whose event this is"},
    {"name": "source", "type": "string", "doc": "instance that emitted it"},
    {"name": "resource", "type": {"type": "map", "values": "string"}, "default": {}, "doc": "attributes"},
    {"name": "team", "type": "string", "default": "", "doc": "team that it is for"},
    {"name": "calls", "type": "double", "doc": "calls an hour"}
  ]
}
"#;
const LIMIT: &str = "event: limit.set
setting: true
dimensions: {team: team}
measures:
  calls: {last: calls, unit: calls, title: Calls allowed in an hour}
  changes: {count: true, title: Limits set}
windows: [1h, 1d]
rollups: [[], [team]]
";
const JUDGES: &str = "kpis:
  calls_left:
    title: Calls left of the team's limit
    by: [team]
    window: 1h
    terms: {calls: llm.call.calls, limit: limit.set.calls}
    value: limit - calls
  calls_left_of_all:
    title: Calls left of the limit that was set last for any team
    by: [team]
    window: 1h
    terms: {calls: llm.call.calls, limit: {of: limit.set.calls, at: []}}
    value: limit - calls
alerts:
  few_calls_left: {kpi: calls_left, below: 5, impact: calls are refused, action: set another limit}
  few_left_of_all: {kpi: calls_left_of_all, below: 5, impact: none, action: none}
";

/// 2026-01-05, midnight.
const BEGIN: i64 = 1_767_571_200_000_000;
const MINUTE: i64 = 60_000_000;

fn write_catalog(dir: &Path) {
    copy_dir(&root().join("schemas"), dir);
    fs::write(dir.join("events/limit.set.avsc"), SCHEMA).unwrap();
    fs::write(dir.join("catalog/limit.set.yaml"), LIMIT).unwrap();
    fs::write(dir.join("catalog/limits.yaml"), JUDGES).unwrap();
}

/// Plays a log of two event types: its log time is that of the headers.
struct Player {
    producer: BaseProducer,
    /// (event type, schema, partitions)
    types: Vec<(&'static str, String, i32)>,
    made: u32,
}

impl Player {
    fn new(brokers: &str, schemas: &Path) -> Player {
        let mut config = ClientConfig::new();
        let producer: BaseProducer = config.set("bootstrap.servers", brokers).create().unwrap();
        let of = |name: &'static str| {
            let text = fs::read_to_string(schemas.join(format!("events/{name}.avsc"))).unwrap();
            let wait = Duration::from_secs(10);
            let found = producer
                .client()
                .fetch_metadata(Some(&topics::events(name)), wait);
            (
                name,
                text,
                found.unwrap().topics()[0].partitions().len() as i32,
            )
        };
        let types = ["llm.call", "limit.set"].map(of).to_vec();
        Player {
            producer,
            types,
            made: 0,
        }
    }

    fn send(&self, event: &str, partition: i32, value: Option<&[u8]>, headers: &[(&str, &str)]) {
        let topic = topics::events(event);
        let mut all = OwnedHeaders::new();
        for (key, value) in headers {
            all = all.insert(Header {
                key,
                value: Some(*value),
            });
        }
        let mut record = BaseRecord::<[u8], [u8]>::to(&topic).partition(partition);
        record.payload = value;
        record.headers = Some(all);
        self.producer.send(record).map_err(|(e, _)| e).unwrap();
        self.producer.poll(Duration::ZERO);
    }

    fn everywhere(&self, headers: &[(&str, &str)]) {
        for (event, _, partitions) in &self.types {
            (0..*partitions).for_each(|p| self.send(event, p, None, headers));
        }
        self.producer.flush(Duration::from_secs(30)).unwrap();
    }

    /// All is read through a minute.
    fn tick(&self, minute: i64) {
        let at = (BEGIN + minute * MINUTE).to_string();
        self.everywhere(&[(TICK, &at), (LOG_TIME, &at)]);
    }

    /// An event of team core: arrived in a minute, about another one.
    fn event(&mut self, name: &str, arrived: i64, minute: i64, fields: Json) {
        self.made += 1;
        let mut event = json!({
            "event_id": format!("019a9f6e-2c1b-7c01-8f11-{:012}", self.made),
            "event_time": BEGIN + minute * MINUTE, "tenant": "acme", "source": "test",
        });
        event
            .as_object_mut()
            .unwrap()
            .extend(fields.as_object().unwrap().clone());
        let (_, schema, _) = self.types.iter().find(|(n, ..)| *n == name).unwrap();
        let body = encode_json(schema, &event).unwrap();
        let value = wire::framed(schemas::schema_id(schema), &body);
        let at = (BEGIN + arrived * MINUTE).to_string();
        self.send(name, 0, Some(&value), &[(LOG_TIME, &at)]);
    }

    fn call(&mut self, minute: i64) {
        let engineer = json!({"email": "ada@example.com", "team": "core"});
        let call = json!({"engineer": engineer, "provider": "p", "model": "m"});
        self.event("llm.call", minute, minute, call);
    }

    fn limit(&mut self, arrived: i64, minute: i64, team: &str, calls: f64) {
        self.event(
            "limit.set",
            arrived,
            minute,
            json!({"team": team, "calls": calls}),
        );
    }
}

#[test]
fn a_late_setting_holds_from_when_it_came_and_currently_from_when_it_was_meant() {
    let dir = tempfile::tempdir().unwrap();
    let (data, own) = (dir.path().join("data"), dir.path().join("schemas"));
    fs::create_dir(&data).unwrap();
    write_catalog(&own);
    let mut system = System::start(&data, Some(&own), &[]);

    let mut player = Player::new(&system.brokers(), &own);
    player.everywhere(&[(REPLAY, "begin")]);
    player.limit(10, 10, "core", 10.0);
    player.call(20);
    player.call(21);
    player.limit(30, 30, "edge", 20.0);
    player.call(70);
    player.tick(90);
    system.verify();

    // What holds is not lost with the processes that held it.
    system.kill();
    system.up();
    let mut player = Player {
        producer: Player::new(&system.brokers(), &own).producer,
        ..player
    };
    player.limit(125, 25, "core", 5.0);
    player.call(130);
    player.tick(240);
    player.everywhere(&[(REPLAY, "end")]);
    let verified = system.verify();
    assert!(verified.compared["kpis"] >= 6, "{:?}", verified.compared);
    assert!(verified.compared["alerts"] >= 1, "{:?}", verified.compared);
    assert_eq!(verified.count("limit.set", "late"), 1);

    let hours = |sql: &str| -> Vec<f64> {
        let rows = system.query(sql);
        rows.iter().map(|r| r["value"].as_f64().unwrap()).collect()
    };
    let of = |kpi: &str| {
        hours(&format!(
            "SELECT value FROM kpis WHERE kpi = '{kpi}' ORDER BY window_end"
        ))
    };
    let current = |kpi: &str| {
        hours(&format!(
            "SELECT value FROM kpi_{kpi}_current ORDER BY window_end"
        ))
    };
    assert_eq!(of("calls_left"), [8.0, 9.0, 4.0]);
    assert_eq!(current("calls_left"), [3.0, 4.0, 4.0]);
    // The late one is older than what was said of the other team.
    assert_eq!(of("calls_left_of_all"), [18.0, 19.0, 19.0]);
    assert_eq!(current("calls_left_of_all"), [18.0, 19.0, 19.0]);
    let alerts = system.query("SELECT rule, value FROM alerts WHERE rule LIKE 'few%'");
    assert_eq!(alerts.len(), 1, "{alerts:?}");
    assert_eq!(alerts[0]["rule"], "few_calls_left");
    system.stop();
}
