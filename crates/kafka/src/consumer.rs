//! Reading in batches, alone or in a group.
//!
//! The client library's own consumer queue cannot be read in batches through rdkafka (it asks for
//! rebalances as events, and the batch call then drops the assignment without a word), so every
//! assigned partition is forwarded to a queue of our own.

use crate::batch::{Batch, End};
use crate::client::Brokers;
use crate::error::{Error, transient};
use crate::member::Member;
use crate::rebalance::{Assigned, Change, Context, Native, Revoked};
use crate::timeouts::Timeouts;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::types::RDKafkaRespErr;
use rdkafka_sys as sys;
use std::ffi::{CStr, CString};
use std::mem::ManuallyDrop;
use std::sync::Arc;
use std::time::Duration;

/// A topic's partition.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tp {
    /// Topic.
    pub topic: String,
    /// Partition.
    pub partition: i32,
}

impl Tp {
    /// From its parts.
    pub fn new(topic: impl Into<String>, partition: i32) -> Tp {
        Tp {
            topic: topic.into(),
            partition,
        }
    }
}

impl std::fmt::Display for Tp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.topic, self.partition)
    }
}

/// What a group committed for a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    /// Which.
    pub tp: Tp,
    /// Offset to go on from; `None` where nothing was committed.
    pub offset: Option<i64>,
    /// What was committed with it.
    pub metadata: String,
}

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
    native: ManuallyDrop<Arc<Native>>,
    timeouts: Timeouts,
    apart: bool,
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
        let queue = Queue::of(inner.client().native_ptr());
        Ok(Consumer {
            native: ManuallyDrop::new(Arc::new(Native { queue, inner })),
            timeouts: timeouts.clone(),
            apart: false,
            member: None,
        })
    }

    fn inner(&self) -> &BaseConsumer<Context> {
        &self.native.inner
    }

    /// What a single try of a call may take.
    fn attempt(&self, limit: Duration) -> Duration {
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
        let queue = self.own_queue(tp)?;
        let mut raw = Vec::with_capacity(max.max(1));
        fill(&mut raw, &queue, Duration::ZERO, max.max(1))?;
        if raw.is_empty() && !wait.is_zero() {
            fill(&mut raw, &queue, wait, 1)?;
        }
        self.batch(raw)
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

    /// What the group committed last; waits for open transactions on these offsets to end.
    pub fn committed(&self, parts: &[Tp], deadline: Duration) -> Result<Vec<Committed>, Error> {
        if parts.is_empty() {
            return Ok(Vec::new());
        }
        let found = retry(deadline, || {
            self.inner()
                .committed_offsets(names(parts), self.attempt(deadline))
                .map_err(|e| Error::kafka("reading committed offsets", e))
        })?;
        found
            .elements()
            .iter()
            .map(|e| {
                e.error()
                    .map_err(|k| Error::kafka(format!("committed offset of {}", e.topic()), k))?;
                let offset = match e.offset() {
                    Offset::Offset(o) => Some(o),
                    _ => None,
                };
                Ok(Committed {
                    tp: Tp::new(e.topic(), e.partition()),
                    offset,
                    metadata: e.metadata().to_owned(),
                })
            })
            .collect()
    }

    /// First offsets and the ones after the last committed records, asked from the brokers: of all
    /// partitions at once, since each question waits behind the fetch that a broker holds.
    pub fn bounds(&self, parts: &[Tp], deadline: Duration) -> Result<Vec<(i64, i64)>, Error> {
        let limits = (self.attempt(deadline), deadline);
        let lows = offsets(self.inner(), parts, Offset::Beginning, limits)?;
        let ends = offsets(self.inner(), parts, Offset::End, limits)?;
        Ok(lows.into_iter().zip(ends).collect())
    }

    /// End of the partition as of the last fetch, without asking the broker.
    pub fn known_end(&self, tp: &Tp) -> Option<i64> {
        let topic = CString::new(tp.topic.as_str()).ok()?;
        let (mut low, mut high) = (-1, -1);
        // SAFETY: valid client and out parameters.
        let err = unsafe {
            sys::rd_kafka_get_watermark_offsets(
                self.native.ptr(),
                topic.as_ptr(),
                tp.partition,
                &mut low,
                &mut high,
            )
        };
        (err == RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR && high >= 0).then_some(high)
    }

    /// Goes on from these offsets; what was fetched before is dropped.
    pub fn seek(&self, to: &[(Tp, i64)]) -> Result<(), Error> {
        if to.is_empty() {
            return Ok(());
        }
        let done = self
            .inner()
            .seek_partitions(list(to)?, self.timeouts.request)
            .map_err(|e| Error::kafka("seeking", e))?;
        for e in done.elements() {
            e.error()
                .map_err(|k| Error::kafka(format!("seeking in {}", e.topic()), k))?;
        }
        Ok(())
    }

    /// Stops fetching these.
    pub fn pause(&self, parts: &[Tp]) -> Result<(), Error> {
        self.inner()
            .pause(&names(parts))
            .map_err(|e| Error::kafka("pausing", e))
    }

    /// Fetches these again, from the given offsets.
    pub fn resume(&self, from: &[(Tp, i64)]) -> Result<(), Error> {
        let parts: Vec<Tp> = from.iter().map(|(tp, _)| tp.clone()).collect();
        self.inner()
            .resume(&names(&parts))
            .map_err(|e| Error::kafka("resuming", e))?;
        self.seek(from)
    }

    /// Commits offsets (of the next record to read) outside of a transaction, and waits for it up
    /// to the limit.
    ///
    /// # Errors
    /// Also where the group has given the partitions to others: then their offsets are for these to
    /// commit.
    pub fn commit(&self, next: &[(Tp, i64)], limit: Duration) -> Result<(), Error> {
        if next.is_empty() {
            return Ok(());
        }
        let (list, answers) = (list(next)?, Queue::of(self.native.ptr()));
        // The library's own waiting has no limit: it keeps the commit until there is a coordinator.
        // SAFETY: valid client, list and queue; without a callback the answer is an event in the
        // queue.
        let sent = unsafe {
            sys::rd_kafka_commit_queue(
                self.native.ptr(),
                list.ptr(),
                answers.0,
                None,
                std::ptr::null_mut(),
            )
        };
        let refused = |code: RDKafkaRespErr| match code {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR => Ok(()),
            code => Err(Error::code_of("committing offsets", code.into())),
        };
        refused(sent)?;
        let ms = limit.as_millis().min(60_000) as libc::c_int;
        // SAFETY: a valid queue; the event is ours to destroy, after it was read.
        let answer = unsafe {
            let event = sys::rd_kafka_queue_poll(answers.0, ms);
            (!event.is_null()).then(|| {
                let code = sys::rd_kafka_event_error(event);
                sys::rd_kafka_event_destroy(event);
                code
            })
        };
        match answer {
            Some(code) => refused(code),
            None => Err(Error::Deadline {
                what: "committing offsets".into(),
                seconds: limit.as_secs(),
            }),
        }
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        // SAFETY: taken once, here, and not used afterwards.
        let native = unsafe { ManuallyDrop::take(&mut self.native) };
        native.close(self.timeouts.close);
    }
}

/// A handle of a queue, released when it is dropped. Batches do not hold it: they borrow the
/// consumer.
pub(crate) struct Queue(*mut sys::rd_kafka_queue_t);

// SAFETY: the library's queues may be used from any thread.
unsafe impl Send for Queue {}
// SAFETY: as above.
unsafe impl Sync for Queue {}

impl Queue {
    /// A new one of a valid client, which must outlive it.
    fn of(client: *mut sys::rd_kafka_t) -> Queue {
        // SAFETY: a valid client.
        Queue(unsafe { sys::rd_kafka_queue_new(client) })
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        // SAFETY: owned.
        unsafe { sys::rd_kafka_queue_destroy(self.0) };
    }
}

/// Appends up to `max` messages of a queue: waits all of `wait` where it holds less.
fn fill(
    raw: &mut Vec<*mut sys::rd_kafka_message_t>,
    queue: &Queue,
    wait: Duration,
    max: usize,
) -> Result<(), Error> {
    let have = raw.len();
    raw.reserve(max);
    let ms = wait.as_millis().min(60_000) as libc::c_int;
    // SAFETY: a valid queue, and there is room for `max` pointers behind `have`.
    let n =
        unsafe { sys::rd_kafka_consume_batch_queue(queue.0, ms, raw.as_mut_ptr().add(have), max) };
    if n < 0 {
        return Err(Error::code_of("reading a batch", RDKafkaErrorCode::Fail));
    }
    // SAFETY: the library wrote `n` of them.
    unsafe { raw.set_len(have + n as usize) };
    Ok(())
}

/// First offsets ([`Offset::Beginning`]) or ends (after the last committed record), one per
/// partition asked for. Limits: of one try, and of all.
pub(crate) fn offsets<C: ConsumerContext>(
    reader: &BaseConsumer<C>,
    parts: &[Tp],
    which: Offset,
    (attempt, deadline): (Duration, Duration),
) -> Result<Vec<i64>, Error> {
    if parts.is_empty() {
        return Ok(Vec::new());
    }
    // The offset field carries the question: the protocol's own codes for "earliest" and "latest"
    // in place of a timestamp.
    let mut ask = TopicPartitionList::with_capacity(parts.len());
    for tp in parts {
        ask.add_partition_offset(&tp.topic, tp.partition, which)
            .map_err(|e| Error::kafka(format!("offset of {tp}"), e))?;
    }
    // Errors of single partitions too: a broker that has just started answers some of them a moment
    // later.
    retry(deadline, || {
        let found = reader
            .offsets_for_times(ask.clone(), attempt)
            .map_err(|e| Error::kafka("reading offsets", e))?;
        parts
            .iter()
            .map(|tp| {
                let e = found
                    .find_partition(&tp.topic, tp.partition)
                    .ok_or_else(|| Error::Invariant(format!("no offset of {tp} in the answer")))?;
                e.error()
                    .map_err(|k| Error::kafka(format!("offset of {tp}"), k))?;
                match e.offset() {
                    Offset::Offset(o) => Ok(o),
                    other => Err(Error::Invariant(format!("offset {other:?} of {tp}"))),
                }
            })
            .collect()
    })
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

fn list(from: &[(Tp, i64)]) -> Result<TopicPartitionList, Error> {
    let mut list = TopicPartitionList::with_capacity(from.len());
    for (tp, offset) in from {
        list.add_partition_offset(&tp.topic, tp.partition, Offset::Offset(*offset))
            .map_err(|e| Error::kafka(format!("offset of {tp}"), e))?;
    }
    Ok(list)
}

pub(crate) fn names(parts: &[Tp]) -> TopicPartitionList {
    let mut list = TopicPartitionList::with_capacity(parts.len());
    for tp in parts {
        list.add_partition(&tp.topic, tp.partition);
    }
    list
}
