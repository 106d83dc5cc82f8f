//! What combine will say of an event, asked before the event is in a log.

use super::Dead;
use super::read::{Read, Reader};
use crate::EngineError;
use weir_catalog::types::EventDef;
use weir_model::avro::Value;
use weir_model::codes;
use weir_model::headers::Meta;
use weir_model::schemas::{guid, schema_id};

/// The checks of one event type, for values written under its own schema.
#[derive(Debug)]
pub struct Check {
    reader: Reader,
}

impl Check {
    /// Of an event type.
    ///
    /// # Errors
    /// A path of the catalog that leads nowhere.
    pub fn new(event: &EventDef) -> Result<Check, EngineError> {
        let (mut reader, _) = Reader::new(event)?;
        let schema = &event.schema_json;
        reader.add_schema(schema_id(schema), guid(schema), schema);
        Ok(Check { reader })
    }

    /// Whether a value in the wire format will be an event.
    ///
    /// # Errors
    /// The dead letter that it would be.
    pub fn value(&mut self, value: &[u8]) -> Result<(), Dead> {
        let mut row = vec![Value::Null; self.reader.width()];
        match self.reader.read(value, &Meta::default(), &mut row) {
            Read::Event(_) => Ok(()),
            Read::Dead(dead) => Err(dead),
            Read::Unknown(_) => {
                let what = "it is not written under the schema of its type";
                Err(Dead::new(codes::UNKNOWN_SCHEMA, what.to_owned()))
            }
        }
    }
}
