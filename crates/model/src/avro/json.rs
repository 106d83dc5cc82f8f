//! JSON into Avro binary: what producers write that start from JSON.

use super::SchemaError;
use super::cursor::{put_bytes, put_long};
use super::schema::{NodeId, Schema, Shape};
use serde_json::Value as Json;

/// Why a JSON value cannot be encoded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// The schema cannot be used.
    #[error(transparent)]
    Schema(#[from] SchemaError),
    /// The value is not of the schema's type.
    #[error("{at}: {expected} expected; correct the value")]
    Mismatch {
        /// Dotted path; empty for the whole.
        at: String,
        /// The type.
        expected: String,
    },
    /// A field without value and default.
    #[error("{0} is missing and has no default; add it")]
    Missing(String),
    /// A field that the schema does not have.
    #[error("{0} is no field of the schema; correct its name or leave it out")]
    Unknown(String),
}

/// A schema made ready to encode many values.
#[derive(Debug, Clone)]
pub struct JsonEncoder {
    schema: Schema,
}

impl JsonEncoder {
    /// From the schema's JSON.
    pub fn new(schema_json: &str) -> Result<JsonEncoder, SchemaError> {
        Ok(JsonEncoder {
            schema: Schema::parse(schema_json)?,
        })
    }

    /// Appends the Avro binary of `value`. Fields that are absent take their default; a union takes
    /// its first branch that fits, or the one named as in `{"string": "x"}`; bytes are texts of
    /// code points up to 255. After an error `out` is as before.
    pub fn encode(&self, value: &Json, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        let before = out.len();
        let result = encode_node(&self.schema, self.schema.root, value, out);
        if result.is_err() {
            out.truncate(before);
        }
        result
    }
}

/// The Avro binary of a JSON value: see [`JsonEncoder::encode`].
pub fn encode_json(schema_json: &str, value: &Json) -> Result<Vec<u8>, EncodeError> {
    let mut out = Vec::new();
    JsonEncoder::new(schema_json)?.encode(value, &mut out)?;
    Ok(out)
}

pub(super) fn encode_node(
    s: &Schema,
    node: NodeId,
    v: &Json,
    out: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    Encoder { s }.put(node, v, &mut String::new(), out)
}

struct Encoder<'s> {
    s: &'s Schema,
}

impl Encoder<'_> {
    fn put(
        &self,
        node: NodeId,
        v: &Json,
        at: &mut String,
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        let kind = self.s.kind(node);
        let no = |expected: &str| EncodeError::Mismatch {
            at: at.clone(),
            expected: expected.to_owned(),
        };
        match kind {
            Shape::Null => v.as_null().ok_or_else(|| no("null"))?,
            Shape::Bool => out.push(u8::from(v.as_bool().ok_or_else(|| no("a boolean"))?)),
            Shape::Int => {
                let i = v
                    .as_i64()
                    .and_then(|i| i32::try_from(i).ok())
                    .ok_or_else(|| no("a 32-bit integer"))?;
                put_long(out, i64::from(i));
            }
            Shape::Long => put_long(out, v.as_i64().ok_or_else(|| no("a 64-bit integer"))?),
            Shape::Float => {
                let f = v.as_f64().ok_or_else(|| no("a number"))?;
                out.extend_from_slice(&(f as f32).to_le_bytes());
            }
            Shape::Double => {
                out.extend_from_slice(&v.as_f64().ok_or_else(|| no("a number"))?.to_le_bytes())
            }
            Shape::String => put_bytes(out, v.as_str().ok_or_else(|| no("a text"))?.as_bytes()),
            Shape::Bytes => put_bytes(out, &bytes(v).ok_or_else(|| no("bytes as text"))?),
            Shape::Fixed { size, .. } => {
                let b = bytes(v)
                    .filter(|b| b.len() == *size)
                    .ok_or_else(|| no("bytes of the declared size"))?;
                out.extend_from_slice(&b);
            }
            Shape::Enum { symbols, .. } => {
                let i = v
                    .as_str()
                    .and_then(|t| symbols.iter().position(|s| *s == t));
                put_long(out, i.ok_or_else(|| no("a symbol of the enum"))? as i64);
            }
            Shape::Array(items) => {
                let list = v.as_array().ok_or_else(|| no("a list"))?;
                if !list.is_empty() {
                    put_long(out, list.len() as i64);
                    for item in list {
                        self.put(*items, item, at, out)?;
                    }
                }
                out.push(0);
            }
            Shape::Map(values) => {
                let map = v.as_object().ok_or_else(|| no("an object"))?;
                if !map.is_empty() {
                    put_long(out, map.len() as i64);
                    for (key, item) in map {
                        put_bytes(out, key.as_bytes());
                        self.within(at, key, |at| self.put(*values, item, at, out))?;
                    }
                }
                out.push(0);
            }
            Shape::Union(branches) => return self.union(branches, v, at, out),
            Shape::Record { fields, .. } => {
                let map = v.as_object().ok_or_else(|| no("an object"))?;
                if let Some(extra) = map.keys().find(|k| !fields.iter().any(|f| f.name == **k)) {
                    return self.within(at, extra, |at| Err(EncodeError::Unknown(at.clone())));
                }
                for f in fields {
                    self.within(at, &f.name, |at| {
                        match map.get(&f.name).or(f.default.as_ref()) {
                            Some(v) => self.put(f.node, v, at, out),
                            None => Err(EncodeError::Missing(at.clone())),
                        }
                    })?;
                }
            }
        }
        Ok(())
    }

    fn union(
        &self,
        branches: &[NodeId],
        v: &Json,
        at: &mut String,
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        let start = out.len();
        let mut only = None;
        for (i, b) in branches.iter().enumerate() {
            put_long(out, i as i64);
            match self.put(*b, v, at, out) {
                Ok(()) => return Ok(()),
                // What is wrong inside says more than "no branch fits", where there is one branch
                // beside null.
                Err(e) if !matches!(self.s.kind(*b), Shape::Null) => only = Some(e),
                Err(_) => {}
            }
            out.truncate(start);
        }
        if let Some(map) = v.as_object()
            && map.len() == 1
        {
            for (i, b) in branches.iter().enumerate() {
                if let Some(inner) = map.get(self.branch_name(*b)) {
                    put_long(out, i as i64);
                    return self.put(*b, inner, at, out);
                }
            }
        }
        match only {
            Some(e) if branches.len() <= 2 => Err(e),
            _ => Err(EncodeError::Mismatch {
                at: at.clone(),
                expected: "a value of one of the union's types".into(),
            }),
        }
    }

    fn branch_name(&self, node: NodeId) -> &str {
        match self.s.kind(node) {
            Shape::Fixed { name, .. } | Shape::Enum { name, .. } | Shape::Record { name, .. } => {
                &name.full
            }
            kind => super::resolve::label(kind),
        }
    }

    fn within<T>(&self, at: &mut String, name: &str, f: impl FnOnce(&mut String) -> T) -> T {
        let before = at.len();
        if !at.is_empty() {
            at.push('.');
        }
        at.push_str(name);
        let result = f(at);
        at.truncate(before);
        result
    }
}

fn bytes(v: &Json) -> Option<Vec<u8>> {
    v.as_str()?
        .chars()
        .map(|c| u8::try_from(u32::from(c)).ok())
        .collect()
}
