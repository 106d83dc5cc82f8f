//! Where events come from besides live producers: the history of a repository, tables of other
//! tools, a simulated organisation, a recorded snapshot.
//!
//! Each source yields [`Outgoing`] events in a fixed order; [`publish::Publisher`] writes them with
//! a ledger in the same transactions, so that a second run adds nothing and an interrupted one goes
//! on.

pub mod attention;
pub mod audit;
pub mod baseline;
pub mod git;
pub mod ingest;
pub mod ledger;
pub mod map;
pub mod publish;
pub mod raw;
pub mod registry;
pub mod samples;
pub mod simulate;
pub mod snapshot;
pub mod sorter;
pub mod spool;

use anyhow::{Context, Result};
use weir_events::Event;
use weir_model::{Micros, topics};
use weir_privacy::{Met, Privacy};

/// One record on its way to a raw topic.
#[derive(Debug, Clone, PartialEq)]
pub struct Outgoing {
    /// Raw topic.
    pub topic: String,
    /// Partition where it must be a certain one (snapshots), else chosen by the key.
    pub partition: Option<i32>,
    /// Record key: the source instance.
    pub key: Vec<u8>,
    /// Value in the wire format; none for ticks.
    pub value: Option<Vec<u8>>,
    /// Log time, where the record is written under replay.
    pub log_time: Option<Micros>,
    /// Time of a tick.
    pub tick: Option<Micros>,
}

impl Outgoing {
    /// The record of an event, with pseudonyms in place of names where `privacy` is given. Who is
    /// met for the first time comes into `met`, to be written in the same transaction.
    ///
    /// # Errors
    /// The catalog has no such event type.
    pub fn hiding<'a>(
        event: &impl Event<'a>,
        privacy: Option<&Privacy>,
        met: &mut Met,
    ) -> Result<Outgoing> {
        let Some(privacy) = privacy else {
            return Ok(Outgoing::of(event));
        };
        let mut json = event.to_json()?;
        let fields = json.as_object_mut().context("an event is no object")?;
        let (key, value) = privacy.record(event.event_type(), std::mem::take(fields), met)?;
        Ok(Outgoing {
            topic: topics::events(event.event_type()),
            partition: None,
            key,
            value: Some(value),
            log_time: None,
            tick: None,
        })
    }

    /// The record of an event as a live producer would write it.
    pub fn of<'a>(event: &impl Event<'a>) -> Outgoing {
        Outgoing {
            topic: topics::events(event.event_type()),
            partition: None,
            key: event.source().as_bytes().to_owned(),
            value: Some(event.encode()),
            log_time: None,
            tick: None,
        }
    }
}
