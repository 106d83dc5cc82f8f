//! Writing: in transactions (the stages), or as an idempotent stream (ticks, dead letters replayed,
//! importers, tests).

use crate::client::{Brokers, log, log_error};
use crate::close::Closing;
use crate::consumer::GroupMetadata;
use crate::error::Error;
use crate::oauth;
use crate::partition::Tp;
use crate::stage::Packing;
use rdkafka::client::ClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Header as RdHeader, Message as _, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _, ProducerContext};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka_sys as sys;
use std::ffi::CStr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A header of a record.
pub type Header<'a> = (&'a str, &'a [u8]);

/// `BaseProducer::poll` with a timeout spins until it is over; so poll without one and sleep.
const NAP: Duration = Duration::from_micros(300);

/// Remembers the first record that could not be written.
#[derive(Default)]
struct Deliveries {
    failed: Mutex<Option<(String, KafkaError)>>,
}

impl ClientContext for Deliveries {
    oauth::gives_tokens!();

    fn log(&self, level: RDKafkaLogLevel, fac: &str, message: &str) {
        log(level, fac, message);
    }
    fn error(&self, error: KafkaError, reason: &str) {
        log_error(&error, reason);
    }
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = ();
    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if let Err((e, message)) = result {
            let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
            failed.get_or_insert_with(|| (format!("writing to {}", message.topic()), e.clone()));
        }
    }
}

struct Writer {
    inner: Closing<BaseProducer<Deliveries>>,
}

impl Writer {
    fn create(config: &ClientConfig, brokers: &Brokers) -> Result<Writer, Error> {
        let inner: BaseProducer<Deliveries> = config
            .create_with_context(Deliveries::default())
            .map_err(|e| Error::kafka("creating a producer", e))?;
        oauth::arm(config, inner.client())?;
        let limit = brokers.timeouts.close;
        Ok(Writer {
            inner: Closing::new(inner, "a producer", limit),
        })
    }

    fn send(
        &self,
        to: (&str, Option<i32>),
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[Header<'_>],
        limit: Duration,
    ) -> Result<(), Error> {
        let mut record = BaseRecord::<[u8], [u8]>::to(to.0);
        record.partition = to.1;
        record.key = key;
        record.payload = value;
        record.headers = owned(headers);
        // Asked for where the queue is full only: this runs for every record.
        let mut until = None;
        loop {
            match self.inner.send(record) {
                Ok(()) => return Ok(()),
                Err((e, back)) => {
                    let full = e.rdkafka_error_code() == Some(RDKafkaErrorCode::QueueFull);
                    if !full {
                        return Err(Error::kafka(format!("writing to {}", to.0), e));
                    }
                    let now = Instant::now();
                    if now > *until.get_or_insert(now + limit) {
                        return Err(deadline_passed(&format!("writing to {}", to.0), limit));
                    }
                    record = back;
                    self.inner.poll(Duration::ZERO);
                    std::thread::sleep(NAP);
                }
            }
        }
    }

    /// Waits until everything is acknowledged or refused.
    fn settle(&self, limit: Duration) -> Result<(), Error> {
        let until = Instant::now() + limit;
        loop {
            self.inner.poll(Duration::ZERO);
            if self.inner.in_flight_count() == 0 {
                break;
            }
            if Instant::now() > until {
                return Err(deadline_passed("writing what is queued", limit));
            }
            std::thread::sleep(NAP);
        }
        let mut failed = self
            .inner
            .context()
            .failed
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        match failed.take() {
            Some((what, e)) => Err(Error::kafka(what, e)),
            None => Ok(()),
        }
    }
}

/// Headers as the library has them.
pub(crate) fn owned(headers: &[Header<'_>]) -> Option<OwnedHeaders> {
    let empty = || OwnedHeaders::new_with_capacity(headers.len());
    headers.iter().fold(None, |list, (key, value)| {
        let value = Some(*value);
        let list: OwnedHeaders = list.unwrap_or_else(empty);
        Some(list.insert(RdHeader { key, value }))
    })
}

fn deadline_passed(what: &str, deadline: Duration) -> Error {
    Error::Deadline {
        what: what.to_owned(),
        seconds: deadline.as_secs(),
    }
}

/// An idempotent producer outside of transactions: keeps order, writes once as long as it lives.
pub struct Appender {
    writer: Writer,
    deadline: Duration,
}

impl Appender {
    /// How long a record is tried. Whoever waits for one waits no longer; ticks and live values are
    /// not waited for.
    const DELIVERY: Duration = Duration::from_secs(60);

    /// Acknowledged by all replicas, lz4.
    pub fn new(brokers: &Brokers) -> Result<Appender, Error> {
        let mut c = brokers.config();
        Packing::Quick.set(&mut c);
        c.set("enable.idempotence", "true")
            .set("acks", "all")
            .set("retry.backoff.ms", "20")
            .set("queue.buffering.max.messages", "500000")
            .set("message.timeout.ms", Self::DELIVERY.as_millis().to_string());
        Ok(Appender {
            writer: Writer::create(&c, brokers)?,
            deadline: Self::DELIVERY,
        })
    }

    /// Queues a record; waits where the queue is full. Its fate is known after [`Appender::flush`].
    pub fn send(
        &self,
        topic: &str,
        partition: Option<i32>,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[Header<'_>],
    ) -> Result<(), Error> {
        self.writer
            .send((topic, partition), key, value, headers, self.deadline)
    }

    /// Lets the library report what was delivered, without waiting. To be called now and then
    /// between sends.
    pub fn poll(&self) {
        self.writer.inner.poll(Duration::ZERO);
    }

    /// Waits until everything sent is acknowledged; the first failure since the last call
    /// otherwise.
    pub fn flush(&self) -> Result<(), Error> {
        self.writer.settle(self.deadline)
    }
}

/// Why a step of a transaction did not succeed.
#[derive(Debug)]
pub(crate) enum Refused {
    /// Abort, go back to what was committed, go on.
    Abort(Error),
    /// The producer is done for: build it anew.
    Fatal(Error),
}

impl Refused {
    pub(crate) fn error(self) -> Error {
        match self {
            Refused::Abort(e) | Refused::Fatal(e) => e,
        }
    }
}

/// The stages' producer.
pub(crate) struct Transactional {
    writer: Writer,
    /// For all steps of a commit together; for an abort; for writing a record.
    limit: Duration,
}

impl Transactional {
    /// Aborts what an earlier producer with the same id left open.
    pub(crate) fn open(
        brokers: &Brokers,
        id: &str,
        packing: Packing,
    ) -> Result<Transactional, Error> {
        let (mut c, t) = (brokers.config(), &brokers.timeouts);
        let transaction = t.transaction.as_millis().to_string();
        c.set("transactional.id", id)
            .set("transaction.timeout.ms", &transaction)
            // Past the end of its transaction no record is of use.
            .set("message.timeout.ms", &transaction)
            // The library wants no request to outlast a transaction.
            .set(
                "socket.timeout.ms",
                t.request.min(t.transaction).as_millis().to_string(),
            )
            .set("acks", "all")
            .set("linger.ms", "0.5")
            // The broker answers CONCURRENT_TRANSACTIONS while it still writes the markers of the
            // transaction before: 100 ms lost each time with the default.
            .set("retry.backoff.ms", "2")
            .set("retry.backoff.max.ms", "500")
            .set("queue.buffering.max.messages", "1000000");
        packing.set(&mut c);
        let opened = Transactional {
            writer: Writer::create(&c, brokers)?,
            limit: t.call,
        };
        opened
            .step("opening transactions", opened.until(), |rk, ms| {
                // SAFETY: valid client.
                unsafe { sys::rd_kafka_init_transactions(rk, ms) }
            })
            .map_err(Refused::error)?;
        Ok(opened)
    }

    fn until(&self) -> Instant {
        Instant::now() + self.limit
    }

    /// Runs a call of the transaction API, again while it says that it may be, until then.
    fn step(
        &self,
        what: &str,
        until: Instant,
        call: impl Fn(*mut sys::rd_kafka_t, libc::c_int) -> *mut sys::rd_kafka_error_t,
    ) -> Result<(), Refused> {
        loop {
            let left = until
                .saturating_duration_since(Instant::now())
                .as_millis()
                .clamp(1, 10_000);
            let raw = call(self.writer.inner.client().native_ptr(), left as libc::c_int);
            if raw.is_null() {
                return Ok(());
            }
            // SAFETY: not null, ours to destroy; the text is copied before.
            let (code, fatal, abort, again, text) = unsafe {
                let text = CStr::from_ptr(sys::rd_kafka_error_string(raw))
                    .to_string_lossy()
                    .into_owned();
                let facts = (
                    RDKafkaErrorCode::from(sys::rd_kafka_error_code(raw)),
                    sys::rd_kafka_error_is_fatal(raw) != 0,
                    sys::rd_kafka_error_txn_requires_abort(raw) != 0,
                    sys::rd_kafka_error_is_retriable(raw) != 0,
                    text,
                );
                sys::rd_kafka_error_destroy(raw);
                facts
            };
            let error = || Error::code_of(format!("{what}: {text}"), code);
            if fatal {
                return Err(Refused::Fatal(error()));
            }
            if abort {
                return Err(Refused::Abort(error()));
            }
            if !again {
                // E.g. the group refused the offsets, or a call in a state that does not allow it.
                return Err(Refused::Abort(error()));
            }
            if Instant::now() >= until {
                return Err(Refused::Fatal(deadline_passed(what, self.limit)));
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    pub(crate) fn begin(&self) -> Result<(), Refused> {
        // SAFETY: valid client.
        self.step("beginning a transaction", self.until(), |rk, _| unsafe {
            sys::rd_kafka_begin_transaction(rk)
        })
    }

    pub(crate) fn send(
        &self,
        to: (&str, Option<i32>),
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[Header<'_>],
    ) -> Result<(), Error> {
        self.writer.send(to, key, value, headers, self.limit)
    }

    /// Offsets and metadata into the open transaction, under the group metadata that the records
    /// were read with; then all of it or nothing.
    pub(crate) fn commit(
        &self,
        next: &[(Tp, i64, String)],
        group: &GroupMetadata,
    ) -> Result<(), Refused> {
        let mut list = TopicPartitionList::with_capacity(next.len());
        for (tp, offset, metadata) in next {
            let mut e = list.add_partition(&tp.topic, tp.partition);
            e.set_offset(Offset::Offset(*offset))
                .map_err(|e| Refused::Abort(Error::kafka(format!("offset of {tp}"), e)))?;
            e.set_metadata(metadata);
        }
        // One limit for all steps: a broker that answers again should not be met by what was begun
        // before.
        let until = self.until();
        // Before the offsets: then every partition is part of the transaction, and an abort is
        // allowed.
        self.writer.settle(self.limit).map_err(|e| self.judge(e))?;
        if !next.is_empty() {
            self.step("sending offsets to the transaction", until, |rk, ms| {
                // SAFETY: valid client, list and metadata.
                unsafe {
                    sys::rd_kafka_send_offsets_to_transaction(rk, list.ptr(), group.ptr(), ms)
                }
            })?;
        }
        // Not rdkafka's `commit_transaction`: it flushes in steps of 100 ms.
        // SAFETY: valid client.
        self.step("committing a transaction", until, |rk, ms| unsafe {
            sys::rd_kafka_commit_transaction(rk, ms)
        })
    }

    /// Undoes the open transaction.
    ///
    /// # Errors
    /// Always for the producer to be built anew, which undoes it too.
    pub(crate) fn abort(&self) -> Result<(), Error> {
        let until = Instant::now() + self.limit / 2;
        // An abort while records are queued whose partitions are not part of the transaction yet is
        // refused.
        if let Err(e) = self.writer.settle(self.limit / 2) {
            tracing::debug!("before the abort: {e}");
        }
        // SAFETY: valid client.
        self.step("aborting a transaction", until, |rk, ms| unsafe {
            sys::rd_kafka_abort_transaction(rk, ms)
        })
        .map_err(Refused::error)
    }

    /// What a failed write means for the producer.
    pub(crate) fn judge(&self, e: Error) -> Refused {
        match self.writer.inner.client().fatal_error() {
            Some(_) => Refused::Fatal(e),
            None if matches!(e, Error::Deadline { .. }) => Refused::Fatal(e),
            None => Refused::Abort(e),
        }
    }
}
