//! Reading in batches, alone or in a group.
//!
//! The client library's own consumer queue cannot be read in batches through rdkafka (it asks for
//! rebalances as events, and the batch call then drops the assignment without a word), so every
//! assigned partition is forwarded to a queue of our own.

use crate::batch::{Batch, End};
use crate::client::Brokers;
use crate::error::{Error, transient};
use crate::member::Member;
use crate::oauth;
use crate::partition::{Tp, list};
use crate::queue::{Queue, fill};
use crate::rebalance::{Assigned, Change, Context, Native, Revoked};
use crate::timeouts::Timeouts;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::types::RDKafkaRespErr;
use rdkafka_sys as sys;
use std::ffi::{CStr, CString};
use std::mem::ManuallyDrop;
use std::sync::Arc;
use std::time::Duration;

/// How records are fetched ahead of being read.
#[derive(Clone, Copy, Debug)]
pub struct Fetching {
    /// How long a broker holds a request where there is nothing to read.
    pub held: Duration,
    /// Fetching rests while more than so many KiB wait: of all partitions together, or of each one
    /// where they are read apart. What was fetched should still be in the processor's caches when
    /// it is read: 64 MiB cost a third more CPU than 8.
    pub waiting_kib: u32,
    /// Most of one partition that a broker sends at once, in KiB; more where a batch is larger.
    pub sent_kib: u32,
}

impl Default for Fetching {
    fn default() -> Fetching {
        Fetching {
            held: Duration::from_millis(500),
            waiting_kib: 8 << 10,
            sent_kib: 1 << 10,
        }
    }
}

/// A member's place in its group, as it was when it was asked for.
pub struct GroupMetadata {
    raw: *mut sys::rd_kafka_consumer_group_metadata_t,
}

impl GroupMetadata {
    /// Below zero: not a member.
    pub fn generation(&self) -> i32 {
        // SAFETY: valid until dropped.
        unsafe { sys::rd_kafka_consumer_group_metadata_generation_id(self.raw) }
    }
    pub(crate) fn ptr(&self) -> *const sys::rd_kafka_consumer_group_metadata_t {
        self.raw
    }
}

impl Drop for GroupMetadata {
    fn drop(&mut self) {
        // SAFETY: owned.
        unsafe { sys::rd_kafka_consumer_group_metadata_destroy(self.raw) };
    }
}

/// Reads committed records. One thread at a time.
pub struct Consumer {
    pub(crate) native: ManuallyDrop<Arc<Native>>,
    pub(crate) timeouts: Timeouts,
    apart: bool,
    /// Brokers want tokens of it.
    armed: bool,
    // After the client: its drop may wait until the group has forgotten the client.
    member: Option<Member>,
}

impl Consumer {
    fn settings(brokers: &Brokers, fetching: Fetching) -> ClientConfig {
        let mut c = brokers.config();
        c.set("isolation.level", "read_committed")
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("enable.partition.eof", "true")
            .set("auto.offset.reset", "error")
            // The default lets a consumer that is slower than its fetcher stall for up to a second
            // at a time.
            .set("fetch.queue.backoff.ms", "2")
            .set("fetch.error.backoff.ms", "50")
            .set("queued.min.messages", "200000")
            .set(
                "queued.max.messages.kbytes",
                fetching.waiting_kib.to_string(),
            )
            .set(
                "fetch.message.max.bytes",
                (u64::from(fetching.sent_kib) << 10).to_string(),
            )
            .set("fetch.wait.max.ms", fetching.held.as_millis().to_string())
            .set("check.crcs", "true");
        c
    }

    fn create(config: &ClientConfig, timeouts: &Timeouts) -> Result<Consumer, Error> {
        let inner: BaseConsumer<Context> = config
            .create_with_context(Context::default())
            .map_err(|e| Error::kafka("creating a consumer", e))?;
        let armed = oauth::arm(config, inner.client())?;
        let queue = Queue::of(inner.client().native_ptr());
        Ok(Consumer {
            native: ManuallyDrop::new(Arc::new(Native { queue, inner })),
            timeouts: timeouts.clone(),
            apart: false,
            armed,
            member: None,
        })
    }

    pub(crate) fn inner(&self) -> &BaseConsumer<Context> {
        &self.native.inner
    }

    /// What a single try of a call may take.
    pub(crate) fn attempt(&self, limit: Duration) -> Duration {
        self.timeouts.request.min(limit)
    }

    /// Reads the given partitions from the given offsets, without a group.
    pub fn assigned(brokers: &Brokers, from: &[(Tp, i64)]) -> Result<Consumer, Error> {
        let mut config = Self::settings(brokers, Fetching::default());
        // The library wants a name; nothing is ever committed under it.
        config.set("group.id", "weir-reader");
        let consumer = Self::create(&config, &brokers.timeouts)?;
        for (tp, _) in from {
            consumer.forward(tp)?;
        }
        let list = list(from)?;
        consumer
            .inner()
            .assign(&list)
            .map_err(|e| Error::kafka("assigning partitions", e))?;
        Ok(consumer)
    }

    /// Joins a group as the static member `instance` and reads what is assigned to it.
    pub fn group(
        brokers: &Brokers,
        group: &str,
        instance: &str,
        topics: &[String],
        fetching: Fetching,
    ) -> Result<Consumer, Error> {
        let (mut config, t) = (Self::settings(brokers, fetching), &brokers.timeouts);
        config
            .set("group.id", group)
            .set("group.instance.id", instance)
            .set("partition.assignment.strategy", "cooperative-sticky")
            .set("session.timeout.ms", t.session.as_millis().to_string())
            .set(
                "heartbeat.interval.ms",
                (t.session / 6).as_millis().to_string(),
            );
        let mut consumer = Self::create(&config, t)?;
        consumer.member = Some(Member::new(group, topics, t.session));
        let topics: Vec<&str> = topics.iter().map(String::as_str).collect();
        consumer
            .inner()
            .subscribe(&topics)
            .map_err(|e| Error::kafka("subscribing", e))?;
        Ok(consumer)
    }

    /// Where the records of a partition arrive.
    fn own_queue(&self, tp: &Tp) -> Result<Queue, Error> {
        let topic = CString::new(tp.topic.as_str())
            .map_err(|_| Error::Invariant(format!("{:?} is no topic name", tp.topic)))?;
        // SAFETY: valid client and name.
        let raw = unsafe {
            sys::rd_kafka_queue_get_partition(self.native.ptr(), topic.as_ptr(), tp.partition)
        };
        if raw.is_null() {
            return Err(Error::Invariant(format!("{tp} has no queue")));
        }
        Ok(Queue(raw))
    }

    /// Says where the records of a partition wait: in the queue of all, or in its own, not in the
    /// group's, which cannot be read in batches.
    fn forward(&self, tp: &Tp) -> Result<(), Error> {
        let to = match self.apart {
            true => std::ptr::null_mut(),
            false => self.native.queue.0,
        };
        // SAFETY: valid queues; null stands for the partition's own.
        unsafe { sys::rd_kafka_queue_forward(self.own_queue(tp)?.0, to) };
        Ok(())
    }

    /// True where each partition is read by itself, with [`Consumer::next_of`]; false where all are
    /// read at once, with [`Consumer::next`].
    pub fn is_apart(&self) -> bool {
        self.apart
    }

    /// Changes how partitions are read. `at`: where reading of each stands.
    pub fn set_apart(&mut self, apart: bool, at: &[(Tp, i64)]) -> Result<(), Error> {
        self.apart = apart;
        for (tp, _) in at {
            self.forward(tp)?;
        }
        // Where they join, what waits is moved along. Where they part, some may still be on its way
        // to the queue of all, and would be read after what comes next: all of that is dropped.
        if apart { self.seek(at) } else { Ok(()) }
    }

    /// Serves the group protocol without waiting: the next change of assignment, if there is one.
    /// Call it often, and only where a change can be answered at once.
    pub fn poll(&self, wait: Duration) -> Result<Option<Change>, Error> {
        let mut wait = wait;
        loop {
            self.native.usable()?;
            if let Some(change) = self.native.told() {
                return Ok(Some(change));
            }
            match self.inner().poll(wait) {
                None => {
                    if let Some(member) = &self.member {
                        member.check(self.inner())?;
                    }
                    return Ok(self.native.told());
                }
                Some(Ok(_)) => {
                    return Err(Error::Invariant("a record came past its queue".into()));
                }
                Some(Err(KafkaError::PartitionEOF(_))) => {}
                Some(Err(e)) => self.judge(e)?,
            }
            wait = Duration::ZERO;
        }
    }

    fn judge(&self, e: KafkaError) -> Result<(), Error> {
        if let KafkaError::MessageConsumptionFatal(_) = e {
            return Err(Error::kafka("reading", e));
        }
        match e.rdkafka_error_code() {
            Some(code) if transient(code) => {
                tracing::debug!(target: "kafka", %e, "reading goes on");
                Ok(())
            }
            _ => Err(Error::kafka("reading", e)),
        }
    }

    /// Takes an assignment on: reading starts at the given offsets. Also for an empty one.
    /// `staying` is where reading of the other partitions goes on, see [`Consumer::release`].
    pub fn accept(
        &self,
        assigned: Assigned,
        from: &[(Tp, i64)],
        staying: &[(Tp, i64)],
    ) -> Result<(), Error> {
        for (tp, _) in from {
            self.forward(tp)?;
        }
        assigned.answer(&list(from)?)?;
        self.seek(staying)
    }

    /// Gives partitions up. Records of them that were not handed out yet are dropped.
    ///
    /// The library pauses all partitions for a change and then goes on from where it believes the
    /// application to be; that is one record too far where a batch ended with the end of a
    /// partition (librdkafka #4844, in 2.2 to 2.12). So each change is followed by a seek to what
    /// was really read.
    pub fn release(&self, revoked: Revoked, staying: &[(Tp, i64)]) -> Result<(), Error> {
        revoked.answer()?;
        self.seek(staying)
    }

    /// Reads up to `max` records: waits up to `wait` for the first, then up to `gather` for more
    /// (the library waits all of it unless the batch is full).
    pub fn next(&self, wait: Duration, gather: Duration, max: usize) -> Result<Batch<'_>, Error> {
        self.renew();
        let mut raw = Vec::with_capacity(max.max(1));
        fill(&mut raw, &self.native.queue, wait, 1)?;
        if !raw.is_empty() && max > 1 {
            fill(&mut raw, &self.native.queue, gather, max - 1)?;
        }
        self.batch(raw)
    }

    /// Reads up to `max` records of one partition: those at hand, or what comes first within
    /// `wait`.
    pub fn next_of(&self, tp: &Tp, wait: Duration, max: usize) -> Result<Batch<'_>, Error> {
        self.renew();
        let queue = self.own_queue(tp)?;
        let mut raw = Vec::with_capacity(max.max(1));
        fill(&mut raw, &queue, Duration::ZERO, max.max(1))?;
        if raw.is_empty() && !wait.is_zero() {
            fill(&mut raw, &queue, wait, 1)?;
        }
        self.batch(raw)
    }

    /// The library asks for a new token when its client is polled. Members of groups are; who reads
    /// without one takes records past that. Errors that it tells there pass, or end the reading too.
    fn renew(&self) {
        if !self.armed || self.member.is_some() {
            return;
        }
        if let Err(e) = self.poll(Duration::ZERO) {
            tracing::debug!(target: "kafka", %e, "reading goes on");
        }
    }

    fn batch(&self, mut raw: Vec<*mut sys::rd_kafka_message_t>) -> Result<Batch<'_>, Error> {
        let mut ends = Vec::new();
        let mut failed = None;
        raw.retain(|&m| {
            // SAFETY: a message handed out by the library, not destroyed yet.
            let message = unsafe { &*m };
            if message.err == RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR {
                return true;
            }
            if message.err == RDKafkaRespErr::RD_KAFKA_RESP_ERR__PARTITION_EOF {
                // SAFETY: as above; an end has a topic.
                let topic = unsafe { CStr::from_ptr(sys::rd_kafka_topic_name(message.rkt)) };
                ends.push(End {
                    topic: topic.to_string_lossy().into_owned(),
                    partition: message.partition,
                    next: message.offset,
                });
            } else {
                let code = RDKafkaErrorCode::from(message.err);
                // SAFETY: as above; errors carry their text as value.
                let text =
                    unsafe { CStr::from_ptr(sys::rd_kafka_message_errstr(m)) }.to_string_lossy();
                failed = Some((code, message.partition, text.into_owned()));
            }
            // SAFETY: leaves the vector, so it is destroyed once.
            unsafe { sys::rd_kafka_message_destroy(m) };
            false
        });
        let batch = Batch::new(raw, ends);
        match failed {
            Some((code, partition, text)) if !transient(code) => Err(Error::code_of(
                format!("reading partition {partition}: {text}"),
                code,
            )),
            _ => Ok(batch),
        }
    }

    /// The member's place in its group: to be read after each poll and kept with what is read from
    /// then on. A transaction that brings newer metadata than its records would be accepted
    /// although another member read the same records.
    pub fn group_metadata(&self) -> Option<GroupMetadata> {
        // SAFETY: valid client; null where there is no group.
        let raw = unsafe { sys::rd_kafka_consumer_group_metadata(self.native.ptr()) };
        (!raw.is_null()).then_some(GroupMetadata { raw })
    }

    /// True while it has a place in its group.
    pub fn is_member(&self) -> bool {
        self.group_metadata().is_some_and(|g| g.generation() >= 0)
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        // SAFETY: taken once, here, and not used afterwards.
        let native = unsafe { ManuallyDrop::take(&mut self.native) };
        native.close(self.timeouts.close);
    }
}

/// Tries again while the error may pass, until the deadline.
pub(crate) fn retry<T>(
    deadline: Duration,
    mut call: impl FnMut() -> Result<T, Error>,
) -> Result<T, Error> {
    let until = std::time::Instant::now() + deadline;
    loop {
        match call() {
            Err(e) if e.is_transient() && std::time::Instant::now() < until => {
                tracing::debug!(target: "kafka", "{e}; trying again");
                std::thread::sleep(Duration::from_millis(50));
            }
            other => return other,
        }
    }
}
