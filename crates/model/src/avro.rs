//! Avro binary, decoded once, borrowed, only the fields that are asked for.
//!
//! A [`Projection`] is compiled per pair of schemas (writer's, reader's) and list of paths into a
//! flat program over the writer's bytes. It follows Avro's rules of resolution: fields by name or
//! alias, defaults of the reader, promotion of numbers, string and bytes alike, unions by branch.
//! Fields that are not asked for are passed over, by the same rules: whether bytes are an event
//! does not depend on what is asked for.

mod bounds;
mod compile;
mod cursor;
mod decode;
mod fast;
mod json;
mod leaves;
mod map;
mod parse;
mod pass;
mod program;
mod read;
mod resolve;
mod schema;
#[cfg(test)]
mod tests;
mod texts;

pub use cursor::{put_bytes, put_long};
pub use json::{EncodeError, JsonEncoder, encode_json};
pub use leaves::{Leaf, LeafKind, leaf_paths};
pub use map::{MapEntries, map_entries};
pub use program::Projection;
pub use texts::Texts;

pub(crate) use cursor::Cursor;

use crate::codes::{self, Code};

/// A decoded value, borrowed from the event.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub enum Value<'a> {
    /// Null or absent.
    #[default]
    Null,
    /// A boolean.
    Bool(bool),
    /// An int or long; a timestamp of any unit is in microseconds.
    Int(i64),
    /// A float or double.
    Float(f64),
    /// A string, the symbol of an enum, or bytes that are text.
    Str(&'a str),
    /// A whole map of strings as encoded; read it with [`map_entries`].
    Map(&'a [u8]),
}

/// Why a schema, or a pair of schemas, cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SchemaError {
    /// Not a schema.
    #[error("not an avro schema: {0}; check the schema's json")]
    Invalid(String),
    /// The writer's data cannot be read as the reader's type.
    #[error("at {at}: {why}; register a schema that the event type can read")]
    Incompatible {
        /// Dotted path.
        at: String,
        /// What differs.
        why: String,
    },
    /// A path that leads to no single value.
    #[error("path {0} leads to no single value of the event; name a field or the key of a map")]
    Path(String),
    /// A schema of unreasonable size, unfolded.
    #[error(
        "the schema is too large or nested too deeply: a type counts at each place where it is used, with all that is in it; make it \
         flatter"
    )]
    TooLarge,
}

impl SchemaError {
    /// The operator's code.
    pub fn code(&self) -> Code {
        match self {
            SchemaError::Path(_) => codes::CATALOG_REFERENCE,
            _ => codes::INCOMPATIBLE_SCHEMA,
        }
    }
}

/// Why an event's bytes cannot be decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The bytes end inside a field.
    #[error("the bytes end inside a field")]
    Truncated,
    /// A union index, enum index or boolean that the writer's schema does not have.
    #[error("an index or boolean lies outside of the writer's schema")]
    BadIndex,
    /// The event holds a branch or symbol that the reader's schema does not have.
    #[error("the event holds a branch or symbol that the event type does not have")]
    Unresolved,
    /// A text is not UTF-8.
    #[error("a text is not utf-8")]
    BadUtf8,
    /// A length is negative or absurd.
    #[error("a length is negative or too large")]
    BadLength,
    /// A varint or number beyond its type.
    #[error("a number does not fit its type")]
    Overflow,
    /// Bytes after the last field.
    #[error("{0} bytes are left over after the last field")]
    Leftover(usize),
    /// A recursive value is nested too deeply.
    #[error("the value is nested too deeply")]
    TooDeep,
}

impl DecodeError {
    /// The operator's code.
    pub fn code(&self) -> Code {
        match self {
            DecodeError::Truncated => codes::TRUNCATED,
            _ => codes::UNDECODABLE,
        }
    }
}
