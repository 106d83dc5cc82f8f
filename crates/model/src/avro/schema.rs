//! A schema as an arena of nodes, so that recursive types are plain indices.

use super::{SchemaError, bounds, parse};
use serde_json::Value as Json;
use std::collections::HashSet;
use std::sync::{LazyLock, Mutex, PoisonError};

pub(crate) type NodeId = usize;

#[derive(Debug, Clone)]
pub(crate) struct Schema {
    pub nodes: Vec<Node>,
    pub root: NodeId,
}

#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub kind: Shape,
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
pub(crate) enum Shape {
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
        let mut schema = parse::schema(json)?;
        bounds::mark_recursive(&mut schema);
        bounds::check(&schema)?;
        Ok(schema)
    }

    pub(crate) fn kind(&self, id: NodeId) -> &Shape {
        &self.nodes[id].kind
    }

    pub(crate) fn logical(&self, id: NodeId) -> Logical {
        self.nodes[id].logical
    }

    /// The `i`th of the types that a type is made of.
    pub(super) fn child(&self, id: NodeId, i: usize) -> Option<NodeId> {
        match self.kind(id) {
            Shape::Array(n) | Shape::Map(n) => (i == 0).then_some(*n),
            Shape::Union(ns) => ns.get(i).copied(),
            Shape::Record { fields, .. } => fields.get(i).map(|f| f.node),
            _ => None,
        }
    }
}
