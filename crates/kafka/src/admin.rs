//! Topics: what they must be, and what there is.

use crate::client::{Brokers, Logged, MAX_MESSAGE, Trust};
use crate::consumer::retry;
use crate::error::Error;
use crate::oauth;
use crate::offsets::offsets;
use crate::partition::{Tp, list};
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::metadata::MetadataTopic;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use serde::{Deserialize, Serialize};
use std::future::Future;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;
use weir_model::topics;

/// A topic to be there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicSpec {
    /// Name.
    pub name: String,
    /// Partitions, where it has to be created.
    pub partitions: u32,
    /// True where another number of partitions than this is an error.
    pub exact: bool,
    /// Its configuration.
    pub config: Vec<(String, String)>,
}

/// The raw topic of an event type, to be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Raw<'a> {
    /// Name of the event type.
    pub event_type: &'a str,
    /// Few events: one partition, where the topic has to be created.
    pub low_volume: bool,
}

impl<'a> From<&'a str> for Raw<'a> {
    fn from(event_type: &'a str) -> Raw<'a> {
        Raw {
            event_type,
            low_volume: false,
        }
    }
}

/// Numbers of partitions for topics that have to be created.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Partitions {
    /// Raw topics, but for those of event types of low volume, which have one.
    pub raw: u32,
    /// `weir.partials`: fixed for the life of the system.
    pub partials: u32,
    /// `weir.terms`: fixed for the life of the system.
    pub terms: u32,
    /// Results.
    pub results: u32,
    /// `weir.state`.
    pub state: u32,
    /// Replicas; -1: as the brokers are configured.
    pub replication: i32,
}

impl Default for Partitions {
    fn default() -> Partitions {
        Partitions {
            raw: 4,
            partials: 16,
            terms: 4,
            results: 4,
            state: 4,
            replication: -1,
        }
    }
}

/// What the library has said is handed out within this time.
const SAID: Duration = Duration::from_millis(20);
const MINUTE: u64 = 60_000;
const DAY: u64 = 24 * 60 * MINUTE;

fn spec(name: impl Into<String>, partitions: u32, config: &[(&str, String)]) -> TopicSpec {
    let mut all = vec![
        (
            "message.timestamp.type".to_owned(),
            "LogAppendTime".to_owned(),
        ),
        ("max.message.bytes".to_owned(), MAX_MESSAGE.to_string()),
    ];
    all.extend(config.iter().map(|(k, v)| ((*k).to_owned(), v.clone())));
    TopicSpec {
        name: name.into(),
        partitions,
        exact: false,
        config: all,
    }
}

fn kept(ms: u64) -> Vec<(&'static str, String)> {
    vec![
        ("retention.ms", ms.to_string()),
        ("retention.bytes", "-1".into()),
    ]
}

fn compacted(segment: u64, lag: u64) -> Vec<(&'static str, String)> {
    vec![
        ("cleanup.policy", "compact".into()),
        ("segment.bytes", segment.to_string()),
        ("segment.ms", lag.to_string()),
        ("max.compaction.lag.ms", lag.to_string()),
        ("min.cleanable.dirty.ratio", "0.05".into()),
        ("delete.retention.ms", (60 * MINUTE).to_string()),
    ]
}

/// The raw topic of an event type: the source of truth, kept for ever.
pub fn raw<'a>(topic: impl Into<Raw<'a>>, partitions: &Partitions) -> TopicSpec {
    let topic = topic.into();
    let forever = [
        ("retention.ms", "-1".to_owned()),
        ("retention.bytes", "-1".to_owned()),
    ];
    let partitions = match topic.low_volume {
        true => 1,
        false => partitions.raw,
    };
    spec(topics::events(topic.event_type), partitions, &forever)
}

/// All topics of a system with these event types.
pub fn standard<'a>(
    event_types: impl IntoIterator<Item = impl Into<Raw<'a>>>,
    n: &Partitions,
) -> Vec<TopicSpec> {
    let mut all: Vec<TopicSpec> = event_types.into_iter().map(|e| raw(e, n)).collect();
    // Generous: a stage that was away longer than this has to read the raw log again. What
    // snapshots cover is deleted earlier, file by file, so files are short.
    let mut week = kept(7 * DAY);
    week.push(("segment.ms", (10 * MINUTE).to_string()));
    let month = kept(30 * DAY);
    all.push(TopicSpec {
        exact: true,
        ..spec(topics::PARTIALS, n.partials, &week)
    });
    all.push(TopicSpec {
        exact: true,
        ..spec(topics::TERMS, n.terms, &week)
    });
    for name in [
        topics::AGGREGATES,
        topics::ANOMALIES,
        topics::KPIS,
        topics::ALERTS,
    ] {
        all.push(spec(name, n.results, &month));
    }
    all.push(spec(topics::LIVE, n.results, &kept(60 * MINUTE)));
    all.push(spec(topics::LATE, 1, &month));
    all.push(spec(topics::DLQ, 1, &month));
    all.push(spec(
        topics::STATE,
        n.state,
        &compacted(16 << 20, 10 * MINUTE),
    ));
    for name in [topics::SCHEMAS, topics::CATALOG, topics::TOKENS] {
        all.push(spec(name, 1, &compacted(16 << 20, DAY)));
    }
    // What is deleted there shall be gone soon.
    all.push(spec(topics::PEOPLE, 1, &compacted(16 << 20, 10 * MINUTE)));
    all.push(spec(topics::LOGGED, 1, &kept(30 * DAY)));
    all.push(spec(topics::IMPORTS, 1, &compacted(16 << 20, 60 * MINUTE)));
    all.push(notify());
    all.push(reports());
    all
}

/// What the alert consumer keeps; it makes the topic too, where the processor is an older one.
pub fn notify() -> TopicSpec {
    spec(topics::NOTIFY, 1, &compacted(16 << 20, 60 * MINUTE))
}

/// What was sent of scheduled reports; who sends them makes the topic too.
pub fn reports() -> TopicSpec {
    spec(topics::REPORTS, 1, &compacted(16 << 20, 60 * MINUTE))
}

/// A partition's bounds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionInfo {
    /// Number.
    pub partition: i32,
    /// First offset there is.
    pub low: i64,
    /// Offset after the last committed record.
    pub end: i64,
}

/// A topic there is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicInfo {
    /// Name.
    pub name: String,
    /// Partitions, ascending.
    pub partitions: Vec<PartitionInfo>,
}

/// Asks and changes; every call blocks up to its deadline.
pub struct Admin {
    brokers: Brokers,
    client: AdminClient<Logged>,
    reader: BaseConsumer<Trust>,
    trust: Trust,
    deadline: Duration,
}

impl Admin {
    /// Connects lazily.
    pub fn new(brokers: &Brokers, deadline: Duration) -> Result<Admin, Error> {
        let client: AdminClient<Logged> = brokers
            .config()
            .create_with_context(Logged)
            .map_err(|e| Error::kafka("creating an admin client", e))?;
        let mut config = brokers.config();
        config
            .set("isolation.level", "read_committed")
            .set("group.id", "weir-admin")
            // A broker that wants another certificate closes the connection, and no more.
            .set("log.connection.close", "true")
            .set_log_level(RDKafkaLogLevel::Info);
        let trust = Trust::default();
        let reader = config
            .create_with_context(trust.clone())
            .map_err(|e| Error::kafka("creating an admin client", e))?;
        let admin = Admin {
            brokers: brokers.clone(),
            client,
            reader,
            trust,
            deadline,
        };
        admin.armed()?;
        Ok(admin)
    }

    /// Nobody polls these clients, which is when others get new tokens.
    fn armed(&self) -> Result<(), Error> {
        let config = self.brokers.config();
        oauth::arm(&config, self.client.inner())?;
        oauth::arm(&config, self.reader.client())?;
        Ok(())
    }

    /// Waits until a broker answers.
    pub fn wait(&self) -> Result<(), Error> {
        self.names().map(drop)
    }

    /// Names of all topics with their numbers of partitions, sorted.
    pub fn names(&self) -> Result<Vec<(String, u32)>, Error> {
        self.armed()?;
        let metadata = retry(self.deadline, || {
            let metadata = self.reader.fetch_metadata(None, Duration::from_secs(3));
            let metadata = metadata.map_err(|e| self.why(e))?;
            // A broker that has just started names topics before it knows their partitions.
            let ours = |t: &&MetadataTopic| t.name().starts_with("weir.");
            let all = metadata.topics().iter();
            match all.filter(ours).find(|t| t.partitions().is_empty()) {
                Some(t) => {
                    let code = RDKafkaErrorCode::LeaderNotAvailable;
                    Err(Error::code_of(format!("partitions of {}", t.name()), code))
                }
                None => Ok(metadata),
            }
        })
        .map_err(|e| match e {
            e if e.is_transient() => Error::Unreachable {
                brokers: self.brokers.bootstrap.clone(),
                seconds: self.deadline.as_secs(),
            },
            e => e,
        })?;
        let mut all: Vec<(String, u32)> = metadata
            .topics()
            .iter()
            .map(|t| (t.name().to_owned(), t.partitions().len() as u32))
            .collect();
        all.sort();
        Ok(all)
    }

    /// Why metadata could not be read: the library says itself only that nobody answered.
    fn why(&self, e: KafkaError) -> Error {
        self.trust.forget();
        // Hands out what the library has said since; nothing is assigned, so no record comes.
        while self.reader.poll(SAID).is_some() {}
        match self.trust.refused() {
            Some(reason) => Error::Refused {
                brokers: self.brokers.bootstrap.clone(),
                reason,
            },
            None => Error::kafka("reading metadata", e),
        }
    }

    /// Creates what is missing. A topic that exists is left as it is; `exact` ones with another
    /// number of partitions are an error.
    pub fn ensure(&self, specs: &[TopicSpec], replication: i32) -> Result<Vec<String>, Error> {
        let there = self.names()?;
        let mut missing = Vec::new();
        for s in specs {
            match there.iter().find(|(name, _)| *name == s.name) {
                Some((_, found)) if s.exact && *found != s.partitions => {
                    return Err(Error::PartitionsChanged {
                        topic: s.name.clone(),
                        expected: s.partitions,
                        found: *found,
                    });
                }
                Some(_) => {}
                None => missing.push(s),
            }
        }
        if missing.is_empty() {
            return Ok(Vec::new());
        }
        let new: Vec<NewTopic<'_>> = missing
            .iter()
            .map(|s| {
                let new = NewTopic::new(
                    &s.name,
                    s.partitions as i32,
                    TopicReplication::Fixed(replication),
                );
                s.config.iter().fold(new, |new, (k, v)| new.set(k, v))
            })
            .collect();
        let options = AdminOptions::new()
            .operation_timeout(Some(self.deadline))
            .request_timeout(Some(self.deadline));
        self.armed()?;
        let results = block_on(self.client.create_topics(&new, &options))
            .map_err(|e| Error::kafka("creating topics", e))?;
        for result in results {
            match result {
                Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
                Err((topic, code)) => {
                    return Err(Error::code_of(format!("creating topic {topic}"), code));
                }
            }
        }
        self.appeared(&missing)?;
        Ok(missing.iter().map(|s| s.name.clone()).collect())
    }

    /// Deletes the records of each partition that lie before the offset, for ever.
    ///
    /// # Errors
    /// A broker that does not answer in time, or refuses.
    pub fn delete_before(&self, offsets: &[(Tp, i64)]) -> Result<(), Error> {
        const WHAT: &str = "deleting records";
        let options = AdminOptions::new()
            .operation_timeout(Some(self.deadline))
            .request_timeout(Some(self.deadline));
        self.armed()?;
        let told = block_on(self.client.delete_records(&list(offsets)?, &options))
            .map_err(|e| Error::kafka(WHAT, e))?;
        let mut each = told.elements().into_iter().map(|e| e.error());
        each.try_for_each(|e| e.map_err(|e| Error::kafka(WHAT, e)))
    }

    /// Creation is done before every broker says so: waits for it.
    fn appeared(&self, specs: &[&TopicSpec]) -> Result<(), Error> {
        let until = std::time::Instant::now() + self.deadline;
        loop {
            let there = self.names()?;
            if specs
                .iter()
                .all(|s| there.iter().any(|(n, p)| *n == s.name && *p > 0))
            {
                return Ok(());
            }
            if std::time::Instant::now() > until {
                return Err(Error::Deadline {
                    what: "creating topics".into(),
                    seconds: self.deadline.as_secs(),
                });
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Topics (all of weir's where `only` is empty) with the bounds of their partitions.
    pub fn topics(&self, only: &[&str]) -> Result<Vec<TopicInfo>, Error> {
        let wanted: Vec<(String, u32)> = self
            .names()?
            .into_iter()
            .filter(|(n, _)| {
                if only.is_empty() {
                    n.starts_with("weir.")
                } else {
                    only.contains(&n.as_str())
                }
            })
            .collect();
        let parts: Vec<Tp> = wanted
            .iter()
            .flat_map(|(n, p)| (0..*p as i32).map(move |p| Tp::new(n.as_str(), p)))
            .collect();
        let lows = self.offsets(&parts, Offset::Beginning)?;
        let ends = self.offsets(&parts, Offset::End)?;
        let mut at = 0;
        Ok(wanted
            .into_iter()
            .map(|(name, n)| {
                let partitions = (0..n as usize)
                    .map(|p| PartitionInfo {
                        partition: p as i32,
                        low: lows[at + p],
                        end: ends[at + p],
                    })
                    .collect();
                at += n as usize;
                TopicInfo { name, partitions }
            })
            .collect())
    }

    /// Ends of these partitions, after the last committed record.
    pub(crate) fn ends(&self, parts: &[Tp]) -> Result<Vec<(Tp, i64)>, Error> {
        let ends = self.offsets(parts, Offset::End)?;
        Ok(parts.iter().cloned().zip(ends).collect())
    }

    /// First offsets ([`Offset::Beginning`]) or ends (after the last committed record), one per
    /// partition asked for.
    fn offsets(&self, parts: &[Tp], which: Offset) -> Result<Vec<i64>, Error> {
        self.armed()?;
        offsets(
            &self.reader,
            parts,
            which,
            (Duration::from_secs(10), self.deadline),
        )
    }

    /// Offsets that a group committed for these partitions.
    pub fn committed(&self, group: &str, parts: &[Tp]) -> Result<Vec<Option<i64>>, Error> {
        let all = self.committed_with_metadata(group, parts)?;
        Ok(all.into_iter().map(|(offset, _)| offset).collect())
    }

    /// Offsets that a group committed for these partitions, each with its metadata (empty where
    /// there is none).
    pub fn committed_with_metadata(
        &self,
        group: &str,
        parts: &[Tp],
    ) -> Result<Vec<(Option<i64>, String)>, Error> {
        let mut config = self.brokers.config();
        config.set("group.id", group);
        let reader: BaseConsumer<Logged> = config
            .create_with_context(Logged)
            .map_err(|e| Error::kafka("creating an admin client", e))?;
        oauth::arm(&config, reader.client())?;
        let mut ask = TopicPartitionList::with_capacity(parts.len());
        for tp in parts {
            ask.add_partition(&tp.topic, tp.partition);
        }
        let found = retry(self.deadline, || {
            reader
                .committed_offsets(ask.clone(), Duration::from_secs(10))
                .map_err(|e| Error::kafka(format!("committed offsets of {group}"), e))
        })?;
        Ok(parts
            .iter()
            .map(|tp| {
                let entry = found.find_partition(&tp.topic, tp.partition);
                let offset = match entry.as_ref().map(|e| e.offset()) {
                    Some(Offset::Offset(o)) => Some(o),
                    _ => None,
                };
                let metadata = entry.map_or_else(String::new, |e| e.metadata().to_owned());
                (offset, metadata)
            })
            .collect())
    }
}

struct Unpark(std::thread::Thread);

impl Wake for Unpark {
    fn wake(self: std::sync::Arc<Self>) {
        self.0.unpark();
    }
}

/// The admin calls are futures that the library's own threads complete.
fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = std::pin::pin!(future);
    let waker = Waker::from(std::sync::Arc::new(Unpark(std::thread::current())));
    let mut context = Context::from_waker(&waker);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(out) => return out,
            Poll::Pending => std::thread::park_timeout(Duration::from_millis(100)),
        }
    }
}
