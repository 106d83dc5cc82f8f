//! Queues of the library, out of which messages are taken.

use crate::error::Error;
use rdkafka::error::RDKafkaErrorCode;
use rdkafka_sys as sys;
use std::time::Duration;

/// A handle of a queue, released when it is dropped. Batches do not hold it: they borrow the
/// consumer.
pub(crate) struct Queue(pub(crate) *mut sys::rd_kafka_queue_t);

// SAFETY: the library's queues may be used from any thread.
unsafe impl Send for Queue {}
// SAFETY: as above.
unsafe impl Sync for Queue {}

impl Queue {
    /// A new one of a valid client, which must outlive it.
    pub(crate) fn of(client: *mut sys::rd_kafka_t) -> Queue {
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
pub(crate) fn fill(
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
