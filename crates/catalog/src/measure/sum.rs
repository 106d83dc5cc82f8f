//! `sum: field`: exact sum of a number.

use super::{Kind, MeasureKind, Reads};
use weir_model::measure::Accumulator;

pub(super) const KIND: Kind = Kind {
    name: "sum",
    meaning: "Sum",
    words: "sum of",
    unit: "",
    accumulator: Accumulator::Sum,
    reads: Reads::Number(MeasureKind::Sum),
    sample: true,
    range: |kind, event| kind.sum_range(event),
    grows: |kind, event| kind.sum_range(event).0 >= 0.0,
};
