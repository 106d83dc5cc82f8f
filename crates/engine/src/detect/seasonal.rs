//! The usual value of each hour of the week.

use super::corrupt;
use crate::{EngineError, varint};

/// Hours of a week.
const HOURS: u8 = 168;

/// What one hour of the week has shown so far.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Slot {
    pub(super) m: f64,
    pub(super) a: f64,
    pub(super) n: u32,
    hour: u8,
}

impl Slot {
    pub(super) fn take(&mut self, weight: f64, x: f64) {
        if self.n == 0 {
            (self.m, self.a) = (x, 0.0);
        } else {
            self.a += weight * ((x - self.m).abs() - self.a);
            self.m += weight * (x - self.m);
        }
        self.n = self.n.saturating_add(1);
    }
}

/// The slots that were ever used, by hour: a daily window uses seven, people asleep need none.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Slots(Vec<Slot>);

impl Slots {
    pub(super) fn at(&mut self, hour: u8) -> &mut Slot {
        let i = match self.0.binary_search_by_key(&hour, |s| s.hour) {
            Ok(i) => i,
            Err(i) => {
                if self.0.len() == self.0.capacity() {
                    self.0.reserve_exact(self.0.len().clamp(4, 24));
                }
                self.0.insert(
                    i,
                    Slot {
                        m: 0.0,
                        a: 0.0,
                        n: 0,
                        hour,
                    },
                );
                i
            }
        };
        &mut self.0[i]
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        varint::put_u64(out, self.0.len() as u64);
        for s in &self.0 {
            out.push(s.hour);
            varint::put_u64(out, u64::from(s.n));
            varint::put_f64(out, s.m);
            varint::put_f64(out, s.a);
        }
    }

    pub(super) fn decode(input: &mut &[u8]) -> Result<Slots, EngineError> {
        let n = varint::usize(input)?;
        if n > usize::from(HOURS) {
            return Err(corrupt("a week has 168 hours"));
        }
        let mut slots: Vec<Slot> = Vec::with_capacity(n);
        for _ in 0..n {
            let hour = varint::byte(input)?;
            if hour >= HOURS || slots.last().is_some_and(|s| s.hour >= hour) {
                return Err(corrupt("its hours are not ascending hours of a week"));
            }
            let count = varint::u32(input)?;
            slots.push(Slot {
                n: count,
                m: varint::f64(input)?,
                a: varint::f64(input)?,
                hour,
            });
        }
        Ok(Slots(slots))
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.0.capacity() * size_of::<Slot>()
    }
}
