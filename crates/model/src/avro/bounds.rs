//! How large a schema may be. What it takes to compile or walk a schema goes with its unfolded
//! size, and a few lines of JSON can unfold without end: a record of two fields of the next
//! record's type, forty times.
//!
//! The unfolded size counts each type at each place where it is used, and each symbol of an enum. A
//! record that can contain itself counts as one type at each place, and once more with all that is
//! in it. `docs/semantics.md` names the same bounds.

use super::SchemaError;
use super::schema::{NodeId, Schema, Shape};

/// Longest JSON, in bytes.
pub(super) const TEXT: usize = 1 << 20;
/// Largest fixed, in bytes.
pub(super) const FIXED: usize = 1 << 20;
/// Largest unfolded size.
pub(super) const SIZE: u64 = 10_000;
/// Most types around a type, itself included.
pub(super) const DEPTH: usize = 64;
/// Most records that can contain themselves.
const RECURSIVE: usize = 16;

/// Marks the records that can contain themselves: those on a cycle of the graph of types.
pub(super) fn mark_recursive(schema: &mut Schema) {
    let cyclic = on_cycles(schema);
    for (node, is) in schema.nodes.iter_mut().zip(cyclic) {
        if let Shape::Record { recursive, .. } = &mut node.kind {
            *recursive = is;
        }
    }
}

/// A type whose parts are being looked at, and the next of them.
struct Open {
    node: NodeId,
    next: usize,
}

/// By type: whether it is part of itself. Tarjan's strongly connected components, without
/// recursion: types may be nested as deeply as there are names.
fn on_cycles(schema: &Schema) -> Vec<bool> {
    const NEW: usize = usize::MAX;
    let n = schema.nodes.len();
    let (mut order, mut low) = (vec![NEW; n], vec![NEW; n]);
    let (mut on_stack, mut cyclic) = (vec![false; n], vec![false; n]);
    let (mut stack, mut met) = (Vec::new(), 0);
    for root in 0..n {
        if order[root] != NEW {
            continue;
        }
        let mut open = vec![Open {
            node: root,
            next: 0,
        }];
        while let Some(Open { node, next }) = open.last_mut() {
            let node = *node;
            if *next == 0 {
                (order[node], low[node], on_stack[node]) = (met, met, true);
                met += 1;
                stack.push(node);
            }
            if let Some(child) = schema.child(node, *next) {
                *next += 1;
                if child == node {
                    cyclic[node] = true;
                }
                if order[child] == NEW {
                    open.push(Open {
                        node: child,
                        next: 0,
                    });
                } else if on_stack[child] {
                    low[node] = low[node].min(order[child]);
                }
                continue;
            }
            open.pop();
            if let Some(parent) = open.last() {
                low[parent.node] = low[parent.node].min(low[node]);
            }
            if low[node] == order[node] {
                let mut of_it = Vec::new();
                while let Some(member) = stack.pop() {
                    on_stack[member] = false;
                    of_it.push(member);
                    if member == node {
                        break;
                    }
                }
                if of_it.len() > 1 {
                    of_it.iter().for_each(|member| cyclic[*member] = true);
                }
            }
        }
    }
    cyclic
}

/// Refuses a schema that is unfolded too large or too deep.
pub(super) fn check(schema: &Schema) -> Result<(), SchemaError> {
    let mut unfolded = Unfolded {
        schema,
        known: vec![None; schema.nodes.len()],
    };
    let mut size = unfolded.place(schema.root, 1)?.size;
    let mut recursions = 0;
    for (id, node) in schema.nodes.iter().enumerate() {
        if matches!(
            node.kind,
            Shape::Record {
                recursive: true,
                ..
            }
        ) {
            size = size.saturating_add(unfolded.parts(id, 1)?.size);
            recursions += 1;
        }
    }
    if size > SIZE || recursions > RECURSIVE {
        return Err(SchemaError::TooLarge);
    }
    Ok(())
}

#[derive(Clone, Copy)]
struct Extent {
    size: u64,
    height: usize,
}

struct Unfolded<'s> {
    schema: &'s Schema,
    known: Vec<Option<Extent>>,
}

impl Unfolded<'_> {
    /// A type at a place, with `depth` types around it and itself.
    fn place(&mut self, id: NodeId, depth: usize) -> Result<Extent, SchemaError> {
        if let Shape::Record {
            recursive: true, ..
        } = self.schema.kind(id)
        {
            return Ok(Extent { size: 1, height: 1 });
        }
        let extent = match self.known[id] {
            Some(extent) => extent,
            None => self.parts(id, depth)?,
        };
        if depth + extent.height > DEPTH + 1 {
            return Err(SchemaError::TooLarge);
        }
        self.known[id] = Some(extent);
        Ok(extent)
    }

    /// A type and all that is in it.
    fn parts(&mut self, id: NodeId, depth: usize) -> Result<Extent, SchemaError> {
        if depth > DEPTH {
            return Err(SchemaError::TooLarge);
        }
        let (mut size, mut below) = (1u64, 0);
        if let Shape::Enum { symbols, .. } = self.schema.kind(id) {
            size += symbols.len() as u64;
        }
        let mut next = 0;
        while let Some(child) = self.schema.child(id, next) {
            next += 1;
            let part = self.place(child, depth + 1)?;
            size = size.saturating_add(part.size);
            below = below.max(part.height);
        }
        Ok(Extent {
            size,
            height: below + 1,
        })
    }
}
