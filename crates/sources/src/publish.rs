//! Writes events to the raw topics in transactions, with the source's ledger entry in each: what is
//! in the log and what the ledger says can never differ, wherever the process dies.

use crate::Outgoing;
use crate::ledger::{Entry, Progress, identities, turn};
use anyhow::{Context, Result, anyhow, bail};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use weir_events::Event;
use weir_kafka::admin::Admin;
use weir_kafka::{Brokers, Logged, Timeouts};
use weir_model::codes::{BROKER_UNREACHABLE, DEADLINE as TIMED_OUT, IMPORT_TAKEN_OVER};
use weir_model::{Micros, headers, topics};
use weir_privacy::{Met, Privacy};
use weir_runtime::Part;
use weir_runtime::progress::Limits;

/// Longest time a transaction of an importer stays open.
const COMMIT_INTERVAL: Duration = Duration::from_millis(250);
/// Deadline of a question to the broker before anything is published.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// Reads the entries of sources in the ledger: `(key, entry)`. Identities are read where they are
/// needed.
pub fn read_ledger(brokers: &Brokers) -> Result<HashMap<String, Progress>> {
    let mut sources = Sources::default();
    let mut take = |key: &[u8], value: Option<&[u8]>| sources.take(key, value);
    weir_kafka::compacted::scan(brokers, topics::IMPORTS, None, DEADLINE, &mut take)?;
    sources.read()
}

/// Entries of sources, as they come.
#[derive(Default)]
pub(crate) struct Sources(HashMap<Vec<u8>, Vec<u8>>);

impl Sources {
    /// Takes a record of the ledger.
    pub(crate) fn take(&mut self, key: &[u8], value: Option<&[u8]>) {
        let others = [identities::PREFIX, turn::PREFIX];
        if others.iter().any(|p| key.starts_with(p.as_bytes())) {
            return;
        }
        match value {
            Some(value) => self.0.insert(key.to_vec(), value.to_vec()),
            None => self.0.remove(key),
        };
    }

    /// All of them.
    pub(crate) fn read(self) -> Result<HashMap<String, Progress>> {
        let mut out = HashMap::new();
        for (key, value) in self.0 {
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
}

/// A transactional producer for one source. A second one with the same key fences this one.
pub struct Publisher {
    producer: BaseProducer<Logged>,
    key: String,
    open: Option<Instant>,
    partitions: HashMap<String, i32>,
    sent: u64,
    timeouts: Timeouts,
    privacy: Option<Arc<Privacy>>,
}

/// Watches a call to the broker: its own limit should be what ends it, else the process ends.
fn watched(what: &str, timeouts: &Timeouts) -> Part {
    let limits = Limits {
        stall: timeouts.stall,
        liveness: timeouts.import * 2,
    };
    Part::register(what, limits)
}

impl Publisher {
    /// Connects. `key` is the ledger key of the source.
    pub fn new(brokers: &Brokers, key: &str) -> Result<Publisher> {
        let t = &brokers.timeouts;
        // Says what is wrong where the brokers do not let anybody in; a transaction would wait.
        Admin::new(brokers, t.import)?.wait()?;
        let _watched = watched("an importer's start", t);
        let transaction = t.import.as_millis().to_string();
        let mut config = brokers.config();
        config
            .set(
                "transactional.id",
                format!("{}{key}", weir_runtime::names::IMPORTS),
            )
            .set("transaction.timeout.ms", &transaction)
            .set("compression.codec", "lz4")
            .set("linger.ms", "5")
            .set("retry.backoff.ms", "5")
            .set("queue.buffering.max.messages", "500000")
            .set("partitioner", "murmur2_random");
        let producer: BaseProducer<Logged> = config
            .create_with_context(Logged)
            .context("cannot make a producer")?;
        weir_kafka::arm(&config, producer.client())?;
        producer.init_transactions(t.import).map_err(|e| {
            anyhow!(
                "{BROKER_UNREACHABLE}: no broker answers at {} ({e}); is weir up?",
                brokers.bootstrap
            )
        })?;
        Ok(Publisher {
            producer,
            key: key.to_owned(),
            open: None,
            partitions: HashMap::new(),
            sent: 0,
            timeouts: t.clone(),
            privacy: None,
        })
    }

    /// Writes pseudonyms in place of names, where `privacy` is given.
    pub fn hiding(self, privacy: Option<Arc<Privacy>>) -> Publisher {
        Publisher { privacy, ..self }
    }

    /// Records written so far.
    pub fn sent(&self) -> u64 {
        self.sent
    }

    /// Publishes an event as a live producer would.
    pub fn event<'a>(&mut self, event: &impl Event<'a>) -> Result<()> {
        let mut met = Met::default();
        let record = Outgoing::hiding(event, self.privacy.as_deref(), &mut met)?;
        self.meet(&met)?;
        self.record(&record)
    }

    /// Enters people in the directory, in the open transaction.
    pub fn meet(&mut self, met: &Met) -> Result<()> {
        for (key, value) in met.entries() {
            self.send(topics::PEOPLE, None, Some(key), Some(value), None)?;
            self.sent -= 1;
        }
        if let Some(privacy) = &self.privacy {
            privacy.people().entered(met);
        }
        Ok(())
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
                "{BROKER_UNREACHABLE}: topic {topic} does not exist; start the system once with `weir up` so that it is made"
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
            if let Err(e) = self.producer.begin_transaction() {
                bail!(self.explained(&e, "the broker refused to begin a transaction"));
            }
            self.open = Some(Instant::now());
        }
        // Of a full queue, which is rare: then it is watched.
        let mut full: Option<(Instant, Part)> = None;
        loop {
            let mut record = BaseRecord::<[u8], [u8]>::to(topic);
            record.key = key;
            record.payload = value;
            record.partition = partition;
            record.headers = headers.clone();
            match self.producer.send(record) {
                Ok(()) => break,
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), _)) => {
                    let begin = || {
                        (
                            Instant::now(),
                            watched("an importer's write", &self.timeouts),
                        )
                    };
                    if full.get_or_insert_with(begin).0.elapsed() > self.timeouts.import {
                        return Err(anyhow!(
                            "{TIMED_OUT}: the broker takes no records for {} s; run the command again, it goes on where it stopped",
                            self.timeouts.import.as_secs()
                        ));
                    }
                    self.producer.poll(Duration::from_millis(5));
                }
                Err((e, _)) => {
                    bail!(self.explained(&e, &format!("cannot write to {topic}")))
                }
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
        self.note(key.as_bytes(), Some(&value))?;
        self.finish()
    }

    /// Writes (or, with `None`, deletes) a record of the ledger in the open transaction.
    pub fn note(&mut self, key: &[u8], value: Option<&[u8]>) -> Result<()> {
        self.send(topics::IMPORTS, None, Some(key), value, None)?;
        self.sent -= 1;
        Ok(())
    }

    /// Writes the record of a claim in the open transaction.
    pub fn claim(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        self.send(topics::LOGGED, None, Some(key), Some(value), None)?;
        self.sent -= 1;
        Ok(())
    }

    /// Commits what was written, without an entry of the source.
    pub fn finish(&mut self) -> Result<()> {
        if self.open.is_none() {
            return Ok(());
        }
        let _watched = watched("an importer's commit", &self.timeouts);
        let deadline = Instant::now() + self.timeouts.import;
        // Not `flush`: it polls in steps of 100 ms.
        while self.producer.in_flight_count() > 0 && Instant::now() < deadline {
            self.producer.poll(Duration::ZERO);
            std::thread::sleep(Duration::from_micros(300));
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if let Err(e) = self.producer.commit_transaction(left) {
            bail!(self.explained(&e, "the broker refused the transaction"));
        }
        self.open = None;
        Ok(())
    }

    /// An error of the producer in words. One that cannot pass is that of a producer whose place
    /// another took: another import, or the broker itself, which aborts what is open for too long.
    fn explained(&self, e: &KafkaError, what: &str) -> String {
        let limit = self.timeouts.import;
        match self.producer.client().fatal_error() {
            Some((
                RDKafkaErrorCode::Fenced
                | RDKafkaErrorCode::InvalidProducerEpoch
                | RDKafkaErrorCode::ProducerFenced,
                _,
            )) => match self.open {
                Some(since) if since.elapsed() >= limit => format!(
                    "{TIMED_OUT}: the broker gave up a transaction that was open for {} s; run the \
                     command again, it goes on where it stopped",
                    limit.as_secs()
                ),
                _ => format!(
                    "{IMPORT_TAKEN_OVER}: another import of this tenant and event type has begun \
                     and goes on in place of this one; when it is done run this one again, which \
                     adds what is missing"
                ),
            },
            fatal => {
                let why = fatal.map_or_else(|| e.to_string(), |(_, why)| why);
                format!(
                    "{BROKER_UNREACHABLE}: {what} ({why}); run the command again, it goes on where it stopped"
                )
            }
        }
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
