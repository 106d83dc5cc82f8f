//! Avro's rules of resolution: which writer's types can be read as which reader's.

use super::SchemaError;
use super::schema::{Field, Logical, NodeId, Schema, Shape};
use std::collections::HashMap;

/// Pairs of types that were looked at, and whether the one can be read as the other. Each pair is
/// looked at once: a union of records of unions would otherwise be gone through as often as there
/// are ways into it.
#[derive(Debug, Default)]
pub(crate) struct Known {
    pairs: HashMap<(NodeId, NodeId), bool>,
    depth: usize,
}

/// Two types that contain themselves can be laid beside each other for long.
const MAX_DEPTH: usize = 512;

/// A pair of schemas.
pub(crate) struct Pair<'s> {
    pub writer: &'s Schema,
    pub reader: &'s Schema,
}

impl Pair<'_> {
    /// Whether `w` can be read as `r`; for a union of the writer, whether at least one branch can.
    pub(crate) fn check(
        &self,
        w: NodeId,
        r: NodeId,
        at: &str,
        known: &mut Known,
    ) -> Result<(), SchemaError> {
        match known.pairs.get(&(w, r)) {
            Some(true) => return Ok(()),
            Some(false) => return self.differ(w, r, at),
            None => {}
        }
        // A pair that is being looked at already decides nothing against itself.
        known.pairs.insert((w, r), true);
        known.depth += 1;
        let result = if known.depth > MAX_DEPTH {
            Err(SchemaError::TooLarge)
        } else {
            self.check_new(w, r, at, known)
        };
        known.depth -= 1;
        known.pairs.insert((w, r), result.is_ok());
        result
    }

    /// The one cannot be read as the other.
    fn differ(&self, w: NodeId, r: NodeId, at: &str) -> Result<(), SchemaError> {
        no(
            at,
            format!(
                "{} is written, {} is expected",
                label(self.writer.kind(w)),
                label(self.reader.kind(r))
            ),
        )
    }

    fn check_new(
        &self,
        w: NodeId,
        r: NodeId,
        at: &str,
        known: &mut Known,
    ) -> Result<(), SchemaError> {
        match (self.writer.kind(w), self.reader.kind(r)) {
            (Shape::Union(branches), _) => {
                let mut last = None;
                for b in branches {
                    match self.check(*b, r, at, known) {
                        Ok(()) => return Ok(()),
                        Err(e) => last = Some(e),
                    }
                }
                last.map_or(Ok(()), Err)
            }
            (_, Shape::Union(branches)) => match self.branch_for(w, branches, known) {
                Some(_) => Ok(()),
                None => no(
                    at,
                    "no branch of the event type's union takes what is written".into(),
                ),
            },
            (Shape::Array(a), Shape::Array(b)) | (Shape::Map(a), Shape::Map(b)) => {
                self.check(*a, *b, at, known)
            }
            (
                Shape::Record {
                    name: wn,
                    fields: wf,
                    ..
                },
                Shape::Record {
                    name: rn,
                    fields: rf,
                    ..
                },
            ) => {
                if !rn.accepts(wn) {
                    return no(
                        at,
                        format!("record {} is written, {} is expected", wn.full, rn.full),
                    );
                }
                let mut taken = vec![false; wf.len()];
                for (f, source) in rf.iter().zip(sources(wf, rf)) {
                    let path = if at.is_empty() {
                        f.name.clone()
                    } else {
                        format!("{at}.{}", f.name)
                    };
                    match source {
                        Some(x) if std::mem::replace(&mut taken[x], true) => {
                            return Err(SchemaError::Incompatible {
                                at: path,
                                why: "two fields of the event type are read from it".into(),
                            });
                        }
                        Some(x) => self.check(wf[x].node, f.node, &path, known)?,
                        None if f.default.is_some() => {}
                        None => {
                            return Err(SchemaError::Incompatible {
                                at: path,
                                why: "it is not written and has no default".into(),
                            });
                        }
                    }
                }
                Ok(())
            }
            (wk, rk) if scalar_matches(wk, rk) => Ok(()),
            _ => self.differ(w, r, at),
        }
    }

    /// The branch of a reader's union for a writer's type: the same type before one it is promoted
    /// to.
    pub(crate) fn branch_for(
        &self,
        w: NodeId,
        branches: &[NodeId],
        known: &mut Known,
    ) -> Option<NodeId> {
        let kind = |b: NodeId| std::mem::discriminant(self.reader.kind(b));
        let same = std::mem::discriminant(self.writer.kind(w));
        let (first, second): (Vec<NodeId>, Vec<NodeId>) =
            branches.iter().partition(|b| kind(**b) == same);
        first
            .into_iter()
            .chain(second)
            .find(|b| self.check(w, *b, "", known).is_ok())
    }
}

fn no(at: &str, why: String) -> Result<(), SchemaError> {
    let at = if at.is_empty() { "the record" } else { at };
    Err(SchemaError::Incompatible {
        at: at.to_owned(),
        why,
    })
}

/// For each of the reader's fields the writer's field that it is read from: the one of its name,
/// else one of its aliases.
pub(crate) fn sources(written: &[Field], fields: &[Field]) -> Vec<Option<usize>> {
    let by_name: HashMap<&str, usize> = written
        .iter()
        .enumerate()
        .map(|(i, x)| (x.name.as_str(), i))
        .collect();
    let source = |f: &Field| {
        let aliases = f.aliases.iter().filter_map(|a| by_name.get(a.as_str()));
        let named = by_name.get(f.name.as_str());
        named.copied().or_else(|| aliases.min().copied())
    };
    fields.iter().map(source).collect()
}

fn scalar_matches(w: &Shape, r: &Shape) -> bool {
    use Shape::*;
    match (w, r) {
        (Null, Null) | (Bool, Bool) => true,
        (Int, Int | Long | Float | Double) => true,
        (Long, Long | Float | Double) => true,
        (Float, Float | Double) => true,
        (Double, Double) => true,
        (Bytes | String, Bytes | String) => true,
        (Fixed { name: a, size: x }, Fixed { name: b, size: y }) => x == y && b.accepts(a),
        (Enum { name: a, .. }, Enum { name: b, .. }) => b.accepts(a),
        _ => false,
    }
}

pub(crate) fn label(kind: &Shape) -> &str {
    match kind {
        Shape::Null => "null",
        Shape::Bool => "boolean",
        Shape::Int => "int",
        Shape::Long => "long",
        Shape::Float => "float",
        Shape::Double => "double",
        Shape::Bytes => "bytes",
        Shape::String => "string",
        Shape::Fixed { .. } => "fixed",
        Shape::Enum { .. } => "enum",
        Shape::Array(_) => "array",
        Shape::Map(_) => "map",
        Shape::Union(_) => "union",
        Shape::Record { .. } => "record",
    }
}

/// What turns a written timestamp into microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scale {
    None,
    FromMillis,
    FromNanos,
}

/// The unit in which a long was written counts where it is said, else the reader's.
pub(crate) fn scale(writer: Logical, reader: Logical) -> Scale {
    let timed = matches!(reader, Logical::Millis | Logical::Micros | Logical::Nanos);
    let unit = match writer {
        _ if !timed => return Scale::None,
        Logical::None | Logical::Decimal => reader,
        w => w,
    };
    match unit {
        Logical::Millis => Scale::FromMillis,
        Logical::Nanos => Scale::FromNanos,
        _ => Scale::None,
    }
}
