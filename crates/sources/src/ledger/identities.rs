//! Which events importers have published, at any distance: hashes of identities in `weir.imports`.
//!
//! Each transaction of an importer carries one record with the identities of its events, under a
//! key of its own, so that records are only ever added and unions of them commute. Two different
//! identities are taken for one with a chance of 10^-24 among 10 million (hashes of 128 bits).
//! Reading takes the memory of one sorter, however many there are; 10 million are 200 MB in the
//! log.

use crate::publish::{DEADLINE, Publisher};
use crate::sorter::{Sorted, Sorter};
use anyhow::{Result, bail};
use std::collections::BTreeMap;
use uuid::Uuid;
use weir_kafka::Brokers;
use weir_model::codes::INVARIANT;
use weir_model::{hash, topics};

/// Bytes of one identity: its hash, then a hash of what was published for it (zero: not compared).
pub const SIZE: usize = 20;
/// One identity.
pub type Identity = [u8; SIZE];

/// Identities in one record at most: 320 KiB.
pub const BATCH: usize = 16_384;
/// Records with fewer are merged at the next import, when there are more than [`SMALL_RECORDS`] of
/// them.
const SMALL: usize = 1024;
const SMALL_RECORDS: usize = 64;
/// First byte of a record's value.
const VERSION: u8 = 1;
/// Keys of identities begin so; entries of sources do not.
pub const PREFIX: &str = "ids/";

/// Hash of an event's identity.
pub fn of(tenant: &str, event_type: &str, identity: &str, content: &[u8]) -> Identity {
    let mut out = [0; SIZE];
    let whole = format!("{tenant}\0{event_type}\0{identity}");
    out[..16].copy_from_slice(&hash::identity(whole.as_bytes()).to_be_bytes());
    let content = if content.is_empty() {
        0
    } else {
        (hash::distinct(content) as u32).max(1)
    };
    out[16..].copy_from_slice(&content.to_be_bytes());
    out
}

/// The identities of one tenant and event type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scope(u64);

impl Scope {
    /// See above.
    pub fn new(tenant: &str, event_type: &str) -> Scope {
        Scope(hash::distinct(format!("{tenant}\0{event_type}").as_bytes()))
    }

    /// Name of it, for keys and transactional ids.
    pub fn name(self) -> String {
        format!("{:016x}", self.0)
    }

    fn prefix(self) -> String {
        format!("{PREFIX}{}/", self.name())
    }

    /// A record that says that these are published.
    pub fn record(self, identities: &[Identity]) -> (String, Vec<u8>) {
        let mut value = Vec::with_capacity(1 + identities.len() * SIZE);
        value.push(VERSION);
        identities.iter().for_each(|i| value.extend_from_slice(i));
        (format!("{}{}", self.prefix(), Uuid::now_v7()), value)
    }

    /// All that are published, in order. The caller has initialised its producer under the scope's
    /// name: nobody else adds to them any more.
    pub fn read(self, brokers: &Brokers) -> Result<(Sorter<SIZE>, Small)> {
        let mut all = Sorter::default();
        let mut small = Small::default();
        let mut problem = None;
        let prefix = self.prefix();
        weir_kafka::compacted::scan(
            brokers,
            topics::IMPORTS,
            None,
            DEADLINE,
            &mut |key, value| {
                if problem.is_some() || !key.starts_with(prefix.as_bytes()) {
                    return;
                }
                problem = take(key, value, &mut all, &mut small).err();
            },
        )?;
        match problem {
            Some(e) => Err(e),
            None => Ok((all, small)),
        }
    }
}

/// Takes one record of the ledger.
fn take(key: &[u8], value: Option<&[u8]>, all: &mut Sorter<SIZE>, small: &mut Small) -> Result<()> {
    let Some(value) = value else {
        // What it held stands in the record that it was merged into.
        small.records.remove(key);
        return Ok(());
    };
    let entries = match value.split_first() {
        Some((&VERSION, rest)) if rest.len().is_multiple_of(SIZE) => rest.chunks_exact(SIZE),
        _ => bail!(
            "{INVARIANT}: the ledger record {} is of another version; use the weir that wrote it",
            String::from_utf8_lossy(key)
        ),
    };
    if entries.len() < SMALL {
        small.records.insert(key.to_vec(), value[1..].to_vec());
    }
    for entry in entries {
        all.push(crate::sorter::part(entry, 0))?;
    }
    Ok(())
}

/// Records that are small enough to be merged.
#[derive(Default)]
pub struct Small {
    records: BTreeMap<Vec<u8>, Vec<u8>>,
}

impl Small {
    /// Merges them where there are many, in a transaction of their own: imports of a growing file
    /// would otherwise leave one each for ever.
    pub fn merge(self, scope: Scope, publisher: &mut Publisher) -> Result<()> {
        if self.records.len() <= SMALL_RECORDS {
            return Ok(());
        }
        let mut identities: Vec<Identity> = self
            .records
            .values()
            .flat_map(|v| v.chunks_exact(SIZE))
            .map(|c| crate::sorter::part(c, 0))
            .collect();
        identities.sort_unstable();
        identities.dedup();
        for batch in identities.chunks(BATCH) {
            let (key, value) = scope.record(batch);
            publisher.note(key.as_bytes(), Some(&value))?;
        }
        for key in self.records.keys() {
            publisher.note(key, None)?;
        }
        publisher.finish()
    }
}

/// Says of hashes that come in order whether they are published, and with which content.
pub struct Known {
    sorted: Sorted<SIZE>,
    head: Option<Identity>,
}

impl Known {
    /// From all that are published.
    pub fn new(all: Sorter<SIZE>) -> Result<Known> {
        let mut known = Known {
            sorted: all.sorted()?,
            head: None,
        };
        known.step()?;
        Ok(known)
    }

    fn step(&mut self) -> Result<()> {
        self.head = self.sorted.next().transpose()?;
        Ok(())
    }

    /// Whether `identity` is published: `Some(true)` with other content. Each call's hash is not
    /// below the last one's.
    pub fn find(&mut self, identity: &Identity) -> Result<Option<bool>> {
        while self.head.is_some_and(|h| h[..16] < identity[..16]) {
            self.step()?;
        }
        let mut found = None;
        // Where it is there more than once, one of equal content is enough.
        while let Some(head) = self.head
            && head[..16] == identity[..16]
        {
            let compared = head[16..] != [0; 4] && identity[16..] != [0; 4];
            let differs = compared && head[16..] != identity[16..];
            found = Some(found.unwrap_or(true) && differs);
            self.step()?;
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_is_published_is_known_with_its_content() {
        let id = |i: u32, content: &str| of("t", "llm.call", &i.to_string(), content.as_bytes());
        let mut all = Sorter::default();
        for i in (0..1000).step_by(2) {
            all.push(id(i, "as it was")).unwrap();
        }
        let mut asked: Vec<(Identity, u32)> = (0..1000)
            .map(|i| (id(i, if i < 500 { "as it was" } else { "grown" }), i))
            .collect();
        asked.sort_unstable();
        let mut known = Known::new(all).unwrap();
        for (identity, i) in asked {
            let wanted = (i % 2 == 0).then_some(i >= 500);
            assert_eq!(known.find(&identity).unwrap(), wanted, "{i}");
        }
    }

    #[test]
    fn tenants_and_types_do_not_meet() {
        let a = of("t", "x", "1", b"");
        assert_ne!(a, of("u", "x", "1", b""));
        assert_ne!(a, of("t", "y", "1", b""));
        assert_eq!(a[16..], [0; 4]);
        assert_ne!(Scope::new("t", "x"), Scope::new("t", "y"));
    }
}
