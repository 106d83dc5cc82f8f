//! Events in, aggregates out: all three stages on a real Kafka, stopped and started while events
//! arrive.
#![allow(clippy::unwrap_used)]

use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use weir_catalog::Catalog;
use weir_kafka::admin::Admin;
use weir_kafka::{Appender, Brokers, Consumer, SchemaRegistry, Tp};
use weir_model::avro::JsonEncoder;
use weir_model::headers::SchemaRef;
use weir_model::records::{AggregateBlock, MeasureValue, Part};
use weir_model::schemas::RegisteredSchema;
use weir_model::{WindowSize, headers, topics, wire};
use weir_processor::{Processor, ProcessorConfig, StageName, run_of};
use weir_runtime::Shutdown;

const DEADLINE: Duration = Duration::from_secs(20);
const EVENT: &str = "capability.executed";
const BEGIN: i64 = 1_767_225_600_000_000;
const MINUTE: i64 = 60_000_000;
const MINUTES: i64 = 30;

type Running = (
    Shutdown,
    std::thread::JoinHandle<Result<(), weir_kafka::Error>>,
);

fn start(config: &ProcessorConfig, catalog: &Arc<Catalog>) -> Running {
    let (config, catalog, shutdown) = (config.clone(), catalog.clone(), Shutdown::new());
    let told = shutdown.clone();
    let thread =
        std::thread::spawn(move || Processor::run(&config, catalog, &StageName::ALL, &told));
    (shutdown, thread)
}

fn stop((shutdown, thread): Running) {
    shutdown.trigger();
    thread.join().unwrap().unwrap();
}

fn read(
    brokers: &Brokers,
    admin: &Admin,
    topic: &str,
    f: &mut dyn FnMut(&weir_kafka::Message<'_>),
) {
    let info = admin.topics(&[topic]).unwrap().remove(0);
    let mut open = info.partitions.len();
    let from: Vec<(Tp, i64)> = info
        .partitions
        .iter()
        .map(|p| (Tp::new(topic, p.partition), p.low))
        .collect();
    let consumer = Consumer::assigned(brokers, &from).unwrap();
    while open > 0 {
        consumer.poll(Duration::ZERO).unwrap();
        let batch = consumer
            .next(Duration::from_millis(100), Duration::ZERO, 1000)
            .unwrap();
        batch.iter().for_each(|m| f(&m));
        open -= batch.ends().len().min(open);
    }
}

#[test]
fn events_become_aggregates_exactly_once() {
    let _ = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::INFO)
        .with_test_writer()
        .try_init();
    let brokers = Brokers::new(weir_embedded::testing::kafka().address());
    // The shipped catalog keeps no minutes: nobody reads them.
    let mut sources = weir_catalog::Catalog::embedded_sources();
    let file = format!("catalog/{EVENT}.yaml");
    let (_, text) = sources.iter_mut().find(|(f, _)| *f == file).unwrap();
    text.push_str("windows: [1m, 5m, 1h, 1d]\n");
    let catalog = Arc::new(weir_catalog::load_sources(sources).unwrap());
    let mut config = ProcessorConfig {
        kafka: brokers.clone(),
        ..ProcessorConfig::default()
    };
    config.snapshot_cycle = Duration::from_secs(2);
    run_of(&brokers, &catalog, &config.partitions, DEADLINE).unwrap();
    let def = catalog.events.iter().find(|e| e.name == EVENT).unwrap();
    let topic = topics::events(EVENT);
    let schema = RegisteredSchema::new(format!("{topic}-value"), 1, def.schema_json.clone());
    let mut running = start(&config, &catalog);
    // Nobody else registers it: producers count on the processor.
    let registry = SchemaRegistry::open(&brokers, DEADLINE).unwrap();
    let until = Instant::now() + DEADLINE;
    while registry.lookup(SchemaRef::Id(schema.id)).unwrap().as_ref() != Some(&schema) {
        assert!(Instant::now() < until, "the schema is not registered");
        std::thread::sleep(Duration::from_millis(50));
    }
    let encoder = JsonEncoder::new(&def.schema_json).unwrap();
    let out = Appender::new(&brokers).unwrap();
    for p in 0..4 {
        out.send(&topic, Some(p), None, None, &[(headers::REPLAY, b"begin")])
            .unwrap();
    }
    let mut expected: BTreeMap<i64, u64> = BTreeMap::new();
    let mut n = 0u64;
    for minute in 0..MINUTES {
        for i in 0..40 {
            let time = BEGIN + minute * MINUTE + i * 1_000_000;
            let event = json!({
                "event_id": format!("e{n}"), "event_time": time, "tenant": "acme", "source": "test",
                "resource": {"platform": "Linux"}, "engineer": {"email": format!("e{}@acme.example", n % 7), "team": "core"},
                "capability": "sc:test", "duration_ms": 12, "success": !n.is_multiple_of(5),
            });
            let mut body = Vec::new();
            encoder.encode(&event, &mut body).unwrap();
            let value = wire::framed(schema.id, &body);
            let log_time = time.to_string();
            // Every tenth twice: a retry of the producer's.
            for _ in 0..if n.is_multiple_of(10) { 2 } else { 1 } {
                out.send(
                    &topic,
                    Some((n % 4) as i32),
                    None,
                    Some(&value),
                    &[(headers::LOG_TIME, log_time.as_bytes())],
                )
                .unwrap();
            }
            *expected.entry(BEGIN + minute * MINUTE).or_default() += 1;
            n += 1;
        }
        if minute == 5 {
            out.send(&topic, Some(0), None, Some(b"\x09no frame"), &[])
                .unwrap();
            out.send(
                &topic,
                Some(1),
                None,
                Some(b"\0\x7f\x01\x02\x03none such"),
                &[],
            )
            .unwrap();
        }
        out.flush().unwrap();
        std::thread::sleep(Duration::from_millis(100));
        if minute % 12 == 11 {
            stop(running);
            running = start(&config, &catalog);
        }
    }
    // All is over: the player's ticks move every partition past the last window.
    let end = (BEGIN + (MINUTES + 3) * MINUTE).to_string();
    for p in 0..4 {
        let list: &[(&str, &[u8])] = &[
            (headers::TICK, end.as_bytes()),
            (headers::LOG_TIME, end.as_bytes()),
        ];
        out.send(&topic, Some(p), None, None, list).unwrap();
    }
    out.flush().unwrap();

    let admin = Admin::new(&brokers, DEADLINE).unwrap();
    let executions = def
        .measures
        .iter()
        .position(|m| m.name == "executions")
        .unwrap();
    let began = Instant::now();
    let mut seen = BTreeMap::new();
    while seen.len() < expected.len() && began.elapsed() < Duration::from_secs(30) {
        std::thread::sleep(Duration::from_millis(500));
        seen.clear();
        read(&brokers, &admin, topics::AGGREGATES, &mut |m| {
            let block = AggregateBlock::decode(m.value().unwrap()).unwrap();
            for row in block
                .rows
                .into_iter()
                .filter(|r| r.subject.dimensions.is_empty() && r.window == WindowSize::Minute)
            {
                assert_eq!(
                    (row.part, row.subject.tenant.as_str()),
                    (Part::OnTime, "acme")
                );
                let MeasureValue::Count(n) = row.values[executions] else {
                    panic!("{row:?}")
                };
                assert_eq!(
                    seen.insert(row.start.0, n),
                    None,
                    "written twice: {}",
                    row.start.0
                );
            }
        });
    }
    stop(running);
    assert_eq!(seen, expected);
    let mut codes = Vec::new();
    read(&brokers, &admin, topics::DLQ, &mut |m| {
        m.each_header(|name, value| {
            if name == headers::ERROR_CODE {
                codes.push(String::from_utf8(value.to_vec()).unwrap());
            }
        });
    });
    codes.sort();
    assert_eq!(codes, ["WEIR-0002", "WEIR-0003"]);
}
