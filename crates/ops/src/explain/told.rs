//! What is told of a number. Times are RFC 3339.

use serde::Serialize;
use std::collections::BTreeMap;
use weir_model::Micros;

/// A number and what it is made of.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Explanation {
    /// `kpi`, `score` or `measure`.
    pub what: &'static str,
    /// Its name.
    pub name: String,
    /// One line for people.
    pub title: String,
    /// Unit for people.
    pub unit: String,
    /// Whose.
    pub tenant: String,
    /// Values of the dimensions, by name.
    pub subject: BTreeMap<String, String>,
    /// When.
    pub window: WindowTold,
    /// Of a KPI.
    pub formula: Option<Formula>,
    /// What was said of a KPI when its window was final.
    pub published: Option<Said>,
    /// What is true by now.
    pub current: Said,
    /// Whether all that is listed comes to the current value.
    pub adds_up: bool,
    /// Of a score.
    pub inputs: Vec<Input>,
    /// Of a KPI; of a measure its one.
    pub terms: Vec<Term>,
}

/// A window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WindowTold {
    /// `1d`, `1h/5m`, ...
    pub label: String,
    /// First moment.
    pub start: String,
    /// First one after it.
    pub end: String,
}

/// How a KPI is computed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Formula {
    /// The expression as declared.
    pub expression: String,
    /// What it gives of the terms as listed, or a score of its inputs.
    pub value: Option<f64>,
    /// Digits after the point that it is rounded to.
    pub decimals: u32,
    /// The term that must reach a number, and the number.
    pub minimum_sample: Option<(String, f64)>,
    /// The value aimed at.
    pub target: Option<f64>,
    /// `higher` or `lower`, where there is a target.
    pub better: Option<&'static str>,
}

/// A value, and what was said of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Said {
    /// The value.
    pub value: Option<f64>,
    /// 0 to 100.
    pub score: Option<f64>,
    /// `on_target`, `near`, `off` or `no_data`.
    pub status: Option<String>,
}

/// An input of a score.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Input {
    /// Name of the KPI or score.
    pub kpi: String,
    /// Its weight.
    pub weight: f64,
    /// What it is worth; `None`: it is not there.
    pub worth: Option<f64>,
}

/// A term of a formula: a statistic of a measure.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Term {
    /// Name in the formula.
    pub name: String,
    /// Its value in the formula.
    pub value: Option<f64>,
    /// What the events beneath come to.
    pub of_events: Option<f64>,
    /// Whether both are the same.
    pub adds_up: bool,
    /// Event type.
    pub event: String,
    /// Measure of it.
    pub measure: String,
    /// One line for people.
    pub title: String,
    /// Unit for people.
    pub unit: String,
    /// What the measure does: `count`, `sum`, `cost`, ...
    pub kind: &'static str,
    /// What it takes of an event: a field or an expression; empty where it takes none.
    pub of: String,
    /// Which events it sees; empty: all.
    pub seen: String,
    /// `value`, `mean`, `p95`, ...
    pub statistic: String,
    /// Names of the dimensions that it is kept by.
    pub rollup: Vec<String>,
    /// Its subject.
    pub subject: BTreeMap<String, String>,
    /// Whether it is a setting: what is in force at the end, since the event listed.
    pub setting: bool,
    /// What it is added up from in the store.
    pub parts: Parts,
    /// What priced the calls, where it is money.
    pub prices: Vec<Price>,
    /// What is under the parts.
    pub events: Events,
}

/// The parts of an aggregate.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Parts {
    /// Parts written when their window was final.
    pub on_time: Group,
    /// Parts of minutes that came later.
    pub late: Group,
    /// Some of them, those on time first.
    pub listed: Vec<Part>,
}

/// Parts together.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Group {
    /// How many.
    pub parts: u64,
    /// The statistic over them.
    pub value: Option<f64>,
}

/// One part.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Part {
    /// Whether it came after its window was final.
    pub late: bool,
    /// First moment.
    pub start: String,
    /// First one after it.
    pub end: String,
    /// The statistic of it alone.
    pub value: Option<f64>,
}

/// What priced calls.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Price {
    /// `reported`: the event says it; `book`: an entry; `none`: nothing is for it.
    pub by: &'static str,
    /// Provider of the entry, or `*`.
    pub provider: String,
    /// Model or family of the entry.
    pub model: String,
    /// In force from.
    pub from: Option<String>,
    /// Which calls it is for, where it says so.
    pub when: Option<String>,
    /// USD per million tokens, by class.
    pub per_million: BTreeMap<String, f64>,
    /// Calls.
    pub calls: u64,
    /// What they cost in USD.
    pub usd: f64,
}

/// The events under a term.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Events {
    /// Topic that they are in.
    pub topic: String,
    /// Of the subject and window.
    pub count: u64,
    /// Those of them that the measure sees and takes something of.
    pub adding: u64,
    /// Some of those that add something, by time; of a setting the last ones.
    pub listed: Vec<Event>,
}

/// An event, and where it stands in the log.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Event {
    /// Partition of the topic.
    pub partition: i32,
    /// Offset in it.
    pub offset: i64,
    /// Its id.
    pub event_id: String,
    /// When it happened.
    pub time: String,
    /// What it adds: its number, 1 for a count, the text's hash counts for one in distinct counts.
    pub value: Option<f64>,
}

/// A time in RFC 3339; `-` for one that no calendar has.
pub(super) fn at(t: Micros) -> String {
    jiff::Timestamp::from_microsecond(t.0).map_or_else(|_| "-".into(), |t| t.to_string())
}
