//! Against the real gateway before a real Kafka.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::time::{Duration, Instant};
use weir_catalog::Catalog;
use weir_embedded::testing::kafka;
use weir_gateway::{Gateway, GatewayConfig, Mappings, Ports};
use weir_http::token::{self, Scope};
use weir_kafka::admin::{Admin, Partitions, Raw, standard};
use weir_kafka::{Brokers, Consumer, Tp};
use weir_runtime::host::Running;
use weir_runtime::{Health, Shutdown};
use weir_sdk::{Client, EngineerRegistered, Envelope, LlmCall, Person, ProductivityRecorded};

const PATIENCE: Duration = Duration::from_secs(60);

/// Records of a topic.
fn records(brokers: &Brokers, event: &str) -> i64 {
    let topic = format!("weir.events.{event}");
    let topics = Admin::new(brokers, PATIENCE)
        .unwrap()
        .topics(&[&topic])
        .unwrap();
    topics[0].partitions.iter().map(|p| p.end - p.low).sum()
}

/// Values of a topic's records with a key, in the order of the log.
fn values_of(brokers: &Brokers, event: &str, key: &[u8]) -> Vec<Vec<u8>> {
    let topic = format!("weir.events.{event}");
    let admin = Admin::new(brokers, PATIENCE).unwrap();
    let topics = admin.topics(&[&topic]).unwrap();
    let parts = topics[0].partitions.iter();
    let from = parts.map(|p| (Tp::new(&*topic, p.partition), p.low));
    let consumer = Consumer::assigned(brokers, &from.collect::<Vec<_>>()).unwrap();
    let (mut left, mut values) = (records(brokers, event), Vec::new());
    let until = Instant::now() + PATIENCE;
    while left > 0 {
        assert!(Instant::now() < until, "{left} records are missing");
        consumer.poll(Duration::ZERO).unwrap();
        let wait = Duration::from_millis(200);
        for m in consumer.next(wait, Duration::ZERO, 100).unwrap().iter() {
            left -= 1;
            if m.key() == Some(key) {
                values.push(m.value().unwrap().to_vec());
            }
        }
    }
    values
}

#[test]
fn what_is_emitted_is_in_kafka() {
    let kafka = kafka();
    let brokers = Brokers::new(kafka.address());
    let catalog = Arc::new(Catalog::embedded().unwrap());
    let names = catalog.events.iter().map(|e| Raw {
        event_type: &e.name,
        low_volume: e.low_volume,
    });
    let topics = standard(names, &Partitions::default());
    Admin::new(&brokers, PATIENCE)
        .unwrap()
        .ensure(&topics, -1)
        .unwrap();
    let (_, token) = token::create(&brokers, "acme", vec![Scope::Write], Some("ci")).unwrap();
    let config = GatewayConfig {
        kafka: brokers.clone(),
        bind: Some("127.0.0.1:0".parse().unwrap()),
        grpc: Some("127.0.0.1:0".parse().unwrap()),
        ..GatewayConfig::default()
    };
    let ports = Ports::take(&config).unwrap();
    let url = format!("http://{}", ports.http().unwrap());
    let mappings = Mappings::shipped().unwrap();
    let gateway = Gateway::new(ports, config, catalog, mappings, None).unwrap();
    let shutdown = Shutdown::new();
    let until = shutdown.clone();
    let served = std::thread::spawn(move || {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let running = Running::new(Health::new(), until, runtime.handle().clone());
        gateway.run(&running).unwrap();
    });

    let client = Client::config()
        .url(url)
        .token(token.expose())
        .disabled(false);
    let client = client.engineer("ada@acme.example", "payments").build();
    for n in 0..1200 {
        let (provider, model) = ("p".into(), "m".into());
        client.llm_call(LlmCall {
            provider,
            model,
            tokens_input: Some(n),
            ..LlmCall::default()
        });
    }
    client.productivity_recorded(ProductivityRecorded {
        commits: Some(3),
        ..ProductivityRecorded::default()
    });
    client.engineer_registered(EngineerRegistered {
        name: Some("Ada".into()),
        ..EngineerRegistered::default()
    });
    drop(client.capability("review"));
    // One that the gateway refuses: its neighbours are taken.
    client.llm_call(LlmCall {
        tokens_input: Some(-1),
        ..LlmCall::default()
    });
    let began = Instant::now();
    assert!(
        client.flush(PATIENCE),
        "{:?} after {:?}",
        client.stats(),
        began.elapsed()
    );
    let stats = client.stats();
    assert_eq!((stats.sent, stats.refused), (1203, 1), "{stats:?}");
    assert_eq!((stats.dropped, stats.lost, stats.queued), (0, 0, 0));
    assert_eq!(records(&brokers, "llm.call"), 1200);
    assert_eq!(records(&brokers, "productivity.recorded"), 1);
    assert_eq!(records(&brokers, "engineer.registered"), 1);
    assert_eq!(records(&brokers, "capability.executed"), 1);
    // Straight to Kafka it is the same record, byte for byte.
    let straight = Client::config().kafka(kafka.address(), "acme");
    let straight = straight.disabled(false).build();
    let at = chrono::Utc::now();
    for client in [&client, &straight] {
        let event = ProductivityRecorded {
            engineer: Some(Person {
                email: "Ada@Acme.example".into(),
                team: "payments".into(),
            }),
            commits: Some(5),
            ..ProductivityRecorded::default()
        };
        let about = Envelope {
            event_id: Some(uuid::Uuid::from_u128(7)),
            event_time: Some(at),
            source: Some("ci-7".into()),
            ..Envelope::default()
        };
        client.emit_with(event, about);
        assert!(client.flush(PATIENCE), "{:?}", client.stats());
    }
    assert_eq!(straight.stats().sent, 1, "{:?}", straight.stats());
    let both = values_of(&brokers, "productivity.recorded", b"ci-7");
    assert_eq!(both.len(), 2);
    assert_eq!(both[0], both[1]);
    shutdown.trigger();
    served.join().unwrap();
}
