//! Distributions in a row.

use super::scalar;
use crate::EngineError;
use crate::varint;
use weir_catalog::types::Stat;
use weir_model::Fixed;
use weir_model::records::{AggregateWriter, Distribution};
use weir_model::sketch;

const WHAT: &str = "a distribution";

/// The bin of a value: negatives share that of zero.
pub(crate) fn bin(x: f64) -> u16 {
    if x > 0.0 { sketch::bin(x) } else { 0 }
}

/// What stands before the bins.
#[derive(Clone, Copy)]
struct Head<'a> {
    count: u64,
    sum: Fixed,
    min: f64,
    max: f64,
    /// The bytes of `min` and `max`: equal floats have equal bytes, so that a merge copies one of them.
    ends: (&'a [u8], &'a [u8]),
    /// One value: its bin is not written.
    simple: bool,
}

fn head<'a>(input: &mut &'a [u8]) -> Result<Option<Head<'a>>, EngineError> {
    let code = varint::u64(input)?;
    if code == 0 {
        return Ok(None);
    }
    if code & 1 == 1 {
        if code != 3 {
            return Err(EngineError::corrupt(WHAT, "a simple one has not one value"));
        }
        let (v, bytes) = scalar::bytes_of(input, scalar::present)?;
        let sum =
            Fixed::from_f64(v).ok_or(EngineError::corrupt(WHAT, "a value is out of range"))?;
        return Ok(Some(Head {
            count: 1,
            sum,
            min: v,
            max: v,
            ends: (bytes, bytes),
            simple: true,
        }));
    }
    let sum = scalar::fixed(input)?;
    let (min, low) = scalar::bytes_of(input, scalar::present)?;
    let (max, high) = scalar::bytes_of(input, scalar::present)?;
    Ok(Some(Head {
        count: code >> 1,
        sum,
        min,
        max,
        ends: (low, high),
        simple: false,
    }))
}

/// Bins as they are read, ascending.
#[derive(Clone, Copy)]
struct Bins<'a> {
    bytes: &'a [u8],
    /// Where steps are counted from: the bin before, at first the one under that of the minimum. All of it
    /// modulo 2^16, so that any bins can be written, even ones below their minimum.
    at: u16,
    /// A simple distribution: its only bin, the next one, is not written.
    only: bool,
}

impl<'a> Bins<'a> {
    /// Splits the bins of a distribution off the input.
    fn take(head: &Head<'_>, input: &mut &'a [u8]) -> Result<Bins<'a>, EngineError> {
        let at = bin(head.min).wrapping_sub(1);
        if head.simple {
            return Ok(Bins {
                bytes: &[],
                at,
                only: true,
            });
        }
        let n = input
            .iter()
            .position(|b| *b == 0)
            .ok_or(EngineError::corrupt(WHAT, "its bins do not end"))?;
        let bytes = &input[..n];
        *input = &input[n + 1..];
        Ok(Bins {
            bytes,
            at,
            only: false,
        })
    }

    #[inline]
    fn next(&mut self) -> Result<Option<(u16, u64)>, EngineError> {
        if self.bytes.is_empty() {
            if std::mem::take(&mut self.only) {
                self.at = self.at.wrapping_add(1);
                return Ok(Some((self.at, 1)));
            }
            return Ok(None);
        }
        let code = varint::u64(&mut self.bytes)?;
        let count = if code & 1 == 1 {
            varint::u64(&mut self.bytes)?.saturating_add(1)
        } else {
            1
        };
        self.at = self.at.wrapping_add((code >> 1) as u16);
        Ok(Some((self.at, count)))
    }
}

/// Writes bins one by one, ascending.
struct Writer<'o> {
    out: &'o mut Vec<u8>,
    at: u16,
}

impl<'o> Writer<'o> {
    /// `at`: where the first step is counted from. What stands before the bins comes first.
    fn new(out: &'o mut Vec<u8>, at: u16) -> Writer<'o> {
        Writer { out, at }
    }
    #[inline]
    fn put(&mut self, bin: u16, count: u64) {
        let step = match bin.wrapping_sub(self.at) {
            0 => 1 << 16,
            n => u32::from(n),
        };
        varint::put_u64(self.out, u64::from(step) << 1 | u64::from(count > 1));
        if count > 1 {
            varint::put_u64(self.out, count - 1);
        }
        self.at = bin;
    }
    fn end(self) {
        self.out.push(0);
    }
}

fn put_head(out: &mut Vec<u8>, count: u64, sum: Fixed) {
    varint::put_u64(out, count.min(u64::MAX >> 1) << 1);
    scalar::put_fixed(out, sum);
}

fn put_simple(out: &mut Vec<u8>, v: f64) {
    out.push(3);
    scalar::put_float(out, Some(v));
}

/// Appends a distribution of `count > 0` values given by its bins, ascending, without zero counts.
pub(crate) fn put(
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
    scalar::put_float(out, Some(min));
    scalar::put_float(out, Some(max));
    let mut w = Writer::new(out, bin(min).wrapping_sub(1));
    for (bin, n) in bins {
        w.put(bin, n);
    }
    w.end();
}

pub fn encode(d: &Distribution, out: &mut Vec<u8>) {
    if d.count == 0 {
        out.push(0);
    } else {
        put(out, (d.count, d.sum, d.min, d.max), d.bins.iter().copied());
    }
}

pub fn decode(input: &mut &[u8]) -> Result<Distribution, EngineError> {
    let Some(head) = head(input)? else {
        return Ok(Distribution::default());
    };
    let mut bins = Bins::take(&head, input)?;
    let mut list = Vec::new();
    while let Some(b) = bins.next()? {
        list.push(b);
    }
    Ok(Distribution {
        count: head.count,
        sum: head.sum,
        min: head.min,
        max: head.max,
        bins: list,
    })
}

pub fn skip(input: &mut &[u8]) -> Result<(), EngineError> {
    if let Some(head) = head(input)? {
        Bins::take(&head, input)?;
    }
    Ok(())
}

pub fn merge<'a>(a: &mut &'a [u8], b: &mut &'a [u8], out: &mut Vec<u8>) -> Result<(), EngineError> {
    let (whole_a, whole_b) = (*a, *b);
    let (x, y) = match (head(a)?, head(b)?) {
        (Some(x), Some(y)) => (x, y),
        (x, y) => {
            // One of them is empty: the other's bytes are the result.
            let (head, input, whole) = if x.is_some() {
                (x, a, whole_a)
            } else {
                (y, b, whole_b)
            };
            match head {
                Some(h) => {
                    Bins::take(&h, input)?;
                    out.extend_from_slice(&whole[..whole.len() - input.len()]);
                }
                None => out.push(0),
            }
            return Ok(());
        }
    };
    let (mut xs, mut ys) = (Bins::take(&x, a)?, Bins::take(&y, b)?);
    put_head(out, x.count.saturating_add(y.count), x.sum.plus(y.sum));
    let below = y.min < x.min;
    out.extend_from_slice(if below { y.ends.0 } else { x.ends.0 });
    out.extend_from_slice(if y.max > x.max { y.ends.1 } else { x.ends.1 });
    let mut w = Writer::new(out, if below { ys.at } else { xs.at });
    let (mut p, mut q) = (xs.next()?, ys.next()?);
    loop {
        match (p, q) {
            (Some((i, n)), Some((j, m))) => {
                if i < j {
                    w.put(i, n);
                    p = xs.next()?;
                } else if i > j {
                    w.put(j, m);
                    q = ys.next()?;
                } else {
                    w.put(i, n.saturating_add(m));
                    p = xs.next()?;
                    q = ys.next()?;
                }
            }
            // After its next bin the rest of the longer one stands as it is: its steps stay the same.
            (Some((i, n)), None) => {
                w.put(i, n);
                w.out.extend_from_slice(xs.bytes);
                break;
            }
            (None, Some((j, m))) => {
                w.put(j, m);
                w.out.extend_from_slice(ys.bytes);
                break;
            }
            (None, None) => break,
        }
    }
    w.end();
    Ok(())
}

/// Writes it as the next measure of an aggregate.
pub fn write(input: &mut &[u8], writer: &mut AggregateWriter) -> Result<(), EngineError> {
    let Some(head) = head(input)? else {
        writer.distribution(0, Fixed(0), 0.0, 0.0, [], 0);
        return Ok(());
    };
    let mut bins = Bins::take(&head, input)?;
    let (mut ahead, mut n) = (bins, 0);
    while ahead.next()?.is_some() {
        n += 1;
    }
    let list = std::iter::from_fn(|| bins.next().ok().flatten());
    writer.distribution(head.count, head.sum, head.min, head.max, list, n);
    Ok(())
}

pub fn stat(input: &mut &[u8], stat: Stat) -> Result<Option<f64>, EngineError> {
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
            let mut bins = Bins::take(&head, input)?;
            let list = std::iter::from_fn(|| bins.next().ok().flatten());
            sketch::quantile(list, head.count, f64::from(p) / 1000.0)
        }
    })
}
