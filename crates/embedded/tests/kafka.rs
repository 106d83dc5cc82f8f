//! A real Kafka: what it keeps over a kill, and that it stands up again by itself.
#![allow(clippy::unwrap_used)]

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::{ClientConfig, Message, Offset, TopicPartitionList};
use std::time::{Duration, Instant};
use weir_embedded::{Kafka, KafkaOptions, State};

const WAIT: Duration = Duration::from_secs(60);

fn client(brokers: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", brokers)
        .set("reconnect.backoff.max.ms", "200");
    config
}

fn create_topic(brokers: &str, topic: &str) {
    let admin: AdminClient<DefaultClientContext> = client(brokers).create().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let created = runtime.block_on(admin.create_topics(
        &[NewTopic::new(topic, 1, TopicReplication::Fixed(1))],
        &AdminOptions::new(),
    ));
    created
        .unwrap()
        .into_iter()
        .for_each(|topic| drop(topic.unwrap()));
}

fn produce(brokers: &str, topic: &str, range: std::ops::Range<u32>) {
    let producer: BaseProducer = client(brokers).set("acks", "all").create().unwrap();
    for n in range {
        let (key, value) = (n.to_string(), format!("value {n}"));
        producer
            .send(BaseRecord::to(topic).key(&key).payload(&value))
            .map_err(|(e, _)| e)
            .unwrap();
    }
    producer.flush(WAIT).unwrap();
}

fn consume(brokers: &str, topic: &str, expected: usize) -> Vec<String> {
    let consumer: BaseConsumer = client(brokers).set("group.id", "test").create().unwrap();
    let mut assignment = TopicPartitionList::new();
    assignment
        .add_partition_offset(topic, 0, Offset::Beginning)
        .unwrap();
    consumer.assign(&assignment).unwrap();
    let (mut values, deadline) = (Vec::new(), Instant::now() + WAIT);
    while values.len() < expected && Instant::now() < deadline {
        if let Some(Ok(message)) = consumer.poll(Duration::from_millis(100)) {
            values.push(String::from_utf8_lossy(message.payload().unwrap()).into_owned());
        }
    }
    values
}

fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + WAIT;
    while !condition() {
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn values(range: std::ops::Range<u32>) -> Vec<String> {
    range.map(|n| format!("value {n}")).collect()
}

#[test]
fn keeps_its_messages_over_a_kill_and_a_restart() {
    // As a user may name a folder.
    let dir = tempfile::Builder::new()
        .prefix("größer als ")
        .tempdir()
        .unwrap();
    let started = Instant::now();
    let kafka = Kafka::start(&KafkaOptions::new(dir.path())).unwrap();
    println!("first start: {:?}", started.elapsed());
    let brokers = kafka.address().to_owned();
    create_topic(&brokers, "kept");
    produce(&brokers, "kept", 0..500);

    // Killed: it comes back by itself, where it was.
    let first = kafka.pid().unwrap();
    let killed = Instant::now();
    unsafe { libc::kill(first as i32, libc::SIGKILL) };
    wait_until("a restart", || {
        kafka.status().restarts == 1 && kafka.status().state == State::Ready
    });
    println!("back after a kill: {:?}", killed.elapsed());
    assert_ne!(kafka.pid().unwrap(), first);
    assert_eq!(consume(&brokers, "kept", 500), values(0..500));
    produce(&brokers, "kept", 500..600);

    // Stopped in order, started by another: same cluster, same address.
    let cluster = kafka.cluster_id().to_owned();
    let stopping = Instant::now();
    kafka.stop();
    println!("stop: {:?}", stopping.elapsed());
    assert_eq!(kafka.status().state, State::Stopped);
    assert_eq!(kafka.pid(), None);
    let restarted = Instant::now();
    let kafka = Kafka::start(&KafkaOptions::new(dir.path())).unwrap();
    println!("start on existing data: {:?}", restarted.elapsed());
    assert_eq!(
        (kafka.address(), kafka.cluster_id()),
        (brokers.as_str(), cluster.as_str())
    );
    assert_eq!(consume(&brokers, "kept", 600), values(0..600));
}

/// The Java machine whose command line names this directory.
fn java_in(dir: &std::path::Path) -> Option<i32> {
    let wanted = dir.join("kafka/server.properties");
    let wanted = wanted.to_string_lossy().into_owned();
    let running = std::fs::read_dir("/proc").unwrap().flatten();
    let pids = running.filter_map(|e| e.file_name().to_string_lossy().parse::<i32>().ok());
    let mut ours = pids.filter(|pid| {
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&line).contains(&wanted)
    });
    ours.next()
}

#[test]
fn one_that_dies_while_it_starts_is_started_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().canonicalize().unwrap();
    let starting = std::thread::spawn({
        let path = path.clone();
        move || Kafka::start(&KafkaOptions::new(path))
    });
    wait_until("a first try", || java_in(&path).is_some());
    unsafe { libc::kill(java_in(&path).unwrap(), libc::SIGKILL) };
    let kafka = starting.join().unwrap().unwrap();
    assert_eq!(kafka.status().restarts, 1);
    assert_eq!(kafka.status().state, State::Ready);
    assert!(kafka.status().last_end.is_some());
}

#[test]
fn refuses_a_port_that_is_taken() {
    let dir = tempfile::tempdir().unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = Some(listener.local_addr().unwrap().port());
    let error = Kafka::start(&KafkaOptions {
        port,
        ..KafkaOptions::new(dir.path())
    })
    .map(drop)
    .unwrap_err();
    assert_eq!(error.code(), weir_model::codes::PORT_TAKEN, "{error}");
}

#[test]
fn transactions_commit_and_unknown_topics_stay_unknown() {
    let brokers = weir_embedded::testing::kafka().address();
    create_topic(brokers, "transactions");
    let producer: BaseProducer = client(brokers)
        .set("transactional.id", "t")
        .create()
        .unwrap();
    producer.init_transactions(WAIT).unwrap();
    for commit in [true, false, true] {
        producer.begin_transaction().unwrap();
        producer
            .send(BaseRecord::<(), _>::to("transactions").payload(&format!("{commit}")))
            .map_err(|(e, _)| e)
            .unwrap();
        producer.flush(WAIT).unwrap();
        if commit {
            producer.commit_transaction(WAIT).unwrap()
        } else {
            producer.abort_transaction(WAIT).unwrap()
        }
    }
    assert_eq!(consume(brokers, "transactions", 2), ["true", "true"]);

    let consumer: BaseConsumer = client(brokers)
        .set("allow.auto.create.topics", "true")
        .create()
        .unwrap();
    let metadata = consumer
        .fetch_metadata(Some("never-created"), WAIT)
        .unwrap();
    assert!(metadata.topics()[0].error().is_some());
}

/// A broker that comes back ends what timed out while it was away: a transaction that it only
/// forgets would hide all that is written behind it (KAFKA-20734).
#[test]
fn a_transaction_that_a_killed_broker_left_open_is_ended() {
    let dir = tempfile::tempdir().unwrap();
    let kafka = Kafka::start(&KafkaOptions {
        // Looked for all the time, so that some are found before the partitions have a leader
        // again.
        settings: vec![(
            "transaction.abort.timed.out.transaction.cleanup.interval.ms".into(),
            "5".into(),
        )],
        ..KafkaOptions::new(dir.path())
    })
    .unwrap();
    let brokers = kafka.address();
    create_topic(brokers, "left-open");
    let open = (0..8).map(|n| {
        let producer: BaseProducer = client(brokers)
            .set("transactional.id", format!("left-open-{n}"))
            .set("transaction.timeout.ms", "2000")
            .create()
            .unwrap();
        producer.init_transactions(WAIT).unwrap();
        producer.begin_transaction().unwrap();
        let record = BaseRecord::<(), _>::to("left-open").payload("never committed");
        producer.send(record).map_err(|(e, _)| e).unwrap();
        producer.flush(WAIT).unwrap();
        producer
    });
    let open: Vec<BaseProducer> = open.collect();

    unsafe { libc::kill(kafka.pid().unwrap() as i32, libc::SIGKILL) };
    wait_until("a restart", || {
        kafka.status().restarts == 1 && kafka.status().state == State::Ready
    });
    drop(open);
    produce(brokers, "left-open", 0..1);
    assert_eq!(consume(brokers, "left-open", 1), values(0..1));
}
