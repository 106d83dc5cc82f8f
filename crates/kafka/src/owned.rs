//! The partitions of an instance: how far each was read and committed.

use crate::consumer::{Consumer, GroupMetadata};
use crate::metric;
use crate::partition::Tp;
use crate::producer::Refused;
use crate::stage::{Outbox, Stage};
use std::time::Instant;
use weir_runtime::Part;

/// A partition of this instance.
pub(crate) struct Owned {
    pub tp: Tp,
    /// Of its records, once one was seen: comparing names for each run of records costs more.
    pub token: usize,
    pub committed: Option<i64>,
    pub next: i64,
    /// Of the log, when it was taken on.
    pub end: i64,
    pub at_end: bool,
    /// Not fetched since, see `keep_step` of the shell.
    pub resting: Option<Instant>,
}

impl Owned {
    /// Records read again for the sake of state alone do not move the committed offset.
    pub fn moved(&self) -> bool {
        self.next > self.committed.unwrap_or(0)
    }
}

/// The one that records are of, by the token of their topic once it is known.
pub(crate) fn find<'o, 'n>(
    owned: &'o mut [Owned],
    token: usize,
    partition: i32,
    name: impl FnOnce() -> &'n str,
) -> Option<&'o mut Owned> {
    let at = owned
        .iter()
        .position(|o| o.token == token && o.tp.partition == partition)
        .or_else(|| {
            let name = name();
            owned
                .iter()
                .position(|o| o.tp.partition == partition && o.tp.topic == name)
        })?;
    owned[at].token = token;
    Some(&mut owned[at])
}

/// Records between where reading stands and the ends, as asked for or as known by the client.
pub(crate) fn tell_lag(
    stage: &'static str,
    part: &Part,
    consumer: &Consumer,
    owned: &[Owned],
    asked: &[(Tp, i64)],
) -> i64 {
    let mut behind = 0;
    for o in owned {
        let known = consumer.known_end(&o.tp);
        let asked = asked
            .iter()
            .find(|(tp, _)| *tp == o.tp)
            .map(|(_, end)| *end);
        let Some(end) = asked.or(known) else { continue };
        let left = match o.at_end && asked.is_none() {
            true => 0,
            false => (end - o.next).max(0),
        };
        behind += left;
        metrics::gauge!(metric::LAG, "stage" => stage, "topic" => o.tp.topic.clone(),
            "partition" => o.tp.partition.to_string())
        .set(left as f64);
    }
    match owned.iter().any(Owned::moved) {
        _ if behind > 0 || !consumer.is_member() => part.waits(),
        true => part.caught_up(),
        false => part.idle(),
    }
    behind
}

/// Commits what was read and written; false if there was neither.
pub(crate) fn commit(
    out: &mut Outbox<'_>,
    owned: &mut [Owned],
    stage: &dyn Stage,
    group: &GroupMetadata,
) -> Result<bool, Refused> {
    let any = owned.iter().any(Owned::moved);
    if !any && !out.open && out.failed.is_none() {
        return Ok(false);
    }
    out.begin();
    if let Some(refused) = out.failed.take() {
        return Err(refused);
    }
    // Output without input (a snapshot) still goes with the offsets: they are what fences a member
    // that was put out.
    let next: Vec<(Tp, i64, String)> = owned
        .iter()
        .filter(|o| {
            if any {
                o.moved()
            } else {
                o.committed == Some(o.next)
            }
        })
        .map(|o| (o.tp.clone(), o.next, stage.metadata(&o.tp)))
        .collect();
    out.producer.commit(&next, group)?;
    out.open = false;
    for o in owned.iter_mut().filter(|o| o.moved()) {
        o.committed = Some(o.next);
    }
    Ok(true)
}
