//! Pseudonyms in place of what tells who somebody is.
//!
//! A pseudonym is a keyed hash (HMAC-SHA-256, 128 bits of it): the same person has the same one in
//! all events of a tenant, so that every sum stays, and without the key nobody comes from one to
//! the other. The [directory](People) leads back from a pseudonym to an address, until that person
//! is erased.

mod declare;
mod folder;
mod people;

pub use people::{Entry, Erased, Met, People, Person, read_key};

use declare::{Declared, Personal, Rule};
use folder::Folder;
use ring::{hkdf, hmac};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::Path;
use weir_catalog::{Aliases, Catalog};
use weir_events::Dynamic;
use weir_model::person::{Form, canonical_email};
use weir_model::{Code, codes};

/// What pseudonyms of people begin with.
const PERSON: &str = "p-";
/// What those of other texts begin with.
const TEXT: &str = "x-";
/// Bytes of a hash that are shown, as twice as many digits.
const SHOWN: usize = 16;
/// What keys of pseudonyms are made for.
const PURPOSE: &[u8] = b"weir pseudonyms 1";

/// Why names cannot be replaced.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The key or the folder of the directory.
    #[error("{code}: {0}", code = codes::PRIVACY_KEY)]
    Key(String),
    /// `schemas/privacy.yaml`.
    #[error("{code}: privacy.yaml: {0}", code = codes::PRIVACY_DECLARATION)]
    Declaration(String),
    /// An event that does not fit its type.
    #[error("{code}: {0}", code = codes::UNFIT)]
    Event(String),
}

impl Error {
    pub(crate) fn declaration(message: impl Into<String>) -> Error {
        Error::Declaration(message.into())
    }

    /// Its code.
    pub fn code(&self) -> Code {
        match self {
            Error::Key(_) => codes::PRIVACY_KEY,
            Error::Declaration(_) => codes::PRIVACY_DECLARATION,
            Error::Event(_) => codes::UNFIT,
        }
    }
}

/// Replaces names in events.
pub struct Privacy {
    names: Names,
    people: People,
    types: BTreeMap<String, Kind>,
}

/// Makes pseudonyms.
struct Names {
    secret: hkdf::Prk,
    aliases: Aliases,
}

struct Kind {
    writer: Dynamic,
    personal: Personal,
}

impl Privacy {
    /// With the key in a folder, which is made where there is none yet, for the event types of a
    /// catalog. `schemas`: the folder that the catalog was read from, where it was.
    ///
    /// # Errors
    /// A key that is damaged or that others may read; a declaration that names what there is not.
    pub fn open_or_create(
        folder: &Path,
        catalog: &Catalog,
        schemas: Option<&Path>,
    ) -> Result<Privacy, Error> {
        Privacy::with(Folder::open_or_create(folder)?, catalog, schemas)
    }

    /// As [`Privacy::open_or_create`], where there has to be a key.
    ///
    /// # Errors
    /// As there, and without a key.
    pub fn open(
        folder: &Path,
        catalog: &Catalog,
        schemas: Option<&Path>,
    ) -> Result<Privacy, Error> {
        Privacy::with(Folder::open(folder)?, catalog, schemas)
    }

    fn with(folder: Folder, catalog: &Catalog, schemas: Option<&Path>) -> Result<Privacy, Error> {
        let declared = Declared::load(schemas)?.resolve(catalog)?;
        let mut types = BTreeMap::new();
        for event in &catalog.events {
            let writer = Dynamic::new(&event.schema_json)
                .map_err(|e| Error::declaration(format!("event type {}: {e}", event.name)))?;
            let personal = declared.get(&event.name).cloned().unwrap_or_default();
            types.insert(event.name.clone(), Kind { writer, personal });
        }
        Ok(Privacy {
            names: Names {
                secret: hkdf::Salt::new(hkdf::HKDF_SHA256, PURPOSE).extract(folder.secret()),
                aliases: catalog.aliases.clone(),
            },
            people: People::new(folder),
            types,
        })
    }

    /// The directory.
    pub fn people(&self) -> &People {
        &self.people
    }

    /// The pseudonym of a person in events of a tenant. A pseudonym is its own.
    pub fn pseudonym(&self, tenant: &str, person: &str) -> String {
        self.names.of(tenant).person(person).0
    }

    /// Replaces the names in an item, which has the fields of an event type by their names. Who is
    /// met for the first time comes into `met`, to be written before or with the event.
    pub fn hide(
        &self,
        event_type: &str,
        tenant: &str,
        item: &mut Map<String, Value>,
        met: &mut Met,
    ) {
        let Some(kind) = self.types.get(event_type) else {
            return;
        };
        let names = self.names.of(tenant);
        for path in &kind.personal.people {
            text_at(item, path, &mut |text| {
                let (pseudonym, address) = names.person(text);
                if let Some(address) = address {
                    self.people.meet(tenant, &pseudonym, &address, met);
                }
                *text = pseudonym;
            });
        }
        for path in &kind.personal.texts {
            text_at(item, path, &mut |text| *text = names.text(text));
        }
        for (map, rule) in &kind.personal.maps {
            names.map(item, map, rule);
        }
    }

    /// The record of an event whose fields are known by their names: key and value, without names.
    ///
    /// # Errors
    /// There is no such event type, or the fields do not fit it.
    pub fn record(
        &self,
        event_type: &str,
        mut fields: Map<String, Value>,
        met: &mut Met,
    ) -> Result<(Vec<u8>, Vec<u8>), Error> {
        let Some(kind) = self.types.get(event_type) else {
            let message = format!("the catalog has no event type {event_type}");
            return Err(Error::Event(message));
        };
        let text = |fields: &Map<String, Value>, name: &str| {
            let value = fields.get(name).and_then(Value::as_str);
            value.unwrap_or_default().to_owned()
        };
        let tenant = text(&fields, "tenant");
        self.hide(event_type, &tenant, &mut fields, met);
        let key = text(&fields, "source").into_bytes();
        let value = kind.writer.encode_loosely(&Value::Object(fields));
        value
            .map(|value| (key, value))
            .map_err(|e| Error::Event(format!("{event_type}: {e}")))
    }
}

impl Names {
    fn of<'a>(&'a self, tenant: &'a str) -> Tenant<'a> {
        let info = [tenant.as_bytes()];
        // The length is that of the hash, which is always to be had; a key of nothing would be as
        // good as any other for what is never reached.
        let key = self.secret.expand(&info, hmac::HMAC_SHA256);
        Tenant {
            tenant,
            key: key.map_or_else(
                |_| hmac::Key::new(hmac::HMAC_SHA256, PURPOSE),
                hmac::Key::from,
            ),
            aliases: &self.aliases,
        }
    }
}

/// Makes pseudonyms of one tenant.
struct Tenant<'a> {
    tenant: &'a str,
    key: hmac::Key,
    aliases: &'a Aliases,
}

impl Tenant<'_> {
    /// Of a person, with the address that it stands for where this is none already.
    fn person(&self, text: &str) -> (String, Option<String>) {
        let mut scratch = String::new();
        let address = match self
            .aliases
            .name(self.tenant, Form::Email, text, &mut scratch)
        {
            Some(name) => canonical_email(name),
            None => canonical_email(text),
        };
        match address.is_empty() || is_pseudonym(&address) {
            true => (address, None),
            false => (self.hash(PERSON, &address), Some(address)),
        }
    }

    /// Of another text; of an address that of the person.
    fn text(&self, text: &str) -> String {
        match text {
            "" => String::new(),
            _ if is_pseudonym(text) => text.to_owned(),
            _ if text.contains('@') => self.person(text).0,
            _ => self.hash(TEXT, text),
        }
    }

    fn map(&self, item: &mut Map<String, Value>, map: &str, rule: &Rule) {
        let Some(Value::Object(entries)) = item.get_mut(map) else {
            return;
        };
        for (key, value) in entries {
            if let (Value::String(text), true) = (value, rule.replaces(key)) {
                *text = self.text(text);
            }
        }
    }

    fn hash(&self, kind: &str, text: &str) -> String {
        let mut context = hmac::Context::with_key(&self.key);
        context.update(kind.as_bytes());
        context.update(text.as_bytes());
        let tag = context.sign();
        kind.to_owned() + &hex(&tag.as_ref()[..SHOWN])
    }
}

/// Whether a text is a pseudonym already: of an event that comes twice through here, or of somebody
/// who names a person as reports do.
pub fn is_pseudonym(text: &str) -> bool {
    let digits = text
        .strip_prefix(PERSON)
        .or_else(|| text.strip_prefix(TEXT));
    let is_digit = |b: u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
    digits.is_some_and(|d| d.len() == 2 * SHOWN && d.bytes().all(is_digit))
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// Calls `f` with the text at a path, where there is one.
pub fn text_at(item: &mut Map<String, Value>, path: &[String], f: &mut dyn FnMut(&mut String)) {
    let Some((last, way)) = path.split_last() else {
        return;
    };
    let mut at = item;
    for name in way {
        match at.get_mut(name) {
            Some(Value::Object(inner)) => at = inner,
            _ => return,
        }
    }
    if let Some(Value::String(text)) = at.get_mut(last) {
        f(text);
    }
}

#[cfg(test)]
mod tests;
