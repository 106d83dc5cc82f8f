//! Value of the latest event. Packed: a float, or byte 0 for none, then time (zigzag varint) and id
//! (8 bytes). Live: three words, value (not a number while there is none), time and id.

use super::cost::Event;
use super::number::{float, put_float};
use super::slots::number;
use super::{Delta, Live, Packed, Spill};
use crate::{EngineError, varint};
use weir_model::Micros;
use weir_model::avro::Value;
use weir_model::measure::{Last, MeasureValue};

pub(super) enum Latest {}

impl Packed for Latest {
    #[inline]
    fn decode(row: &mut &[u8]) -> Result<MeasureValue, EngineError> {
        let Some(value) = float(row)? else {
            return Ok(MeasureValue::Last(None));
        };
        let at = Micros(varint::i64(row)?);
        let mut id = [0; 8];
        id.copy_from_slice(varint::take(row, 8)?);
        Ok(MeasureValue::Last(Some(Last {
            at,
            id: u64::from_le_bytes(id),
            value,
        })))
    }

    fn encode(value: &MeasureValue, out: &mut Vec<u8>) {
        match value {
            MeasureValue::Last(Some(last)) => put(out, last),
            _ => out.push(0),
        }
    }
}

fn put(out: &mut Vec<u8>, last: &Last) {
    put_float(out, Some(last.value));
    varint::put_i64(out, last.at.0);
    out.extend_from_slice(&last.id.to_le_bytes());
}

impl Live for Latest {
    const EMPTY: &'static [u64] = &[f64::NAN.to_bits(), 0, 0];

    fn merge(from: &[u64], into: &mut [u64], _: &mut Spill) {
        if let Some(last) = read(from)
            && let Some(into) = into.first_chunk_mut()
        {
            add(into, (last.at.0, last.id, last.value));
        }
    }

    fn pack(words: &[u64], _: &mut Spill, out: &mut Vec<u8>) {
        match read(words) {
            Some(last) => put(out, &last),
            None => out.push(0),
        }
    }
}

#[inline(always)]
fn read(words: &[u64]) -> Option<Last> {
    let value = f64::from_bits(words[0]);
    (!value.is_nan()).then(|| Last {
        at: Micros(words[1] as i64),
        id: words[2],
        value,
    })
}

/// Adds a value with its time and id.
#[inline(always)]
pub(super) fn add(words: &mut [u64; 3], (at, id, value): (i64, u64, f64)) {
    let last = Last {
        at: Micros(at),
        id,
        value,
    };
    if read(words).is_none_or(|old| last.follows(&old)) {
        *words = [value.to_bits(), at as u64, id];
    }
}

/// What an event adds.
pub(super) fn delta(value: &Value, event: &Event<'_>) -> Option<Delta> {
    number(value).map(|v| Delta::Last {
        at: event.t.0,
        id: event.id,
        value: v + 0.0,
    })
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::number::tests::any_float;
    use proptest::prelude::*;
    use weir_model::Micros;
    use weir_model::measure::Last;
    use weir_model::measure::MeasureValue;

    pub fn any_value() -> impl Strategy<Value = MeasureValue> {
        let last = (any::<i64>(), any::<u64>(), any_float()).prop_map(|(at, id, value)| Last {
            at: Micros(at),
            id,
            value,
        });
        prop::option::of(last).prop_map(MeasureValue::Last)
    }
}
