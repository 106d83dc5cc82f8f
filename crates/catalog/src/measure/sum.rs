//! `sum: field`: exact sum of a number.

use super::{Kind, MeasureKind, Reads};
use crate::avro::FieldType;
use weir_model::measure::Accumulator;

pub(super) const KIND: Kind = Kind {
    name: "sum",
    meaning: "Sum",
    unit: "",
    accumulator: Accumulator::Sum,
    reads: Reads::Field(FieldType::Number, MeasureKind::Sum),
    sample: true,
    range: |kind, event| event.sum_range(kind.path()),
    grows: |kind, event| event.sum_range(kind.path()).0 >= 0.0,
};
