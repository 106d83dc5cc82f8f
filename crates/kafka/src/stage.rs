//! What a stage has to say to run in the shell.

use crate::batch::{Message, Run};
use crate::client::Brokers;
use crate::consumer::Fetching;
pub use crate::error::StageError;
use crate::partition::{Committed, Tp};
use crate::producer::{Header, Refused, Transactional};
use std::time::Duration;
use weir_model::{Code, Micros};

/// How a stage instance runs. Limits of time are those of its brokers.
#[derive(Clone, Debug)]
pub struct StageConfig {
    /// Where Kafka is.
    pub brokers: Brokers,
    /// Group, also the first part of the transactional id: e.g. `weir-combine-r1`.
    pub group: String,
    /// Label of metrics: `combine`, `window`, `score`.
    pub stage: &'static str,
    /// Id of this instance, unique in the group and the same after a restart.
    pub instance: String,
    /// Topics read.
    pub topics: Vec<String>,
    /// While live: time from the beginning of a commit to that of the next.
    pub commit_interval: Duration,
    /// While catching up: the same, at most.
    pub commit_interval_behind: Duration,
    /// While catching up: bytes of values between commits.
    pub commit_bytes: usize,
    /// While catching up: records between commits, up to twice as many where [`Stage::at_boundary`]
    /// says no.
    pub commit_records: usize,
    /// How records are fetched ahead.
    pub fetching: Fetching,
    /// Longest wait for a first record: how often an idle stage looks around.
    pub idle: Duration,
    /// How its records are packed.
    pub packing: Packing,
}

/// How records are packed on their way and in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    /// For what is read once, soon: half the bytes at little cost.
    Quick,
    /// For what is kept: a third of the bytes.
    Small,
}

impl Packing {
    /// Sets it on a producer.
    pub(crate) fn set(self, config: &mut rdkafka::ClientConfig) {
        match self {
            Packing::Quick => config.set("compression.type", "lz4"),
            // What higher levels gain of such blocks is a few percent, for a multiple of the time.
            Packing::Small => config
                .set("compression.type", "zstd")
                .set("compression.level", "1"),
        };
    }
}

impl StageConfig {
    /// While live: time from the beginning of a commit to that of the next.
    pub const COMMIT_INTERVAL: Duration = Duration::from_millis(25);
    /// While catching up: the longest time between commits.
    pub const COMMIT_INTERVAL_BEHIND: Duration = Duration::from_secs(2);
    /// While catching up: bytes of values between commits.
    pub const COMMIT_BYTES: usize = 256 << 20;
    /// While catching up: records between commits.
    pub const COMMIT_RECORDS: usize = 400_000;

    /// With the defaults of the design.
    pub fn new(
        brokers: Brokers,
        stage: &'static str,
        run: u32,
        instance: &str,
        topics: Vec<String>,
    ) -> StageConfig {
        StageConfig {
            brokers,
            group: weir_runtime::names::stage_group(stage, run),
            stage,
            instance: instance.to_owned(),
            topics,
            commit_interval: Self::COMMIT_INTERVAL,
            commit_interval_behind: Self::COMMIT_INTERVAL_BEHIND,
            commit_bytes: Self::COMMIT_BYTES,
            commit_records: Self::COMMIT_RECORDS,
            fetching: Fetching::default(),
            idle: Duration::from_millis(100),
            packing: Packing::Small,
        }
    }
}

/// A partition as the shell sees it.
#[derive(Clone, Debug)]
pub struct Progress {
    /// Which.
    pub tp: Tp,
    /// Offset of the next record.
    pub next: i64,
    /// True if nothing is left to read (as of the last fetch).
    pub at_end: bool,
}

/// A fold over partitions with transactional output. Called by one thread.
///
/// Between two commits the set of partitions does not change. After a refused commit all partitions
/// are revoked and assigned again, as committed: what was folded in vain is never folded twice into
/// the same state.
pub trait Stage {
    /// These partitions are now this instance's. Restores their state; returns for each the offset
    /// to read from (at most the committed one), or `None` for the committed offset, or the
    /// beginning where nothing was committed. Records before the committed offset come to
    /// [`Stage::fold`] like others: there they may change state only.
    fn assigned(&mut self, new: &[Committed]) -> Result<Vec<Option<i64>>, StageError>;
    /// These are not any more: forget them. Nothing of them is uncommitted, or it was aborted.
    fn revoked(&mut self, gone: &[Tp]);
    /// Takes records of one partition in, in order.
    fn fold(&mut self, tp: &Tp, records: Run<'_>, out: &mut Outbox<'_>) -> Result<(), StageError>;
    /// Writes what is due at a commit.
    fn commit(&mut self, out: &mut Outbox<'_>) -> Result<(), StageError>;
    /// What is committed beside the offset of this partition.
    fn metadata(&self, _tp: &Tp) -> String {
        String::new()
    }
    /// The transaction stands.
    fn committed(&mut self) {}
    /// True if [`Stage::commit`] has something to write although nothing was read.
    fn wants_commit(&mut self) -> bool {
        false
    }
    /// Asked after each batch once there is enough for a commit while catching up: false where a
    /// commit a little later writes less.
    fn at_boundary(&mut self) -> bool {
        true
    }
    /// How far a partition has come in time, where a stage wants its partitions to go through a
    /// long log side by side: the one that is furthest behind is read next.
    fn log_time(&self, _tp: &Tp) -> Option<Micros> {
        None
    }
    /// Called while no transaction is open, at least once per idle period: the place for ticks.
    fn between(&mut self, _parts: &[Progress]) -> Result<(), StageError> {
        Ok(())
    }
}

/// Where a stage writes to; the transaction begins with the first record.
pub struct Outbox<'a> {
    pub(crate) producer: &'a Transactional,
    pub(crate) open: bool,
    pub(crate) failed: Option<Refused>,
}

impl<'a> Outbox<'a> {
    pub(crate) fn new(producer: &'a Transactional) -> Outbox<'a> {
        Outbox {
            producer,
            open: false,
            failed: None,
        }
    }

    pub(crate) fn begin(&mut self) {
        if !self.open && self.failed.is_none() {
            match self.producer.begin() {
                Ok(()) => self.open = true,
                Err(r) => self.failed = Some(r),
            }
        }
    }

    /// Queues a record. A failure shows at the commit, which is then refused.
    pub fn send(
        &mut self,
        topic: &str,
        partition: Option<i32>,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[Header<'_>],
    ) {
        self.begin();
        if self.failed.is_none()
            && let Err(e) = self.producer.send((topic, partition), key, value, headers)
        {
            self.failed = Some(self.producer.judge(e));
        }
    }

    /// Queues a dead letter, with its tenant (empty where that cannot be told) and what is wrong in
    /// words.
    pub fn dead(
        &mut self,
        message: &Message<'_>,
        topic: &str,
        code: Code,
        (tenant, text): (&str, &str),
    ) {
        // Sending reports its failures through `failed`.
        let _ = crate::dead::write(
            message,
            topic,
            code,
            (tenant, text),
            &mut |topic, key, value, headers| {
                self.send(topic, None, key, value, headers);
                Ok(())
            },
        );
    }
}
