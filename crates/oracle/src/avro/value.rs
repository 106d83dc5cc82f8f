//! Values of a writer's schema, read as those of a reader's.

use super::schema::{Field, Id, Type, Types, Unit};
use serde_json::Value as Json;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// Most arrays, maps (but those of strings) and records that can contain themselves around a value.
const NESTED: u32 = 128;

/// Why it is not one; nobody but tests looks at it.
type Result<T> = std::result::Result<T, &'static str>;

/// What of a value may be asked for.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    Map(BTreeMap<String, Value>),
    Record(Vec<(String, Value)>),
    /// Of a type that nothing can be asked of, or none that the reader has.
    Other,
}

/// A writer's schema and a reader's.
pub struct Resolved {
    writer: Rc<Types>,
    reader: Rc<Types>,
    /// Whether a type can be read as another; true while that is being found out.
    readable: RefCell<BTreeMap<(Id, Id), bool>>,
    /// How the fields of a record are read as those of another.
    plans: RefCell<Plans>,
}

type Plans = BTreeMap<(Id, Option<Id>), Rc<Plan>>;

/// A record's fields.
struct Plan {
    /// Written ones, in order, and the place in the reader's record. Those without bytes that
    /// nobody reads are left out.
    steps: Vec<(Id, Option<(usize, Id)>)>,
    /// The reader's names, with the defaults of what is not written.
    record: Vec<(String, Value)>,
}

struct Input<'a> {
    rest: &'a [u8],
}

impl Resolved {
    /// # Errors
    /// Where no value could be read.
    pub fn new(writer: Rc<Types>, reader: Rc<Types>) -> Result<Resolved> {
        let (w, r) = (writer.root, reader.root);
        let resolved = Resolved {
            writer,
            reader,
            readable: RefCell::default(),
            plans: RefCell::default(),
        };
        if resolved.can_read(w, r) {
            Ok(resolved)
        } else {
            Err("the writer's schema cannot be read")
        }
    }

    /// The value that a body is.
    pub fn read(&self, body: &[u8]) -> Result<Value> {
        let mut input = Input { rest: body };
        let value = self.value(&mut input, self.writer.root, Some(self.reader.root), 0)?;
        if input.rest.is_empty() {
            Ok(value)
        } else {
            Err("left over")
        }
    }

    fn can_read(&self, w: Id, r: Id) -> bool {
        if let Some(known) = self.readable.borrow().get(&(w, r)) {
            return *known;
        }
        self.readable.borrow_mut().insert((w, r), true);
        let can = self.find_out(w, r);
        self.readable.borrow_mut().insert((w, r), can);
        can
    }

    fn find_out(&self, w: Id, r: Id) -> bool {
        match (&self.writer.list[w], &self.reader.list[r]) {
            (Type::Union(branches), _) => {
                branches.is_empty() || branches.iter().any(|b| self.can_read(*b, r))
            }
            (_, Type::Union(_)) => self.branch(w, r).is_some(),
            (Type::Null, Type::Null) | (Type::Bool, Type::Bool) => true,
            (Type::Int, Type::Int | Type::Long(_) | Type::Float | Type::Double) => true,
            (Type::Long(_), Type::Long(_) | Type::Float | Type::Double) => true,
            (Type::Float, Type::Float | Type::Double) | (Type::Double, Type::Double) => true,
            (Type::Bytes | Type::Text, Type::Bytes | Type::Text) => true,
            (Type::Fixed { name: a, size: n }, Type::Fixed { name: b, size: m }) => {
                n == m && b.takes(a)
            }
            (Type::Enum { name: a, .. }, Type::Enum { name: b, .. }) => b.takes(a),
            (Type::Array(a), Type::Array(b)) | (Type::Map(a), Type::Map(b)) => {
                self.can_read(*a, *b)
            }
            (
                Type::Record {
                    name: a,
                    fields: written,
                },
                Type::Record { name: b, fields },
            ) => {
                let mut taken = BTreeSet::new();
                b.takes(a)
                    && fields.iter().all(|f| match source(written, f) {
                        Some(i) => taken.insert(i) && self.can_read(written[i].of, f.of),
                        None => f.default.is_some(),
                    })
            }
            _ => false,
        }
    }

    /// The branch of a reader's union that a type is read as: of the same kind if that can be, else
    /// the first that can.
    fn branch(&self, w: Id, r: Id) -> Option<Id> {
        let Type::Union(branches) = &self.reader.list[r] else {
            return Some(r);
        };
        let kind = std::mem::discriminant(&self.writer.list[w]);
        let same = |b: &&Id| std::mem::discriminant(&self.reader.list[**b]) == kind;
        let can = |b: &&Id| self.can_read(w, **b);
        let first = branches.iter().filter(same).find(can);
        first.or_else(|| branches.iter().find(can)).copied()
    }

    /// A value of type `w`, as one of type `r` if the reader has it.
    fn value(&self, input: &mut Input, w: Id, r: Option<Id>, depth: u32) -> Result<Value> {
        if let Type::Union(branches) = &self.writer.list[w] {
            let branch = *input.one_of(branches)?;
            if r.is_some_and(|r| !self.can_read(branch, r)) {
                return Err("a branch that the reader does not have");
            }
            return self.value(input, branch, r, depth);
        }
        let r = match r {
            Some(r) => Some(self.branch(w, r).ok_or("no branch takes it")?),
            None => None,
        };
        match &self.writer.list[w] {
            Type::Array(items) => self.array(input, *items, r, depth),
            Type::Map(values) => self.map(input, *values, r, depth),
            Type::Record { .. } if self.writer.recursive[w] => {
                self.record(input, w, r, deeper(depth)?)
            }
            Type::Record { .. } => self.record(input, w, r, depth),
            plain => scalar(input, plain, r.map(|r| &self.reader.list[r])),
        }
    }

    fn array(&self, input: &mut Input, items: Id, r: Option<Id>, depth: u32) -> Result<Value> {
        let inner = match r.map(|r| &self.reader.list[r]) {
            Some(Type::Array(of)) => Some(*of),
            _ => None,
        };
        input.blocks(|input, n| {
            if self.writer.empty[items] {
                return Ok(());
            }
            let depth = deeper(depth)?;
            for _ in 0..n {
                self.value(input, items, inner, depth)?;
            }
            Ok(())
        })?;
        Ok(Value::Other)
    }

    fn map(&self, input: &mut Input, values: Id, r: Option<Id>, depth: u32) -> Result<Value> {
        let inner = match r.map(|r| &self.reader.list[r]) {
            Some(Type::Map(of)) => Some(*of),
            _ => None,
        };
        let mut entries = BTreeMap::new();
        input.blocks(|input, n| {
            let depth = match self.writer.list[values] {
                Type::Text => depth,
                _ => deeper(depth)?,
            };
            for _ in 0..n {
                let key = input.text()?;
                let value = self.value(input, values, inner, depth)?;
                if inner.is_some() {
                    entries.insert(key.to_owned(), value);
                }
            }
            Ok(())
        })?;
        Ok(Value::Map(entries))
    }

    fn record(&self, input: &mut Input, w: Id, r: Option<Id>, depth: u32) -> Result<Value> {
        let plan = self.plan(w, r);
        let mut record = plan.record.clone();
        for (of, to) in &plan.steps {
            let value = self.value(input, *of, to.map(|(_, r)| r), depth)?;
            if let Some((at, _)) = to {
                record[*at].1 = value;
            }
        }
        Ok(Value::Record(record))
    }

    fn plan(&self, w: Id, r: Option<Id>) -> Rc<Plan> {
        if let Some(plan) = self.plans.borrow().get(&(w, r)) {
            return plan.clone();
        }
        let (mut steps, mut record) = (Vec::new(), Vec::new());
        if let Type::Record {
            fields: written, ..
        } = &self.writer.list[w]
        {
            let mut to = vec![None; written.len()];
            if let Some(Type::Record { fields, .. }) = r.map(|r| &self.reader.list[r]) {
                for (at, f) in fields.iter().enumerate() {
                    let default = match source(written, f) {
                        Some(i) => {
                            to[i] = Some((at, f.of));
                            None
                        }
                        None => f.default.as_ref(),
                    };
                    let value = default.and_then(|json| default_value(&self.reader, f.of, json));
                    record.push((f.name.clone(), value.unwrap_or(Value::Null)));
                }
            }
            let all = written.iter().map(|f| f.of).zip(to);
            steps = all
                .filter(|(of, to)| to.is_some() || !self.writer.empty[*of])
                .collect();
        }
        let plan = Rc::new(Plan { steps, record });
        self.plans.borrow_mut().insert((w, r), plan.clone());
        plan
    }
}

fn deeper(depth: u32) -> Result<u32> {
    if depth < NESTED {
        Ok(depth + 1)
    } else {
        Err("nested too deeply")
    }
}

/// Where among the written fields one is: under its name, else the first under one of its aliases.
fn source(written: &[Field], f: &Field) -> Option<usize> {
    let named = |name: &str| written.iter().position(|x| x.name == name);
    named(&f.name).or_else(|| written.iter().position(|x| f.aliases.contains(&x.name)))
}

fn scalar(input: &mut Input, written: &Type, read: Option<&Type>) -> Result<Value> {
    Ok(match written {
        Type::Null => Value::Null,
        Type::Bool => match input.take(1)? {
            [0] => Value::Bool(false),
            [1] => Value::Bool(true),
            _ => return Err("a boolean"),
        },
        Type::Int => {
            let n = input.long()?;
            i32::try_from(n).map_err(|_| "an int")?;
            number(n, None, read)?
        }
        Type::Long(unit) => number(input.long()?, *unit, read)?,
        Type::Float => {
            let mut bytes = [0; 4];
            bytes.copy_from_slice(input.take(4)?);
            Value::Float(f64::from(f32::from_le_bytes(bytes)))
        }
        Type::Double => {
            let mut bytes = [0; 8];
            bytes.copy_from_slice(input.take(8)?);
            Value::Float(f64::from_le_bytes(bytes))
        }
        Type::Text => Value::Text(input.text()?.to_owned()),
        Type::Bytes if matches!(read, Some(Type::Text)) => Value::Text(input.text()?.to_owned()),
        Type::Bytes => {
            input.bytes()?;
            Value::Other
        }
        Type::Fixed { size, .. } => {
            input.take(*size)?;
            Value::Other
        }
        Type::Enum { symbols, .. } => {
            let symbol = input.one_of(symbols)?;
            match read {
                Some(Type::Enum {
                    symbols, default, ..
                }) if !symbols.contains(symbol) => {
                    Value::Text(default.clone().ok_or("a symbol the reader does not have")?)
                }
                _ => Value::Text(symbol.clone()),
            }
        }
        Type::Array(_) | Type::Map(_) | Type::Union(_) | Type::Record { .. } => Value::Other,
    })
}

/// An int or long, as what the reader has.
fn number(n: i64, written: Option<Unit>, read: Option<&Type>) -> Result<Value> {
    Ok(match read {
        Some(Type::Float) => Value::Float(f64::from(n as f32)),
        Some(Type::Double) => Value::Float(n as f64),
        Some(Type::Long(Some(unit))) => Value::Int(match written.unwrap_or(*unit) {
            Unit::Millis => n.checked_mul(1000).ok_or("a time too far away")?,
            Unit::Micros => n,
            Unit::Nanos => n.div_euclid(1000),
        }),
        _ => Value::Int(n),
    })
}

impl<'a> Input<'a> {
    fn take(&mut self, n: usize) -> Result<&'a [u8]> {
        if n > self.rest.len() {
            return Err("too short");
        }
        let (head, rest) = self.rest.split_at(n);
        self.rest = rest;
        Ok(head)
    }

    fn long(&mut self) -> Result<i64> {
        let mut bits = 0u128;
        for i in 0..10 {
            let byte = self.take(1)?[0];
            bits |= u128::from(byte & 0x7f) << (7 * i);
            if byte < 0x80 {
                let bits = u64::try_from(bits).map_err(|_| "a number too large")?;
                let half = (bits / 2) as i64;
                return Ok(if bits % 2 == 0 { half } else { -half - 1 });
            }
        }
        Err("a number too long")
    }

    fn bytes(&mut self) -> Result<&'a [u8]> {
        let n = usize::try_from(self.long()?).map_err(|_| "a length")?;
        self.take(n)
    }

    fn text(&mut self) -> Result<&'a str> {
        std::str::from_utf8(self.bytes()?).map_err(|_| "not UTF-8")
    }

    fn one_of<'l, T>(&mut self, list: &'l [T]) -> Result<&'l T> {
        let i = usize::try_from(self.long()?).map_err(|_| "an index")?;
        list.get(i).ok_or("an index")
    }

    /// The blocks of an array or map, each as its number of items.
    fn blocks(&mut self, mut each: impl FnMut(&mut Input<'a>, u64) -> Result<()>) -> Result<()> {
        loop {
            let n = self.long()?;
            let mut end = None;
            if n < 0 {
                let size = usize::try_from(self.long()?).map_err(|_| "a size")?;
                end = Some(self.rest.len().checked_sub(size).ok_or("too short")?);
            }
            let n = n.unsigned_abs();
            if n == 0 {
                return Ok(());
            }
            if n > self.rest.len() as u64 {
                return Err("more items than bytes");
            }
            each(self, n)?;
            if end.is_some_and(|end| end != self.rest.len()) {
                return Err("a block of another size");
            }
        }
    }
}

/// The value that a default in a schema says; nothing where it is none of the type.
fn default_value(types: &Types, of: Id, json: &Json) -> Option<Value> {
    Some(match &types.list[of] {
        Type::Null => json.as_null().map(|()| Value::Null)?,
        Type::Bool => Value::Bool(json.as_bool()?),
        Type::Int => Value::Int(i64::from(i32::try_from(json.as_i64()?).ok()?)),
        Type::Long(unit) => match unit {
            Some(Unit::Millis) => Value::Int(json.as_i64()?.checked_mul(1000)?),
            Some(Unit::Nanos) => Value::Int(json.as_i64()?.div_euclid(1000)),
            _ => Value::Int(json.as_i64()?),
        },
        Type::Float => Value::Float(f64::from(json.as_f64()? as f32)),
        Type::Double => Value::Float(json.as_f64()?),
        Type::Text | Type::Enum { .. } => Value::Text(json.as_str()?.to_owned()),
        Type::Bytes | Type::Fixed { .. } => json.as_str().map(|_| Value::Other)?,
        Type::Array(_) => json.as_array().map(|_| Value::Other)?,
        Type::Map(values) => {
            let entries = json.as_object()?.iter();
            let read =
                |(key, v): (&String, &Json)| Some((key.clone(), default_value(types, *values, v)?));
            Value::Map(entries.map(read).collect::<Option<_>>()?)
        }
        Type::Union(branches) => {
            let mut fitting = branches.iter().map(|b| default_value(types, *b, json));
            fitting.find_map(|v| v)?
        }
        Type::Record { fields, .. } => {
            let given = json.as_object()?;
            let read = |f: &Field| {
                let json = given.get(&f.name).or(f.default.as_ref())?;
                Some((f.name.clone(), default_value(types, f.of, json)?))
            };
            Value::Record(fields.iter().map(read).collect::<Option<_>>()?)
        }
    })
}
