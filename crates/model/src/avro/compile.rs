//! From two schemas and a list of paths to a flat program over the writer's bytes.

use super::program::{Op, Projection};
use super::resolve::{Known, Pair};
use super::schema::{Logical, NodeId, Schema, Shape};
use super::texts::Texts;
use super::{SchemaError, Value};
use std::collections::HashMap;

/// The rest of a path, and where its value goes.
pub(super) type Want = (String, u32);

/// Beyond what the bounds of a schema allow: it is the keys of maps that a catalog asks for that
/// multiply.
const MAX_OPS: usize = 1_000_000;
const MAX_DEPTH: usize = 192;

impl Projection {
    /// Compiles a decoder that fills row slot `i` with the value at `paths[i]`.
    ///
    /// A path names fields of the reader's schema from the outside in, joined by dots; what follows
    /// the name of a map is one key, dots included. A null on the way makes the value null.
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

pub(super) fn program(
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
        Shape::Null | Shape::Array(_) => false,
        Shape::Union(branches) => branches.iter().any(|b| has_value(s, *b, rest, depth + 1)),
        Shape::Map(values) => {
            if rest.is_empty() {
                matches!(s.kind(*values), Shape::String)
            } else {
                has_value(s, *values, "", depth + 1)
            }
        }
        Shape::Record { fields, .. } => fields.iter().any(|f| {
            strip(rest, &f.name).is_some_and(|rest| has_value(s, f.node, rest, depth + 1))
        }),
        _ => rest.is_empty() && s.logical(node) != Logical::Decimal,
    }
}

/// `email` for `engineer.email` and `engineer`; the empty text for the name itself.
pub(super) fn strip<'p>(path: &'p str, name: &str) -> Option<&'p str> {
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
    pub conditional: bool,
    depth: usize,
    /// Records that can contain themselves around the steps that are being made, which a decoder
    /// does not see.
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
            Shape::Record {
                recursive: true,
                ..
            }
        )
    }

    pub(super) fn nulls(&mut self, wants: &[Want]) -> Result<(), SchemaError> {
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

    pub(super) fn conditionally<T>(
        &mut self,
        f: impl FnOnce(&mut Self) -> Result<T, SchemaError>,
    ) -> Result<T, SchemaError> {
        let before = std::mem::replace(&mut self.conditional, true);
        let result = f(self);
        self.conditional = before;
        result
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
}
