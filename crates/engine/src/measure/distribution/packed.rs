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

/// Bins as they are read, ascending: a cursor on one of them.
#[derive(Clone, Copy)]
struct Bins<'a> {
    /// The bins, the byte 0 that ends them, what follows.
    bytes: &'a [u8],
    /// Where the bin at hand stands.
    pos: usize,
    /// Where its step is counted from: the bin before, at first the one under that of the minimum. All of it
    /// modulo 2^16, so that any bins can be written, even ones below their minimum.
    before: u32,
    at: Entry,
}

/// One of the bins.
#[derive(Clone, Copy)]
struct Entry {
    /// [`END`]: there is none; [`BAD`]: the bytes are damaged.
    bin: u32,
    count: u64,
    /// Where the next one stands.
    next: usize,
}

/// Behind all bins.
const END: u32 = 1 << 16;
/// Damaged bytes end the bins too.
const BAD: u32 = END + 1;
/// The bins of a simple distribution, which are not written: one value in that of the minimum.
const ONE_VALUE: &[u8] = &[2, 0, 0];

/// The entry at `pos`. Nearly all are one byte, and a second one where there is a count.
#[inline]
fn entry(bytes: &[u8], pos: usize, before: u32) -> Entry {
    let next = bytes.get(pos..).and_then(<[u8]>::first_chunk);
    let Some(&[code, more]) = next else {
        return long_entry(bytes, pos, before);
    };
    let many = code & 1;
    let more = more & many.wrapping_neg();
    if (code | more) >= 0x80 {
        return long_entry(bytes, pos, before);
    }
    let bin = (before + u32::from(code >> 1)) & 0xffff;
    Entry {
        bin: if code == 0 { END } else { bin },
        count: 1 + u64::from(more),
        next: pos + 1 + usize::from(many),
    }
}

#[inline(never)]
fn long_entry(bytes: &[u8], pos: usize, before: u32) -> Entry {
    let mut input = bytes.get(pos..).unwrap_or_default();
    let input = &mut input;
    let code = varint::u64(input);
    let more = match code {
        Ok(code) if code & 1 == 1 => varint::u64(input),
        _ => Ok(0),
    };
    let (bin, count) = match (code, more) {
        (Ok(0), _) => (END, 0),
        (Ok(code), Ok(more)) => {
            let bin = before.wrapping_add((code >> 1) as u32) & 0xffff;
            (bin, more.saturating_add(1))
        }
        _ => (BAD, 0),
    };
    let next = bytes.len() - input.len();
    Entry { bin, count, next }
}

impl<'a> Bins<'a> {
    /// The bins that `input` begins with.
    #[inline]
    fn new(head: &Head<'_>, input: &'a [u8]) -> Bins<'a> {
        let bytes = if head.simple { ONE_VALUE } else { input };
        let before = u32::from(bin(head.min).wrapping_sub(1));
        Bins {
            bytes,
            pos: 0,
            before,
            at: entry(bytes, 0, before),
        }
    }

    #[inline]
    fn ended(&self) -> bool {
        self.at.bin >= END
    }

    /// Goes on to the next bin.
    #[inline]
    fn pass(&mut self) {
        self.pos = self.at.next;
        self.before = self.at.bin;
        self.at = entry(self.bytes, self.pos, self.before);
    }

    /// Goes on to the first bin that is not below `bin`; the bytes passed over.
    #[inline]
    fn pass_below(&mut self, bin: u32) -> &'a [u8] {
        let from = self.pos;
        while self.at.bin < bin {
            self.pass();
        }
        self.bytes.get(from..self.pos).unwrap_or_default()
    }

    /// The bytes of the bins behind the one at hand, and what follows on them all.
    #[inline]
    fn rest(&self) -> Result<(&'a [u8], &'a [u8]), EngineError> {
        let at = if self.ended() { self.pos } else { self.at.next };
        let rest = self.bytes.get(at..).unwrap_or_default();
        match end(rest) {
            Some(n) if self.at.bin != BAD => Ok((&rest[..n], &rest[n + 1..])),
            _ => Err(EngineError::corrupt(WHAT, "its bins do not end")),
        }
    }
}

impl Iterator for Bins<'_> {
    type Item = (u16, u64);

    #[inline]
    fn next(&mut self) -> Option<(u16, u64)> {
        if self.ended() {
            return None;
        }
        let found = (self.at.bin as u16, self.at.count);
        self.pass();
        Some(found)
    }
}

/// Where the first byte 0 stands.
#[inline]
fn end(bytes: &[u8]) -> Option<usize> {
    if bytes.first() == Some(&0) {
        return Some(0);
    }
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    let (words, last) = bytes.as_chunks::<8>();
    for (i, word) in words.iter().enumerate() {
        let w = u64::from_le_bytes(*word);
        // The lowest of these bits belongs to the first byte that is 0.
        let zero = w.wrapping_sub(ONES) & !w & (ONES << 7);
        if zero != 0 {
            return Some(i * 8 + zero.trailing_zeros() as usize / 8);
        }
    }
    let n = last.iter().position(|b| *b == 0)?;
    Some(bytes.len() - last.len() + n)
}

/// Passes over the bins that follow on a head.
fn skip_bins(head: &Head<'_>, input: &mut &[u8]) -> Result<(), EngineError> {
    if head.simple { Ok(()) } else { pass_end(input) }
}

/// Passes over bins and the byte that ends them.
fn pass_end(input: &mut &[u8]) -> Result<(), EngineError> {
    let n = end(input).ok_or(EngineError::corrupt(WHAT, "its bins do not end"))?;
    *input = &input[n + 1..];
    Ok(())
}

/// Writes bins one by one, ascending.
struct Writer<'o> {
    /// What is behind `end` is room that is not used yet.
    out: &'o mut Vec<u8>,
    end: usize,
    before: u32,
}

impl<'o> Writer<'o> {
    /// `before`: where the first step is counted from; `room`: about how many bytes there will be. What stands before the
    /// bins comes first.
    fn new(out: &'o mut Vec<u8>, before: u32, room: usize) -> Writer<'o> {
        let end = out.len();
        out.resize(end + room, 0);
        Writer { out, end, before }
    }
    #[inline]
    fn put(&mut self, bin: u32, count: u64) {
        let step = (bin as u16).wrapping_sub(self.before as u16);
        self.before = bin;
        let more = count.saturating_sub(1);
        let many = u8::from(more > 0);
        let room = self
            .out
            .get_mut(self.end..)
            .and_then(<[u8]>::first_chunk_mut);
        match room {
            Some(room) if step.wrapping_sub(1) < 63 && more < 0x80 => {
                // Both bytes, of which the second does not count where there is one: that is no branch.
                *room = [(step as u8) << 1 | many, more as u8];
                self.end += 1 + usize::from(many);
            }
            _ => self.put_long(step, more),
        }
    }
    #[inline(never)]
    fn put_long(&mut self, step: u16, more: u64) {
        let step = match step {
            0 => 1 << 16,
            n => u64::from(n),
        };
        // Two numbers have at most twenty bytes.
        if self.out.len() < self.end + 20 {
            self.out.resize(self.end + 64, 0);
        }
        self.put_number(step << 1 | u64::from(more > 0));
        if more > 0 {
            self.put_number(more);
        }
    }
    fn put_number(&mut self, mut v: u64) {
        while v >= 0x80 {
            self.out[self.end] = v as u8 | 0x80;
            self.end += 1;
            v >>= 7;
        }
        self.out[self.end] = v as u8;
        self.end += 1;
    }
    /// Copies bins that follow on the last one as they do on the one before them.
    #[inline]
    fn copy(&mut self, bytes: &[u8]) {
        let end = self.end + bytes.len();
        if self.out.len() < end {
            self.out.resize(end + 64, 0);
        }
        self.out[self.end..end].copy_from_slice(bytes);
        self.end = end;
    }
    /// Ends them; `rest`: what comes before that as it is.
    fn end(self, rest: &[u8]) {
        self.out.truncate(self.end);
        self.out.extend_from_slice(rest);
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
    let mut w = Writer::new(out, u32::from(bin(min).wrapping_sub(1)), 32);
    for (bin, n) in bins {
        w.put(u32::from(bin), n);
    }
    w.end(&[]);
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
pub fn skip(input: &mut &[u8]) -> Result<(), EngineError> {
    let mut rest = *input;
    let code = varint::u64(&mut rest)?;
    if code == 0 || code & 1 == 1 {
        // Nothing, or one value: it is as short to read.
        return head(input).map(drop);
    }
    *input = rest;
    scalar::fixed(input)?;
    scalar::skip_present(input)?;
    scalar::skip_present(input)?;
    pass_end(input)
}

pub fn merge<'a>(a: &mut &'a [u8], b: &mut &'a [u8], out: &mut Vec<u8>) -> Result<(), EngineError> {
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
    // Between two bins of the one with fewer values lie many of the other: those stand as they are, but for the first, whose
    // step is another.
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
pub fn write(input: &mut &[u8], writer: &mut AggregateWriter) -> Result<(), EngineError> {
    let Some(head) = head(input)? else {
        writer.distribution(0, Fixed(0), 0.0, 0.0, []);
        return Ok(());
    };
    let mut bins = Bins::new(&head, input);
    writer.distribution(head.count, head.sum, head.min, head.max, bins.by_ref());
    passed(&head, &bins, input)
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
            let bins = Bins::new(&head, input);
            sketch::quantile(bins, head.count, f64::from(p) / 1000.0)
        }
    })
}
