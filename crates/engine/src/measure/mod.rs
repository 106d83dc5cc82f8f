//! Measures as the engine folds them. One file per kind; this file is the list of them.
//!
//! An accumulator is defined by its plain form ([`weir_model::measure::MeasureValue`]): values in,
//! a value out. The engine holds values in two other forms, each held to the plain one by tests:
//!
//! - *packed*, the bytes of a row ([`Packed`]): what partials carry and stage 2 merges. A kind must
//!   say how its value becomes bytes and back; merging, skipping and reading a statistic then work
//!   through the plain form, until a kind has a reason to be faster.
//! - *live*, words that change in place ([`Live`]): what stage 1 adds events to between two
//!   commits.

/// Evaluates an expression with a type that stands for an accumulator.
macro_rules! of {
    ($accumulator:expr, $kind:ident => $body:expr) => {
        match $accumulator {
            Accumulator::Count => {
                type $kind = $crate::measure::count::Count;
                $body
            }
            Accumulator::Sum => {
                type $kind = $crate::measure::sum::Sum;
                $body
            }
            Accumulator::Min => {
                type $kind = $crate::measure::extreme::Min;
                $body
            }
            Accumulator::Max => {
                type $kind = $crate::measure::extreme::Max;
                $body
            }
            Accumulator::SumSq => {
                type $kind = $crate::measure::sumsq::SumSq;
                $body
            }
            Accumulator::Last => {
                type $kind = $crate::measure::last::Latest;
                $body
            }
            Accumulator::Distribution => {
                type $kind = $crate::measure::distribution::Spread;
                $body
            }
            Accumulator::Distinct => {
                type $kind = $crate::measure::distinct::Distinct;
                $body
            }
        }
    };
}

mod cost;
mod count;
mod distinct;
mod distribution;
pub(crate) mod event;
mod extreme;
mod fields;
mod last;
mod live;
mod number;
mod one;
mod pool;
mod row;
pub(crate) mod slots;
mod sum;
mod sumsq;
#[cfg(test)]
mod tests;
mod unpriced;

pub(crate) use live::Words;
pub use one::{OneMeasure, PricedBy};
pub use row::{Layout, bins, decode, encode, merge, stat, stat_of_merged, write};

use crate::EngineError;
use cost::{Costs, Event};
use fields::Expressions;
use live::each;
use slots::{Slots, number};
use weir_catalog::types::{Computed, Input, MeasureKind};
use weir_model::avro::Value;
use weir_model::measure::{Accumulator, Distribution, Last, MeasureValue, Stat};
use weir_model::records::AggregateWriter;
use weir_model::{Fixed, Micros};

/// How a value stands in the bytes of a row. Equal values have equal bytes, and every accumulator
/// writes "empty" as one byte 0.
trait Packed {
    /// Takes a value. Fails where bytes are damaged.
    fn decode(row: &mut &[u8]) -> Result<MeasureValue, EngineError>;

    /// Appends a value; one of another accumulator as an empty one.
    fn encode(value: &MeasureValue, out: &mut Vec<u8>);

    /// Appends the merge of the values that `a` and `b` begin with, and takes them.
    #[inline]
    fn merge<'a>(a: &mut &'a [u8], b: &mut &'a [u8], out: &mut Vec<u8>) -> Result<(), EngineError> {
        let mut value = Self::decode(a)?;
        value.merge(&Self::decode(b)?);
        Self::encode(&value, out);
        Ok(())
    }

    /// Writes a value as the next measure of an aggregate.
    #[inline]
    fn write(row: &mut &[u8], writer: &mut AggregateWriter) -> Result<(), EngineError> {
        writer.measure(&Self::decode(row)?);
        Ok(())
    }

    /// Passes over a value; refuses what reading it refuses.
    #[inline]
    fn skip(row: &mut &[u8]) -> Result<(), EngineError> {
        Self::decode(row).map(drop)
    }

    /// One statistic of a value; what follows on it in `row` need not be found.
    #[inline]
    fn stat(row: &mut &[u8], stat: Stat) -> Result<Option<f64>, EngineError> {
        Ok(Self::decode(row)?.stat(stat))
    }
}

/// How a value stands in the words of a row of stage 1.
trait Live {
    /// The words without events.
    const EMPTY: &'static [u64];

    /// Merges words into others.
    fn merge(from: &[u64], into: &mut [u64], spill: &mut Spill);

    /// Appends the packed value.
    fn pack(words: &[u64], spill: &mut Spill, out: &mut Vec<u8>);
}

/// What did not fit into the words of rows.
#[derive(Debug, Default)]
pub(crate) struct Spill {
    sums: sum::Wide,
    bins: distribution::Spilled,
    hashes: distinct::Spilled,
}

impl Spill {
    /// Forgets everything, keeps the room.
    pub fn clear(&mut self) {
        self.sums.clear();
        self.bins.clear();
        self.hashes.clear();
    }

    /// Bytes in use, about.
    pub fn bytes(&self) -> usize {
        self.sums.bytes() + self.bins.bytes() + self.hashes.bytes()
    }
}

/// What one event adds to one measure.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Delta {
    Count,
    /// Sums, and sums of squares.
    Sum(i128),
    Min(f64),
    Max(f64),
    Last {
        at: i64,
        id: u64,
        value: f64,
    },
    Value {
        value: f64,
        sum: i128,
        bin: u16,
    },
    Hash(u64),
}

impl Delta {
    /// The value of a measure that this is all of.
    fn value(self, accumulator: Accumulator) -> MeasureValue {
        match (self, accumulator) {
            (Delta::Count, _) => MeasureValue::Count(1),
            (Delta::Sum(v), Accumulator::SumSq) => MeasureValue::SumSq(Fixed(v)),
            (Delta::Sum(v), _) => MeasureValue::Sum(Fixed(v)),
            (Delta::Min(v), _) => MeasureValue::Min(Some(v)),
            (Delta::Max(v), _) => MeasureValue::Max(Some(v)),
            (Delta::Last { at, id, value }, _) => {
                let at = Micros(at);
                MeasureValue::Last(Some(Last { at, id, value }))
            }
            (Delta::Value { value, sum, bin }, _) => MeasureValue::Distribution(Distribution {
                count: 1,
                sum: Fixed(sum),
                min: value,
                max: value,
                bins: vec![(bin, 1)],
            }),
            (Delta::Hash(hash), _) => MeasureValue::Distinct(vec![hash]),
        }
    }
}

/// Adds what one event says (each with the offset of its measure) to several rows of an arena,
/// given by where they start. All rows of one measure come before the next measure: which kind it
/// is, is asked once.
#[inline]
pub(crate) fn add(arena: &mut [u64], rows: &[usize], deltas: &[(usize, Delta)], spill: &mut Spill) {
    for (offset, delta) in deltas {
        let at = rows.iter().map(|row| row + offset);
        match *delta {
            Delta::Count => each(arena, at, count::add),
            Delta::Sum(v) => each(arena, at, |[w]| spill.sums.add(w, v)),
            Delta::Min(v) => each(arena, at, |w| extreme::add_least(w, v)),
            Delta::Max(v) => each(arena, at, |w| extreme::add_most(w, v)),
            Delta::Last { at: t, id, value } => each(arena, at, |w| last::add(w, (t, id, value))),
            Delta::Value { value, sum, bin } => {
                each(arena, at, |w| {
                    distribution::add(w, (value, sum, bin), spill)
                });
            }
            Delta::Hash(hash) => each(arena, at, |w| spill.hashes.add(w, hash)),
        }
    }
}

/// Fetches the memory that [`add`] will change outside of the rows.
#[inline]
pub(crate) fn prefetch_spilled(
    arena: &[u64],
    rows: &[usize],
    deltas: &[(usize, Delta)],
    spill: &Spill,
) {
    for (offset, delta) in deltas {
        let words = rows.iter().filter_map(|row| arena.get(row + offset));
        match *delta {
            Delta::Value { bin, .. } => words.for_each(|w| spill.bins.prefetch(*w, bin)),
            Delta::Hash(_) => words.for_each(|w| spill.hashes.prefetch(*w)),
            _ => {}
        }
    }
}

/// What measures compute of an event, shared among them.
#[derive(Debug, Default)]
struct Shared {
    costs: Costs,
    expressions: Expressions,
    /// Of the measures of an expression: its index, and what takes its value out of a row that is
    /// nothing but this value.
    computed: Vec<(usize, Source)>,
}

impl Shared {
    /// Forgets the last event.
    #[inline]
    fn next_event(&mut self) {
        self.costs.next_event();
        self.expressions.next_event();
    }
}

/// What a measure takes out of a decoded event: slots of its values, or an index of what is
/// [`Shared`].
#[derive(Debug, Clone, Copy)]
enum Source {
    Count,
    Sum(usize),
    Min(usize),
    Max(usize),
    SumSq(usize),
    Last(usize),
    Distribution(usize),
    Distinct(usize),
    Cost(usize),
    Unpriced(usize),
    Computed(usize),
}

impl Source {
    fn new(kind: &MeasureKind, slots: &mut Slots, shared: &mut Shared) -> Source {
        match kind {
            MeasureKind::Count => Source::Count,
            MeasureKind::Sum(i) => Source::number(i, Source::Sum, slots, shared),
            MeasureKind::Min(i) => Source::number(i, Source::Min, slots, shared),
            MeasureKind::Max(i) => Source::number(i, Source::Max, slots, shared),
            MeasureKind::SumSq(i) => Source::number(i, Source::SumSq, slots, shared),
            MeasureKind::Last(i) => Source::number(i, Source::Last, slots, shared),
            MeasureKind::Distribution(i) => Source::number(i, Source::Distribution, slots, shared),
            MeasureKind::Distinct(p) => Source::Distinct(slots.number(p)),
            MeasureKind::Cost(c) => Source::Cost(shared.costs.of(c, slots)),
            MeasureKind::Unpriced(c) => Source::Unpriced(shared.costs.of(c, slots)),
        }
    }

    fn number(
        input: &Input,
        of_slot: fn(usize) -> Source,
        slots: &mut Slots,
        shared: &mut Shared,
    ) -> Source {
        match input {
            Input::Field(path) => of_slot(slots.number(path)),
            Input::Computed(Computed { expr, .. }) => {
                let expression = shared.expressions.of(expr, slots);
                shared.computed.push((expression, of_slot(0)));
                Source::Computed(shared.computed.len() - 1)
            }
        }
    }

    /// What an event adds; `None`: nothing.
    #[inline]
    fn delta(self, event: &Event<'_>, shared: &mut Shared) -> Option<Delta> {
        let value = |slot: usize| -> &Value<'_> { &event.row[slot] };
        match self {
            Source::Count => Some(Delta::Count),
            Source::Sum(s) => sum::delta(value(s)),
            Source::Min(s) => number(value(s)).map(|v| Delta::Min(v + 0.0)),
            Source::Max(s) => number(value(s)).map(|v| Delta::Max(v + 0.0)),
            Source::SumSq(s) => sumsq::delta(value(s)),
            Source::Last(s) => last::delta(value(s), event),
            Source::Distribution(s) => distribution::delta(value(s)),
            Source::Distinct(s) => distinct::delta(value(s)),
            Source::Cost(c) => cost::delta(c, event, &mut shared.costs),
            Source::Unpriced(c) => unpriced::delta(c, event, &mut shared.costs),
            Source::Computed(c) => computed(c, event, shared),
        }
    }
}

/// What the value of an expression adds. Out of the way of measures of a field.
#[inline(never)]
fn computed(index: usize, event: &Event<'_>, shared: &mut Shared) -> Option<Delta> {
    let (expression, source) = shared.computed[index];
    let value = shared.expressions.value(expression, event.row)?;
    if value.abs() > Fixed::LIMIT {
        return None;
    }
    let event = Event {
        row: &[Value::Float(value)],
        ..*event
    };
    source.delta(&event, shared)
}
