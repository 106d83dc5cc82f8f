//! `min: field` and `max: field`: smallest and largest value.

use super::{Kind, MeasureKind, Reads, always, never, one_value};
use weir_model::measure::Accumulator;

pub(super) const MIN: Kind = Kind {
    name: "min",
    meaning: "Min",
    words: "smallest",
    unit: "",
    accumulator: Accumulator::Min,
    reads: Reads::Number(MeasureKind::Min),
    sample: false,
    range: one_value,
    grows: never,
};

pub(super) const MAX: Kind = Kind {
    name: "max",
    meaning: "Max",
    words: "largest",
    unit: "",
    accumulator: Accumulator::Max,
    reads: Reads::Number(MeasureKind::Max),
    sample: false,
    range: one_value,
    grows: always,
};
