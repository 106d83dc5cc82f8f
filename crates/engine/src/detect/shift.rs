//! `shift`: a window's values are spread otherwise than those before. Its formula:
//! `docs/semantics.md`, Judging, *shift*.

use super::{Finding, Memory, Seen, corrupt};
use crate::{EngineError, varint};
use std::cell::RefCell;
use std::collections::VecDeque;
use weir_catalog::detector::{Reference, Shift};
use weir_catalog::types::DetectorDef;
use weir_model::Micros;

/// What the share of a group without values counts as.
const LEAST_SHARE: f64 = 0.0001;

/// Values by bin, ascending.
type Bins = Vec<(u16, u64)>;

thread_local! {
    /// Scratch for references: states stay at the size of their bins.
    static SCRATCH: RefCell<Bins> = const { RefCell::new(Vec::new()) };
}

/// The bins of the windows that a reference is merged of, oldest first: by the window's end, or by
/// the day it ended in.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Past(VecDeque<(i64, Bins)>);

impl Memory for Past {
    type Kind = Shift;

    fn looks_at(kind: &Shift) -> Option<usize> {
        Some(kind.measure)
    }

    /// The window becomes part of the reference of those after it.
    fn value(&mut self, kind: &Shift, seen: &Seen) -> Option<f64> {
        let key = self.forget(kind, seen.end);
        let value = SCRATCH.with_borrow_mut(|scratch| {
            // What ended in the window's own day is kept, and is no reference for it.
            let before = self.0.iter().filter(|(k, _)| *k < key);
            merged(scratch, before.flat_map(|(_, bins)| bins));
            index(kind, scratch, &seen.bins)
        });
        self.take(kind, key, &seen.bins);
        value
    }

    fn judge(&mut self, _: &DetectorDef, kind: &Shift, _: &Seen, x: f64) -> Option<Finding> {
        (x >= kind.threshold).then(|| Finding {
            expected: 0.0,
            score: x / kind.threshold,
            crosses: None,
        })
    }

    fn encode(&self, out: &mut Vec<u8>) {
        varint::put_u64(out, self.0.len() as u64);
        for (key, bins) in &self.0 {
            varint::put_i64(out, *key);
            varint::put_u64(out, bins.len() as u64);
            for (bin, n) in bins {
                varint::put_u64(out, u64::from(*bin));
                varint::put_u64(out, *n);
            }
        }
    }

    fn decode(kind: &Shift, input: &mut &[u8]) -> Result<Past, EngineError> {
        let n = varint::usize(input)?;
        if n > kept(kind) || n > input.len() / 2 {
            return Err(corrupt("it holds more windows than its reference"));
        }
        let mut past = Past(VecDeque::with_capacity(n));
        for _ in 0..n {
            let key = varint::i64(input)?;
            if past.0.back().is_some_and(|(k, _)| *k >= key) {
                return Err(corrupt("its windows are not ascending"));
            }
            let n = varint::usize(input)?;
            if n > input.len() / 2 {
                return Err(corrupt("it ends inside its bins"));
            }
            let mut bins: Bins = Vec::with_capacity(n);
            for _ in 0..n {
                let bin = u16::try_from(varint::u64(input)?)
                    .map_err(|_| corrupt("a bin is none that there is"))?;
                if bins.last().is_some_and(|(b, _)| *b >= bin) {
                    return Err(corrupt("its bins are not ascending"));
                }
                bins.push((bin, varint::u64(input)?));
            }
            past.0.push_back((key, bins));
        }
        Ok(past)
    }

    fn heap_bytes(&self) -> usize {
        let bins: usize = self.0.iter().map(|(_, bins)| bins.capacity()).sum();
        self.0.capacity() * size_of::<(i64, Bins)>() + bins * size_of::<(u16, u64)>()
    }
}

/// Most entries that are kept between two windows.
fn kept(kind: &Shift) -> usize {
    match kind.reference {
        Reference::Windows(n) => n,
        // And the day of the newest window.
        Reference::Days(n) => n + 1,
    }
}

impl Past {
    /// Drops what is too old to be a reference of a window; tells the window's own key.
    fn forget(&mut self, kind: &Shift, end: Micros) -> i64 {
        match kind.reference {
            Reference::Windows(_) => end.0,
            Reference::Days(n) => {
                let day = end.minus(Micros(1)).0.div_euclid(Micros::DAY.0);
                let oldest = day - n as i64;
                while self.0.front().is_some_and(|(k, _)| *k < oldest) {
                    self.0.pop_front();
                }
                day
            }
        }
    }

    /// Takes in the bins of a window.
    fn take(&mut self, kind: &Shift, key: i64, bins: &[(u16, u64)]) {
        if let Some((k, day)) = self.0.back_mut()
            && *k == key
        {
            let mut both = Bins::new();
            merged(&mut both, day.iter().chain(bins));
            *day = both;
            return;
        }
        if self.0.len() >= kept(kind) {
            self.0.pop_front();
        }
        self.0.push_back((key, bins.to_vec()));
    }
}

/// The bins of several windows as those of one, in `out`.
fn merged<'a>(out: &mut Bins, bins: impl Iterator<Item = &'a (u16, u64)>) {
    out.clear();
    out.extend(bins);
    out.sort_unstable_by_key(|(bin, _)| *bin);
    out.dedup_by(|next, kept| {
        let same = next.0 == kept.0;
        if same {
            kept.1 = kept.1.saturating_add(next.1);
        }
        same
    });
}

fn count(bins: &[(u16, u64)]) -> u128 {
    bins.iter().map(|(_, n)| u128::from(*n)).sum()
}

/// The population stability index of bins against those of a reference; `None` where it has less
/// than two groups, or either has too few values.
fn index(kind: &Shift, reference: &[(u16, u64)], bins: &[(u16, u64)]) -> Option<f64> {
    let (of_reference, of_window) = (count(reference), count(bins));
    let least = u128::from(kind.minimum_sample.max(1));
    if of_reference < least || of_window < least {
        return None;
    }
    // (last bin, values of the reference, values of the window) by group.
    let mut groups: Vec<(u16, u128, u128)> = Vec::with_capacity(kind.groups as usize);
    let (mut before, mut current) = (0u128, None);
    for (bin, n) in reference {
        let n = u128::from(*n);
        // The group is that of the middle one of the bin's values.
        let group = (2 * before + n) * u128::from(kind.groups) / (2 * of_reference);
        before += n;
        match groups.last_mut() {
            Some(last) if current == Some(group) => (last.0, last.1) = (*bin, last.1 + n),
            _ => groups.push((*bin, n, 0)),
        }
        current = Some(group);
    }
    if groups.len() < 2 {
        return None;
    }
    let last = groups.len() - 1;
    for (bin, n) in bins {
        let group = groups.partition_point(|(end, ..)| end < bin).min(last);
        groups[group].2 += u128::from(*n);
    }
    let share = |n: u128, of: u128| (n as f64 / of as f64).max(LEAST_SHARE);
    let parts = groups.iter().map(|(_, q, p)| {
        let (p, q) = (share(*p, of_window), share(*q, of_reference));
        (p - q) * (p / q).ln()
    });
    Some(parts.fold(0.0, |sum, part| sum + part))
}

#[cfg(test)]
pub(crate) mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::detect::DetectorState;
    use crate::detect::tests::detector;
    use weir_catalog::types::{DetectorKind, Direction};

    fn kind(reference: Reference) -> Shift {
        Shift {
            measure: 0,
            reference,
            groups: 5,
            threshold: 0.5,
            minimum_sample: 40,
        }
    }

    /// One that judges after few values, for tests of what stands around detectors.
    pub(crate) fn quick(measure: usize) -> DetectorKind {
        DetectorKind::from(Shift {
            measure,
            reference: Reference::Days(1),
            groups: 4,
            threshold: 0.3,
            minimum_sample: 3,
        })
    }

    fn said(
        reference: Reference,
        windows: &[(i64, Vec<(u16, u64)>)],
    ) -> Vec<Option<(f64, Option<Finding>)>> {
        let def = detector(kind(reference), Direction::Up);
        let mut state = DetectorState::new(&def);
        let each = windows.iter().map(|(hour, bins)| {
            // Before each window the state goes through a snapshot.
            let mut bytes = Vec::new();
            state.encode(&mut bytes);
            for n in 0..bytes.len() {
                assert!(DetectorState::decode(&def, &mut &bytes[..n]).is_err());
            }
            let back = DetectorState::decode(&def, &mut bytes.as_slice()).unwrap();
            assert_eq!(back, state);
            state = back;
            let seen = Seen {
                end: Micros(hour * Micros::HOUR.0),
                bins: bins.clone(),
                ..Seen::default()
            };
            state.judge(&def, &seen)
        });
        each.collect()
    }

    fn even(n: u64) -> Vec<(u16, u64)> {
        (100..110).map(|bin| (bin, n)).collect()
    }

    fn other() -> Vec<(u16, u64)> {
        vec![(90, 5), (103, 5), (105, 10), (109, 15), (120, 5)]
    }

    // Groups of the reference: bins 100 and 101, 102 and 103, ..., a fifth each. The window has
    // [5, 5, 10, 0, 20] of its 40 values there: below the first group belongs to it, beyond the
    // last too, and none counts as 0.0001. SciPy: p = [0.125, 0.125, 0.25, 0.0001, 0.5], q = 0.2,
    // sum(rel_entr(p, q) + rel_entr(q, p)) is PSI.
    const PSI: f64 = 1.875_965_343_177_279_6;

    #[test]
    fn another_spread_is_told_by_its_index() {
        let windows = [(1, even(4)), (2, even(6)), (3, other())];
        let all = said(Reference::Windows(2), &windows);
        // No reference yet, then one that is too small, but for its own window.
        assert_eq!(all[0], None);
        assert_eq!(all[1], Some((0.0, None)));
        let (psi, found) = all[2].unwrap();
        assert!((psi - PSI).abs() < 1e-12, "{psi}");
        let found = found.unwrap();
        assert_eq!((found.expected, found.crosses), (0.0, None));
        assert_eq!(found.score, psi / 0.5);
    }

    #[test]
    fn a_reference_is_of_the_windows_before_or_of_the_days_before() {
        let day = |d: i64| d * 24;
        // The last two windows alone.
        let windows = [(1, other()), (2, even(4)), (3, even(6)), (4, other())];
        let (psi, _) = said(Reference::Windows(2), &windows)[3].unwrap();
        assert!((psi - PSI).abs() < 1e-12, "{psi}");
        // Days count from 0. The first window ends day 0, more than a week before day 8.
        let windows = [
            (day(1), other()),
            (day(2) + 1, even(4)),
            (day(9) - 1, other()),
            (day(9), even(6)),
            (day(9) + 5, other()),
        ];
        let all = said(Reference::Days(7), &windows);
        // In day 8 the reference is day 2 alone, and its two windows are none of one another.
        let (psi, _) = all[2].unwrap();
        assert!((psi - PSI).abs() < 1e-12, "{psi}");
        assert_eq!(all[3], Some((0.0, None)));
        // In day 9 it is days 2 and 8: groups end with 101, 104, 105, 108 and 120. By SciPy:
        let (psi, _) = all[4].unwrap();
        assert!((psi - 2.050_576_931_214_968_6).abs() < 1e-12, "{psi}");
    }

    #[test]
    fn one_group_tells_nothing_and_small_samples_neither() {
        let one = vec![(7, 100)];
        let windows = [(1, one.clone()), (2, one), (3, even(3))];
        assert_eq!(said(Reference::Windows(1), &windows[..2])[1], None);
        assert_eq!(said(Reference::Windows(2), &windows)[2], None);
    }

    #[test]
    fn memory_is_bounded() {
        let windows: Vec<_> = (0..300).map(|h| (h, even(1))).collect();
        let def = detector(kind(Reference::Days(7)), Direction::Up);
        let mut state = DetectorState::new(&def);
        assert_eq!(state.heap_bytes(), 0);
        for (hour, bins) in windows {
            let seen = Seen {
                end: Micros(hour * Micros::HOUR.0),
                bins,
                ..Seen::default()
            };
            state.judge(&def, &seen);
        }
        assert!(state.heap_bytes() <= 16 * 32 + 9 * 16 * 20);
    }
}
