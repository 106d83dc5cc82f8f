//! A distribution in the words of a row: bins stand in the row while they are few, because a list
//! of their own for each row made catching up a sixth dearer; then in a list, then in an array by
//! bin.

use super::super::pool::{Pool, Reuse};
use super::super::{Live, Spill};
use super::Spread;
use super::packed;
use weir_model::Fixed;

/// Marks a state that is an index of a pool instead of a number of inline entries.
const SPILLED: u32 = 1 << 31;
/// A busy minute of one engineer should fit: what does not costs a list of its own.
const INLINE_BINS: usize = 10;
/// Words of a distribution: state of the bins and count (32 bits each: a row lives from one commit
/// to the next), sum, min, max, inline bins.
const WORDS: usize = BINS + BIN_WORDS;
const BINS: usize = 4;
const BIN_WORDS: usize = INLINE_BINS / 2;

impl Live for Spread {
    const EMPTY: &'static [u64] = &{
        let mut words = [0; WORDS];
        words[2] = f64::INFINITY.to_bits();
        words[3] = f64::NEG_INFINITY.to_bits();
        words
    };

    fn merge(from: &[u64], into: &mut [u64], spill: &mut Spill) {
        if let (Some(from), Some(into)) = (from.first_chunk(), into.first_chunk_mut()) {
            merge(from, into, spill);
        }
    }

    fn pack(words: &[u64], spill: &mut Spill, out: &mut Vec<u8>) {
        if words[0] == 0 {
            out.push(0);
            return;
        }
        let (state, count) = halves(words[0]);
        let sum = Fixed(spill.sums.get(words[1]));
        let (min, max) = (f64::from_bits(words[2]), f64::from_bits(words[3]));
        let list = spill.bins.sorted(state, &words[BINS..WORDS]);
        let head = (u64::from(count), sum, min, max);
        packed::put(out, head, list.iter().copied());
    }
}

/// Adds a value, which is also given in billionths and with its bin.
#[inline(always)]
pub(in super::super) fn add(
    words: &mut [u64; WORDS],
    (value, sum, bin): (f64, i128, u16),
    spill: &mut Spill,
) {
    let state = add_values(words, 1, sum, (value, value), spill);
    if let Some(state) = spill.bins.add(state, &mut words[BINS..], bin, 1) {
        set_state(words, state);
    }
}

/// Adds values to a distribution, all but their bins; returns the state of those.
#[inline(always)]
fn add_values(
    w: &mut [u64; WORDS],
    count: u32,
    sum: i128,
    (min, max): (f64, f64),
    spill: &mut Spill,
) -> u32 {
    w[0] += u64::from(count);
    spill.sums.add(&mut w[1], sum);
    w[2] = f64::from_bits(w[2]).min(min).to_bits();
    w[3] = f64::from_bits(w[3]).max(max).to_bits();
    halves(w[0]).0
}

fn merge(from: &[u64; WORDS], into: &mut [u64; WORDS], spill: &mut Spill) {
    let (read, count) = halves(from[0]);
    let range = (f64::from_bits(from[2]), f64::from_bits(from[3]));
    let sum = spill.sums.get(from[1]);
    let mut state = add_values(into, count, sum, range, spill);
    spill.bins.sorted(read, &from[BINS..]);
    let bins = std::mem::take(&mut spill.bins.scratch);
    for (bin, n) in &bins {
        let added = spill.bins.add(state, &mut into[BINS..], *bin, *n as u32);
        state = added.unwrap_or(state);
    }
    set_state(into, state);
    spill.bins.scratch = bins;
}

/// State of the bins, and count.
#[inline(always)]
fn halves(word: u64) -> (u32, u32) {
    ((word >> 32) as u32, word as u32)
}

#[inline(always)]
fn set_state(w: &mut [u64; WORDS], state: u32) {
    w[0] = u64::from(state) << 32 | u64::from(w[0] as u32);
}

/// An inline entry of bin and count.
#[inline(always)]
fn entry(words: &[u64], i: usize) -> (u16, u32) {
    let e = (words[i / 2] >> (i % 2 * 32)) as u32;
    ((e >> 16) as u16, e & 0xffff)
}

/// Bins that did not fit into their rows.
#[derive(Debug, Default)]
pub(in super::super) struct Spilled {
    pool: Pool<Bins>,
    scratch: Vec<(u16, u64)>,
}

impl Spilled {
    pub fn clear(&mut self) {
        self.pool.clear();
    }

    pub fn bytes(&self) -> usize {
        let each = |b: &Bins| b.list.len() * 8 + b.dense.len() * 4;
        self.pool.live().map(each).sum()
    }

    /// `words`: inline entries of bin and count (16 bits each). Returns the state if it is another
    /// one.
    #[inline(always)]
    fn add(&mut self, state: u32, words: &mut [u64], bin: u16, n: u32) -> Option<u32> {
        if state & SPILLED != 0 {
            self.pool.items[(state & !SPILLED) as usize].add(bin, n);
            return None;
        }
        let used = state as usize;
        for i in 0..used {
            let (b, count) = entry(words, i);
            if b == bin && count + n <= 0xffff {
                words[i / 2] += u64::from(n) << (i % 2 * 32);
                return None;
            }
        }
        if used < INLINE_BINS && n <= 0xffff {
            words[used / 2] |= u64::from(u32::from(bin) << 16 | n) << (used % 2 * 32);
            return Some(state + 1);
        }
        let (index, store) = self.pool.take();
        for i in 0..used {
            let (b, count) = entry(words, i);
            store.add(b, count);
        }
        store.add(bin, n);
        Some(SPILLED | index as u32)
    }

    /// Fetches the memory of a bin of the distribution that begins with `word`.
    #[inline(always)]
    pub fn prefetch(&self, word: u64, bin: u16) {
        let state = halves(word).0;
        if state & SPILLED != 0
            && let Some(bins) = self.pool.items.get((state & !SPILLED) as usize)
        {
            let at = usize::from(bin.wrapping_sub(bins.base));
            weir_model::prefetch::prefetch(bins.dense.as_ptr().wrapping_add(at));
        }
    }

    fn sorted(&mut self, state: u32, words: &[u64]) -> &[(u16, u64)] {
        let out = &mut self.scratch;
        out.clear();
        if state & SPILLED != 0 {
            self.pool.items[(state & !SPILLED) as usize].read(out);
            return out;
        }
        let entries = (0..state as usize).map(|i| entry(words, i));
        out.extend(entries.map(|(b, count)| (b, u64::from(count))));
        out.sort_unstable_by_key(|b| b.0);
        // A bin whose 16 bits were full has a second entry.
        out.dedup_by(|b, a| {
            a.0 == b.0 && {
                a.1 += b.1;
                true
            }
        });
        out
    }
}

/// Bins: a sorted list, and dense from where that is as small.
#[derive(Debug, Default)]
struct Bins {
    list: Vec<(u16, u32)>,
    base: u16,
    dense: Vec<u32>,
}

const LONGEST_LIST: usize = 24;
const WIDEST: usize = 4096;

impl Reuse for Bins {
    fn reset(&mut self) {
        self.list.clear();
        self.dense.clear();
    }
}

impl Bins {
    #[inline]
    fn add(&mut self, bin: u16, n: u32) {
        let at = usize::from(bin.wrapping_sub(self.base));
        match self.dense.get_mut(at) {
            Some(count) if bin >= self.base => *count += n,
            _ => self.add_outside(bin, n),
        }
    }

    fn add_outside(&mut self, bin: u16, n: u32) {
        if !self.dense.is_empty() && self.widen(bin) {
            self.dense[usize::from(bin - self.base)] += n;
            return;
        }
        // Besides dense bins the list holds those that lie far off.
        match self.list.binary_search_by_key(&bin, |b| b.0) {
            Ok(i) => self.list[i].1 += n,
            Err(i) => {
                self.list.insert(i, (bin, n));
                if self.dense.is_empty() && self.list.len() > LONGEST_LIST {
                    self.densify();
                }
            }
        }
    }

    fn densify(&mut self) {
        let (first, last) = match (self.list.first(), self.list.last()) {
            (Some(f), Some(l)) => (f.0, l.0),
            _ => return,
        };
        let span = usize::from(last - first) + 1;
        if span > WIDEST {
            return;
        }
        self.base = first;
        self.dense.resize(span, 0);
        for (bin, n) in self.list.drain(..) {
            self.dense[usize::from(bin - first)] = n;
        }
    }

    /// Makes room for a bin outside of the dense ones, with a margin on its side.
    fn widen(&mut self, bin: u16) -> bool {
        let last = usize::from(self.base) + self.dense.len() - 1;
        let (low, high) = (usize::from(self.base.min(bin)), last.max(usize::from(bin)));
        if high - low >= WIDEST {
            return false;
        }
        if bin < self.base {
            let margin = usize::from(bin).min(32);
            let grow = usize::from(self.base - bin) + margin;
            self.dense.splice(0..0, std::iter::repeat_n(0, grow));
            self.base -= grow as u16;
        } else {
            self.dense.resize(
                (high - low + 33).min(usize::from(u16::MAX - self.base) + 1),
                0,
            );
        }
        // The list may hold bins that lie inside now: reading merges both.
        true
    }

    fn read(&self, out: &mut Vec<(u16, u64)>) {
        out.extend(self.list.iter().map(|(b, n)| (*b, u64::from(*n))));
        let dense = self.dense.iter().enumerate().filter(|(_, n)| **n > 0);
        out.extend(dense.map(|(i, n)| (self.base + i as u16, u64::from(*n))));
        if !self.list.is_empty() && !self.dense.is_empty() {
            out.sort_unstable_by_key(|b| b.0);
            out.dedup_by(|b, a| {
                a.0 == b.0 && {
                    a.1 += b.1;
                    true
                }
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_inline_bin_goes_on_counting() {
        let mut spilled = Spilled::default();
        let (mut state, mut words) = (0, [0; BIN_WORDS]);
        for _ in 0..200_000 {
            state = spilled.add(state, &mut words, 7, 1).unwrap_or(state);
        }
        assert_eq!(spilled.sorted(state, &words), [(7, 200_000)]);
    }
}
