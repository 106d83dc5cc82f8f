//! Schemas as lists of types that refer to each other by position.

use serde_json::{Map, Value as Json};
use std::collections::BTreeMap;

/// Position of a type.
pub type Id = usize;

/// What a number of time counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    Millis,
    Micros,
    Nanos,
}

#[derive(Debug, Clone)]
pub enum Type {
    Null,
    Bool,
    Int,
    Long(Option<Unit>),
    Float,
    Double,
    Bytes,
    Text,
    Fixed {
        name: Named,
        size: usize,
    },
    Enum {
        name: Named,
        symbols: Vec<String>,
        default: Option<String>,
    },
    Array(Id),
    Map(Id),
    Union(Vec<Id>),
    Record {
        name: Named,
        fields: Vec<Field>,
    },
}

/// A name without its namespace, and under which full names it was known.
#[derive(Debug, Clone, Default)]
pub struct Named {
    pub full: String,
    pub aliases: Vec<String>,
}

impl Named {
    /// Whether what was written under another name is the same.
    pub fn takes(&self, written: &Named) -> bool {
        let last = |full: &str| full.rsplit('.').next().unwrap_or_default().to_owned();
        let written_last = last(&written.full);
        last(&self.full) == written_last
            || self
                .aliases
                .iter()
                .any(|a| *a == written.full || last(a) == written_last)
    }
}

#[derive(Debug, Clone)]
pub struct Field {
    pub name: String,
    pub aliases: Vec<String>,
    pub of: Id,
    /// What it is where it was not written.
    pub default: Option<Json>,
}

/// A schema.
#[derive(Debug, Clone)]
pub struct Types {
    pub list: Vec<Type>,
    pub root: Id,
    /// By type: whether it is a record that can contain itself.
    pub recursive: Vec<bool>,
    /// By type: whether its values have no bytes.
    pub empty: Vec<bool>,
}

impl Types {
    /// Reads a schema; which ones are read at all is defined once, in `weir_model`.
    pub fn parse(text: &str) -> Result<Types, String> {
        weir_model::schemas::check(text).map_err(|e| e.to_string())?;
        let json: Json = serde_json::from_str(text).map_err(|e| e.to_string())?;
        let mut parser = Parser {
            list: Vec::new(),
            known: BTreeMap::new(),
        };
        let root = parser.any(&json, "").ok_or("not a schema")?;
        let mut types = Types {
            root,
            recursive: vec![false; parser.list.len()],
            empty: vec![false; parser.list.len()],
            list: parser.list,
        };
        for id in 0..types.list.len() {
            if matches!(types.list[id], Type::Record { .. }) {
                types.recursive[id] = types.contains(id, id);
            }
        }
        for id in 0..types.list.len() {
            types.empty[id] = types.is_empty(id);
        }
        Ok(types)
    }

    fn parts(&self, id: Id) -> Vec<Id> {
        match &self.list[id] {
            Type::Array(of) | Type::Map(of) => vec![*of],
            Type::Union(branches) => branches.clone(),
            Type::Record { fields, .. } => fields.iter().map(|f| f.of).collect(),
            _ => Vec::new(),
        }
    }

    fn contains(&self, id: Id, wanted: Id) -> bool {
        let mut seen = vec![false; self.list.len()];
        let mut open = self.parts(id);
        while let Some(next) = open.pop() {
            if next == wanted {
                return true;
            }
            if !std::mem::replace(&mut seen[next], true) {
                open.extend(self.parts(next));
            }
        }
        false
    }

    fn is_empty(&self, id: Id) -> bool {
        match &self.list[id] {
            Type::Null => true,
            Type::Fixed { size, .. } => *size == 0,
            Type::Record { fields, .. } => {
                !self.recursive[id] && fields.iter().all(|f| self.is_empty(f.of))
            }
            _ => false,
        }
    }
}

struct Parser {
    list: Vec<Type>,
    /// By full name.
    known: BTreeMap<String, Id>,
}

/// Nothing where the JSON is no schema.
impl Parser {
    fn add(&mut self, of: Type) -> Id {
        self.list.push(of);
        self.list.len() - 1
    }

    fn any(&mut self, json: &Json, space: &str) -> Option<Id> {
        match json {
            Json::String(name) => self.by_name(name, space, None),
            Json::Array(branches) => {
                let ids: Option<Vec<Id>> = branches.iter().map(|b| self.any(b, space)).collect();
                Some(self.add(Type::Union(ids?)))
            }
            Json::Object(o) => self.object(o, space),
            _ => None,
        }
    }

    fn by_name(&mut self, name: &str, space: &str, unit: Option<Unit>) -> Option<Id> {
        let of = match name {
            "null" => Type::Null,
            "boolean" => Type::Bool,
            "int" => Type::Int,
            "long" => Type::Long(unit),
            "float" => Type::Float,
            "double" => Type::Double,
            "bytes" => Type::Bytes,
            "string" => Type::Text,
            _ => {
                let within = self.known.get(&full(name, space));
                return within.or_else(|| self.known.get(name)).copied();
            }
        };
        Some(self.add(of))
    }

    fn object(&mut self, o: &Map<String, Json>, space: &str) -> Option<Id> {
        let of = match o.get("type")? {
            Json::String(of) => of.as_str(),
            inner => return self.any(inner, space),
        };
        match of {
            "array" => {
                let items = self.any(o.get("items")?, space)?;
                Some(self.add(Type::Array(items)))
            }
            "map" => {
                let values = self.any(o.get("values")?, space)?;
                Some(self.add(Type::Map(values)))
            }
            "fixed" => {
                let (name, _) = named(o, space)?;
                let size = usize::try_from(o.get("size")?.as_u64()?).ok()?;
                Some(self.define(name.full.clone(), Type::Fixed { name, size }))
            }
            "enum" => {
                let (name, _) = named(o, space)?;
                let symbols = strings(o.get("symbols"));
                let default = o.get("default").and_then(Json::as_str).map(str::to_owned);
                let of = Type::Enum {
                    name: name.clone(),
                    symbols,
                    default,
                };
                Some(self.define(name.full, of))
            }
            "record" | "error" => self.record(o, space),
            plain => self.by_name(plain, space, unit(o)),
        }
    }

    fn record(&mut self, o: &Map<String, Json>, space: &str) -> Option<Id> {
        let (name, space) = named(o, space)?;
        let empty = Type::Record {
            name: name.clone(),
            fields: Vec::new(),
        };
        // Its fields may name it.
        let id = self.define(name.full.clone(), empty);
        let mut fields = Vec::new();
        for f in o.get("fields")?.as_array()? {
            let f = f.as_object()?;
            let of = match f.get("type")? {
                Json::String(plain) if f.contains_key("logicalType") => {
                    self.by_name(plain, &space, unit(f))?
                }
                other => self.any(other, &space)?,
            };
            fields.push(Field {
                name: f.get("name")?.as_str()?.to_owned(),
                aliases: strings(f.get("aliases")),
                of,
                default: f.get("default").cloned(),
            });
        }
        self.list[id] = Type::Record { name, fields };
        Some(id)
    }

    fn define(&mut self, name: String, of: Type) -> Id {
        let id = self.add(of);
        self.known.insert(name, id);
        id
    }
}

/// Its name, and the namespace of what is inside.
fn named(o: &Map<String, Json>, space: &str) -> Option<(Named, String)> {
    let space = o.get("namespace").and_then(Json::as_str).unwrap_or(space);
    let full_name = full(o.get("name")?.as_str()?, space);
    let inside = match full_name.rsplit_once('.') {
        Some((space, _)) => space.to_owned(),
        None => String::new(),
    };
    let aliases = strings(o.get("aliases"));
    let name = Named {
        aliases: aliases.iter().map(|a| full(a, &inside)).collect(),
        full: full_name,
    };
    Some((name, inside))
}

fn full(name: &str, space: &str) -> String {
    match (name.contains('.'), space) {
        (true, _) | (_, "") => name.to_owned(),
        _ => format!("{space}.{name}"),
    }
}

fn strings(list: Option<&Json>) -> Vec<String> {
    let texts = list.and_then(Json::as_array).into_iter().flatten();
    texts
        .filter_map(|t| t.as_str().map(str::to_owned))
        .collect()
}

fn unit(o: &Map<String, Json>) -> Option<Unit> {
    match o.get("logicalType").and_then(Json::as_str) {
        Some("timestamp-millis") => Some(Unit::Millis),
        Some("timestamp-micros") => Some(Unit::Micros),
        Some("timestamp-nanos") => Some(Unit::Nanos),
        _ => None,
    }
}
