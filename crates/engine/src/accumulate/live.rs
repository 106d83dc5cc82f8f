//! Accumulators that change in place: what combine folds events into between two commits. A row is a run of
//! words in one arena; what outgrows its words (bins, hashes) spills into pools that are used again.

use super::{Kind, Layout, bins, follows, scalar, theta};
use crate::varint;
use weir_model::records::Last;
use weir_model::sketch::THETA;
use weir_model::{Fixed, Micros};

/// What one event adds to one measure.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Delta {
    Count,
    /// Sums, and sums of squares.
    Sum(i128),
    Min(f64),
    Max(f64),
    Last {
        at: i64,
        id: u64,
        value: f64,
    },
    Value {
        value: f64,
        sum: i128,
        bin: u16,
    },
    Hash(u64),
}

/// Where the words of each measure stand in a row.
#[derive(Debug, Clone)]
pub(crate) struct Words {
    kinds: Vec<(Kind, usize)>,
    /// An empty row.
    pub template: Vec<u64>,
}

/// Marks a state word that holds an index of a pool instead of a number of inline entries.
const SPILLED: u64 = 1 << 63;
const INLINE_BINS: u64 = 4;
const INLINE_HASHES: u64 = 2;
/// Words of a distribution: count, sum, min, max, state, inline bins.
const BIN_STATE: usize = 5;

impl Words {
    /// `head` words come first and are left to the caller.
    pub fn new(layout: &Layout, head: usize) -> Words {
        let mut template = vec![0; head];
        let mut kinds = Vec::new();
        let (least, most, none) = (
            f64::NEG_INFINITY.to_bits(),
            f64::INFINITY.to_bits(),
            f64::NAN.to_bits(),
        );
        for kind in layout.kinds() {
            kinds.push((*kind, template.len()));
            match kind {
                Kind::Count => template.push(0),
                Kind::Sum | Kind::SumSq => template.extend([0, 0]),
                Kind::Min => template.push(most),
                Kind::Max => template.push(least),
                Kind::Last => template.extend([none, 0, 0]),
                Kind::Distribution => template.extend([0, 0, 0, most, least, 0, 0, 0]),
                Kind::Distinct => template.extend([0, 0, 0]),
            }
        }
        Words { kinds, template }
    }

    /// Where a measure's words start.
    pub fn offset(&self, measure: usize) -> usize {
        self.kinds[measure].1
    }

    /// Appends the encoded row.
    pub fn encode(&self, row: &[u64], spill: &mut Spill, out: &mut Vec<u8>) {
        for (kind, at) in &self.kinds {
            let w = &row[*at..];
            let float = |i: usize| f64::from_bits(w[i]);
            match kind {
                Kind::Count => varint::put_u64(out, w[0]),
                Kind::Sum | Kind::SumSq => scalar::put_fixed(out, Fixed(wide(w[0], w[1]))),
                Kind::Min | Kind::Max => {
                    scalar::put_float(out, Some(float(0)).filter(|v| v.is_finite()))
                }
                Kind::Last if float(0).is_nan() => out.push(0),
                Kind::Last => {
                    scalar::put_last(
                        out,
                        Some(&Last {
                            value: float(0),
                            at: Micros(w[1] as i64),
                            id: w[2],
                        }),
                    );
                }
                Kind::Distribution if w[0] == 0 => out.push(0),
                Kind::Distribution => {
                    let list = spill.sorted_bins(&w[BIN_STATE..]);
                    let head = (w[0], Fixed(wide(w[1], w[2])), float(3), float(4));
                    bins::put(out, head, list.iter().copied());
                }
                Kind::Distinct => theta::encode(spill.sorted_hashes(w), out),
            }
        }
    }
}

/// Adds one event's part of a measure to the measure's words.
#[inline]
pub(crate) fn add(words: &mut [u64], delta: &Delta, spill: &mut Spill) {
    match *delta {
        Delta::Count => words[0] += 1,
        Delta::Sum(v) => add_wide(words, v),
        Delta::Min(v) => {
            if v < f64::from_bits(words[0]) {
                words[0] = v.to_bits();
            }
        }
        Delta::Max(v) => {
            if v > f64::from_bits(words[0]) {
                words[0] = v.to_bits();
            }
        }
        Delta::Last { at, id, value } => {
            let old = f64::from_bits(words[0]);
            if old.is_nan()
                || follows(
                    (Micros(at), id, value),
                    (Micros(words[1] as i64), words[2], old),
                )
            {
                words[..3].copy_from_slice(&[value.to_bits(), at as u64, id]);
            }
        }
        Delta::Value { value, sum, bin } => {
            words[0] += 1;
            add_wide(&mut words[1..], sum);
            words[3] = f64::from_bits(words[3]).min(value).to_bits();
            words[4] = f64::from_bits(words[4]).max(value).to_bits();
            spill.add_bin(&mut words[BIN_STATE..BIN_STATE + 3], bin);
        }
        Delta::Hash(hash) => spill.add_hash(&mut words[..3], hash),
    }
}

#[inline]
fn wide(lo: u64, hi: u64) -> i128 {
    (u128::from(hi) << 64 | u128::from(lo)) as i128
}

#[inline]
fn add_wide(words: &mut [u64], v: i128) {
    let sum = wide(words[0], words[1]).saturating_add(v);
    words[0] = sum as u64;
    words[1] = (sum as u128 >> 64) as u64;
}

/// What did not fit into the words of a row.
#[derive(Debug, Default)]
pub(crate) struct Spill {
    bins: Pool<Bins>,
    hashes: Pool<Hashes>,
    bin_scratch: Vec<(u16, u64)>,
    hash_scratch: Vec<u64>,
}

impl Spill {
    /// Forgets everything, keeps the room.
    pub fn clear(&mut self) {
        self.bins.clear();
        self.hashes.clear();
    }

    /// Bytes in use, about.
    pub fn bytes(&self) -> usize {
        let bins: usize = self
            .bins
            .live()
            .map(|b| b.list.len() * 8 + b.dense.len() * 4)
            .sum();
        let hashes: usize = self.hashes.live().map(|h| h.list.len() * 8).sum();
        bins + hashes
    }

    /// `words`: state, then four inline entries of bin and count (16 bits each).
    fn add_bin(&mut self, words: &mut [u64], bin: u16) {
        let state = words[0];
        if state & SPILLED != 0 {
            self.bins.items[(state & !SPILLED) as usize].add(bin, 1);
            return;
        }
        let mut entries = inline(words);
        for (i, e) in entries.iter_mut().enumerate().take(state as usize) {
            if (*e >> 16) as u16 == bin && *e as u16 != u16::MAX {
                words[1 + i / 2] += 1 << (32 * (i % 2));
                return;
            }
        }
        if state < INLINE_BINS {
            entries[state as usize] = u32::from(bin) << 16 | 1;
            words[1] = u64::from(entries[0]) | u64::from(entries[1]) << 32;
            words[2] = u64::from(entries[2]) | u64::from(entries[3]) << 32;
            words[0] = state + 1;
            return;
        }
        let (index, store) = self.bins.take();
        for e in entries {
            store.add((e >> 16) as u16, e & 0xffff);
        }
        store.add(bin, 1);
        words[0] = SPILLED | index;
    }

    fn sorted_bins(&mut self, words: &[u64]) -> &[(u16, u64)] {
        let out = &mut self.bin_scratch;
        out.clear();
        if words[0] & SPILLED != 0 {
            self.bins.items[(words[0] & !SPILLED) as usize].read(out);
            return out;
        }
        for e in inline(words).into_iter().take(words[0] as usize) {
            out.push(((e >> 16) as u16, u64::from(e & 0xffff)));
        }
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

    /// `words`: state, then two inline hashes.
    fn add_hash(&mut self, words: &mut [u64], hash: u64) {
        let state = words[0];
        if state & SPILLED != 0 {
            self.hashes.items[(state & !SPILLED) as usize].add(hash);
        } else if words[1..1 + state as usize].contains(&hash) {
        } else if state < INLINE_HASHES {
            words[1 + state as usize] = hash;
            words[0] = state + 1;
        } else {
            let (index, store) = self.hashes.take();
            for h in [words[1], words[2], hash] {
                store.add(h);
            }
            words[0] = SPILLED | index;
        }
    }

    fn sorted_hashes(&mut self, words: &[u64]) -> &[u64] {
        let out = &mut self.hash_scratch;
        out.clear();
        if words[0] & SPILLED != 0 {
            out.extend_from_slice(&self.hashes.items[(words[0] & !SPILLED) as usize].list);
        } else {
            out.extend_from_slice(&words[1..1 + words[0] as usize]);
        }
        out.sort_unstable();
        out.dedup();
        out.truncate(THETA);
        out
    }
}

fn inline(words: &[u64]) -> [u32; 4] {
    [
        words[1] as u32,
        (words[1] >> 32) as u32,
        words[2] as u32,
        (words[2] >> 32) as u32,
    ]
}

/// Things that are used again instead of being freed.
#[derive(Debug, Default)]
struct Pool<T> {
    items: Vec<T>,
    used: usize,
}

trait Reuse: Default {
    fn reset(&mut self);
}

impl<T: Reuse> Pool<T> {
    fn take(&mut self) -> (u64, &mut T) {
        if self.used == self.items.len() {
            self.items.push(T::default());
        }
        let index = self.used;
        self.used += 1;
        let item = &mut self.items[index];
        item.reset();
        (index as u64, item)
    }
    fn live(&self) -> impl Iterator<Item = &T> {
        self.items[..self.used].iter()
    }
    fn clear(&mut self) {
        // Room for the next batches, not for the largest there ever was.
        self.items.truncate((2 * self.used).max(256));
        self.used = 0;
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
    fn add(&mut self, bin: u16, n: u32) {
        if !self.dense.is_empty() {
            let at = usize::from(bin.wrapping_sub(self.base));
            if bin >= self.base && at < self.dense.len() {
                self.dense[at] += n;
                return;
            }
            if self.widen(bin) {
                self.dense[usize::from(bin - self.base)] += n;
                return;
            }
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

/// The smallest of many hashes. They are only appended; when there is no more room, sorted, and repetitions and all
/// but the smallest are dropped. (A table would cost a fetch from memory per hash: there is one for each busy row.)
#[derive(Debug, Default)]
struct Hashes {
    list: Vec<u64>,
    /// Larger ones are not among the smallest any more.
    limit: u64,
    /// Length at which to sort.
    full: usize,
}

impl Reuse for Hashes {
    fn reset(&mut self) {
        self.list.clear();
        self.limit = u64::MAX;
        self.full = 32;
    }
}

impl Hashes {
    #[inline]
    fn add(&mut self, hash: u64) {
        if hash <= self.limit {
            self.list.push(hash);
            if self.list.len() >= self.full {
                self.settle();
            }
        }
    }

    #[cold]
    fn settle(&mut self) {
        self.list.sort_unstable();
        self.list.dedup();
        self.list.truncate(THETA);
        if let Some(largest) = self.list.get(THETA - 1) {
            self.limit = *largest;
        }
        self.full = 2 * self.list.len() + 32;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accumulate::encode;
    use crate::accumulate::tests::{KINDS, layout, naive, samples};
    use proptest::prelude::*;
    use weir_model::hash;

    proptest! {
        #[test]
        fn a_row_in_words_encodes_as_the_fold_of_its_events(
            rows in prop::collection::vec(samples(200), 1..4), hot in samples(9000), again in any::<bool>(),
        ) {
            let layout = layout(&KINDS);
            let words = Words::new(&layout, 2);
            let mut spill = Spill::default();
            for _ in 0..=u8::from(again) {
                for samples in rows.iter().chain([&hot]) {
                    let mut row = words.template.clone();
                    for s in samples {
                        let v = s.value + 0.0;
                        let sum = Fixed::from_f64(v).unwrap_or_default().0;
                        let square = ((v.clamp(-1e12, 1e12) * 1000.0).round_ties_even() as i128).pow(2);
                        let deltas = [
                            Delta::Count,
                            Delta::Sum(sum),
                            Delta::Min(v),
                            Delta::Max(v),
                            Delta::Sum(square),
                            Delta::Last { at: s.at, id: s.id, value: v },
                            Delta::Value { value: v, sum, bin: bins::bin(v) },
                            Delta::Hash(hash::distinct(&s.who.to_le_bytes())),
                        ];
                        for (i, d) in deltas.iter().enumerate() {
                            add(&mut row[words.offset(i)..], d, &mut spill);
                        }
                    }
                    let (mut got, mut want) = (Vec::new(), Vec::new());
                    words.encode(&row, &mut spill, &mut got);
                    encode(&layout, &naive(samples), &mut want);
                    prop_assert_eq!(got, want);
                }
                spill.clear();
            }
        }
    }

    #[test]
    fn a_full_inline_bin_goes_on_counting() {
        let mut spill = Spill::default();
        let mut words = [0; 3];
        for _ in 0..200_000 {
            spill.add_bin(&mut words, 7);
        }
        assert_eq!(spill.sorted_bins(&words), [(7, 200_000)]);
    }
}
