//! A line of memory: six identities and when each was last read.

use super::HORIZON;

/// Minutes are kept modulo this, plus one: zero marks an empty place.
pub(super) const MINUTES: i64 = 0xff;
/// Identities in a line.
pub(super) const WIDTH: usize = 6;

#[derive(Debug, Clone, Copy, Default)]
#[repr(align(64))]
pub(super) struct Line {
    low: [u64; WIDTH],
    high: [u8; WIDTH],
    pub(super) minutes: [u8; WIDTH],
    /// Entries that stand further on because this line was full; once 255, no longer counted.
    pub(super) passed: u8,
}

/// What is kept of an identity's hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bits {
    pub(super) low: u64,
    pub(super) high: u8,
}

/// The line where an entry stands if there is a place.
#[inline]
pub(super) fn home(key: Bits, lines: usize) -> usize {
    ((u128::from(key.low) * lines as u128) >> 64) as usize
}

#[inline]
pub(super) fn stamp(minute: i64) -> u8 {
    (minute.rem_euclid(MINUTES) + 1) as u8
}

/// Whether an entry was last read within the horizon.
#[inline]
pub(super) fn is_near(then: u8, now: u8) -> bool {
    // Stamps go round at 255, bytes at 256.
    let (age, round) = now.overflowing_sub(then);
    i64::from(age.wrapping_sub(u8::from(round))) <= HORIZON
}

impl Line {
    #[inline]
    pub(super) fn find(&self, key: Bits) -> Option<usize> {
        (0..WIDTH)
            .find(|i| self.low[*i] == key.low && self.high[*i] == key.high && self.minutes[*i] != 0)
    }

    #[inline]
    pub(super) fn free(&self) -> Option<usize> {
        let [a, b, c, d, e, f] = self.minutes;
        let minutes = u64::from_le_bytes([a, b, c, d, e, f, 0, 0]);
        // The high bit of the lowest byte that is zero is the lowest one set.
        let zeros = minutes.wrapping_sub(u64::MAX / 255) & !minutes & (u64::MAX / 255 * 0x80);
        let i = zeros.trailing_zeros() as usize / 8;
        (i < WIDTH).then_some(i)
    }

    pub(super) fn key(&self, i: usize) -> Bits {
        Bits {
            low: self.low[i],
            high: self.high[i],
        }
    }

    pub(super) fn put(&mut self, i: usize, key: Bits, minute: u8) {
        self.low[i] = key.low;
        self.high[i] = key.high;
        self.minutes[i] = minute;
    }
}
