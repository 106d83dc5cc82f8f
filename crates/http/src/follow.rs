//! A table that a service keeps of a topic, followed while it runs.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use weir_kafka::admin::Admin;
use weir_kafka::{Brokers, Consumer, Error, Pauses, Tp};
use weir_runtime::{Part, Shutdown};

/// Where partitions begin, and the ends of some.
type Bounds = (Vec<(Tp, i64)>, HashMap<i32, i64>);

/// What the records of a topic come to.
pub trait Table: Default {
    /// Takes a record; without a value it was deleted.
    fn take(&mut self, key: &[u8], value: Option<&[u8]>);
}

/// What is known of a topic; cheap to clone.
pub struct Followed<T> {
    known: Arc<RwLock<Known<T>>>,
    topic: &'static str,
    /// Name of the part that follows it.
    part: &'static str,
}

impl<T> Clone for Followed<T> {
    fn clone(&self) -> Self {
        Followed {
            known: self.known.clone(),
            topic: self.topic,
            part: self.part,
        }
    }
}

#[derive(Default)]
struct Known<T> {
    /// The topic was read to what was its end.
    complete: bool,
    table: T,
}

impl<T: Table> Followed<T> {
    /// Nothing yet. It is followed by a part of this name.
    pub fn new(topic: &'static str, part: &'static str) -> Followed<T> {
        Followed {
            known: Arc::default(),
            topic,
            part,
        }
    }

    /// Whether the topic has been read.
    pub fn is_complete(&self) -> bool {
        let known = self.known.read();
        known.unwrap_or_else(PoisonError::into_inner).complete
    }

    /// Looks at what is known.
    pub fn look<R>(&self, look: impl FnOnce(&T) -> R) -> R {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        look(&known.table)
    }

    /// Changes what is known, and looks at it.
    pub(crate) fn change<R>(&self, change: impl FnOnce(&mut T) -> R) -> R {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        change(&mut known.table)
    }

    /// Follows the topic until shutdown; `seen` looks at what is known after each change. Where
    /// Kafka does not answer, what is known stays.
    pub fn follow(&self, brokers: &Brokers, shutdown: &Shutdown, seen: &dyn Fn(&T)) {
        let timeouts = &brokers.timeouts;
        let part = Part::register(self.part, timeouts.limits());
        let stopped = || shutdown.is_requested();
        let mut pauses = Pauses::new(timeouts.pause);
        while !stopped() {
            part.alive();
            if let Err(e) = self.read(brokers, shutdown, &part, seen) {
                tracing::warn!("reading {} again: {e}", self.topic);
                part.waits_for(format!("Kafka: {e}"));
                pauses.rest(&stopped);
            }
        }
    }

    fn read(
        &self,
        brokers: &Brokers,
        shutdown: &Shutdown,
        part: &Part,
        seen: &dyn Fn(&T),
    ) -> Result<(), Error> {
        let (from, mut open) = self.bounds(brokers)?;
        let consumer = Consumer::assigned(brokers, &from)?;
        // Replaces what is known once it is complete: until then what was deleted would be back.
        let mut next = Some(T::default());
        part.idle();
        while !shutdown.is_requested() {
            part.alive();
            if open.is_empty()
                && let Some(table) = next.take()
            {
                let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
                *known = Known {
                    complete: true,
                    table,
                };
                seen(&known.table);
            }
            consumer.poll(Duration::ZERO)?;
            let batch = consumer.next(Duration::from_millis(200), Duration::ZERO, 4096)?;
            for m in batch.iter() {
                let Some(key) = m.key() else { continue };
                match &mut next {
                    Some(table) => table.take(key, m.value()),
                    None => self.change(|now| {
                        now.take(key, m.value());
                        seen(now);
                    }),
                }
                let read = m.offset() + 1;
                open.retain(|p, end| *p != m.partition() || read < *end);
            }
            // Records that were compacted away, and marks of transactions, are not handed out.
            for at in batch.ends() {
                open.retain(|p, end| *p != at.partition || at.next < *end);
            }
        }
        Ok(())
    }

    /// Where the partitions begin, and the ends of those that hold anything.
    fn bounds(&self, brokers: &Brokers) -> Result<Bounds, Error> {
        let admin = Admin::new(brokers, brokers.timeouts.call)?;
        let Some(topic) = admin.topics(&[self.topic])?.into_iter().next() else {
            let text = format!("there is no topic {} yet: start a processor", self.topic);
            return Err(Error::Invariant(text));
        };
        let mut from = Vec::new();
        let mut open = HashMap::new();
        for p in &topic.partitions {
            from.push((Tp::new(self.topic, p.partition), p.low));
            if p.end > p.low {
                open.insert(p.partition, p.end);
            }
        }
        Ok((from, open))
    }
}
