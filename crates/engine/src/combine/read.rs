//! From a record's bytes to an event that can be counted, or to the reason why it cannot: the
//! checks of `docs/semantics.md`, in their order.

use super::Dead;
use super::dedup::Key;
use crate::EngineError;
use crate::measure::event::Measures;
use crate::measure::slots::{Slots, number};
use hashbrown::HashMap;
use weir_catalog::types::EventDef;
use weir_model::avro::{LeafKind, Projection, Texts, Value, leaf_paths};
use weir_model::bytes::same;
use weir_model::codes::{self, Code};
use weir_model::headers::{Meta, SchemaRef};
use weir_model::wire::{self, FRAME};
use weir_model::{Fixed, hash};

/// Longest text that identifies something: a power of two.
const LONGEST: usize = 512;

/// What a number must lie between, for all that is said of it: the limit of all numbers and its
/// bounds.
#[derive(Debug)]
struct Range {
    slot: usize,
    min: f64,
    max: f64,
}

/// How the events of one type are read.
#[derive(Debug)]
pub(super) struct Reader {
    name: String,
    schema: String,
    slots: Slots,
    event_id: usize,
    event_time: usize,
    tenant: usize,
    identity: Option<usize>,
    /// Slots of the tenant and of the dimensions, in their order.
    names: Vec<usize>,
    bounds: Vec<(usize, f64, f64)>,
    ranges: Vec<Range>,
    /// Tenant NUL type NUL of the last event, and room for its identity.
    scope: Vec<u8>,
    scope_len: usize,
    /// By id; a schema that does not fit is kept with its reason.
    by_id: HashMap<u32, usize>,
    by_guid: HashMap<[u8; 16], usize>,
    schemas: Vec<Result<Projection, String>>,
    last: Option<(SchemaRef, usize)>,
    /// The last schema once more, where it stood as an id in the frame of the value: compared at
    /// once.
    last_frame: Option<([u8; FRAME], usize)>,
}

/// An event as far as its own bytes decide.
#[derive(Debug, Clone, Copy)]
pub(super) struct Head {
    pub time: i64,
    pub identity: Key,
}

/// What a value turned out to be.
pub(super) enum Read {
    Event(Head),
    Dead(Dead),
    Unknown(SchemaRef),
}

impl Reader {
    /// The reader of a type and the measures of its rows.
    pub fn new(event: &EventDef) -> Result<(Reader, Measures), EngineError> {
        let mut slots = Slots::default();
        let event_id = slots.of("event_id");
        let event_time = slots.of("event_time");
        let tenant = slots.of("tenant");
        let identity = event.identity.as_deref().map(|p| slots.of(p));
        let mut names = vec![tenant];
        names.extend(event.dimensions.iter().map(|d| slots.of(&d.path)));
        let mut bounds = Vec::new();
        for b in &event.bounds {
            let (min, max) = (
                b.min.unwrap_or(f64::NEG_INFINITY),
                b.max.unwrap_or(f64::INFINITY),
            );
            bounds.push((slots.number(&b.path), min, max));
        }
        let measures = Measures::new(event, &mut slots);
        let range = |slot: &usize| {
            let mut range = Range {
                slot: *slot,
                min: -Fixed::LIMIT,
                max: Fixed::LIMIT,
            };
            for (_, min, max) in bounds.iter().filter(|b| b.0 == *slot) {
                range.min = range.min.max(*min);
                range.max = range.max.min(*max);
            }
            range
        };
        let leaves = leaf_paths(&event.schema_json)
            .map_err(|why| EngineError::Catalog(format!("event type {}: {why}", event.name)))?;
        // What can only be something else need not be asked for every event.
        let never = |slot: &&usize| {
            let leaf = leaves.iter().find(|l| l.path == slots.paths[**slot]);
            leaf.is_some_and(|l| matches!(l.kind, LeafKind::Bool | LeafKind::Text | LeafKind::Map))
        };
        let numbers = slots.numbers.iter();
        let ranges = numbers.filter(|s| !never(s)).map(range).collect();
        let reader = Reader {
            name: event.name.clone(),
            schema: event.schema_json.clone(),
            slots,
            event_id,
            event_time,
            tenant,
            identity,
            names,
            bounds,
            ranges,
            scope: Vec::new(),
            scope_len: 0,
            by_id: HashMap::new(),
            by_guid: HashMap::new(),
            schemas: Vec::new(),
            last: None,
            last_frame: None,
        };
        // A path that leads nowhere would make every event a dead letter: refuse the catalog
        // instead.
        reader
            .compile(&event.schema_json)
            .map_err(|why| EngineError::Catalog(format!("event type {}: {why}", event.name)))?;
        Ok((reader, measures))
    }

    /// The slot of a path, if something reads it.
    pub fn slot(&self, path: &str) -> Option<usize> {
        self.slots.paths.iter().position(|p| p == path)
    }

    /// Number of values in a decoded row.
    pub fn width(&self) -> usize {
        self.slots.paths.len()
    }

    /// Appends the tenant and the dimension values of a decoded row.
    #[inline]
    pub fn texts<'a>(&self, row: &[Value<'a>], out: &mut Vec<&'a str>) {
        let text = |slot: usize| {
            if let Value::Str(s) = row[slot] { s } else { "" }
        };
        out.extend(self.names.iter().map(|s| text(*s)));
    }

    /// Number of texts of a row.
    pub fn text_count(&self) -> usize {
        self.names.len()
    }

    /// Makes a writer's schema known; one that cannot be read as this type makes dead letters.
    pub fn add_schema(&mut self, id: u32, guid: [u8; 16], writer: &str) {
        let compiled = self.compile(writer);
        let index = self.schemas.len();
        self.schemas.push(compiled);
        self.by_id.insert(id, index);
        self.by_guid.insert(guid, index);
        self.last = None;
        self.last_frame = None;
    }

    /// What stood before the body of the last event that had its schema's id in the value.
    pub fn usual_frame(&self) -> Option<[u8; FRAME]> {
        self.last_frame.map(|(frame, _)| frame)
    }

    fn compile(&self, writer: &str) -> Result<Projection, String> {
        let paths: Vec<&str> = self.slots.paths.iter().map(String::as_str).collect();
        Projection::compile(writer, &self.schema, &paths).map_err(|e| e.to_string())
    }

    /// Decodes and checks a value. `row` is as wide as [`Reader::width`].
    pub fn read<'a>(&mut self, value: &'a [u8], meta: &Meta, row: &mut [Value<'a>]) -> Read {
        let (index, body) = match (self.last_frame, value.split_first_chunk()) {
            (Some((last, index)), Some((frame, body)))
                if last == *frame && meta.schema.is_none() =>
            {
                (index, body)
            }
            _ => match self.find(value, meta) {
                Ok(found) => found,
                Err(read) => return read,
            },
        };
        let projection = match &self.schemas[index] {
            Ok(p) => p,
            Err(why) => return dead(codes::INCOMPATIBLE_SCHEMA, why),
        };
        let texts = match projection.decode(body, row) {
            Ok(texts) => texts,
            Err(e) => return dead(e.code(), e),
        };
        match self.check(row, texts) {
            Ok(head) => Read::Event(head),
            Err(dead) => Read::Dead(self.owned(dead, row)),
        }
    }

    /// A dead letter whose bytes could be read: its tenant is known, if it is one.
    #[cold]
    fn owned(&self, mut dead: Dead, row: &[Value]) -> Dead {
        if let Value::Str(tenant) = row[self.tenant]
            && self.plain(self.tenant, tenant).is_ok()
        {
            dead.tenant = tenant.to_owned();
        }
        dead
    }

    /// The schema and the body of a value.
    #[inline(never)]
    fn find<'a>(&mut self, value: &'a [u8], meta: &Meta) -> Result<(usize, &'a [u8]), Read> {
        let (schema, body) = wire::split(value, meta)
            .map_err(|code| dead(code, "the value has no frame of the wire format"))?;
        let index = match self.last {
            Some((last, index)) if last == schema => index,
            _ => {
                let known = match schema {
                    SchemaRef::Id(id) => self.by_id.get(&id),
                    SchemaRef::Guid(guid) => self.by_guid.get(&guid),
                };
                let Some(index) = known else {
                    return Err(Read::Unknown(schema));
                };
                self.last = Some((schema, *index));
                *index
            }
        };
        // A GUID's frame is longer.
        if let (None, SchemaRef::Id(_), Some(frame)) =
            (meta.schema, schema, value.first_chunk::<FRAME>())
        {
            self.last_frame = Some((*frame, index));
        }
        Ok((index, body))
    }

    fn check(&mut self, row: &[Value], texts: Texts) -> Result<Head, Dead> {
        for range in &self.ranges {
            if let Some(x) = number(&row[range.slot])
                && !(range.min <= x && x <= range.max)
            {
                return Err(self.bad_number(row));
            }
        }
        let text = |slot: usize| if let Value::Str(s) = row[slot] { s } else { "" };
        let (tenant, id) = (text(self.tenant), text(self.event_id));
        let (slot, identity) = match self.identity.map(|s| (s, text(s))) {
            Some((s, t)) if !t.is_empty() => (s, t),
            _ => (self.event_id, id),
        };
        if !texts.are_plain(LONGEST) {
            self.plain(self.tenant, tenant)?;
            self.plain(slot, identity)?;
            for slot in &self.names[1..] {
                self.plain(*slot, text(*slot))?;
            }
        }
        if tenant.is_empty() || id.is_empty() {
            let what = if tenant.is_empty() {
                "tenant"
            } else {
                "event_id"
            };
            return Err(Dead::new(codes::BAD_ENVELOPE, format!("{what} is empty")));
        }
        let time = match row[self.event_time] {
            Value::Int(t) if t >= 0 => t,
            _ => {
                return Err(Dead::new(
                    codes::BAD_ENVELOPE,
                    "event_time is before 1970".to_owned(),
                ));
            }
        };
        self.enter(tenant);
        self.scope.extend_from_slice(identity.as_bytes());
        Ok(Head {
            time,
            identity: Key::of(identity, hash::identity(&self.scope)),
        })
    }

    /// Lets `scope` be that of a tenant: mostly it is.
    #[inline]
    fn enter(&mut self, tenant: &str) {
        self.scope.truncate(self.scope_len);
        let known = self.scope.len() == tenant.len() + self.name.len() + 2;
        if !known || !same(&self.scope[..tenant.len()], tenant.as_bytes()) {
            self.scope.clear();
            for part in [tenant, &self.name] {
                self.scope.extend_from_slice(part.as_bytes());
                self.scope.push(0);
            }
            self.scope_len = self.scope.len();
        }
    }

    /// Says what is wrong with some number: that it is wild, before that it is out of its bounds.
    #[cold]
    fn bad_number(&self, row: &[Value]) -> Dead {
        let mut wild = self.slots.numbers.iter().map(|s| number(&row[*s]));
        if wild.any(|x| x.is_some_and(|x| x.is_nan() || x.abs() > Fixed::LIMIT)) {
            return self.wild(row);
        }
        for (slot, min, max) in &self.bounds {
            if let Some(x) = number(&row[*slot])
                && !(*min <= x && x <= *max)
            {
                let path = &self.slots.paths[*slot];
                let message = format!("{path} is {x}, allowed is {min} to {max}");
                return Dead::new(codes::OUT_OF_BOUNDS, message);
            }
        }
        self.wild(row)
    }

    /// Names the first number that is not finite, else the first that is too large.
    #[cold]
    fn wild(&self, row: &[Value]) -> Dead {
        let find = |bad: fn(f64) -> bool| {
            let slots = self.slots.numbers.iter();
            slots
                .copied()
                .find(|s| number(&row[*s]).is_some_and(bad))
                .map(|s| &self.slots.paths[s])
        };
        if let Some(path) = find(|x| !x.is_finite()) {
            return Dead::new(codes::NOT_FINITE, format!("{path} is no finite number"));
        }
        let path = find(|x| x.abs() > Fixed::LIMIT).map_or("a number", String::as_str);
        Dead::new(codes::OUT_OF_BOUNDS, format!("{path} is larger than 1e18"))
    }

    #[cold]
    fn plain(&self, slot: usize, text: &str) -> Result<(), Dead> {
        let path = &self.slots.paths[slot];
        let why = if text.len() > LONGEST {
            format!(
                "{path} has {} bytes, at most {LONGEST} are allowed",
                text.len()
            )
        } else if text.bytes().any(|b| b < 0x20) {
            format!("{path} holds a control character")
        } else {
            return Ok(());
        };
        Err(Dead::new(codes::BAD_TEXT, why))
    }
}

#[cold]
fn dead(code: Code, why: impl ToString) -> Read {
    Read::Dead(Dead::new(code, why.to_string()))
}
