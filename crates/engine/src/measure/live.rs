//! Rows that change in place: what combine folds events into between two commits. A row is a run of
//! words in one arena; what outgrows its words (bins, hashes, wide sums) spills into pools that are
//! used again.
//!
//! Events are added to words and not to plain values, because a plain distribution and a plain
//! distinct count are lists that an event has to be put into: 10 ns an event instead of 28 and 16.
//! Numbers gain no time, they stand in the same line of memory.

use super::{Layout, Live, Spill};
use weir_model::measure::Accumulator;

/// Where the words of each measure stand in a row.
#[derive(Debug, Clone)]
pub(crate) struct Words {
    /// Each accumulator, with where its words start.
    places: Vec<(Accumulator, usize)>,
    /// An empty row.
    pub template: Vec<u64>,
}

impl Words {
    /// `head` words come first and are left to the caller.
    pub fn new(layout: &Layout, head: usize) -> Words {
        let mut template = vec![0; head];
        let mut places = Vec::new();
        for accumulator in layout.accumulators() {
            places.push((*accumulator, template.len()));
            template.extend_from_slice(of!(accumulator, A => A::EMPTY));
        }
        Words { places, template }
    }

    /// Where a measure's words start.
    pub fn offset(&self, measure: usize) -> usize {
        self.places[measure].1
    }

    /// Merges a row into another one.
    pub fn merge(&self, from: &[u64], into: &mut [u64], spill: &mut Spill) {
        for (accumulator, at) in &self.places {
            let (from, into) = (&from[*at..], &mut into[*at..]);
            of!(accumulator, A => <A as Live>::merge(from, into, spill));
        }
    }

    /// Appends the encoded row.
    pub fn encode(&self, row: &[u64], spill: &mut Spill, out: &mut Vec<u8>) {
        for (accumulator, at) in &self.places {
            of!(accumulator, A => A::pack(&row[*at..], spill, out));
        }
    }
}

/// Gives the `N` words at each place to `f`.
#[inline(always)]
pub(super) fn each<const N: usize>(
    arena: &mut [u64],
    at: impl Iterator<Item = usize>,
    mut f: impl FnMut(&mut [u64; N]),
) {
    for at in at {
        if let Some(words) = arena.get_mut(at..).and_then(<[u64]>::first_chunk_mut) {
            f(words);
        }
    }
}
