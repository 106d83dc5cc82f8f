//! Avro's rules of resolution: which writer's types can be read as which reader's.

use super::SchemaError;
use super::schema::{Field, Kind, Logical, NodeId, Schema};
use std::collections::HashSet;

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
        open: &mut HashSet<(NodeId, NodeId)>,
    ) -> Result<(), SchemaError> {
        // A pair that is being looked at already decides nothing against itself.
        if !open.insert((w, r)) {
            return Ok(());
        }
        let result = self.check_new(w, r, at, open);
        if result.is_err() {
            open.remove(&(w, r));
        }
        result
    }

    fn check_new(
        &self,
        w: NodeId,
        r: NodeId,
        at: &str,
        open: &mut HashSet<(NodeId, NodeId)>,
    ) -> Result<(), SchemaError> {
        let no = |why: String| {
            Err(SchemaError::Incompatible {
                at: if at.is_empty() {
                    "the record".into()
                } else {
                    at.to_owned()
                },
                why,
            })
        };
        match (self.writer.kind(w), self.reader.kind(r)) {
            (Kind::Union(branches), _) => {
                let mut last = None;
                for b in branches {
                    match self.check(*b, r, at, open) {
                        Ok(()) => return Ok(()),
                        Err(e) => last = Some(e),
                    }
                }
                last.map_or(Ok(()), Err)
            }
            (_, Kind::Union(branches)) => match self.branch_open(w, branches, open) {
                Some(_) => Ok(()),
                None => no("no branch of the event type's union takes what is written".into()),
            },
            (Kind::Array(a), Kind::Array(b)) | (Kind::Map(a), Kind::Map(b)) => {
                self.check(*a, *b, at, open)
            }
            (
                Kind::Record {
                    name: wn,
                    fields: wf,
                    ..
                },
                Kind::Record {
                    name: rn,
                    fields: rf,
                    ..
                },
            ) => {
                if !rn.accepts(wn) {
                    return no(format!(
                        "record {} is written, {} is expected",
                        wn.full, rn.full
                    ));
                }
                for f in rf {
                    let path = if at.is_empty() {
                        f.name.clone()
                    } else {
                        format!("{at}.{}", f.name)
                    };
                    match writer_field(wf, f) {
                        Some(x) => self.check(x.node, f.node, &path, open)?,
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
            (wk, rk) => {
                if scalar_matches(wk, rk) {
                    Ok(())
                } else {
                    no(format!(
                        "{} is written, {} is expected",
                        label(wk),
                        label(rk)
                    ))
                }
            }
        }
    }

    /// The branch of a reader's union for a writer's type: the same type before one it is promoted to.
    pub(crate) fn branch_for(&self, w: NodeId, branches: &[NodeId]) -> Option<NodeId> {
        self.branch_open(w, branches, &mut HashSet::new())
    }

    fn branch_open(
        &self,
        w: NodeId,
        branches: &[NodeId],
        open: &mut HashSet<(NodeId, NodeId)>,
    ) -> Option<NodeId> {
        let kind = |b: NodeId| std::mem::discriminant(self.reader.kind(b));
        let same = std::mem::discriminant(self.writer.kind(w));
        let (first, second): (Vec<NodeId>, Vec<NodeId>) =
            branches.iter().partition(|b| kind(**b) == same);
        first
            .into_iter()
            .chain(second)
            .find(|b| self.check(w, *b, "", open).is_ok())
    }
}

/// The writer's field that a reader's field is read from.
pub(crate) fn writer_field<'f>(written: &'f [Field], f: &Field) -> Option<&'f Field> {
    written
        .iter()
        .find(|x| x.name == f.name)
        .or_else(|| written.iter().find(|x| f.aliases.contains(&x.name)))
}

fn scalar_matches(w: &Kind, r: &Kind) -> bool {
    use Kind::*;
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

pub(crate) fn label(kind: &Kind) -> &str {
    match kind {
        Kind::Null => "null",
        Kind::Bool => "boolean",
        Kind::Int => "int",
        Kind::Long => "long",
        Kind::Float => "float",
        Kind::Double => "double",
        Kind::Bytes => "bytes",
        Kind::String => "string",
        Kind::Fixed { .. } => "fixed",
        Kind::Enum { .. } => "enum",
        Kind::Array(_) => "array",
        Kind::Map(_) => "map",
        Kind::Union(_) => "union",
        Kind::Record { .. } => "record",
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
