//! Identities that were counted more than once: beyond the horizon, or in two partitions.

use crate::fold::Totals;
use crate::share::BUCKETS;
use crate::shelves::{Shelves, row, taken};
use serde::{Deserialize, Serialize};
use std::io;
use weir_catalog::Catalog;

/// Most of them that are told.
const TOLD: usize = 20;
/// Their shelves come after those of the cells, and that of the cells of all buckets.
const FIRST: usize = BUCKETS + 1;

/// An event that was counted.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Counted {
    pub event: usize,
    /// Hash of the identity.
    pub key: u128,
    /// Number of its record, as they were read.
    pub read: u64,
    pub partition: u32,
    pub offset: i64,
    pub identity: String,
}

/// Counted events, until it is found out which of them are one.
#[derive(Default)]
pub(crate) struct Identities {
    counted: Vec<Counted>,
    texts: usize,
}

impl Identities {
    pub fn add(&mut self, one: Counted) {
        self.texts += one.identity.len();
        self.counted.push(one);
    }

    /// Bytes that they take, about.
    pub fn bytes(&self) -> usize {
        self.counted.capacity() * size_of::<Counted>() + self.texts
    }

    pub fn shelve(&mut self, out: &mut dyn Shelves) -> io::Result<()> {
        for one in std::mem::take(self).counted {
            let shelf = FIRST + (one.key % BUCKETS as u128) as usize;
            out.put(shelf, &row(&one)?)?;
        }
        Ok(())
    }

    /// All of a bucket of them.
    pub fn take(bucket: usize, from: &mut dyn Shelves) -> io::Result<Identities> {
        let mut all = Identities::default();
        from.each(FIRST + bucket, &mut |bytes| {
            all.add(taken(bytes)?);
            Ok(())
        })?;
        Ok(all)
    }

    /// Adds to the totals what was counted twice; the first ones by the order of reading are told.
    pub fn tell(self, catalog: &Catalog, totals: &mut Totals) {
        let mut all = self.counted;
        all.sort_unstable();
        for pair in all.windows(2) {
            let (first, again) = (&pair[0], &pair[1]);
            if (first.event, first.key) != (again.event, again.key) {
                continue;
            }
            let name = &catalog.events[again.event].name;
            totals
                .by_event
                .entry(name.clone())
                .or_default()
                .counted_twice += 1;
            let (identity, partition) = (again.identity.clone(), again.partition);
            totals.twice_at.push(again.read);
            totals
                .twice
                .push((name.clone(), identity, partition, again.offset));
        }
        let told = totals.twice_at.drain(..).zip(totals.twice.drain(..));
        let mut told: Vec<_> = told.collect();
        told.sort();
        told.truncate(TOLD);
        (totals.twice_at, totals.twice) = told.into_iter().unzip();
    }
}
