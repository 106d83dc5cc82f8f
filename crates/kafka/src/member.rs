//! Partitions that a group leaves to nobody, and how to get out of that.
//!
//! In a cooperative rebalance a partition changes hands in two rounds: its owner gives it up and
//! joins again, then the new one gets it. A static member that dies between the two and comes back
//! is handed what was meant for it, and the broker sees no reason for the second round: what the
//! dead one was to give up is read by nobody, with the group at rest. So each member looks whether
//! all partitions are taken. Where some are not for long, it goes silent until its session is over
//! and joins as a new member, which begins another round.

use crate::error::Error;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::groups::GroupInfo;
use std::cell::Cell;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// How often to look when there may be something to see: after joining, and where something was
/// seen.
const SOON: Duration = Duration::from_secs(2);
/// How often to look else.
const SELDOM: Duration = Duration::from_secs(15);
/// How long a member is new.
const NEW: Duration = Duration::from_secs(20);
/// How long a group at rest may have partitions that nobody reads: longer than a member takes to
/// answer a rebalance.
const PATIENCE: Duration = Duration::from_secs(8);
/// What a look may take.
const LIMIT: Duration = Duration::from_secs(2);

/// This client's membership in a group.
pub(crate) struct Member {
    group: String,
    topics: Vec<String>,
    session: Duration,
    joined: Instant,
    looked: Cell<Instant>,
    orphaned_since: Cell<Option<Instant>>,
    leaves: Cell<bool>,
}

impl Member {
    pub(crate) fn new(group: &str, topics: &[String], session: Duration) -> Member {
        Member {
            group: group.to_owned(),
            topics: topics.to_vec(),
            session,
            joined: Instant::now(),
            looked: Cell::new(Instant::now()),
            orphaned_since: Cell::new(None),
            leaves: Cell::new(false),
        }
    }

    /// Looks whether all partitions are taken, if it is time to. After an error the consumer must
    /// be dropped.
    pub(crate) fn check<C: ConsumerContext>(&self, client: &BaseConsumer<C>) -> Result<(), Error> {
        let soon = self.joined.elapsed() < NEW || self.orphaned_since.get().is_some();
        if self.looked.get().elapsed() < if soon { SOON } else { SELDOM } {
            return Ok(());
        }
        self.looked.set(Instant::now());
        let orphans = match self.orphans(client) {
            Ok(orphans) => orphans,
            Err(e) => {
                tracing::debug!(target: "kafka", "looking at the group: {e}");
                return Ok(());
            }
        };
        if orphans.is_empty() {
            self.orphaned_since.set(None);
            return Ok(());
        }
        let since = self.orphaned_since.get().unwrap_or_else(Instant::now);
        self.orphaned_since.set(Some(since));
        if since.elapsed() < PATIENCE {
            return Ok(());
        }
        self.leaves.set(true);
        Err(Error::Orphaned {
            group: self.group.clone(),
            partitions: orphans.join(" "),
        })
    }

    /// Partitions of the topics that no member of the group has; none while the group is not at
    /// rest.
    fn orphans<C: ConsumerContext>(
        &self,
        client: &BaseConsumer<C>,
    ) -> Result<Vec<String>, rdkafka::error::KafkaError> {
        let groups = client.fetch_group_list(Some(&self.group), LIMIT)?;
        let Some(group) = groups.groups().iter().find(|g| g.name() == self.group) else {
            return Ok(Vec::new());
        };
        let Some(taken) = (group.state() == "Stable").then(|| taken(group)).flatten() else {
            return Ok(Vec::new());
        };
        // Of all topics in one question: each waits behind the fetch that the broker holds.
        let metadata = client.fetch_metadata(None, LIMIT)?;
        let ours = metadata.topics().iter();
        let ours = ours.filter(|t| self.topics.iter().any(|our| our == t.name()));
        let all = ours.flat_map(|t| t.partitions().iter().map(|p| (t.name(), p.id())));
        Ok(all
            .filter(|p| !taken.contains(p))
            .map(|(topic, p)| format!("{topic}/{p}"))
            .collect())
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        if self.leaves.get() {
            // Nothing else makes a static member leave.
            std::thread::sleep(self.session + Duration::from_secs(1));
        }
    }
}

/// The partitions that the members have; none where a member's part cannot be read.
fn taken(group: &GroupInfo) -> Option<BTreeSet<(&str, i32)>> {
    let mut all = BTreeSet::new();
    for member in group.members() {
        assignment(member.assignment().unwrap_or(&[]), &mut all)?;
    }
    Some(all)
}

/// Reads a member's part as the consumer protocol writes it: version, then topics with their
/// partitions.
fn assignment<'a>(mut bytes: &'a [u8], into: &mut BTreeSet<(&'a str, i32)>) -> Option<()> {
    if bytes.is_empty() {
        return Some(());
    }
    let rest = &mut bytes;
    let _version = i16::from_be_bytes(*take(rest)?);
    for _ in 0..i32::from_be_bytes(*take(rest)?) {
        let length = usize::try_from(i16::from_be_bytes(*take(rest)?)).ok()?;
        let (name, behind) = rest.split_at_checked(length)?;
        *rest = behind;
        let topic = std::str::from_utf8(name).ok()?;
        for _ in 0..i32::from_be_bytes(*take(rest)?) {
            into.insert((topic, i32::from_be_bytes(*take(rest)?)));
        }
    }
    Some(())
}

fn take<'a, const N: usize>(bytes: &mut &'a [u8]) -> Option<&'a [u8; N]> {
    let (first, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO_TOPICS: &[u8] = &[
        0, 1, 0, 0, 0, 2, 0, 1, b'a', 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 3, 0, 2, b'b', b'c', 0, 0,
        0, 1, 0, 0, 1, 0, 0xff, 0xff, 0xff, 0xff,
    ];

    #[test]
    fn a_members_part_is_read() {
        let mut all = BTreeSet::new();
        assert!(assignment(TWO_TOPICS, &mut all).is_some());
        assert_eq!(all, BTreeSet::from([("a", 0), ("a", 3), ("bc", 256)]));
        assert!(assignment(&[], &mut all).is_some(), "not assigned yet");
    }

    #[test]
    fn what_is_cut_is_not_believed() {
        for n in 1..TWO_TOPICS.len() - 4 {
            assert!(assignment(&TWO_TOPICS[..n], &mut BTreeSet::new()).is_none());
        }
    }
}
