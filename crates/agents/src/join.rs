//! Which calls of the logs are there already, because they came over OTLP.

use crate::Agents;
use crate::call::{Call, Tokens};
use crate::declare::JoinedBy;
use std::collections::{HashMap, HashSet};

/// A call as it came over OTLP.
#[derive(Debug, Clone, PartialEq)]
pub struct There {
    /// Request id; empty where it has none.
    pub request_id: String,
    /// Session.
    pub session: String,
    /// Model.
    pub model: String,
    /// When it ended, microseconds.
    pub at: i64,
    /// Tokens.
    pub tokens: Tokens,
}

/// Whether a call can be told by its id alone. Else it is compared with what is there.
pub fn has_shared_id(agents: &Agents, call: &Call) -> bool {
    let agent = agents.agent(&call.agent);
    call.request_id.is_some() && agent.is_some_and(|a| a.otlp.joined_by == JoinedBy::RequestId)
}

/// Of each call whether it is there: by its id, else one to one by session, model, all token
/// classes and, in the order of time, how near it is.
pub fn joined(agents: &Agents, calls: &[&Call], there: &[There]) -> Vec<bool> {
    let ids: HashSet<&str> = there.iter().map(|t| t.request_id.as_str()).collect();
    let mut out = vec![false; calls.len()];
    let mut groups: HashMap<Key, (Vec<usize>, Vec<&There>)> = HashMap::new();
    for (i, call) in calls.iter().enumerate() {
        let id = call.request_id.as_deref().unwrap_or_default();
        if has_shared_id(agents, call) {
            out[i] = ids.contains(id);
        } else {
            groups
                .entry(key(&call.session, &call.tokens))
                .or_default()
                .0
                .push(i);
        }
    }
    for t in there {
        if let Some((_, of)) = groups.get_mut(&key(&t.session, &t.tokens)) {
            of.push(t);
        }
    }
    for (mine, mut theirs) in groups.into_values() {
        let mut mine = mine;
        mine.sort_by_key(|i| calls[*i].at);
        theirs.sort_by_key(|t| t.at);
        for i in pairs(agents, calls, &mine, &theirs) {
            out[i] = true;
        }
    }
    out
}

type Key<'a> = (&'a str, [i64; 5]);

/// What a side does not tell it did not use.
fn key<'a>(session: &'a str, t: &Tokens) -> Key<'a> {
    let all = [t.input, t.cache_read, t.cache_write, t.output, t.reasoning];
    (session, all.map(|n| n.unwrap_or(0)))
}

/// Calls that have a partner, each its own. Models may differ by the date that one side adds.
fn pairs(agents: &Agents, calls: &[&Call], mine: &[usize], theirs: &[&There]) -> Vec<usize> {
    let mut taken = vec![false; theirs.len()];
    let mut out = Vec::new();
    for &i in mine {
        let call = calls[i];
        let within = agents
            .agent(&call.agent)
            .map_or(0, |a| a.otlp.within_micros());
        let (from, to) = (call.began.unwrap_or(call.at) - within, call.at + within);
        let fits = |t: &There| {
            let (a, b) = (&*call.model, t.model.as_str());
            (from..=to).contains(&t.at) && (a.starts_with(b) || b.starts_with(a))
        };
        let free = theirs
            .iter()
            .enumerate()
            .find(|(n, t)| !taken[*n] && fits(t));
        if let Some((n, _)) = free {
            taken[n] = true;
            out.push(i);
        }
    }
    out
}
