//! The compiled catalog: every name resolved, every rule of the contract checked.

pub use crate::judge::detector::{DetectorDef, DetectorKind, Direction};
pub use crate::judge::kpi::{Example, KpiDef};
pub use crate::judge::rule::{RuleDef, RuleOn};
pub use crate::judge::score::Mix;
pub use crate::judge::target::{Target, Targets};
pub use crate::measure::MeasureKind;
use std::sync::Arc;
pub use weir_model::measure::Stat;
use weir_model::{Micros, Since, WindowSize};

/// Everything declared, resolved. Events, KPIs, detectors and rules are sorted by name, measures
/// and rollups stand in order of declaration: equal hashes mean equal indices, whatever the files
/// are called.
#[derive(Debug, Clone)]
pub struct Catalog {
    /// Hash of all that gives results their meaning (not of comments or titles).
    pub hash: u64,
    /// Event types.
    pub events: Vec<EventDef>,
    /// KPIs, scores among them.
    pub kpis: Vec<KpiDef>,
    /// Detectors.
    pub detectors: Vec<DetectorDef>,
    /// Alert rules.
    pub rules: Vec<RuleDef>,
    /// Time zones by tenant.
    pub tenants: Tenants,
    /// Who is one person, or one team, under several spellings.
    pub aliases: crate::Aliases,
    /// Coding assistants, for the import of repositories: no result depends on them, so they are
    /// not part of the hash.
    pub assistants: crate::Assistants,
    /// What macros became: for people, as its parts are among the events, KPIs and rules.
    pub expanded: Vec<crate::Expanded>,
    /// The files as loaded: (path relative to `schemas/`, text), sorted. What a snapshot carries.
    pub sources: Arc<Vec<(String, String)>>,
}

/// Index into [`Catalog::events`].
pub type EventId = usize;

/// One event type.
#[derive(Debug, Clone)]
pub struct EventDef {
    /// e.g. `llm.call`.
    pub name: String,
    /// Version of its definition: identity, disorder, bounds, dimensions (1 where not given).
    pub version: u32,
    /// The reader's Avro schema (JSON text).
    pub schema_json: String,
    /// Dotted path of the field that identifies the event where it is not null, before `event_id`.
    pub identity: Option<String>,
    /// Few events: one partition is enough, and quieter. Has no meaning for any number.
    pub low_volume: bool,
    /// How far event times of one partition may be out of order and still be on time.
    pub disorder: Micros,
    /// Its events say what is in force from then on, not what happened: terms on its measures are
    /// read as of the end of a window.
    pub setting: bool,
    /// Bounds on numbers: outside them an event is a dead letter.
    pub bounds: Vec<Bound>,
    /// Dimensions, sorted by name.
    pub dimensions: Vec<Dimension>,
    /// Measures, in order of declaration.
    pub measures: Vec<MeasureDef>,
    /// Rollups.
    pub rollups: Vec<RollupDef>,
}

/// A dimension: a text taken from a field or a map entry.
#[derive(Debug, Clone)]
pub struct Dimension {
    /// Name, e.g. `platform`.
    pub name: String,
    /// Dotted path into the event, e.g. `engineer.team` or `resource.platform` (key of a map).
    pub path: String,
}

/// Inclusive bounds of a numeric field.
#[derive(Debug, Clone)]
pub struct Bound {
    /// Dotted path.
    pub path: String,
    /// Smallest allowed.
    pub min: Option<f64>,
    /// Largest allowed.
    pub max: Option<f64>,
}

/// A measure.
#[derive(Debug, Clone)]
pub struct MeasureDef {
    /// Name, unique in its event type.
    pub name: String,
    /// Version of its definition (1 where not given).
    pub version: u32,
    /// Unit for people: `usd`, `tokens`, `ms`, ...
    pub unit: String,
    /// One line for people.
    pub title: String,
    /// What it does.
    pub kind: MeasureKind,
    /// Only events for which all of these hold.
    pub filter: Vec<Condition>,
}

/// What has to hold of an event.
#[derive(Debug, Clone, PartialEq)]
pub enum Condition {
    /// The field at a dotted path equals a literal.
    Equals(String, Literal),
    /// An expression gives a number other than 0.
    Holds(FieldExpr),
}

/// A literal of a condition.
#[derive(Debug, Clone, PartialEq)]
pub enum Literal {
    /// The field is null or absent.
    Null,
    /// true, false
    Bool(bool),
    /// A number (compared as float).
    Number(f64),
    /// A text (enums too).
    Text(String),
}

/// How a call is priced.
#[derive(Debug, Clone)]
pub struct CostDef {
    /// Path of the reported cost in USD, if the event has one.
    pub reported: Option<String>,
    /// Path of the provider.
    pub provider: String,
    /// Path of the model.
    pub model: String,
    /// (path of a token count, token class). Of the class `cache_write` only what the classes of a
    /// lifetime leave of it is paid as such (see [`crate::LIFETIMES`]).
    pub tokens: Vec<(String, String)>,
    /// The book: entries by (provider or "*", model), newest first; those of one day in the order
    /// of declaration.
    pub book: Arc<Vec<Price>>,
}

/// An entry of the price book. A model matches the entry with the longest `model` that is equal to
/// it or a prefix of it followed by `-` or `@`.
#[derive(Debug, Clone)]
pub struct Price {
    /// Provider, or `*`.
    pub provider: String,
    /// Model or family.
    pub model: String,
    /// In force from (event time).
    pub from: Micros,
    /// (token class, USD per million as billionths per token: exact: price * 1000 per token in
    /// `Fixed` units).
    pub per_token: Vec<(String, i128)>,
    /// Which calls it is for: those where it gives a number other than 0; `None`: all that no entry
    /// before it took.
    pub when: Option<FieldExpr>,
}

/// An expression over the fields of an event: a program over what it asks of the event. A condition
/// holds where the program gives a number other than 0.
#[derive(Debug, Clone, PartialEq)]
pub struct FieldExpr {
    /// As written.
    pub source: String,
    /// What it asks of the event.
    pub terms: Vec<FieldTerm>,
    /// Stack program over `terms`.
    pub ops: Vec<Op>,
}

impl FieldExpr {
    /// Whether both give the same of every event, as far as they are written the same.
    pub fn equals(&self, other: &FieldExpr) -> bool {
        (&self.terms, &self.ops) == (&other.terms, &other.ops)
    }
}

/// What an expression asks of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FieldTerm {
    /// The number at a path; null is no value.
    Number(String),
    /// The seconds since 1970 of the timestamp at a path; null is no value.
    Seconds(String),
    /// 1 or 0: the truth at a path; null is no value.
    Truth(String),
    /// 1 or 0: whether the text at a path (null is the empty text) is this one.
    Is(String, String),
}

impl FieldTerm {
    /// What the number of a timestamp is divided by.
    pub const MICROS_PER_SECOND: f64 = 1e6;
}

/// What a measure takes a number from.
#[derive(Debug, Clone)]
pub enum Input {
    /// The field at a dotted path.
    Field(String),
    /// An expression over fields.
    Computed(Computed),
}

/// A number that is computed from an event.
#[derive(Debug, Clone)]
pub struct Computed {
    /// How. No value, and one beyond [`weir_model::Fixed::LIMIT`], adds nothing.
    pub expr: FieldExpr,
    /// Smallest and largest value, by the bounds of its fields.
    pub range: (f64, f64),
}

impl From<&str> for Input {
    fn from(path: &str) -> Input {
        Input::Field(path.to_owned())
    }
}

/// Group of dimensions that results are kept by.
#[derive(Debug, Clone)]
pub struct RollupDef {
    /// Indices into [`EventDef::dimensions`], ascending.
    pub dimensions: Vec<usize>,
    /// Stored window sizes, smallest first.
    pub windows: Vec<WindowSize>,
    /// They are not declared: it stores what is read of it.
    pub by_need: bool,
}

/// A window that is judged: tumbling (`slide == size`) or rolling.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum JudgedWindow {
    /// A stored size.
    Tumbling(WindowSize),
    /// `count` windows of `of`, moving by one, e.g. 1h/5m.
    Rolling {
        /// Number of windows merged.
        count: u16,
        /// Size of each.
        of: WindowSize,
    },
    /// All windows of size `step` of one period so far, e.g. 1mo/1h.
    ToDate {
        /// What it begins with.
        since: Since,
        /// Size of the windows merged.
        step: WindowSize,
    },
}

/// One input of a KPI or detector: a statistic of a measure of an event type, at a rollup.
#[derive(Debug, Clone)]
pub struct Term {
    /// Name used in the expression.
    pub name: String,
    /// Event type.
    pub event: EventId,
    /// Index into its rollups.
    pub rollup: usize,
    /// Index into its measures.
    pub measure: usize,
    /// Which statistic.
    pub stat: Stat,
    /// For cross-subject KPIs: names of the dimensions of this term's subject, sorted: some of the
    /// KPI's, or all of them and those of `fixed`.
    pub at: Vec<String>,
    /// Dimensions whose value is this one, whatever the KPI's subject: (name, value), sorted.
    pub fixed: Vec<(String, String)>,
}

impl Term {
    /// Whether its subject is that of a KPI of these dimensions.
    pub fn stands_on(&self, dimensions: &[String]) -> bool {
        self.fixed.is_empty() && self.at == dimensions
    }
}

/// An expression over terms: compiled once, evaluated by the engine or by SQL with the same result.
#[derive(Debug, Clone, PartialEq)]
pub struct Expr {
    /// As written.
    pub source: String,
    /// Stack program over term indices.
    pub ops: Vec<Op>,
}

/// One step of an expression. The stack holds `Option<f64>`; "no value" spreads through arithmetic
/// and comparison; a result that is not finite becomes "no value".
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Op {
    /// Push the value of a term.
    Term(usize),
    /// Push a number (booleans are 1 and 0).
    Number(f64),
    /// Push "no value" (`null`).
    Null,
    /// Two operands.
    Add,
    /// Two operands.
    Sub,
    /// Two operands.
    Mul,
    /// Two operands; a zero divisor gives "no value".
    Div,
    /// One operand.
    Neg,
    /// Comparisons give 1, 0 or "no value".
    Lt,
    /// see `Lt`
    Le,
    /// see `Lt`
    Gt,
    /// see `Lt`
    Ge,
    /// see `Lt`
    Eq,
    /// see `Lt`
    Ne,
    /// Both not zero; "no value" counts as false.
    And,
    /// Either not zero; "no value" counts as false.
    Or,
    /// Zero or "no value" becomes 1.
    Not,
    /// `cond then else`: three operands already evaluated; picks by the first ("no value" is
    /// false).
    Select,
    /// `min(a, b)`
    Min2,
    /// `max(a, b)`
    Max2,
    /// `abs(a)`
    Abs,
    /// `coalesce(a, b)`: a unless it is "no value".
    Coalesce,
    /// `sqrt(a)`
    Sqrt,
    /// `ln(a)`: natural logarithm, `libm`'s `log`.
    Ln,
    /// `exp(a)`: `libm`'s.
    Exp,
    /// `floor(a)`
    Floor,
    /// `pow(a, b)`: `libm`'s.
    Pow,
    /// Push the length of the window, in days.
    Days,
}

/// Time zones.
#[derive(Debug, Clone)]
pub struct Tenants {
    /// Zone of tenants not named.
    pub default_zone: jiff::tz::TimeZone,
    /// Zones by tenant, sorted.
    pub zones: Vec<(String, jiff::tz::TimeZone)>,
}

impl Tenants {
    /// The zone of a tenant.
    pub fn zone(&self, tenant: &str) -> &jiff::tz::TimeZone {
        match self.zones.binary_search_by(|(t, _)| t.as_str().cmp(tenant)) {
            Ok(i) => &self.zones[i].1,
            Err(_) => &self.default_zone,
        }
    }
}
