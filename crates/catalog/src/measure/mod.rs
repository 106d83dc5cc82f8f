//! What a measure can be declared to do. One file per kind says how it is declared, how it adds up
//! and what may be said of its number; this file is the list of them.

mod cost;
mod count;
mod distinct;
mod distribution;
mod extreme;
mod filter;
mod last;
mod sum;
mod sumsq;
mod unpriced;

pub(crate) use unpriced::Companion;

use crate::avro::FieldType;
use crate::expr;
use crate::fields::{self, Over};
use crate::reading::Reading;
use crate::types::{Bound, Computed, CostDef, EventDef, Input, Price};
use crate::yaml::Node;
use std::sync::Arc;
use weir_model::codes;
use weir_model::measure::{Accumulator, Stat};

/// What a measure accumulates. A null field, or an expression without a value, adds nothing.
#[derive(Debug, Clone)]
pub enum MeasureKind {
    /// Number of events.
    Count,
    /// Exact sum of a number.
    Sum(Input),
    /// Smallest.
    Min(Input),
    /// Largest.
    Max(Input),
    /// Exact sum of squares (value rounded to thousandths).
    SumSq(Input),
    /// Latest by (event time, identity hash).
    Last(Input),
    /// Count, sum, min, max, percentiles.
    Distribution(Input),
    /// Distinct texts of a field (empty texts and nulls are not counted).
    Distinct(String),
    /// Money: the reported field where it is not null, else tokens by class times the price of the
    /// model in force at event time. Accumulates like a sum. An event with tokens of a class that
    /// has no price adds nothing (never a guess) and counts into the measure's `unpriced`
    /// companion, if declared.
    Cost(CostDef),
    /// Number of events that a cost measure could not price.
    Unpriced(CostDef),
}

/// All kinds, in the order in which they are named to people.
pub(crate) const KINDS: [&Kind; 10] = [
    &count::KIND,
    &sum::KIND,
    &extreme::MIN,
    &extreme::MAX,
    &sumsq::KIND,
    &last::KIND,
    &distribution::KIND,
    &distinct::KIND,
    &cost::KIND,
    &unpriced::KIND,
];

/// What there is to say of a kind.
pub(crate) struct Kind {
    /// Its key in the catalog's files.
    pub name: &'static str,
    /// Its name in the text that a catalog's hash is made of: it never changes.
    pub(crate) meaning: &'static str,
    /// What it makes of its events, for people; what it reads comes behind it.
    words: &'static str,
    /// Unit of its number, where a declaration names none.
    pub unit: &'static str,
    accumulator: Accumulator,
    reads: Reads,
    /// Whether its number can be the size of a sample.
    sample: bool,
    /// Smallest and largest number it can have, from the bounds of what it reads.
    range: fn(&MeasureKind, &EventDef) -> (f64, f64),
    /// Whether its number can only grow while events come.
    grows: fn(&MeasureKind, &EventDef) -> bool,
}

/// What stands behind a kind's key.
enum Reads {
    /// The path of a field of a type.
    Field(FieldType, fn(String) -> MeasureKind),
    /// A number: the path of a field, or an expression.
    Number(fn(Input) -> MeasureKind),
    /// As a number; an expression must not come to less than 0.
    NotNegative(fn(Input) -> MeasureKind),
    /// Something else.
    Own(fn(&Declared<'_>) -> Option<MeasureKind>),
}

impl Kind {
    /// Reads what stands behind the key.
    pub fn read(&self, declared: &Declared<'_>) -> Option<MeasureKind> {
        match self.reads {
            Reads::Field(wanted, of) => declared.path(self.name, wanted).map(of),
            Reads::Number(of) => declared.number(self.name).map(of),
            Reads::NotNegative(of) => declared.not_negative(self.name).map(of),
            Reads::Own(read) => read(declared),
        }
    }
}

/// Where a kind's key stands, and what behind it.
pub(crate) struct Declared<'a> {
    pub reading: &'a Reading<'a>,
    /// The measure, for messages.
    pub who: &'a str,
    pub of: &'a Node,
    pub book: &'a Arc<Vec<Price>>,
    /// Bounds of the event type's fields.
    pub bounds: &'a [Bound],
}

impl Declared<'_> {
    /// The path of a field of that type.
    fn path(&self, key: &str, wanted: FieldType) -> Option<String> {
        let path = self.reading.file.text(self.of, key)?;
        let fits = self.reading.field(self.of, path, self.who, &[wanted]);
        fits.then(|| path.to_string())
    }

    /// A number: a field, or an expression over fields.
    fn number(&self, key: &str) -> Option<Input> {
        let reading = self.reading;
        if fields::is_path(reading.file.text(self.of, key)?, reading.schema) {
            return self.path(key, FieldType::Number).map(Input::Field);
        }
        let over = Over {
            events: &[(reading.event, reading.schema)],
            who: self.who,
            because: "",
        };
        let (expr, tree) = over.number(reading.file, self.of)?;
        if !expr::varies(&tree) {
            reading.file.say(
                self.of.at,
                codes::CATALOG_IMPOSSIBLE,
                format!("{} asks nothing of the event", self.who),
                "name a field, or count events with `count: true`",
            );
            return None;
        }
        let range = fields::range(&expr, &tree, self.bounds);
        Some(Input::Computed(Computed { expr, range }))
    }

    /// As [`Declared::number`]; what an expression comes to must not be negative.
    fn not_negative(&self, key: &str) -> Option<Input> {
        let input = self.number(key)?;
        if let Input::Computed(c) = &input
            && c.range.0 < 0.0
        {
            self.reading.file.say(
                self.of.at,
                codes::CATALOG_IMPOSSIBLE,
                format!("{} spreads what may be negative", self.who),
                format!(
                    "bound its fields with `min: 0`, or write `max({}, 0)`",
                    c.expr.source
                ),
            );
            return None;
        }
        Some(input)
    }

    /// A way of pricing that says nothing yet.
    fn no_cost(&self) -> CostDef {
        CostDef {
            reported: None,
            provider: String::new(),
            model: String::new(),
            tokens: Vec::new(),
            book: self.book.clone(),
        }
    }
}

impl MeasureKind {
    /// The kind that a key of the catalog's files names, of a field. `None`: there is no such kind,
    /// or it reads no single field.
    pub fn of_field(name: &str, path: &str) -> Option<MeasureKind> {
        match KINDS.into_iter().find(|k| k.name == name)?.reads {
            Reads::Field(_, of) => Some(of(path.to_string())),
            Reads::Number(of) | Reads::NotNegative(of) => Some(of(path.into())),
            Reads::Own(_) => None,
        }
    }

    pub(crate) fn kind(&self) -> &'static Kind {
        match self {
            MeasureKind::Count => &count::KIND,
            MeasureKind::Sum(_) => &sum::KIND,
            MeasureKind::Min(_) => &extreme::MIN,
            MeasureKind::Max(_) => &extreme::MAX,
            MeasureKind::SumSq(_) => &sumsq::KIND,
            MeasureKind::Last(_) => &last::KIND,
            MeasureKind::Distribution(_) => &distribution::KIND,
            MeasureKind::Distinct(_) => &distinct::KIND,
            MeasureKind::Cost(_) => &cost::KIND,
            MeasureKind::Unpriced(_) => &unpriced::KIND,
        }
    }

    /// Its key in the catalog's files: `count`, `sum`, `cost`, ...
    pub fn label(&self) -> &'static str {
        self.kind().name
    }

    /// What it makes of its events, for people, e.g. `sum of`; what it reads comes behind it.
    pub fn words(&self) -> &'static str {
        self.kind().words
    }

    /// How it adds up.
    pub fn accumulator(&self) -> Accumulator {
        self.kind().accumulator
    }

    /// What it takes its number from, if it takes one.
    pub fn input(&self) -> Option<&Input> {
        match self {
            MeasureKind::Sum(i)
            | MeasureKind::Min(i)
            | MeasureKind::Max(i)
            | MeasureKind::SumSq(i)
            | MeasureKind::Last(i)
            | MeasureKind::Distribution(i) => Some(i),
            MeasureKind::Count
            | MeasureKind::Distinct(_)
            | MeasureKind::Cost(_)
            | MeasureKind::Unpriced(_) => None,
        }
    }

    /// The field it reads; empty for counts, costs and expressions.
    pub fn path(&self) -> &str {
        match (self, self.input()) {
            (_, Some(Input::Field(p))) | (MeasureKind::Distinct(p), _) => p,
            _ => "",
        }
    }

    /// How its number is computed, where it is not a field's.
    pub fn computed(&self) -> Option<&Computed> {
        match self.input()? {
            Input::Computed(c) => Some(c),
            Input::Field(_) => None,
        }
    }

    /// Smallest and largest number that an event gives it.
    fn input_range(&self, event: &EventDef) -> (f64, f64) {
        match self.computed() {
            Some(c) => c.range,
            None => event.field_range(self.path()),
        }
    }

    /// Smallest and largest sum of any number of these.
    fn sum_range(&self, event: &EventDef) -> (f64, f64) {
        let (lo, hi) = self.input_range(event);
        (
            if lo >= 0.0 { 0.0 } else { f64::NEG_INFINITY },
            if hi <= 0.0 { 0.0 } else { f64::INFINITY },
        )
    }

    /// How it prices, if it does.
    pub fn pricing(&self) -> Option<&CostDef> {
        match self {
            MeasureKind::Cost(c) | MeasureKind::Unpriced(c) => Some(c),
            _ => None,
        }
    }

    /// Whether it has statistics instead of one number.
    pub(crate) fn has_statistics(&self) -> bool {
        matches!(self, MeasureKind::Distribution(_))
    }

    /// Whether a statistic of it can be the size of a sample.
    pub(crate) fn is_sample(&self, stat: Stat) -> bool {
        stat == Stat::Count || (stat == Stat::Value && self.kind().sample)
    }

    /// Smallest and largest value of a statistic.
    pub(crate) fn range(&self, event: &EventDef, stat: Stat) -> (f64, f64) {
        match stat {
            Stat::Count => (0.0, f64::INFINITY),
            Stat::Sum => self.sum_range(event),
            Stat::Mean | Stat::Min | Stat::Max | Stat::Percentile(_) => self.input_range(event),
            Stat::Value => (self.kind().range)(self, event),
        }
    }

    /// Whether its number can only grow while its window is open.
    pub(crate) fn only_grows(&self, event: &EventDef) -> bool {
        (self.kind().grows)(self, event)
    }
}

impl EventDef {
    /// Smallest and largest value of a field.
    fn field_range(&self, path: &str) -> (f64, f64) {
        let b = self.bounds.iter().find(|b| b.path == path);
        (
            b.and_then(|b| b.min).unwrap_or(f64::NEG_INFINITY),
            b.and_then(|b| b.max).unwrap_or(f64::INFINITY),
        )
    }
}

/// The range of what is counted.
fn any_count(_: &MeasureKind, _: &EventDef) -> (f64, f64) {
    (0.0, f64::INFINITY)
}

/// The range of what is one of the numbers that it takes.
fn one_value(kind: &MeasureKind, event: &EventDef) -> (f64, f64) {
    kind.input_range(event)
}

fn always(_: &MeasureKind, _: &EventDef) -> bool {
    true
}

fn never(_: &MeasureKind, _: &EventDef) -> bool {
    false
}
