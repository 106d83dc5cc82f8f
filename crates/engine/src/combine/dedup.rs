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

mod line;
mod table;
#[cfg(test)]
mod tests;

use line::{Bits, Line, MINUTES, WIDTH, home};
use table::Table;
use weir_model::prefetch::prefetch;

/// An event is a duplicate of one read up to so many minutes before it.
pub(super) const HORIZON: i64 = 10;
/// Tables before one that say how large it will be.
const BEFORE: u8 = 4;
const TABLES: usize = 1 << u8::BITS;

#[derive(Debug)]
pub(super) struct Dedup {
    tables: Vec<Table>,
    /// Minute of the last reading.
    now: i64,
}

/// An identity: its table, and the bits of its hash that are kept there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Key {
    table: u8,
    bits: Bits,
}

impl Default for Dedup {
    fn default() -> Dedup {
        Dedup {
            tables: (0..TABLES).map(|_| Table::default()).collect(),
            now: i64::MIN,
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

/// Lines that about so many entries fill to seven eighths: some more may come before they are full.
fn tight_room(entries: usize) -> usize {
    (entries * 8).div_ceil(WIDTH * 7).max(1)
}

/// Of a hexadecimal digit; anything else is some number too.
#[inline]
fn digit(c: u8) -> u8 {
    ((c & 15) + 9 * (c >> 6 & 1)) & 15
}
