//! Publishing what nobody has published yet: events in the order of their times, with their identities in the same transactions.

use crate::ledger::identities::{BATCH, Identity, Known, Scope};
use crate::publish::Publisher;
use anyhow::Result;
use weir_kafka::Brokers;

/// A scope of which this process alone adds to the ledger.
pub struct Published {
    scope: Scope,
    publisher: Publisher,
    pending: Vec<Identity>,
}

impl Published {
    /// Takes over the scope: whoever else is publishing in it is refused from here on. Then reads what is published.
    pub fn take_over(brokers: &Brokers, tenant: &str, event: &str) -> Result<(Published, Known)> {
        let scope = Scope::new(tenant, event);
        let mut publisher = Publisher::new(brokers, &scope.name())?;
        let (all, small) = scope.read(brokers)?;
        small.merge(scope, &mut publisher)?;
        let published = Published {
            scope,
            publisher,
            pending: Vec::new(),
        };
        Ok((published, Known::new(all)?))
    }

    /// Publishes an event with `send`; it is committed now and then together with its identity.
    pub fn add(
        &mut self,
        identity: Identity,
        send: impl FnOnce(&mut Publisher) -> Result<()>,
    ) -> Result<()> {
        send(&mut self.publisher)?;
        self.pending.push(identity);
        if self.pending.len() >= BATCH || self.publisher.due() {
            self.commit()?;
        }
        Ok(())
    }

    /// Commits what was added.
    pub fn commit(&mut self) -> Result<()> {
        if !self.pending.is_empty() {
            let (key, value) = self.scope.record(&self.pending);
            self.publisher.note(key.as_bytes(), Some(&value))?;
            self.pending.clear();
        }
        self.publisher.finish()
    }
}
