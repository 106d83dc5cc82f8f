//! Reports that are sent by themselves: when, to whom, and what of it was done. `docs/reports.md`
//! says how they are declared.

mod book;
mod cron;
mod declare;
mod post;
mod stage;

pub(crate) use book::{Book, Kept};
pub(crate) use declare::{About, Schedule, all};
pub use declare::{ReportsConfig, ScheduleConfig, shipped};

use crate::state::Shared;
use anyhow::Result;
use stage::ReportStage;
use std::path::Path;
use weir_kafka::admin::{Admin, Partitions, reports};
use weir_kafka::{Error, Packing, Pauses, StageConfig, run_stage};
use weir_mail::Mailer;
use weir_model::codes::REPORT_SCHEDULE;
use weir_model::topics;
use weir_runtime::host::Running;
use weir_runtime::names::{self, REPORTS_GROUP};
use weir_runtime::{Part, Shutdown};

/// What makes and sends them.
pub(crate) struct Post {
    schedules: Vec<Schedule>,
    mailer: Mailer,
}

impl Post {
    /// Of schedules that were checked; none where there are none.
    ///
    /// # Errors
    /// WEIR-1206 for a mail server that cannot be used.
    pub fn new(config: &ReportsConfig, schedules: Vec<Schedule>) -> Result<Option<Post>> {
        let Some(mail) = config.mail.as_ref().filter(|_| !schedules.is_empty()) else {
            return Ok(None);
        };
        let wrong = |e: String| anyhow::anyhow!("{REPORT_SCHEDULE}: mail: {e}");
        let server = mail
            .server(Path::new("."))
            .map_err(|e| wrong(e.to_string()))?;
        let mailer = Mailer::new(&server, config.timeout);
        Ok(Some(Post {
            schedules,
            mailer: mailer.map_err(|e| wrong(format!("{e:#}")))?,
        }))
    }

    /// Sends what is due until shutdown. Of all apis of a system one does.
    pub fn follow(self, state: &Shared, running: &Running) {
        let shutdown = &running.shutdown;
        let handle = running.block_on(async { tokio::runtime::Handle::current() });
        if !prepared(state, shutdown) {
            return;
        }
        let brokers = state.config.kafka.clone();
        let instance = names::instance("reports", format!("{}-{}", host(), state.port));
        let topics = vec![topics::REPORTS.to_owned()];
        let config = StageConfig {
            group: REPORTS_GROUP.to_owned(),
            packing: Packing::Quick,
            ..StageConfig::new(brokers, "reports", 0, &instance, topics)
        };
        let mut stage = ReportStage::new(state.clone(), self.schedules, self.mailer, handle);
        if let Err(e) = run_stage(&config, &mut stage, &shutdown.flag()) {
            tracing::error!("reports are not sent any more: {e}");
            // The process starts again: whoever runs it sees to that.
            shutdown.trigger();
        }
    }
}

/// What tells this machine from others: groups know their members by it.
fn host() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname");
    name.map_or_else(|_| "api".to_owned(), |n| n.trim().to_owned())
}

/// Makes the topic, trying until that is done; false where shutdown was asked for before.
fn prepared(state: &Shared, shutdown: &Shutdown) -> bool {
    let brokers = &state.config.kafka;
    let part = Part::register("reports' start", brokers.timeouts.limits());
    let make = || -> Result<(), Error> {
        let admin = Admin::new(brokers, brokers.timeouts.call)?;
        let replication = Partitions::default().replication;
        admin.ensure(&[reports()], replication).map(drop)
    };
    let mut pauses = Pauses::new(brokers.timeouts.pause);
    while !shutdown.is_requested() {
        match make() {
            Ok(()) => {
                part.idle();
                return true;
            }
            Err(e) => {
                tracing::warn!("reports are sent later: {e}");
                part.waits_for(format!("Kafka: {e}"));
            }
        }
        pauses.rest(&|| shutdown.is_requested());
    }
    false
}
