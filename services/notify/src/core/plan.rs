//! What is declared: who is told what, and how often.

use super::notice::Notice;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use weir_model::Micros;

/// Names of labels with the values that fit; all of them must.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Matcher(pub BTreeMap<String, Vec<String>>);

impl Matcher {
    /// Whether an alert fits.
    pub fn fits(&self, notice: &Notice) -> bool {
        let one = |(name, values): (&String, &Vec<String>)| {
            values.iter().any(|v| v == notice.label(name))
        };
        self.0.iter().all(one)
    }
}

/// At most so many messages in such a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Number of messages, at least 1.
    pub messages: usize,
    /// Any time of this length.
    pub per: Micros,
}

/// Where some alerts go.
#[derive(Clone, Debug, PartialEq)]
pub struct Route {
    /// Name.
    pub name: String,
    /// Which alerts.
    pub matches: Matcher,
    /// Names of receivers.
    pub to: Vec<String>,
    /// Labels whose values make a group: one message tells of all its alerts.
    pub group_by: Vec<String>,
    /// From the first alert of a group to its first message. Early limits do not wait.
    pub wait: Micros,
    /// Between two messages of a group.
    pub interval: Micros,
    /// What nobody has acknowledged is told again after this.
    pub repeat: Option<Micros>,
    /// Most messages to each of its receivers.
    pub limit: Option<Limit>,
    /// Later routes are looked at too.
    pub goes_on: bool,
}

/// Nothing is told of some alerts for a while.
#[derive(Clone, Debug, PartialEq)]
pub struct Maintenance {
    /// Name.
    pub name: String,
    /// Which alerts.
    pub matches: Matcher,
    /// Begin.
    pub from: Micros,
    /// End, exclusive.
    pub until: Micros,
}

/// All of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// In order: the first that fits counts, and those after one that goes on.
    pub routes: Vec<Route>,
    /// Windows of maintenance.
    pub maintenance: Vec<Maintenance>,
    /// Receivers that forget what is not told again: acknowledging changes nothing for them.
    pub forgetful: BTreeSet<String>,
    /// A receiver that has failed for so long is told to the others.
    pub dead_after: Micros,
}

impl Plan {
    /// The routes of an alert.
    pub fn routes_of<'a>(&'a self, notice: &'a Notice) -> impl Iterator<Item = &'a Route> {
        let mut over = false;
        self.routes.iter().filter(move |route| {
            let fits = !over && route.matches.fits(notice);
            over |= fits && !route.goes_on;
            fits
        })
    }

    /// A route by its name.
    pub fn route(&self, name: &str) -> Option<&Route> {
        self.routes.iter().find(|r| r.name == name)
    }

    /// The first route to each receiver but one.
    pub fn others(&self, than: &str) -> BTreeMap<&str, &Route> {
        let mut all = BTreeMap::new();
        for route in &self.routes {
            for to in route.to.iter().filter(|to| *to != than) {
                all.entry(to.as_str()).or_insert(route);
            }
        }
        all
    }

    /// Whether a route leads to a receiver.
    pub fn leads(&self, route: &str, to: &str) -> bool {
        let route = self.route(route);
        route.is_some_and(|r| r.to.iter().any(|t| t == to))
    }
}
