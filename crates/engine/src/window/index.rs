//! Finds subjects by their hash. A table of our own, since what is looked up next is known here
//! long before it is needed: its memory can be fetched meanwhile, in a block of partials for dozens
//! of subjects at a time.

use super::ids::{Id, NONE};
use weir_model::prefetch::prefetch;

/// Entries of half the bits of a hash and an index, in the order of the hashes as far as there is
/// room.
pub(crate) struct Index {
    /// A power of two; three of four hold something at most.
    slots: Vec<Slot>,
    len: usize,
}

#[derive(Clone, Copy)]
struct Slot {
    tag: u32,
    id: Id,
}

const EMPTY: Slot = Slot { tag: 0, id: NONE };
const SMALLEST: usize = 16;

impl Default for Index {
    fn default() -> Index {
        Index {
            slots: vec![EMPTY; SMALLEST],
            len: 0,
        }
    }
}

/// All hashes of a shard agree modulo the number of partitions and in some bits of their middle;
/// the table wants its bits spread.
fn tag(hash: u64) -> u32 {
    ((hash ^ (hash >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as u32
}

impl Index {
    /// Those that may have a hash.
    #[inline]
    pub fn find(&self, hash: u64) -> impl Iterator<Item = Id> {
        let (tag, mask) = (tag(hash), self.slots.len() - 1);
        let mut i = self.home(tag);
        std::iter::from_fn(move || {
            loop {
                let slot = self.slots[i];
                if slot.id == NONE {
                    return None;
                }
                i = (i + 1) & mask;
                if slot.tag == tag {
                    return Some(slot.id);
                }
            }
        })
    }

    /// Fetches the memory where a hash is looked up.
    #[inline]
    pub fn prefetch(&self, hash: u64) {
        prefetch(self.slots.as_ptr().wrapping_add(self.home(tag(hash))));
    }

    /// Adds one that is not there.
    pub fn insert(&mut self, hash: u64, id: Id) {
        if (self.len + 1) * 4 > self.slots.len() * 3 {
            let room = self.slots.len() * 2;
            let old = std::mem::replace(&mut self.slots, vec![EMPTY; room]);
            for slot in old.into_iter().filter(|s| s.id != NONE) {
                self.put(slot);
            }
        }
        let tag = tag(hash);
        self.put(Slot { tag, id });
        self.len += 1;
    }

    /// Removes one that is there.
    pub fn remove(&mut self, hash: u64, id: Id) {
        let mask = self.slots.len() - 1;
        let mut free = self.home(tag(hash));
        while self.slots[free].id != id {
            if self.slots[free].id == NONE {
                return;
            }
            free = (free + 1) & mask;
        }
        // Those behind move up where they may stand there.
        let mut i = free;
        loop {
            i = (i + 1) & mask;
            let slot = self.slots[i];
            if slot.id == NONE {
                break;
            }
            let (from_home, from_free) =
                (i.wrapping_sub(self.home(slot.tag)), i.wrapping_sub(free));
            if from_home & mask >= from_free & mask {
                self.slots[free] = slot;
                free = i;
            }
        }
        self.slots[free] = EMPTY;
        self.len -= 1;
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        self.slots.len() * size_of::<Slot>()
    }

    #[inline]
    fn home(&self, tag: u32) -> usize {
        (u64::from(tag) >> (32 - self.slots.len().trailing_zeros().min(32))) as usize
    }

    fn put(&mut self, slot: Slot) {
        let mask = self.slots.len() - 1;
        let mut i = self.home(slot.tag);
        while self.slots[i].id != NONE {
            i = (i + 1) & mask;
        }
        self.slots[i] = slot;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #[test]
        fn finds_what_was_put_in_and_not_taken_out(steps in prop::collection::vec((0u64..300, any::<bool>()), 0..2000)) {
            let (mut index, mut plain) = (Index::default(), BTreeMap::new());
            for (i, (key, add)) in steps.into_iter().enumerate() {
                // Few hashes, some of which agree; the low bits as in a partition.
                let hash = (key / 3).wrapping_mul(0x1234_5678_9abc_def1) << 4;
                if add {
                    plain.entry(key).or_insert_with(|| {
                        index.insert(hash, i as Id);
                        i as Id
                    });
                } else if let Some(id) = plain.remove(&key) {
                    index.remove(hash, id);
                }
                let mut found: Vec<Id> = index.find(hash).collect();
                found.sort_unstable();
                let mut want: Vec<Id> =
                    plain.range(key / 3 * 3..key / 3 * 3 + 3).map(|(_, id)| *id).collect();
                want.sort_unstable();
                // A tag is half of a hash: others may come along.
                found.retain(|id| want.contains(id) || !plain.values().any(|v| v == id));
                prop_assert_eq!(found, want);
            }
            prop_assert_eq!(index.len, plain.len());
        }
    }
}
