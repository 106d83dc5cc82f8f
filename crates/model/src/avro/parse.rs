//! From the JSON of a schema to its nodes.

use super::schema::{Field, Logical, Name, Node, NodeId, Schema, Shape, intern_str};
use super::{SchemaError, bounds};
use serde_json::{Map, Value as Json};
use std::collections::{HashMap, HashSet};

type Object = Map<String, Json>;

/// Reads a schema, whatever its size.
pub(super) fn schema(json: &str) -> Result<Schema, SchemaError> {
    let json: Json = serde_json::from_str(json).map_err(|e| invalid(e.to_string()))?;
    let mut p = Parser {
        nodes: Vec::new(),
        names: HashMap::new(),
    };
    let root = p.node(&json, "", 0)?;
    Ok(Schema {
        nodes: p.nodes,
        root,
    })
}

fn invalid(why: impl Into<String>) -> SchemaError {
    SchemaError::Invalid(why.into())
}

struct Parser {
    nodes: Vec<Node>,
    names: HashMap<String, NodeId>,
}

impl Parser {
    fn push(&mut self, kind: Shape, logical: Logical) -> NodeId {
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
                    if matches!(self.nodes[id].kind, Shape::Union(_)) {
                        return Err(invalid("a union directly inside a union"));
                    }
                    ids.push(id);
                }
                Ok(self.push(Shape::Union(ids), Logical::None))
            }
            Json::Object(o) => self.object(o, space, depth),
            _ => Err(invalid("a type is a name, a list or an object")),
        }
    }

    fn named(&mut self, name: &str, space: &str, logical: Logical) -> Result<NodeId, SchemaError> {
        let kind = match name {
            "null" => Shape::Null,
            "boolean" => Shape::Bool,
            "int" => Shape::Int,
            "long" => Shape::Long,
            "float" => Shape::Float,
            "double" => Shape::Double,
            "bytes" => Shape::Bytes,
            "string" => Shape::String,
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

    fn object(&mut self, o: &Object, space: &str, depth: usize) -> Result<NodeId, SchemaError> {
        let ty = match o.get("type") {
            Some(Json::String(s)) => s.as_str(),
            Some(inner @ (Json::Object(_) | Json::Array(_))) => {
                return self.node(inner, space, depth + 1);
            }
            _ => return Err(invalid("an object without a type")),
        };
        match ty {
            "array" => self.array(o, space, depth),
            "map" => self.map(o, space, depth),
            "fixed" => self.fixed(o, space),
            "enum" => self.enumeration(o, space),
            "record" | "error" => self.record(o, space, depth),
            plain => self.named(plain, space, logical(o, plain)),
        }
    }

    fn array(&mut self, o: &Object, space: &str, depth: usize) -> Result<NodeId, SchemaError> {
        let items = o
            .get("items")
            .ok_or_else(|| invalid("an array without items"))?;
        let n = self.node(items, space, depth + 1)?;
        Ok(self.push(Shape::Array(n), Logical::None))
    }

    fn map(&mut self, o: &Object, space: &str, depth: usize) -> Result<NodeId, SchemaError> {
        let values = o
            .get("values")
            .ok_or_else(|| invalid("a map without values"))?;
        let n = self.node(values, space, depth + 1)?;
        Ok(self.push(Shape::Map(n), Logical::None))
    }

    fn fixed(&mut self, o: &Object, space: &str) -> Result<NodeId, SchemaError> {
        let (name, _) = self.name(o, space)?;
        let size = o
            .get("size")
            .and_then(Json::as_u64)
            .and_then(|s| usize::try_from(s).ok());
        let size = size.ok_or_else(|| invalid("a fixed without a size"))?;
        if size > bounds::FIXED {
            return Err(SchemaError::TooLarge);
        }
        let logical = logical(o, "fixed");
        self.define(name.full.clone(), Shape::Fixed { name, size }, logical)
    }

    fn enumeration(&mut self, o: &Object, space: &str) -> Result<NodeId, SchemaError> {
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
        let full = name.full.clone();
        let kind = Shape::Enum {
            name,
            symbols,
            default,
        };
        self.define(full, kind, Logical::None)
    }

    fn record(&mut self, o: &Object, space: &str, depth: usize) -> Result<NodeId, SchemaError> {
        let (name, space) = self.name(o, space)?;
        let of = |fields| Shape::Record {
            name: name.clone(),
            fields,
            recursive: false,
        };
        // Known before its fields are, so that they may refer to it.
        let id = self.define(name.full.clone(), of(Vec::new()), Logical::None)?;
        let list = o
            .get("fields")
            .and_then(Json::as_array)
            .ok_or_else(|| invalid("a record without fields"))?;
        let mut fields: Vec<Field> = Vec::with_capacity(list.len());
        let mut known = HashSet::new();
        for f in list {
            let field = self.field(f, &mut known, &space, depth)?;
            fields.push(field);
        }
        self.nodes[id].kind = of(fields);
        Ok(id)
    }

    /// A field of a record of which those are `known` that stand before it.
    fn field<'j>(
        &mut self,
        f: &'j Json,
        known: &mut HashSet<&'j str>,
        space: &str,
        depth: usize,
    ) -> Result<Field, SchemaError> {
        let f = f
            .as_object()
            .ok_or_else(|| invalid("a field that is no object"))?;
        let name = f
            .get("name")
            .and_then(Json::as_str)
            .ok_or_else(|| invalid("a field without a name"))?;
        checked_name(name)?;
        if !known.insert(name) {
            return Err(invalid(format!("field {name} stands twice")));
        }
        let ty = f
            .get("type")
            .ok_or_else(|| invalid(format!("field {name} has no type")))?;
        // A logical type beside a plain type name belongs to the type.
        let node = match (ty, f.get("logicalType")) {
            (Json::String(s), Some(_)) => self.named(s, space, logical(f, s))?,
            _ => self.node(ty, space, depth + 1)?,
        };
        Ok(Field {
            name: name.to_owned(),
            aliases: texts(f.get("aliases")),
            node,
            default: f.get("default").cloned(),
        })
    }

    fn define(
        &mut self,
        full: String,
        kind: Shape,
        logical: Logical,
    ) -> Result<NodeId, SchemaError> {
        let id = self.push(kind, logical);
        match self.names.insert(full.clone(), id) {
            None => Ok(id),
            Some(_) => Err(invalid(format!("type {full} is defined twice"))),
        }
    }

    fn name(&self, o: &Object, space: &str) -> Result<(Name, String), SchemaError> {
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

fn logical(o: &Object, base: &str) -> Logical {
    match (base, o.get("logicalType").and_then(Json::as_str)) {
        ("long", Some("timestamp-millis")) => Logical::Millis,
        ("long", Some("timestamp-micros")) => Logical::Micros,
        ("long", Some("timestamp-nanos")) => Logical::Nanos,
        ("bytes" | "fixed", Some("decimal")) => Logical::Decimal,
        _ => Logical::None,
    }
}
