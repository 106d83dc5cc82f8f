//! Whatever a producer sends is answered as `docs/semantics.md` says; nothing stops, nothing else
//! changes.

#![allow(clippy::unwrap_used)]

use rdkafka::ClientConfig;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use weir_catalog::Catalog;
use weir_model::avro::encode_json;
use weir_model::{schemas, topics, wire};
use weir_tests::System;

const EVENT: &str = "llm.call";
const TENANT: &str = "acme";
const HOUR: i64 = 3_600_000_000;
const WAIT: Duration = Duration::from_secs(30);

/// Writes to one partition, so that order is certain.
struct Sender {
    producer: BaseProducer,
    schema: String,
    id: u32,
    now: i64,
    made: u32,
}

impl Sender {
    fn new(brokers: &str, transactional: Option<&str>) -> Sender {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", brokers)
            .set("message.max.bytes", "4000000");
        if let Some(id) = transactional {
            config.set("transactional.id", id);
        }
        let catalog = Catalog::embedded().unwrap();
        let def = catalog.events.iter().find(|e| e.name == EVENT).unwrap();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        Sender {
            producer: config.create().unwrap(),
            schema: def.schema_json.clone(),
            id: schemas::schema_id(&def.schema_json),
            now: now.as_micros() as i64,
            made: 0,
        }
    }

    /// A sound event of an hour ago, with some fields changed.
    fn event(&mut self, change: Json) -> Vec<u8> {
        self.made += 1;
        let mut event = json!({
            "event_id": format!("019a9f6e-2c1b-7c01-8f11-{:012}", self.made),
            "event_time": self.now - HOUR,
            "tenant": TENANT,
            "source": "laptop",
            "engineer": {"email": "ada"},
            "provider": "p",
            "model": "m",
            "latency_ms": 1234.5,
        });
        let fields = event.as_object_mut().unwrap();
        fields.extend(change.as_object().unwrap().clone());
        encode_json(&self.schema, &event).unwrap()
    }

    fn framed(&mut self, change: Json) -> Vec<u8> {
        let body = self.event(change);
        wire::framed(self.id, &body)
    }

    fn send(&self, key: Option<&[u8]>, value: Option<&[u8]>, headers: Option<OwnedHeaders>) {
        let topic = topics::events(EVENT);
        let mut record = BaseRecord::<[u8], [u8]>::to(&topic).partition(0);
        record.key = key;
        record.payload = value;
        record.headers = headers;
        self.producer.send(record).map_err(|(e, _)| e).unwrap();
        self.producer.poll(Duration::ZERO);
    }

    fn good(&mut self, change: Json) {
        let value = self.framed(change);
        self.send(Some(b"laptop"), Some(&value), None);
    }

    fn flush(&self) {
        self.producer.flush(WAIT).unwrap();
    }
}

/// Replaces the one place that holds some bytes.
fn replaced(mut bytes: Vec<u8>, old: &[u8], new: &[u8]) -> Vec<u8> {
    let at = bytes.windows(old.len()).position(|w| w == old).unwrap();
    bytes.splice(at..at + old.len(), new.iter().copied());
    bytes
}

/// A schema of a few lines that unfolds into 2^38 types.
fn endless() -> String {
    let mut inner = json!("null");
    for i in (0..38).rev() {
        let again = if i == 37 {
            json!("null")
        } else {
            json!(format!("R{}", i + 1))
        };
        inner = json!({"type": "record", "name": format!("R{i}"),
            "fields": [{"name": "a", "type": inner}, {"name": "b", "type": again}]});
    }
    inner.to_string()
}

/// Replaces the one place that holds a float.
fn with_float(mut bytes: Vec<u8>, old: f64, new: f64) -> Vec<u8> {
    let at = bytes
        .windows(8)
        .position(|w| w == old.to_le_bytes())
        .unwrap();
    bytes[at..at + 8].copy_from_slice(&new.to_le_bytes());
    bytes
}

#[test]
fn everything_bad_is_answered_counted_and_shown() {
    let dir = tempfile::tempdir().unwrap();
    let mut system = System::start(dir.path(), None, &[]);
    let mut s = Sender::new(&system.brokers(), None);
    let (now, long) = (s.now, "x".repeat(1 << 20));

    // From here on the partition's watermark stands at now: what is an hour old is late, and so
    // counted at once.
    s.good(json!({"event_time": now}));

    let mut dead: Vec<(&str, Option<Vec<u8>>)> = Vec::new();
    let sound = s.framed(json!({}));
    dead.push(("WEIR-0001", Some(Vec::new())));
    dead.push(("WEIR-0001", Some(vec![0, 0, 1])));
    dead.push(("WEIR-0001", Some(sound[..sound.len() - 9].to_vec())));
    dead.push(("WEIR-0002", Some([&[7], &sound[1..]].concat())));
    dead.push(("WEIR-0002", Some(b"{\"event_id\": 1}".to_vec())));
    dead.push(("WEIR-0003", Some(wire::framed(4711, &sound[5..]))));
    dead.push(("WEIR-0004", Some([&sound[..], b"more"].concat())));
    // The last field is a union of two branches, here null: there is no third.
    let mut no_branch = sound.clone();
    let union = no_branch.len() - 1;
    no_branch[union] = 4;
    dead.push(("WEIR-0004", Some(no_branch)));
    let catalog = Catalog::embedded().unwrap();
    let other = catalog.events.iter().find(|e| e.name != EVENT).unwrap();
    let other = schemas::schema_id(&other.schema_json);
    dead.push(("WEIR-0005", Some(wire::framed(other, &sound[5..]))));
    let endless = schemas::RegisteredSchema::new(topics::events(EVENT) + "-value", 9, endless());
    let (key, value) = (endless.key(), endless.encode().unwrap());
    let record = BaseRecord::to(topics::SCHEMAS).key(&key).payload(&value);
    // Schemas are registered by whoever may open the system's own port.
    let mut own = ClientConfig::new();
    for (name, value) in system.own_kafka() {
        own.set(name, value);
    }
    let registry: BaseProducer = own.create().unwrap();
    registry.send(record).map_err(|(e, _)| e).unwrap();
    registry.flush(WAIT).unwrap();
    dead.push(("WEIR-0005", Some(wire::framed(endless.id, &sound[5..]))));
    // In a text that nothing asks for; a map that says 2^27 entries behind it; a time in ten bytes
    // that needs 65 bits.
    let not_utf8 = replaced(sound.clone(), b"laptop", b"lapt\xff\xff");
    dead.push(("WEIR-0004", Some(not_utf8)));
    let entries = b"laptop\x80\x80\x80\x80\x01";
    dead.push((
        "WEIR-0001",
        Some(replaced(sound.clone(), b"laptop\0", entries)),
    ));
    let time = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2];
    let mut overlong = sound[..5 + 37].to_vec();
    overlong.extend(time);
    dead.push(("WEIR-0004", Some(overlong)));
    for x in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let value = s.framed(json!({}));
        dead.push(("WEIR-0006", Some(with_float(value, 1234.5, x))));
    }
    dead.push(("WEIR-0007", Some(s.framed(json!({"latency_ms": -1.0})))));
    dead.push(("WEIR-0007", Some(s.framed(json!({"tokens_input": -5})))));
    dead.push(("WEIR-0007", Some(s.framed(json!({"cost_usd": 1e300})))));
    dead.push(("WEIR-0008", Some(s.framed(json!({"model": long})))));
    dead.push(("WEIR-0008", Some(s.framed(json!({"model": "a\nb"})))));
    dead.push(("WEIR-0008", Some(s.framed(json!({"request_id": long})))));
    dead.push((
        "WEIR-0008",
        Some(s.framed(json!({"tenant": "x".repeat(513)}))),
    ));
    dead.push(("WEIR-0009", Some(s.framed(json!({"tenant": ""})))));
    dead.push(("WEIR-0009", Some(s.framed(json!({"event_id": ""})))));
    dead.push(("WEIR-0009", Some(s.framed(json!({"event_time": -1})))));
    dead.push(("WEIR-0010", None));
    for (_, value) in &dead {
        s.send(Some(b"laptop"), value.as_deref(), None);
    }

    // All of these count.
    let mut counted = 1u64;
    let unusual = [
        json!({"event_time": 0}),
        json!({"event_time": 31_536_000_000_000i64}),
        // The year 2500: clamped, on time.
        json!({"event_time": 16_725_225_600_000_000i64}),
        json!({"engineer": {"email": ""}, "provider": "", "model": ""}),
        // Not used as a name.
        json!({"session_id": long, "stop_reason": long}),
        json!({"model": "ü".repeat(256)}),
    ];
    for change in &unusual {
        s.good(change.clone());
        counted += 1;
    }
    let keyless = s.framed(json!({}));
    s.send(None, Some(&keyless), None);
    counted += 1;
    // The newer form of the frame: the id in a header.
    let body = s.event(json!({}));
    let mut frame = Vec::new();
    wire::put_frame(&mut frame, weir_model::headers::SchemaRef::Id(s.id));
    let header = OwnedHeaders::new().insert(Header {
        key: weir_model::headers::SCHEMA_ID,
        value: Some(&frame),
    });
    s.send(None, Some(&body), Some(header));
    counted += 1;
    // What the dead ones were made of was never seen: the same identity still counts, once.
    s.send(Some(b"laptop"), Some(&sound), None);
    counted += 1;
    s.send(Some(b"laptop"), Some(&sound), None);
    s.good(json!({"request_id": "one call"}));
    counted += 1;
    s.good(json!({"request_id": "one call"}));
    s.good(json!({"request_id": "one call"}));
    let duplicates = 3;
    s.flush();

    let mut t = Sender::new(&system.brokers(), Some("a-producer"));
    t.made = 1000;
    t.producer.init_transactions(WAIT).unwrap();
    for abort in [true, false] {
        t.producer.begin_transaction().unwrap();
        for _ in 0..5 {
            t.good(json!({}));
        }
        if abort {
            t.flush();
            t.producer.abort_transaction(WAIT).unwrap();
        } else {
            t.producer.commit_transaction(WAIT).unwrap();
            counted += 5;
        }
    }
    s.good(json!({"model": "after all that"}));
    counted += 1;
    s.flush();

    let verified = system.verify();
    assert_eq!(verified.count(EVENT, "events"), counted);
    assert_eq!(verified.count(EVENT, "duplicates"), duplicates);
    assert_eq!(verified.count(EVENT, "dead"), dead.len() as u64);
    // All but the first and the one of the year 2500.
    assert_eq!(verified.count(EVENT, "late"), counted - 2);

    let list = system.json(&["dlq", "list", "--limit", "1000"]);
    let list = list.as_array().unwrap();
    let found: Vec<&str> = list.iter().map(|l| l["code"].as_str().unwrap()).collect();
    let expected: Vec<&str> = dead.iter().map(|(code, _)| *code).collect();
    assert_eq!(found, expected, "{list:#?}");
    for (letter, (code, value)) in list.iter().zip(&dead) {
        assert_eq!(letter["topic"], topics::events(EVENT), "{code}");
        assert_eq!(letter["partition"], 0);
        let kept = value.as_ref().map_or(0, |v| v.len().min(512 * 1024));
        assert_eq!(letter["bytes"], kept, "{code}");
    }

    // The archive is the raw log: what decodes stands in it once, repeated and refused events too.
    // The views show what is late (the rest waits for its window to end).
    let decodable = dead
        .iter()
        .filter(|(c, _)| ("WEIR-0006"..="WEIR-0009").contains(c));
    assert_eq!(
        system.number("SELECT count() AS n FROM events_llm_call"),
        (counted + duplicates) as f64 + decodable.count() as f64
    );
    let calls = |filter: &str| {
        system.number(&format!(
            "SELECT toUInt64(sum(calls)) AS n FROM llm_call_1d WHERE {filter}"
        ))
    };
    assert_eq!(calls("rollup = ''"), (counted - 2) as f64);
    assert_eq!(calls("rollup = 'model' AND model = 'after all that'"), 1.0);
    assert_eq!(calls("rollup = 'model' AND model = ''"), 1.0);
    assert_eq!(calls("rollup = '' AND toYear(window_start) = 1970"), 1.0);

    metrics(&system, &dead, counted, duplicates);
    a_second_one_is_told_who_holds_the_directory(&system);
    assert_eq!(system.http("/livez").0, 200);
    assert_eq!(system.http("/readyz").0, 200);
    system.stop();
}

/// The figures an operator looks at.
fn metrics(system: &System, dead: &[(&str, Option<Vec<u8>>)], counted: u64, duplicates: u64) {
    let value = |text: &str, name: &str| -> f64 {
        let found: Vec<f64> = text
            .lines()
            .filter(|l| l.starts_with(name))
            .map(|l| l.rsplit(' ').next().unwrap().parse().unwrap())
            .collect();
        assert!(!found.is_empty(), "no {name} in\n{text}");
        found.iter().sum()
    };
    // Lag is told every few seconds, and ticks are always under way.
    let until = Instant::now() + Duration::from_secs(60);
    let text = loop {
        let (code, text) = system.http("/metrics");
        assert_eq!(code, 200);
        let lags = ["weir_stage_lag_records{", "weir_sink_lag_records "];
        if lags.iter().all(|name| value(&text, name) == 0.0) {
            break text;
        }
        assert!(Instant::now() < until, "there is a lag:\n{text}");
        std::thread::sleep(Duration::from_millis(500));
    };
    let value = |name: &str| value(&text, name);
    assert!(value("weir_watermark_delay_seconds{event=\"llm.call\"}") < 600.0);
    for stage in ["combine", "window", "score"] {
        assert!(value(&format!("weir_stage_commits_total{{stage=\"{stage}\"}}")) >= 1.0);
    }
    let of = |name: &str| value(&format!("{name}{{event=\"{EVENT}\"}}"));
    assert_eq!(of("weir_events_total"), counted as f64);
    assert_eq!(of("weir_events_late_total"), (counted - 2) as f64);
    assert_eq!(of("weir_events_duplicate_total"), duplicates as f64);
    assert_eq!(of("weir_events_clamped_total"), 1.0);
    let mut by_code: BTreeMap<&str, f64> = BTreeMap::new();
    for (code, _) in dead {
        *by_code.entry(code).or_default() += 1.0;
    }
    for (code, n) in by_code {
        assert_eq!(
            value(&format!("weir_dead_letters_total{{code=\"{code}\"}}")),
            n
        );
    }
}

fn a_second_one_is_told_who_holds_the_directory(system: &System) {
    let second = system.weir(&["up"]);
    let said = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(!second.status.success(), "{said}");
    assert!(
        said.contains("WEIR-0201") && said.contains("process "),
        "{said}"
    );
    assert!(said.contains(&system.pid().to_string()), "{said}");
}
