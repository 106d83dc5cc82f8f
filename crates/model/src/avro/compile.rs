//! From two schemas and a list of paths to a flat program over the writer's bytes.

use super::decode::{Reading, Texts};
use super::resolve::{Pair, Scale, scale, writer_field};
use super::schema::{Kind, Logical, NodeId, Schema, intern};
use super::{Cursor, SchemaError, Value, json};
use crate::short::is_plain;
use std::collections::{HashMap, HashSet};

/// One step of a program. Slots are indices into the row, targets are indices of steps.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Op {
    /// Pass over bytes.
    Skip(u32),
    /// Pass over varints.
    SkipVarints(u32),
    /// Pass over texts or bytes.
    SkipTexts(u32),
    /// Pass over a map of texts.
    SkipTextMap,
    Bool(u32),
    Int(u32),
    Long(u32),
    Scaled(u32, Scale),
    LongAsDouble(u32),
    LongAsFloat(u32),
    Float(u32),
    Double(u32),
    Text(u32),
    FixedText(u32, u32),
    /// Slot, index into `symbols`.
    Symbol(u32, u32),
    Null(u32),
    /// Slot, index into `constants`.
    Const(u32, u32),
    /// A union of null (at the given index) and one type.
    MaybeLong(u32, u8),
    MaybeDouble(u32, u8),
    MaybeText(u32, u8),
    /// Jumps where the union's index is the one given.
    Maybe(u8, u32),
    /// Jumps by index: `unions`.
    Union(u32),
    Jump(u32),
    /// The branch taken cannot be read as the reader's type.
    Fail,
    Call(u32),
    Return,
    /// A sequence of blocks, each item read by the steps that follow; then on to the target.
    Items(u32),
    /// Index into `maps`.
    TextMap(u32),
    /// Index into `lookups`; then on to the target.
    Lookup(u32, u32),
}

/// A map of texts of which the whole or some keys are wanted.
#[derive(Debug, Clone)]
pub(super) struct TextMap {
    pub whole: Option<u32>,
    pub keys: Vec<Key>,
}

/// A wanted key of a map of texts.
#[derive(Debug, Clone)]
pub(super) struct Key {
    /// Its first eight bytes, and ones where there is a byte.
    pub head: u64,
    pub mask: u64,
    pub text: Box<[u8]>,
    pub slot: u32,
}

impl Key {
    fn new(text: &str, slot: u32) -> Key {
        let word = |byte: fn(u8) -> u8| {
            let mut word = [0; 8];
            for (to, from) in word.iter_mut().zip(text.bytes()) {
                *to = byte(from);
            }
            u64::from_le_bytes(word)
        };
        Key {
            head: word(|b| b),
            mask: word(|_| 0xff),
            text: text.as_bytes().into(),
            slot,
        }
    }
}

/// A map of other values of which some keys are wanted, each with the steps that read it.
#[derive(Debug, Clone)]
pub(super) struct Lookup {
    pub keys: Vec<(Box<[u8]>, u32)>,
    pub other: u32,
}

/// A compiled decoder: see the module.
#[derive(Debug, Clone)]
pub struct Projection {
    pub(super) ops: Vec<Op>,
    /// What a row holds before anything is read: null, or the default of a field that was not written.
    pub(super) template: Vec<Value<'static>>,
    /// What of the template must be there: the slots that not every event sets.
    pub(super) before: Vec<(u32, Value<'static>)>,
    /// What the texts of the schemas themselves are like.
    pub(super) texts: Texts,
    pub(super) symbols: Vec<Vec<Option<&'static str>>>,
    pub(super) constants: Vec<Value<'static>>,
    pub(super) unions: Vec<Vec<u32>>,
    pub(super) maps: Vec<TextMap>,
    pub(super) lookups: Vec<Lookup>,
    /// (from, to) for paths that were asked for twice.
    pub(super) copies: Vec<(u32, u32)>,
    /// Without the short way, which must come to the same.
    #[cfg(test)]
    pub(super) slow: bool,
}

/// The rest of a path, and where its value goes.
type Want = (String, u32);

const MAX_OPS: usize = 100_000;
const MAX_DEPTH: usize = 128;

impl Projection {
    /// Compiles a decoder that fills row slot `i` with the value at `paths[i]`.
    ///
    /// A path names fields of the reader's schema from the outside in, joined by dots; what follows the name of a
    /// map is one key, dots included. A null on the way makes the value null.
    pub fn compile(
        writer_json: &str,
        reader_json: &str,
        paths: &[&str],
    ) -> Result<Projection, SchemaError> {
        let reader = Schema::parse(reader_json)?;
        let writer = Schema::parse(writer_json)?;
        for path in paths {
            if !has_value(&reader, reader.root, path, 0) {
                return Err(SchemaError::Path((*path).to_owned()));
            }
        }
        let pair = Pair {
            writer: &writer,
            reader: &reader,
        };
        pair.check(writer.root, reader.root, "", &mut HashSet::new())?;

        let mut slots: HashMap<&str, u32> = HashMap::new();
        let mut wants = Vec::new();
        let mut copies = Vec::new();
        for (i, path) in paths.iter().enumerate() {
            match slots.get(path) {
                Some(first) => copies.push((*first, i as u32)),
                None => {
                    slots.insert(path, i as u32);
                    wants.push(((*path).to_owned(), i as u32));
                }
            }
        }
        let mut projection = program(&pair, writer.root, reader.root, &wants, paths.len())?;
        projection.before = projection.not_always_set();
        projection.copies = copies;
        projection.texts = projection.own_texts();
        Ok(projection)
    }

    /// Number of values in a row.
    pub fn width(&self) -> usize {
        self.template.len()
    }

    /// The slots, with what they hold before, that some path through the steps does not set. Only the steps up to the first
    /// jump are looked at: that is all of them in most schemas.
    fn not_always_set(&self) -> Vec<(u32, Value<'static>)> {
        let mut set = vec![false; self.template.len()];
        let mut pc = 0;
        while let Some(op) = self.ops.get(pc) {
            pc += 1;
            match *op {
                Op::Bool(s)
                | Op::Int(s)
                | Op::Long(s)
                | Op::Scaled(s, _)
                | Op::LongAsDouble(s)
                | Op::LongAsFloat(s)
                | Op::Float(s)
                | Op::Double(s)
                | Op::Text(s)
                | Op::FixedText(s, _)
                | Op::Symbol(s, _)
                | Op::Null(s)
                | Op::Const(s, _)
                | Op::MaybeLong(s, _)
                | Op::MaybeDouble(s, _)
                | Op::MaybeText(s, _) => set[s as usize] = true,
                Op::Skip(_)
                | Op::SkipVarints(_)
                | Op::SkipTexts(_)
                | Op::SkipTextMap
                | Op::Call(_) => {}
                Op::TextMap(table) => {
                    if let Some(s) = self.maps[table as usize].whole {
                        set[s as usize] = true;
                    }
                }
                // What stands in between may be done any number of times.
                Op::Maybe(_, end) | Op::Items(end) | Op::Lookup(_, end) => pc = end as usize,
                Op::Union(_) | Op::Jump(_) | Op::Fail | Op::Return => break,
            }
        }
        let slots = (0..).zip(&self.template).zip(set);
        slots
            .filter_map(|((slot, value), set)| (!set).then_some((slot, *value)))
            .collect()
    }

    /// What the texts are like that come from the schemas: symbols and defaults.
    fn own_texts(&self) -> Texts {
        let mut texts = Texts::NONE;
        let values = self.template.iter().chain(&self.constants);
        let values = values.filter_map(|v| {
            if let Value::Str(s) = v {
                Some(*s)
            } else {
                None
            }
        });
        for text in self
            .symbols
            .iter()
            .flatten()
            .flatten()
            .copied()
            .chain(values)
        {
            texts.note((text, is_plain(text.as_bytes())));
        }
        texts
    }
}

fn program(
    pair: &Pair,
    w: NodeId,
    r: NodeId,
    wants: &[Want],
    width: usize,
) -> Result<Projection, SchemaError> {
    let mut c = Compiler {
        pair,
        out: Projection {
            ops: Vec::new(),
            template: vec![Value::Null; width],
            before: Vec::new(),
            texts: Texts::NONE,
            symbols: Vec::new(),
            constants: Vec::new(),
            unions: Vec::new(),
            maps: Vec::new(),
            lookups: Vec::new(),
            copies: Vec::new(),
            #[cfg(test)]
            slow: false,
        },
        barrier: 0,
        conditional: false,
        depth: 0,
        calls: Vec::new(),
    };
    c.read(w, r, wants)?;
    c.push(Op::Return)?;
    c.subprograms()?;
    Ok(c.out)
}

/// Whether a path of the reader's schema leads to a single value.
fn has_value(s: &Schema, node: NodeId, rest: &str, depth: usize) -> bool {
    if depth > MAX_DEPTH {
        return false;
    }
    match s.kind(node) {
        Kind::Null | Kind::Array(_) => false,
        Kind::Union(branches) => branches.iter().any(|b| has_value(s, *b, rest, depth + 1)),
        Kind::Map(values) => {
            if rest.is_empty() {
                matches!(s.kind(*values), Kind::String)
            } else {
                has_value(s, *values, "", depth + 1)
            }
        }
        Kind::Record { fields, .. } => fields.iter().any(|f| {
            strip(rest, &f.name).is_some_and(|rest| has_value(s, f.node, rest, depth + 1))
        }),
        _ => rest.is_empty() && s.logical(node) != Logical::Decimal,
    }
}

/// `email` for `engineer.email` and `engineer`; the empty text for the name itself.
fn strip<'p>(path: &'p str, name: &str) -> Option<&'p str> {
    let rest = path.strip_prefix(name)?;
    if rest.is_empty() {
        Some(rest)
    } else {
        rest.strip_prefix('.').filter(|r| !r.is_empty())
    }
}

struct Compiler<'s> {
    pair: &'s Pair<'s>,
    out: Projection,
    /// Steps before this one may be jumped behind: nothing is merged into them.
    barrier: usize,
    /// Inside a branch or a map: values cannot be set beforehand.
    conditional: bool,
    depth: usize,
    /// (step, record) of calls to be filled in.
    calls: Vec<(usize, NodeId)>,
}

impl Compiler<'_> {
    fn push(&mut self, op: Op) -> Result<usize, SchemaError> {
        if self.out.ops.len() >= MAX_OPS {
            return Err(SchemaError::TooLarge);
        }
        if self.out.ops.len() > self.barrier {
            let last = self.out.ops.len() - 1;
            let merged = match (self.out.ops[last], op) {
                (Op::Skip(a), Op::Skip(b)) => a.checked_add(b).map(Op::Skip),
                (Op::SkipVarints(a), Op::SkipVarints(b)) => a.checked_add(b).map(Op::SkipVarints),
                (Op::SkipTexts(a), Op::SkipTexts(b)) => a.checked_add(b).map(Op::SkipTexts),
                _ => None,
            };
            if let Some(op) = merged {
                self.out.ops[last] = op;
                return Ok(last);
            }
        }
        self.out.ops.push(op);
        Ok(self.out.ops.len() - 1)
    }

    /// The next step as a target.
    fn label(&mut self) -> u32 {
        self.barrier = self.out.ops.len();
        self.out.ops.len() as u32
    }

    fn nulls(&mut self, wants: &[Want]) -> Result<(), SchemaError> {
        for (_, slot) in wants {
            self.push(Op::Null(*slot))?;
        }
        Ok(())
    }

    fn deeper<T>(
        &mut self,
        f: impl FnOnce(&mut Self) -> Result<T, SchemaError>,
    ) -> Result<T, SchemaError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(SchemaError::TooLarge);
        }
        let result = f(self);
        self.depth -= 1;
        result
    }

    fn conditionally<T>(
        &mut self,
        f: impl FnOnce(&mut Self) -> Result<T, SchemaError>,
    ) -> Result<T, SchemaError> {
        let before = std::mem::replace(&mut self.conditional, true);
        let result = f(self);
        self.conditional = before;
        result
    }

    /// Steps that read a value of the writer's type `w` as the reader's type `r`.
    fn read(&mut self, w: NodeId, r: NodeId, wants: &[Want]) -> Result<(), SchemaError> {
        if wants.is_empty() {
            return self.skip(w);
        }
        self.deeper(|c| c.read_kind(w, r, wants))
    }

    fn read_kind(&mut self, w: NodeId, r: NodeId, wants: &[Want]) -> Result<(), SchemaError> {
        let pair = self.pair;
        match (pair.writer.kind(w), pair.reader.kind(r)) {
            (Kind::Union(branches), _) => {
                if let Some(op) = self.maybe(branches, r, wants) {
                    self.push(op)?;
                    return Ok(());
                }
                self.branches(branches, |c, b| c.conditionally(|c| c.read(b, r, wants)))
            }
            (_, Kind::Union(branches)) => match pair.branch_for(w, branches) {
                Some(b) => self.read(w, b, wants),
                None => self.push(Op::Fail).map(|_| ()),
            },
            (
                Kind::Record {
                    fields: written, ..
                },
                Kind::Record { fields, .. },
            ) => {
                let mut taken = HashSet::new();
                for x in written {
                    let mut found: Option<(NodeId, Vec<Want>)> = None;
                    for f in fields
                        .iter()
                        .filter(|f| writer_field(written, f).is_some_and(|y| y.name == x.name))
                    {
                        let inner = narrowed(wants, &f.name);
                        taken.insert(f.name.as_str());
                        if inner.is_empty() {
                            continue;
                        }
                        if found.is_some() {
                            let why = "two fields of the event type are read from it".to_owned();
                            return Err(SchemaError::Incompatible {
                                at: x.name.clone(),
                                why,
                            });
                        }
                        found = Some((f.node, inner));
                    }
                    match found {
                        Some((node, inner)) => self.read(x.node, node, &inner)?,
                        None => self.skip(x.node)?,
                    }
                }
                for f in fields.iter().filter(|f| !taken.contains(f.name.as_str())) {
                    let inner = narrowed(wants, &f.name);
                    if let (false, Some(default)) = (inner.is_empty(), &f.default) {
                        self.defaults(f.node, default, &inner)?;
                    }
                }
                Ok(())
            }
            (Kind::Map(wv), Kind::Map(rv)) => self.map(*wv, *rv, wants),
            (Kind::Null, Kind::Null) => self.nulls(wants),
            (Kind::Array(_), Kind::Array(_)) => {
                self.skip(w)?;
                self.nulls(wants)
            }
            _ => self.scalar(w, r, wants),
        }
    }

    fn scalar(&mut self, w: NodeId, r: NodeId, wants: &[Want]) -> Result<(), SchemaError> {
        let Some((_, slot)) = wants.iter().find(|(rest, _)| rest.is_empty()) else {
            self.skip(w)?;
            return self.nulls(wants);
        };
        let slot = *slot;
        let pair = self.pair;
        let op = match (pair.writer.kind(w), pair.reader.kind(r)) {
            (Kind::Bool, Kind::Bool) => Op::Bool(slot),
            (Kind::Int, Kind::Int) => Op::Int(slot),
            (Kind::Int, Kind::Long) | (Kind::Long, Kind::Long) => {
                match scale(pair.writer.logical(w), pair.reader.logical(r)) {
                    Scale::None if matches!(pair.writer.kind(w), Kind::Int) => Op::Int(slot),
                    Scale::None => Op::Long(slot),
                    scale => Op::Scaled(slot, scale),
                }
            }
            (Kind::Int | Kind::Long, Kind::Float) => Op::LongAsFloat(slot),
            (Kind::Int | Kind::Long, Kind::Double) => Op::LongAsDouble(slot),
            (Kind::Float, Kind::Float | Kind::Double) => Op::Float(slot),
            (Kind::Double, Kind::Double) => Op::Double(slot),
            (Kind::Bytes | Kind::String, Kind::Bytes | Kind::String) => Op::Text(slot),
            (Kind::Fixed { size, .. }, Kind::Fixed { .. }) => Op::FixedText(
                slot,
                u32::try_from(*size).map_err(|_| SchemaError::TooLarge)?,
            ),
            (
                Kind::Enum { symbols, .. },
                Kind::Enum {
                    symbols: known,
                    default,
                    ..
                },
            ) => {
                let read = |s: &&'static str| {
                    known
                        .iter()
                        .find(|k| *k == s)
                        .copied()
                        .or(default.map(|d| known[d]))
                };
                self.out.symbols.push(symbols.iter().map(read).collect());
                Op::Symbol(slot, self.out.symbols.len() as u32 - 1)
            }
            _ => Op::Fail,
        };
        self.push(op)?;
        for want in wants.iter().filter(|(rest, _)| !rest.is_empty()) {
            self.push(Op::Null(want.1))?;
        }
        Ok(())
    }

    /// The single step for a union of null and a plain type, where the reader takes both.
    fn maybe(&self, branches: &[NodeId], r: NodeId, wants: &[Want]) -> Option<Op> {
        let pair = self.pair;
        let ([a, b], [(rest, slot)], Kind::Union(read)) = (branches, wants, pair.reader.kind(r))
        else {
            return None;
        };
        let is_null = |n: &NodeId| matches!(pair.writer.kind(*n), Kind::Null);
        let (null, w) = if is_null(a) { (0, *b) } else { (1, *a) };
        if !rest.is_empty()
            || !(is_null(a) ^ is_null(b))
            || !read
                .iter()
                .any(|n| matches!(pair.reader.kind(*n), Kind::Null))
        {
            return None;
        }
        let r = pair.branch_for(w, read)?;
        match (pair.writer.kind(w), pair.reader.kind(r)) {
            (Kind::Bytes | Kind::String, Kind::Bytes | Kind::String) => {
                Some(Op::MaybeText(*slot, null))
            }
            (Kind::Double, Kind::Double) => Some(Op::MaybeDouble(*slot, null)),
            (Kind::Long, Kind::Long)
                if scale(pair.writer.logical(w), pair.reader.logical(r)) == Scale::None =>
            {
                Some(Op::MaybeLong(*slot, null))
            }
            _ => None,
        }
    }

    /// A jump by index with the steps of each branch behind it.
    fn branches(
        &mut self,
        branches: &[NodeId],
        mut each: impl FnMut(&mut Self, NodeId) -> Result<(), SchemaError>,
    ) -> Result<(), SchemaError> {
        let table = self.out.unions.len();
        self.out.unions.push(Vec::new());
        self.push(Op::Union(table as u32))?;
        let mut jumps = Vec::new();
        let mut targets = Vec::new();
        for b in branches {
            targets.push(self.label());
            each(self, *b)?;
            jumps.push(self.push(Op::Jump(0))?);
        }
        let end = self.label();
        for j in jumps {
            self.out.ops[j] = Op::Jump(end);
        }
        self.out.unions[table] = targets;
        Ok(())
    }

    fn map(&mut self, wv: NodeId, rv: NodeId, wants: &[Want]) -> Result<(), SchemaError> {
        let pair = self.pair;
        let whole = wants
            .iter()
            .find(|(rest, _)| rest.is_empty())
            .map(|(_, slot)| *slot);
        let keyed = |(rest, slot): &Want| Key::new(rest, *slot);
        let plain = matches!(pair.writer.kind(wv), Kind::String | Kind::Bytes)
            && matches!(pair.reader.kind(rv), Kind::String | Kind::Bytes);
        if plain {
            // Keys that are absent stay null, which the template says only outside of branches.
            if self.conditional {
                self.nulls(wants)?;
            }
            let keys = wants
                .iter()
                .filter(|(rest, _)| !rest.is_empty())
                .map(keyed)
                .collect();
            self.out.maps.push(TextMap { whole, keys });
            self.push(Op::TextMap(self.out.maps.len() as u32 - 1))?;
            return Ok(());
        }
        if whole.is_some() {
            let why = "a map of texts is expected".to_owned();
            return Err(SchemaError::Incompatible {
                at: "a map".to_owned(),
                why,
            });
        }
        if self.conditional {
            self.nulls(wants)?;
        }
        let table = self.out.lookups.len();
        self.out.lookups.push(Lookup {
            keys: Vec::new(),
            other: 0,
        });
        let at = self.push(Op::Lookup(table as u32, 0))?;
        let mut keys = Vec::new();
        for (rest, slot) in wants {
            keys.push((rest.as_bytes().into(), self.label()));
            self.conditionally(|c| c.read(wv, rv, &[(String::new(), *slot)]))?;
            self.push(Op::Return)?;
        }
        let other = self.label();
        self.skip(wv)?;
        self.push(Op::Return)?;
        let end = self.label();
        self.out.lookups[table] = Lookup { keys, other };
        self.out.ops[at] = Op::Lookup(table as u32, end);
        Ok(())
    }

    /// Values of a field that the writer does not have: its default is encoded and read back.
    fn defaults(
        &mut self,
        node: NodeId,
        default: &serde_json::Value,
        wants: &[Want],
    ) -> Result<(), SchemaError> {
        let reader = self.pair.reader;
        let mut bytes = Vec::new();
        json::encode_node(reader, node, default, &mut bytes)
            .map_err(|e| SchemaError::Invalid(format!("a default does not fit its field: {e}")))?;
        let bytes = intern(&bytes);
        let same = Pair {
            writer: reader,
            reader,
        };
        let width = self.out.template.len();
        let p = self.deeper(|_| program(&same, node, node, wants, width))?;
        let mut row = p.template.clone();
        let start = Reading {
            at: Cursor::new(bytes),
            texts: Texts::NONE,
        };
        p.run(0, start, &mut row, 0)
            .map_err(|e| SchemaError::Invalid(format!("a default cannot be read: {e}")))?;
        for (_, slot) in wants {
            let value = row[*slot as usize];
            if self.conditional {
                self.out.constants.push(value);
                self.push(Op::Const(*slot, self.out.constants.len() as u32 - 1))?;
            } else {
                self.out.template[*slot as usize] = value;
            }
        }
        Ok(())
    }

    /// Steps that pass over a value.
    fn skip(&mut self, w: NodeId) -> Result<(), SchemaError> {
        self.deeper(|c| c.skip_kind(w))
    }

    fn skip_kind(&mut self, w: NodeId) -> Result<(), SchemaError> {
        let writer = self.pair.writer;
        let op = match writer.kind(w) {
            Kind::Null | Kind::Fixed { size: 0, .. } => return Ok(()),
            Kind::Bool => Op::Skip(1),
            Kind::Float => Op::Skip(4),
            Kind::Double => Op::Skip(8),
            Kind::Fixed { size, .. } => {
                Op::Skip(u32::try_from(*size).map_err(|_| SchemaError::TooLarge)?)
            }
            Kind::Int | Kind::Long => Op::SkipVarints(1),
            Kind::Enum { symbols, .. } => {
                // The index must exist, so this is a union whose branches are all empty.
                let next = self.out.ops.len() as u32 + 1;
                self.out.unions.push(vec![next; symbols.len()]);
                self.push(Op::Union(self.out.unions.len() as u32 - 1))?;
                self.label();
                return Ok(());
            }
            Kind::Bytes | Kind::String => Op::SkipTexts(1),
            Kind::Array(items) => return self.skip_items(false, *items),
            Kind::Map(values) if matches!(writer.kind(*values), Kind::Bytes | Kind::String) => {
                Op::SkipTextMap
            }
            Kind::Map(values) => return self.skip_items(true, *values),
            Kind::Union(branches) => {
                let null = |n: NodeId| matches!(writer.kind(n), Kind::Null);
                if let [a, b] = branches[..]
                    && null(a) != null(b)
                {
                    let (index, other) = if null(a) { (0, b) } else { (1, a) };
                    let at = self.push(Op::Maybe(index, 0))?;
                    self.label();
                    self.skip(other)?;
                    let end = self.label();
                    self.out.ops[at] = Op::Maybe(index, end);
                    return Ok(());
                }
                return self.branches(branches, |c, b| c.skip(b));
            }
            Kind::Record {
                recursive: true, ..
            } => {
                let at = self.push(Op::Call(0))?;
                self.calls.push((at, w));
                return Ok(());
            }
            Kind::Record { fields, .. } => {
                for f in fields {
                    self.skip(f.node)?;
                }
                return Ok(());
            }
        };
        self.push(op)?;
        Ok(())
    }

    fn skip_items(&mut self, keys: bool, items: NodeId) -> Result<(), SchemaError> {
        let at = self.push(Op::Items(0))?;
        self.label();
        if keys {
            self.push(Op::SkipTexts(1))?;
        }
        self.skip(items)?;
        self.push(Op::Return)?;
        let end = self.label();
        self.out.ops[at] = Op::Items(end);
        Ok(())
    }

    /// One subprogram for each recursive record that is skipped somewhere.
    fn subprograms(&mut self) -> Result<(), SchemaError> {
        let writer = self.pair.writer;
        let mut starts: HashMap<NodeId, u32> = HashMap::new();
        while let Some((at, node)) = self.calls.pop() {
            let start = match starts.get(&node) {
                Some(start) => *start,
                None => {
                    let start = self.label();
                    starts.insert(node, start);
                    if let Kind::Record { fields, .. } = writer.kind(node) {
                        for f in fields {
                            self.skip(f.node)?;
                        }
                    }
                    self.push(Op::Return)?;
                    start
                }
            };
            self.out.ops[at] = Op::Call(start);
        }
        Ok(())
    }
}

fn narrowed(wants: &[Want], name: &str) -> Vec<Want> {
    wants
        .iter()
        .filter_map(|(rest, slot)| strip(rest, name).map(|r| (r.to_owned(), *slot)))
        .collect()
}
