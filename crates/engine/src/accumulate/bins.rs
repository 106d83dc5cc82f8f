//! Distributions in a row.

use super::scalar;
use crate::EngineError;
use crate::varint;
use weir_catalog::types::Stat;
use weir_model::Fixed;
use weir_model::records::Distribution;
use weir_model::sketch;

const WHAT: &str = "a distribution";

/// The bin of a value: negatives share that of zero.
pub(crate) fn bin(x: f64) -> u16 {
    if x > 0.0 { sketch::bin(x) } else { 0 }
}

/// What stands before the bins.
#[derive(Clone, Copy)]
struct Head {
    count: u64,
    sum: Fixed,
    min: f64,
    max: f64,
    /// One value: its bin is not written.
    simple: bool,
}

fn head(input: &mut &[u8]) -> Result<Option<Head>, EngineError> {
    let code = varint::u64(input)?;
    if code == 0 {
        return Ok(None);
    }
    if code & 1 == 1 {
        if code != 3 {
            return Err(EngineError::corrupt(WHAT, "a simple one has not one value"));
        }
        let v = scalar::present(input)?;
        let sum =
            Fixed::from_f64(v).ok_or(EngineError::corrupt(WHAT, "a value is out of range"))?;
        return Ok(Some(Head {
            count: 1,
            sum,
            min: v,
            max: v,
            simple: true,
        }));
    }
    Ok(Some(Head {
        count: code >> 1,
        sum: scalar::fixed(input)?,
        min: scalar::present(input)?,
        max: scalar::present(input)?,
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
    /// The only bin of a simple distribution.
    only: Option<u16>,
}

impl<'a> Bins<'a> {
    /// Splits the bins of a distribution off the input.
    fn take(head: &Head, input: &mut &'a [u8]) -> Result<Bins<'a>, EngineError> {
        let base = bin(head.min);
        if head.simple {
            return Ok(Bins {
                bytes: &[],
                at: 0,
                only: Some(base),
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
            at: base.wrapping_sub(1),
            only: None,
        })
    }

    fn next(&mut self) -> Result<Option<(u16, u64)>, EngineError> {
        if let Some(bin) = self.only.take() {
            return Ok(Some((bin, 1)));
        }
        if self.bytes.is_empty() {
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
    fn new(out: &'o mut Vec<u8>, count: u64, sum: Fixed, min: f64, max: f64) -> Writer<'o> {
        varint::put_u64(out, count.min(u64::MAX >> 1) << 1);
        scalar::put_fixed(out, sum);
        scalar::put_float(out, Some(min));
        scalar::put_float(out, Some(max));
        Writer {
            out,
            at: bin(min).wrapping_sub(1),
        }
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
    let mut w = Writer::new(out, count, sum, min, max);
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
    let count = x.count.saturating_add(y.count);
    let mut w = Writer::new(
        out,
        count,
        x.sum.plus(y.sum),
        x.min.min(y.min),
        x.max.max(y.max),
    );
    let (mut p, mut q) = (xs.next()?, ys.next()?);
    loop {
        match (p, q) {
            (Some((i, n)), Some((j, m))) => match i.cmp(&j) {
                std::cmp::Ordering::Less => {
                    w.put(i, n);
                    p = xs.next()?;
                }
                std::cmp::Ordering::Greater => {
                    w.put(j, m);
                    q = ys.next()?;
                }
                std::cmp::Ordering::Equal => {
                    w.put(i, n.saturating_add(m));
                    p = xs.next()?;
                    q = ys.next()?;
                }
            },
            (Some((i, n)), None) => {
                w.put(i, n);
                p = xs.next()?;
            }
            (None, Some((j, m))) => {
                w.put(j, m);
                q = ys.next()?;
            }
            (None, None) => break,
        }
    }
    w.end();
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
