//! Tables of other tools, mapped onto an event type by declaration: `schemas/imports/*.yaml`.
//!
//! Expressions are CEL over the columns of a row (`row.in_tokens`, `row.properties.cost`). A column
//! has no type of its own: where a text is asked for it is the text of the file, where a number is,
//! it is read as one, exactly. `number` is the row's number in its file, from 1. A row for which an
//! expression fails is reported with its number and skipped, never guessed.

mod cells;
mod declared;
mod jsonl;
mod lines;
mod rows;
pub(crate) mod target;
mod time;
mod typed;
mod value;

use crate::ledger::identities::{self, Identity};
use anyhow::{Context as _, Result, anyhow, bail};
use cel::{Context, ExecutionError, Value};
use serde_json::{Map, Value as Json, json};
use std::cell::{Ref, RefCell};
use std::collections::BTreeMap;
use std::sync::Arc;
use target::FieldType;
use typed::Program;
use value::Want;
use weir_catalog::EventDef;
use weir_events::Dynamic;
use weir_model::codes::MAPPING;
use weir_model::person::{Form, canonical_email, forms};
use weir_model::{Micros, codes, expression};
use weir_privacy::{Met, Privacy};

pub use declared::{By, Format, Mapping, Place, Rule, Time};
pub use rows::{BadRow, Reads, Row, Rows};
pub use time::{Unit, plausible};

/// Largest event that is published, bytes: the log's topics take records of up to 4 MiB.
const LARGEST: usize = 3 << 20;

/// A mapping ready to run.
pub struct Mapper {
    mapping: Mapping,
    event: EventDef,
    writer: Dynamic,
    tenant: String,
    now: Micros,
    context: Context<'static, 'static>,
    reads: Reads,
    filter: Option<Program>,
    source: Program,
    identity: Program,
    keep: Keep,
    at: Program,
    fields: Vec<(Vec<String>, FieldType, Program)>,
    /// Paths of the fields that hold addresses of people.
    people: Vec<Vec<String>>,
    place: Option<Placement>,
    privacy: Option<Arc<Privacy>>,
    met: RefCell<Met>,
}

/// Which of several rows of one identity counts.
enum Keep {
    First,
    Last,
    Max(Program),
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
    /// What it is known by when it is published, with a hash of its content.
    pub identity: Identity,
    /// Of several rows of one identity the one with the largest rank counts, of equal ones the
    /// last.
    pub rank: [u8; 8],
}

/// Compiles the expressions of one mapping and notes what they read.
struct Compiler<'a> {
    name: &'a str,
    reads: Reads,
}

impl Compiler<'_> {
    fn compile(&mut self, what: &str, source: &str, hint: Want) -> Result<Program> {
        expression::check(source).map_err(|e| anyhow!("{MAPPING}: {}: {what}: {e}", self.name))?;
        typed::compile(source, hint, &mut self.reads)
            .map_err(|e| anyhow!("{MAPPING}: {}: {what}: `{source}`: {e}", self.name))
    }

    fn keep(&mut self, keep: &str) -> Result<Keep> {
        let max = keep.strip_prefix("max(").and_then(|k| k.strip_suffix(')'));
        match (keep, max) {
            ("first", _) => Ok(Keep::First),
            ("last" | "", _) => Ok(Keep::Last),
            (_, Some(by)) => Ok(Keep::Max(self.compile(
                "identity.keep",
                by,
                Want::Number,
            )?)),
            _ => bail!(
                "{MAPPING}: {}: identity.keep: `{keep}`; write first, last or max(EXPRESSION)",
                self.name
            ),
        }
    }

    fn place(&mut self, place: &Place) -> Result<Placement> {
        let name = self.name;
        let every = match &place.every {
            None => Micros(0),
            Some(d) => {
                let span: jiff::SignedDuration = d
                    .parse()
                    .map_err(|e| anyhow!("{MAPPING}: {name}: time.place.every `{d}`: {e}"))?;
                Micros(i64::try_from(span.as_micros()).with_context(|| {
                    format!("{MAPPING}: {name}: time.place.every `{d}` is too long")
                })?)
            }
        };
        let group = place.group.as_deref();
        Ok(Placement {
            start: time::instant(&place.start).with_context(|| {
                format!(
                    "{MAPPING}: {name}: time.place.start `{}` is no time",
                    place.start
                )
            })?,
            every,
            group: group
                .map(|g| self.compile("time.place.group", g, Want::Text))
                .transpose()?,
            groups: BTreeMap::new(),
        })
    }

    fn fields(&mut self, mapping: &Mapping, schema: &str) -> Result<Fields> {
        let schema: Json = serde_json::from_str(schema)?;
        let mut fields = Vec::new();
        for (path, source) in &mapping.fields {
            let parts: Vec<String> = path.split('.').map(str::to_owned).collect();
            let kind = FieldType::of(&schema, &parts).map_err(|there| {
                anyhow!(
                    "{MAPPING}: {}: {path} is no field of {}; its fields are {there}",
                    self.name,
                    mapping.event
                )
            })?;
            let program = self.compile(path, source, kind.hint())?;
            fields.push((parts, kind, program));
        }
        Ok(fields)
    }
}

type Fields = Vec<(Vec<String>, FieldType, Program)>;

impl Mapper {
    /// Compiles a mapping for an event type. `now` is the time of the import: nothing that it reads
    /// happens later.
    pub fn new(mapping: Mapping, event: &EventDef, tenant: &str, now: Micros) -> Result<Mapper> {
        let mut c = Compiler {
            name: &mapping.name,
            reads: Reads::default(),
        };
        let (by, keep) = match &mapping.identity {
            By::Last(by) => (by, "last"),
            By::Rule(rule) => (&rule.by, rule.keep.as_str()),
        };
        let filter = mapping.filter.as_deref();
        let place = mapping.time.place.as_ref();
        Ok(Mapper {
            filter: filter
                .map(|f| c.compile("where", f, Want::Truth))
                .transpose()?,
            source: c.compile("source", &mapping.source, Want::Text)?,
            identity: c.compile("identity", by, Want::Text)?,
            keep: c.keep(keep)?,
            at: c.compile("time.at", &mapping.time.at, Want::Number)?,
            fields: c.fields(&mapping, &event.schema_json)?,
            place: place.map(|p| c.place(p)).transpose()?,
            reads: c.reads,
            context: Want::context()?,
            writer: Dynamic::new(&event.schema_json)
                .with_context(|| format!("the schema of {}", event.name))?,
            people: forms(&event.schema_json)
                .iter()
                .filter(|(_, form)| *form == Form::Email)
                .map(|(path, _)| path.split('.').map(str::to_owned).collect())
                .collect(),
            event: event.clone(),
            tenant: tenant.to_owned(),
            now,
            mapping,
            privacy: None,
            met: RefCell::default(),
        })
    }

    /// Writes pseudonyms in place of names, where `privacy` is given.
    pub fn hiding(self, privacy: Option<Arc<Privacy>>) -> Mapper {
        Mapper { privacy, ..self }
    }

    /// Who was met so far and is to be entered in the directory.
    pub fn met(&self) -> Ref<'_, Met> {
        self.met.borrow()
    }

    /// Which columns it reads.
    pub fn reads(&self) -> &Reads {
        &self.reads
    }

    /// Whether of several rows of one identity the first counts.
    pub fn keeps_first(&self) -> bool {
        matches!(self.keep, Keep::First)
    }

    /// The event of a row; `None` where the mapping leaves it out. Errors begin with their code.
    pub fn map(&mut self, row: &Row) -> Result<Option<Mapped>> {
        let mut context = self.context.new_inner_scope();
        context.add_variable_from_value("row", row.columns.clone());
        context.add_variable_from_value("number", row.number as i64);
        let run = |what: &str, p: &Program| {
            p.run(&context)
                .map_err(|e| anyhow!("{}: {what}: {}", codes::IMPORT_ROW, words(&e, row)))
        };
        let code = |what: &str, e: anyhow::Error| anyhow!("{}: {what}: {e:#}", codes::IMPORT_ROW);
        let text =
            |what: &str, p: &Program| value::scalar(&run(what, p)?).map_err(|e| code(what, e));
        if let Some(f) = &self.filter {
            let taken = value::truth(&run("where", f)?).map_err(|e| code("where", e))?;
            if taken != Value::Bool(true) {
                return Ok(None);
            }
        }
        let at = run("time.at", &self.at)?;
        let group = match self.place.as_ref().and_then(|p| p.group.as_ref()) {
            Some(g) => text("time.place.group", g)?,
            None => String::new(),
        };
        let time = time(&self.mapping.time, &mut self.place, group, &at, self.now)?;
        let rank = match &self.keep {
            Keep::Max(by) => {
                rank(&run("identity.keep", by)?).map_err(|e| code("identity.keep", e))?
            }
            _ => [0; 8],
        };
        let source = crate::git::printable(&text("source", &self.source)?);
        let identity = text("identity", &self.identity)?;
        if identity.is_empty() {
            bail!(
                "{}: identity: it is empty, and so says of no two rows whether they are one",
                codes::IMPORT_ROW
            );
        }
        let mut event = Map::new();
        for (path, kind, program) in &self.fields {
            let name = path.join(".");
            let value = kind
                .json(&run(&name, program)?)
                .map_err(|e| code(&name, e))?;
            let value = match value {
                Json::String(text) if self.people.contains(path) => canonical_email(&text).into(),
                other => other,
            };
            if !value.is_null() {
                put(&mut event, path, value);
            }
        }
        self.finish(event, time, source, &identity, rank).map(Some)
    }

    /// Completes and encodes an event.
    fn finish(
        &self,
        mut event: Map<String, Json>,
        time: Micros,
        source: String,
        identity: &str,
        rank: [u8; 8],
    ) -> Result<Mapped> {
        let identity = format!("{}/{identity}", self.mapping.name);
        let id = weir_events::event_id(time, identity.as_bytes());
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
        target::check(&event, &self.event)?;
        // What the engine takes for one event is one event here too.
        let known = target::identity(&event, &self.event).unwrap_or(&identity);
        let known = known.to_owned();
        let numbers = target::numbers(&event);
        let (source, value) = self.record(source, event)?;
        if value.len() > LARGEST {
            let (code, size) = (codes::IMPORT_ROW, LARGEST >> 20);
            bail!("{code}: the event is larger than {size} MiB");
        }
        Ok(Mapped {
            identity: identities::of(&self.tenant, &self.event.name, &known, numbers.as_bytes()),
            source,
            value,
            time,
            rank,
        })
    }

    /// Key and value of the record of an event.
    fn record(&self, source: String, event: Map<String, Json>) -> Result<(String, Vec<u8>)> {
        let (code, name) = (codes::IMPORT_ROW, &self.event.name);
        let Some(privacy) = &self.privacy else {
            let value = self.writer.encode(&Json::Object(event));
            let value = value.map_err(|e| anyhow!("{code}: does not fit {name}: {e}"))?;
            return Ok((source, value));
        };
        let record = privacy.record(name, event, &mut self.met.borrow_mut());
        let (key, value) = record.map_err(|e| anyhow!("{code}: {e}"))?;
        Ok((String::from_utf8(key)?, value))
    }

    /// Event type.
    pub fn event_type(&self) -> &str {
        &self.mapping.event
    }
}

/// When a row happened: placed where the mapping says so, refused where that cannot be.
fn time(
    rule: &Time,
    place: &mut Option<Placement>,
    group: String,
    at: &Value,
    now: Micros,
) -> Result<Micros> {
    let code = codes::IMPORT_TIME;
    let mut time = time::of(at, rule.unit).map_err(|e| anyhow!("{code}: time.at {e}"))?;
    if let Some(place) = place {
        let next = place.groups.len() as i64;
        let i = *place.groups.entry(group).or_insert(next);
        time = place
            .start
            .plus(Micros(i.saturating_mul(place.every.0)))
            .plus(time);
    }
    if !plausible(time, now) {
        let why = time::implausible(at, rule.unit, Some(now));
        bail!("{code}: time.at {why}");
    }
    Ok(time)
}

/// A number as bytes that order as numbers do.
fn rank(v: &Value) -> Result<[u8; 8]> {
    let x = match value::real(v)? {
        Value::Float(x) => x,
        _ => f64::NEG_INFINITY, // null is below all
    };
    let bits = x.to_bits();
    let ordered = if bits >> 63 == 1 {
        !bits
    } else {
        bits | (1 << 63)
    };
    Ok(ordered.to_be_bytes())
}

/// An error of an expression, with the columns that there are where one is missing.
fn words(e: &ExecutionError, row: &Row) -> String {
    match e {
        ExecutionError::NoSuchKey(name) => {
            let mut there: Vec<String> = match &row.columns {
                Value::Map(m) if !m.map.is_empty() => {
                    m.map.keys().map(ToString::to_string).collect()
                }
                _ => Vec::new(),
            };
            there.sort();
            let top = there.len();
            there.truncate(20);
            let more = if top > 20 { ", ..." } else { "" };
            format!("there is no {name}; the row has {}{more}", there.join(", "))
        }
        ExecutionError::FunctionError { function, message } if function.is_empty() => {
            message.clone()
        }
        other => other.to_string(),
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

#[cfg(test)]
mod tests;
