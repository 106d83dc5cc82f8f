//! What is declared: who is told what, and how often.

use super::notice::Notice;
use jiff::civil::{Time, Weekday};
use jiff::tz::TimeZone;
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
    /// When.
    pub when: When,
}

/// When there is maintenance.
#[derive(Clone, Debug, PartialEq)]
pub enum When {
    /// Once.
    Once {
        /// Begin.
        from: Micros,
        /// End, exclusive.
        until: Micros,
    },
    /// Every week.
    Weekly {
        /// On these days.
        days: Vec<Weekday>,
        /// From this time of the clock on. One that a change of the clocks leaves out comes an hour
        /// later, one that comes twice counts the first time.
        at: Time,
        /// In which zone.
        zone: TimeZone,
        /// For so long, at most a week.
        long: Micros,
    },
}

impl When {
    /// The longest window.
    pub const LONGEST: Micros = Micros(7 * Micros::DAY.0);

    /// Until when it is on, where it is now.
    pub fn until(&self, now: Micros) -> Option<Micros> {
        match self {
            When::Once { from, until } => (*from <= now && now < *until).then_some(*until),
            When::Weekly {
                days,
                at,
                zone,
                long,
            } => {
                let moment = jiff::Timestamp::from_microsecond(now.0).ok()?;
                let today = moment.to_zoned(zone.clone()).date();
                // One that began a week ago may last until now; midnight may be tomorrow's.
                let all = (-1..=8).map(|n| today.saturating_sub(jiff::Span::new().days(n)));
                let begun = all.filter(|day| days.contains(&day.weekday()));
                let ends = begun.filter_map(|day| {
                    let from = day.to_datetime(*at).to_zoned(zone.clone()).ok()?;
                    let from = Micros(from.timestamp().as_microsecond());
                    let until = from.plus(*long);
                    (from <= now && now < until).then_some(until)
                });
                ends.max()
            }
        }
    }
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
