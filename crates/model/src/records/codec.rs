//! Avro binary of the records, field by field in the order of their schema.

use super::{Alert, Anomaly, Kpi, Late, Subject};
use crate::Micros;
use crate::avro::{Cursor, DecodeError, put_bytes, put_long};
use crate::codes::{self, Code};
use crate::headers::SchemaRef;
use crate::wire;
use std::sync::LazyLock;

/// Why a record of weir's own cannot be read or written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// The value is not framed.
    #[error("the value has no schema id ({0}); was it written by another program?")]
    Frame(Code),
    /// It was written under another schema.
    #[error(
        "schema id {found} instead of {expected}: the record was written by another version; reprocess"
    )]
    Schema {
        /// The record's.
        found: u32,
        /// This version's.
        expected: u32,
    },
    /// Its bytes do not decode.
    #[error("the record does not decode: {0}")]
    Decode(#[from] DecodeError),
    /// A row was given another number of values, dimensions or hashes than announced.
    #[error("a row was given another number of values, dimensions or hashes than announced")]
    RowShape,
}

impl RecordError {
    /// The operator's code.
    pub fn code(&self) -> Code {
        match self {
            RecordError::Frame(code) => *code,
            RecordError::Schema { .. } => codes::UNKNOWN_SCHEMA,
            RecordError::Decode(e) => e.code(),
            RecordError::RowShape => codes::INVARIANT,
        }
    }
}

/// Names and schemas of the records, as they stand in `schemas/records`.
pub const SCHEMAS: &[(&str, &str)] = &[
    (
        "partial",
        include_str!("../../../../schemas/records/partial.avsc"),
    ),
    ("aggregate", AGGREGATE),
    Anomaly::SCHEMA,
    Kpi::SCHEMA,
    Alert::SCHEMA,
    Late::SCHEMA,
    (
        "state",
        include_str!("../../../../schemas/records/state.avsc"),
    ),
    (
        "dead_letter",
        include_str!("../../../../schemas/records/dead_letter.avsc"),
    ),
];

const AGGREGATE: &str = include_str!("../../../../schemas/records/aggregate.avsc");

pub(super) static AGGREGATE_ID: LazyLock<u32> =
    LazyLock::new(|| crate::schemas::schema_id(AGGREGATE));

/// The schema of a record by its name in [`SCHEMAS`].
pub fn schema_json(name: &str) -> Option<&'static str> {
    SCHEMAS
        .iter()
        .find(|(n, _)| *n == name)
        .map(|(_, json)| *json)
}

/// The body of a value that was written under schema `expected`.
pub(super) fn body(value: &[u8], expected: u32) -> Result<&[u8], RecordError> {
    match wire::split(value, &Default::default()).map_err(RecordError::Frame)? {
        (SchemaRef::Id(found), body) if found == expected => Ok(body),
        (SchemaRef::Id(found), _) => Err(RecordError::Schema { found, expected }),
        (SchemaRef::Guid(_), _) => Err(RecordError::Frame(codes::WRONG_MAGIC)),
    }
}

/// A type that stands in a record.
pub(crate) trait Field: Sized {
    fn put(&self, out: &mut Vec<u8>);
    fn get(c: &mut Cursor) -> Result<Self, DecodeError>;
}

impl Field for String {
    fn put(&self, out: &mut Vec<u8>) {
        put_bytes(out, self.as_bytes());
    }
    fn get(c: &mut Cursor) -> Result<Self, DecodeError> {
        c.text().map(str::to_owned)
    }
}

/// A hash or count: the long of the same 64 bits.
impl Field for u64 {
    fn put(&self, out: &mut Vec<u8>) {
        put_long(out, *self as i64);
    }
    fn get(c: &mut Cursor) -> Result<Self, DecodeError> {
        c.long().map(|v| v as u64)
    }
}

impl Field for i64 {
    fn put(&self, out: &mut Vec<u8>) {
        put_long(out, *self);
    }
    fn get(c: &mut Cursor) -> Result<Self, DecodeError> {
        c.long()
    }
}

impl Field for u32 {
    fn put(&self, out: &mut Vec<u8>) {
        put_long(out, i64::from(*self));
    }
    fn get(c: &mut Cursor) -> Result<Self, DecodeError> {
        u32::try_from(c.long()?).map_err(|_| DecodeError::Overflow)
    }
}

impl Field for i32 {
    fn put(&self, out: &mut Vec<u8>) {
        put_long(out, i64::from(*self));
    }
    fn get(c: &mut Cursor) -> Result<Self, DecodeError> {
        i32::try_from(c.long()?).map_err(|_| DecodeError::Overflow)
    }
}

impl Field for Micros {
    fn put(&self, out: &mut Vec<u8>) {
        put_long(out, self.0);
    }
    fn get(c: &mut Cursor) -> Result<Self, DecodeError> {
        c.long().map(Micros)
    }
}

impl Field for f64 {
    fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_le_bytes());
    }
    fn get(c: &mut Cursor) -> Result<Self, DecodeError> {
        c.double()
    }
}

impl Field for bool {
    fn put(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }
    fn get(c: &mut Cursor) -> Result<Self, DecodeError> {
        c.boolean()
    }
}

/// A union of null and the type.
impl<T: Field> Field for Option<T> {
    fn put(&self, out: &mut Vec<u8>) {
        match self {
            None => out.push(0),
            Some(v) => {
                out.push(2);
                v.put(out);
            }
        }
    }
    fn get(c: &mut Cursor) -> Result<Self, DecodeError> {
        match c.long()? {
            0 => Ok(None),
            1 => T::get(c).map(Some),
            _ => Err(DecodeError::BadIndex),
        }
    }
}

impl<T: Field> Field for Vec<T> {
    fn put(&self, out: &mut Vec<u8>) {
        if !self.is_empty() {
            put_long(out, self.len() as i64);
            for item in self {
                item.put(out);
            }
        }
        out.push(0);
    }
    fn get(c: &mut Cursor) -> Result<Self, DecodeError> {
        let mut list = Vec::new();
        loop {
            let n = c.block()?.items;
            if n == 0 {
                return Ok(list);
            }
            for _ in 0..n {
                list.push(T::get(c)?);
            }
        }
    }
}

/// A record of a name and a value.
impl<T: Field> Field for (String, T) {
    fn put(&self, out: &mut Vec<u8>) {
        self.0.put(out);
        self.1.put(out);
    }
    fn get(c: &mut Cursor) -> Result<Self, DecodeError> {
        Ok((String::get(c)?, T::get(c)?))
    }
}

impl Field for Subject {
    fn put(&self, out: &mut Vec<u8>) {
        self.tenant.put(out);
        self.dimensions.put(out);
    }
    fn get(c: &mut Cursor) -> Result<Self, DecodeError> {
        Ok(Subject {
            tenant: Field::get(c)?,
            dimensions: Field::get(c)?,
        })
    }
}

/// One of the symbols of an enum, by its number.
pub(super) fn symbol<T: Copy>(c: &mut Cursor, all: &[T]) -> Result<T, DecodeError> {
    let i = usize::try_from(c.long()?).map_err(|_| DecodeError::BadIndex)?;
    all.get(i).copied().ok_or(DecodeError::BadIndex)
}

/// Appends a record's value, framed with the id of its schema.
pub(super) fn encode(schema: u32, record: &impl Field, out: &mut Vec<u8>) {
    wire::put_frame(out, SchemaRef::Id(schema));
    record.put(out);
}

/// The id of an earlier schema of a record, and what reads its bytes.
pub(super) type Reader<T> = (u32, fn(&mut Cursor) -> Result<T, DecodeError>);

/// A record from its value, which must be under the schema or an earlier one and end with the
/// record.
pub(super) fn decode<T: Field>(
    schema: u32,
    earlier: &[Reader<T>],
    value: &[u8],
) -> Result<T, RecordError> {
    let (mut c, get) = match body(value, schema) {
        Ok(body) => (Cursor::new(body), T::get as fn(&mut Cursor) -> _),
        Err(RecordError::Schema { found, expected }) => {
            let (id, get) = earlier
                .iter()
                .find(|(id, _)| *id == found)
                .ok_or(RecordError::Schema { found, expected })?;
            (Cursor::new(body(value, *id)?), *get)
        }
        Err(other) => return Err(other),
    };
    let record = get(&mut c)?;
    match c.remaining() {
        0 => Ok(record),
        n => Err(DecodeError::Leftover(n).into()),
    }
}
