//! What a dotted path means in an event's Avro schema.

use serde_json::Value;
use std::collections::HashMap;

/// Kind of a field, as far as measures and dimensions care.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FieldType {
    Number,
    Bool,
    Text,
    Other,
}

impl FieldType {
    pub fn name(self) -> &'static str {
        match self {
            FieldType::Number => "a number",
            FieldType::Bool => "true or false",
            FieldType::Text => "a text",
            FieldType::Other => "no single value",
        }
    }
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Field {
    pub kind: FieldType,
    /// The null branch of a union, or a key of a map: may be absent.
    pub nullable: bool,
    /// A timestamp: in microseconds, whatever unit the schema has.
    pub time: bool,
}

impl Field {
    /// What it is, for messages.
    pub fn name(self) -> &'static str {
        if self.time {
            "a time"
        } else {
            self.kind.name()
        }
    }

    /// Whether values of both mean the same in an expression.
    pub fn same(self, other: Field) -> bool {
        (self.kind, self.time) == (other.kind, other.time)
    }
}

/// Most paths that are suggested: a record that contains itself has any number of them.
const MOST_PATHS: usize = 1000;

/// An event schema, ready for looking up paths.
pub(crate) struct EventSchema {
    pub json: Value,
    named: HashMap<String, Value>,
}

impl EventSchema {
    pub fn parse(text: &str) -> Result<EventSchema, String> {
        let json: Value = serde_json::from_str(text).map_err(|e| e.to_string())?;
        // Names and size first: the generic parser ends with a panic where a name is none.
        weir_model::schemas::check(text).map_err(|e| e.to_string())?;
        apache_avro::Schema::parse_str(text).map_err(|e| e.to_string())?;
        let mut named = HashMap::new();
        collect(&json, &mut named);
        Ok(EventSchema { json, named })
    }

    /// The type at `path`; a rest of a path below a map is the key, dots and all.
    pub fn field(&self, path: &str) -> Option<Field> {
        self.walk(&self.json, path, false)
    }

    /// Dotted paths of all single values, for suggestions.
    pub fn paths(&self) -> Vec<String> {
        let mut out = Vec::new();
        self.list(&self.json, "", &mut out, 0);
        out
    }

    fn walk(&self, schema: &Value, path: &str, nullable: bool) -> Option<Field> {
        let (schema, null) = self.resolve(schema);
        let nullable = nullable || null;
        if path.is_empty() {
            return Some(Field {
                kind: kind(schema),
                nullable,
                time: is_time(schema),
            });
        }
        match type_name(schema) {
            "record" => {
                let (head, rest) = path.split_once('.').unwrap_or((path, ""));
                let field = fields(schema).find(|f| f["name"] == head)?;
                // A logical type beside a plain type's name belongs to the type.
                match &field["type"] {
                    Value::String(plain) if plain == "long" => self.walk(field, rest, nullable),
                    of => self.walk(of, rest, nullable),
                }
            }
            "map" => self.walk(&schema["values"], "", true),
            _ => None,
        }
    }

    fn list(&self, schema: &Value, prefix: &str, out: &mut Vec<String>, depth: usize) {
        let (schema, _) = self.resolve(schema);
        match type_name(schema) {
            "record" if depth < 8 && out.len() < MOST_PATHS => {
                for f in fields(schema) {
                    let name = f["name"].as_str().unwrap_or_default();
                    let path = if prefix.is_empty() {
                        name.to_string()
                    } else {
                        format!("{prefix}.{name}")
                    };
                    self.list(&f["type"], &path, out, depth + 1);
                }
            }
            "record" | "map" | "array" => {}
            _ => out.push(prefix.to_string()),
        }
    }

    /// Follows names and takes the one branch of a union that is not null.
    fn resolve<'a>(&'a self, schema: &'a Value) -> (&'a Value, bool) {
        match schema {
            Value::Array(branches) => {
                let mut others = branches.iter().filter(|b| *b != "null");
                match (others.next(), others.next()) {
                    (Some(one), None) => (self.resolve(one).0, branches.len() > 1),
                    _ => (schema, true),
                }
            }
            Value::String(name) => match self.named.get(name.as_str()) {
                Some(s) => (s, false),
                None => (schema, false),
            },
            Value::Object(o) => match o.get("type") {
                Some(inner @ (Value::Object(_) | Value::Array(_))) => self.resolve(inner),
                Some(Value::String(name)) if self.named.contains_key(name) => {
                    (&self.named[name], false)
                }
                _ => (schema, false),
            },
            _ => (schema, false),
        }
    }
}

fn fields(schema: &Value) -> impl Iterator<Item = &Value> {
    schema["fields"].as_array().into_iter().flatten()
}

fn type_name(schema: &Value) -> &str {
    schema
        .as_str()
        .or_else(|| schema["type"].as_str())
        .unwrap_or("union")
}

fn kind(schema: &Value) -> FieldType {
    // A decimal is bytes underneath: it is not read as a number.
    match type_name(schema) {
        "int" | "long" | "float" | "double" => FieldType::Number,
        "boolean" => FieldType::Bool,
        "string" | "enum" => FieldType::Text,
        _ => FieldType::Other,
    }
}

fn is_time(schema: &Value) -> bool {
    const TIMES: [&str; 3] = ["timestamp-millis", "timestamp-micros", "timestamp-nanos"];
    type_name(schema) == "long"
        && schema["logicalType"]
            .as_str()
            .is_some_and(|l| TIMES.contains(&l))
}

fn collect(schema: &Value, named: &mut HashMap<String, Value>) {
    match schema {
        Value::Array(a) => a.iter().for_each(|s| collect(s, named)),
        Value::Object(o) => {
            if let (Some(name), Some("record" | "enum" | "fixed")) = (
                o.get("name").and_then(Value::as_str),
                o.get("type").and_then(Value::as_str),
            ) {
                named.insert(name.to_string(), schema.clone());
                if let Some(ns) = o.get("namespace").and_then(Value::as_str) {
                    named.insert(format!("{ns}.{name}"), schema.clone());
                }
            }
            for key in ["type", "items", "values"] {
                if let Some(s) = o.get(key) {
                    collect(s, named);
                }
            }
            for f in fields(schema) {
                collect(&f["type"], named);
            }
        }
        _ => {}
    }
}

/// The schema without what has no meaning for values: documentation. Keys are sorted.
pub(crate) fn canonical(json: &Value) -> String {
    fn strip(v: &Value) -> Value {
        match v {
            Value::Object(o) => {
                let mut keys: Vec<_> = o.iter().filter(|(k, _)| *k != "doc").collect();
                keys.sort_by_key(|(k, _)| k.as_str());
                Value::Object(
                    keys.into_iter()
                        .map(|(k, v)| (k.clone(), strip(v)))
                        .collect(),
                )
            }
            Value::Array(a) => Value::Array(a.iter().map(strip).collect()),
            other => other.clone(),
        }
    }
    strip(json).to_string()
}

impl EventSchema {
    /// The logical type of a field of the record itself.
    pub fn logical(&self, name: &str) -> Option<String> {
        let field = fields(&self.json).find(|f| f["name"] == name)?;
        field["type"]["logicalType"].as_str().map(str::to_string)
    }
}
