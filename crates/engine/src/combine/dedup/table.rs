//! One table: lines found by hash, swept in turn.

use super::HORIZON;
use super::line::{Bits, Line, WIDTH, home, is_near, stamp};
use weir_model::prefetch::prefetch_lines;

/// Lines swept at a time, after as many readings: neighbours come from memory together.
const SWEEP: usize = 16;

#[derive(Debug)]
pub(super) struct Table {
    pub(super) lines: Vec<Line>,
    pub(super) len: usize,
    /// The line that is swept next, and readings until then.
    hand: usize,
    rest: usize,
    /// When this round of sweeping began.
    round: i64,
    /// No entry was last read before this minute, and none after that one.
    pub(super) oldest: i64,
    pub(super) latest: i64,
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

/// Lines that so many entries fill to two thirds.
fn room(entries: usize) -> usize {
    (entries * 3).div_ceil(WIDTH * 2).max(1)
}

impl Table {
    /// As [`super::Dedup::seen`]; the table is not full.
    #[inline]
    pub(super) fn seen(&mut self, key: Bits, minute: i64) -> bool {
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
    pub(super) fn is_mostly_old(&self, minute: i64) -> bool {
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
    pub(super) fn is_full(&self) -> bool {
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
    pub(super) fn rebuild(&mut self, minute: i64, least: usize) {
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
