//! `distinct: field`: how many different texts a field has. Not early: an estimate may shrink a
//! little.

use super::{Kind, MeasureKind, Reads, any_count, never};
use crate::avro::FieldType;
use weir_model::measure::Accumulator;

pub(super) const KIND: Kind = Kind {
    name: "distinct",
    meaning: "Distinct",
    words: "different",
    unit: "",
    accumulator: Accumulator::Distinct,
    reads: Reads::Field(FieldType::Text, MeasureKind::Distinct),
    sample: true,
    range: any_count,
    grows: never,
};
