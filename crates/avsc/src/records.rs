//! The records of results: a Rust type, its bytes and its columns, all made of one schema.
//!
//! What Avro does not say stands beside its fields, in keys that do not enter a schema's id:
//! - `weir.type` of a long: `u32` or `u64`, of which it holds the value or the bits. Of a string:
//!   `label`, a text with few values.
//! - `weir.column`: name of the field's column, where it is not the field's.
//! - `weir.docs` of an enum: what each symbol means.
//!
//! A record within a record stands for a Rust type of its name, and each of its fields is a column.
//! A list of records of a `name` and a `value` is a list of pairs, and a map as a column.
//!
//! A schema may change while records of it lie in the log: the earlier ones are read too (see
//! [`Types::add_earlier`]).

mod earlier;
mod rust;

use crate::{doc, word};
use serde_json::Value as Json;

/// The types of records, and what they share.
#[derive(Default)]
pub struct Types {
    records: Vec<Record>,
    enums: Vec<Enum>,
}

struct Record {
    /// Name of the schema's file.
    schema: String,
    /// Name of the Rust type.
    rust: String,
    doc: String,
    fields: Vec<Field>,
    /// The schema's text.
    text: String,
    /// Schemas that it had before.
    earlier: Vec<earlier::Earlier>,
}

struct Field {
    name: String,
    /// Names that it had before.
    aliases: Vec<String>,
    column: String,
    doc: String,
    of: Of,
}

#[derive(PartialEq)]
struct Enum {
    name: String,
    doc: String,
    /// (symbol, what it means), in the order of their numbers.
    symbols: Vec<(String, String)>,
}

/// Type of a field.
enum Of {
    Bool,
    Int,
    Long,
    U32,
    U64,
    Double,
    Text,
    Label,
    Micros,
    Enum(String),
    Record(String, Vec<Field>),
    Optional(Box<Of>),
    Pairs(Box<Of>),
}

impl Types {
    /// Adds the record of a schema's text; `name` is the one of its file.
    ///
    /// # Errors
    /// What has no place in a record, and in which field.
    pub fn add(&mut self, name: &str, text: &str) -> Result<(), String> {
        let schema: Json = serde_json::from_str(text).map_err(|e| e.to_string())?;
        let record = Record {
            schema: name.to_owned(),
            rust: word(&schema, "name")?.to_owned(),
            doc: word(&schema, "doc")?.to_owned(),
            fields: self.fields(&schema)?,
            text: text.to_owned(),
            earlier: Vec::new(),
        };
        self.records.push(record);
        Ok(())
    }

    /// All types as Rust.
    pub fn write(&self) -> String {
        rust::write(self)
    }

    fn fields(&mut self, record: &Json) -> Result<Vec<Field>, String> {
        let fields = record["fields"].as_array();
        let fields = fields.ok_or("a record without fields")?;
        let each = fields.iter().map(|f| {
            let name = word(f, "name")?;
            let of = self.of(&f["type"], f["weir.type"].as_str());
            Ok(Field {
                name: name.to_owned(),
                aliases: aliases(f),
                column: f["weir.column"].as_str().unwrap_or(name).to_owned(),
                // A field that nobody explains is nobody's contract.
                doc: word(f, "doc")?.to_owned(),
                of: of.map_err(|e| format!("{name}: {e}"))?,
            })
        });
        each.collect()
    }

    /// `narrowed` is the field's `weir.type`.
    fn of(&mut self, schema: &Json, narrowed: Option<&str>) -> Result<Of, String> {
        if let Some(branches) = schema.as_array() {
            let of = match branches.as_slice() {
                [null, of] if null == "null" => self.of(of, narrowed)?,
                _ => return Err("a union other than [\"null\", type]".to_owned()),
            };
            return match of {
                Of::Record(..) | Of::Pairs(_) | Of::Optional(_) => {
                    Err("null has no place beside a list or a record in a column".to_owned())
                }
                of => Ok(Of::Optional(Box::new(of))),
            };
        }
        let name = schema.as_str().or_else(|| schema["type"].as_str());
        let name = name.ok_or("a field without a type")?;
        let of = match (name, schema["logicalType"].as_str(), narrowed) {
            ("long", None, Some("u32")) => Of::U32,
            ("long", None, Some("u64")) => Of::U64,
            ("string", None, Some("label")) => Of::Label,
            (_, _, Some(other)) => return Err(format!("a {name} has no weir.type {other}")),
            ("boolean", None, _) => Of::Bool,
            ("int", None, _) => Of::Int,
            ("long", None, _) => Of::Long,
            ("long", Some("timestamp-micros"), _) => Of::Micros,
            ("double", None, _) => Of::Double,
            ("string", None, _) => Of::Text,
            ("enum", None, _) => self.enumeration(schema)?,
            ("record", None, _) => Of::Record(word(schema, "name")?.into(), self.fields(schema)?),
            ("array", None, _) => self.pairs(&schema["items"])?,
            _ => return Err(format!("a record of results has no type for {schema}")),
        };
        Ok(of)
    }

    fn pairs(&mut self, items: &Json) -> Result<Of, String> {
        const WHAT: &str = "a list that is not one of records of a name, a text, and a value";
        let mut fields = self.fields(items).map_err(|_| WHAT)?.into_iter();
        match (fields.next(), fields.next(), fields.next()) {
            (Some(name), Some(value), None) if name.name == "name" && value.name == "value" => {
                match (name.of, value.of) {
                    (Of::Text, Of::Record(..) | Of::Pairs(_)) => Err(WHAT.to_owned()),
                    (Of::Text, of) => Ok(Of::Pairs(Box::new(of))),
                    _ => Err(WHAT.to_owned()),
                }
            }
            _ => Err(WHAT.to_owned()),
        }
    }

    fn enumeration(&mut self, schema: &Json) -> Result<Of, String> {
        let name = word(schema, "name")?.to_owned();
        let symbols = schema["symbols"].as_array();
        let symbols = symbols.ok_or("an enum without symbols")?;
        let symbols = symbols.iter().filter_map(Json::as_str).map(|symbol| {
            let about = word(&schema["weir.docs"], symbol)?.to_owned();
            Ok((symbol.to_owned(), about))
        });
        let new = Enum {
            doc: doc(schema, || format!("`{name}` of a record.")),
            symbols: symbols.collect::<Result<_, String>>()?,
            name: name.clone(),
        };
        match self.enums.iter().find(|e| e.name == name) {
            Some(known) if *known != new => Err(format!("two enums are named {name}")),
            Some(_) => Ok(Of::Enum(name)),
            None => {
                self.enums.push(new);
                Ok(Of::Enum(name))
            }
        }
    }
}

fn aliases(json: &Json) -> Vec<String> {
    let names = json["aliases"].as_array().into_iter().flatten();
    names.filter_map(Json::as_str).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests;
