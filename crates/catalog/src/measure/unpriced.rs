//! `unpriced: measure`: number of events that a cost measure could not price. The measure is looked
//! up when all are read.

use super::{Kind, MeasureKind, Reads, always, any_count};
use weir_model::measure::Accumulator;

pub(super) const KIND: Kind = Kind {
    name: "unpriced",
    meaning: "unpriced",
    unit: "events",
    accumulator: Accumulator::Count,
    reads: Reads::Own(|d| Some(MeasureKind::Unpriced(d.no_cost()))),
    sample: false,
    range: any_count,
    grows: always,
};
