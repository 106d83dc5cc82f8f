//! The smallest of many hashes, in the order in which they come.

use super::super::pool::Reuse;
use weir_model::sketch::THETA;

/// They are only appended; when there is no more room, sorted, and repetitions and all but the
/// smallest are dropped. (A table would cost a fetch from memory per hash: there is one for each
/// busy row.)
#[derive(Debug, Default)]
pub(super) struct Smallest {
    list: Vec<u64>,
    /// Larger ones are not among the smallest any more.
    limit: u64,
    /// Length at which to sort.
    full: usize,
}

/// Room, in hashes, that is kept for the next row.
const KEPT: usize = 512;

impl Reuse for Smallest {
    fn reset(&mut self) {
        self.list.clear();
        // Whoever needed more may have been another row: in time each would have the room of the
        // busiest.
        self.list.shrink_to(KEPT);
        self.limit = u64::MAX;
        self.full = 128;
    }
}

impl Smallest {
    #[inline(always)]
    pub fn add(&mut self, hash: u64, sorter: &mut Sorter) {
        if hash <= self.limit {
            self.list.push(hash);
            if self.list.len() >= self.full {
                self.settle(sorter);
            }
        }
    }

    /// In no order, with repetitions.
    pub fn list(&self) -> &[u64] {
        &self.list
    }

    #[cold]
    fn settle(&mut self, sorter: &mut Sorter) {
        sorter.settle(&mut self.list);
        if let Some(largest) = self.list.get(THETA - 1) {
            self.limit = *largest;
        }
        self.full = 4 * self.list.len() + 32;
    }
}

/// Sorts hashes by where they lie between the smallest and the largest possible one: as many
/// buckets as hashes, then neighbours.
#[derive(Debug, Default)]
pub(super) struct Sorter {
    /// Where the next hash of each bucket goes.
    places: Vec<u32>,
    sorted: Vec<u64>,
}

/// Below, the library's sort is as quick.
const FEW: usize = 32;
/// Hashes that were chosen so that they fall into one bucket are left to the library.
const CROWD: u32 = 32;

impl Sorter {
    /// Sorts, and drops repetitions and all but the smallest.
    pub fn settle(&mut self, list: &mut Vec<u64>) {
        if list.len() < FEW || !self.sort(list) {
            list.sort_unstable();
        }
        list.dedup();
        list.truncate(THETA);
    }

    /// False where the hashes are not spread as hashes are: then nothing was done.
    fn sort(&mut self, list: &mut Vec<u64>) -> bool {
        let largest = list.iter().fold(0, |all, hash| all | hash);
        let bits = list.len().ilog2();
        let shift = (64 - largest.leading_zeros()).saturating_sub(bits);
        let bucket = |hash: u64| (hash >> shift) as usize;
        self.places.clear();
        self.places.resize(1 << bits, 0);
        for hash in &*list {
            self.places[bucket(*hash)] += 1;
        }
        let (mut start, mut most) = (0, 0);
        for place in &mut self.places {
            let count = std::mem::replace(place, start);
            start += count;
            most = most.max(count);
        }
        if most > CROWD {
            return false;
        }
        self.sorted.resize(list.len(), 0);
        for hash in &*list {
            let place = &mut self.places[bucket(*hash)];
            self.sorted[*place as usize] = *hash;
            *place += 1;
        }
        for i in 1..self.sorted.len() {
            let hash = self.sorted[i];
            let mut to = i;
            while to > 0 && self.sorted[to - 1] > hash {
                self.sorted[to] = self.sorted[to - 1];
                to -= 1;
            }
            self.sorted[to] = hash;
        }
        // Not swapped: a list would get the room of the longest one.
        list.copy_from_slice(&self.sorted);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_smallest_are_left_in_order(
            seeds in prop::collection::vec(0u64..6000, 0..9000), shift in 0u32..64, crowd in prop::option::of(0u64..100),
        ) {
            let spread = |n: u64| weir_model::hash::distinct(&n.to_le_bytes()) >> shift;
            let hashes = seeds.iter().map(|n| crowd.map_or(spread(*n), |c| c << 40 | *n));
            let mut sorter = Sorter::default();
            let mut kept = Smallest::default();
            kept.reset();
            let mut want = std::collections::BTreeSet::new();
            for hash in hashes {
                kept.add(hash, &mut sorter);
                want.insert(hash);
            }
            let mut got = kept.list().to_vec();
            sorter.settle(&mut got);
            prop_assert_eq!(got, want.into_iter().take(THETA).collect::<Vec<_>>());
        }
    }
}
