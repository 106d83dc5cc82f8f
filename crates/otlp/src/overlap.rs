//! Calls that two instrumentations of one process tell of, as two spans.

use crate::proto::trace::v1::Span;
use std::collections::{HashMap, HashSet};

/// A call that a span tells of.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    /// Index of its event.
    pub event: usize,
    pub span: &'a Span,
    pub scope: &'a str,
    /// Scopes that are preferred; one that ends in `*` is a beginning.
    pub yields_to: &'a [String],
    /// Service that it is of: calls of two services are never one.
    pub service: String,
    /// The provider's id, if it is told.
    pub request_id: Option<String>,
    pub failed: bool,
}

/// Spans of a body, as far as they tell what stands within what.
#[derive(Debug, Default)]
pub(crate) struct Tree<'a> {
    parents: HashMap<&'a [u8], &'a [u8]>,
    /// Spans of agents, tools and the like: what is within them is no repetition.
    walls: HashSet<&'a [u8]>,
}

/// No chain of spans is followed farther.
const DEPTH: usize = 64;

impl<'a> Tree<'a> {
    pub fn add(&mut self, span: &'a Span, wall: bool) {
        self.parents.insert(&span.span_id, &span.parent_span_id);
        if wall {
            self.walls.insert(&span.span_id);
        }
    }

    /// Whether `call` stands within one of `calls`, with no agent or tool between.
    fn within(&self, call: &Call, calls: &HashMap<&[u8], &str>) -> bool {
        let mut at: &[u8] = &call.span.parent_span_id;
        for _ in 0..DEPTH {
            if at.is_empty() || self.walls.contains(at) {
                return false;
            }
            if let Some(service) = calls.get(at) {
                return *service == call.service;
            }
            match self.parents.get(at) {
                Some(parent) => at = parent,
                None => return false,
            }
        }
        false
    }
}

/// Indexes of the events whose call another event tells of, too.
pub(crate) fn repeated(calls: &[Call], tree: &Tree) -> HashSet<usize> {
    let mut spans: HashMap<&[u8], &str> = HashMap::new();
    for call in calls {
        spans.insert(&call.span.span_id, &call.service);
    }
    let mut out = HashSet::new();
    for call in calls {
        if tree.within(call, &spans) {
            out.insert(call.event);
        }
    }
    yielded(calls, &mut out);
    out
}

/// Calls that yield to one of another scope: each to one, and no two to the same.
fn yielded(calls: &[Call], out: &mut HashSet<usize>) {
    // The order of records in a body must not matter.
    let mut sorted: Vec<&Call> = calls.iter().filter(|c| !out.contains(&c.event)).collect();
    sorted.sort_by_key(|c| (c.span.start_time_unix_nano, &c.span.span_id));
    let mut by_scope: HashMap<&str, Vec<&Call>> = HashMap::new();
    for call in &sorted {
        by_scope.entry(call.scope).or_default().push(call);
    }
    let mut taken = HashSet::new();
    for call in sorted {
        let scopes = by_scope.iter().filter(|(scope, _)| preferred(call, scope));
        let others = scopes.flat_map(|(_, others)| others);
        let free = |o: &&&Call| {
            o.service == call.service && !out.contains(&o.event) && !taken.contains(&o.event)
        };
        // Ids say it best, then the length that the two have in common.
        let best = others
            .filter(free)
            .filter_map(|o| Some((likeness(call, o)?, &o.span.span_id, o.event)))
            .max();
        if let Some((_, _, other)) = best {
            taken.insert(other);
            out.insert(call.event);
        }
    }
}

fn preferred(call: &Call, scope: &str) -> bool {
    let named = |s: &String| match s.strip_suffix('*') {
        Some(beginning) => scope.starts_with(beginning),
        None => s == scope,
    };
    scope != call.scope && call.yields_to.iter().any(named)
}

/// How alike two spans are that may be one call; `None` where they cannot be.
fn likeness(a: &Call, b: &Call) -> Option<(bool, u64)> {
    if let (Some(x), Some(y)) = (&a.request_id, &b.request_id) {
        return (x == y).then_some((true, 0));
    }
    // One is made within the other, so one lies within the other.
    let (x, y) = (a.span, b.span);
    let start = x.start_time_unix_nano.max(y.start_time_unix_nano);
    let end = x.end_time_unix_nano.min(y.end_time_unix_nano);
    let common = end.checked_sub(start)?;
    let shorter = [x, y].map(|s| s.end_time_unix_nano.saturating_sub(s.start_time_unix_nano));
    let inside = shorter[0].min(shorter[1]) == common;
    (inside && a.failed == b.failed).then_some((false, common))
}
