//! `distribution: field`: count, sum, extremes and percentiles. It has statistics instead of one
//! number.

use super::{Kind, MeasureKind, Reads, never, one_value};
use weir_model::measure::Accumulator;

pub(super) const KIND: Kind = Kind {
    name: "distribution",
    meaning: "Distribution",
    words: "distribution of",
    unit: "",
    accumulator: Accumulator::Distribution,
    reads: Reads::NotNegative(MeasureKind::Distribution),
    sample: false,
    range: one_value,
    grows: never,
};
