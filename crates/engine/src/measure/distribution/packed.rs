//! Distributions in the bytes of a row.

use super::super::{number, sum};
use super::cursor::{Bins, END, Entry, Head, head, pass_end, skip_bins};
use super::writer::Writer;
use crate::EngineError;
use crate::varint;
use weir_model::Fixed;
use weir_model::measure::{Distribution, Stat, bin};
use weir_model::records::AggregateWriter;
use weir_model::sketch;

fn put_head(out: &mut Vec<u8>, count: u64, sum: Fixed) {
    varint::put_u64(out, count.min(u64::MAX >> 1) << 1);
    sum::put_fixed(out, sum);
}

fn put_simple(out: &mut Vec<u8>, v: f64) {
    out.push(3);
    number::put_float(out, Some(v));
}

/// Appends a distribution of `count > 0` values given by its bins, ascending, without zero counts.
pub(super) fn put(
    out: &mut Vec<u8>,
    (count, sum, min, max): (u64, Fixed, f64, f64),
    bins: impl Iterator<Item = (u16, u64)> + Clone,
) {
    let simple = count == 1 && min == max && Fixed::from_f64(min) == Some(sum) && {
        let mut bins = bins.clone();
        bins.next() == Some((bin(min), 1)) && bins.next().is_none()
    };
    if simple {
        return put_simple(out, min);
    }
    put_head(out, count, sum);
    number::put_float(out, Some(min));
    number::put_float(out, Some(max));
    let mut w = Writer::new(out, u32::from(bin(min).wrapping_sub(1)), 32);
    for (bin, n) in bins {
        w.put(u32::from(bin), n);
    }
    w.end(&[]);
}

pub(super) fn encode(d: &Distribution, out: &mut Vec<u8>) {
    if d.count == 0 {
        out.push(0);
    } else {
        put(out, (d.count, d.sum, d.min, d.max), d.bins.iter().copied());
    }
}

pub(super) fn decode(input: &mut &[u8]) -> Result<Distribution, EngineError> {
    let Some(head) = head(input)? else {
        return Ok(Distribution::default());
    };
    let mut bins = Bins::new(&head, input);
    let list = bins.by_ref().collect();
    passed(&head, &bins, input)?;
    Ok(Distribution {
        count: head.count,
        sum: head.sum,
        min: head.min,
        max: head.max,
        bins: list,
    })
}

/// Passes over a distribution without looking at its numbers.
pub(super) fn skip(input: &mut &[u8]) -> Result<(), EngineError> {
    let mut rest = *input;
    let code = varint::u64(&mut rest)?;
    if code == 0 || code & 1 == 1 {
        // Nothing, or one value: it is as short to read.
        return head(input).map(drop);
    }
    *input = rest;
    sum::fixed(input)?;
    number::skip_present(input)?;
    number::skip_present(input)?;
    pass_end(input)
}

pub(super) fn merge<'a>(
    a: &mut &'a [u8],
    b: &mut &'a [u8],
    out: &mut Vec<u8>,
) -> Result<(), EngineError> {
    let (whole_a, whole_b) = (*a, *b);
    let (x, y) = match (head(a)?, head(b)?) {
        (Some(x), Some(y)) => (x, y),
        // One of them is empty: the other's bytes are the result.
        (Some(x), None) => return copy(&x, whole_a, a, out),
        (None, Some(y)) => return copy(&y, whole_b, b, out),
        (None, None) => {
            out.push(0);
            return Ok(());
        }
    };
    let (xs, ys) = (Bins::new(&x, a), Bins::new(&y, b));
    put_head(out, x.count.saturating_add(y.count), x.sum.plus(y.sum));
    let below = y.min < x.min;
    out.extend_from_slice(if below { y.ends.0 } else { x.ends.0 });
    out.extend_from_slice(if y.max > x.max { y.ends.1 } else { x.ends.1 });
    let before = if below { ys.before } else { xs.before };
    let mut w = Writer::new(out, before, (a.len() + b.len()).min(512));
    // Between two bins of the one with fewer values lie many of the other: those stand as they are,
    // but for the first, whose step is another.
    let swap = x.count < y.count;
    let (mut many, mut few) = if swap { (ys, xs) } else { (xs, ys) };
    while !few.ended() && !many.ended() {
        let Entry { bin, mut count, .. } = few.at;
        if many.at.bin < bin {
            w.put(many.at.bin, many.at.count);
            many.pass();
            w.copy(many.pass_below(bin));
            w.before = many.before;
        }
        if many.at.bin == bin {
            count = count.saturating_add(many.at.count);
            many.pass();
        }
        w.put(bin, count);
        few.pass();
    }
    // So does what is behind the next bin of the longer one.
    let (of_many, of_few) = (many.rest()?, few.rest()?);
    let (next, rest) = if few.ended() {
        (many.at, of_many.0)
    } else {
        (few.at, of_few.0)
    };
    if next.bin < END {
        w.put(next.bin, next.count);
    }
    w.end(rest);
    let (of_x, of_y) = if swap {
        (of_few, of_many)
    } else {
        (of_many, of_few)
    };
    if !x.simple {
        *a = of_x.1;
    }
    if !y.simple {
        *b = of_y.1;
    }
    Ok(())
}

/// Copies the distribution that `whole` begins with; `input` stands behind its head.
fn copy<'a>(
    head: &Head<'_>,
    whole: &'a [u8],
    input: &mut &'a [u8],
    out: &mut Vec<u8>,
) -> Result<(), EngineError> {
    skip_bins(head, input)?;
    out.extend_from_slice(&whole[..whole.len() - input.len()]);
    Ok(())
}

/// Passes over bins that a cursor has come some way in.
fn passed<'a>(head: &Head<'_>, bins: &Bins<'a>, input: &mut &'a [u8]) -> Result<(), EngineError> {
    let (_, after) = bins.rest()?;
    if !head.simple {
        *input = after;
    }
    Ok(())
}

/// Writes it as the next measure of an aggregate.
pub(super) fn write(input: &mut &[u8], writer: &mut AggregateWriter) -> Result<(), EngineError> {
    let Some(head) = head(input)? else {
        writer.distribution(0, Fixed(0), 0.0, 0.0, []);
        return Ok(());
    };
    let mut bins = Bins::new(&head, input);
    writer.distribution(head.count, head.sum, head.min, head.max, bins.by_ref());
    passed(&head, &bins, input)
}

pub(super) fn stat(input: &mut &[u8], stat: Stat) -> Result<Option<f64>, EngineError> {
    let Some(head) = head(input)? else {
        return Ok(match stat {
            Stat::Count | Stat::Sum => Some(0.0),
            _ => None,
        });
    };
    Ok(match stat {
        Stat::Value => None,
        Stat::Count => Some(head.count as f64),
        Stat::Sum => Some(head.sum.to_f64()),
        Stat::Mean => Some(head.sum.to_f64() / head.count as f64),
        Stat::Min => Some(head.min),
        Stat::Max => Some(head.max),
        Stat::Percentile(p) => {
            let bins = Bins::new(&head, input);
            let seen = (head.min, head.max);
            sketch::quantile(bins, head.count, f64::from(p) / 1000.0, seen)
        }
    })
}
