//! Ids of events: the same record gives the same id, however often and in whatever encoding it
//! comes.

use crate::proto::common::v1::KeyValue;
use crate::read::{Point, Record, Source, What};
use prost::Message as _;
use uuid::Uuid;

/// Name space of the ids that are made here.
const SPACE: Uuid = Uuid::from_u128(0x6f74_6c70_0000_5000_8000_7765_6972_0001);

/// Id of an event of `event`: of the first of `identities` all of whose parts are there, else of
/// all that the record says.
pub(crate) fn id(event: &str, identities: &[Vec<Source>], record: &Record) -> Uuid {
    let mut bytes = Vec::with_capacity(128);
    part(&mut bytes, event.as_bytes());
    if !identities
        .iter()
        .any(|parts| told(&mut bytes, parts, record))
    {
        whole(&mut bytes, record);
    }
    Uuid::new_v5(&SPACE, &bytes)
}

/// Id of an event that these parts identify: whoever knows them, also from elsewhere than a record,
/// makes the same.
pub fn event_id(event: &str, parts: &[impl AsRef<str>]) -> Uuid {
    let mut bytes = Vec::with_capacity(128);
    part(&mut bytes, event.as_bytes());
    for p in parts {
        part(&mut bytes, p.as_ref().as_bytes());
    }
    Uuid::new_v5(&SPACE, &bytes)
}

/// Id of the series of a data point: one that begins anew is another one.
pub(crate) fn series(record: &Record, point: Point) -> Uuid {
    let mut bytes = Vec::with_capacity(256);
    attributes(&mut bytes, record.resource);
    part(&mut bytes, record.scope.as_bytes());
    part(&mut bytes, record.name.as_bytes());
    bytes.extend_from_slice(&point.start.to_le_bytes());
    attributes(&mut bytes, record.attributes);
    Uuid::new_v5(&SPACE, &bytes)
}

/// Appends with its length, so that no two lists of parts run together to the same bytes.
fn part(bytes: &mut Vec<u8>, text: &[u8]) {
    bytes.extend_from_slice(&(text.len() as u64).to_le_bytes());
    bytes.extend_from_slice(text);
}

fn told(bytes: &mut Vec<u8>, parts: &[Source], record: &Record) -> bool {
    let before = bytes.len();
    for source in parts {
        match record.get(source) {
            Some(value) => part(bytes, value.text().as_bytes()),
            None => {
                bytes.truncate(before);
                return false;
            }
        }
    }
    !parts.is_empty()
}

/// Resource, scope, times and attributes; attributes in the order of their keys, since exporters
/// write them in any.
fn whole(bytes: &mut Vec<u8>, record: &Record) {
    attributes(bytes, record.resource);
    part(bytes, record.scope.as_bytes());
    part(bytes, record.name.as_bytes());
    let times = match record.what {
        What::Log(l) => [l.time_unix_nano, l.observed_time_unix_nano],
        What::Span(s) => [s.start_time_unix_nano, s.end_time_unix_nano],
        What::Point(p) => [p.start, p.time],
    };
    for time in times {
        bytes.extend_from_slice(&time.to_le_bytes());
    }
    match record.what {
        What::Log(l) => {
            part(bytes, &l.trace_id);
            part(bytes, &l.span_id);
            let body = l.body.as_ref().map(|b| b.encode_to_vec());
            part(bytes, &body.unwrap_or_default());
        }
        What::Span(s) => {
            part(bytes, &s.trace_id);
            part(bytes, &s.span_id);
        }
        // Two points of one series and time are one point, whatever their values.
        What::Point(_) => {}
    }
    attributes(bytes, record.attributes);
}

fn attributes(bytes: &mut Vec<u8>, attributes: &[KeyValue]) {
    let mut sorted: Vec<&KeyValue> = attributes.iter().collect();
    sorted.sort_by(|a, b| a.key.cmp(&b.key));
    for a in sorted {
        part(bytes, &a.encode_to_vec());
    }
}
