//! Which fields tell who somebody is, as `schemas/privacy.yaml` declares it.

use crate::Error;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use weir_catalog::{Catalog, EventDef};
use weir_model::avro::leaf_paths;
use weir_model::person::{Form, forms};

include!(concat!(env!("OUT_DIR"), "/sources.rs"));

/// Name of the file in a folder of schemas.
const FILE: &str = "privacy.yaml";

/// The declaration, and the event types that it is for.
pub(crate) struct Declared {
    written: Written,
    /// It was made for these event types: all that it names must be there.
    strict: bool,
}

/// The declaration as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Written {
    fields: BTreeSet<String>,
    events: BTreeMap<String, BTreeSet<String>>,
    maps: BTreeMap<String, Rule>,
}

/// What of a map is replaced.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub(crate) enum Rule {
    /// All but these keys.
    Kept(Vec<String>),
    /// These keys alone.
    Replaced(Vec<String>),
}

impl Rule {
    /// Whether the value under a key is replaced.
    pub fn replaces(&self, key: &str) -> bool {
        match self {
            Rule::Kept(keys) => !named(keys, key),
            Rule::Replaced(keys) => named(keys, key),
        }
    }
}

fn named(keys: &[String], key: &str) -> bool {
    keys.iter().any(|k| match k.ends_with('.') {
        true => key.starts_with(k.as_str()),
        false => key == k,
    })
}

/// What is replaced in events of one type.
#[derive(Debug, Default, Clone)]
pub(crate) struct Personal {
    /// Paths of addresses of people.
    pub people: Vec<Vec<String>>,
    /// Paths of other texts.
    pub texts: Vec<Vec<String>>,
    /// Maps by their names.
    pub maps: Vec<(String, Rule)>,
}

impl Declared {
    /// Of a folder of schemas, where it says so; else what is compiled in.
    pub fn load(schemas: Option<&Path>) -> Result<Declared, Error> {
        let file = schemas.map(|dir| dir.join(FILE)).filter(|f| f.is_file());
        let text = match &file {
            Some(file) => std::fs::read_to_string(file)
                .map_err(|e| Error::declaration(format!("cannot read {}: {e}", file.display())))?,
            None => SOURCES.iter().map(|(_, text)| *text).collect(),
        };
        Ok(Declared {
            written: serde_saphyr::from_str(&text)
                .map_err(|e| Error::declaration(e.to_string()))?,
            strict: file.is_some() || schemas.is_none(),
        })
    }

    /// What it means for the event types of a catalog.
    pub fn resolve(&self, catalog: &Catalog) -> Result<BTreeMap<String, Personal>, Error> {
        let (mut out, mut used) = (BTreeMap::new(), BTreeSet::new());
        for event in &catalog.events {
            out.insert(event.name.clone(), self.of(event, &mut used)?);
        }
        let written = &self.written;
        let all = written.fields.iter().chain(written.maps.keys());
        let unused = all.into_iter().find(|name| !used.contains(*name));
        if let (Some(unused), true) = (unused, self.strict) {
            let message = format!("no event type has a field {unused}; correct its name");
            return Err(Error::declaration(message));
        }
        let unknown = written.events.keys().find(|name| !out.contains_key(*name));
        if let (Some(unknown), true) = (unknown, self.strict) {
            let message = format!("there is no event type {unknown}; correct its name");
            return Err(Error::declaration(message));
        }
        Ok(out)
    }

    fn of(&self, event: &EventDef, used: &mut BTreeSet<String>) -> Result<Personal, Error> {
        let leaves = leaf_paths(&event.schema_json)
            .map_err(|e| Error::declaration(format!("event type {}: {e}", event.name)))?;
        let has = |name: &str| leaves.iter().any(|leaf| leaf.path == name);
        let own = self.written.events.get(&event.name).into_iter().flatten();
        if let (Some(missing), true) = (own.clone().find(|name| !has(name)), self.strict) {
            let message = format!("{} has no field {missing}; correct its name", event.name);
            return Err(Error::declaration(message));
        }
        let mut personal = Personal::default();
        for (path, form) in forms(&event.schema_json) {
            if form == Form::Email {
                personal.people.push(parts(&path));
            }
        }
        for name in self.written.fields.iter().chain(own).filter(|n| has(n)) {
            used.insert(name.clone());
            let path = parts(name);
            if !personal.people.contains(&path) {
                personal.texts.push(path);
            }
        }
        for (name, rule) in self.written.maps.iter().filter(|(name, _)| has(name)) {
            used.insert(name.clone());
            personal.maps.push((name.clone(), rule.clone()));
        }
        Ok(personal)
    }
}

fn parts(path: &str) -> Vec<String> {
    path.split('.').map(str::to_owned).collect()
}
