//! Smallest and largest value: absent until there is one.

use super::{Accumulator, Sample, put_branch};
use crate::avro::{Cursor, DecodeError};
use crate::records::{AggregateWriter, Field};

/// Adds one event. `pick`: which of two values stays.
pub(super) fn add(extreme: &mut Option<f64>, sample: &Sample, pick: fn(f64, f64) -> f64) {
    merge(extreme, Some(sample.value), pick);
}

/// Adds another extreme.
pub(super) fn merge(extreme: &mut Option<f64>, other: Option<f64>, pick: fn(f64, f64) -> f64) {
    *extreme = [*extreme, other].into_iter().flatten().reduce(pick);
}

impl AggregateWriter {
    /// [`super::MeasureValue::Min`]
    pub fn min(&mut self, v: Option<f64>) {
        self.extreme(Accumulator::Min, v);
    }
    /// [`super::MeasureValue::Max`]
    pub fn max(&mut self, v: Option<f64>) {
        self.extreme(Accumulator::Max, v);
    }
    fn extreme(&mut self, accumulator: Accumulator, v: Option<f64>) {
        let out = self.value();
        put_branch(accumulator, out);
        v.put(out);
    }
}

pub(super) fn get(c: &mut Cursor<'_>) -> Result<Option<f64>, DecodeError> {
    Field::get(c)
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::MeasureValue;
    use crate::records::tests::{Oracle, double, field, float, opt};
    use proptest::prelude::*;

    pub fn any_least() -> impl Strategy<Value = MeasureValue> {
        opt(float()).prop_map(MeasureValue::Min)
    }
    pub fn any_most() -> impl Strategy<Value = MeasureValue> {
        opt(float()).prop_map(MeasureValue::Max)
    }
    pub fn least_of(v: &Oracle) -> MeasureValue {
        MeasureValue::Min(double(field(v, "min")))
    }
    pub fn most_of(v: &Oracle) -> MeasureValue {
        MeasureValue::Max(double(field(v, "max")))
    }
}
