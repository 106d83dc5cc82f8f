//! `last: field`: value of the latest event.

use super::{Kind, MeasureKind, Reads, never, one_value};
use weir_model::measure::Accumulator;

pub(super) const KIND: Kind = Kind {
    name: "last",
    meaning: "Last",
    words: "newest",
    unit: "",
    accumulator: Accumulator::Last,
    reads: Reads::Number(MeasureKind::Last),
    sample: false,
    range: one_value,
    grows: never,
};
