//! A Kafka of our own with weir's topics, its log filled, and what groups have read of it.

use crate::child::{self, Child, Usage};
use crate::generate::{EVENT, Generator, Spec};
use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use weir_catalog::Catalog;
use weir_embedded::{ClickHouse, ClickHouseOptions, EngineProgram, Kafka, KafkaOptions};
use weir_kafka::admin::{self, Admin, Partitions};
use weir_kafka::{Brokers, Consumer, SchemaRegistry, Tp};
use weir_model::records::{AggregateReader, Part, ValueRef};
use weir_model::schemas::RegisteredSchema;
use weir_model::{Micros, WindowSize, topics};

/// Limit of calls to the broker.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// What the stages do with the log.
#[derive(Debug, Clone, Copy, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Work {
    /// Five rollups in windows of one size, de-duplication; a KPI and an alert, so that every stage
    /// takes part.
    Plain,
    /// The same in windows of four sizes, with an early limit and a z-score.
    Judged,
}

impl Work {
    /// The name of its schemas.
    fn name(self) -> &'static str {
        match self {
            Work::Plain => "plain",
            Work::Judged => "judged",
        }
    }
}

/// The catalog of the benchmark.
pub fn catalog(work: Work) -> Result<Arc<Catalog>> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("schemas")
        .join(work.name());
    let catalog =
        weir_catalog::load(&dir).with_context(|| format!("the catalog in {}", dir.display()))?;
    Ok(Arc::new(catalog))
}

/// The schema that events are written with.
pub fn schema(catalog: &Catalog) -> RegisteredSchema {
    RegisteredSchema::new(
        format!("{}-value", topics::events(EVENT)),
        1,
        &catalog.events[0].schema_json,
    )
}

/// A running Kafka on a directory that is removed with it.
pub struct System {
    /// Where Kafka is.
    pub brokers: Brokers,
    kafka: Kafka,
    dir: tempfile::TempDir,
}

impl System {
    /// Starts Kafka and creates every topic. The raw topic takes the log times that its records are
    /// written with, so that a history of minutes can be written in seconds.
    pub fn start(catalog: &Catalog, partitions: &Partitions) -> Result<System> {
        let dir = tempfile::Builder::new().prefix("weir-bench-").tempdir()?;
        let kafka = Kafka::start(&KafkaOptions::new(dir.path()))?;
        let brokers = Brokers::new(kafka.address());
        let mut specs = admin::standard([EVENT], partitions);
        for spec in specs.iter_mut().filter(|s| s.name == topics::events(EVENT)) {
            spec.config.retain(|(k, _)| k != "message.timestamp.type");
            spec.config
                .push(("message.timestamp.type".into(), "CreateTime".into()));
        }
        Admin::new(&brokers, DEADLINE)?.ensure(&specs, partitions.replication)?;
        SchemaRegistry::open(&brokers, DEADLINE)?.register(&schema(catalog))?;
        Ok(System {
            brokers,
            kafka,
            dir,
        })
    }

    /// CPU time of the broker so far, seconds.
    pub fn broker_cpu(&self) -> Result<f64> {
        child::cpu_of(self.kafka.pid().context("Kafka does not run")?)
    }

    /// Starts the ClickHouse engine beside it: a program of its own, as the engine's library brings
    /// its own allocator.
    pub fn clickhouse(&self) -> Result<ClickHouse> {
        let program = beside("weir-clickhouse-engine")?;
        Ok(ClickHouse::start(&ClickHouseOptions {
            program: Some(EngineProgram {
                program,
                arguments: Vec::new(),
                environment: Vec::new(),
            }),
            ..ClickHouseOptions::new(self.dir.path())
        })?)
    }

    /// Writes `events` records, at most `batch` in each of the log's batches; how many of them
    /// count.
    pub fn fill(&self, catalog: &Catalog, spec: &Spec, events: u64, batch: u32) -> Result<u64> {
        // A broker answers the requests of a connection one after the other.
        let producer = |_| producer(&self.brokers, batch);
        let producers: Vec<_> = (0..4).map(producer).collect::<Result<_>>()?;
        let topic = topics::events(EVENT);
        let mut generator = Generator::new(spec.clone(), schema(catalog).id, 1);
        for _ in 0..events {
            let made = generator.next();
            let record = BaseRecord::<[u8], [u8]>::to(&topic)
                .partition(made.partition as i32)
                .payload(made.value)
                .timestamp(made.log_time.0 / 1000);
            put(
                &producers[made.partition as usize % producers.len()],
                record,
            )?;
        }
        for producer in &producers {
            producer.flush(Duration::from_secs(60))?;
        }
        Ok(generator.distinct)
    }

    /// Waits until the stages have read everything and closed every window, then compares the count
    /// of events in the results with `expected`: each exactly once.
    pub fn settled(&self, stages: &mut Child, expected: u64) -> Result<()> {
        let raw = topics::events(EVENT);
        let groups = [
            ("weir-combine-r1", raw.as_str()),
            ("weir-window-r1", topics::PARTIALS),
            ("weir-score-r1", topics::TERMS),
        ];
        let admin = Admin::new(&self.brokers, DEADLINE)?;
        let readers: Vec<Committed> = groups
            .iter()
            .map(|(g, t)| Committed::new(&self.brokers, g, t, &admin))
            .collect::<Result<_>>()?;
        let mut last: (Vec<i64>, Instant) = (Vec::new(), Instant::now());
        child::until(
            "reading the log",
            Duration::from_secs(600),
            Duration::from_millis(200),
            || {
                stages.check()?;
                let ends: i64 = ends(&admin, &raw)?.iter().sum();
                let mut now = vec![ends, self::ends(&admin, topics::AGGREGATES)?.iter().sum()];
                for r in &readers {
                    now.push(r.read()?.iter().sum());
                }
                let done = now[2] >= ends;
                if now != last.0 || !done {
                    last = (now, Instant::now());
                }
                Ok(last.1.elapsed() > Duration::from_secs(3))
            },
        )?;
        let counted = self.counted()?;
        if counted != expected {
            bail!("the results count {counted} events, the log holds {expected}");
        }
        Ok(())
    }

    /// Events in the results, over all: one-minute windows and late parts of the rollup without
    /// dimensions.
    pub fn counted(&self) -> Result<u64> {
        let mut sum = 0;
        read_all(&self.brokers, topics::AGGREGATES, &mut |value| {
            let mut block = AggregateReader::new(value)?;
            let over_all = block.rollups.iter().position(Vec::is_empty);
            while let Some(row) = block.next_row()? {
                let once = row.window == WindowSize::Minute || !matches!(row.part, Part::OnTime);
                if Some(row.rollup) == over_all
                    && once
                    && let Some(ValueRef::Count(n)) = row.values().next()
                {
                    sum += n;
                }
            }
            Ok(())
        })?;
        Ok(sum)
    }
}

/// A log that begins days ago, on a full hour: all its windows close when the log is quiet.
pub fn history(engineers: u64, partitions: u32) -> Spec {
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |d| d.as_micros() as i64);
    let start = Micros(now)
        .minus(Micros(3 * Micros::DAY.0))
        .floor(Micros::DAY)
        .plus(Micros(9 * Micros::HOUR.0));
    Spec {
        engineers,
        partitions,
        start,
        rate: 10_000,
    }
}

/// A producer that keeps the order and the given times.
fn producer(brokers: &Brokers, batch: u32) -> Result<BaseProducer> {
    let mut config = brokers.config();
    config
        .set("enable.idempotence", "true")
        .set("linger.ms", "20")
        .set("compression.type", "lz4")
        .set("batch.size", "1000000")
        .set("batch.num.messages", batch.to_string())
        // As many as can be under way: while more wait, the library's thread does not sleep, and
        // takes the broker's time.
        .set(
            "queue.buffering.max.messages",
            batch.saturating_mul(5).min(125_000).to_string(),
        );
    Ok(config.create()?)
}

/// Queues a record, waiting where the queue is full.
pub fn put(producer: &BaseProducer, mut record: BaseRecord<'_, [u8], [u8]>) -> Result<()> {
    loop {
        match producer.send(record) {
            Ok(()) => return Ok(()),
            Err((e, back)) if e.rdkafka_error_code() == Some(RDKafkaErrorCode::QueueFull) => {
                record = back;
                producer.poll(Duration::ZERO);
                std::thread::sleep(Duration::from_micros(200));
            }
            Err((e, _)) => return Err(e.into()),
        }
    }
}

/// Ends of a topic's partitions.
pub fn ends(admin: &Admin, topic: &str) -> Result<Vec<i64>> {
    let found = admin.topics(&[topic])?;
    Ok(found
        .iter()
        .flat_map(|t| &t.partitions)
        .map(|p| p.end)
        .collect())
}

/// All values of a topic, partition by partition, as far as they are committed now.
pub fn read_all(
    brokers: &Brokers,
    topic: &str,
    each: &mut dyn FnMut(&[u8]) -> Result<()>,
) -> Result<()> {
    let ends = ends(&Admin::new(brokers, DEADLINE)?, topic)?;
    let from: Vec<(Tp, i64)> = (0..ends.len())
        .map(|p| (Tp::new(topic, p as i32), 0))
        .collect();
    let consumer = Consumer::assigned(brokers, &from)?;
    let mut left: BTreeMap<i32, i64> = ends
        .iter()
        .enumerate()
        .filter(|(_, e)| **e > 0)
        .map(|(p, e)| (p as i32, *e))
        .collect();
    while !left.is_empty() {
        let batch = consumer.next(Duration::from_secs(5), Duration::ZERO, 1000)?;
        if batch.is_empty() && batch.ends().is_empty() {
            bail!("{topic} cannot be read to its end");
        }
        for m in batch.iter() {
            if let Some(value) = m.value() {
                each(value)?;
            }
        }
        for end in batch.ends() {
            left.remove(&end.partition);
        }
    }
    Ok(())
}

/// Asks how far a group has committed.
pub struct Committed {
    reader: BaseConsumer,
    topic: String,
    partitions: usize,
}

impl Committed {
    /// Of one topic.
    pub fn new(brokers: &Brokers, group: &str, topic: &str, admin: &Admin) -> Result<Committed> {
        let reader = brokers.config().set("group.id", group).create()?;
        Ok(Committed {
            reader,
            topic: topic.to_owned(),
            partitions: ends(admin, topic)?.len(),
        })
    }

    /// Offsets by partition; 0 where nothing was committed.
    pub fn read(&self) -> Result<Vec<i64>> {
        let mut list = TopicPartitionList::new();
        list.add_partition_range(&self.topic, 0, self.partitions as i32 - 1);
        let found = self
            .reader
            .committed_offsets(list, Duration::from_secs(10))?;
        Ok(found
            .elements()
            .iter()
            .map(|e| {
                if let Offset::Offset(o) = e.offset() {
                    o
                } else {
                    0
                }
            })
            .collect())
    }
}

/// A program that is built with this one.
pub fn beside(name: &str) -> Result<PathBuf> {
    let program = std::env::current_exe()?.with_file_name(name);
    if !program.is_file() {
        bail!("{} is missing: run load-tests/bench/run", program.display());
    }
    Ok(program)
}

/// Starts the three stages as a process.
pub fn stages(brokers: &Brokers, work: Work) -> Result<Child> {
    let brokers = &brokers.bootstrap;
    Child::start(&["stages", "--work", work.name(), "--brokers", brokers])
}

/// Counts the records of the raw topic with the stages' own consumer and nothing else.
pub fn consume(brokers: &Brokers) -> Result<(Usage, u64)> {
    let (usage, printed) = Child::start(&["consume", "--brokers", &brokers.bootstrap])?.wait()?;
    Ok((
        usage,
        printed.trim().parse().context("the number of records")?,
    ))
}

/// The URL of an engine with what opens it, for a child of the benchmark.
pub fn opened(clickhouse: &ClickHouse) -> String {
    let secret = clickhouse.secrets().write.expose();
    let user = format!("://{}:{secret}@", weir_embedded::USER);
    clickhouse.url().replacen("://", &user, 1)
}
