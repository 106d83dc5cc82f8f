//! Writer schemas by id, in the compacted topic [`topics::SCHEMAS`].

use crate::admin::Admin;
use crate::client::Brokers;
use crate::compacted::{Table, read_all};
use crate::consumer::retry;
use crate::error::Error;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use weir_model::headers::SchemaRef;
use weir_model::schemas::{RegisteredSchema, schema_id};
use weir_model::topics;

#[derive(Default)]
struct Known {
    by_id: HashMap<u32, RegisteredSchema>,
    by_guid: HashMap<[u8; 16], u32>,
    /// End of the topic when it was last read.
    through: i64,
}

/// A view of the registered schemas that says "no such id" only after it has read the topic to its
/// end.
pub struct SchemaRegistry {
    brokers: Brokers,
    admin: Admin,
    known: Mutex<Known>,
    deadline: Duration,
}

impl SchemaRegistry {
    /// Reads what there is. Waits up to `deadline` (in this and every later call) where no broker
    /// answers.
    pub fn open(brokers: &Brokers, deadline: Duration) -> Result<SchemaRegistry, Error> {
        let registry = SchemaRegistry {
            brokers: brokers.clone(),
            admin: Admin::new(brokers, deadline)?,
            known: Mutex::default(),
            deadline,
        };
        registry.refresh()?;
        Ok(registry)
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads what was registered since; true if there was something.
    pub fn refresh(&self) -> Result<bool, Error> {
        let end = self
            .admin
            .topics(&[topics::SCHEMAS])?
            .iter()
            .flat_map(|t| &t.partitions)
            .map(|p| p.end)
            .sum();
        if end == self.lock().through {
            return Ok(false);
        }
        let entries = retry(self.deadline, || {
            read_all(&self.brokers, topics::SCHEMAS, self.deadline)
        })?;
        let mut known = self.lock();
        for (key, value) in entries {
            match RegisteredSchema::decode(&value) {
                Ok(s) => {
                    known.by_guid.insert(s.guid, s.id);
                    known.by_id.insert(s.id, s);
                }
                Err(e) => {
                    tracing::warn!(
                        "schema {} in {} cannot be read: {e}",
                        String::from_utf8_lossy(&key),
                        topics::SCHEMAS
                    );
                }
            }
        }
        known.through = end;
        Ok(true)
    }

    /// Writes a schema down under its id, unless it is there already.
    pub fn register(&self, schema: &RegisteredSchema) -> Result<(), Error> {
        if self.lookup(SchemaRef::Id(schema.id))?.as_ref() == Some(schema) {
            return Ok(());
        }
        let value = schema
            .encode()
            .map_err(|e| Error::Invariant(format!("a schema cannot be written: {e}")))?;
        Table::new(&self.brokers, topics::SCHEMAS)?.put(schema.key().as_bytes(), Some(&value))?;
        self.refresh().map(drop)
    }

    /// The schema of an id. `None` is definite: the topic was read to its end.
    pub fn lookup(&self, id: SchemaRef) -> Result<Option<RegisteredSchema>, Error> {
        if let Some(found) = self.find(id) {
            return Ok(Some(found));
        }
        self.refresh()?;
        Ok(self.find(id))
    }

    fn find(&self, id: SchemaRef) -> Option<RegisteredSchema> {
        let known = self.lock();
        match id {
            SchemaRef::Id(id) => known.by_id.get(&id).cloned(),
            SchemaRef::Guid(g) => known
                .by_guid
                .get(&g)
                .and_then(|id| known.by_id.get(id))
                .cloned(),
        }
    }

    /// All that is known, by id.
    pub fn all(&self) -> Vec<RegisteredSchema> {
        let mut all: Vec<_> = self.lock().by_id.values().cloned().collect();
        all.sort_by_key(|s| s.id);
        all
    }
}

/// Registers writer schemas, (subject, JSON text), that are not known yet. Their ids are hashes of
/// their texts, so that several processes may do it at once.
///
/// # Errors
/// Kafka's; a schema that cannot be written.
pub fn register_all(
    brokers: &Brokers,
    wanted: &[(String, String)],
    deadline: Duration,
) -> Result<(), Error> {
    let known = SchemaRegistry::open(brokers, deadline)?.all();
    let of = |subject: &str| -> Vec<&RegisteredSchema> {
        known.iter().filter(|k| k.subject == subject).collect()
    };
    // Another may have registered it in another form.
    let is_new = |w: &&(String, String)| !of(&w.0).iter().any(|k| k.id == schema_id(&w.1));
    let missing: Vec<&(String, String)> = wanted.iter().filter(is_new).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let table = Table::new(brokers, topics::SCHEMAS)?;
    for (subject, schema) in missing {
        let version = of(subject).len() as u32 + 1;
        let made = RegisteredSchema::new(subject, version, schema);
        let value = made
            .encode()
            .map_err(|e| Error::Invariant(format!("a schema cannot be written: {e}")))?;
        table.put(made.key().as_bytes(), Some(&value))?;
    }
    Ok(())
}
