//! Steps that pass over what nobody asked for. It is held to the same rules as what is read: texts
//! are UTF-8, booleans are 0 or 1, ints have 32 bits, and what the event type has must be readable
//! as the event type's. Else whether a record is an event would depend on what a catalog happens to
//! ask for.

use super::SchemaError;
use super::compile::Compiler;
use super::program::Op;
use super::resolve::{Scale, scale, sources};
use super::schema::{NodeId, Shape};
use std::collections::HashMap;

type Result<T> = std::result::Result<T, SchemaError>;

impl Compiler<'_> {
    /// Steps that pass over a value of the writer's type `w`, which is read as the reader's type
    /// `r` if there is one.
    pub(super) fn pass(&mut self, w: NodeId, r: Option<NodeId>) -> Result<()> {
        self.deeper(|c| c.pass_kind(w, r))
    }

    fn pass_kind(&mut self, w: NodeId, r: Option<NodeId>) -> Result<()> {
        let pair = self.pair;
        let (written, read) = (pair.writer.kind(w), r.map(|r| pair.reader.kind(r)));
        if let (Shape::Union(branches), _) = (written, read) {
            return self.pass_union(branches, r);
        }
        if let Some(Shape::Union(branches)) = read {
            return match self.branch_for(w, branches) {
                Some(branch) => self.pass(w, Some(branch)),
                None => self.push(Op::Fail).map(|_| ()),
            };
        }
        let op = match written {
            Shape::Null | Shape::Fixed { size: 0, .. } | Shape::Union(_) => return Ok(()),
            Shape::Bool => Op::SkipBools(1),
            Shape::Float => Op::Skip(4),
            Shape::Double => Op::Skip(8),
            Shape::Fixed { size, .. } => {
                Op::Skip(u32::try_from(*size).map_err(|_| SchemaError::TooLarge)?)
            }
            Shape::Int => Op::SkipInts(1),
            Shape::Long => match r.map(|r| scale(pair.writer.logical(w), pair.reader.logical(r))) {
                Some(Scale::FromMillis) => Op::SkipMillis,
                _ => Op::SkipVarints(1),
            },
            Shape::Enum { symbols, .. } => return self.pass_enum(symbols, read),
            Shape::Bytes if matches!(read, Some(Shape::String)) => Op::SkipTexts(1),
            Shape::Bytes => Op::SkipBytes,
            Shape::String => Op::SkipTexts(1),
            Shape::Array(items) => {
                let inner = if let Some(Shape::Array(n)) = read {
                    Some(*n)
                } else {
                    None
                };
                return self.pass_items(false, *items, inner);
            }
            Shape::Map(values) => {
                let inner = if let Some(Shape::Map(n)) = read {
                    Some(*n)
                } else {
                    None
                };
                if matches!(pair.writer.kind(*values), Shape::String) {
                    Op::SkipTextMap
                } else {
                    return self.pass_items(true, *values, inner);
                }
            }
            Shape::Record {
                recursive: true, ..
            } => {
                let at = self.push(Op::Call(0, self.levels))?;
                self.calls.push((at, w, r));
                return Ok(());
            }
            Shape::Record { .. } => return self.pass_fields(w, r),
        };
        self.push(op)?;
        Ok(())
    }

    fn pass_union(&mut self, branches: &[NodeId], r: Option<NodeId>) -> Result<()> {
        let pair = self.pair;
        let null = |n: NodeId| matches!(pair.writer.kind(n), Shape::Null);
        if let [a, b] = *branches
            && null(a) != null(b)
        {
            let (index, none, other) = if null(a) { (0, a, b) } else { (1, b, a) };
            if r.is_none_or(|r| self.readable(none, r) && self.readable(other, r)) {
                let at = self.push(Op::Maybe(index, 0))?;
                self.label();
                self.pass(other, r)?;
                let end = self.label();
                self.out.ops[at] = Op::Maybe(index, end);
                return Ok(());
            }
        }
        self.branches(branches, |c, b| match r {
            Some(r) if !c.readable(b, r) => c.push(Op::Fail).map(|_| ()),
            _ => c.pass(b, r),
        })
    }

    /// The index must exist, and its symbol must be one of the reader's: a union whose branches are
    /// all empty.
    fn pass_enum(&mut self, symbols: &[&'static str], read: Option<&Shape>) -> Result<()> {
        let known = |symbol: &&'static str| match read {
            Some(Shape::Enum {
                symbols, default, ..
            }) => default.is_some() || symbols.contains(symbol),
            _ => true,
        };
        let fail = self.out.ops.len() as u32 + 1;
        let next = fail + 1;
        let targets = symbols.iter().map(|s| if known(s) { next } else { fail });
        self.out.unions.push(targets.collect());
        self.push(Op::Union(self.out.unions.len() as u32 - 1))?;
        self.label();
        self.push(Op::Fail)?;
        self.label();
        Ok(())
    }

    fn pass_fields(&mut self, w: NodeId, r: Option<NodeId>) -> Result<()> {
        let pair = self.pair;
        let Shape::Record {
            fields: written, ..
        } = pair.writer.kind(w)
        else {
            return Ok(());
        };
        let mut as_what: Vec<Option<NodeId>> = vec![None; written.len()];
        if let Some(Shape::Record { fields, .. }) = r.map(|r| pair.reader.kind(r)) {
            for (f, source) in fields.iter().zip(sources(written, fields)) {
                let Some(i) = source else { continue };
                if as_what[i].replace(f.node).is_some() {
                    return Err(SchemaError::Incompatible {
                        at: written[i].name.clone(),
                        why: "two fields of the event type are read from it".to_owned(),
                    });
                }
            }
        }
        for (x, r) in written.iter().zip(as_what) {
            self.pass(x.node, r)?;
        }
        Ok(())
    }

    fn pass_items(&mut self, keys: bool, items: NodeId, r: Option<NodeId>) -> Result<()> {
        let levels = self.levels;
        let at = self.push(Op::Items(0, levels))?;
        self.label();
        if keys {
            self.push(Op::SkipTexts(1))?;
        }
        self.pass(items, r)?;
        self.push(Op::Return)?;
        let end = self.label();
        self.out.ops[at] = Op::Items(end, levels);
        Ok(())
    }

    /// One subprogram for each record that can contain itself and is passed over somewhere.
    pub(super) fn subprograms(&mut self) -> Result<()> {
        let mut starts: HashMap<(NodeId, Option<NodeId>), u32> = HashMap::new();
        while let Some((at, w, r)) = self.calls.pop() {
            let start = match starts.get(&(w, r)) {
                Some(start) => *start,
                None => {
                    let start = self.label();
                    starts.insert((w, r), start);
                    self.pass_fields(w, r)?;
                    self.push(Op::Return)?;
                    start
                }
            };
            if let Op::Call(to, _) = &mut self.out.ops[at] {
                *to = start;
            }
        }
        Ok(())
    }
}
