//! The alert consumer: reads `weir.alerts`, tells people.
//!
//! What is to be told is decided in [`core`], which is pure, and written to `weir.notify` together
//! with the offsets that it was decided from. Then it is sent ([`deliver`]). So no step is lost,
//! and each is sent under one id, however often it has to be tried.

pub mod core;
pub mod declare;
pub mod deliver;
pub mod metric;
mod read;
mod stage;
pub mod status;
pub mod trial;

pub use declare::{Declared, load};

use anyhow::Result;
use deliver::Senders;
use serde::{Deserialize, Serialize};
use stage::NotifyStage;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use weir_catalog::Catalog;
use weir_kafka::admin::{Admin, Partitions, notify};
use weir_kafka::{
    Brokers, Error, Fetching, Packing, Pauses, SchemaRegistry, StageConfig, run_stage,
};
use weir_runtime::host::{Running, Service};
use weir_runtime::names::{self, NOTIFY_GROUP};
use weir_runtime::{Part, Shutdown};

/// How long a broker holds a request without news: one for quiet topics holds up those for others.
const HELD: Duration = Duration::from_millis(50);
/// How often it is looked what is due, and what became of messages.
const IDLE: Duration = Duration::from_millis(20);

/// Settings of the service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NotifyConfig {
    /// Where Kafka is.
    pub kafka: Brokers,
    /// The file that says who is told what.
    pub routes: PathBuf,
}

impl Default for NotifyConfig {
    fn default() -> NotifyConfig {
        NotifyConfig {
            kafka: Brokers::new("127.0.0.1:9092"),
            routes: PathBuf::from("notify.yaml"),
        }
    }
}

/// The service. One of a system works at a time: groups of alerts are in one hand.
pub struct Notify {
    brokers: Brokers,
    declared: Declared,
    catalog: Arc<Catalog>,
    ready: Arc<AtomicBool>,
}

impl Notify {
    /// With a declaration that was checked.
    pub fn new(brokers: Brokers, declared: Declared, catalog: Arc<Catalog>) -> Notify {
        Notify {
            brokers,
            declared,
            catalog,
            ready: Arc::default(),
        }
    }

    /// As a service of a process.
    pub fn service(self) -> Service {
        let ready = self.ready.clone();
        let check = move || match ready.load(Ordering::SeqCst) {
            true => Ok(()),
            false => Err("Kafka has not answered yet".to_owned()),
        };
        Service::new(move |running: &Running| self.run(running)).ready_while("notify", check)
    }

    /// Runs until shutdown.
    ///
    /// # Errors
    /// What no later try can change.
    pub fn run(self, running: &Running) -> Result<()> {
        let shutdown = &running.shutdown;
        let Some(registry) = self.prepared(shutdown)? else {
            return Ok(());
        };
        self.ready.store(true, Ordering::SeqCst);
        let handle = running.block_on(async { tokio::runtime::Handle::current() });
        let senders = Senders::new(&self.declared)?;
        let reader = read::Reader::new(&self.catalog, registry);
        let plan = self.declared.plan.clone();
        let mut stage = NotifyStage::new(self.brokers.clone(), plan, reader, senders, handle);
        let config = StageConfig {
            group: NOTIFY_GROUP.to_owned(),
            fetching: Fetching {
                held: HELD,
                ..Fetching::default()
            },
            idle: IDLE,
            packing: Packing::Quick,
            ..StageConfig::new(
                self.brokers.clone(),
                "notify",
                0,
                &names::instance("notify", 0),
                read::all_topics(),
            )
        };
        Ok(run_stage(&config, &mut stage, &shutdown.flag())?)
    }

    /// Makes its topic and knows the schemas, trying until that is done; none where shutdown was
    /// asked for before.
    fn prepared(&self, shutdown: &Shutdown) -> Result<Option<SchemaRegistry>> {
        let t = &self.brokers.timeouts;
        let part = Part::register("notify's start", t.limits());
        let mut pauses = Pauses::new(t.pause);
        while !shutdown.is_requested() {
            match self.prepare() {
                Ok(registry) => {
                    part.idle();
                    return Ok(Some(registry));
                }
                Err(e) if e.is_transient() => {
                    tracing::warn!("{e}; trying again");
                    part.waits_for(format!("Kafka: {e}"));
                }
                Err(e) => return Err(e.into()),
            }
            pauses.rest(&|| shutdown.is_requested());
        }
        Ok(None)
    }

    fn prepare(&self) -> Result<SchemaRegistry, Error> {
        let limit = self.brokers.timeouts.call;
        Admin::new(&self.brokers, limit)?.ensure(&[notify()], Partitions::default().replication)?;
        SchemaRegistry::open(&self.brokers, limit)
    }
}
