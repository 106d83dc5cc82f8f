//! Accumulators that change in place: what combine folds events into between two commits. A row is a run of
//! words in one arena; what outgrows its words (bins, hashes) spills into pools that are used again.

use super::smallest::{Smallest, Sorter};
use super::{Kind, Layout, bins, follows, scalar, theta};
use crate::varint;
use weir_model::records::Last;
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

/// Marks a state that is an index of a pool instead of a number of inline entries.
const SPILLED: u32 = 1 << 31;
/// A busy minute of one engineer should fit: what does not costs a list of its own.
const INLINE_BINS: usize = 10;
const SPILLED_HASHES: u64 = 1 << 63;
/// Words of a distribution: state of the bins and count (32 bits each: a row lives from one commit to the next), sum, min, max,
/// inline bins.
const DISTRIBUTION: usize = BINS + BIN_WORDS;
const BINS: usize = 4;
const BIN_WORDS: usize = INLINE_BINS / 2;

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
                Kind::Count | Kind::Sum | Kind::SumSq => template.push(0),
                Kind::Min => template.push(most),
                Kind::Max => template.push(least),
                Kind::Last => template.extend([none, 0, 0]),
                Kind::Distribution => {
                    template.extend([0, 0, most, least]);
                    template.extend([0; BIN_WORDS]);
                }
                Kind::Distinct => template.extend([0, 0]),
            }
        }
        Words { kinds, template }
    }

    /// Where a measure's words start.
    pub fn offset(&self, measure: usize) -> usize {
        self.kinds[measure].1
    }

    /// Merges a row into another one.
    pub fn merge(&self, from: &[u64], into: &mut [u64], spill: &mut Spill) {
        for (kind, at) in &self.kinds {
            let (from, into) = (&from[*at..], &mut into[*at..]);
            let float = |i: usize| f64::from_bits(from[i]);
            let delta = match kind {
                Kind::Count => {
                    into[0] += from[0];
                    continue;
                }
                Kind::Distribution => {
                    if let (Some(from), Some(into)) = (from.first_chunk(), into.first_chunk_mut()) {
                        spill.merge_distribution(from, into);
                    }
                    continue;
                }
                Kind::Distinct => {
                    if let (Some(from), Some(into)) = (from.first_chunk(), into.first_chunk_mut()) {
                        spill.merge_hashes(from, into);
                    }
                    continue;
                }
                Kind::Sum | Kind::SumSq => Delta::Sum(spill.sum(from[0])),
                Kind::Min => Delta::Min(float(0)),
                Kind::Max => Delta::Max(float(0)),
                Kind::Last if float(0).is_nan() => continue,
                Kind::Last => Delta::Last {
                    at: from[1] as i64,
                    id: from[2],
                    value: float(0),
                },
            };
            add(into, &[0], &[(0, delta)], spill);
        }
    }

    /// Appends the encoded row.
    pub fn encode(&self, row: &[u64], spill: &mut Spill, out: &mut Vec<u8>) {
        for (kind, at) in &self.kinds {
            let w = &row[*at..];
            let float = |i: usize| f64::from_bits(w[i]);
            match kind {
                Kind::Count => varint::put_u64(out, w[0]),
                Kind::Sum | Kind::SumSq => scalar::put_fixed(out, Fixed(spill.sum(w[0]))),
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
                    let (state, count) = halves(w[0]);
                    let sum = Fixed(spill.sum(w[1]));
                    let list = spill.sorted_bins(state, &w[BINS..DISTRIBUTION]);
                    let head = (u64::from(count), sum, float(2), float(3));
                    bins::put(out, head, list.iter().copied());
                }
                Kind::Distinct => theta::encode(spill.sorted_hashes(w), out),
            }
        }
    }
}

/// Adds what one event says (each with the offset of its measure) to several rows of an arena, given by where they start. All
/// rows of one measure come before the next measure: which kind it is, is asked once.
#[inline]
pub(crate) fn add(arena: &mut [u64], rows: &[usize], deltas: &[(usize, Delta)], spill: &mut Spill) {
    for (offset, delta) in deltas {
        let at = rows.iter().map(|row| row + offset);
        match *delta {
            Delta::Count => each(arena, at, |[n]| *n += 1),
            Delta::Sum(v) => each(arena, at, |[w]| spill.add_sum(w, v)),
            Delta::Min(v) => each(arena, at, |[w]| {
                if v < f64::from_bits(*w) {
                    *w = v.to_bits();
                }
            }),
            Delta::Max(v) => each(arena, at, |[w]| {
                if v > f64::from_bits(*w) {
                    *w = v.to_bits();
                }
            }),
            Delta::Last { at: t, id, value } => each(arena, at, |w: &mut [u64; 3]| {
                let old = f64::from_bits(w[0]);
                if old.is_nan() || follows((Micros(t), id, value), (Micros(w[1] as i64), w[2], old))
                {
                    *w = [value.to_bits(), t as u64, id];
                }
            }),
            Delta::Value { value, sum, bin } => each(arena, at, |w: &mut [u64; DISTRIBUTION]| {
                let state = spill.add_values(w, 1, sum, (value, value));
                if let Some(state) = spill.add_bin(state, &mut w[BINS..], bin, 1) {
                    set_state(w, state);
                }
            }),
            Delta::Hash(hash) => each(arena, at, |w| spill.add_hash(w, hash)),
        }
    }
}

/// Fetches the memory that [`add`] will change outside of the rows.
#[inline]
pub(crate) fn prefetch_spilled(
    arena: &[u64],
    rows: &[usize],
    deltas: &[(usize, Delta)],
    spill: &Spill,
) {
    for (offset, delta) in deltas {
        let words = rows.iter().filter_map(|row| arena.get(row + offset));
        match *delta {
            Delta::Value { bin, .. } => words.for_each(|w| spill.prefetch_bin(halves(*w).0, bin)),
            Delta::Hash(_) => words.for_each(|w| spill.prefetch_hash(*w)),
            _ => {}
        }
    }
}

/// State of the bins, and count.
#[inline(always)]
fn halves(word: u64) -> (u32, u32) {
    ((word >> 32) as u32, word as u32)
}

#[inline(always)]
fn set_state(w: &mut [u64; DISTRIBUTION], state: u32) {
    w[0] = u64::from(state) << 32 | u64::from(w[0] as u32);
}

/// Gives the `N` words at each place to `f`.
#[inline(always)]
fn each<const N: usize>(
    arena: &mut [u64],
    at: impl Iterator<Item = usize>,
    mut f: impl FnMut(&mut [u64; N]),
) {
    for at in at {
        if let Some(words) = arena.get_mut(at..).and_then(<[u64]>::first_chunk_mut) {
            f(words);
        }
    }
}

/// A sum is a word, a signed number, unless that would begin with these bits: a word that does is an index of a pool.
const WIDE: u64 = 0b10;

#[inline(always)]
fn is_wide(word: u64) -> bool {
    word >> 62 == WIDE
}

/// The end of all numbers that a sum runs into: out of the way, since none does.
#[cold]
fn furthest(v: i128) -> i128 {
    if v < 0 { i128::MIN } else { i128::MAX }
}

/// What did not fit into the words of a row.
#[derive(Debug, Default)]
pub(crate) struct Spill {
    bins: Pool<Bins>,
    hashes: Pool<Smallest>,
    /// Sums that outgrew a word.
    sums: Vec<i128>,
    sorter: Sorter,
    bin_scratch: Vec<(u16, u64)>,
    hash_scratch: Vec<u64>,
}

impl Spill {
    /// Forgets everything, keeps the room.
    pub fn clear(&mut self) {
        self.bins.clear();
        self.hashes.clear();
        self.sums.clear();
    }

    /// Bytes in use, about.
    pub fn bytes(&self) -> usize {
        let bins: usize = self
            .bins
            .live()
            .map(|b| b.list.len() * 8 + b.dense.len() * 4)
            .sum();
        let hashes: usize = self.hashes.live().map(|h| h.list().len() * 8).sum();
        bins + hashes + self.sums.len() * size_of::<i128>()
    }

    /// Adds to the sum in a word.
    #[inline(always)]
    fn add_sum(&mut self, word: &mut u64, v: i128) {
        let small = (v as i64, *word as i64);
        if i128::from(small.0) == v
            && !is_wide(*word)
            && let Some(sum) = small.0.checked_add(small.1)
            && !is_wide(sum as u64)
        {
            *word = sum as u64;
            return;
        }
        self.add_wide(word, v);
    }

    #[cold]
    fn add_wide(&mut self, word: &mut u64, v: i128) {
        let sum = self.sum(*word).checked_add(v);
        let sum = sum.unwrap_or_else(|| furthest(v));
        if is_wide(*word) {
            self.sums[(*word & !(WIDE << 62)) as usize] = sum;
        } else {
            *word = WIDE << 62 | self.sums.len() as u64;
            self.sums.push(sum);
        }
    }

    /// The sum in a word.
    #[inline]
    fn sum(&self, word: u64) -> i128 {
        if is_wide(word) {
            self.sums[(word & !(WIDE << 62)) as usize]
        } else {
            i128::from(word as i64)
        }
    }

    /// Adds values to a distribution, all but their bins; returns the state of those.
    #[inline(always)]
    fn add_values(
        &mut self,
        w: &mut [u64; DISTRIBUTION],
        count: u32,
        sum: i128,
        (min, max): (f64, f64),
    ) -> u32 {
        w[0] += u64::from(count);
        self.add_sum(&mut w[1], sum);
        w[2] = f64::from_bits(w[2]).min(min).to_bits();
        w[3] = f64::from_bits(w[3]).max(max).to_bits();
        halves(w[0]).0
    }

    /// `words`: inline entries of bin and count (16 bits each). Returns the state if it is another one.
    #[inline(always)]
    fn add_bin(&mut self, state: u32, words: &mut [u64], bin: u16, n: u32) -> Option<u32> {
        if state & SPILLED != 0 {
            self.bins.items[(state & !SPILLED) as usize].add(bin, n);
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
        let (index, store) = self.bins.take();
        for i in 0..used {
            let (b, count) = entry(words, i);
            store.add(b, count);
        }
        store.add(bin, n);
        Some(SPILLED | index as u32)
    }

    #[inline(always)]
    fn prefetch_bin(&self, state: u32, bin: u16) {
        if state & SPILLED != 0
            && let Some(bins) = self.bins.items.get((state & !SPILLED) as usize)
        {
            let at = usize::from(bin.wrapping_sub(bins.base));
            weir_model::prefetch::prefetch(bins.dense.as_ptr().wrapping_add(at));
        }
    }

    #[inline(always)]
    fn prefetch_hash(&self, state: u64) {
        if state & SPILLED_HASHES != 0
            && let Some(hashes) = self.hashes.items.get((state & !SPILLED_HASHES) as usize)
        {
            weir_model::prefetch::prefetch(hashes.list().as_ptr_range().end);
        }
    }

    fn sorted_bins(&mut self, state: u32, words: &[u64]) -> &[(u16, u64)] {
        let out = &mut self.bin_scratch;
        out.clear();
        if state & SPILLED != 0 {
            self.bins.items[(state & !SPILLED) as usize].read(out);
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

    fn merge_distribution(&mut self, from: &[u64; DISTRIBUTION], into: &mut [u64; DISTRIBUTION]) {
        let (read, count) = halves(from[0]);
        let range = (f64::from_bits(from[2]), f64::from_bits(from[3]));
        let sum = self.sum(from[1]);
        let mut state = self.add_values(into, count, sum, range);
        self.sorted_bins(read, &from[BINS..]);
        let bins = std::mem::take(&mut self.bin_scratch);
        for (bin, n) in &bins {
            let added = self.add_bin(state, &mut into[BINS..], *bin, *n as u32);
            state = added.unwrap_or(state);
        }
        set_state(into, state);
        self.bin_scratch = bins;
    }

    fn merge_hashes(&mut self, from: &[u64; 2], into: &mut [u64; 2]) {
        self.sorted_hashes(from);
        let hashes = std::mem::take(&mut self.hash_scratch);
        for hash in &hashes {
            self.add_hash(into, *hash);
        }
        self.hash_scratch = hashes;
    }

    /// `words`: number of inline hashes, or an index of the pool; the inline hash.
    #[inline]
    fn add_hash(&mut self, words: &mut [u64; 2], hash: u64) {
        let [state, inline] = words;
        if *state & SPILLED_HASHES != 0 {
            self.hashes.items[(*state & !SPILLED_HASHES) as usize].add(hash, &mut self.sorter);
        } else if *state == 0 {
            (*state, *inline) = (1, hash);
        } else if *inline != hash {
            let (index, store) = self.hashes.take();
            store.add(*inline, &mut self.sorter);
            store.add(hash, &mut self.sorter);
            *state = SPILLED_HASHES | index;
        }
    }

    fn sorted_hashes(&mut self, words: &[u64]) -> &[u64] {
        let out = &mut self.hash_scratch;
        out.clear();
        if words[0] & SPILLED_HASHES != 0 {
            out.extend_from_slice(self.hashes.items[(words[0] & !SPILLED_HASHES) as usize].list());
        } else {
            out.extend_from_slice(&words[1..1 + words[0] as usize]);
        }
        self.sorter.settle(out);
        out
    }
}

/// An inline entry of bin and count.
#[inline(always)]
fn entry(words: &[u64], i: usize) -> (u16, u32) {
    let e = (words[i / 2] >> (i % 2 * 32)) as u32;
    ((e >> 16) as u16, e & 0xffff)
}

/// Things that are used again instead of being freed.
#[derive(Debug, Default)]
struct Pool<T> {
    items: Vec<T>,
    used: usize,
}

pub(super) trait Reuse: Default {
    /// Forgets everything, keeps the room.
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
    use crate::accumulate::encode;
    use crate::accumulate::tests::{KINDS, layout, naive, samples};
    use proptest::prelude::*;
    use weir_model::hash;

    proptest! {
        #[test]
        fn a_row_in_words_encodes_and_merges_as_the_fold_of_its_events(
            rows in prop::collection::vec(samples(200), 1..4), hot in samples(9000), again in any::<bool>(),
        ) {
            let layout = layout(&KINDS);
            let words = Words::new(&layout, 2);
            let mut spill = Spill::default();
            for _ in 0..=u8::from(again) {
                let (mut all, mut every) = (words.template.clone(), Vec::new());
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
                        let deltas: Vec<_> =
                            deltas.iter().enumerate().map(|(i, d)| (words.offset(i), *d)).collect();
                        add(&mut row, &[0], &deltas, &mut spill);
                    }
                    let (mut got, mut want) = (Vec::new(), Vec::new());
                    words.encode(&row, &mut spill, &mut got);
                    encode(&layout, &naive(samples), &mut want);
                    prop_assert_eq!(got, want);
                    words.merge(&row, &mut all, &mut spill);
                    every.extend(samples.iter().cloned());
                }
                let (mut got, mut want) = (Vec::new(), Vec::new());
                words.encode(&all, &mut spill, &mut got);
                encode(&layout, &naive(&every), &mut want);
                prop_assert_eq!(got, want);
                spill.clear();
            }
        }
    }

    #[test]
    fn a_full_inline_bin_goes_on_counting() {
        let mut spill = Spill::default();
        let (mut state, mut words) = (0, [0; BIN_WORDS]);
        for _ in 0..200_000 {
            state = spill.add_bin(state, &mut words, 7, 1).unwrap_or(state);
        }
        assert_eq!(spill.sorted_bins(state, &words), [(7, 200_000)]);
    }
}
