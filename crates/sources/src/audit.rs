//! Who changed what by a command: an event `audit.recorded` for each change.

use crate::publish::Publisher;
use anyhow::Result;
use std::sync::Arc;
use weir_events::{AuditRecorded, Envelope, event_id};
use weir_kafka::Brokers;
use weir_model::{Micros, hash};
use weir_privacy::Privacy;

/// Something that was changed, or was to be.
#[derive(Debug, Clone, Copy, Default)]
pub struct Change<'a> {
    /// Whose.
    pub tenant: &'a str,
    /// Address or pseudonym of who did it; empty: not known.
    pub actor: &'a str,
    /// When.
    pub at: Micros,
    /// What was done: `token.create`.
    pub action: &'a str,
    /// Kind of what it was done to: `token`.
    pub target_kind: &'a str,
    /// Its id; never the name of a person.
    pub target: &'a str,
    /// Why, as the actor says.
    pub reason: Option<&'a str>,
    /// `done`, `refused`, `declined` or `failed`.
    pub outcome: &'a str,
    /// What else belongs to it; never the name of a person.
    pub detail: Option<&'a str>,
}

/// Publishes changes; with pseudonyms in place of names where `privacy` is given.
///
/// # Errors
/// No broker answers (WEIR-0205).
pub fn publish(
    brokers: &Brokers,
    privacy: Option<Arc<Privacy>>,
    source: &str,
    changes: &[Change<'_>],
) -> Result<()> {
    // A name of its own for each: two commands at once do not end each other.
    let name = format!("audit-{:016x}", hash::distinct(&rand::random::<[u8; 16]>()));
    let mut publisher = Publisher::new(brokers, &name)?.hiding(privacy);
    for change in changes {
        publisher.event(&event(change, source))?;
    }
    publisher.finish()
}

/// The event of a change.
pub(crate) fn event<'a>(change: &Change<'a>, source: &'a str) -> AuditRecorded<'a> {
    use weir_events::Event as _;
    let mut event = AuditRecorded {
        actor: change.actor.into(),
        action: change.action.into(),
        target_kind: change.target_kind.into(),
        target: change.target.into(),
        reason: change.reason.map(Into::into),
        outcome: change.outcome.into(),
        detail: change.detail.map(Into::into),
        ..AuditRecorded::default()
    };
    event.set_envelope(Envelope {
        event_id: event_id(change.at, &rand::random::<[u8; 16]>()),
        event_time: change.at,
        tenant: change.tenant.into(),
        source: source.into(),
        resource: Default::default(),
    });
    event
}
