//! `shift`, by `docs/semantics.md`, Judging, *shift*.

use super::{Finding, Memory, Window};
use std::collections::BTreeMap;
use weir_catalog::detector::{Reference, Shift};
use weir_model::Micros;

/// Values by bin of every window so far, with its end.
pub(super) struct Windows<'a> {
    pub kind: &'a Shift,
    pub all: Vec<(Micros, BTreeMap<u16, u64>)>,
}

impl Memory for Windows<'_> {
    fn looks_at(&self) -> Option<usize> {
        Some(self.kind.measure)
    }

    fn value(&mut self, window: Window<'_>, _: f64) -> Option<f64> {
        let bins = window.bins?;
        let mut reference = BTreeMap::new();
        for (i, (end, before)) in self.all.iter().enumerate() {
            let counts = match self.kind.reference {
                Reference::Windows(n) => i + n >= self.all.len(),
                Reference::Days(n) => {
                    let age = day(window.end) - day(*end);
                    age >= 1 && age <= n as i64
                }
            };
            for (bin, n) in before.iter().filter(|_| counts) {
                *reference.entry(*bin).or_insert(0) += n;
            }
        }
        let value = psi(self.kind, &reference, bins);
        self.all.push((window.end, bins.clone()));
        value
    }

    fn judge(&mut self, _: Window<'_>, x: f64) -> Option<Finding> {
        (x >= self.kind.threshold).then_some(Finding {
            expected: 0.0,
            score: x / self.kind.threshold,
            bound: false,
            up: true,
            crosses: None,
        })
    }
}

/// The day, in UTC, of a window's last microsecond.
fn day(end: Micros) -> i64 {
    (end.0 - 1).div_euclid(Micros::DAY.0)
}

fn psi(kind: &Shift, reference: &BTreeMap<u16, u64>, bins: &BTreeMap<u16, u64>) -> Option<f64> {
    let total = reference.values().sum::<u64>();
    let here = bins.values().sum::<u64>();
    if total < kind.minimum_sample || here < kind.minimum_sample {
        return None;
    }
    // By group: its last bin and its values; the middle of a bin's values says its group.
    let mut groups: BTreeMap<u64, (u16, u64)> = BTreeMap::new();
    let mut below = 0;
    for (bin, n) in reference {
        let group = (2 * below + n) * u64::from(kind.groups) / (2 * total);
        let (end, of_group) = groups.entry(group).or_insert((0, 0));
        *end = *bin;
        *of_group += n;
        below += n;
    }
    if groups.len() < 2 {
        return None;
    }
    let groups: Vec<(u16, u64)> = groups.into_values().collect();
    let mut sum = 0.0;
    let mut from = 0;
    for (i, (end, of_reference)) in groups.iter().enumerate() {
        // From behind the group before to its own last bin; the last one has no end.
        let last = i + 1 == groups.len();
        let within = bins
            .iter()
            .filter(|(b, _)| **b >= from && (last || **b <= *end));
        let of_window: u64 = within.map(|(_, n)| n).sum();
        let p = (of_window as f64 / here as f64).max(0.0001);
        let q = (*of_reference as f64 / total as f64).max(0.0001);
        sum += (p - q) * (p / q).ln();
        from = end.saturating_add(1);
    }
    Some(sum)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn shares_of_halves_are_compared() {
        let kind = Shift {
            measure: 0,
            reference: Reference::Windows(1),
            groups: 2,
            threshold: 0.2,
            minimum_sample: 4,
        };
        let mut memory = Windows {
            kind: &kind,
            all: Vec::new(),
        };
        let mut value = |hour, bins: &[(u16, u64)]| {
            let bins: BTreeMap<u16, u64> = bins.iter().copied().collect();
            let window = Window {
                bins: Some(&bins),
                ..Window::of_utc(hour)
            };
            memory.value(window, 0.0)
        };
        assert_eq!(value(0, &[(10, 2), (20, 2)]), None);
        // A quarter and three quarters against halves: (1/4 - 1/2) ln(1/2) + (3/4 - 1/2) ln(3/2).
        let psi = value(1, &[(5, 1), (11, 3)]).unwrap();
        assert!((psi - 0.25 * 3f64.ln()).abs() < 1e-12, "{psi}");
        assert_eq!(value(2, &[(5, 3)]), None);
        let found = memory.judge(Window::of_utc(3), 0.3).unwrap();
        assert_eq!(
            (found.expected, found.score, found.up),
            (0.0, 0.3 / 0.2, true)
        );
        assert!(memory.judge(Window::of_utc(4), 0.1).is_none());
    }
}
