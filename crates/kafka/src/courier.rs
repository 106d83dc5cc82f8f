//! Writing for many at once, each of whom is told when what he gave is acknowledged.

use crate::client::{Brokers, log, log_error};
use crate::close::Closing;
use crate::error::Error;
use crate::oauth;
use crate::producer::{Header, owned};
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Message as _};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _, ProducerContext};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::Thread;
use std::time::Duration;

/// Pause between two looks for reports, while records are under way.
const NAP: Duration = Duration::from_micros(500);
/// ... and while none are: whoever sends one wakes the thread.
const REST: Duration = Duration::from_millis(100);
/// Records wait so long for others to go with them.
const LINGER: &str = "2";

type Done = Box<dyn FnOnce(Result<(), Error>) + Send>;

/// Records that belong together. Once all of them are acknowledged, or one of them is not, the
/// function that it was made with is called, on any thread.
pub struct Parcel {
    failed: Mutex<Option<Error>>,
    done: Mutex<Option<Done>>,
}

impl Parcel {
    /// Without records yet. Dropped by its maker it is complete.
    pub fn new(done: impl FnOnce(Result<(), Error>) + Send + 'static) -> Arc<Parcel> {
        Arc::new(Parcel {
            failed: Mutex::default(),
            done: Mutex::new(Some(Box::new(done))),
        })
    }

    fn fail(&self, e: Error) {
        lock(&self.failed).get_or_insert(e);
    }
}

impl Drop for Parcel {
    // Each record under way holds it, and so does its maker.
    fn drop(&mut self) {
        let failed = lock(&self.failed).take();
        if let Some(done) = lock(&self.done).take() {
            done(failed.map_or(Ok(()), Err));
        }
    }
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Tells parcels what became of their records.
#[derive(Default)]
struct Reports {
    broken: AtomicBool,
}

impl Reports {
    fn look_at(&self, e: &KafkaError) {
        if e.rdkafka_error_code() == Some(RDKafkaErrorCode::Fatal) {
            self.broken.store(true, Ordering::SeqCst);
        }
    }
}

impl ClientContext for Reports {
    oauth::gives_tokens!();

    fn log(&self, level: RDKafkaLogLevel, fac: &str, message: &str) {
        log(level, fac, message);
    }
    fn error(&self, error: KafkaError, reason: &str) {
        self.look_at(&error);
        log_error(&error, reason);
    }
}

impl ProducerContext for Reports {
    type DeliveryOpaque = Arc<Parcel>;
    fn delivery(&self, result: &DeliveryResult<'_>, parcel: Arc<Parcel>) {
        if let Err((e, message)) = result {
            self.look_at(e);
            parcel.fail(Error::kafka(
                format!("writing to {}", message.topic()),
                e.clone(),
            ));
        }
    }
}

/// A client of the library, and the thread that takes its reports.
struct Line {
    producer: Closing<BaseProducer<Reports>>,
    over: AtomicBool,
}

impl Line {
    fn open(
        brokers: &Brokers,
        limit: Duration,
        bytes: usize,
    ) -> Result<(Arc<Line>, Thread), Error> {
        let mut c = brokers.config();
        c.set("enable.idempotence", "true")
            .set("acks", "all")
            .set("compression.type", "lz4")
            .set("linger.ms", LINGER)
            .set("retry.backoff.ms", "20")
            // As importers and Java's clients do: one source is one partition, whoever writes.
            .set("partitioner", "murmur2_random")
            .set("queue.buffering.max.messages", "1000000")
            .set(
                "queue.buffering.max.kbytes",
                (bytes >> 10).clamp(1 << 10, 2 << 20).to_string(),
            )
            .set("message.timeout.ms", limit.as_millis().to_string());
        let producer: BaseProducer<Reports> = c
            .create_with_context(Reports::default())
            .map_err(|e| Error::kafka("creating a producer", e))?;
        oauth::arm(&c, producer.client())?;
        let line = Arc::new(Line {
            producer: Closing::new(producer, "a producer", brokers.timeouts.close),
            over: AtomicBool::new(false),
        });
        let polled = line.clone();
        let thread = std::thread::Builder::new()
            .name("weir-courier".into())
            .spawn(move || polled.poll())
            .map_err(|e| Error::Invariant(format!("no thread for a producer: {e}")))?;
        Ok((line, thread.thread().clone()))
    }

    /// Takes reports until nobody sends any more and nothing is under way.
    fn poll(&self) {
        loop {
            self.producer.poll(Duration::ZERO);
            match self.producer.in_flight_count() {
                0 if self.over.load(Ordering::SeqCst) => return,
                0 => std::thread::park_timeout(REST),
                _ => std::thread::sleep(NAP),
            }
        }
    }
}

/// An idempotent producer outside of transactions, for many senders. Acknowledged is what all
/// replicas have.
pub struct Courier {
    brokers: Brokers,
    limit: Duration,
    bytes: usize,
    line: Mutex<(Arc<Line>, Thread)>,
}

impl Courier {
    /// `limit`: so long a record is tried. `bytes`: so much may be under way.
    ///
    /// # Errors
    /// Properties that the library does not take.
    pub fn new(brokers: &Brokers, limit: Duration, bytes: usize) -> Result<Courier, Error> {
        Ok(Courier {
            line: Mutex::new(Line::open(brokers, limit, bytes)?),
            brokers: brokers.clone(),
            limit,
            bytes,
        })
    }

    /// Hands a record over, as a part of a parcel. Never blocks.
    ///
    /// # Errors
    /// As the parcel is told: too much under way, or the client is done for (the next one is
    /// another).
    pub fn send(
        &self,
        parcel: &Arc<Parcel>,
        topic: &str,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[Header<'_>],
    ) -> Result<(), Error> {
        let (line, thread) = match self.line() {
            Ok(line) => line,
            Err(e) => {
                parcel.fail(Error::Invariant(e.to_string()));
                return Err(e);
            }
        };
        let mut record =
            BaseRecord::<[u8], [u8], Arc<Parcel>>::with_opaque_to(topic, parcel.clone());
        record.key = key;
        record.payload = value;
        record.headers = owned(headers);
        let sent = line.producer.send(record).map_err(|(e, _)| {
            line.producer.context().look_at(&e);
            parcel.fail(Error::kafka(format!("writing to {topic}"), e.clone()));
            Error::kafka(format!("writing to {topic}"), e)
        });
        thread.unpark();
        sent
    }

    /// The client, another one where the last is done for: what it had under way is told as failed,
    /// and may be there all the same.
    fn line(&self) -> Result<(Arc<Line>, Thread), Error> {
        let mut line = lock(&self.line);
        if line.0.producer.context().broken.load(Ordering::SeqCst) {
            let new = Line::open(&self.brokers, self.limit, self.bytes)?;
            let old = std::mem::replace(&mut *line, new);
            old.0.over.store(true, Ordering::SeqCst);
            tracing::warn!("the producer is done for, another one takes its place");
            // The last to hold it is its thread, which may wait for it to close.
            drop(old);
        }
        Ok(line.clone())
    }
}

impl Drop for Courier {
    fn drop(&mut self) {
        let (line, thread) = lock(&self.line).clone();
        line.over.store(true, Ordering::SeqCst);
        thread.unpark();
    }
}
