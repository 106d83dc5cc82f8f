//! Writes events to the raw topics in transactions, with the source's ledger entry in each: what is in the log
//! and what the ledger says can never differ, wherever the process dies.

use crate::Outgoing;
use crate::ledger::{Entry, Progress};
use anyhow::{Context, Result, anyhow};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use std::collections::HashMap;
use std::time::{Duration, Instant};
use weir_events::Event;
use weir_kafka::admin::Admin;
use weir_kafka::{Brokers, Logged};
use weir_model::{Micros, headers, topics};

/// Longest time a transaction of an importer stays open.
const COMMIT_INTERVAL: Duration = Duration::from_millis(250);
/// Deadline of a call to the broker.
const DEADLINE: Duration = Duration::from_secs(30);

/// Reads the ledger entries: `(key, entry)`.
pub fn read_ledger(brokers: &Brokers) -> Result<HashMap<String, Progress>> {
    let mut out = HashMap::new();
    for (key, value) in weir_kafka::compacted::read_all(brokers, topics::IMPORTS, DEADLINE)? {
        let entry: Entry = serde_json::from_slice(&value).with_context(|| {
            format!(
                "ledger entry {} is not readable",
                String::from_utf8_lossy(&key)
            )
        })?;
        out.insert(entry.key, entry.progress);
    }
    Ok(out)
}

/// A transactional producer for one source. A second one with the same key fences this one.
pub struct Publisher {
    producer: BaseProducer<Logged>,
    key: String,
    open: Option<Instant>,
    partitions: HashMap<String, i32>,
    sent: u64,
}

impl Publisher {
    /// Connects. `key` is the ledger key of the source.
    pub fn new(brokers: &Brokers, key: &str) -> Result<Publisher> {
        let producer: BaseProducer<Logged> = brokers
            .config()
            .set("transactional.id", format!("weir-import-{key}"))
            .set("transaction.timeout.ms", "30000")
            .set("compression.codec", "lz4")
            .set("linger.ms", "5")
            .set("retry.backoff.ms", "5")
            .set("queue.buffering.max.messages", "500000")
            .set("partitioner", "murmur2_random")
            .create_with_context(Logged)
            .context("cannot make a producer")?;
        producer.init_transactions(DEADLINE).map_err(|e| {
            anyhow!(
                "WEIR-0205: no broker answers at {} ({e}); is weir up?",
                brokers.bootstrap
            )
        })?;
        Ok(Publisher {
            producer,
            key: key.to_owned(),
            open: None,
            partitions: HashMap::new(),
            sent: 0,
        })
    }

    /// Records written so far.
    pub fn sent(&self) -> u64 {
        self.sent
    }

    /// Publishes an event as a live producer would.
    pub fn event<'a>(&mut self, event: &impl Event<'a>) -> Result<()> {
        self.record(&Outgoing::of(event))
    }

    /// Publishes a record.
    pub fn record(&mut self, r: &Outgoing) -> Result<()> {
        let mut h = None;
        if let Some(t) = r.log_time {
            h = Some(header(h, headers::LOG_TIME, &t.0.to_string()));
        }
        if let Some(t) = r.tick {
            h = Some(header(h, headers::TICK, &t.0.to_string()));
        }
        let (key, value) = (Some(r.key.as_slice()), r.value.as_deref());
        self.send(
            &r.topic,
            r.partition,
            key.filter(|k| !k.is_empty()),
            value,
            h,
        )
    }

    /// Writes a mark of the player into every partition of the raw topics.
    pub fn mark(&mut self, raw_topics: &[String], mark: headers::Mark) -> Result<()> {
        let value = match mark {
            headers::Mark::Begin => "begin",
            headers::Mark::End => "end",
        };
        self.everywhere(raw_topics, |_| vec![(headers::REPLAY, value.to_owned())])
    }

    /// Writes a recorded tick into every partition of the raw topics.
    pub fn tick(&mut self, raw_topics: &[String], at: Micros) -> Result<()> {
        let text = at.0.to_string();
        self.everywhere(raw_topics, |_| {
            vec![
                (headers::TICK, text.clone()),
                (headers::LOG_TIME, text.clone()),
            ]
        })
    }

    fn everywhere(
        &mut self,
        raw_topics: &[String],
        make: impl Fn(i32) -> Vec<(&'static str, String)>,
    ) -> Result<()> {
        for topic in raw_topics {
            for partition in 0..self.partitions_of(topic)? {
                let h = make(partition)
                    .iter()
                    .fold(None, |h, (k, v)| Some(header(h, k, v)));
                self.send(topic, Some(partition), None, None, h)?;
            }
        }
        Ok(())
    }

    /// Number of partitions of a topic.
    pub fn partitions_of(&mut self, topic: &str) -> Result<i32> {
        if let Some(n) = self.partitions.get(topic) {
            return Ok(*n);
        }
        let metadata = self
            .producer
            .client()
            .fetch_metadata(Some(topic), DEADLINE)?;
        let n = metadata
            .topics()
            .first()
            .map_or(0, |t| t.partitions().len()) as i32;
        if n == 0 {
            return Err(anyhow!(
                "WEIR-0205: topic {topic} does not exist; start the system once with `weir up` so that it is made"
            ));
        }
        self.partitions.insert(topic.to_owned(), n);
        Ok(n)
    }

    /// Publishes bytes as they are.
    pub fn send(
        &mut self,
        topic: &str,
        partition: Option<i32>,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: Option<OwnedHeaders>,
    ) -> Result<()> {
        if self.open.is_none() {
            self.producer.begin_transaction()?;
            self.open = Some(Instant::now());
        }
        loop {
            let mut record = BaseRecord::<[u8], [u8]>::to(topic);
            record.key = key;
            record.payload = value;
            record.partition = partition;
            record.headers = headers.clone();
            match self.producer.send(record) {
                Ok(()) => break,
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), _)) => {
                    self.producer.poll(Duration::from_millis(5));
                }
                Err((e, _)) => return Err(e).with_context(|| format!("cannot write to {topic}")),
            }
        }
        self.sent += 1;
        Ok(())
    }

    /// True when the open transaction should be committed now.
    pub fn due(&self) -> bool {
        self.open.is_some_and(|t| t.elapsed() >= COMMIT_INTERVAL)
    }

    /// Commits what was written, together with the ledger entry.
    pub fn commit(&mut self, progress: &Progress) -> Result<()> {
        let entry = Entry {
            key: self.key.clone(),
            progress: progress.clone(),
        };
        let value = serde_json::to_vec(&entry)?;
        let key = self.key.clone();
        self.send(
            topics::IMPORTS,
            None,
            Some(key.as_bytes()),
            Some(&value),
            None,
        )?;
        self.sent -= 1;
        let deadline = Instant::now() + DEADLINE;
        // Not `flush`: it polls in steps of 100 ms.
        while self.producer.in_flight_count() > 0 && Instant::now() < deadline {
            self.producer.poll(Duration::ZERO);
            std::thread::sleep(Duration::from_micros(300));
        }
        self.producer
            .commit_transaction(DEADLINE)
            .context("the broker refused the transaction; run the command again, it goes on where it stopped")?;
        self.open = None;
        Ok(())
    }
}

fn header(h: Option<OwnedHeaders>, key: &str, value: &str) -> OwnedHeaders {
    h.unwrap_or_default().insert(Header {
        key,
        value: Some(value),
    })
}

/// The raw topics that exist, with their number of partitions.
pub fn raw_topics(brokers: &Brokers) -> Result<Vec<(String, u32)>> {
    let names = Admin::new(brokers, DEADLINE)?.names()?;
    let mut out: Vec<_> = names
        .into_iter()
        .filter(|(t, _)| topics::event_type(t).is_some())
        .collect();
    out.sort();
    Ok(out)
}
