//! The client: what a host program holds.

use crate::call::Call;
use crate::capability::Capability;
use crate::config::Config;
use crate::event::{Envelope, Event, Item, Text};
use crate::peer::Peer;
use crate::sender::{Sender, Shared};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::thread::{Builder, Thread};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Sends events to weir's gateway, in the background. Handles are cheap to clone and may be used by
/// any number of threads.
///
/// No method panics, returns an error, or waits for the network, but for [`Client::flush`]. When
/// the last handle goes, what is queued is sent, within two seconds.
#[derive(Clone)]
pub struct Client {
    /// `None`: switched off.
    inner: Option<Arc<Inner>>,
}

struct Inner {
    queue: SyncSender<Item>,
    shared: Arc<Shared>,
    thread: Thread,
    config: Config,
}

/// Events since the client was made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// Taken by the gateway.
    pub sent: u64,
    /// Refused by it, or for their form.
    pub refused: u64,
    /// Dropped at a full queue.
    pub dropped: u64,
    /// Put on disk, to be sent later, by this process or another one.
    pub spooled: u64,
    /// Not sent before the end.
    pub lost: u64,
    /// Waiting now.
    pub queued: u64,
}

impl Default for Client {
    fn default() -> Client {
        Client::new()
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client")
            .field("enabled", &self.inner.is_some())
            .field("stats", &self.stats())
            .finish()
    }
}

impl Client {
    /// With the settings of the environment.
    pub fn new() -> Client {
        Config::default().build()
    }

    /// Settings to be changed, beginning with those of the environment.
    pub fn config() -> Config {
        Config::default()
    }

    pub(crate) fn with(config: Config) -> Client {
        if config.disabled {
            return Client { inner: None };
        }
        let peer = config.wrong.clone().map_or_else(|| Peer::of(&config), Err);
        let peer = match peer {
            Ok(peer) => peer,
            Err(why) => {
                log::warn!(target: "weir", "nothing is sent, the settings are wrong: {why}");
                return Client { inner: None };
            }
        };
        let (queue, from) = sync_channel(config.queue);
        let shared = Arc::new(Shared::new());
        let sender = Sender::new(config.clone(), peer, from, shared.clone());
        let started = Builder::new()
            .name("weir".into())
            .spawn(move || sender.run());
        let inner = match started {
            Ok(thread) => Some(Arc::new(Inner {
                queue,
                shared,
                thread: thread.thread().clone(),
                config,
            })),
            Err(e) => {
                log::warn!(target: "weir", "nothing is sent, no thread can be started: {e}");
                None
            }
        };
        Client { inner }
    }

    /// Queues an event.
    pub fn emit(&self, event: impl Event) {
        self.put(event, None);
    }

    /// Queues an event with an id, time, source or resource of its own.
    pub fn emit_with(&self, event: impl Event, envelope: Envelope) {
        self.put(event, Some(Box::new(envelope)));
    }

    fn put(&self, event: impl Event, envelope: Option<Box<Envelope>>) {
        let Some(inner) = &self.inner else {
            return;
        };
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let item = Item {
            event: Box::new(event),
            at: now.map_or(0, |since| since.as_micros() as i64),
            envelope,
        };
        let shared = &inner.shared;
        let before = shared.queued.fetch_add(1, Ordering::SeqCst);
        match inner.queue.try_send(item) {
            // The sender sleeps while there is nothing, and gathers until there is a batch.
            Ok(()) if before == 0 || before + 1 == inner.config.batch as u64 => {
                inner.thread.unpark();
            }
            Ok(()) => {}
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                shared.queued.fetch_sub(1, Ordering::SeqCst);
                shared.dropped.fetch_add(1, Ordering::Relaxed);
                shared.untold.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// Measures an execution of a capability: from here until the guard is dropped.
    pub fn capability(&self, name: impl Into<Text>) -> Capability {
        Capability::new(self.clone(), name.into())
    }

    /// Measures a call of a model: from here until the guard is dropped. The guard is shown what came
    /// back.
    pub fn call(&self, provider: impl Into<Text>, model: impl Into<Text>) -> Call {
        Call::new(self.clone(), provider.into(), model.into())
    }

    /// Waits until what was queued before is answered or on disk; false where time ran out.
    pub fn flush(&self, timeout: Duration) -> bool {
        let Some(inner) = &self.inner else {
            return true;
        };
        inner.shared.urgent.fetch_add(1, Ordering::SeqCst);
        inner.thread.unpark();
        let done = inner.shared.wait_idle(timeout);
        inner.shared.urgent.fetch_sub(1, Ordering::SeqCst);
        done
    }

    /// What became of events so far.
    pub fn stats(&self) -> Stats {
        let Some(inner) = &self.inner else {
            return Stats::default();
        };
        inner.shared.stats()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.shared.close(self.config.last_attempt());
        self.thread.unpark();
        self.shared.wait_ended(self.config.exit);
    }
}
