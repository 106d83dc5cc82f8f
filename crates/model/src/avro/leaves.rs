//! The columns that an event type unfolds into.

use super::SchemaError;
use super::schema::{Logical, NodeId, Schema, Shape};

/// A path to one value of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaf {
    /// Dotted path, fit for [`super::Projection::compile`].
    pub path: String,
    /// What the value is.
    pub kind: LeafKind,
    /// Whether it can be null: itself, or a record on the way.
    pub nullable: bool,
}

/// Shape of a leaf.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeafKind {
    /// true, false
    Bool,
    /// int, long
    Int,
    /// float, double
    Float,
    /// string, enum
    Text,
    /// A timestamp: an int in microseconds, whatever unit the schema has.
    TimestampMicros,
    /// A map of strings.
    Map,
}

/// Every path of a schema that leads to a single value or a map of strings, in order of
/// declaration. Arrays, bytes, fixed, other maps, unions of several kinds and a recursive type
/// within itself have no column and are left out.
///
/// # Errors
/// Where the text is no schema, or types that contain each other unfold into too much.
pub fn leaf_paths(schema_json: &str) -> Result<Vec<Leaf>, SchemaError> {
    let schema = Schema::parse(schema_json)?;
    let (mut leaves, mut left) = (Vec::new(), MAX_TYPES);
    walk(
        &schema,
        (schema.root, "", false),
        &mut Vec::new(),
        &mut left,
        &mut leaves,
    )?;
    Ok(leaves)
}

/// Most types that are looked at.
const MAX_TYPES: usize = 20_000;

fn walk(
    s: &Schema,
    (node, path, nullable): (NodeId, &str, bool),
    open: &mut Vec<NodeId>,
    left: &mut usize,
    out: &mut Vec<Leaf>,
) -> Result<(), SchemaError> {
    *left = left.checked_sub(1).ok_or(SchemaError::TooLarge)?;
    match s.kind(node) {
        Shape::Union(branches) => {
            let others: Vec<NodeId> = branches
                .iter()
                .copied()
                .filter(|b| !matches!(s.kind(*b), Shape::Null))
                .collect();
            let nullable = nullable || others.len() < branches.len();
            match others[..] {
                [one] => walk(s, (one, path, nullable), open, left, out)?,
                [] => {}
                [first, ..] => {
                    let kind = scalar(s, first);
                    if kind.is_some() && others.iter().all(|o| scalar(s, *o) == kind) {
                        push(path, kind, nullable, out);
                    }
                }
            }
        }
        Shape::Record { fields, .. } => {
            if open.contains(&node) {
                return Ok(());
            }
            open.push(node);
            for f in fields {
                let inner = if path.is_empty() {
                    f.name.clone()
                } else {
                    format!("{path}.{}", f.name)
                };
                walk(s, (f.node, &inner, nullable), open, left, out)?;
            }
            open.pop();
        }
        _ => push(path, scalar(s, node), nullable, out),
    }
    Ok(())
}

fn push(path: &str, kind: Option<LeafKind>, nullable: bool, out: &mut Vec<Leaf>) {
    if let (Some(kind), false) = (kind, path.is_empty()) {
        out.push(Leaf {
            path: path.to_owned(),
            kind,
            nullable,
        });
    }
}

fn scalar(s: &Schema, node: NodeId) -> Option<LeafKind> {
    match s.kind(node) {
        Shape::Bool => Some(LeafKind::Bool),
        Shape::Long if !matches!(s.logical(node), Logical::None) => Some(LeafKind::TimestampMicros),
        Shape::Int | Shape::Long => Some(LeafKind::Int),
        Shape::Float | Shape::Double => Some(LeafKind::Float),
        Shape::String | Shape::Enum { .. } => Some(LeafKind::Text),
        Shape::Map(values) if matches!(s.kind(*values), Shape::String) => Some(LeafKind::Map),
        _ => None,
    }
}
