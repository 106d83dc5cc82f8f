//! Where a consumer stands: what its group committed, where partitions begin and end, and where it
//! reads on.

use crate::consumer::{Consumer, retry};
use crate::error::Error;
use crate::partition::{Committed, Tp, list, names};
use crate::queue::Queue;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::types::RDKafkaRespErr;
use rdkafka_sys as sys;
use std::ffi::CString;
use std::time::Duration;

impl Consumer {
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
