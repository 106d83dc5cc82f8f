//! Rows of measure values, encoded canonically: equal values have equal bytes. Partials, window state and
//! snapshots hold these bytes as they are, so what a series costs in memory is what it costs on the wire.
//!
//! A row is its measures one after the other, in order of declaration:
//!
//! | kind | bytes |
//! |---|---|
//! | count | varint |
//! | sum, sum of squares | zigzag varint whose first byte also says by which power of 1000 it was divided |
//! | min, max | a float (below), absent is byte 0 |
//! | last | a float or absent, then time (zigzag varint) and id (8 bytes) |
//! | distribution | `count * 2 + simple`; nothing more if empty; a simple one (one value) is its float; else sum, min, max, bins |
//! | distinct | varint number of hashes, then each in 8 bytes, ascending |
//!
//! Bins are ascending, each `(step * 2 + many)` and, if `many`, `count - 1`; the first step is counted from the
//! bin of the minimum; a byte 0 ends them (no other byte of them is 0). A float is a varint: 0 absent, 1 to 8
//! so many leading bytes follow, else it is thousandths (zigzag) plus 9.

mod bins;
pub(crate) use bins::bin;
pub(crate) mod live;
mod scalar;
mod smallest;
#[cfg(test)]
mod tests;
mod theta;

use crate::EngineError;
use crate::varint;
use weir_catalog::types::{EventDef, MeasureKind, Stat};
use weir_model::records::{AggregateWriter, Last, MeasureValue};
use weir_model::{Fixed, Micros};

/// What a measure accumulates, as far as its encoding goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Count,
    Sum,
    Min,
    Max,
    SumSq,
    Last,
    Distribution,
    Distinct,
}

/// The measures of an event type, in order: what is needed to read a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    kinds: Vec<Kind>,
}

impl Layout {
    /// The layout of an event type's rows.
    pub fn new(event: &EventDef) -> Layout {
        Layout {
            kinds: event.measures.iter().map(|m| Kind::of(&m.kind)).collect(),
        }
    }

    /// Number of measures.
    pub fn measures(&self) -> usize {
        self.kinds.len()
    }

    pub(crate) fn kinds(&self) -> &[Kind] {
        &self.kinds
    }
}

impl Kind {
    fn of(kind: &MeasureKind) -> Kind {
        match kind {
            MeasureKind::Count | MeasureKind::Unpriced(_) => Kind::Count,
            MeasureKind::Sum(_) | MeasureKind::Cost(_) => Kind::Sum,
            MeasureKind::Min(_) => Kind::Min,
            MeasureKind::Max(_) => Kind::Max,
            MeasureKind::SumSq(_) => Kind::SumSq,
            MeasureKind::Last(_) => Kind::Last,
            MeasureKind::Distribution(_) => Kind::Distribution,
            MeasureKind::Distinct(_) => Kind::Distinct,
        }
    }
}

/// Appends the merge of two rows to `out`: associative and commutative. Fails where bytes are damaged.
pub fn merge(layout: &Layout, a: &[u8], b: &[u8], out: &mut Vec<u8>) -> Result<(), EngineError> {
    let (mut a, mut b) = (a, b);
    out.reserve(a.len() + b.len());
    for kind in &layout.kinds {
        merge_one(*kind, &mut a, &mut b, out)?;
    }
    ended(a)?;
    ended(b)
}

/// Appends the merge of the measure that `a` and `b` begin with.
#[inline]
fn merge_one<'a>(
    kind: Kind,
    a: &mut &'a [u8],
    b: &mut &'a [u8],
    out: &mut Vec<u8>,
) -> Result<(), EngineError> {
    match kind {
        Kind::Count => {
            let n = varint::u64(a)?.saturating_add(varint::u64(b)?);
            varint::put_u64(out, n);
        }
        Kind::Sum | Kind::SumSq => scalar::merge_fixed(a, b, out)?,
        Kind::Min => {
            let v = pick(scalar::float(a)?, scalar::float(b)?, f64::min);
            scalar::put_float(out, v);
        }
        Kind::Max => {
            let v = pick(scalar::float(a)?, scalar::float(b)?, f64::max);
            scalar::put_float(out, v);
        }
        Kind::Last => {
            let (x, y) = (scalar::last(a)?, scalar::last(b)?);
            scalar::put_last(out, later(x, y).as_ref());
        }
        Kind::Distribution => bins::merge(a, b, out)?,
        Kind::Distinct => theta::merge(a, b, out)?,
    }
    Ok(())
}

/// The values of a row.
pub fn decode(layout: &Layout, row: &[u8]) -> Result<Vec<MeasureValue>, EngineError> {
    let mut row = row;
    let mut values = Vec::with_capacity(layout.kinds.len());
    for kind in &layout.kinds {
        let row = &mut row;
        values.push(match kind {
            Kind::Count => MeasureValue::Count(varint::u64(row)?),
            Kind::Sum => MeasureValue::Sum(scalar::fixed(row)?),
            Kind::SumSq => MeasureValue::SumSq(scalar::fixed(row)?),
            Kind::Min => MeasureValue::Min(scalar::float(row)?),
            Kind::Max => MeasureValue::Max(scalar::float(row)?),
            Kind::Last => MeasureValue::Last(scalar::last(row)?),
            Kind::Distribution => MeasureValue::Distribution(bins::decode(row)?),
            Kind::Distinct => MeasureValue::Distinct(theta::decode(row)?),
        });
    }
    ended(row)?;
    Ok(values)
}

/// Writes a row's values as the measures of the open row of `writer`.
pub fn write(layout: &Layout, row: &[u8], writer: &mut AggregateWriter) -> Result<(), EngineError> {
    let mut row = row;
    for kind in &layout.kinds {
        let row = &mut row;
        match kind {
            Kind::Count => writer.count(varint::u64(row)?),
            Kind::Sum => writer.sum(scalar::fixed(row)?),
            Kind::SumSq => writer.sum_sq(scalar::fixed(row)?),
            Kind::Min => writer.min(scalar::float(row)?),
            Kind::Max => writer.max(scalar::float(row)?),
            Kind::Last => writer.last(scalar::last(row)?),
            Kind::Distribution => bins::write(row, writer)?,
            Kind::Distinct => theta::write(row, writer)?,
        }
    }
    ended(row)
}

/// Appends a row. The values must be those of the layout, in its order: a value of another kind is written
/// as an empty one.
pub fn encode(layout: &Layout, values: &[MeasureValue], out: &mut Vec<u8>) {
    for (i, kind) in layout.kinds.iter().enumerate() {
        let value = values.get(i);
        match (kind, value) {
            (Kind::Count, Some(MeasureValue::Count(n))) => varint::put_u64(out, *n),
            (Kind::Sum, Some(MeasureValue::Sum(s))) => scalar::put_fixed(out, *s),
            (Kind::SumSq, Some(MeasureValue::SumSq(s))) => scalar::put_fixed(out, *s),
            (Kind::Min, Some(MeasureValue::Min(v))) => scalar::put_float(out, *v),
            (Kind::Max, Some(MeasureValue::Max(v))) => scalar::put_float(out, *v),
            (Kind::Last, Some(MeasureValue::Last(v))) => scalar::put_last(out, v.as_ref()),
            (Kind::Distribution, Some(MeasureValue::Distribution(d))) => bins::encode(d, out),
            (Kind::Distinct, Some(MeasureValue::Distinct(h))) => theta::encode(h, out),
            // Every kind writes "empty" as one byte 0.
            (_, _) => out.push(0),
        }
    }
}

/// One statistic of one measure, without decoding the rest. `None`: it has no value (an empty distribution's
/// mean, a statistic that the measure does not have).
pub fn stat(
    layout: &Layout,
    row: &[u8],
    measure: usize,
    stat: Stat,
) -> Result<Option<f64>, EngineError> {
    match find(layout, row, measure)? {
        Some((kind, mut input)) => stat_one(kind, &mut input, stat),
        None => Ok(None),
    }
}

/// As [`stat`], of the merge of several rows, of which only that measure is merged. The buffers are for that.
pub fn stat_of_merged<'r>(
    layout: &Layout,
    mut rows: impl Iterator<Item = &'r [u8]>,
    measure: usize,
    wanted: Stat,
    (merged, next): (&mut Vec<u8>, &mut Vec<u8>),
) -> Result<Option<f64>, EngineError> {
    let (first, second) = (rows.next().unwrap_or_default(), rows.next());
    let Some(second) = second else {
        return stat(layout, first, measure, wanted);
    };
    let Some((kind, first)) = find(layout, first, measure)? else {
        return Ok(None);
    };
    merged.clear();
    merged.extend_from_slice(first);
    for row in std::iter::once(second).chain(rows) {
        if let Some((_, input)) = find(layout, row, measure)? {
            next.clear();
            merge_one(kind, &mut merged.as_slice(), &mut &*input, next)?;
            std::mem::swap(merged, next);
        }
    }
    stat_one(kind, &mut merged.as_slice(), wanted)
}

/// A measure's kind, and the row from that measure on.
fn find<'r>(
    layout: &Layout,
    row: &'r [u8],
    measure: usize,
) -> Result<Option<(Kind, &'r [u8])>, EngineError> {
    let Some(kind) = layout.kinds.get(measure) else {
        return Ok(None);
    };
    let mut input = row;
    let row = &mut input;
    for kind in &layout.kinds[..measure] {
        match kind {
            Kind::Count => {
                varint::u64(row)?;
            }
            Kind::Sum | Kind::SumSq => scalar::skip_fixed(row)?,
            Kind::Min | Kind::Max => {
                scalar::float(row)?;
            }
            Kind::Last => {
                scalar::last(row)?;
            }
            Kind::Distribution => bins::skip(row)?,
            Kind::Distinct => theta::skip(row)?,
        }
    }
    Ok(Some((*kind, input)))
}

/// A statistic of the measure that a row begins with.
fn stat_one(kind: Kind, row: &mut &[u8], stat: Stat) -> Result<Option<f64>, EngineError> {
    if let Kind::Distribution = kind {
        return bins::stat(row, stat);
    }
    if stat != Stat::Value {
        return Ok(None);
    }
    Ok(match kind {
        Kind::Count => Some(varint::u64(row)? as f64),
        Kind::Sum => Some(scalar::fixed(row)?.to_f64()),
        Kind::SumSq => Some(sum_of_squares(scalar::fixed(row)?)),
        Kind::Min | Kind::Max => scalar::float(row)?,
        Kind::Last => scalar::last(row)?.map(|l| l.value),
        Kind::Distinct => Some(theta::estimate(row)? as f64),
        Kind::Distribution => None,
    })
}

/// A sum of squares as a float: it is kept in millionths.
pub fn sum_of_squares(sum: Fixed) -> f64 {
    sum.0 as f64 / 1e6
}

/// The later of two; the larger id, then the larger value decides between equal times.
pub(crate) fn later(a: Option<Last>, b: Option<Last>) -> Option<Last> {
    match (a, b) {
        (Some(a), Some(b)) => {
            let newer = follows((b.at, b.id, b.value), (a.at, a.id, a.value));
            Some(if newer { b } else { a })
        }
        (a, b) => a.or(b),
    }
}

/// Whether `b` replaces `a` as the latest.
pub(crate) fn follows(b: (Micros, u64, f64), a: (Micros, u64, f64)) -> bool {
    (b.0, b.1)
        .cmp(&(a.0, a.1))
        .then(b.2.total_cmp(&a.2))
        .is_gt()
}

fn pick(a: Option<f64>, b: Option<f64>, f: fn(f64, f64) -> f64) -> Option<f64> {
    match (a, b) {
        (Some(a), Some(b)) => Some(f(a, b)),
        (a, b) => a.or(b),
    }
}

fn ended(rest: &[u8]) -> Result<(), EngineError> {
    if rest.is_empty() {
        Ok(())
    } else {
        Err(EngineError::corrupt("a row", "bytes are left over"))
    }
}
