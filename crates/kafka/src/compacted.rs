//! Compacted topics as tables: read to the end, write one key.

use crate::admin::Admin;
use crate::client::Brokers;
use crate::consumer::Consumer;
use crate::error::Error;
use crate::partition::Tp;
use crate::producer::Appender;
use rdkafka::error::RDKafkaErrorCode;
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// A key with its value.
pub type Entry = (Vec<u8>, Vec<u8>);

/// Takes key and value (`None`: deleted) of one record.
pub type Visit<'f> = &'f mut dyn FnMut(&[u8], Option<&[u8]>);

/// The newest value of every key of one topic, in order of last writing. Deleted keys are left out.
pub fn read_all(brokers: &Brokers, topic: &str, deadline: Duration) -> Result<Vec<Entry>, Error> {
    let mut newest: HashMap<Vec<u8>, (u64, Option<Vec<u8>>)> = HashMap::new();
    let mut n = 0;
    scan(brokers, topic, None, deadline, &mut |key, value| {
        n += 1;
        newest.insert(key.to_vec(), (n, value.map(<[u8]>::to_vec)));
    })?;
    let mut all: Vec<_> = newest
        .into_iter()
        .filter_map(|(k, (n, v))| v.map(|v| (n, k, v)))
        .collect();
    all.sort_unstable_by_key(|(n, ..)| *n);
    Ok(all.into_iter().map(|(_, k, v)| (k, v)).collect())
}

/// Calls `f` with key and value (`None`: deleted) of every committed record of a topic, or of some
/// of its partitions, from the beginning to what is its end at the time of the call. Keys may come
/// more than once: the last one counts. The limit is for the wait for records, not for all of them:
/// a large topic takes its time.
pub fn scan(
    brokers: &Brokers,
    topic: &str,
    partitions: Option<&[i32]>,
    deadline: Duration,
    f: Visit<'_>,
) -> Result<(), Error> {
    let mut until = Instant::now() + deadline;
    let admin = Admin::new(brokers, deadline)?;
    let Some(info) = admin.topics(&[topic])?.into_iter().next() else {
        // Whoever names partitions knows that they are there: the broker has just started and does
        // not, yet.
        return match partitions {
            Some(_) => Err(Error::code_of(
                format!("reading {topic}"),
                RDKafkaErrorCode::UnknownTopicOrPartition,
            )),
            None => Ok(()),
        };
    };
    let mut open: HashMap<i32, i64> = HashMap::new();
    let mut from = Vec::new();
    for p in info.partitions {
        if p.end > p.low && partitions.is_none_or(|only| only.contains(&p.partition)) {
            open.insert(p.partition, p.end);
            from.push((Tp::new(topic, p.partition), p.low));
        }
    }
    if from.is_empty() {
        return Ok(());
    }
    let consumer = Consumer::assigned(brokers, &from)?;
    while !open.is_empty() {
        if Instant::now() > until {
            return Err(Error::Deadline {
                what: format!("waiting for records of {topic}"),
                seconds: deadline.as_secs(),
            });
        }
        // Errors that may pass do so inside the client; a broker that is gone shows as silence.
        if let Some(change) = consumer.poll(Duration::ZERO)? {
            return Err(Error::Invariant(format!(
                "a reader without a group got {change:?}"
            )));
        }
        let batch = consumer.next(Duration::from_millis(50), Duration::ZERO, 4096)?;
        if !batch.is_empty() {
            until = Instant::now() + deadline;
            weir_runtime::progress::alive_here();
        }
        for m in batch.iter() {
            if let Some(key) = m.key() {
                f(key, m.value());
            }
            if open
                .get(&m.partition())
                .is_some_and(|end| m.offset() + 1 >= *end)
            {
                open.remove(&m.partition());
            }
        }
        // The last records may be control records, which are never handed out.
        for end in batch.ends() {
            if open.get(&end.partition).is_some_and(|e| end.next >= *e) {
                open.remove(&end.partition);
            }
        }
    }
    Ok(())
}

/// Writes to a compacted topic.
pub struct Table {
    topic: String,
    out: Appender,
}

impl Table {
    /// A writer of `topic`.
    pub fn new(brokers: &Brokers, topic: &str) -> Result<Table, Error> {
        Ok(Table {
            topic: topic.to_owned(),
            out: Appender::new(brokers)?,
        })
    }
    /// Writes (or, with `None`, deletes) a key and waits until that is acknowledged.
    pub fn put(&self, key: &[u8], value: Option<&[u8]>) -> Result<(), Error> {
        self.out.send(&self.topic, None, Some(key), value, &[])?;
        self.out.flush()
    }
}
