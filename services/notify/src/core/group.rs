//! Alerts of one route, for one receiver, that are told together.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use weir_model::{Micros, hash};

/// A group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Group {
    /// Route.
    pub route: String,
    /// Receiver.
    pub to: String,
    /// What its alerts have in common.
    pub labels: BTreeMap<String, String>,
    /// Alerts, and whether they were told as holding; `None`: not told yet.
    pub members: BTreeMap<String, Option<bool>>,
    /// When to look at it.
    pub due: Option<Micros>,
    /// When its last message was planned.
    pub sent: Option<Micros>,
    /// Its messages so far.
    pub count: u64,
    /// The message that is under way: the next waits for it.
    pub pending: Option<String>,
    /// A limit holds its next message back.
    pub held: bool,
}

impl Group {
    /// Without members.
    pub fn new(route: &str, to: &str, labels: BTreeMap<String, String>) -> Group {
        Group {
            route: route.to_owned(),
            to: to.to_owned(),
            labels,
            members: BTreeMap::new(),
            due: None,
            sent: None,
            count: 0,
            pending: None,
            held: false,
        }
    }

    /// The key of the group of a route, a receiver and labels.
    pub fn key(route: &str, to: &str, labels: &BTreeMap<String, String>) -> String {
        let mut parts = vec![b"notify group".as_slice(), route.as_bytes(), to.as_bytes()];
        for (name, value) in labels {
            parts.extend([name.as_bytes(), value.as_bytes()]);
        }
        hash::id(&parts)
    }

    /// The key under which messages are counted.
    pub fn lane(&self) -> String {
        lane(&self.route, &self.to)
    }

    /// To be looked at, at this time or before.
    pub fn wake(&mut self, at: Micros) {
        self.due = Some(self.due.map_or(at, |due| due.min(at)));
    }

    /// Nothing is left to be told.
    pub fn is_over(&self) -> bool {
        self.members.is_empty() && self.pending.is_none()
    }
}

/// The key under which the messages of a route to a receiver are counted.
pub(super) fn lane(route: &str, to: &str) -> String {
    format!("{route}/{to}")
}
