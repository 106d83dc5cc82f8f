//! Steps that read what is asked for.

use super::compile::{Compiler, Want, program, strip};
use super::decode::Reading;
use super::program::{Key, Lookup, Op, TextMap};
use super::resolve::{Known, Pair, Scale, scale, sources};
use super::schema::{Field, NodeId, Shape, intern};
use super::texts::Texts;
use super::{Cursor, SchemaError, json};

impl Compiler<'_> {
    /// Steps that read a value of the writer's type `w` as the reader's type `r`.
    pub(super) fn read(&mut self, w: NodeId, r: NodeId, wants: &[Want]) -> Result<(), SchemaError> {
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
            (Shape::Union(branches), _) => {
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
            (_, Shape::Union(branches)) => match self.branch_for(w, branches) {
                Some(b) => self.read(w, b, wants),
                None => self.push(Op::Fail).map(|_| ()),
            },
            (
                Shape::Record {
                    fields: written, ..
                },
                Shape::Record { fields, .. },
            ) => self.fields(written, fields, wants),
            (Shape::Map(wv), Shape::Map(rv)) => self.map(*wv, *rv, wants),
            (Shape::Null, Shape::Null) => self.nulls(wants),
            (Shape::Array(_), Shape::Array(_)) => {
                self.pass(w, Some(r))?;
                self.nulls(wants)
            }
            _ => self.scalar(w, r, wants),
        }
    }

    fn fields(
        &mut self,
        written: &[Field],
        fields: &[Field],
        wants: &[Want],
    ) -> Result<(), SchemaError> {
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

    fn scalar(&mut self, w: NodeId, r: NodeId, wants: &[Want]) -> Result<(), SchemaError> {
        let Some((_, slot)) = wants.iter().find(|(rest, _)| rest.is_empty()) else {
            self.pass(w, Some(r))?;
            return self.nulls(wants);
        };
        let slot = *slot;
        let pair = self.pair;
        let op = match (pair.writer.kind(w), pair.reader.kind(r)) {
            (Shape::Bool, Shape::Bool) => Op::Bool(slot),
            (Shape::Int, Shape::Int) => Op::Int(slot),
            (Shape::Int, Shape::Long) | (Shape::Long, Shape::Long) => {
                match scale(pair.writer.logical(w), pair.reader.logical(r)) {
                    Scale::None if matches!(pair.writer.kind(w), Shape::Int) => Op::Int(slot),
                    Scale::None => Op::Long(slot),
                    scale => Op::Scaled(slot, scale),
                }
            }
            (Shape::Int | Shape::Long, Shape::Float) => Op::LongAsFloat(slot),
            (Shape::Int | Shape::Long, Shape::Double) => Op::LongAsDouble(slot),
            (Shape::Float, Shape::Float | Shape::Double) => Op::Float(slot),
            (Shape::Double, Shape::Double) => Op::Double(slot),
            (Shape::Bytes | Shape::String, Shape::Bytes | Shape::String) => Op::Text(slot),
            (Shape::Fixed { size, .. }, Shape::Fixed { .. }) => Op::FixedText(
                slot,
                u32::try_from(*size).map_err(|_| SchemaError::TooLarge)?,
            ),
            (
                Shape::Enum { symbols, .. },
                Shape::Enum {
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
        if matches!(pair.writer.kind(w), Shape::Int) && op != Op::Int(slot) && op != Op::Fail {
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
        let ([a, b], [(rest, slot)], Shape::Union(read)) = (branches, wants, pair.reader.kind(r))
        else {
            return None;
        };
        let is_null = |n: &NodeId| matches!(pair.writer.kind(*n), Shape::Null);
        let (null, w) = if is_null(a) { (0, *b) } else { (1, *a) };
        if !rest.is_empty()
            || !(is_null(a) ^ is_null(b))
            || !read
                .iter()
                .any(|n| matches!(pair.reader.kind(*n), Shape::Null))
        {
            return None;
        }
        let r = self.branch_for(w, read)?;
        match (pair.writer.kind(w), pair.reader.kind(r)) {
            (Shape::Bytes | Shape::String, Shape::Bytes | Shape::String) => {
                Some(Op::MaybeText(*slot, null))
            }
            (Shape::Double, Shape::Double) => Some(Op::MaybeDouble(*slot, null)),
            (Shape::Long, Shape::Long)
                if scale(pair.writer.logical(w), pair.reader.logical(r)) == Scale::None =>
            {
                Some(Op::MaybeLong(*slot, null))
            }
            _ => None,
        }
    }

    fn map(&mut self, wv: NodeId, rv: NodeId, wants: &[Want]) -> Result<(), SchemaError> {
        let pair = self.pair;
        let whole = wants
            .iter()
            .find(|(rest, _)| rest.is_empty())
            .map(|(_, slot)| *slot);
        let keyed = |(rest, slot): &Want| Key::new(rest, *slot);
        let plain = matches!(pair.writer.kind(wv), Shape::String | Shape::Bytes)
            && matches!(pair.reader.kind(rv), Shape::String | Shape::Bytes);
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
