//! Exact sum of squares, from which a variance is computed. A value is rounded to thousandths
//! first, so that its square is a whole number of millionths.

use super::{Accumulator, Sample, put_branch, sum};
use crate::Fixed;
use crate::fixed::{SQUARES, nearest};
use crate::records::AggregateWriter;

/// Adds one event.
pub(super) fn add(sum: &mut Fixed, sample: &Sample) {
    sum::merge(sum, square(sample.value));
}

/// The square of a value in millionths; what is larger than 1e12 counts as that.
pub fn square(v: f64) -> Fixed {
    let thousandths = (v.clamp(-1e12, 1e12) * 1000.0).round_ties_even() as i128;
    Fixed(thousandths * thousandths)
}

/// The float nearest to a sum of squares.
pub fn in_units(sum: Fixed) -> f64 {
    nearest(sum.0, SQUARES)
}

impl AggregateWriter {
    /// [`super::MeasureValue::SumSq`]
    pub fn sum_sq(&mut self, v: Fixed) {
        let out = self.value();
        put_branch(Accumulator::SumSq, out);
        sum::put(out, v);
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::MeasureValue;
    use crate::records::tests::{Oracle, decimal, field, number};
    use proptest::prelude::*;

    pub fn any_value() -> impl Strategy<Value = MeasureValue> {
        number().prop_map(MeasureValue::SumSq)
    }
    pub fn value_of(v: &Oracle) -> MeasureValue {
        MeasureValue::SumSq(decimal(field(v, "sum_sq")))
    }
}
