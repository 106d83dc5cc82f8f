//! The calls that standard Avro serialisers make to a registry of schemas (those of Confluent), on
//! what is in `weir.schemas`. Ids are weir's own: a function of the schema.
//!
//! Subjects are `weir.events.<type>-value` of declared event types. A schema is registered if it can
//! read what was written under the subject's older ones, and if the event type can read what is
//! written under it: else every record of it would be a dead letter.

mod calls;

pub(crate) use calls::router;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use weir_catalog::Catalog;
use weir_kafka::{Brokers, Error, SchemaRegistry};
use weir_model::avro::Projection;
use weir_model::schemas::{RegisteredSchema, canonical, check, check_backward_transitive};

/// What was read of the topic is good for so long.
const FRESH: Duration = Duration::from_secs(1);

/// The registered schemas. All calls block.
pub(crate) struct Registry {
    brokers: Brokers,
    /// Subject and schema of every event type.
    types: Vec<(String, String)>,
    view: Mutex<Option<View>>,
}

struct View {
    schemas: SchemaRegistry,
    read: Instant,
}

/// Why something is not registered or found.
#[derive(Debug)]
pub(crate) enum Refused {
    /// No such subject.
    Subject,
    /// No such version of it.
    Version,
    /// No such schema.
    Schema,
    /// It is no schema.
    Invalid(String),
    /// It does not go with the others.
    Incompatible(String),
    /// Kafka does not answer.
    Kafka(Error),
}

impl From<Error> for Refused {
    fn from(e: Error) -> Refused {
        Refused::Kafka(e)
    }
}

impl Registry {
    pub fn new(brokers: &Brokers, catalog: &Catalog) -> Registry {
        Registry {
            brokers: brokers.clone(),
            types: catalog.writer_schemas().into_iter().collect(),
            view: Mutex::default(),
        }
    }

    /// All schemas as they are now, or were a moment ago.
    pub fn all(&self) -> Result<Vec<RegisteredSchema>, Refused> {
        let mut view = self.lock();
        Ok(self.fresh(&mut view)?.schemas.all())
    }

    fn lock(&self) -> MutexGuard<'_, Option<View>> {
        self.view.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fresh<'v>(&self, view: &'v mut Option<View>) -> Result<&'v mut View, Refused> {
        let known = match view.take() {
            Some(known) => known,
            None => View {
                schemas: SchemaRegistry::open(&self.brokers, self.brokers.timeouts.call)?,
                read: Instant::now(),
            },
        };
        let known = view.insert(known);
        if known.read.elapsed() > FRESH {
            known.schemas.refresh()?;
            known.read = Instant::now();
        }
        Ok(known)
    }

    /// Versions of a subject, the first one first.
    pub fn versions(&self, subject: &str) -> Result<Vec<RegisteredSchema>, Refused> {
        let versions = of(subject, &self.all()?);
        match versions.is_empty() {
            true => Err(Refused::Subject),
            false => Ok(versions),
        }
    }

    /// The schema of an id.
    pub fn by_id(&self, id: u32) -> Result<RegisteredSchema, Refused> {
        let found = self.all()?.into_iter().find(|s| s.id == id);
        found.ok_or(Refused::Schema)
    }

    /// The version of a subject that is this schema.
    pub fn lookup(&self, subject: &str, schema: &str) -> Result<RegisteredSchema, Refused> {
        check(schema).map_err(|e| Refused::Invalid(e.to_string()))?;
        let form = canonical(schema).map_err(|e| Refused::Invalid(e.to_string()))?;
        let same = |s: &RegisteredSchema| canonical(&s.schema).is_ok_and(|known| known == form);
        let found = self.versions(subject)?.into_iter().find(same);
        found.ok_or(Refused::Schema)
    }

    /// Whether a schema may follow those of its subject, or the one of a version.
    pub fn compatible(
        &self,
        subject: &str,
        schema: &str,
        only: Option<u32>,
    ) -> Result<(), Refused> {
        check(schema).map_err(|e| Refused::Invalid(e.to_string()))?;
        let Some((_, reader)) = self.types.iter().find(|(s, _)| s == subject) else {
            return Err(Refused::Subject);
        };
        let mut olds = of(subject, &self.all()?);
        olds.retain(|s| only.is_none_or(|version| s.version == version));
        if olds.is_empty() && only.is_some() {
            return Err(Refused::Version);
        }
        let olds: Vec<&str> = olds.iter().map(|s| s.schema.as_str()).collect();
        check_backward_transitive(schema, &olds).map_err(Refused::Incompatible)?;
        Projection::compile(schema, reader, &[])
            .map(drop)
            .map_err(|e| Refused::Incompatible(format!("the event type cannot read it: {e}")))
    }

    /// Registers a schema, unless it is there already.
    pub fn register(&self, subject: &str, schema: &str) -> Result<RegisteredSchema, Refused> {
        match self.lookup(subject, schema) {
            Err(Refused::Schema | Refused::Subject) => {}
            found => return found,
        }
        self.compatible(subject, schema, None)?;
        let mut view = self.lock();
        let view = self.fresh(&mut view)?;
        // Asked once more: another request may have come between.
        let known = of(subject, &view.schemas.all());
        let last = known.iter().map(|s| s.version).max().unwrap_or(0);
        let new = RegisteredSchema::new(subject, last + 1, schema);
        if let Some(same) = known.into_iter().find(|s| s.id == new.id) {
            return Ok(same);
        }
        view.schemas.register(&new)?;
        Ok(new)
    }
}

fn of(subject: &str, all: &[RegisteredSchema]) -> Vec<RegisteredSchema> {
    let ours = all.iter().filter(|s| s.subject == subject);
    let mut ours: Vec<RegisteredSchema> = ours.cloned().collect();
    ours.sort_by_key(|s| (s.version, s.id));
    ours
}
