//! Reads one event with the generic Avro decoder.

use apache_avro::types::Value as Avro;
use apache_avro::{Schema, from_avro_datum};
use std::collections::BTreeMap;
use weir_catalog::{CallTerm, Catalog, CostDef, EventDef, Expr, Literal, MeasureKind, Price, When};
use weir_model::headers::{Meta, SchemaRef};
use weir_model::person::{Form, canonical_email, forms};
use weir_model::{Fixed, Micros};

/// The writer schemas, by id and by GUID.
pub struct Schemas {
    pub by_id: BTreeMap<u32, (Schema, [u8; 16])>,
    readers: Vec<Schema>,
}

impl Schemas {
    pub fn new(catalog: &Catalog, writers: &[(u32, [u8; 16], String)]) -> Result<Schemas, String> {
        let parse = |text: &str| -> Result<Schema, String> {
            let mut json: serde_json::Value =
                serde_json::from_str(text).map_err(|e| e.to_string())?;
            plain_ids(&mut json);
            Schema::parse(&json).map_err(|e| e.to_string())
        };
        let mut by_id = BTreeMap::new();
        for (id, guid, text) in writers {
            by_id.insert(*id, (parse(text)?, *guid));
        }
        let readers = catalog
            .events
            .iter()
            .map(|e| parse(&e.schema_json))
            .collect::<Result<_, _>>()?;
        Ok(Schemas { by_id, readers })
    }

    /// The event, or why it is a dead letter.
    pub fn read(
        &self,
        catalog: &Catalog,
        event: usize,
        value: &[u8],
        meta: &Meta,
    ) -> Result<Event, &'static str> {
        let (schema, mut body) = match (meta.schema, value) {
            (Some(s), body) => (s, body),
            (None, [0, a, b, c, d, body @ ..]) => {
                (SchemaRef::Id(u32::from_be_bytes([*a, *b, *c, *d])), body)
            }
            (None, [1, rest @ ..]) if rest.len() >= 16 => {
                let mut guid = [0; 16];
                guid.copy_from_slice(&rest[..16]);
                (SchemaRef::Guid(guid), &rest[16..])
            }
            _ => return Err("frame"),
        };
        let writer = match schema {
            SchemaRef::Id(id) => self.by_id.get(&id).map(|(s, _)| s),
            SchemaRef::Guid(g) => self
                .by_id
                .values()
                .find(|(_, guid)| *guid == g)
                .map(|(s, _)| s),
        };
        let writer = writer.ok_or("schema")?;
        let fields = from_avro_datum(writer, &mut body, Some(&self.readers[event]))
            .map_err(|_| "undecodable")?;
        if !body.is_empty() {
            return Err("left over");
        }
        let read = Event { fields };
        read.check(&catalog.events[event])?;
        Ok(read)
    }
}

/// Any text may be an event id: the generic decoder would insist on UUIDs.
fn plain_ids(json: &mut serde_json::Value) {
    match json {
        serde_json::Value::Object(o) => {
            if o.get("logicalType").is_some_and(|t| t == "uuid") {
                o.remove("logicalType");
            }
            o.values_mut().for_each(plain_ids);
        }
        serde_json::Value::Array(a) => a.iter_mut().for_each(plain_ids),
        _ => {}
    }
}

/// A decoded event.
pub struct Event {
    fields: Avro,
}

/// A leaf as the catalog sees it.
#[derive(Debug, Clone, PartialEq)]
pub enum Leaf {
    Null,
    Bool(bool),
    Number(f64),
    Int(i64),
    Text(String),
}

impl Event {
    /// The leaf at a dotted path: fields of records, the rest of the path is the key of a map.
    pub fn leaf(&self, path: &str) -> Leaf {
        walk(&self.fields, path)
    }

    pub fn text(&self, path: &str) -> Option<String> {
        match self.leaf(path) {
            Leaf::Text(s) => Some(s),
            _ => None,
        }
    }

    pub fn number(&self, path: &str) -> Option<f64> {
        match self.leaf(path) {
            Leaf::Int(n) => Some(n as f64),
            Leaf::Number(x) => Some(x),
            _ => None,
        }
    }

    /// A number in billionths.
    pub fn exact(&self, path: &str) -> Option<i128> {
        match self.leaf(path) {
            Leaf::Int(n) => Some(i128::from(n) * Fixed::SCALE),
            Leaf::Number(x) => Fixed::from_f64(x).map(|f| f.0),
            _ => None,
        }
    }

    pub fn time(&self) -> Micros {
        match self.leaf("event_time") {
            Leaf::Int(n) => Micros(n),
            _ => Micros(-1),
        }
    }

    pub fn tenant(&self) -> String {
        self.text("tenant").unwrap_or_default()
    }

    pub fn identity(&self, def: &EventDef) -> String {
        def.identity
            .as_deref()
            .and_then(|p| self.text(p))
            .filter(|s| !s.is_empty())
            .or_else(|| self.text("event_id"))
            .unwrap_or_default()
    }

    pub fn matches(&self, filter: &[weir_catalog::Condition]) -> bool {
        filter.iter().all(|c| match (&c.value, self.leaf(&c.path)) {
            (Literal::Null, Leaf::Null) => true,
            (Literal::Bool(a), Leaf::Bool(b)) => *a == b,
            (Literal::Number(a), Leaf::Number(b)) => *a == b,
            (Literal::Number(a), Leaf::Int(b)) => *a == b as f64,
            (Literal::Text(a), Leaf::Text(b)) => *a == b,
            _ => false,
        })
    }

    /// Puts the declared name of a person or team in place of each of their spellings.
    pub fn rename(&mut self, catalog: &Catalog, def: &EventDef, tenant: &str) {
        let Some((_, aliases)) = catalog.aliases.tenants.iter().find(|(t, _)| t == tenant) else {
            return;
        };
        for (path, form) in forms(&def.schema_json) {
            let Some(text) = self.text(&path) else {
                continue;
            };
            let (list, spelling) = match form {
                Form::Email => (&aliases.engineers, canonical_email(&text)),
                Form::Team => (&aliases.teams, text),
            };
            if let Some((_, name)) = list.iter().find(|(s, _)| *s == spelling) {
                set(&mut self.fields, &path, name);
            }
        }
    }

    /// Exact cost; `None` where some class has tokens and no price.
    pub fn cost(&self, def: &CostDef, at: Micros) -> Option<i128> {
        if let Some(reported) = def.reported.as_deref().and_then(|p| self.exact(p)) {
            return Some(reported);
        }
        let provider = self.text(&def.provider).unwrap_or_default();
        let model = self.text(&def.model).unwrap_or_default();
        let names = |entry: &str| {
            entry == model
                || model
                    .strip_prefix(entry)
                    .is_some_and(|r| r.starts_with('-') || r.starts_with('@'))
        };
        // The longest name wins, then the named provider over any, then the price that came into force last; of the entries
        // of that day the first whose condition holds.
        let rank = |p: &Price| (p.model.len(), p.provider != "*", p.from);
        let fits = |p: &&Price| {
            (p.provider == provider || p.provider == "*") && names(&p.model) && p.from <= at
        };
        let best = def.book.iter().filter(fits).map(rank).max();
        let mut entries = def.book.iter().filter(fits);
        let price = entries
            .find(|p| Some(rank(p)) == best && p.when.as_ref().is_none_or(|w| self.holds(w)));
        // A class without a field, or with an empty one, has no tokens.
        let tokens = |class: &str| {
            let fields = def.tokens.iter().filter(|(_, c)| c == class);
            let counts = fields.map(|(path, _)| self.exact(path).unwrap_or(0) / Fixed::SCALE);
            counts.map(|n| n.max(0)).sum::<i128>()
        };
        let mut sum = 0i128;
        for (path, class) in &def.tokens {
            let mut count = self.exact(path).unwrap_or(0) / Fixed::SCALE;
            if class == "cache_write" {
                count -= tokens("cache_write_5m") + tokens("cache_write_1h");
            }
            if count > 0 {
                let per = price?.per_token.iter().find(|(c, _)| c == class)?.1;
                sum += count * per;
            }
        }
        Some(sum)
    }

    /// Whether the condition of a price holds.
    fn holds(&self, when: &When) -> bool {
        let flag = |b: bool| Some(if b { 1.0 } else { 0.0 });
        let ask = |t: &CallTerm| match t {
            CallTerm::Number(path) => self.number(path),
            CallTerm::Truth(path) => match self.leaf(path) {
                Leaf::Bool(b) => flag(b),
                _ => None,
            },
            CallTerm::Is(path, text) => flag(self.text(path).unwrap_or_default() == *text),
        };
        let terms: Vec<Option<f64>> = when.terms.iter().map(ask).collect();
        let program = Expr {
            source: when.source.clone(),
            ops: when.ops.clone(),
        };
        crate::kpis::evaluate(&program, &terms).is_some_and(|x| x != 0.0)
    }

    fn check(&self, def: &EventDef) -> Result<(), &'static str> {
        let mut read: Vec<&str> = def.bounds.iter().map(|b| b.path.as_str()).collect();
        for m in &def.measures {
            read.extend(m.filter.iter().map(|c| c.path.as_str()));
            match &m.kind {
                MeasureKind::Count => {}
                MeasureKind::Sum(p)
                | MeasureKind::Min(p)
                | MeasureKind::Max(p)
                | MeasureKind::SumSq(p)
                | MeasureKind::Last(p)
                | MeasureKind::Distribution(p)
                | MeasureKind::Distinct(p) => read.push(p),
                MeasureKind::Cost(c) | MeasureKind::Unpriced(c) => {
                    read.extend(c.reported.as_deref());
                    read.extend(c.tokens.iter().map(|(p, _)| p.as_str()));
                    let asked = c.book.iter().filter_map(|p| p.when.as_ref());
                    read.extend(asked.flat_map(|w| &w.terms).filter_map(|t| match t {
                        CallTerm::Number(path) => Some(path.as_str()),
                        _ => None,
                    }));
                }
            }
        }
        for path in read {
            if let Leaf::Number(x) = self.leaf(path)
                && (!x.is_finite() || x.abs() > Fixed::LIMIT)
            {
                return Err("not finite");
            }
            if let Leaf::Int(n) = self.leaf(path)
                && (n as f64).abs() > Fixed::LIMIT
            {
                return Err("out of bounds");
            }
        }
        for b in &def.bounds {
            if let Some(x) = self.number(&b.path)
                && (b.min.is_some_and(|m| x < m) || b.max.is_some_and(|m| x > m))
            {
                return Err("out of bounds");
            }
        }
        let bad = |s: &str| s.len() > 512 || s.bytes().any(|b| b < 0x20);
        let id = self.text("event_id").unwrap_or_default();
        let mut texts = vec![self.tenant(), self.identity(def)];
        texts.extend(def.dimensions.iter().filter_map(|d| self.text(&d.path)));
        if texts.iter().any(|t| bad(t)) {
            return Err("text");
        }
        if self.tenant().is_empty() || id.is_empty() || self.time().0 < 0 {
            return Err("envelope");
        }
        Ok(())
    }
}

/// Writes a text where `walk` reads it.
fn set(value: &mut Avro, path: &str, text: &str) {
    match value {
        Avro::Union(_, inner) => set(inner, path, text),
        Avro::Record(fields) => {
            let (name, rest) = path.split_once('.').unwrap_or((path, ""));
            if let Some((_, v)) = fields.iter_mut().find(|(n, _)| n == name) {
                set(v, rest, text);
            }
        }
        Avro::String(s) => text.clone_into(s),
        _ => {}
    }
}

fn walk(value: &Avro, path: &str) -> Leaf {
    match value {
        Avro::Union(_, inner) => walk(inner, path),
        Avro::Record(fields) => {
            let (name, rest) = path.split_once('.').unwrap_or((path, ""));
            match fields.iter().find(|(n, _)| n == name) {
                Some((_, v)) => walk(v, rest),
                None => Leaf::Null,
            }
        }
        Avro::Map(entries) => entries.get(path).map_or(Leaf::Null, |v| walk(v, "")),
        Avro::Boolean(b) => Leaf::Bool(*b),
        Avro::Int(n) => Leaf::Int(i64::from(*n)),
        Avro::Long(n)
        | Avro::TimestampMicros(n)
        | Avro::TimestampMillis(n)
        | Avro::TimeMicros(n) => Leaf::Int(*n),
        Avro::Float(x) => Leaf::Number(f64::from(*x)),
        Avro::Double(x) => Leaf::Number(*x),
        Avro::String(s) | Avro::Enum(_, s) => Leaf::Text(s.clone()),
        Avro::Uuid(u) => Leaf::Text(u.to_string()),
        _ => Leaf::Null,
    }
}
