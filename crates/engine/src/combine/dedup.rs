//! Identities read within the horizon of one partition.
//!
//! Entries lie in generations of a few minutes of log time, each an open table of 128-bit keys with the minute of
//! the last reading beside it. A whole generation is forgotten at once; nothing is ever removed from a table.

use std::collections::VecDeque;

/// An event is a duplicate of one read up to so many minutes before it.
pub(super) const HORIZON: i64 = 10;
/// Minutes per generation: few tables to look into, little that is kept beyond the horizon.
const SPAN: i64 = 4;

#[derive(Debug, Default)]
pub(super) struct Dedup {
    /// Oldest first.
    generations: VecDeque<Generation>,
    /// Tables to use again.
    spare: Option<Generation>,
}

#[derive(Debug)]
struct Generation {
    /// Its minutes are `number * SPAN ..`.
    number: i64,
    keys: Vec<u128>,
    /// Minute within the generation of the last reading, by slot.
    minutes: Vec<u8>,
    len: usize,
    /// Slots are a power of two.
    shift: u32,
}

impl Dedup {
    /// Fetches the memory that `seen` will look at.
    #[inline]
    pub fn prefetch(&self, key: u128) {
        for g in &self.generations {
            super::prefetch(g.keys.as_ptr().wrapping_add(g.home(key)));
        }
    }

    /// Whether the key was read in minutes `minute - HORIZON ..= minute`; it is now read in `minute`, which never
    /// goes back.
    pub fn seen(&mut self, key: u128, minute: i64) -> bool {
        // Zero marks an empty slot.
        let key = key.max(1);
        let number = minute.div_euclid(SPAN);
        if self.generations.back().is_none_or(|g| g.number < number) {
            self.start(number, minute);
        }
        let (mut found, last) = (false, self.generations.len().wrapping_sub(1));
        for (i, g) in self.generations.iter_mut().enumerate() {
            if i == last {
                found |= g.put(key, (minute - g.number * SPAN) as u8);
            } else if let Some(m) = g.get(key) {
                found |= g.number * SPAN + i64::from(m) >= minute - HORIZON;
            }
        }
        found
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.generations.iter().map(|g| g.len).sum()
    }

    /// Bytes of the tables.
    pub fn bytes(&self) -> usize {
        self.generations
            .iter()
            .chain(&self.spare)
            .map(|g| g.keys.len() * 17)
            .sum()
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.generations.clear();
    }

    fn start(&mut self, number: i64, minute: i64) {
        let oldest = minute.saturating_sub(HORIZON).div_euclid(SPAN);
        let mut expected = 0;
        while let Some(g) = self.generations.front()
            && g.number < oldest
        {
            self.spare = self.generations.pop_front();
        }
        if let Some(g) = self.generations.back() {
            expected = g.len;
        }
        let mut g = match self.spare.take() {
            // A table much larger than needed is given back.
            Some(mut g) if g.keys.len() <= (expected * 8).max(1 << 12) => {
                g.keys.fill(0);
                g
            }
            _ => Generation::new(),
        };
        g.number = number;
        g.len = 0;
        self.generations.push_back(g);
    }
}

impl Generation {
    fn new() -> Generation {
        let slots = 1usize << 8;
        Generation {
            number: 0,
            keys: vec![0; slots],
            minutes: vec![0; slots],
            len: 0,
            shift: 64 - 8,
        }
    }

    #[inline]
    fn home(&self, key: u128) -> usize {
        ((key >> 64) as u64 >> self.shift) as usize
    }

    fn get(&self, key: u128) -> Option<u8> {
        let mask = self.keys.len() - 1;
        let mut i = self.home(key);
        loop {
            match self.keys[i] {
                0 => return None,
                k if k == key => return Some(self.minutes[i]),
                _ => i = (i + 1) & mask,
            }
        }
    }

    /// Puts the key or moves its minute; true where it was there.
    fn put(&mut self, key: u128, minute: u8) -> bool {
        let mask = self.keys.len() - 1;
        let mut i = self.home(key);
        loop {
            match self.keys[i] {
                0 => break,
                k if k == key => {
                    self.minutes[i] = minute;
                    return true;
                }
                _ => i = (i + 1) & mask,
            }
        }
        self.keys[i] = key;
        self.minutes[i] = minute;
        self.len += 1;
        if self.len * 8 > self.keys.len() * 5 {
            self.grow();
        }
        false
    }

    fn grow(&mut self) {
        let slots = self.keys.len() * 2;
        let keys = std::mem::replace(&mut self.keys, vec![0; slots]);
        let minutes = std::mem::replace(&mut self.minutes, vec![0; slots]);
        self.shift -= 1;
        for (key, minute) in keys.into_iter().zip(minutes) {
            if key != 0 {
                let mut i = self.home(key);
                while self.keys[i] != 0 {
                    i = (i + 1) & (slots - 1);
                }
                self.keys[i] = key;
                self.minutes[i] = minute;
            }
        }
    }
}
