//! The desk as entries of a compacted topic: a key for each thing, as JSON.

use super::desk::{Desk, Held};
use super::group::Group;
use super::health::Health;
use super::mute::Silence;
use super::plan::Plan;
use super::step::Step;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::sync::Arc;
use weir_model::Micros;

/// A key with its value; `None`: there is no such thing any more.
pub type Entry = (String, Option<Vec<u8>>);

pub(super) const ALERT: &str = "alert/";
pub(super) const ACK: &str = "ack/";
pub(super) const GROUP: &str = "group/";
pub(super) const STEP: &str = "step/";
pub(super) const SILENCE: &str = "silence/";
pub(super) const LANE: &str = "lane/";
pub(super) const RECEIVER: &str = "receiver/";
pub(super) const READ: &str = "read/";
pub(super) const BEGAN: &str = "began";

fn json<T: Serialize>(value: Option<&T>) -> Option<Vec<u8>> {
    // Maps of texts and numbers: that cannot fail.
    value.and_then(|v| serde_json::to_vec(v).ok())
}

impl Desk {
    /// Nothing has changed since [`Desk::changes`] was last taken.
    pub fn is_clean(&self) -> bool {
        self.changed.is_empty()
    }

    /// What has changed since the last call, to be written in one transaction.
    pub fn changes(&mut self) -> Vec<Entry> {
        let changed = std::mem::take(&mut self.changed);
        changed
            .into_iter()
            .map(|key| {
                let value = self.entry(&key);
                (key, value)
            })
            .collect()
    }

    fn entry(&self, key: &str) -> Option<Vec<u8>> {
        let of = |prefix: &str| key.strip_prefix(prefix);
        if let Some(id) = of(ALERT) {
            json(self.alerts.get(id))
        } else if let Some(id) = of(ACK) {
            json(self.acks.get(id))
        } else if let Some(id) = of(GROUP) {
            json(self.groups.get(id))
        } else if let Some(id) = of(STEP) {
            json(self.steps.get(id))
        } else if let Some(id) = of(SILENCE) {
            json(self.silences.get(id))
        } else if let Some(id) = of(LANE) {
            json(self.lanes.get(id))
        } else if let Some(id) = of(RECEIVER) {
            json(self.receivers.get(id))
        } else if let Some(id) = of(READ) {
            json(self.read.get(id))
        } else {
            json(self.began.as_ref())
        }
    }

    /// From what was written. Entries that cannot be read are left out and told to `odd`.
    pub fn load<'a>(
        plan: Arc<Plan>,
        entries: impl IntoIterator<Item = (&'a [u8], &'a [u8])>,
        mut odd: impl FnMut(&str),
    ) -> Desk {
        let mut desk = Desk::new(plan);
        for (key, value) in entries {
            let key = String::from_utf8_lossy(key);
            if !desk.take_entry(&key, value) {
                odd(&key);
            }
        }
        desk
    }

    fn take_entry(&mut self, key: &str, value: &[u8]) -> bool {
        let of = |prefix: &str| key.strip_prefix(prefix);
        if let Some(id) = of(ALERT) {
            put::<Held>(&mut self.alerts, id, value)
        } else if let Some(id) = of(ACK) {
            put::<Micros>(&mut self.acks, id, value)
        } else if let Some(id) = of(GROUP) {
            put::<Group>(&mut self.groups, id, value)
        } else if let Some(id) = of(STEP) {
            put::<Step>(&mut self.steps, id, value)
        } else if let Some(id) = of(SILENCE) {
            put::<Silence>(&mut self.silences, id, value)
        } else if let Some(id) = of(LANE) {
            put::<Vec<Micros>>(&mut self.lanes, id, value)
        } else if let Some(id) = of(RECEIVER) {
            put::<Health>(&mut self.receivers, id, value)
        } else if let Some(id) = of(READ) {
            put::<i64>(&mut self.read, id, value)
        } else if key == BEGAN {
            self.began = serde_json::from_slice(value).ok();
            self.began.is_some()
        } else {
            false
        }
    }
}

fn put<T: DeserializeOwned>(into: &mut BTreeMap<String, T>, id: &str, value: &[u8]) -> bool {
    match serde_json::from_slice(value) {
        Ok(value) => {
            into.insert(id.to_owned(), value);
            true
        }
        Err(_) => false,
    }
}

/// The receivers among entries, and how they do: for whoever shows it.
pub fn receivers<'a>(
    entries: impl IntoIterator<Item = (&'a [u8], &'a [u8])>,
) -> BTreeMap<String, Health> {
    let mut all = BTreeMap::new();
    for (key, value) in entries {
        if let Some(name) = std::str::from_utf8(key)
            .ok()
            .and_then(|k| k.strip_prefix(RECEIVER))
        {
            put::<Health>(&mut all, name, value);
        }
    }
    all
}
