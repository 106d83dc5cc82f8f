//! A real Kafka: what it keeps over a kill, and that it stands up again by itself.
#![allow(clippy::unwrap_used)]

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer, ProducerContext};
use rdkafka::{ClientConfig, Message, Offset, TopicPartitionList};
use std::time::{Duration, Instant};
use weir_embedded::{Kafka, KafkaOptions, Secrets, State, sasl};

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

/// Whether a call was refused for want of rights.
fn refused(e: &str) -> bool {
    e.to_lowercase().contains("authorization failed")
}

/// What an admin's call came to, in words where it failed.
fn deleted(config: &ClientConfig, topic: &str) -> Result<(), String> {
    let admin: AdminClient<DefaultClientContext> = config.create().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let asked = runtime.block_on(admin.delete_topics(&[topic], &AdminOptions::new()));
    match asked.unwrap().remove(0) {
        Ok(_) => Ok(()),
        Err((_, e)) => Err(rdkafka::error::KafkaError::AdminOp(e).to_string()),
    }
}

/// Sends one record, in a transaction if there is an id; what the broker said of it.
fn sent(config: &ClientConfig, topic: &str, id: Option<&str>) -> Result<(), String> {
    let mut config = config.clone();
    config.set("message.timeout.ms", "20000");
    if let Some(id) = id {
        config.set("transactional.id", id);
    }
    let told = Told::default();
    let producer: BaseProducer<Told> = config.create_with_context(told.clone()).unwrap();
    let text = |e: rdkafka::error::KafkaError| e.to_string();
    if id.is_some() {
        producer.init_transactions(WAIT).map_err(text)?;
        producer.begin_transaction().map_err(text)?;
    }
    let record = BaseRecord::<(), _>::to(topic).payload("an event");
    producer.send(record).map_err(|(e, _)| text(e))?;
    producer.flush(WAIT).map_err(text)?;
    if let Some(e) = told.0.lock().unwrap().take() {
        return Err(e);
    }
    match id {
        Some(_) => producer.commit_transaction(WAIT).map_err(text),
        None => Ok(()),
    }
}

/// What was said of the last record, where it did not arrive.
#[derive(Clone, Default)]
struct Told(std::sync::Arc<std::sync::Mutex<Option<String>>>);

impl rdkafka::ClientContext for Told {}
impl ProducerContext for Told {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, _: ()) {
        if let Err((e, _)) = result {
            *self.0.lock().unwrap() = Some(e.to_string());
        }
    }
}

#[test]
fn without_the_secret_events_are_written_and_nothing_else_is_touched() {
    let dir = tempfile::tempdir().unwrap();
    // Data of an earlier version, without a secret, goes on.
    let before = Kafka::start(&KafkaOptions::new(dir.path())).unwrap();
    create_topic(before.address(), "weir.events.a");
    produce(before.address(), "weir.events.a", 0..3);
    let address = before.address().to_owned();
    before.stop();
    drop(before);

    let secret = Secrets::open_or_create(dir.path()).unwrap().kafka;
    let options = KafkaOptions {
        secret: Some(secret.clone()),
        ..KafkaOptions::new(dir.path())
    };
    let kafka = Kafka::start(&options).unwrap();
    assert_eq!(kafka.address(), address, "producers know the address");
    let own_address = kafka.own_address();
    assert_ne!(own_address, address);
    let open = client(kafka.address());
    let mut own = client(&own_address);
    for (name, value) in sasl(&secret) {
        own.set(name, value);
    }
    let admin: AdminClient<DefaultClientContext> = own.create().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let topic = NewTopic::new("weir.state", 1, TopicReplication::Fixed(1));
    let made = runtime.block_on(admin.create_topics(&[topic], &AdminOptions::new()));
    made.unwrap().remove(0).unwrap();

    // A producer: plain, idempotent, in transactions.
    sent(&open, "weir.events.a", None).unwrap();
    let mut idempotent = open.clone();
    idempotent.set("enable.idempotence", "true");
    sent(&idempotent, "weir.events.a", None).unwrap();
    sent(&open, "weir.events.a", Some("a-producer")).unwrap();
    assert_eq!(consume(kafka.address(), "weir.events.a", 6).len(), 6);

    // What is weir's own.
    for error in [
        sent(&open, "weir.state", None),
        sent(&open, "weir.events.a", Some("weir-combine-r1-up-0")),
        deleted(&open, "weir.events.a"),
        deleted(&open, "weir.state"),
    ] {
        let error = error.unwrap_err();
        assert!(refused(&error), "{error}");
    }
    let member: BaseConsumer = open.clone().set("group.id", "weir-sink").create().unwrap();
    member.subscribe(&["weir.events.a"]).unwrap();
    let deadline = Instant::now() + WAIT;
    loop {
        assert!(Instant::now() < deadline, "a group of weir's is joined");
        if let Some(Err(e)) = member.poll(Duration::from_millis(100))
            && refused(&e.to_string())
        {
            break;
        }
    }
    // Nor the second port, with another secret.
    let mut guessed = own.clone();
    guessed.set("sasl.password", "0".repeat(64));
    let guesser: BaseConsumer = guessed.create().unwrap();
    assert!(
        guesser
            .fetch_metadata(None, Duration::from_secs(3))
            .is_err()
    );

    // With it, also after a kill.
    sent(&own, "weir.state", Some("weir-combine-r1-up-0")).unwrap();
    unsafe { libc::kill(kafka.pid().unwrap() as i32, libc::SIGKILL) };
    wait_until("a restart", || {
        kafka.status().restarts == 1 && kafka.status().state == State::Ready
    });
    sent(&own, "weir.state", None).unwrap();
    assert!(refused(&sent(&open, "weir.state", None).unwrap_err()));
    sent(&open, "weir.events.a", None).unwrap();
    deleted(&own, "weir.state").unwrap();
}
