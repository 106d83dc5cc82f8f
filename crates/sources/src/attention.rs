//! What people say about alerts: that they take care of one, or want no word of some for a while.

use crate::audit::{self, Change};
use crate::publish::Publisher;
use anyhow::Result;
use std::collections::BTreeMap;
use std::sync::Arc;
use weir_events::{AlertAcknowledged, AlertSilenced, Engineer, Envelope, Event, event_id};
use weir_kafka::Brokers;
use weir_model::{Micros, hash};
use weir_privacy::Privacy;

/// Who emits them.
const SOURCE: &str = "weir-cli";

/// Something that is said of alerts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// Somebody takes care of an alert.
    Acknowledged {
        /// Its id.
        alert: String,
        /// Rule that it came of.
        rule: String,
        /// What there is to say about it.
        note: Option<String>,
    },
    /// No word of a rule's alerts is wanted.
    Silenced {
        /// The rule.
        rule: String,
        /// The one alert; none: all of the rule and subject.
        alert: Option<String>,
        /// Dimensions that the alerts have; empty: any.
        subject: BTreeMap<String, String>,
        /// When it may be told again.
        until: Micros,
        /// Why.
        reason: Option<String>,
    },
}

/// Whose alerts, who says it, and when.
#[derive(Debug, Clone, Copy)]
pub struct Speaker<'a> {
    /// Tenant of the alerts.
    pub tenant: &'a str,
    /// Address or pseudonym of who says it.
    pub by: &'a str,
    /// Now.
    pub at: Micros,
}

/// Publishes what is said in one transaction: all of it is in the log, or nothing; with pseudonyms
/// in place of names where `privacy` is given. Ids of the events.
///
/// # Errors
/// No broker answers (WEIR-0205).
pub fn publish(
    brokers: &Brokers,
    privacy: Option<Arc<Privacy>>,
    speaker: Speaker<'_>,
    said: &[Said],
) -> Result<Vec<String>> {
    let whose = hash::distinct(format!("{}\0{}", speaker.tenant, speaker.by).as_bytes());
    let name = format!("attention-of-{whose:016x}");
    let mut publisher = Publisher::new(brokers, &name)?.hiding(privacy);
    let mut ids = Vec::with_capacity(said.len());
    for what in said {
        let id = event_id(speaker.at, &rand::random::<[u8; 16]>());
        match what {
            Said::Acknowledged { alert, rule, note } => {
                let event = AlertAcknowledged {
                    alert_id: alert.as_str().into(),
                    rule: rule.as_str().into(),
                    engineer: engineer(speaker.by),
                    note: note.as_deref().map(Into::into),
                    ..AlertAcknowledged::default()
                };
                send(&mut publisher, event, speaker, id)?;
            }
            Said::Silenced {
                rule,
                alert,
                subject,
                until,
                reason,
            } => {
                let subject = subject.iter();
                let event = AlertSilenced {
                    rule: rule.as_str().into(),
                    alert_id: alert.as_deref().map(Into::into),
                    subject: subject
                        .map(|(n, v)| (n.as_str().into(), v.as_str().into()))
                        .collect(),
                    engineer: engineer(speaker.by),
                    silenced_until: *until,
                    reason: reason.as_deref().map(Into::into),
                    ..AlertSilenced::default()
                };
                send(&mut publisher, event, speaker, id)?;
            }
        }
        publisher.event(&audit::event(&change(what, speaker), SOURCE))?;
        ids.push(id.to_string());
    }
    publisher.finish()?;
    Ok(ids)
}

/// What was done, for the audit.
fn change<'a>(said: &'a Said, speaker: Speaker<'a>) -> Change<'a> {
    let change = Change {
        tenant: speaker.tenant,
        actor: speaker.by,
        at: speaker.at,
        outcome: "done",
        ..Change::default()
    };
    match said {
        Said::Acknowledged { alert, note, .. } => Change {
            action: "alert.acknowledge",
            target_kind: "alert",
            target: alert,
            reason: note.as_deref(),
            ..change
        },
        Said::Silenced {
            rule,
            alert,
            reason,
            ..
        } => Change {
            action: "alert.silence",
            target_kind: if alert.is_some() { "alert" } else { "rule" },
            target: alert.as_ref().unwrap_or(rule),
            reason: reason.as_deref(),
            ..change
        },
    }
}

fn engineer(email: &str) -> Engineer<'_> {
    Engineer {
        email: email.into(),
        ..Engineer::default()
    }
}

fn send<'a>(
    publisher: &mut Publisher,
    mut event: impl Event<'a>,
    speaker: Speaker<'a>,
    id: uuid::Uuid,
) -> Result<()> {
    event.set_envelope(Envelope {
        event_id: id,
        event_time: speaker.at,
        tenant: speaker.tenant.into(),
        source: SOURCE.into(),
        resource: Default::default(),
    });
    publisher.event(&event)
}
