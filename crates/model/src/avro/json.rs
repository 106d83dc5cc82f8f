//! JSON into Avro binary: what producers write that start from JSON.

use super::SchemaError;
use super::cursor::{put_bytes, put_long};
use super::schema::{Field, Logical, NodeId, Schema, Shape};
use crate::near::nearest;
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
    #[error("{at} is no field of the schema; {}", advice(near))]
    Unknown {
        /// Dotted path.
        at: String,
        /// The field whose name is the nearest, if one is near.
        near: Option<String>,
    },
}

fn advice(near: &Option<String>) -> String {
    match near {
        Some(name) => format!("write {name} or leave it out"),
        None => "correct its name or leave it out".to_owned(),
    }
}

/// How values are taken.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Taking {
    /// As the schema says.
    Exactly,
    /// In the other ways that JSON's producers write them, too.
    Loosely,
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
        self.take(Taking::Exactly, value, out)
    }

    /// As [`JsonEncoder::encode`], for values that were written by hand or by any library of JSON:
    /// a timestamp may be a text (RFC 3339, or another form with an offset or `Z`), a number with a
    /// fraction may be a text, a whole number may be written `3.0`, and null stands for a field
    /// that is left out. Where the exact reading fits, it is the one that counts.
    pub fn encode_loosely(&self, value: &Json, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        self.take(Taking::Loosely, value, out)
    }

    fn take(&self, taking: Taking, value: &Json, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        let (before, s) = (out.len(), &self.schema);
        let result = Encoder { s, taking }.put(s.root, value, &mut String::new(), out);
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
    let taking = Taking::Exactly;
    Encoder { s, taking }.put(node, v, &mut String::new(), out)
}

struct Encoder<'s> {
    s: &'s Schema,
    taking: Taking,
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
                let i = self
                    .whole(v)
                    .and_then(|i| i32::try_from(i).ok())
                    .ok_or_else(|| no("a 32-bit integer"))?;
                put_long(out, i64::from(i));
            }
            Shape::Long => match self.s.logical(node) {
                Logical::None | Logical::Decimal => {
                    put_long(out, self.whole(v).ok_or_else(|| no("a 64-bit integer"))?)
                }
                unit => {
                    let expected = "a time as RFC 3339 or as a 64-bit integer";
                    put_long(out, self.time(v, unit).ok_or_else(|| no(expected))?)
                }
            },
            Shape::Float => {
                let f = self.number(v).ok_or_else(|| no("a number"))?;
                out.extend_from_slice(&(f as f32).to_le_bytes());
            }
            Shape::Double => {
                let f = self.number(v).ok_or_else(|| no("a number"))?;
                out.extend_from_slice(&f.to_le_bytes());
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
                    let names = fields.iter().map(|f| f.name.as_str());
                    let near = nearest(extra, names).map(str::to_owned);
                    return self.within(at, extra, |at| {
                        let at = at.clone();
                        Err(EncodeError::Unknown { at, near })
                    });
                }
                for f in fields {
                    self.within(at, &f.name, |at| {
                        match self.given(map.get(&f.name), f).or(f.default.as_ref()) {
                            Some(v) => self.put(f.node, v, at, out),
                            None => Err(EncodeError::Missing(at.clone())),
                        }
                    })?;
                }
            }
        }
        Ok(())
    }

    /// A field's value; none where it is left out.
    fn given<'v>(&self, value: Option<&'v Json>, field: &Field) -> Option<&'v Json> {
        let takes_null = || match self.s.kind(field.node) {
            Shape::Union(all) => all.iter().any(|b| matches!(self.s.kind(*b), Shape::Null)),
            kind => matches!(kind, Shape::Null),
        };
        value.filter(|v| self.taking == Taking::Exactly || !v.is_null() || takes_null())
    }

    fn whole(&self, v: &Json) -> Option<i64> {
        /// Beyond it floats are not exact.
        const EXACT: f64 = 9_007_199_254_740_992.0;
        match (v.as_i64(), self.taking) {
            (None, Taking::Loosely) => v
                .as_f64()
                .filter(|x| x.fract() == 0.0 && x.abs() <= EXACT)
                .map(|x| x as i64),
            (exact, _) => exact,
        }
    }

    fn number(&self, v: &Json) -> Option<f64> {
        match (v, self.taking) {
            // As JSON writes them: no `inf`, no `+1`.
            (Json::String(text), Taking::Loosely) => serde_json::from_str(text).ok(),
            _ => v.as_f64(),
        }
    }

    fn time(&self, v: &Json, unit: Logical) -> Option<i64> {
        match (v, self.taking) {
            (Json::String(text), Taking::Loosely) => {
                let at: jiff::Timestamp = text.parse().ok()?;
                match unit {
                    Logical::Millis => Some(at.as_microsecond().div_euclid(1000)),
                    Logical::Nanos => i64::try_from(at.as_nanosecond()).ok(),
                    _ => i64::try_from(at.as_nanosecond().div_euclid(1000)).ok(),
                }
            }
            _ => self.whole(v),
        }
    }

    /// The first branch that fits exactly, else the first that fits loosely.
    fn union(
        &self,
        branches: &[NodeId],
        v: &Json,
        at: &mut String,
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        let taking = Taking::Exactly;
        if self.taking == Taking::Loosely && branches.len() > 2 {
            let exact = Encoder { s: self.s, taking };
            if exact.union(branches, v, at, out).is_ok() {
                return Ok(());
            }
        }
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
