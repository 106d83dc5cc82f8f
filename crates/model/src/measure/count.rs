//! Number of events.

use super::{Accumulator, put_branch};
use crate::avro::{Cursor, DecodeError};
use crate::records::{AggregateWriter, Field};

/// Adds one event.
pub(super) fn add(n: &mut u64) {
    merge(n, 1);
}

/// Adds another count.
pub(super) fn merge(n: &mut u64, other: u64) {
    *n = n.saturating_add(other);
}

/// As a number.
pub(super) fn number(n: u64) -> f64 {
    n as f64
}

impl AggregateWriter {
    /// [`super::MeasureValue::Count`]
    pub fn count(&mut self, n: u64) {
        let out = self.value();
        put_branch(Accumulator::Count, out);
        n.put(out);
    }
}

pub(super) fn get(c: &mut Cursor<'_>) -> Result<u64, DecodeError> {
    u64::get(c)
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::MeasureValue;
    use crate::records::tests::{Oracle, field, long};
    use proptest::prelude::*;

    pub fn any_value() -> impl Strategy<Value = MeasureValue> {
        any::<u64>().prop_map(MeasureValue::Count)
    }
    pub fn value_of(v: &Oracle) -> MeasureValue {
        MeasureValue::Count(long(field(v, "count")) as u64)
    }
}
