//! From Kafka's topics to ClickHouse's views, with a real Kafka and the real engine.
#![allow(clippy::unwrap_used, missing_docs)]

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use weir_kafka::admin::{Admin, Partitions, standard};
use weir_kafka::{Appender, Brokers};
use weir_model::records::{
    Aggregate, AggregateBlock, Alert, AlertState, Anomaly, Kpi, Late, MeasureValue, Momentum, Part,
    Status, Subject,
};
use weir_model::schemas::RegisteredSchema;
use weir_model::{Fixed, Micros, WindowSize, avro, headers, topics, wire};
use weir_runtime::Shutdown;
use weir_sink::{Sink, SinkConfig};
use weir_store::{Store, StoreConfig};

const T: i64 = 1_790_000_000_000_000 / 3_600_000_000 * 3_600_000_000;

fn subject() -> Subject {
    Subject {
        tenant: "acme".into(),
        dimensions: vec![("team".into(), "core".into())],
    }
}

async fn wait_for(store: &Store, sql: &str, want: &str) {
    let until = Instant::now() + Duration::from_secs(30);
    loop {
        let got = store.scalar(sql, &[]).await;
        match got {
            Ok(Some(v)) if v == want => return,
            other => assert!(Instant::now() < until, "{sql}: {other:?}, not {want}"),
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_arrives_once() {
    let catalog = Arc::new(
        weir_catalog::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas")).unwrap(),
    );
    let brokers = Brokers::new(weir_embedded::testing::kafka().address().to_string());
    let names: Vec<&str> = catalog.events.iter().map(|e| e.name.as_str()).collect();
    let admin = Admin::new(&brokers, Duration::from_secs(20)).unwrap();
    admin
        .ensure(&standard(names, &Partitions::default()), 1)
        .unwrap();
    let out = Appender::new(&brokers).unwrap();
    let send = |topic: &str, value: &[u8], headers: &[(&str, &[u8])]| {
        out.send(topic, Some(0), Some(b"k"), Some(value), headers)
            .unwrap();
    };

    let event = catalog
        .events
        .iter()
        .find(|e| e.name == "llm.call")
        .unwrap();
    let schema = RegisteredSchema::new("weir.events.llm.call-value", 1, event.schema_json.clone());
    out.send(
        topics::SCHEMAS,
        None,
        Some(schema.key().as_bytes()),
        Some(&schema.encode().unwrap()),
        &[],
    )
    .unwrap();
    for n in 0..50 {
        let body = avro::encode_json(
            &event.schema_json,
            &serde_json::json!({
                "event_id": format!("e{n}"), "event_time": T + n, "tenant": "acme", "source": "test",
                "resource": {"platform": "Linux"}, "engineer": {"email": "ada", "team": "core"},
                "provider": "p", "model": "m", "tokens_input": n, "latency_ms": 1.5,
            }),
        )
        .unwrap();
        send("weir.events.llm.call", &wire::framed(schema.id, &body), &[]);
    }
    send("weir.events.llm.call", b"\x07garbage", &[]);
    out.send(
        "weir.events.llm.call",
        Some(0),
        None,
        None,
        &[(headers::TICK, b"5")],
    )
    .unwrap();

    let row = |calls: u64, part| Aggregate {
        subject: subject(),
        window: if part == Part::OnTime {
            WindowSize::Hour
        } else {
            WindowSize::Minute
        },
        start: Micros(T),
        end: Micros(T + 3_600_000_000),
        part,
        values: vec![
            MeasureValue::Count(calls),
            MeasureValue::Sum(Fixed::from_int(3)),
        ],
    };
    let block = |run, rows| AggregateBlock {
        event: "llm.call".into(),
        catalog: catalog.hash,
        run,
        // Fewer measures than the table has, and in another order.
        measures: vec!["calls".into(), "cost".into()],
        rows,
    };
    let late = Part::Late {
        partition: 1,
        offset: 2,
        row: 3,
    };
    for b in [
        block(1, vec![row(40, Part::OnTime), row(2, late)]),
        block(1, vec![row(2, late)]),
        block(9, vec![]),
    ] {
        let mut bytes = Vec::new();
        b.encode(&mut bytes).unwrap();
        send(topics::AGGREGATES, &bytes, &[]);
    }
    let anomaly = |early| Anomaly {
        id: "a1".into(),
        run: 1,
        catalog: catalog.hash,
        detector: "d".into(),
        version: 1,
        kind: "limit".into(),
        severity: "high".into(),
        event: "llm.call".into(),
        subject: subject(),
        window: "1h".into(),
        start: Micros(T),
        end: Micros(T + 3_600_000_000),
        value: 2.0,
        expected: 1.0,
        score: 2.0,
        crosses_at: Some(Micros(T + 7_200_000_000)),
        crosses_from: Some(Micros(T + 3_600_000_000)),
        crosses_to: None,
        early,
        revision: 1,
    };
    // The early one again after the final one, as from a zombie.
    for early in [true, false, true] {
        let mut bytes = Vec::new();
        anomaly(early).encode(&mut bytes);
        send(topics::ANOMALIES, &bytes, &[]);
    }
    let kpi = Kpi {
        id: "k1".into(),
        run: 1,
        catalog: catalog.hash,
        kpi: "k".into(),
        version: 1,
        subject: subject(),
        window: "1h".into(),
        start: Micros(T),
        end: Micros(T + 3_600_000_000),
        value: Some(1.25),
        score: None,
        status: Status::OnTarget,
        momentum: Momentum::Stable,
        sample: None,
        coverage: Some(0.5),
        terms: vec![("x".into(), Some(5.0)), ("y".into(), None)],
        revision: 4,
    };
    let mut bytes = Vec::new();
    kpi.encode(&mut bytes);
    send(topics::KPIS, &bytes, &[]);
    let alert = |step, state| Alert {
        id: "l1".into(),
        run: 1,
        catalog: catalog.hash,
        rule: "r".into(),
        version: 1,
        kind: "threshold".into(),
        severity: "high".into(),
        subject: subject(),
        state,
        step,
        opened: Micros(T),
        at: Micros(T + i64::from(step)),
        value: Some(3.0),
        threshold: None,
        worst: None,
        windows: 2,
        impact: "i".into(),
        action: "a".into(),
        reopenings: 1,
        r#type: "sla_breach".into(),
        priority: "P1".into(),
        metric: "burn_1h".into(),
        unit: "percent".into(),
        component: "checkout".into(),
        client: "globex".into(),
        group: "g".into(),
        group_key: "r{tenant=acme}".into(),
        conditions: vec![("burn_1h".into(), Some(1.5)), ("burn_5m".into(), None)],
        failing: "burn_1h".into(),
        revision: 1,
    };
    for (step, state) in [
        (0, AlertState::Open),
        (2, AlertState::Resolve),
        (1, AlertState::Update),
    ] {
        let mut bytes = Vec::new();
        alert(step, state).encode(&mut bytes);
        send(topics::ALERTS, &bytes, &[]);
    }
    let mut bytes = Vec::new();
    Late {
        run: 1,
        topic: "t".into(),
        partition: 0,
        first_offset: 1,
        last_offset: 9,
        events: 7,
        earliest: Micros(T),
        watermark: Micros(T + 60_000_000),
        tenant: "acme".into(),
    }
    .encode(&mut bytes);
    send(topics::LATE, &bytes, &[]);
    send(
        topics::DLQ,
        b"\x07garbage",
        &[
            (headers::ERROR_CODE, b"WEIR-0002"),
            (headers::ERROR_MESSAGE, b"no magic"),
            (headers::SOURCE_TOPIC, b"weir.events.llm.call"),
            (headers::SOURCE_PARTITION, b"0"),
            (headers::SOURCE_OFFSET, b"50"),
            (headers::TENANT, b"acme"),
            // The record's own, not ours.
            (headers::TENANT, b"globex"),
        ],
    );
    out.flush().unwrap();

    let store_config = StoreConfig::at(weir_embedded::testing::clickhouse().url());
    let store = Store::new(&store_config);
    let start = || {
        let shutdown = Shutdown::new();
        let sink = Sink::new(
            SinkConfig::new(brokers.clone(), store_config.clone()),
            catalog.clone(),
        );
        (
            shutdown.clone(),
            sink.clone(),
            tokio::spawn(sink.run(shutdown)),
        )
    };
    let (shutdown, sink, task) = start();
    wait_for(&store, "SELECT count() FROM llm_call_events", "50").await;
    wait_for(
        &store,
        "SELECT sum(tokens_input) FROM llm_call_events WHERE resource['platform'] = 'Linux'",
        "1225",
    )
    .await;
    wait_for(
        &store,
        "SELECT concat(toString(calls), ' ', toString(cost)) FROM llm_call_1h WHERE team = 'core'",
        "42 6",
    )
    .await;
    wait_for(
        &store,
        "SELECT concat(toString(count()), toString(any(early)), ' ', toString(any(dateDiff('second', window_end, crosses_at))), ' ', toString(count(crosses_to))) FROM anomalies",
        "1false 3600 0",
    )
    .await;
    wait_for(
        &store,
        "SELECT concat(toString(value), toString(terms['x'])) FROM kpis",
        "1.255",
    )
    .await;
    wait_for(
        &store,
        "SELECT concat(state, toString(step)) FROM alerts",
        "resolve2",
    )
    .await;
    wait_for(
        &store,
        "SELECT concat(tenant, toString(events)) FROM late",
        "acme7",
    )
    .await;
    wait_for(
        &store,
        "SELECT concat(code, ' ', toString(offset), ' ', tenant) FROM dead_letters",
        "WEIR-0002 50 acme",
    )
    .await;
    assert_eq!(sink.trouble(), None);
    shutdown.trigger();
    task.await.unwrap().unwrap();

    // A second life goes on where the first one committed: what it reads is what came since.
    store.execute("TRUNCATE TABLE alerts_log").await.unwrap();
    let mut bytes = Vec::new();
    Alert {
        id: "l2".into(),
        ..alert(0, AlertState::Open)
    }
    .encode(&mut bytes);
    send(topics::ALERTS, &bytes, &[]);
    out.flush().unwrap();
    let (shutdown, _, task) = start();
    wait_for(
        &store,
        "SELECT arrayStringConcat(groupArray(id)) FROM alerts",
        "l2",
    )
    .await;
    shutdown.trigger();
    task.await.unwrap().unwrap();
}
