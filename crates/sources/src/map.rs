//! Tables of other tools, mapped onto an event type by declaration: `schemas/imports/*.yaml`.
//!
//! Expressions are CEL over the columns of a row (`row.in_tokens`, `row.properties.cost`); text columns of CSV files
//! that read as numbers are numbers; `number` is the row's number in its file, from 1. A row for which an expression fails is reported with its number and skipped, never guessed.

mod rows;

use anyhow::{Context as _, Result, anyhow, bail};
use cel::{Context, Program, Value};
use serde::Deserialize;
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeMap;
use std::path::Path;
use weir_model::person::{Form, canonical_email, forms};
use weir_model::{Micros, avro, hash, schemas};

pub use rows::{Row, Rows};

/// A mapping file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mapping {
    /// Name: key of the ledger.
    pub name: String,
    /// One line for people.
    #[serde(default)]
    pub title: String,
    /// Event type.
    pub event: String,
    /// Format of the data.
    pub format: Format,
    /// When the row happened.
    pub time: Time,
    /// Rows to take: a CEL condition.
    #[serde(default, rename = "where")]
    pub filter: Option<String>,
    /// Record key and `source`: a CEL expression giving text.
    pub source: String,
    /// What identifies the row: a CEL expression giving text; rows of equal identity are one event.
    pub identity: String,
    /// Event fields (dotted) to CEL expressions. A result of null leaves the field at its default.
    pub fields: BTreeMap<String, String>,
    /// Resource attributes to fixed texts.
    #[serde(default)]
    pub resource: BTreeMap<String, String>,
}

/// Format of the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Comma-separated with a header line.
    Csv,
    /// One JSON object per line.
    Jsonl,
}

/// When a row happened.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Time {
    /// CEL expression: a number in `unit`, or a text such as `2023-11-16 18:17:03.9799600` (UTC).
    pub at: String,
    /// Unit of a number.
    #[serde(default)]
    pub unit: Unit,
    /// Placement of times that are relative.
    #[serde(default)]
    pub place: Option<Place>,
}

/// Unit of a number of time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    /// Seconds.
    #[default]
    Seconds,
    /// Milliseconds.
    Milliseconds,
    /// Microseconds.
    Microseconds,
}

/// Placement of relative times: group i (in order of appearance) starts at `start + i * every`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// Where time 0 of the first group is put.
    pub start: String,
    /// CEL expression of the group; without it all rows are one group.
    #[serde(default)]
    pub group: Option<String>,
    /// Distance between the starts of groups, e.g. `37m`.
    #[serde(default)]
    pub every: Option<String>,
}

/// A mapping ready to run.
pub struct Mapper {
    mapping: Mapping,
    schema: String,
    schema_id: u32,
    tenant: String,
    filter: Option<Program>,
    source: Program,
    identity: Program,
    at: Program,
    fields: Vec<(Vec<String>, Program)>,
    /// Paths of the fields that hold addresses of people.
    people: Vec<Vec<String>>,
    place: Option<Placement>,
}

struct Placement {
    start: Micros,
    every: Micros,
    group: Option<Program>,
    groups: BTreeMap<String, i64>,
}

/// An event made from a row.
#[derive(Debug, Clone, PartialEq)]
pub struct Mapped {
    /// Record key.
    pub source: String,
    /// Value in the wire format.
    pub value: Vec<u8>,
    /// Its time.
    pub time: Micros,
}

impl Mapping {
    /// Reads a mapping file.
    pub fn load(path: &Path) -> Result<Mapping> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("WEIR-0302: cannot read the mapping {}", path.display()))?;
        Mapping::parse(&path.display().to_string(), &text)
    }

    /// Reads the text of a mapping; `name` is for messages.
    pub fn parse(name: &str, text: &str) -> Result<Mapping> {
        serde_saphyr::from_str(text).map_err(|e| anyhow!("WEIR-0302: {name}: {e}"))
    }
}

impl Mapper {
    /// Compiles a mapping for the event type's schema.
    pub fn new(mapping: Mapping, schema: &str, tenant: &str) -> Result<Mapper> {
        let compile = |what: &str, source: &str| {
            Program::compile(source)
                .map_err(|e| anyhow!("WEIR-0302: {}: {what}: `{source}`: {e}", mapping.name))
        };
        let place = match &mapping.time.place {
            None => None,
            Some(p) => Some(Placement {
                start: instant(&p.start).with_context(|| {
                    format!(
                        "WEIR-0302: {}: time.place.start `{}` is no time",
                        mapping.name, p.start
                    )
                })?,
                every: match &p.every {
                    None => Micros(0),
                    Some(d) => {
                        let span: jiff::SignedDuration = d.parse().map_err(|e| {
                            anyhow!("WEIR-0302: {}: time.place.every `{d}`: {e}", mapping.name)
                        })?;
                        Micros(
                            i64::try_from(span.as_micros())
                                .context("time.place.every is too long")?,
                        )
                    }
                },
                group: p
                    .group
                    .as_deref()
                    .map(|g| compile("time.place.group", g))
                    .transpose()?,
                groups: BTreeMap::new(),
            }),
        };
        let mut fields = Vec::new();
        for (path, source) in &mapping.fields {
            fields.push((
                path.split('.').map(str::to_owned).collect(),
                compile(path, source)?,
            ));
        }
        Ok(Mapper {
            filter: mapping
                .filter
                .as_deref()
                .map(|f| compile("where", f))
                .transpose()?,
            source: compile("source", &mapping.source)?,
            identity: compile("identity", &mapping.identity)?,
            at: compile("time.at", &mapping.time.at)?,
            schema_id: schemas::schema_id(schema),
            schema: schema.to_owned(),
            people: forms(schema)
                .iter()
                .filter(|(_, form)| *form == Form::Email)
                .map(|(path, _)| path.split('.').map(str::to_owned).collect())
                .collect(),
            tenant: tenant.to_owned(),
            fields,
            place,
            mapping,
        })
    }

    /// The event of a row; `None` where the mapping leaves it out.
    pub fn map(&mut self, row: &Row, number: u64) -> Result<Option<Mapped>> {
        let mut context = Context::default();
        context
            .add_variable("row", row.0.clone())
            .map_err(|e| anyhow!("the row cannot be used in expressions: {e}"))?;
        context
            .add_variable("number", number as i64)
            .map_err(|e| anyhow!("the row's number cannot be used in expressions: {e}"))?;
        let run = |p: &Program| p.execute(&context).map_err(|e| anyhow!("{e}"));
        if let Some(f) = &self.filter
            && !matches!(run(f).context("where")?, Value::Bool(true))
        {
            return Ok(None);
        }
        let mut time = self.time(&run(&self.at).context("time.at")?)?;
        if let Some(place) = &mut self.place {
            let group = match &place.group {
                Some(g) => text(&run(g).context("time.place.group")?)?,
                None => String::new(),
            };
            let next = place.groups.len() as i64;
            let i = *place.groups.entry(group).or_insert(next);
            time = place
                .start
                .plus(Micros(i.saturating_mul(place.every.0)))
                .plus(time);
        }
        let source = text(&run(&self.source).context("source")?)?;
        let identity = text(&run(&self.identity).context("identity")?)?;
        let mut event = Map::new();
        let id =
            crate::event::event_id(time, format!("{}/{identity}", self.mapping.name).as_bytes());
        event.insert("event_id".into(), json!(id.to_string()));
        event.insert("event_time".into(), json!(time.0));
        event.insert("tenant".into(), json!(self.tenant));
        event.insert("source".into(), json!(source));
        let mut resource = json!({ "weir.import": self.mapping.name });
        for (k, v) in &self.mapping.resource {
            resource[k] = json!(v);
        }
        if self.place.is_some() {
            // Whoever reads these numbers must be able to see that the times were placed.
            resource["weir.time.placed"] = json!("true");
        }
        event.insert("resource".into(), resource);
        for (path, program) in &self.fields {
            let value = run(program).with_context(|| path.join("."))?;
            let value = value
                .json()
                .map_err(|e| anyhow!("{}: {e}", path.join(".")))?;
            let value = match value {
                Json::String(text) if self.people.contains(path) => canonical_email(&text).into(),
                other => other,
            };
            if !value.is_null() {
                put(&mut event, path, value);
            }
        }
        let body = avro::encode_json(&self.schema, &Json::Object(event))
            .map_err(|e| anyhow!("does not fit {}: {e}", self.mapping.event))?;
        let mut value = Vec::with_capacity(body.len() + 5);
        value.push(0);
        value.extend_from_slice(&self.schema_id.to_be_bytes());
        value.extend_from_slice(&body);
        Ok(Some(Mapped {
            source,
            value,
            time,
        }))
    }

    /// Event type.
    pub fn event_type(&self) -> &str {
        &self.mapping.event
    }

    /// Ledger key of a table that is new: its mapping and the hash of its first rows.
    pub fn ledger_key(&self, first_hash: &str) -> String {
        format!(
            "map-{}-{:016x}",
            self.mapping.name,
            hash::distinct(first_hash.as_bytes())
        )
    }

    fn time(&self, v: &Value) -> Result<Micros> {
        let per_unit = match self.mapping.time.unit {
            Unit::Seconds => 1e6,
            Unit::Milliseconds => 1e3,
            Unit::Microseconds => 1.0,
        };
        let number = match v {
            Value::Int(n) => Some(*n as f64),
            Value::UInt(n) => Some(*n as f64),
            Value::Float(x) => Some(*x),
            Value::String(s) => {
                return instant(s).with_context(|| format!("time.at: `{s}` is no time"));
            }
            _ => None,
        };
        match number {
            Some(x) if x.is_finite() => Ok(Micros((x * per_unit).round() as i64)),
            _ => bail!("time.at gave {v:?}, which is neither a number nor a time"),
        }
    }
}

fn put(event: &mut Map<String, Json>, path: &[String], value: Json) {
    match path {
        [] => {}
        [name] => {
            event.insert(name.clone(), value);
        }
        [name, rest @ ..] => {
            let inner = event
                .entry(name.clone())
                .or_insert_with(|| Json::Object(Map::new()));
            if let Json::Object(inner) = inner {
                put(inner, rest, value);
            }
        }
    }
}

fn text(v: &Value) -> Result<String> {
    match v {
        Value::String(s) => Ok(crate::git::printable(s)),
        Value::Int(n) => Ok(n.to_string()),
        Value::UInt(n) => Ok(n.to_string()),
        Value::Float(x) => Ok(x.to_string()),
        Value::Bool(b) => Ok(b.to_string()),
        Value::Null => Ok(String::new()),
        other => bail!("{other:?} is no text"),
    }
}

/// A time in UTC, with or without zone, `T` or blank between date and time.
fn instant(s: &str) -> Result<Micros> {
    if let Ok(t) = s.parse::<jiff::Timestamp>() {
        return Ok(Micros(t.as_microsecond()));
    }
    let local: jiff::civil::DateTime = s.parse()?;
    Ok(Micros(
        local
            .to_zoned(jiff::tz::TimeZone::UTC)?
            .timestamp()
            .as_microsecond(),
    ))
}
