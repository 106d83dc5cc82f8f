//! Value of the latest event.

use super::{Accumulator, Sample, put_branch};
use crate::Micros;
use crate::avro::{Cursor, DecodeError};
use crate::records::{AggregateWriter, Field};
use serde::{Deserialize, Serialize};

/// See [`super::MeasureValue::Last`].
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Last {
    /// Event time of the winner.
    pub at: Micros,
    /// Identity hash of the winner: decides between equal times (the larger wins).
    pub id: u64,
    /// Its value.
    pub value: f64,
}

impl Last {
    /// Whether it is later than `other`: by time, then by id, then by value.
    pub fn follows(&self, other: &Last) -> bool {
        (self.at, self.id)
            .cmp(&(other.at, other.id))
            .then(self.value.total_cmp(&other.value))
            .is_gt()
    }
}

/// Adds one event.
pub(super) fn add(last: &mut Option<Last>, sample: &Sample) {
    let (at, id, value) = (sample.at, sample.id, sample.value);
    merge(last, Some(&Last { at, id, value }));
}

/// Adds another latest value.
pub(super) fn merge(last: &mut Option<Last>, other: Option<&Last>) {
    if let Some(other) = other
        && last.as_ref().is_none_or(|last| other.follows(last))
    {
        *last = Some(other.clone());
    }
}

impl AggregateWriter {
    /// [`super::MeasureValue::Last`]
    pub fn last(&mut self, v: Option<Last>) {
        let out = self.value();
        put_branch(Accumulator::Last, out);
        match v {
            None => out.push(0),
            Some(last) => {
                out.push(2);
                last.at.put(out);
                last.id.put(out);
                last.value.put(out);
            }
        }
    }
}

pub(super) fn get(c: &mut Cursor<'_>) -> Result<Option<(Micros, u64, f64)>, DecodeError> {
    match c.long()? {
        0 => Ok(None),
        1 => Ok(Some((Micros::get(c)?, u64::get(c)?, f64::get(c)?))),
        _ => Err(DecodeError::BadIndex),
    }
}

#[cfg(test)]
pub(super) mod tests {
    #![allow(clippy::unwrap_used)]

    use super::super::MeasureValue;
    use super::Last;
    use crate::Micros;
    use crate::records::tests::{Oracle, double, field, float, long, micros, opt};
    use proptest::prelude::*;

    pub fn any_value() -> impl Strategy<Value = MeasureValue> {
        opt((micros(), any::<u64>(), float()).prop_map(|(at, id, value)| Last { at, id, value }))
            .prop_map(MeasureValue::Last)
    }
    pub fn value_of(v: &Oracle) -> MeasureValue {
        MeasureValue::Last(match field(v, "last") {
            Oracle::Union(1, l) => Some(Last {
                at: Micros(long(field(l, "at"))),
                id: long(field(l, "id")) as u64,
                value: double(field(l, "value")).unwrap(),
            }),
            _ => None,
        })
    }
}
