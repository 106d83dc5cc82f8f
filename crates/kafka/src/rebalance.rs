//! Changes of what a member of a group reads, as questions that cannot stay without an answer.
//!
//! The library waits for the answer to each change, and closing a consumer waits for it too, for
//! ever. So a change that is dropped, on whatever path, gives up what the member has; its consumer
//! is of no use from then on and says so.

use crate::client::{log, log_error};
use crate::error::Error;
use crate::oauth;
use crate::partition::{Tp, names};
use crate::queue::Queue;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::topic_partition_list::TopicPartitionList;
use rdkafka::types::RDKafkaRespErr;
use rdkafka_sys as sys;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The library's client, for as long as the consumer, an unanswered change or the closing needs it.
pub(crate) struct Native {
    // Before the client, to which it belongs.
    pub queue: Queue,
    pub inner: BaseConsumer<Context>,
}

/// A change that was told and not asked for yet.
enum Told {
    Assigned(Vec<Tp>),
    Revoked(Vec<Tp>),
}

/// Keeps changes until the owner of the consumer asks for them.
#[derive(Default)]
pub(crate) struct Context {
    told: Mutex<VecDeque<Told>>,
    /// Nobody asks any more.
    closing: AtomicBool,
    /// The answer that ends the group was given.
    left: AtomicBool,
    /// A change was dropped without an answer.
    spoiled: AtomicBool,
}

impl Context {
    fn lock(&self) -> MutexGuard<'_, VecDeque<Told>> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers the first change that is told while the library closes: it takes whatever answer for
    /// the giving up of all and then ends the group. Where another change waits behind the first, an
    /// answer to it may come after that end, and the library's call would wait for ever.
    fn leave(&self, consumer: &BaseConsumer<Context>) {
        if !self.left.swap(true, Ordering::SeqCst) {
            let answer = consumer.incremental_unassign(&TopicPartitionList::new());
            refused("leaving", answer);
        }
    }
}

fn refused(what: &str, answer: KafkaResult<()>) {
    if let Err(e) = answer {
        tracing::debug!(target: "kafka", "{what}: {e}");
    }
}

impl ClientContext for Context {
    oauth::gives_tokens!();

    fn log(&self, level: RDKafkaLogLevel, fac: &str, message: &str) {
        log(level, fac, message);
    }
    fn error(&self, error: KafkaError, reason: &str) {
        log_error(&error, reason);
    }
}

impl ConsumerContext for Context {
    fn rebalance(
        &self,
        consumer: &BaseConsumer<Self>,
        err: RDKafkaRespErr,
        list: &mut TopicPartitionList,
    ) {
        if self.closing.load(Ordering::SeqCst) {
            return self.leave(consumer);
        }
        let parts = list
            .elements()
            .iter()
            .map(|e| Tp::new(e.topic(), e.partition()))
            .collect();
        let assigned = err == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
        self.lock().push_back(match assigned {
            true => Told::Assigned(parts),
            false => Told::Revoked(parts),
        });
    }
}

/// Answers whatever was asked: nothing is taken on, everything is given up. What was to be revoked
/// may be gone from the assignment already, and the library refuses a list that names such a
/// partition; so the list is its own.
fn give_up(consumer: &BaseConsumer<Context>) {
    let has = consumer.assignment().unwrap_or_default();
    refused("giving all up", consumer.incremental_unassign(&has));
    let none = TopicPartitionList::new();
    refused("taking nothing on", consumer.incremental_assign(&none));
}

impl Native {
    /// The next change, if one was told.
    pub(crate) fn told(self: &Arc<Self>) -> Option<Change> {
        let told = self.inner.context().lock().pop_front()?;
        let ask = |parts| Question {
            native: self.clone(),
            parts,
            answered: false,
        };
        Some(match told {
            Told::Assigned(parts) => Change::Assigned(Assigned(ask(parts))),
            Told::Revoked(parts) => Change::Revoked(Revoked(ask(parts))),
        })
    }

    /// An error once a change was dropped without an answer: this client reads nothing any more.
    pub(crate) fn usable(&self) -> Result<(), Error> {
        match self.inner.context().spoiled.load(Ordering::SeqCst) {
            true => Err(Error::Unanswered),
            false => Ok(()),
        }
    }

    /// Leaves what is to be left and ends the client, on a thread of its own: the library's call
    /// has no limit. False where it takes longer; then it goes on in the background, and a new
    /// member with the same id shuts it out.
    pub(crate) fn close(self: Arc<Self>, limit: Duration) -> bool {
        let context = self.inner.context();
        context.closing.store(true, Ordering::SeqCst);
        let unasked = std::mem::take(&mut *context.lock());
        if !unasked.is_empty() {
            give_up(&self.inner);
        }
        crate::close::within("a consumer", limit, move || drop(self))
    }

    pub(crate) fn ptr(&self) -> *mut sys::rd_kafka_t {
        self.inner.client().native_ptr()
    }
}

/// A change of what a member of a group reads. Nothing is read until it is answered; dropped, it
/// gives all partitions up, and the consumer must be built anew.
#[must_use = "the group waits for the answer"]
#[derive(Debug)]
pub enum Change {
    /// Partitions are added.
    Assigned(Assigned),
    /// Partitions are taken away.
    Revoked(Revoked),
}

/// Partitions to be taken on.
#[must_use = "the group waits for the answer"]
#[derive(Debug)]
pub struct Assigned(Question);

/// Partitions to be given up.
#[must_use = "the group waits for the answer"]
#[derive(Debug)]
pub struct Revoked(Question);

struct Question {
    native: Arc<Native>,
    parts: Vec<Tp>,
    answered: bool,
}

impl std::fmt::Debug for Question {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(&self.parts).finish()
    }
}

impl Question {
    fn answer(mut self, what: &str, answer: KafkaResult<()>) -> Result<(), Error> {
        // A refused answer is none: dropping gives up.
        answer.map_err(|e| Error::kafka(what, e))?;
        self.answered = true;
        Ok(())
    }
}

impl Drop for Question {
    fn drop(&mut self) {
        if !self.answered {
            let context = self.native.inner.context();
            context.spoiled.store(true, Ordering::SeqCst);
            give_up(&self.native.inner);
        }
    }
}

impl Assigned {
    /// Which; may be none.
    pub fn parts(&self) -> &[Tp] {
        &self.0.parts
    }

    /// Reads on in these; see [`crate::Consumer::accept`].
    pub(crate) fn answer(self, from: &TopicPartitionList) -> Result<(), Error> {
        let answer = self.0.native.inner.incremental_assign(from);
        self.0.answer("taking partitions on", answer)
    }
}

impl Revoked {
    /// Which.
    pub fn parts(&self) -> &[Tp] {
        &self.0.parts
    }

    /// True where the group has given them to others already: a commit of their offsets is refused.
    pub fn are_lost(&self) -> bool {
        self.0.native.inner.assignment_lost()
    }

    /// Gives them up; see [`crate::Consumer::release`].
    pub(crate) fn answer(self) -> Result<(), Error> {
        let list = names(&self.0.parts);
        let answer = self.0.native.inner.incremental_unassign(&list);
        self.0.answer("giving partitions up", answer)
    }
}
