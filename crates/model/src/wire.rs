//! Confluent wire format: magic byte 0, schema id (big endian), Avro binary. The newer forms are
//! read too: magic byte 1 and a 16-byte GUID before the body, or either of them in header
//! [`crate::headers::SCHEMA_ID`] with the whole value as body.

use crate::codes::{self, Code};
use crate::headers::{Meta, SchemaRef};

/// Bytes before the body in the usual form.
pub const FRAME: usize = 5;

/// The schema and the body of a record's value.
///
/// # Errors
/// `TRUNCATED` where the frame is cut, `WRONG_MAGIC` where it is none.
pub fn split<'a>(value: &'a [u8], meta: &Meta) -> Result<(SchemaRef, &'a [u8]), Code> {
    if let Some(schema) = meta.schema {
        return Ok((schema, value));
    }
    match value {
        [] => Err(codes::TRUNCATED),
        [0, rest @ ..] => {
            let (id, body) = rest.split_first_chunk::<4>().ok_or(codes::TRUNCATED)?;
            Ok((SchemaRef::Id(u32::from_be_bytes(*id)), body))
        }
        [1, rest @ ..] => {
            let (guid, body) = rest.split_first_chunk::<16>().ok_or(codes::TRUNCATED)?;
            Ok((SchemaRef::Guid(*guid), body))
        }
        _ => Err(codes::WRONG_MAGIC),
    }
}

/// Appends what stands before the body, in the value or as the header's value.
pub fn put_frame(out: &mut Vec<u8>, schema: SchemaRef) {
    match schema {
        SchemaRef::Id(id) => {
            out.push(0);
            out.extend_from_slice(&id.to_be_bytes());
        }
        SchemaRef::Guid(guid) => {
            out.push(1);
            out.extend_from_slice(&guid);
        }
    }
}

/// A value in the usual form.
pub fn framed(id: u32, body: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(FRAME + body.len());
    put_frame(&mut out, SchemaRef::Id(id));
    out.extend_from_slice(body);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_frame_is_read() {
        let none = Meta::default();
        let guid = [7u8; 16];
        assert_eq!(
            split(&framed(0x0102_0304, b"ab"), &none),
            Ok((SchemaRef::Id(0x0102_0304), &b"ab"[..]))
        );
        let mut value = Vec::new();
        put_frame(&mut value, SchemaRef::Guid(guid));
        // The same bytes are what the header holds.
        let mut meta = Meta::default();
        meta.read(crate::headers::SCHEMA_ID, &value);
        value.push(9);
        assert_eq!(split(&value, &none), Ok((SchemaRef::Guid(guid), &[9][..])));
        assert_eq!(
            split(&[5, 6], &meta),
            Ok((SchemaRef::Guid(guid), &[5, 6][..]))
        );
        assert_eq!(split(&[], &meta), Ok((SchemaRef::Guid(guid), &[][..])));

        assert_eq!(split(&[2, 0, 0, 0, 1, 9], &none), Err(codes::WRONG_MAGIC));
        for cut in [&[][..], &[0, 0, 0, 1], &[1; 16]] {
            assert_eq!(split(cut, &none), Err(codes::TRUNCATED));
        }
    }
}
