//! Raw events as rows of their archive.

use std::collections::HashMap;
use std::time::{Duration, Instant};
use weir_catalog::EventDef;
use weir_kafka::{Brokers, Error, Message, compacted};
use weir_model::avro::{Projection, Value};
use weir_model::headers::SchemaRef;
use weir_model::schemas::RegisteredSchema;
use weir_model::{Micros, topics, wire};
use weir_store::{EventsTable, StoreError, encode};

/// How long an id that is not registered stays unknown before it is looked for again.
const UNKNOWN_FOR: Duration = Duration::from_secs(5);

/// Writer schemas, as far as the log tells them.
pub(crate) struct Schemas {
    brokers: Brokers,
    by_id: HashMap<u32, String>,
    by_guid: HashMap<[u8; 16], String>,
    read: Option<Instant>,
}

impl Schemas {
    pub fn new(brokers: Brokers) -> Schemas {
        Schemas {
            brokers,
            by_id: HashMap::new(),
            by_guid: HashMap::new(),
            read: None,
        }
    }

    /// The schema, read from the log where it is not known yet.
    fn find(&mut self, schema: SchemaRef) -> Result<Option<String>, Error> {
        if self.known(schema).is_none() && self.read.is_none_or(|t| t.elapsed() > UNKNOWN_FOR) {
            for (_, value) in
                compacted::read_all(&self.brokers, topics::SCHEMAS, Duration::from_secs(10))?
            {
                if let Ok(s) = RegisteredSchema::decode(&value) {
                    self.by_guid.insert(s.guid, s.schema.clone());
                    self.by_id.insert(s.id, s.schema);
                }
            }
            self.read = Some(Instant::now());
        }
        Ok(self.known(schema).cloned())
    }

    fn known(&self, schema: SchemaRef) -> Option<&String> {
        match schema {
            SchemaRef::Id(id) => self.by_id.get(&id),
            SchemaRef::Guid(guid) => self.by_guid.get(&guid),
        }
    }
}

/// Encodes the events of one type.
pub(crate) struct Archive {
    pub table: EventsTable,
    pub columns: String,
    reader: String,
    projections: Vec<(SchemaRef, Option<Projection>)>,
    row: Vec<Value<'static>>,
}

impl Archive {
    pub fn new(event: &EventDef) -> Result<Archive, StoreError> {
        let table = EventsTable::of(event)?;
        Ok(Archive {
            columns: table.insert_columns(),
            row: vec![Value::Null; table.leaves.len()],
            table,
            reader: event.schema_json.clone(),
            projections: Vec::new(),
        })
    }

    /// Appends an event's row; false where the record is none that can be read. Ticks and marks are
    /// neither.
    pub fn push(
        &mut self,
        out: &mut Vec<u8>,
        m: &Message<'_>,
        schemas: &mut Schemas,
    ) -> Result<bool, Error> {
        let meta = m.meta();
        let Some(value) = m.value() else {
            return Ok(true);
        };
        let Ok((schema, body)) = wire::split(value, &meta) else {
            return Ok(false);
        };
        let Some(projection) = self.projection(schema, schemas)? else {
            return Ok(false);
        };
        // The row's own memory is used for every event; values borrow from the record only inside
        // this call.
        let mut row: Vec<Value<'_>> = std::mem::take(&mut self.row);
        let decoded = self.projections[projection]
            .1
            .as_ref()
            .is_some_and(|p| p.decode(body, &mut row).is_ok());
        if decoded {
            let at = meta.log_time.unwrap_or(Micros::from_millis(m.timestamp()));
            encode::event(out, &self.table, &row, m.partition(), m.offset(), at);
        }
        row.clear();
        self.row = row.into_iter().map(|_: Value<'_>| Value::Null).collect();
        self.row.resize(self.table.leaves.len(), Value::Null);
        Ok(decoded)
    }

    /// Index of the decoder of a writer's schema.
    fn projection(
        &mut self,
        schema: SchemaRef,
        schemas: &mut Schemas,
    ) -> Result<Option<usize>, Error> {
        if let Some(i) = self.projections.iter().position(|(s, _)| *s == schema) {
            return Ok(Some(i));
        }
        let Some(writer) = schemas.find(schema)? else {
            return Ok(None);
        };
        let paths: Vec<&str> = self.table.leaves.iter().map(|l| l.path.as_str()).collect();
        let compiled = Projection::compile(&writer, &self.reader, &paths);
        if let Err(e) = &compiled {
            tracing::warn!(
                table = self.table.name,
                "events of a writer's schema are left out of the archive: {e}"
            );
        }
        self.projections.push((schema, compiled.ok()));
        Ok(Some(self.projections.len() - 1))
    }
}
