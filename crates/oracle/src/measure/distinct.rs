//! `distinct`: the hashes of all texts; their number is exact, or estimated from the smallest.

use super::{Kept, Part, part};
use crate::event::Event;
use std::collections::BTreeSet;
use weir_model::{hash, sketch};

pub(super) fn add(all: &mut BTreeSet<u64>, path: &str, e: &Event) {
    if let Some(s) = e.text(path).filter(|s| !s.is_empty()) {
        all.insert(hash::distinct(s.as_bytes()));
    }
}

pub(super) fn parts(all: &BTreeSet<u64>) -> Vec<Part> {
    let kept = all.iter().copied().take(sketch::THETA).collect();
    let estimate = number(all) as f64;
    vec![
        part("hashes", "_hashes", Kept::Hashes(kept)),
        part("estimate", "", Kept::Number(Some(estimate))),
    ]
}

/// Exact below the size of the sketch, else what the smallest hashes say.
pub(super) fn number(all: &BTreeSet<u64>) -> u64 {
    if all.len() < sketch::THETA {
        return all.len() as u64;
    }
    let largest = all
        .iter()
        .nth(sketch::THETA - 1)
        .copied()
        .unwrap_or(u64::MAX);
    sketch::theta_estimate(sketch::THETA, largest)
}
