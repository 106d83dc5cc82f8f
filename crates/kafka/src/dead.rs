//! Dead letters: the raw bytes, and headers that say what was wrong with them and where they stood.

use crate::batch::Message;
use crate::error::Error;
use crate::producer::Header;
use weir_model::{Code, headers, topics};

/// Larger values are cut: with its headers a dead letter must fit where the original did.
const KEPT: usize = 512 * 1024;

/// Sends a record: topic, key, value, headers.
pub type Send<'f> =
    &'f mut dyn FnMut(&str, Option<&[u8]>, Option<&[u8]>, &[Header<'_>]) -> Result<(), Error>;

/// Where something stood that could not be read.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// Topic, or what stands in place of one.
    pub topic: &'a str,
    /// Partition.
    pub partition: i32,
    /// Offset.
    pub offset: i64,
}

/// Writes a dead letter for `message` through `send`: of a tenant (empty where that cannot be
/// told), with a text about it.
pub fn write(
    message: &Message<'_>,
    topic: &str,
    code: Code,
    about: (&str, &str),
    send: Send<'_>,
) -> Result<(), Error> {
    let place = Place {
        topic,
        partition: message.partition(),
        offset: message.offset(),
    };
    // The record's own headers too, so that it can be put back as it was.
    let mut own = Vec::new();
    message.each_header(|name, value| {
        if value.len() <= 4096 && own.len() < 56 {
            own.push((name, value));
        }
    });
    let (key, value) = (message.key(), message.value());
    bury(place, (key, value), code, about, &own, send)
}

/// Writes a dead letter for a key and a value that stood at `place`, with headers of their own.
pub fn bury(
    place: Place<'_>,
    (key, value): (Option<&[u8]>, Option<&[u8]>),
    code: Code,
    (tenant, text): (&str, &str),
    own: &[Header<'_>],
    send: Send<'_>,
) -> Result<(), Error> {
    let code_text = code.to_string();
    let partition = place.partition.to_string();
    let offset = place.offset.to_string();
    let (kept, hash) = match value {
        Some(v) if v.len() > KEPT => (
            Some(&v[..KEPT]),
            Some(format!(
                "xxh3_128={:032x} bytes={}",
                xxhash_rust::xxh3::xxh3_128(v),
                v.len()
            )),
        ),
        v => (v, None),
    };
    let mut list: Vec<Header<'_>> = vec![
        (headers::ERROR_CODE, code_text.as_bytes()),
        (headers::ERROR_MESSAGE, text.as_bytes()),
        (headers::SOURCE_TOPIC, place.topic.as_bytes()),
        (headers::SOURCE_PARTITION, partition.as_bytes()),
        (headers::SOURCE_OFFSET, offset.as_bytes()),
        // Always there, and first: a producer cannot give its record to another tenant by a header.
        (headers::TENANT, tenant.as_bytes()),
    ];
    if let Some(hash) = &hash {
        list.push((headers::TRUNCATED, hash.as_bytes()));
    }
    list.extend_from_slice(own);
    metrics::counter!(crate::metric::DEAD_LETTERS, "code" => code_text.clone()).increment(1);
    send(
        topics::DLQ,
        key.filter(|k| k.len() <= KEPT / 4),
        kept,
        &list,
    )
}
