//! Rows of measure values, encoded canonically: equal values have equal bytes. Partials, window
//! state and snapshots hold these bytes as they are, so what a series costs in memory is what it
//! costs on the wire.
//!
//! A row is its measures one after the other, in order of declaration; how each stands in it is
//! said in the file of its accumulator.

use super::Packed;
use crate::EngineError;
use weir_catalog::types::{EventDef, Stat};
use weir_model::measure::{Accumulator, MeasureValue};
use weir_model::records::AggregateWriter;

/// The measures of an event type, in order: what is needed to read a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    accumulators: Vec<Accumulator>,
}

impl Layout {
    /// The layout of an event type's rows.
    pub fn new(event: &EventDef) -> Layout {
        let of = event.measures.iter().map(|m| m.kind.accumulator());
        Layout::of(of.collect())
    }

    pub(crate) fn of(accumulators: Vec<Accumulator>) -> Layout {
        Layout { accumulators }
    }

    /// Number of measures.
    pub fn measures(&self) -> usize {
        self.accumulators.len()
    }

    pub(crate) fn accumulators(&self) -> &[Accumulator] {
        &self.accumulators
    }
}

/// Appends the merge of two rows to `out`: associative and commutative. Fails where bytes are
/// damaged.
pub fn merge(layout: &Layout, a: &[u8], b: &[u8], out: &mut Vec<u8>) -> Result<(), EngineError> {
    let (mut a, mut b) = (a, b);
    out.reserve(a.len() + b.len());
    for accumulator in &layout.accumulators {
        merge_one(*accumulator, &mut a, &mut b, out)?;
    }
    ended(a)?;
    ended(b)
}

/// Appends the merge of the measure that `a` and `b` begin with.
#[inline]
fn merge_one<'a>(
    accumulator: Accumulator,
    a: &mut &'a [u8],
    b: &mut &'a [u8],
    out: &mut Vec<u8>,
) -> Result<(), EngineError> {
    of!(accumulator, A => <A as Packed>::merge(a, b, out))
}

/// The values of a row.
pub fn decode(layout: &Layout, row: &[u8]) -> Result<Vec<MeasureValue>, EngineError> {
    let mut row = row;
    let mut values = Vec::with_capacity(layout.measures());
    for accumulator in &layout.accumulators {
        values.push(of!(accumulator, A => A::decode(&mut row))?);
    }
    ended(row)?;
    Ok(values)
}

/// Writes a row's values as the measures of the open row of `writer`.
pub fn write(layout: &Layout, row: &[u8], writer: &mut AggregateWriter) -> Result<(), EngineError> {
    let mut row = row;
    for accumulator in &layout.accumulators {
        of!(accumulator, A => A::write(&mut row, writer))?;
    }
    ended(row)
}

/// Appends a row. The values must be those of the layout, in its order: a value of another
/// accumulator is written as an empty one.
pub fn encode(layout: &Layout, values: &[MeasureValue], out: &mut Vec<u8>) {
    for (i, accumulator) in layout.accumulators.iter().enumerate() {
        match values.get(i) {
            Some(value) => of!(accumulator, A => A::encode(value, out)),
            None => out.push(0),
        }
    }
}

/// One statistic of one measure, without decoding the rest. `None`: it has no value (an empty
/// distribution's mean, a statistic that the measure does not have).
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

/// The bins of a distribution, ascending; none where the measure is no distribution.
pub fn bins(layout: &Layout, row: &[u8], measure: usize) -> Result<Vec<(u16, u64)>, EngineError> {
    let Some((accumulator, mut input)) = find(layout, row, measure)? else {
        return Ok(Vec::new());
    };
    let value = of!(accumulator, A => A::decode(&mut input))?;
    Ok(match value {
        MeasureValue::Distribution(d) => d.bins,
        _ => Vec::new(),
    })
}

/// As [`stat`], of the merge of several rows, of which only that measure is merged. The buffers are
/// for that.
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

/// A measure's accumulator, and the row from that measure on.
fn find<'r>(
    layout: &Layout,
    row: &'r [u8],
    measure: usize,
) -> Result<Option<(Accumulator, &'r [u8])>, EngineError> {
    let Some(wanted) = layout.accumulators.get(measure) else {
        return Ok(None);
    };
    let mut row = row;
    for accumulator in &layout.accumulators[..measure] {
        of!(accumulator, A => A::skip(&mut row))?;
    }
    Ok(Some((*wanted, row)))
}

/// A statistic of the measure that a row begins with.
fn stat_one(
    accumulator: Accumulator,
    row: &mut &[u8],
    stat: Stat,
) -> Result<Option<f64>, EngineError> {
    of!(accumulator, A => A::stat(row, stat))
}

fn ended(rest: &[u8]) -> Result<(), EngineError> {
    if rest.is_empty() {
        Ok(())
    } else {
        Err(EngineError::corrupt("a row", "bytes are left over"))
    }
}
