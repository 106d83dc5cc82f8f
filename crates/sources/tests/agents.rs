//! Session logs of agents into a real Kafka: each call once, whatever way it comes.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;
use std::time::Duration;
use weir_agents::{Agents, Cache, Call, Claims, Machine, Read, There, Tool};
use weir_catalog::Catalog;
use weir_kafka::Brokers;
use weir_kafka::admin::{Admin, Partitions, standard};
use weir_model::{Micros, topics, wire};
use weir_sources::ingest::{self, Archive, Batch, Report};
use weir_sources::raw::Cursor;

/// An archive that has these.
#[derive(Default)]
struct Held {
    calls: Vec<There>,
    tools: Vec<String>,
    asked: usize,
    settled: usize,
}

impl Archive for Held {
    fn settle(&mut self, _: &str) -> anyhow::Result<bool> {
        self.settled += 1;
        Ok(true)
    }

    fn calls(&mut self, of: &[&Call]) -> anyhow::Result<Vec<There>> {
        self.asked += of.len();
        Ok(self.calls.clone())
    }

    fn tools(&mut self, of: &[&Tool]) -> anyhow::Result<Vec<bool>> {
        Ok(of.iter().map(|t| self.tools.contains(&t.call_id)).collect())
    }
}

struct World {
    brokers: Brokers,
    agents: Agents,
    catalog: Catalog,
    home: tempfile::TempDir,
}

fn answer(n: u32) -> String {
    format!(
        r#"{{"type":"assistant","timestamp":"2026-03-04T05:06:{n:02}Z","sessionId":"s","cwd":"/home/ada/shop","requestId":"r{n}","message":{{"id":"m{n}","model":"claude-opus-4-5","stop_reason":"tool_use","content":[{{"type":"tool_use","id":"t{n}","name":"Bash"}}],"usage":{{"input_tokens":{n},"output_tokens":5}}}}}}
{{"type":"user","timestamp":"2026-03-04T05:06:{n:02}Z","sessionId":"s","message":{{"content":[{{"type":"tool_result","tool_use_id":"t{n}","content":"a secret"}}]}}}}
"#
    )
}

impl World {
    fn new() -> World {
        let brokers = Brokers::new(weir_embedded::testing::kafka().address());
        let admin = Admin::new(&brokers, Duration::from_secs(30)).unwrap();
        let specs = standard(["llm.call", "tool.called"], &Partitions::default());
        admin.ensure(&specs, -1).unwrap();
        World {
            brokers,
            agents: Agents::shipped().unwrap(),
            catalog: Catalog::embedded().unwrap(),
            home: tempfile::tempdir().unwrap(),
        }
    }

    fn write(&self, answers: std::ops::Range<u32>) {
        let path = self.home.path().join(".claude/projects/p/s.jsonl");
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, answers.map(answer).collect::<String>()).unwrap();
    }

    fn read(&self) -> Read {
        let logs = self.agents.find(&Machine::at(self.home.path()));
        Cache::default().read(&self.agents, &logs, &mut |_, _| {})
    }

    fn import(&self, tenant: &str, archive: &mut Held) -> Report {
        let read = self.read();
        let batch = Batch {
            agents: &self.agents,
            calls: &read.calls,
            tools: &read.tools,
            tenant,
            engineer: "ada@example.com",
            team: "core",
            events: &self.catalog.events,
            now: Micros(jiff::Timestamp::now().as_microsecond()),
            privacy: None,
        };
        ingest::agents(&self.brokers, &batch, archive, &mut |_, _| {}).unwrap()
    }

    /// Records of a tenant, as JSON.
    fn published(&self, event: &str, tenant: &str) -> Vec<serde_json::Value> {
        let topic = topics::events(event);
        let schema = self
            .catalog
            .events
            .iter()
            .find(|e| e.name == event)
            .unwrap();
        let schema = apache_avro::Schema::parse_str(&schema.schema_json).unwrap();
        let mut out = Vec::new();
        for mut cursor in Cursor::open_all(&self.brokers, &[&topic]).unwrap() {
            while let Some(r) = cursor.next_record().unwrap() {
                let value = r.value.unwrap();
                let body = &mut &value[wire::FRAME..];
                let event = apache_avro::from_avro_datum(&schema, body, None).unwrap();
                out.push(serde_json::Value::try_from(event).unwrap());
            }
        }
        out.retain(|e| e["tenant"] == tenant);
        out
    }
}

#[test]
fn a_second_import_adds_what_is_new_and_nothing_else() {
    let w = World::new();
    w.write(1..4);
    let (mut none, tenant) = (Held::default(), "twice");
    let first = w.import(tenant, &mut none);
    assert_eq!((first.written, first.already), (6, 0), "{first:?}");
    w.write(1..6);
    let second = w.import(tenant, &mut none);
    assert_eq!((second.written, second.already), (4, 6), "{second:?}");
    let calls = w.published("llm.call", tenant);
    assert_eq!(calls.len(), 5);
    let one = calls.iter().find(|c| c["request_id"] == "r1").unwrap();
    let otlp = weir_otlp::event_id("llm.call", &["r1"]).to_string();
    assert_eq!(one["event_id"], otlp, "that of its OTLP record");
    assert_eq!(one["resource"]["weir.project"], "shop");
    assert_eq!(one["engineer"]["email"], "ada@example.com");
    let tools = w.published("tool.called", tenant);
    assert_eq!(tools.len(), 5);
    assert!(!format!("{calls:?}{tools:?}").contains("secret"));
    assert!(!format!("{calls:?}").contains("/home"));
}

#[test]
fn what_came_over_otlp_is_left_out_for_ever() {
    let w = World::new();
    w.write(1..4);
    let tenant = "both";
    let there = |id: &str| There {
        request_id: id.into(),
        session: "s".into(),
        model: String::new(),
        at: 0,
        tokens: weir_agents::Tokens::default(),
    };
    let mut archive = Held {
        calls: vec![there("r2"), there("elsewhere")],
        tools: vec!["t3".into()],
        ..Held::default()
    };
    let report = w.import(tenant, &mut archive);
    assert_eq!((report.written, report.elsewhere), (4, 2), "{report:?}");
    // The archive has forgotten it.
    let mut empty = Held::default();
    let again = w.import(tenant, &mut empty);
    assert_eq!((again.written, again.already), (0, 6), "{again:?}");
    assert_eq!((empty.asked, empty.settled), (0, 0));
    assert_eq!(w.published("llm.call", tenant).len(), 2);
}

#[test]
fn gateways_are_told_what_is_about_to_be_published() {
    let w = World::new();
    w.write(1..4);
    let mut archive = Held::default();
    w.import("claimed", &mut archive);
    assert_eq!(archive.settled, 2, "calls and tools");
    let mut claims = Claims::default();
    let wait = Duration::from_secs(30);
    let mut take = |key: &[u8], value: Option<&[u8]>| claims.take(key, value.unwrap());
    weir_kafka::compacted::scan(&w.brokers, topics::LOGGED, None, wait, &mut take).unwrap();
    for event in ["llm.call", "tool.called"] {
        for mut record in w.published(event, "claimed") {
            record["type"] = event.into();
            let record = record.as_object().unwrap();
            assert!(claims.hold("claimed", record), "{record:?}");
            assert!(!claims.hold("another", record), "{record:?}");
        }
    }
}

#[test]
fn what_would_be_a_dead_letter_is_refused_with_its_reason() {
    let w = World::new();
    let path = w.home.path().join(".claude/projects/p/s.jsonl");
    fs::create_dir_all(Path::parent(&path).unwrap()).unwrap();
    let odd = answer(1).replace("\"input_tokens\":1", "\"input_tokens\":99999999999");
    fs::write(path, odd + &answer(2)).unwrap();
    let report = w.import("odd", &mut Held::default());
    assert_eq!((report.written, report.refused), (3, 1), "{report:?}");
    assert!(report.reasons[0].contains("WEIR-"), "{report:?}");
}
