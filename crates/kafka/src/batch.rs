//! Records as the client library holds them: borrowed, many at a time.

use rdkafka_sys as sys;
use std::ffi::CStr;
use std::marker::PhantomData;
use weir_model::headers::Meta;
use weir_model::prefetch::prefetch;
use weir_model::wire::FRAME;

/// One record; lives as long as its [`Batch`].
#[derive(Clone, Copy)]
pub struct Message<'a> {
    raw: *const sys::rd_kafka_message_t,
    life: PhantomData<&'a ()>,
}

impl<'a> Message<'a> {
    /// Safety: `raw` is a valid message for as long as `'a`.
    unsafe fn new(raw: *const sys::rd_kafka_message_t) -> Message<'a> {
        Message {
            raw,
            life: PhantomData,
        }
    }
    fn get(&self) -> &'a sys::rd_kafka_message_t {
        // SAFETY: see `new`.
        unsafe { &*self.raw }
    }
    /// Topic. Costs a scan of its name: for a hot path compare [`Message::topic_token`].
    pub fn topic(&self) -> &'a str {
        // SAFETY: a consumed message has a topic, whose name lives as long as the client.
        unsafe { CStr::from_ptr(sys::rd_kafka_topic_name(self.get().rkt)) }
            .to_str()
            .unwrap_or("")
    }
    /// Equal for records of one topic, read by one consumer.
    pub fn topic_token(&self) -> usize {
        self.get().rkt as usize
    }
    /// Partition.
    pub fn partition(&self) -> i32 {
        self.get().partition
    }
    /// Offset.
    pub fn offset(&self) -> i64 {
        self.get().offset
    }
    /// Append time in milliseconds since the epoch.
    pub fn timestamp(&self) -> i64 {
        // SAFETY: valid message; the type of the timestamp is not asked for.
        unsafe { sys::rd_kafka_message_timestamp(self.raw, std::ptr::null_mut()) }
    }
    /// Key.
    pub fn key(&self) -> Option<&'a [u8]> {
        let m = self.get();
        // SAFETY: the message owns `key_len` bytes there.
        (!m.key.is_null())
            .then(|| unsafe { std::slice::from_raw_parts(m.key as *const u8, m.key_len) })
    }
    /// Value.
    pub fn value(&self) -> Option<&'a [u8]> {
        let m = self.get();
        // SAFETY: the message owns `len` bytes there.
        (!m.payload.is_null())
            .then(|| unsafe { std::slice::from_raw_parts(m.payload as *const u8, m.len) })
    }
    /// Calls `f` with each header. Where there is none, reading that from memory is what it costs.
    pub fn each_header(&self, mut f: impl FnMut(&'a str, &'a [u8])) {
        let mut headers = std::ptr::null_mut();
        // SAFETY: valid message; the headers belong to it. The call parses them in place, once.
        let err = unsafe { sys::rd_kafka_message_headers(self.raw, &mut headers) };
        if err != sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
            return;
        }
        for i in 0.. {
            let (mut name, mut value, mut size) = (std::ptr::null(), std::ptr::null(), 0usize);
            // SAFETY: `headers` is valid; out parameters are written where the index exists.
            let err = unsafe {
                sys::rd_kafka_header_get_all(headers, i, &mut name, &mut value, &mut size)
            };
            if err != sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
                return;
            }
            // SAFETY: as long as the message lives, so do its headers.
            let name = unsafe { CStr::from_ptr(name) }.to_str().unwrap_or("");
            let value: &'a [u8] = if value.is_null() {
                &[]
            } else {
                // SAFETY: as above.
                unsafe { std::slice::from_raw_parts(value as *const u8, size) }
            };
            f(name, value);
        }
    }
    /// What weir's own headers say.
    pub fn meta(&self) -> Meta {
        let mut meta = Meta::default();
        self.each_header(|name, value| meta.read(name, value));
        meta
    }
}

impl std::fmt::Debug for Message<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}@{}", self.topic(), self.partition(), self.offset())
    }
}

/// The end of a partition was reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    /// Topic.
    pub topic: String,
    /// Partition.
    pub partition: i32,
    /// Offset that the next record will have, at least.
    pub next: i64,
}

/// Records read together. Those of one partition are in order; the borrow keeps the consumer alive.
#[derive(Default)]
pub struct Batch<'a> {
    raw: Vec<*mut sys::rd_kafka_message_t>,
    ends: Vec<End>,
    life: PhantomData<&'a ()>,
}

impl<'a> Batch<'a> {
    pub(crate) fn new(raw: Vec<*mut sys::rd_kafka_message_t>, ends: Vec<End>) -> Batch<'a> {
        Batch {
            raw,
            ends,
            life: PhantomData,
        }
    }
    /// Number of records.
    pub fn len(&self) -> usize {
        self.raw.len()
    }
    /// True where there is none (there may be [`Batch::ends`]).
    pub fn is_empty(&self) -> bool {
        self.raw.is_empty()
    }
    /// The records.
    pub fn iter(&self) -> impl Iterator<Item = Message<'_>> {
        // SAFETY: the messages are destroyed when the batch is dropped.
        self.raw.iter().map(|&m| unsafe { Message::new(m) })
    }
    /// The records as stretches of one partition each.
    pub fn runs(&self) -> impl Iterator<Item = Run<'_>> {
        // SAFETY of the reads: valid messages, see `iter`.
        self.raw
            .chunk_by(|&a, &b| unsafe { (*a).partition == (*b).partition && (*a).rkt == (*b).rkt })
            .map(|raw| Run { raw })
    }
    /// Partitions that were read to their end (after the records of this batch).
    pub fn ends(&self) -> &[End] {
        &self.ends
    }
}

impl Drop for Batch<'_> {
    fn drop(&mut self) {
        for &m in &self.raw {
            // SAFETY: owned by this batch.
            unsafe { sys::rd_kafka_message_destroy(m) };
        }
    }
}

/// Records of one partition, in order; never empty.
#[derive(Clone, Copy)]
pub struct Run<'a> {
    raw: &'a [*mut sys::rd_kafka_message_t],
}

impl<'a> Run<'a> {
    /// The first.
    pub fn first(&self) -> Message<'a> {
        // SAFETY: not empty, and the batch outlives `'a`.
        unsafe { Message::new(self.raw[0]) }
    }
    /// The last.
    pub fn last(&self) -> Message<'a> {
        // SAFETY: as above.
        unsafe { Message::new(self.raw[self.raw.len() - 1]) }
    }
    /// All.
    pub fn iter(&self) -> impl Iterator<Item = Message<'a>> + use<'a> {
        // SAFETY: as above.
        self.raw.iter().map(|&m| unsafe { Message::new(m) })
    }
    /// What the headers of each say. A record whose value begins with `usual` is not asked for
    /// them: the library parses headers anew for each record, also where there are none. From a
    /// player's mark on all are asked.
    pub fn metas(&self, mut usual: Option<[u8; FRAME]>) -> impl Iterator<Item = Meta> + use<'a> {
        const AHEAD: usize = 16;
        let mut ahead = self.iter().skip(AHEAD);
        self.iter().map(move |m| {
            // What is read here, nobody has read yet: it is fetched before its turn comes.
            if let Some(value) = ahead.next().and_then(|m| m.value()) {
                prefetch(value.as_ptr());
            }
            if let (Some(frame), Some(value)) = (&usual, m.value())
                && value.starts_with(frame)
            {
                return Meta::default();
            }
            let meta = m.meta();
            if meta.mark.is_some() {
                usual = None;
            }
            meta
        })
    }
    /// Number of records.
    pub fn len(&self) -> usize {
        self.raw.len()
    }
    /// Never.
    pub fn is_empty(&self) -> bool {
        self.raw.is_empty()
    }
    /// The records with offsets below `offset`, and the others.
    pub fn split_at_offset(&self, offset: i64) -> (Run<'a>, Run<'a>) {
        // SAFETY of the read: valid messages.
        let n = self
            .raw
            .partition_point(|&m| unsafe { (*m).offset } < offset);
        let (a, b) = self.raw.split_at(n);
        (Run { raw: a }, Run { raw: b })
    }
}
