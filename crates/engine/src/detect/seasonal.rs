//! `seasonal`: far from what is usual in this hour of the week. Its formula: `docs/semantics.md`,
//! Judging, *seasonal*.

use super::{Finding, Memory, Seen, corrupt, deviates, scale};
use crate::{EngineError, varint};
use weir_catalog::detector::Seasonal;
use weir_catalog::types::DetectorDef;

/// Hours of a week.
const HOURS: u8 = 168;

/// What one hour of the week has shown so far.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Slot {
    m: f64,
    a: f64,
    n: u32,
    hour: u8,
}

impl Slot {
    fn take(&mut self, weight: f64, x: f64) {
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
    fn at(&mut self, hour: u8) -> &mut Slot {
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
}

impl Memory for Slots {
    type Kind = Seasonal;
    const BY_HOUR: bool = true;

    fn judge(
        &mut self,
        def: &DetectorDef,
        kind: &Seasonal,
        seen: &Seen,
        x: f64,
    ) -> Option<Finding> {
        let slot = self.at(seen.hour_of_week);
        let found = (slot.n >= kind.warmup).then(|| {
            let score = (x - slot.m) / scale(def, 1.2533 * slot.a, slot.m);
            deviates(def.direction, score, kind.threshold, slot.m)
        });
        slot.take(kind.weight, x);
        found.flatten()
    }

    fn encode(&self, out: &mut Vec<u8>) {
        varint::put_u64(out, self.0.len() as u64);
        for s in &self.0 {
            out.push(s.hour);
            varint::put_u64(out, u64::from(s.n));
            varint::put_f64(out, s.m);
            varint::put_f64(out, s.a);
        }
    }

    fn decode(_: &Seasonal, input: &mut &[u8]) -> Result<Slots, EngineError> {
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

    fn heap_bytes(&self) -> usize {
        self.0.capacity() * size_of::<Slot>()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::detect::DetectorState;
    use crate::detect::tests::{Case, agrees, case, detector};
    use proptest::prelude::*;
    use weir_catalog::types::{DetectorKind, Direction};

    /// One that judges after few values, for tests of what stands around detectors.
    pub(crate) fn quick() -> DetectorKind {
        DetectorKind::from(Seasonal {
            warmup: 1,
            weight: 0.3,
            threshold: 0.5,
        })
    }

    fn plain(case: &Case, kind: &Seasonal) -> Option<Finding> {
        let same = case.before_in_this_hour();
        let (mut m, mut a) = (0.0, 0.0);
        for (i, x) in same.iter().enumerate() {
            if i == 0 {
                m = *x;
            } else {
                a += kind.weight * ((x - m).abs() - a);
                m += kind.weight * (x - m);
            }
        }
        if same.len() < kind.warmup as usize {
            return None;
        }
        case.told(kind.threshold, case.last() - m, 1.2533 * a, m)
    }

    fn seasonal() -> impl Strategy<Value = Seasonal> {
        (1u32..4, 0.1..0.9, 0.5..3.0).prop_map(|(warmup, weight, threshold)| Seasonal {
            warmup,
            weight,
            threshold,
        })
    }

    proptest! {
        #[test]
        fn judges_like_a_recomputation_from_all_values(kind in seasonal(), case in case()) {
            agrees(kind, case, plain)?;
        }
    }

    #[test]
    fn memory_is_bounded() {
        let kind = Seasonal {
            warmup: 2,
            weight: 0.3,
            threshold: 3.0,
        };
        let def = detector(kind, Direction::Both);
        let mut state = DetectorState::new(&def);
        assert_eq!(state.heap_bytes(), 0);
        for i in 0..2000u32 {
            let seen = Seen {
                hour_of_week: (i % 168) as u8,
                x: f64::from(i),
                ..Seen::default()
            };
            state.judge(&def, &seen);
        }
        assert!(state.heap_bytes() <= 200 * 32, "{}", state.heap_bytes());
    }
}
