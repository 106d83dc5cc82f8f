//! What calls cost: by day, model, project and session.

mod price;

pub use price::{Priced, Prices};

use jiff::tz::TimeZone;
use serde::Serialize;
use std::collections::BTreeMap;
use weir_agents::Call;
use weir_model::Fixed;

/// Sums over calls.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Sums {
    /// Calls.
    pub calls: u64,
    /// Of those: failed for good.
    pub failed: u64,
    /// Input tokens at full price.
    pub input: i64,
    /// Read from a cache.
    pub cache_read: i64,
    /// Written to a cache.
    pub cache_write: i64,
    /// Output with reasoning.
    pub output: i64,
    /// Cost of the calls whose price is known.
    #[serde(serialize_with = "usd")]
    pub usd: Fixed,
    /// Calls whose price nobody knows: they are not in the cost.
    pub unpriced: u64,
}

/// Sums of what has a name.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Row {
    /// Day, model, project.
    pub name: String,
    /// Its sums.
    #[serde(flatten)]
    pub sums: Sums,
}

/// Sums of a session.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Session {
    /// Its id.
    pub session: String,
    /// Agent.
    pub agent: String,
    /// Folder that was worked in.
    pub project: String,
    /// Models, the one that was asked last at the end.
    pub models: Vec<String>,
    /// When its first and last call ended, RFC 3339.
    pub first: String,
    /// See above.
    pub last: String,
    /// Its sums.
    #[serde(flatten)]
    pub sums: Sums,
}

/// What caches were worth.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Caching {
    /// Share of the input that came from a cache, of 1; none where there was no input.
    pub hit_rate: Option<f64>,
    /// What the same calls would have cost more without a cache, by the price book.
    #[serde(serialize_with = "usd")]
    pub saved_usd: Fixed,
    /// Tokens read from, or written to, a cache of which that is not known.
    pub unknown_tokens: i64,
}

/// A model without a price.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct UnpricedModel {
    /// Provider.
    pub provider: String,
    /// Model.
    pub model: String,
    /// Its calls.
    pub calls: u64,
    /// Their tokens.
    pub tokens: i64,
}

/// What calls cost.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Spend {
    /// All of them.
    pub total: Sums,
    /// By day, the first one first.
    pub days: Vec<Row>,
    /// By model, the dearest first.
    pub models: Vec<Row>,
    /// By agent, the dearest first.
    pub agents: Vec<Row>,
    /// By folder that was worked in, the dearest first.
    pub projects: Vec<Row>,
    /// By session, the dearest first.
    pub sessions: Vec<Session>,
    /// Caches.
    pub cache: Caching,
    /// Models without a price, the most used first.
    pub unpriced: Vec<UnpricedModel>,
    /// Calls whose numbers are a lower bound: their end was not written down.
    pub incomplete: u64,
    /// Whose days.
    pub time_zone: String,
}

fn usd<S: serde::Serializer>(x: &Fixed, s: S) -> Result<S::Ok, S::Error> {
    s.serialize_f64(x.to_f64())
}

impl Sums {
    fn add(&mut self, call: &Call, priced: &Priced) {
        let t = &call.tokens;
        let of = |n: Option<i64>| n.unwrap_or(0);
        self.calls += 1;
        self.failed += u64::from(call.error.is_some());
        self.input += of(t.input);
        self.cache_read += of(t.cache_read);
        self.cache_write += of(t.cache_write);
        self.output += of(t.output) + of(t.reasoning);
        match priced.cost {
            Some(usd) => self.usd = self.usd.plus(usd),
            // What used nothing costs nothing, whatever the price.
            None => self.unpriced += u64::from(t.sum() > 0 || call.error.is_none()),
        }
    }

    /// Adds the sums of other calls.
    pub fn join(&mut self, other: &Sums) {
        self.calls += other.calls;
        self.failed += other.failed;
        self.input += other.input;
        self.cache_read += other.cache_read;
        self.cache_write += other.cache_write;
        self.output += other.output;
        self.usd = self.usd.plus(other.usd);
        self.unpriced += other.unpriced;
    }

    /// Input of all kinds.
    pub fn all_input(&self) -> i64 {
        self.input + self.cache_read + self.cache_write
    }
}

/// Sums calls up, days being those of `zone`.
pub fn spend<'c>(
    calls: impl Iterator<Item = &'c Call>,
    prices: &mut Prices,
    zone: &TimeZone,
) -> Spend {
    let mut out = Spend {
        time_zone: zone.iana_name().unwrap_or("UTC").to_owned(),
        ..Spend::default()
    };
    let mut by = By::default();
    for call in calls {
        let priced = prices.of(call);
        out.total.add(call, &priced);
        out.incomplete += u64::from(call.complete == Some(false));
        cached(&mut out.cache, call, &priced);
        by.add(call, &priced, zone);
    }
    let all = out.total.all_input();
    out.cache.hit_rate = (all > 0).then(|| out.total.cache_read as f64 / all as f64);
    out.days = by.days.into_iter().map(row).collect();
    out.models = dearest(by.models);
    out.agents = dearest(by.agents);
    out.projects = dearest(by.projects);
    out.sessions = by.sessions.into_values().collect();
    out.sessions.sort_by(|a, b| {
        let key = |s: &Session| {
            (
                std::cmp::Reverse(s.sums.usd),
                std::cmp::Reverse(s.sums.all_input() + s.sums.output),
            )
        };
        (key(a), &a.session).cmp(&(key(b), &b.session))
    });
    out.unpriced = by.unpriced.into_values().collect();
    out.unpriced.sort_by_key(|u| std::cmp::Reverse(u.tokens));
    out
}

fn cached(cache: &mut Caching, call: &Call, priced: &Priced) {
    let t = &call.tokens;
    match priced.saved {
        Some(usd) => cache.saved_usd = cache.saved_usd.plus(usd),
        None => cache.unknown_tokens += t.cache_read.unwrap_or(0) + t.cache_write.unwrap_or(0),
    }
}

#[derive(Default)]
struct By {
    days: BTreeMap<String, Sums>,
    models: BTreeMap<String, Sums>,
    agents: BTreeMap<String, Sums>,
    projects: BTreeMap<String, Sums>,
    sessions: BTreeMap<(String, String), Session>,
    unpriced: BTreeMap<(String, String), UnpricedModel>,
    /// The quarter of an hour that was asked for last, and its day: calls come in the order of time.
    day: Option<(i64, String)>,
}

impl By {
    fn add(&mut self, call: &Call, priced: &Priced, zone: &TimeZone) {
        let day = self.day(call.at, zone);
        sums(&mut self.days, &day).add(call, priced);
        sums(&mut self.models, &call.model).add(call, priced);
        sums(&mut self.agents, &call.agent).add(call, priced);
        let project = if call.project.is_empty() {
            "unknown"
        } else {
            &*call.project
        };
        sums(&mut self.projects, project).add(call, priced);
        self.session(call, priced);
        if priced.cost.is_none() && (call.tokens.sum() > 0 || call.error.is_none()) {
            let key = (call.provider.to_string(), call.model.to_string());
            let u = self
                .unpriced
                .entry(key)
                .or_insert_with_key(|(p, m)| UnpricedModel {
                    provider: p.clone(),
                    model: m.clone(),
                    ..UnpricedModel::default()
                });
            u.calls += 1;
            u.tokens += call.tokens.sum();
        }
    }

    /// Zones begin their days at quarters of an hour.
    fn day(&mut self, at: i64, zone: &TimeZone) -> String {
        let quarter = at.div_euclid(15 * 60 * 1_000_000);
        match &self.day {
            Some((known, day)) if *known == quarter => day.clone(),
            _ => {
                let at = jiff::Timestamp::from_microsecond(at).unwrap_or_default();
                let day = zone.to_datetime(at).date().to_string();
                self.day = Some((quarter, day.clone()));
                day
            }
        }
    }

    fn session(&mut self, call: &Call, priced: &Priced) {
        let at = jiff::Timestamp::from_microsecond(call.at).unwrap_or_default();
        let key = (call.agent.to_string(), call.session.to_string());
        let s = self
            .sessions
            .entry(key)
            .or_insert_with_key(|(agent, session)| Session {
                session: session.clone(),
                agent: agent.clone(),
                project: call.project.to_string(),
                first: at.to_string(),
                ..Session::default()
            });
        s.last = at.to_string();
        if s.models.last().is_none_or(|m| **m != *call.model) {
            s.models.retain(|m| **m != *call.model);
            s.models.push(call.model.to_string());
        }
        s.sums.add(call, priced);
    }
}

fn sums<'m>(by: &'m mut BTreeMap<String, Sums>, name: &str) -> &'m mut Sums {
    by.entry(name.to_owned()).or_default()
}

fn row((name, sums): (String, Sums)) -> Row {
    Row { name, sums }
}

fn dearest(by: BTreeMap<String, Sums>) -> Vec<Row> {
    let mut out: Vec<Row> = by.into_iter().map(row).collect();
    out.sort_by_key(|r| {
        let tokens = r.sums.all_input() + r.sums.output;
        (std::cmp::Reverse(r.sums.usd), std::cmp::Reverse(tokens))
    });
    out
}

#[cfg(test)]
mod tests;
