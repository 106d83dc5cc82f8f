//! Publishing what nobody has published yet: events in the order of their times, with their
//! identities in the same transactions.

use super::Report;
use crate::ledger::Progress;
use crate::ledger::identities::{BATCH, Identity, Known, Scope};
use crate::ledger::turn::Turn;
use crate::publish::Publisher;
use anyhow::Result;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use weir_agents::Claim;
use weir_kafka::Brokers;
use weir_privacy::{Met, Privacy};

/// A scope of which this process alone adds to the ledger.
pub struct Published {
    scope: Scope,
    publisher: Publisher,
    turn: Turn,
    pending: Vec<Identity>,
}

impl Published {
    /// Waits for its turn and takes over the scope: whoever else should be publishing in it is
    /// refused from here on. Then reads what is published, and what the ledger holds of sources.
    pub fn take_over(
        brokers: &Brokers,
        (tenant, event): (&str, &str),
        privacy: Option<&Arc<Privacy>>,
        report: &mut Report,
    ) -> Result<(Published, Known, HashMap<String, Progress>)> {
        let scope = Scope::new(tenant, event);
        let (mut turn, waited, sources) = Turn::wait(brokers, scope)?;
        if waited > Duration::ZERO {
            report.notes.push(format!(
                "waited {:.1} s for another import of {event} for tenant {tenant}",
                waited.as_secs_f64()
            ));
        }
        let mut publisher = Publisher::new(brokers, &scope.name())?.hiding(privacy.cloned());
        turn.hold(&mut publisher)?;
        publisher.finish()?;
        let (all, small) = scope.read(brokers)?;
        small.merge(scope, &mut publisher)?;
        let published = Published {
            scope,
            publisher,
            turn,
            pending: Vec::new(),
        };
        Ok((published, Known::new(all)?, sources))
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

    /// Says what is about to be published, for gateways to know it from now on.
    pub fn claim<'c>(&mut self, claims: impl Iterator<Item = &'c Claim>) -> Result<()> {
        for claim in claims {
            self.publisher.claim(&claim.key, &claim.value()?)?;
            if self.publisher.due() {
                self.commit()?;
            }
        }
        self.commit()
    }

    /// Enters people in the directory, before the events that name them are committed.
    pub fn meet(&mut self, met: &Met) -> Result<()> {
        self.publisher.meet(met)
    }

    /// To be called now and then while nothing is added: no transaction stays open meanwhile, and
    /// others see that this one lives.
    pub fn idle(&mut self) -> Result<()> {
        if self.publisher.due() || self.turn.is_old() {
            self.commit()?;
        }
        Ok(())
    }

    fn commit(&mut self) -> Result<()> {
        self.identities()?;
        self.turn.hold(&mut self.publisher)?;
        self.publisher.finish()
    }

    fn identities(&mut self) -> Result<()> {
        if !self.pending.is_empty() {
            let (key, value) = self.scope.record(&self.pending);
            self.publisher.note(key.as_bytes(), Some(&value))?;
            self.pending.clear();
        }
        Ok(())
    }

    /// Commits what was added last and ends the turn.
    pub fn end(mut self) -> Result<()> {
        self.identities()?;
        self.turn.end(&mut self.publisher)?;
        self.publisher.finish()
    }
}
