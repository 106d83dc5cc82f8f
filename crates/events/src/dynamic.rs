//! Events of a type that is known only at run time.

use serde_json::Value as Json;
use weir_model::avro::{EncodeError, JsonEncoder, SchemaError};
use weir_model::headers::SchemaRef;
use weir_model::{schemas, wire};

/// Writes events of one type by the names of their fields, as its schema says: what an import maps
/// onto, or a type that was declared by a user.
#[derive(Debug, Clone)]
pub struct Dynamic {
    encoder: JsonEncoder,
    schema_id: u32,
}

impl Dynamic {
    /// From the schema's JSON.
    ///
    /// # Errors
    /// Where it is no schema.
    pub fn new(schema: &str) -> Result<Dynamic, SchemaError> {
        Ok(Dynamic {
            encoder: JsonEncoder::new(schema)?,
            schema_id: schemas::schema_id(schema),
        })
    }

    /// The record's value: wire frame and Avro binary. Fields that are absent take their default.
    ///
    /// # Errors
    /// Where a field has another type, is missing without a default, or is none of the schema.
    pub fn encode(&self, fields: &Json) -> Result<Vec<u8>, EncodeError> {
        self.framed(|out| self.encoder.encode(fields, out))
    }

    /// As [`Dynamic::encode`], from JSON of others: see [`JsonEncoder::encode_loosely`].
    ///
    /// # Errors
    /// As there.
    pub fn encode_loosely(&self, fields: &Json) -> Result<Vec<u8>, EncodeError> {
        self.framed(|out| self.encoder.encode_loosely(fields, out))
    }

    fn framed(
        &self,
        put: impl FnOnce(&mut Vec<u8>) -> Result<(), EncodeError>,
    ) -> Result<Vec<u8>, EncodeError> {
        let mut out = Vec::with_capacity(256);
        wire::put_frame(&mut out, SchemaRef::Id(self.schema_id));
        put(&mut out)?;
        Ok(out)
    }
}
