//! Values as Avro binary, straight into a buffer.

use crate::{Map, Text};
use uuid::Uuid;
use weir_model::Micros;
use weir_model::avro::{put_bytes, put_long};

/// A value that can be written.
pub(crate) trait Put {
    /// Appends its Avro binary.
    fn put(&self, out: &mut Vec<u8>);
}

impl Put for bool {
    fn put(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }
}

impl Put for i32 {
    fn put(&self, out: &mut Vec<u8>) {
        put_long(out, i64::from(*self));
    }
}

impl Put for i64 {
    fn put(&self, out: &mut Vec<u8>) {
        put_long(out, *self);
    }
}

impl Put for Micros {
    fn put(&self, out: &mut Vec<u8>) {
        put_long(out, self.0);
    }
}

impl Put for f32 {
    fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_le_bytes());
    }
}

impl Put for f64 {
    fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_le_bytes());
    }
}

impl Put for Text<'_> {
    fn put(&self, out: &mut Vec<u8>) {
        put_bytes(out, self.as_bytes());
    }
}

impl Put for Uuid {
    fn put(&self, out: &mut Vec<u8>) {
        let mut text = [0u8; uuid::fmt::Hyphenated::LENGTH];
        put_bytes(out, self.hyphenated().encode_lower(&mut text).as_bytes());
    }
}

/// `["null", T]`
impl<T: Put> Put for Option<T> {
    fn put(&self, out: &mut Vec<u8>) {
        put_long(out, i64::from(self.is_some()));
        if let Some(value) = self {
            value.put(out);
        }
    }
}

impl<T: Put> Put for Vec<T> {
    fn put(&self, out: &mut Vec<u8>) {
        if !self.is_empty() {
            put_long(out, self.len() as i64);
            self.iter().for_each(|item| item.put(out));
        }
        put_long(out, 0);
    }
}

impl<T: Put> Put for Map<'_, T> {
    fn put(&self, out: &mut Vec<u8>) {
        if !self.is_empty() {
            put_long(out, self.len() as i64);
            for (key, value) in self {
                key.put(out);
                value.put(out);
            }
        }
        put_long(out, 0);
    }
}
