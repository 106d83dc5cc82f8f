//! Reads one event.

use crate::avro::{Resolved, Types, Value};
use crate::fields;
use std::collections::BTreeMap;
use std::rc::Rc;
use weir_catalog::{Catalog, Condition, EventDef, FieldExpr, FieldTerm, Literal};
use weir_model::headers::{Meta, SchemaRef};
use weir_model::person::{Form, canonical_email, forms};
use weir_model::{Fixed, Micros};

/// The writer schemas, by id and by GUID.
pub struct Schemas {
    /// Each as it is read for each event type; nothing where it cannot be read.
    writers: Vec<Vec<Option<Resolved>>>,
    by_id: BTreeMap<u32, usize>,
    by_guid: BTreeMap<[u8; 16], usize>,
}

impl Schemas {
    pub fn new(catalog: &Catalog, writers: &[(u32, [u8; 16], String)]) -> Result<Schemas, String> {
        let readers: Vec<Rc<Types>> = catalog
            .events
            .iter()
            .map(|e| Types::parse(&e.schema_json).map(Rc::new))
            .collect::<Result<_, _>>()?;
        let mut schemas = Schemas {
            writers: Vec::new(),
            by_id: BTreeMap::new(),
            by_guid: BTreeMap::new(),
        };
        for (id, guid, text) in writers {
            let writer = Types::parse(text).ok().map(Rc::new);
            let read = |r: &Rc<Types>| Resolved::new(writer.clone()?, r.clone()).ok();
            schemas.by_id.insert(*id, schemas.writers.len());
            schemas.by_guid.insert(*guid, schemas.writers.len());
            schemas.writers.push(readers.iter().map(read).collect());
        }
        Ok(schemas)
    }

    /// The event, or why it is a dead letter.
    pub fn read(
        &self,
        catalog: &Catalog,
        event: usize,
        value: &[u8],
        meta: &Meta,
    ) -> Result<Event, &'static str> {
        let (schema, body) = match (meta.schema, value) {
            (Some(s), body) => (s, body),
            (None, [0, a, b, c, d, body @ ..]) => {
                (SchemaRef::Id(u32::from_be_bytes([*a, *b, *c, *d])), body)
            }
            (None, [1, rest @ ..]) if rest.len() >= 16 => {
                let mut guid = [0; 16];
                guid.copy_from_slice(&rest[..16]);
                (SchemaRef::Guid(guid), &rest[16..])
            }
            _ => return Err("frame"),
        };
        let known = match schema {
            SchemaRef::Id(id) => self.by_id.get(&id),
            SchemaRef::Guid(guid) => self.by_guid.get(&guid),
        };
        let writer = &self.writers[*known.ok_or("schema")?][event];
        let fields = writer.as_ref().ok_or("incompatible")?.read(body)?;
        let read = Event { fields };
        read.check(&catalog.events[event])?;
        Ok(read)
    }
}

/// A decoded event.
pub struct Event {
    fields: Value,
}

/// A leaf as the catalog sees it.
#[derive(Debug, Clone, PartialEq)]
pub enum Leaf {
    Null,
    Bool(bool),
    Number(f64),
    Int(i64),
    Text(String),
}

impl Event {
    /// The leaf at a dotted path: fields of records, the rest of the path is the key of a map.
    pub fn leaf(&self, path: &str) -> Leaf {
        walk(&self.fields, path)
    }

    pub fn text(&self, path: &str) -> Option<String> {
        match self.leaf(path) {
            Leaf::Text(s) => Some(s),
            _ => None,
        }
    }

    pub fn number(&self, path: &str) -> Option<f64> {
        match self.leaf(path) {
            Leaf::Int(n) => Some(n as f64),
            Leaf::Number(x) => Some(x),
            _ => None,
        }
    }

    /// A number in billionths.
    pub fn exact(&self, path: &str) -> Option<i128> {
        match self.leaf(path) {
            Leaf::Int(n) => Some(i128::from(n) * Fixed::SCALE),
            Leaf::Number(x) => Fixed::from_f64(x).map(|f| f.0),
            _ => None,
        }
    }

    pub fn time(&self) -> Micros {
        match self.leaf("event_time") {
            Leaf::Int(n) => Micros(n),
            _ => Micros(-1),
        }
    }

    pub fn tenant(&self) -> String {
        self.text("tenant").unwrap_or_default()
    }

    pub fn identity(&self, def: &EventDef) -> String {
        def.identity
            .as_deref()
            .and_then(|p| self.text(p))
            .filter(|s| !s.is_empty())
            .or_else(|| self.text("event_id"))
            .unwrap_or_default()
    }

    pub fn matches(&self, filter: &[Condition]) -> bool {
        filter.iter().all(|c| match c {
            Condition::Equals(path, literal) => self.equals(path, literal),
            Condition::Holds(condition) => fields::holds(condition, self),
        })
    }

    fn equals(&self, path: &str, literal: &Literal) -> bool {
        match (literal, self.leaf(path)) {
            (Literal::Null, Leaf::Null) => true,
            (Literal::Bool(a), Leaf::Bool(b)) => *a == b,
            (Literal::Number(a), Leaf::Number(b)) => *a == b,
            (Literal::Number(a), Leaf::Int(b)) => *a == b as f64,
            (Literal::Text(a), Leaf::Text(b)) => *a == b,
            _ => false,
        }
    }

    /// The truth at a path; `None` where it is null.
    pub fn truth(&self, path: &str) -> Option<bool> {
        match self.leaf(path) {
            Leaf::Bool(b) => Some(b),
            _ => None,
        }
    }

    /// Puts the declared name of a person or team in place of each of their spellings.
    pub fn rename(&mut self, catalog: &Catalog, def: &EventDef, tenant: &str) {
        let Some((_, aliases)) = catalog.aliases.tenants.iter().find(|(t, _)| t == tenant) else {
            return;
        };
        for (path, form) in forms(&def.schema_json) {
            let Some(text) = self.text(&path) else {
                continue;
            };
            let (list, spelling) = match form {
                Form::Email => (&aliases.engineers, canonical_email(&text)),
                Form::Team => (&aliases.teams, text),
            };
            if let Some((_, name)) = list.iter().find(|(s, _)| *s == spelling) {
                set(&mut self.fields, &path, name);
            }
        }
    }

    fn check(&self, def: &EventDef) -> Result<(), &'static str> {
        let mut read: Vec<&str> = def.bounds.iter().map(|b| b.path.as_str()).collect();
        let mut asked: Vec<&FieldExpr> = Vec::new();
        for m in &def.measures {
            for c in &m.filter {
                match c {
                    Condition::Equals(path, _) => read.push(path),
                    Condition::Holds(condition) => asked.push(condition),
                }
            }
            read.extend(Some(m.kind.path()).filter(|p| !p.is_empty()));
            asked.extend(m.kind.computed().map(|c| &c.expr));
            if let Some(c) = m.kind.pricing() {
                read.extend(c.reported.as_deref());
                read.extend(c.tokens.iter().map(|(p, _)| p.as_str()));
                asked.extend(c.book.iter().filter_map(|p| p.when.as_ref()));
            }
        }
        let terms = asked.iter().flat_map(|x| &x.terms);
        read.extend(terms.filter_map(|t| match t {
            FieldTerm::Number(path) | FieldTerm::Seconds(path) => Some(path.as_str()),
            FieldTerm::Truth(_) | FieldTerm::Is(..) => None,
        }));
        for path in read {
            if let Leaf::Number(x) = self.leaf(path)
                && (!x.is_finite() || x.abs() > Fixed::LIMIT)
            {
                return Err("not finite");
            }
            if let Leaf::Int(n) = self.leaf(path)
                && (n as f64).abs() > Fixed::LIMIT
            {
                return Err("out of bounds");
            }
        }
        for b in &def.bounds {
            if let Some(x) = self.number(&b.path)
                && (b.min.is_some_and(|m| x < m) || b.max.is_some_and(|m| x > m))
            {
                return Err("out of bounds");
            }
        }
        let bad = |s: &str| s.len() > 512 || s.bytes().any(|b| b < 0x20);
        let id = self.text("event_id").unwrap_or_default();
        let mut texts = vec![self.tenant(), self.identity(def)];
        texts.extend(def.dimensions.iter().filter_map(|d| self.text(&d.path)));
        if texts.iter().any(|t| bad(t)) {
            return Err("text");
        }
        if self.tenant().is_empty() || id.is_empty() || self.time().0 < 0 {
            return Err("envelope");
        }
        Ok(())
    }
}

/// Writes a text where `walk` reads it.
fn set(value: &mut Value, path: &str, text: &str) {
    match value {
        Value::Record(fields) => {
            let (name, rest) = path.split_once('.').unwrap_or((path, ""));
            if let Some((_, v)) = fields.iter_mut().find(|(n, _)| n == name) {
                set(v, rest, text);
            }
        }
        Value::Text(s) => text.clone_into(s),
        _ => {}
    }
}

fn walk(value: &Value, path: &str) -> Leaf {
    match value {
        Value::Record(fields) => {
            let (name, rest) = path.split_once('.').unwrap_or((path, ""));
            match fields.iter().find(|(n, _)| n == name) {
                Some((_, v)) => walk(v, rest),
                None => Leaf::Null,
            }
        }
        Value::Map(entries) => entries.get(path).map_or(Leaf::Null, |v| walk(v, "")),
        _ if !path.is_empty() => Leaf::Null,
        Value::Bool(b) => Leaf::Bool(*b),
        Value::Int(n) => Leaf::Int(*n),
        Value::Float(x) => Leaf::Number(*x),
        Value::Text(s) => Leaf::Text(s.clone()),
        Value::Null | Value::Other => Leaf::Null,
    }
}
