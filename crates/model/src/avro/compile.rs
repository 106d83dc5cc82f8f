//! From two schemas and a list of paths to a flat program over the writer's bytes.

use super::decode::Reading;
use super::program::{Key, Lookup, Op, Projection, TextMap};
use super::resolve::{Known, Pair, Scale, scale, sources};
use super::schema::{Kind, Logical, NodeId, Schema, intern};
use super::texts::Texts;
use super::{Cursor, SchemaError, Value, json};
use std::collections::HashMap;

/// The rest of a path, and where its value goes.
type Want = (String, u32);

/// Beyond what the bounds of a schema allow: it is the keys of maps that a catalog asks for that multiply.
const MAX_OPS: usize = 1_000_000;
const MAX_DEPTH: usize = 192;

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
        let mut known = Known::default();
        pair.check(writer.root, reader.root, "", &mut known)?;

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
        let mut projection = program(
            &pair,
            known,
            &wants,
            (writer.root, reader.root),
            paths.len(),
        )?;
        projection.before = projection.not_always_set();
        projection.copies = copies;
        projection.texts = projection.own_texts();
        Ok(projection)
    }
}

fn program(
    pair: &Pair,
    known: Known,
    wants: &[Want],
    (w, r): (NodeId, NodeId),
    width: usize,
) -> Result<Projection, SchemaError> {
    let mut c = Compiler {
        pair,
        known,
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
        levels: 0,
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

pub(super) struct Compiler<'s> {
    pub pair: &'s Pair<'s>,
    known: Known,
    pub out: Projection,
    /// Steps before this one may be jumped behind: nothing is merged into them.
    barrier: usize,
    /// Inside a branch or a map: values cannot be set beforehand.
    conditional: bool,
    depth: usize,
    /// Records that can contain themselves around the steps that are being made, which a decoder does not see.
    pub levels: u32,
    /// (step, record, as what it is read) of calls to be filled in.
    pub calls: Vec<(usize, NodeId, Option<NodeId>)>,
}

impl Compiler<'_> {
    pub(super) fn push(&mut self, op: Op) -> Result<usize, SchemaError> {
        if self.out.ops.len() >= MAX_OPS {
            return Err(SchemaError::TooLarge);
        }
        if self.out.ops.len() > self.barrier {
            let last = self.out.ops.len() - 1;
            let merged = match (self.out.ops[last], op) {
                (Op::Skip(a), Op::Skip(b)) => a.checked_add(b).map(Op::Skip),
                (Op::SkipBools(a), Op::SkipBools(b)) => a.checked_add(b).map(Op::SkipBools),
                (Op::SkipInts(a), Op::SkipInts(b)) => a.checked_add(b).map(Op::SkipInts),
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
    pub(super) fn label(&mut self) -> u32 {
        self.barrier = self.out.ops.len();
        self.out.ops.len() as u32
    }

    /// Whether a type can be read as another.
    pub(super) fn readable(&mut self, w: NodeId, r: NodeId) -> bool {
        self.pair.check(w, r, "", &mut self.known).is_ok()
    }

    pub(super) fn branch_for(&mut self, w: NodeId, branches: &[NodeId]) -> Option<NodeId> {
        self.pair.branch_for(w, branches, &mut self.known)
    }

    /// Whether a type of the writer is a record that can contain itself.
    pub(super) fn recursive(&self, w: NodeId) -> bool {
        let kind = self.pair.writer.kind(w);
        matches!(
            kind,
            Kind::Record {
                recursive: true,
                ..
            }
        )
    }

    fn nulls(&mut self, wants: &[Want]) -> Result<(), SchemaError> {
        for (_, slot) in wants {
            self.push(Op::Null(*slot))?;
        }
        Ok(())
    }

    pub(super) fn deeper<T>(
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
            return self.pass(w, Some(r));
        }
        let inside = self.recursive(w);
        self.levels += u32::from(inside);
        let result = self.deeper(|c| c.read_kind(w, r, wants));
        self.levels -= u32::from(inside);
        result
    }

    fn read_kind(&mut self, w: NodeId, r: NodeId, wants: &[Want]) -> Result<(), SchemaError> {
        let pair = self.pair;
        match (pair.writer.kind(w), pair.reader.kind(r)) {
            (Kind::Union(branches), _) => {
                if let Some(op) = self.maybe(branches, r, wants) {
                    self.push(op)?;
                    return Ok(());
                }
                self.branches(branches, |c, b| {
                    if !c.readable(b, r) {
                        return c.push(Op::Fail).map(|_| ());
                    }
                    c.conditionally(|c| c.read(b, r, wants))
                })
            }
            (_, Kind::Union(branches)) => match self.branch_for(w, branches) {
                Some(b) => self.read(w, b, wants),
                None => self.push(Op::Fail).map(|_| ()),
            },
            (
                Kind::Record {
                    fields: written, ..
                },
                Kind::Record { fields, .. },
            ) => {
                let sources = sources(written, fields);
                for (i, x) in written.iter().enumerate() {
                    let mut from_it = fields
                        .iter()
                        .zip(&sources)
                        .filter(|(_, s)| **s == Some(i))
                        .map(|(f, _)| f);
                    let Some(first) = from_it.next() else {
                        self.pass(x.node, None)?;
                        continue;
                    };
                    if from_it.next().is_some() {
                        return Err(SchemaError::Incompatible {
                            at: x.name.clone(),
                            why: "two fields of the event type are read from it".to_owned(),
                        });
                    }
                    self.read(x.node, first.node, &narrowed(wants, &first.name))?;
                }
                for (f, source) in fields.iter().zip(&sources) {
                    let inner = narrowed(wants, &f.name);
                    if let (None, false, Some(default)) = (source, inner.is_empty(), &f.default) {
                        self.defaults(f.node, default, &inner)?;
                    }
                }
                Ok(())
            }
            (Kind::Map(wv), Kind::Map(rv)) => self.map(*wv, *rv, wants),
            (Kind::Null, Kind::Null) => self.nulls(wants),
            (Kind::Array(_), Kind::Array(_)) => {
                self.pass(w, Some(r))?;
                self.nulls(wants)
            }
            _ => self.scalar(w, r, wants),
        }
    }

    fn scalar(&mut self, w: NodeId, r: NodeId, wants: &[Want]) -> Result<(), SchemaError> {
        let Some((_, slot)) = wants.iter().find(|(rest, _)| rest.is_empty()) else {
            self.pass(w, Some(r))?;
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
        if matches!(pair.writer.kind(w), Kind::Int) && op != Op::Int(slot) && op != Op::Fail {
            self.push(Op::PeekInt)?;
        }
        self.push(op)?;
        for want in wants.iter().filter(|(rest, _)| !rest.is_empty()) {
            self.push(Op::Null(want.1))?;
        }
        Ok(())
    }

    /// The single step for a union of null and a plain type, where the reader takes both.
    fn maybe(&mut self, branches: &[NodeId], r: NodeId, wants: &[Want]) -> Option<Op> {
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
        let r = self.branch_for(w, read)?;
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
    pub(super) fn branches(
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
            levels: self.levels,
        });
        let at = self.push(Op::Lookup(table as u32, 0))?;
        let mut keys = Vec::new();
        for (rest, slot) in wants {
            keys.push((rest.as_bytes().into(), self.label()));
            self.conditionally(|c| c.read(wv, rv, &[(String::new(), *slot)]))?;
            self.push(Op::Return)?;
        }
        let other = self.label();
        self.pass(wv, Some(rv))?;
        self.push(Op::Return)?;
        let end = self.label();
        let levels = self.levels;
        self.out.lookups[table] = Lookup {
            keys,
            other,
            levels,
        };
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
        let p = self.deeper(|_| program(&same, Known::default(), wants, (node, node), width))?;
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
}

fn narrowed(wants: &[Want], name: &str) -> Vec<Want> {
    wants
        .iter()
        .filter_map(|(rest, slot)| strip(rest, name).map(|r| (r.to_owned(), *slot)))
        .collect()
}
