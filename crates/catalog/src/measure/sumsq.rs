//! `sumsq: field`: exact sum of squares.

use super::{Kind, MeasureKind, Reads, any_count, never};
use weir_model::measure::Accumulator;

pub(super) const KIND: Kind = Kind {
    name: "sumsq",
    meaning: "SumSq",
    words: "sum of squares of",
    unit: "",
    accumulator: Accumulator::SumSq,
    reads: Reads::Number(MeasureKind::SumSq),
    sample: false,
    range: any_count,
    grows: never,
};
