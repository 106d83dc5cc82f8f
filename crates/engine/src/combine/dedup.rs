//! Identities read within the horizon of one partition.
//!
//! One open table, and one line of memory per event: an entry is 112 bits of the identity and the minute of its last reading.
//! Whoever reads an identity also looks at the next few entries in turn and removes those beyond the horizon, so that the table is
//! never cleaned as a whole.

use crate::prefetch::prefetch;

/// An event is a duplicate of one read up to so many minutes before it.
pub(super) const HORIZON: i64 = 10;
/// Entries looked at per identity read: a round ends before the table could fill with what is beyond the horizon.
const SWEEP: usize = 4;
const SMALLEST: usize = 1 << 8;
/// Minutes are kept modulo this, plus one: an entry is never zero, which marks an empty slot.
const MINUTES: i64 = 0xffff;
const MINUTE_BITS: u32 = 16;

#[derive(Debug)]
pub(super) struct Dedup {
    /// Slots are a power of two; an entry's first choice is that of its highest bits.
    table: Vec<u128>,
    len: usize,
    /// The slot that is looked at next.
    hand: usize,
    /// When this round and the one before began. An entry is met again in the round after its own.
    rounds: [i64; 2],
    /// Minute of the last reading.
    now: i64,
}

impl Default for Dedup {
    fn default() -> Dedup {
        Dedup {
            table: vec![0; SMALLEST],
            len: 0,
            hand: 0,
            rounds: [i64::MIN; 2],
            now: i64::MIN,
        }
    }
}

impl Dedup {
    /// Fetches the memory that `seen` will look at.
    #[inline]
    pub fn prefetch(&self, key: u128) {
        prefetch(self.table.as_ptr().wrapping_add(self.home(key)));
    }

    /// Whether the key was read in minutes `minute - HORIZON ..= minute`; it is now read in `minute`, which never
    /// goes back.
    #[inline]
    pub fn seen(&mut self, key: u128, minute: i64) -> bool {
        if minute != self.now {
            self.advance(minute);
        }
        self.sweep(minute);
        let key = key >> MINUTE_BITS << MINUTE_BITS;
        let entry = key | (minute.rem_euclid(MINUTES) + 1) as u128;
        let mask = self.table.len() - 1;
        let mut i = self.home(key);
        while self.table[i] != 0 {
            let other = self.table[i];
            if (other ^ key) >> MINUTE_BITS == 0 {
                self.table[i] = entry;
                return is_near(other, minute);
            }
            i = (i + 1) & mask;
        }
        self.table[i] = entry;
        self.len += 1;
        if self.len * 8 > self.table.len() * 5 {
            self.rebuild(minute);
        }
        false
    }

    #[cold]
    fn advance(&mut self, minute: i64) {
        if minute.saturating_sub(self.now) > HORIZON {
            self.clear();
        }
        // Before a minute could be taken for a later one.
        if minute.saturating_sub(self.rounds[1]) > MINUTES / 2 {
            self.rebuild(minute);
            self.rounds = [minute; 2];
        }
        self.now = minute;
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Bytes of the table.
    pub fn bytes(&self) -> usize {
        self.table.len() * size_of::<u128>()
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        *self = Dedup::default();
    }

    #[inline]
    fn home(&self, key: u128) -> usize {
        (key >> (128 - self.table.len().trailing_zeros())) as usize
    }

    #[inline]
    fn sweep(&mut self, minute: i64) {
        for _ in 0..SWEEP {
            let entry = self.table[self.hand];
            if entry != 0 && !is_near(entry, minute) {
                // Another one may have moved here: looked at next.
                self.remove(self.hand);
                continue;
            }
            self.hand += 1;
            if self.hand == self.table.len() {
                self.hand = 0;
                self.rounds = [minute, self.rounds[0]];
                if self.len * 16 < self.table.len() && self.table.len() > SMALLEST {
                    self.rebuild(minute);
                }
            }
        }
    }

    /// Empties a slot and moves up what could not be put there.
    fn remove(&mut self, mut free: usize) {
        let mask = self.table.len() - 1;
        let mut i = free;
        loop {
            i = (i + 1) & mask;
            let entry = self.table[i];
            if entry == 0 {
                break;
            }
            let (from_home, from_free) = (i.wrapping_sub(self.home(entry)), i.wrapping_sub(free));
            if from_home & mask >= from_free & mask {
                self.table[free] = entry;
                free = i;
            }
        }
        self.table[free] = 0;
        self.len -= 1;
    }

    /// Copies what is within the horizon into a table of the right size. Both are walked from start to end.
    #[cold]
    fn rebuild(&mut self, minute: i64) {
        let near = |e: &&u128| **e != 0 && is_near(**e, minute);
        self.len = self.table.iter().filter(near).count();
        let room = (self.len * 2).next_power_of_two().max(SMALLEST);
        let old = std::mem::replace(&mut self.table, vec![0; room]);
        for entry in old.iter().filter(near) {
            let mut i = self.home(*entry);
            while self.table[i] != 0 {
                i = (i + 1) & (room - 1);
            }
            self.table[i] = *entry;
        }
        self.hand = 0;
    }
}

/// Whether an entry was last read within the horizon.
#[inline]
fn is_near(entry: u128, minute: i64) -> bool {
    let then = (entry & MINUTES as u128) as i64 - 1;
    (minute.rem_euclid(MINUTES) - then).rem_euclid(MINUTES) <= HORIZON
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    /// Steps of the clock: within the horizon, beyond it, and far beyond what an entry can tell.
    fn step() -> impl Strategy<Value = i64> {
        prop_oneof![
            40 => Just(0i64),
            4 => 1i64..4,
            1 => 9i64..13,
            1 => Just(MINUTES),
            1 => MINUTES - 12..MINUTES + 12,
            1 => Just(MINUTES / 2),
        ]
    }

    proptest! {
        #[test]
        fn remembers_what_lies_within_the_horizon(
            reads in prop::collection::vec((any::<prop::sample::Index>(), step()), 1..4000), start in -70_000i64..70_000,
        ) {
            let (mut dedup, mut plain) = (Dedup::default(), BTreeMap::new());
            let mut minute = start;
            for (key, step) in reads {
                minute += step;
                // Crowded at the end of the table, which is where probing starts again from its beginning.
                let key = key.index(700) as u128;
                let key = (u128::MAX - (key << 112)) ^ (key << 20);
                let before = plain.insert(key, minute);
                let want = before.is_some_and(|m: i64| m >= minute - HORIZON);
                prop_assert_eq!(dedup.seen(key, minute), want);
            }
            let near = plain.values().filter(|m| **m >= minute - HORIZON).count();
            dedup.rebuild(minute);
            prop_assert_eq!(dedup.len(), near);
            for (key, then) in plain {
                prop_assert_eq!(dedup.seen(key, minute), then >= minute - HORIZON);
            }
        }

        #[test]
        fn is_as_large_as_what_lies_within_the_horizon(rate in 1usize..2000) {
            let mut dedup = Dedup::default();
            let mut key = 1u128;
            for minute in 0..60 {
                for _ in 0..if minute < 40 { rate } else { 1 + rate / 50 } {
                    key = key.wrapping_mul(0x2360_ed05_1fc6_5da4_4385_df64_9fcc_f645).wrapping_add(1);
                    prop_assert!(!dedup.seen(key, minute));
                }
                prop_assert!(dedup.table.len() <= SMALLEST.max(rate * 11 * 8));
            }
        }
    }
}
