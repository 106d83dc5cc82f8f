//! `count: true`: number of events.

use super::{Declared, Kind, MeasureKind, Reads, always, any_count};
use crate::yaml::Value;
use weir_model::codes;
use weir_model::measure::Accumulator;

pub(super) const KIND: Kind = Kind {
    name: "count",
    meaning: "Count",
    words: "count of events",
    unit: "events",
    accumulator: Accumulator::Count,
    reads: Reads::Own(read),
    sample: true,
    range: any_count,
    grows: always,
};

fn read(d: &Declared<'_>) -> Option<MeasureKind> {
    if !matches!(d.of.value, Value::Bool(true)) {
        d.reading.file.say(
            d.of.at,
            codes::CATALOG_SYNTAX,
            "count counts events, not a field",
            "write `count: true`",
        );
    }
    Some(MeasureKind::Count)
}
