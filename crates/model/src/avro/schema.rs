//! A schema as an arena of nodes, so that recursive types are plain indices.

use super::SchemaError;
use super::bounds;
use serde_json::{Map, Value as Json};
use std::collections::{HashMap, HashSet};
use std::sync::{LazyLock, Mutex, PoisonError};

pub(crate) type NodeId = usize;

#[derive(Debug, Clone)]
pub(crate) struct Schema {
    pub nodes: Vec<Node>,
    pub root: NodeId,
}

#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub kind: Kind,
    pub logical: Logical,
}

/// Logical types that change what is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Logical {
    None,
    Millis,
    Micros,
    Nanos,
    Decimal,
}

#[derive(Debug, Clone)]
pub(crate) enum Kind {
    Null,
    Bool,
    Int,
    Long,
    Float,
    Double,
    Bytes,
    String,
    Fixed {
        name: Name,
        size: usize,
    },
    Enum {
        name: Name,
        symbols: Vec<&'static str>,
        default: Option<usize>,
    },
    Array(NodeId),
    Map(NodeId),
    Union(Vec<NodeId>),
    Record {
        name: Name,
        fields: Vec<Field>,
        recursive: bool,
    },
}

/// A full name, split, with its aliases.
#[derive(Debug, Clone)]
pub(crate) struct Name {
    pub full: String,
    pub aliases: Vec<String>,
}

impl Name {
    /// The name without its namespace: what resolution compares.
    pub(crate) fn short(&self) -> &str {
        short(&self.full)
    }

    /// Whether data written under `writer` may be read under this name.
    pub(crate) fn accepts(&self, writer: &Name) -> bool {
        self.short() == writer.short()
            || self
                .aliases
                .iter()
                .any(|a| *a == writer.full || short(a) == writer.short())
    }
}

fn short(full: &str) -> &str {
    full.rsplit_once('.').map_or(full, |(_, s)| s)
}

#[derive(Debug, Clone)]
pub(crate) struct Field {
    pub name: String,
    pub aliases: Vec<String>,
    pub node: NodeId,
    pub default: Option<Json>,
}

/// Text of schemas (symbols, defaults) lives as long as the process, each text once: schemas are
/// few and are kept anyway, and a decoded value may then outlive the projection that made it.
pub(crate) fn intern(bytes: &[u8]) -> &'static [u8] {
    static TEXTS: LazyLock<Mutex<HashSet<&'static [u8]>>> = LazyLock::new(Mutex::default);
    let mut texts = TEXTS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(t) = texts.get(bytes) {
        return t;
    }
    let t: &'static [u8] = Box::leak(bytes.to_vec().into_boxed_slice());
    texts.insert(t);
    t
}

pub(crate) fn intern_str(text: &str) -> &'static str {
    std::str::from_utf8(intern(text.as_bytes())).unwrap_or_default()
}

impl Schema {
    /// Reads a schema and holds it to the bounds of [`bounds`].
    pub(crate) fn parse(json: &str) -> Result<Schema, SchemaError> {
        if json.len() > bounds::TEXT {
            return Err(SchemaError::TooLarge);
        }
        let json: Json = serde_json::from_str(json).map_err(|e| invalid(e.to_string()))?;
        let mut p = Parser {
            nodes: Vec::new(),
            names: HashMap::new(),
        };
        let root = p.node(&json, "", 0)?;
        let mut schema = Schema {
            nodes: p.nodes,
            root,
        };
        bounds::mark_recursive(&mut schema);
        bounds::check(&schema)?;
        Ok(schema)
    }

    pub(crate) fn kind(&self, id: NodeId) -> &Kind {
        &self.nodes[id].kind
    }

    pub(crate) fn logical(&self, id: NodeId) -> Logical {
        self.nodes[id].logical
    }

    /// The `i`th of the types that a type is made of.
    pub(super) fn child(&self, id: NodeId, i: usize) -> Option<NodeId> {
        match self.kind(id) {
            Kind::Array(n) | Kind::Map(n) => (i == 0).then_some(*n),
            Kind::Union(ns) => ns.get(i).copied(),
            Kind::Record { fields, .. } => fields.get(i).map(|f| f.node),
            _ => None,
        }
    }
}

fn invalid(why: impl Into<String>) -> SchemaError {
    SchemaError::Invalid(why.into())
}

struct Parser {
    nodes: Vec<Node>,
    names: HashMap<String, NodeId>,
}

impl Parser {
    fn push(&mut self, kind: Kind, logical: Logical) -> NodeId {
        self.nodes.push(Node { kind, logical });
        self.nodes.len() - 1
    }

    fn node(&mut self, json: &Json, space: &str, depth: usize) -> Result<NodeId, SchemaError> {
        if depth > bounds::DEPTH {
            return Err(SchemaError::TooLarge);
        }
        match json {
            Json::String(name) => self.named(name, space, Logical::None),
            Json::Array(branches) => {
                let mut ids = Vec::with_capacity(branches.len());
                for b in branches {
                    let id = self.node(b, space, depth + 1)?;
                    if matches!(self.nodes[id].kind, Kind::Union(_)) {
                        return Err(invalid("a union directly inside a union"));
                    }
                    ids.push(id);
                }
                Ok(self.push(Kind::Union(ids), Logical::None))
            }
            Json::Object(o) => self.object(o, space, depth),
            _ => Err(invalid("a type is a name, a list or an object")),
        }
    }

    fn named(&mut self, name: &str, space: &str, logical: Logical) -> Result<NodeId, SchemaError> {
        let kind = match name {
            "null" => Kind::Null,
            "boolean" => Kind::Bool,
            "int" => Kind::Int,
            "long" => Kind::Long,
            "float" => Kind::Float,
            "double" => Kind::Double,
            "bytes" => Kind::Bytes,
            "string" => Kind::String,
            _ => {
                let full = full_name(name, space);
                return self
                    .names
                    .get(&full)
                    .or_else(|| self.names.get(name))
                    .copied()
                    .ok_or_else(|| invalid(format!("unknown type {name}")));
            }
        };
        Ok(self.push(kind, logical))
    }

    fn object(
        &mut self,
        o: &Map<String, Json>,
        space: &str,
        depth: usize,
    ) -> Result<NodeId, SchemaError> {
        let ty = match o.get("type") {
            Some(Json::String(s)) => s.as_str(),
            Some(inner @ (Json::Object(_) | Json::Array(_))) => {
                return self.node(inner, space, depth + 1);
            }
            _ => return Err(invalid("an object without a type")),
        };
        match ty {
            "array" => {
                let items = o
                    .get("items")
                    .ok_or_else(|| invalid("an array without items"))?;
                let n = self.node(items, space, depth + 1)?;
                Ok(self.push(Kind::Array(n), Logical::None))
            }
            "map" => {
                let values = o
                    .get("values")
                    .ok_or_else(|| invalid("a map without values"))?;
                let n = self.node(values, space, depth + 1)?;
                Ok(self.push(Kind::Map(n), Logical::None))
            }
            "fixed" => {
                let (name, _) = self.name(o, space)?;
                let size = o
                    .get("size")
                    .and_then(Json::as_u64)
                    .and_then(|s| usize::try_from(s).ok());
                let size = size.ok_or_else(|| invalid("a fixed without a size"))?;
                if size > bounds::FIXED {
                    return Err(SchemaError::TooLarge);
                }
                let logical = logical(o, ty);
                self.define(name.full.clone(), Kind::Fixed { name, size }, logical)
            }
            "enum" => {
                let (name, _) = self.name(o, space)?;
                let symbols = o
                    .get("symbols")
                    .and_then(Json::as_array)
                    .ok_or_else(|| invalid("an enum without symbols"))?;
                let symbols: Option<Vec<&'static str>> =
                    symbols.iter().map(|s| s.as_str().map(intern_str)).collect();
                let symbols = symbols.ok_or_else(|| invalid("a symbol that is no text"))?;
                let mut known = HashSet::new();
                for symbol in &symbols {
                    checked_name(symbol)?;
                    if !known.insert(symbol) {
                        return Err(invalid(format!("symbol {symbol} stands twice")));
                    }
                }
                let default = match o.get("default").and_then(Json::as_str) {
                    Some(d) => {
                        let at = symbols.iter().position(|s| *s == d);
                        Some(at.ok_or_else(|| invalid(format!("default {d} is no symbol")))?)
                    }
                    None => None,
                };
                self.define(
                    name.full.clone(),
                    Kind::Enum {
                        name,
                        symbols,
                        default,
                    },
                    Logical::None,
                )
            }
            "record" | "error" => {
                let (name, space) = self.name(o, space)?;
                let full = name.full.clone();
                // Known before its fields are, so that they may refer to it.
                let id = self.define(
                    full,
                    Kind::Record {
                        name: name.clone(),
                        fields: vec![],
                        recursive: false,
                    },
                    Logical::None,
                )?;
                let list = o
                    .get("fields")
                    .and_then(Json::as_array)
                    .ok_or_else(|| invalid("a record without fields"))?;
                let mut fields: Vec<Field> = Vec::with_capacity(list.len());
                let mut known = HashSet::new();
                for f in list {
                    let f = f
                        .as_object()
                        .ok_or_else(|| invalid("a field that is no object"))?;
                    let field_name = f
                        .get("name")
                        .and_then(Json::as_str)
                        .ok_or_else(|| invalid("a field without a name"))?;
                    checked_name(field_name)?;
                    if !known.insert(field_name) {
                        return Err(invalid(format!("field {field_name} stands twice")));
                    }
                    let ty = f
                        .get("type")
                        .ok_or_else(|| invalid(format!("field {field_name} has no type")))?;
                    // A logical type beside a plain type name belongs to the type.
                    let node = match (ty, f.get("logicalType")) {
                        (Json::String(s), Some(_)) => self.named(s, &space, logical(f, s))?,
                        _ => self.node(ty, &space, depth + 1)?,
                    };
                    fields.push(Field {
                        name: field_name.to_owned(),
                        aliases: texts(f.get("aliases")),
                        node,
                        default: f.get("default").cloned(),
                    });
                }
                self.nodes[id].kind = Kind::Record {
                    name,
                    fields,
                    recursive: false,
                };
                Ok(id)
            }
            plain => self.named(plain, space, logical(o, plain)),
        }
    }

    fn define(
        &mut self,
        full: String,
        kind: Kind,
        logical: Logical,
    ) -> Result<NodeId, SchemaError> {
        let id = self.push(kind, logical);
        match self.names.insert(full.clone(), id) {
            None => Ok(id),
            Some(_) => Err(invalid(format!("type {full} is defined twice"))),
        }
    }

    fn name(&self, o: &Map<String, Json>, space: &str) -> Result<(Name, String), SchemaError> {
        let name = o
            .get("name")
            .and_then(Json::as_str)
            .ok_or_else(|| invalid("a named type without a name"))?;
        let space = o.get("namespace").and_then(Json::as_str).unwrap_or(space);
        let full = full_name(name, space);
        full.split('.').try_for_each(checked_name)?;
        let space = full
            .rsplit_once('.')
            .map_or(String::new(), |(s, _)| s.to_owned());
        let aliases: Vec<String> = texts(o.get("aliases"))
            .iter()
            .map(|a| full_name(a, &space))
            .collect();
        for alias in &aliases {
            alias.split('.').try_for_each(checked_name)?;
        }
        Ok((Name { full, aliases }, space))
    }
}

/// What Avro allows as a name: generic readers end with anything else.
fn checked_name(name: &str) -> Result<(), SchemaError> {
    let mut bytes = name.bytes();
    let first = bytes.next();
    if first.is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
        && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_')
    {
        return Ok(());
    }
    Err(invalid(format!(
        "{name:?} is no name; names are letters, digits and _, and begin with no digit"
    )))
}

fn full_name(name: &str, space: &str) -> String {
    if name.contains('.') || space.is_empty() {
        name.to_owned()
    } else {
        format!("{space}.{name}")
    }
}

fn texts(json: Option<&Json>) -> Vec<String> {
    let list = json
        .and_then(Json::as_array)
        .map(Vec::as_slice)
        .unwrap_or_default();
    list.iter()
        .filter_map(|a| a.as_str().map(str::to_owned))
        .collect()
}

fn logical(o: &Map<String, Json>, base: &str) -> Logical {
    match (base, o.get("logicalType").and_then(Json::as_str)) {
        ("long", Some("timestamp-millis")) => Logical::Millis,
        ("long", Some("timestamp-micros")) => Logical::Micros,
        ("long", Some("timestamp-nanos")) => Logical::Nanos,
        ("bytes" | "fixed", Some("decimal")) => Logical::Decimal,
        _ => Logical::None,
    }
}
