//! What build scripts need that make Rust types of Avro schemas, or compile files of `schemas` in.
//!
//! [`text`] holds the words that every such script writes alike. [`records`] makes the types of
//! weir's own records; those of events are made by `crates/events/build`. [`embed`] compiles files
//! in as they are.

pub mod embed;
pub mod records;
pub mod text;

use serde_json::Value as Json;

/// A text that a schema must have under a key.
///
/// # Errors
/// It is missing or no text.
pub fn word<'a>(json: &'a Json, key: &str) -> Result<&'a str, String> {
    json[key]
        .as_str()
        .ok_or_else(|| format!("{key} is missing in {json}"))
}

/// What a schema says of itself or of a field.
pub fn doc(json: &Json, otherwise: impl FnOnce() -> String) -> String {
    json["doc"].as_str().map_or_else(otherwise, str::to_owned)
}
