//! Which lines are one call.

use crate::call::{Call, Tool};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

/// One call of each identity, in the order of time.
pub(crate) fn calls(all: impl Iterator<Item = Call>) -> Vec<Call> {
    let mut by: HashMap<String, Call> = HashMap::new();
    for call in all {
        match by.entry(call.identity.clone()) {
            Entry::Occupied(mut known) => known.get_mut().absorb(call),
            Entry::Vacant(free) => {
                free.insert(call);
            }
        }
    }
    let mut out: Vec<Call> = by.into_values().collect();
    out.sort_by(|a, b| (a.at, &a.identity).cmp(&(b.at, &b.identity)));
    aliased(out)
}

/// The same answer under another id, or without one, in one session: the first counts.
fn aliased(calls: Vec<Call>) -> Vec<Call> {
    let mut first: HashMap<(Arc<str>, String), usize> = HashMap::new();
    let mut out: Vec<Call> = Vec::with_capacity(calls.len());
    for mut call in calls {
        if let Some(alias) = call.alias.take() {
            match first.entry((call.agent.clone(), alias)) {
                Entry::Occupied(known) => {
                    out[*known.get()].absorb(call);
                    continue;
                }
                Entry::Vacant(free) => {
                    free.insert(out.len());
                }
            }
        }
        out.push(call);
    }
    out
}

/// One tool call of each id, in the order of time.
pub(crate) fn tools(all: impl Iterator<Item = Tool>) -> Vec<Tool> {
    let mut by: HashMap<String, Tool> = HashMap::new();
    for tool in all {
        match by.entry(tool.call_id.clone()) {
            Entry::Occupied(mut known) => {
                if tool.origin() < known.get().origin() {
                    known.insert(tool);
                }
            }
            Entry::Vacant(free) => {
                free.insert(tool);
            }
        }
    }
    let mut out: Vec<Tool> = by.into_values().collect();
    out.sort_by(|a, b| (a.at, &a.call_id).cmp(&(b.at, &b.call_id)));
    out
}
