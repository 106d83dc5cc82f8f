//! Identities read within the horizon of one partition.
//!
//! One line of memory per event: a line holds six identities and the minutes in which they were
//! last read. There are many small tables and not one large one. An identity that begins with the
//! time at which it was made (a UUID of version 7, as event ids are) has the table of those few
//! seconds: what arrives together is looked up in memory that is near, and a table whose seconds
//! lie beyond the horizon is emptied as a whole. Seconds that follow one another have tables that
//! do, so none meets others within the horizon (600 of 1,049 seconds). Other identities have a
//! table by their hash. Where a table may hold entries from before the horizon, reading also goes
//! over its lines in turn, some at a time, and empties those.
//!
//! Of an identity's 128 bits 72 are kept: that another one has the same, and its place, happens
//! once in 10^17 events.

use weir_model::prefetch::{prefetch, prefetch_lines};

/// An event is a duplicate of one read up to so many minutes before it.
pub(super) const HORIZON: i64 = 10;
/// Minutes are kept modulo this, plus one: zero marks an empty place.
const MINUTES: i64 = 0xff;
/// Identities in a line.
const WIDTH: usize = 6;
/// Lines swept at a time, after as many readings: neighbours come from memory together.
const SWEEP: usize = 16;
/// Tables before one that say how large it will be.
const BEFORE: u8 = 4;
const TABLES: usize = 1 << u8::BITS;

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
    /// When this round of sweeping began.
    round: i64,
    /// No entry was last read before this minute, and none after that one.
    oldest: i64,
    latest: i64,
}

#[derive(Debug, Clone, Copy, Default)]
#[repr(align(64))]
struct Line {
    low: [u64; WIDTH],
    high: [u8; WIDTH],
    minutes: [u8; WIDTH],
    /// Entries that stand further on because this line was full; once 255, no longer counted.
    passed: u8,
}

/// An identity: its table, and the bits of its hash that are kept there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Key {
    table: u8,
    bits: Bits,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Bits {
    low: u64,
    high: u8,
}

impl Default for Dedup {
    fn default() -> Dedup {
        Dedup {
            tables: (0..TABLES).map(|_| Table::default()).collect(),
            now: i64::MIN,
        }
    }
}

impl Default for Table {
    fn default() -> Table {
        Table {
            lines: Vec::new(),
            len: 0,
            hand: 0,
            rest: SWEEP,
            round: i64::MIN,
            oldest: i64::MAX,
            latest: i64::MIN,
        }
    }
}

impl Key {
    /// Of an identity and its hash.
    #[inline]
    pub fn of(text: &str, hash: u128) -> Key {
        let table = match text.as_bytes() {
            // A UUID of version 7 begins with milliseconds since 1970: eight digits, a dash, and
            // the ninth, which turns every 4 s.
            [_, _, _, _, _, _, _, eighth, b'-', ninth, .., _]
                if text.len() == 36 && text.as_bytes()[14] == b'7' =>
            {
                digit(*eighth) << 4 | digit(*ninth)
            }
            _ => (hash >> 120) as u8,
        };
        let bits = Bits {
            low: hash as u64,
            high: (hash >> 64) as u8,
        };
        Key { table, bits }
    }

    /// The low half of the hash.
    pub fn low(self) -> u64 {
        self.bits.low
    }
}

impl Dedup {
    /// Fetches the memory that `seen` will look at.
    #[inline]
    pub fn prefetch(&self, key: Key) {
        let lines = &self.tables[usize::from(key.table)].lines;
        prefetch(lines.as_ptr().wrapping_add(home(key.bits, lines.len())));
    }

    /// Whether the identity was read in minutes `minute - HORIZON ..= minute`; it is now read in
    /// `minute`, which never goes back. Of a late event: such ones come alone.
    #[inline]
    pub fn seen(&mut self, key: Key, minute: i64, late: bool) -> bool {
        if minute != self.now {
            self.advance(minute);
        }
        if self.tables[usize::from(key.table)].is_full() {
            self.make_room(key.table, late);
        }
        self.tables[usize::from(key.table)].seen(key.bits, minute)
    }

    /// Gives a table room for more: unless it is for late events, at least what those before needed
    /// (the last of them may not be complete), so that it does not grow step by step.
    #[cold]
    fn make_room(&mut self, table: u8, late: bool) {
        let before = (1..=BEFORE).map(|n| self.tables[usize::from(table.wrapping_sub(n))].len);
        let most = before.max().filter(|_| !late).unwrap_or_default();
        self.tables[usize::from(table)].rebuild(self.now, tight_room(most));
    }

    #[cold]
    fn advance(&mut self, minute: i64) {
        if minute.saturating_sub(self.now) > HORIZON {
            self.clear();
        }
        self.now = minute;
        for table in self.tables.iter_mut().filter(|t| t.len > 0) {
            let age = minute.saturating_sub(table.oldest);
            if minute.saturating_sub(table.latest) > HORIZON {
                *table = Table::default();
            } else if age > MINUTES / 2 || age > HORIZON && table.is_mostly_old(minute) {
                // Before the minute of an entry that was not met again could be taken for a later
                // one; or what was late has kept alive the table of its seconds.
                table.rebuild(minute, 0);
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

/// Lines that so many entries fill to two thirds.
fn room(entries: usize) -> usize {
    (entries * 3).div_ceil(WIDTH * 2).max(1)
}

/// Lines that about so many entries fill to seven eighths: some more may come before they are full.
fn tight_room(entries: usize) -> usize {
    (entries * 8).div_ceil(WIDTH * 7).max(1)
}

/// Of a hexadecimal digit; anything else is some number too.
#[inline]
fn digit(c: u8) -> u8 {
    ((c & 15) + 9 * (c >> 6 & 1)) & 15
}

/// The line where an entry stands if there is a place.
#[inline]
fn home(key: Bits, lines: usize) -> usize {
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
    fn find(&self, key: Bits) -> Option<usize> {
        (0..WIDTH)
            .find(|i| self.low[*i] == key.low && self.high[*i] == key.high && self.minutes[*i] != 0)
    }

    #[inline]
    fn free(&self) -> Option<usize> {
        let [a, b, c, d, e, f] = self.minutes;
        let minutes = u64::from_le_bytes([a, b, c, d, e, f, 0, 0]);
        // The high bit of the lowest byte that is zero is the lowest one set.
        let zeros = minutes.wrapping_sub(u64::MAX / 255) & !minutes & (u64::MAX / 255 * 0x80);
        let i = zeros.trailing_zeros() as usize / 8;
        (i < WIDTH).then_some(i)
    }

    fn key(&self, i: usize) -> Bits {
        Bits {
            low: self.low[i],
            high: self.high[i],
        }
    }

    fn put(&mut self, i: usize, key: Bits, minute: u8) {
        self.low[i] = key.low;
        self.high[i] = key.high;
        self.minutes[i] = minute;
    }
}

impl Table {
    /// As [`Dedup::seen`]; the table is not full.
    #[inline]
    fn seen(&mut self, key: Bits, minute: i64) -> bool {
        let now = stamp(minute);
        self.latest = minute;
        if minute.saturating_sub(self.oldest) > HORIZON {
            self.rest -= 1;
            if self.rest == 0 {
                self.rest = SWEEP;
                for _ in 0..SWEEP {
                    self.sweep(minute, now);
                }
                prefetch_lines(self.lines.as_ptr().wrapping_add(self.hand), SWEEP);
                if self.lines.len() > 1 && self.len < self.lines.len() {
                    self.rebuild(minute, 0);
                }
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
        self.oldest = self.oldest.min(minute);
        self.insert(key, now);
        false
    }

    /// Whether most entries lie beyond the horizon, by a few lines.
    fn is_mostly_old(&self, minute: i64) -> bool {
        let now = stamp(minute);
        let some = self.lines.iter().take(SWEEP).flat_map(|l| &l.minutes);
        let (mut near, mut all) = (0, 0);
        for then in some.filter(|m| **m != 0) {
            near += usize::from(is_near(*then, now));
            all += 1;
        }
        near * 4 < all
    }

    /// Whether one more entry would take more than fifteen of sixteen places.
    #[inline]
    fn is_full(&self) -> bool {
        (self.len + 1) * 16 > self.lines.len() * WIDTH * 15
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
    fn insert(&mut self, key: Bits, minute: u8) {
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
            // What was not within the horizon when the round began is gone.
            self.oldest = self.oldest.max(self.round.saturating_sub(HORIZON));
            self.round = minute;
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

    /// Copies what is within the horizon into lines that it fills to two thirds, at least so many.
    #[cold]
    fn rebuild(&mut self, minute: i64, least: usize) {
        let now = stamp(minute);
        let near = |m: &u8| *m != 0 && is_near(*m, now);
        let minutes = self.lines.iter().flat_map(|l| &l.minutes);
        let room = room(minutes.filter(|m| near(m)).count());
        let lines = vec![Line::default(); room.max(least)];
        let old = std::mem::replace(&mut self.lines, lines);
        (self.len, self.hand) = (0, 0);
        self.oldest = self.oldest.max(minute.saturating_sub(HORIZON));
        self.round = minute;
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

    /// A UUID of version 7, made at so many times 4.096 s.
    fn made_at(time: u128) -> String {
        format!(
            "{:08x}-{:x}000-7000-8000-000000000000",
            time >> 4,
            time & 15
        )
    }

    #[test]
    fn identities_of_the_same_seconds_are_near() {
        let table = |time, hash| Key::of(&made_at(time), hash).table;
        assert!((0..1000).all(|t| table(t, 0) == table(t, u128::MAX)));
        assert!((0..1000).all(|t| table(t, 0).wrapping_add(1) == table(t + 1, 0)));
        assert_ne!(Key::of("req-7", 0).table, Key::of("req-7", u128::MAX).table);
    }

    #[test]
    fn late_events_do_not_keep_the_others_of_their_seconds() {
        let (a_minute, each) = (15, 40);
        let mut dedup = Dedup::default();
        let mut read = |made, n: u128, minute, late| {
            let hash = (n + 1).wrapping_mul(0x2360_ed05_1fc6_5da4_4385_df64_9fcc_f645);
            assert!(!dedup.seen(Key::of(&made_at(made), hash), minute, late));
            dedup.len()
        };
        for time in 10 * a_minute..60 * a_minute {
            let minute = (time / a_minute) as i64;
            for n in 0..each {
                read(time, time * 100 + n, minute, false);
            }
            let held = read(time - 10 * a_minute, time * 100 + each, minute, true);
            assert!(held <= 13 * (a_minute * (each + 1)) as usize, "{held}");
        }
    }

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
                // Crowded at the end of a table, which is where looking starts again from its
                // beginning. Some have the table of their time.
                let key = key.index(700) as u128;
                let text = if key.is_multiple_of(3) { made_at(key / 200) } else { String::new() };
                let key = Key::of(&text, u128::MAX >> 40 ^ key << 10);
                let before = plain.insert((key.table, key.low()), (key, minute)).map(|(_, m)| m);
                let want = before.is_some_and(|m: i64| m >= minute - HORIZON);
                prop_assert_eq!(dedup.seen(key, minute, key.low().is_multiple_of(5)), want);
            }
            let near = plain.values().filter(|(_, m)| *m >= minute - HORIZON).count();
            let held = dedup.len();
            dedup.tables.iter_mut().for_each(|t| t.rebuild(minute, 0));
            prop_assert!(held >= near);
            prop_assert_eq!(dedup.len(), near);
            for (key, then) in plain.into_values() {
                prop_assert_eq!(dedup.seen(key, minute, key.low().is_multiple_of(5)), then >= minute - HORIZON);
            }
        }

        #[test]
        fn is_as_large_as_what_lies_within_the_horizon(rate in 1usize..2000, in_time: bool) {
            let mut dedup = Dedup::default();
            let mut key = 1u128;
            let tables = TABLES * size_of::<Line>();
            let most = if in_time { 24 } else { 40 };
            for minute in 0..60 {
                for i in 0..if minute < 40 { rate } else { 1 + rate / 50 } {
                    key = key.wrapping_mul(0x2360_ed05_1fc6_5da4_4385_df64_9fcc_f645).wrapping_add(1);
                    let second = minute as u128 * 15 + (i * 15 / rate) as u128;
                    let text = if in_time { made_at(second) } else { String::new() };
                    prop_assert!(!dedup.seen(Key::of(&text, key), minute, false));
                }
                prop_assert!(dedup.bytes() <= tables + rate * 11 * most);
            }
        }
    }
}
