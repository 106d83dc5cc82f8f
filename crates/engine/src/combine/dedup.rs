//! Identities read within the horizon of one partition.
//!
//! One line of memory per event: a line holds five identities and the minutes in which they were last read. Reading also goes over the
//! lines in turn, some at a time, and empties what lies beyond the horizon, so that no table is ever cleaned as a whole. There are
//! many small tables and not one large one: what grows as a whole needs twice the memory meanwhile.
//!
//! Of an identity's 128 bits 86 are kept: that another one has the same, and its place, happens once in 10^17 events.

use weir_model::prefetch::{prefetch, prefetch_lines};

/// An event is a duplicate of one read up to so many minutes before it.
pub(super) const HORIZON: i64 = 10;
/// Minutes are kept modulo this, plus one: zero marks an empty place.
const MINUTES: i64 = 0xff;
/// Identities in a line.
const WIDTH: usize = 5;
/// Lines swept at a time, after as many readings: neighbours come from memory together.
const SWEEP: usize = 16;
const TABLES: usize = 1 << TABLE_BITS;
const TABLE_BITS: u32 = 6;

#[derive(Debug)]
pub(super) struct Dedup {
    tables: Vec<Table>,
    /// Minute of the last reading.
    now: i64,
}

#[derive(Debug)]
struct Table {
    lines: Vec<Line>,
    len: usize,
    /// The line that is swept next, and readings until then.
    hand: usize,
    rest: usize,
    /// When this round and the one before began. An entry is met again in the round after its own.
    rounds: [i64; 2],
}

#[derive(Debug, Clone, Copy, Default)]
#[repr(align(64))]
struct Line {
    low: [u64; WIDTH],
    high: [u16; WIDTH],
    minutes: [u8; WIDTH],
    /// Entries that stand further on because this line was full; once 255, no longer counted.
    passed: u8,
}

/// The bits of an identity that are kept in a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Key {
    low: u64,
    high: u16,
}

impl Default for Dedup {
    fn default() -> Dedup {
        let table = || Table {
            lines: vec![Line::default()],
            len: 0,
            hand: 0,
            rest: SWEEP,
            rounds: [i64::MIN; 2],
        };
        Dedup {
            tables: (0..TABLES).map(|_| table()).collect(),
            now: i64::MIN,
        }
    }
}

fn split(identity: u128) -> (usize, Key) {
    let key = Key {
        low: identity as u64,
        high: (identity >> 64) as u16,
    };
    ((identity >> (128 - TABLE_BITS)) as usize, key)
}

impl Dedup {
    /// Fetches the memory that `seen` will look at.
    #[inline]
    pub fn prefetch(&self, identity: u128) {
        let (table, key) = split(identity);
        let lines = &self.tables[table].lines;
        prefetch(lines.as_ptr().wrapping_add(home(key, lines.len())));
    }

    /// Whether the identity was read in minutes `minute - HORIZON ..= minute`; it is now read in `minute`, which never
    /// goes back.
    #[inline]
    pub fn seen(&mut self, identity: u128, minute: i64) -> bool {
        if minute != self.now {
            self.advance(minute);
        }
        let (table, key) = split(identity);
        self.tables[table].seen(key, minute)
    }

    #[cold]
    fn advance(&mut self, minute: i64) {
        if minute.saturating_sub(self.now) > HORIZON {
            self.clear();
        }
        self.now = minute;
        for table in &mut self.tables {
            // Before the minute of an entry that was not met again could be taken for a later one.
            if minute.saturating_sub(table.rounds[1]) > MINUTES / 2 {
                table.rebuild(stamp(minute));
                table.rounds = [minute; 2];
            }
        }
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.tables.iter().map(|t| t.len).sum()
    }

    /// Bytes of the tables.
    pub fn bytes(&self) -> usize {
        let lines: usize = self.tables.iter().map(|t| t.lines.len()).sum();
        lines * size_of::<Line>()
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        *self = Dedup::default();
    }
}

/// The line where an entry stands if there is a place.
#[inline]
fn home(key: Key, lines: usize) -> usize {
    ((u128::from(key.low) * lines as u128) >> 64) as usize
}

#[inline]
fn stamp(minute: i64) -> u8 {
    (minute.rem_euclid(MINUTES) + 1) as u8
}

/// Whether an entry was last read within the horizon.
#[inline]
fn is_near(then: u8, now: u8) -> bool {
    // Stamps go round at 255, bytes at 256.
    let (age, round) = now.overflowing_sub(then);
    i64::from(age.wrapping_sub(u8::from(round))) <= HORIZON
}

impl Line {
    #[inline]
    fn find(&self, key: Key) -> Option<usize> {
        (0..WIDTH)
            .find(|i| self.low[*i] == key.low && self.high[*i] == key.high && self.minutes[*i] != 0)
    }

    #[inline]
    fn free(&self) -> Option<usize> {
        let [a, b, c, d, e] = self.minutes;
        let minutes = u64::from_le_bytes([a, b, c, d, e, 0, 0, 0]);
        // The high bit of the lowest byte that is zero is the lowest one set.
        let zeros = minutes.wrapping_sub(u64::MAX / 255) & !minutes & (u64::MAX / 255 * 0x80);
        let i = zeros.trailing_zeros() as usize / 8;
        (i < WIDTH).then_some(i)
    }

    fn key(&self, i: usize) -> Key {
        Key {
            low: self.low[i],
            high: self.high[i],
        }
    }

    fn put(&mut self, i: usize, key: Key, minute: u8) {
        self.low[i] = key.low;
        self.high[i] = key.high;
        self.minutes[i] = minute;
    }
}

impl Table {
    #[inline]
    fn seen(&mut self, key: Key, minute: i64) -> bool {
        let now = stamp(minute);
        self.rest -= 1;
        if self.rest == 0 {
            self.rest = SWEEP;
            for _ in 0..SWEEP {
                self.sweep(minute, now);
            }
            prefetch_lines(self.lines.as_ptr().wrapping_add(self.hand), SWEEP);
            if self.lines.len() > 1 && self.len < self.lines.len() {
                self.rebuild(now);
            }
        }
        let mut at = home(key, self.lines.len());
        // In a small table every line may have been passed.
        for _ in 0..self.lines.len() {
            let line = &mut self.lines[at];
            if let Some(i) = line.find(key) {
                let then = std::mem::replace(&mut line.minutes[i], now);
                return is_near(then, now);
            }
            if line.passed == 0 {
                break;
            }
            at = self.after(at);
        }
        if (self.len + 1) * 5 > self.lines.len() * WIDTH * 4 {
            self.rebuild(now);
        }
        self.insert(key, now);
        false
    }

    #[inline]
    fn after(&self, at: usize) -> usize {
        if at + 1 == self.lines.len() {
            0
        } else {
            at + 1
        }
    }

    #[inline]
    fn insert(&mut self, key: Key, minute: u8) {
        let mut at = home(key, self.lines.len());
        loop {
            let line = &mut self.lines[at];
            if let Some(i) = line.free() {
                line.put(i, key, minute);
                break;
            }
            line.passed = line.passed.saturating_add(1);
            at = self.after(at);
        }
        self.len += 1;
    }

    /// Empties what lies beyond the horizon in the next line.
    #[inline]
    fn sweep(&mut self, minute: i64, now: u8) {
        let at = self.hand;
        let old = |m: u8| m != 0 && !is_near(m, now);
        if self.lines[at].minutes.iter().any(|m| old(*m)) {
            for i in 0..WIDTH {
                if old(self.lines[at].minutes[i]) {
                    self.remove(at, i);
                }
            }
        }
        self.hand = self.after(at);
        if self.hand == 0 {
            self.rounds = [minute, self.rounds[0]];
        }
    }

    fn remove(&mut self, at: usize, i: usize) {
        let mut from = home(self.lines[at].key(i), self.lines.len());
        while from != at {
            let line = &mut self.lines[from];
            if line.passed < u8::MAX {
                line.passed -= 1;
            }
            from = self.after(from);
        }
        self.lines[at].minutes[i] = 0;
        self.len -= 1;
    }

    /// Copies what is within the horizon into a table that it fills to a half.
    #[cold]
    fn rebuild(&mut self, now: u8) {
        let near = |m: &u8| *m != 0 && is_near(*m, now);
        let minutes = self.lines.iter().flat_map(|l| &l.minutes);
        let room = (minutes.filter(|m| near(m)).count() * 2 / WIDTH).max(1);
        let old = std::mem::replace(&mut self.lines, vec![Line::default(); room]);
        (self.len, self.hand) = (0, 0);
        for line in &old {
            for i in (0..WIDTH).filter(|i| near(&line.minutes[*i])) {
                self.insert(line.key(i), line.minutes[i]);
            }
        }
    }
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
                // Crowded at the end of a table, which is where looking starts again from its beginning.
                let key = u128::MAX >> 40 ^ (key.index(700) as u128) << 10;
                let before = plain.insert(key, minute);
                let want = before.is_some_and(|m: i64| m >= minute - HORIZON);
                prop_assert_eq!(dedup.seen(key, minute), want);
            }
            let near = plain.values().filter(|m| **m >= minute - HORIZON).count();
            let held = dedup.len();
            dedup.tables.iter_mut().for_each(|t| t.rebuild(stamp(minute)));
            prop_assert!(held >= near);
            prop_assert_eq!(dedup.len(), near);
            for (key, then) in plain {
                prop_assert_eq!(dedup.seen(key, minute), then >= minute - HORIZON);
            }
        }

        #[test]
        fn is_as_large_as_what_lies_within_the_horizon(rate in 1usize..2000) {
            let mut dedup = Dedup::default();
            let mut key = 1u128;
            let tables = TABLES * size_of::<Line>();
            for minute in 0..60 {
                for _ in 0..if minute < 40 { rate } else { 1 + rate / 50 } {
                    key = key.wrapping_mul(0x2360_ed05_1fc6_5da4_4385_df64_9fcc_f645).wrapping_add(1);
                    prop_assert!(!dedup.seen(key, minute));
                }
                prop_assert!(dedup.bytes() <= 2 * tables + rate * 11 * 40);
            }
        }
    }
}
