//! What of Avro's schemas an event type may be made of, as Rust types.

use serde_json::Value as Json;
use std::collections::BTreeMap;
use weir_avsc::{doc, word};

/// Every type that is written out.
#[derive(Default)]
pub struct Types {
    pub events: Vec<Event>,
    /// Records and enums within events, by the name of their Rust type.
    pub named: BTreeMap<String, Named>,
}

/// An event type.
pub struct Event {
    /// e.g. `llm.call`.
    pub event_type: String,
    /// Its Rust type.
    pub rust: String,
    pub doc: String,
    pub fields: Vec<Field>,
    /// The schema's text.
    pub schema: String,
}

pub struct Named {
    pub doc: String,
    pub shape: Shape,
}

#[derive(PartialEq)]
pub enum Shape {
    Record(Vec<Field>),
    Enum {
        symbols: Vec<String>,
        default: Option<String>,
    },
}

pub struct Field {
    pub name: String,
    pub doc: String,
    pub of: Type,
    /// As the schema's JSON says it.
    pub default: Option<Json>,
}

#[derive(PartialEq, Clone)]
pub enum Type {
    Bool,
    Int,
    Long,
    Micros,
    Float,
    Double,
    Text,
    Uuid,
    Nullable(Box<Type>),
    List(Box<Type>),
    Map(Box<Type>),
    /// Name of the Rust type; whether it borrows.
    Named(String, bool),
}

impl Type {
    /// Whether the Rust type has a lifetime.
    pub fn borrows(&self) -> bool {
        match self {
            Type::Text | Type::Map(_) => true,
            Type::Nullable(of) | Type::List(of) => of.borrows(),
            Type::Named(_, borrows) => *borrows,
            _ => false,
        }
    }
}

/// Fields are the same whatever is told about them.
impl PartialEq for Field {
    fn eq(&self, other: &Field) -> bool {
        (&self.name, &self.of, &self.default) == (&other.name, &other.of, &other.default)
    }
}

/// Fields of the envelope, in which every event type agrees.
const ENVELOPE: [(&str, Type); 4] = [
    ("event_id", Type::Uuid),
    ("event_time", Type::Micros),
    ("tenant", Type::Text),
    ("source", Type::Text),
];

impl Types {
    /// Adds the event type of a schema.
    pub fn add(&mut self, event_type: &str, text: &str) -> Result<(), String> {
        let schema: Json = serde_json::from_str(text).map_err(|e| e.to_string())?;
        let rust = word(&schema, "name")?.to_owned();
        let mut reading = Reading {
            types: self,
            event: &rust,
            known: BTreeMap::new(),
        };
        let fields = reading.fields(&schema)?;
        let resource = Type::Map(Box::new(Type::Text));
        let envelope = ENVELOPE.into_iter().chain([("resource", resource)]);
        for (name, of) in envelope {
            if !fields.iter().any(|f| f.name == name && f.of == of) {
                return Err(format!(
                    "the envelope's field {name} is missing or has another type"
                ));
            }
        }
        self.events.push(Event {
            event_type: event_type.to_owned(),
            doc: doc(&schema, || format!("An event of type `{event_type}`.")),
            rust,
            fields,
            schema: text.to_owned(),
        });
        Ok(())
    }
}

struct Reading<'a> {
    types: &'a mut Types,
    /// Rust type of the event.
    event: &'a str,
    /// Types of this schema by their Avro name.
    known: BTreeMap<String, Type>,
}

impl Reading<'_> {
    fn fields(&mut self, record: &Json) -> Result<Vec<Field>, String> {
        let fields = record["fields"]
            .as_array()
            .ok_or("a record without fields")?;
        let mut out = Vec::with_capacity(fields.len());
        for f in fields {
            let name = word(f, "name")?;
            let of = self.of(&f["type"]).map_err(|e| format!("{name}: {e}"))?;
            out.push(Field {
                name: name.to_owned(),
                doc: doc(f, || format!("`{name}`, of which the schema says no more.")),
                of,
                default: f.get("default").cloned(),
            });
        }
        Ok(out)
    }

    fn of(&mut self, schema: &Json) -> Result<Type, String> {
        if let Some(branches) = schema.as_array() {
            return match branches.as_slice() {
                [null, of] if null == "null" => Ok(Type::Nullable(Box::new(self.of(of)?))),
                _ => Err(
                    "a union other than [\"null\", type]; write it as fields of their own".into(),
                ),
            };
        }
        let name = schema.as_str().or_else(|| schema["type"].as_str());
        let Some(name) = name else {
            let inner = schema.get("type").ok_or("a field without a type")?;
            return self.of(inner);
        };
        let logical = schema["logicalType"].as_str();
        Ok(match (name, logical) {
            ("boolean", _) => Type::Bool,
            ("int", _) => Type::Int,
            ("long", Some("timestamp-micros")) => Type::Micros,
            ("long", _) => Type::Long,
            ("float", _) => Type::Float,
            ("double", _) => Type::Double,
            ("string", Some("uuid")) => Type::Uuid,
            ("string", _) => Type::Text,
            ("array", _) => Type::List(Box::new(self.of(&schema["items"])?)),
            ("map", _) => Type::Map(Box::new(self.of(&schema["values"])?)),
            ("record" | "enum", _) => self.named(name, schema)?,
            (name, _) => {
                let short = name.rsplit('.').next().unwrap_or(name);
                let known = self.known.get(short).cloned();
                known.ok_or_else(|| {
                    format!("type {name} has no place in an event; use a text or a number")
                })?
            }
        })
    }

    fn named(&mut self, kind: &str, schema: &Json) -> Result<Type, String> {
        let name = word(schema, "name")?;
        let doc = doc(schema, || format!("`{name}` of an event."));
        let (shape, borrows) = if kind == "record" {
            let fields = self.fields(schema)?;
            let borrows = fields.iter().any(|f| f.of.borrows());
            (Shape::Record(fields), borrows)
        } else {
            let symbols = schema["symbols"].as_array();
            let symbols = symbols.ok_or("an enum without symbols")?;
            let symbols = symbols.iter().filter_map(Json::as_str).map(str::to_owned);
            let shape = Shape::Enum {
                symbols: symbols.collect(),
                default: schema["default"].as_str().map(str::to_owned),
            };
            (shape, false)
        };
        // Types of one name that differ between events are told apart by the event.
        let taken = self.types.named.get(name);
        let rust = match taken.is_some_and(|other| other.shape != shape) {
            true => format!("{}{name}", self.event),
            false => name.to_owned(),
        };
        let named = Named { doc, shape };
        self.types.named.entry(rust.clone()).or_insert(named);
        let of = Type::Named(rust, borrows);
        self.known.insert(name.to_owned(), of.clone());
        Ok(of)
    }
}
