//! Configuration, and the threads.

use crate::Scope;
use crate::combine::CombineStage;
use crate::keyed::Keyed;
use crate::score::{ScoreStage, Scores};
use crate::window::{WindowStage, Windows};
use serde::{Deserialize, Serialize};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};
use weir_catalog::Catalog;
use weir_kafka::admin::Partitions;
use weir_kafka::{Brokers, Error, Packing, Pauses, Stage, StageConfig, run_stage};
use weir_model::{codes, topics};
use weir_runtime::{Part, Shutdown, Size, names};

/// A stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StageName {
    /// Raw events to partials.
    Combine,
    /// Partials to results.
    Window,
    /// Terms to results across subjects.
    Score,
}

impl StageName {
    /// All, in the order of the data.
    pub const ALL: [StageName; 3] = [StageName::Combine, StageName::Window, StageName::Score];

    /// In names of groups and metrics.
    pub const fn label(self) -> &'static str {
        match self {
            StageName::Combine => "combine",
            StageName::Window => "window",
            StageName::Score => "score",
        }
    }
}

/// How the stages run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ProcessorConfig {
    /// Where Kafka is.
    pub kafka: Brokers,
    /// Id of this instance: unique among those that run, the same after a restart.
    pub instance: String,
    /// Threads per stage.
    pub threads: usize,
    /// For topics that have to be created.
    pub partitions: Partitions,
    /// While live: from the beginning of a commit to that of the next.
    #[serde(with = "humantime_serde")]
    pub commit_interval: Duration,
    /// Between commits while catching up, at most.
    #[serde(with = "humantime_serde")]
    pub commit_interval_behind: Duration,
    /// Between commits while catching up, at most.
    pub commit_bytes: Size,
    /// Each shard of the state is written once in this time, if it changed.
    #[serde(with = "humantime_serde")]
    pub snapshot_cycle: Duration,
}

impl Default for ProcessorConfig {
    fn default() -> ProcessorConfig {
        ProcessorConfig {
            kafka: Brokers::new("127.0.0.1:9092"),
            instance: "0".into(),
            threads: 1,
            partitions: Partitions::default(),
            commit_interval: StageConfig::COMMIT_INTERVAL,
            commit_interval_behind: StageConfig::COMMIT_INTERVAL_BEHIND,
            commit_bytes: Size::of(StageConfig::COMMIT_BYTES),
            snapshot_cycle: Duration::from_secs(60),
        }
    }
}

/// The stages of one process.
pub struct Processor;

impl Processor {
    /// Finds the run of the catalog (see [`crate::run_of`]) and runs the given stages, a thread for
    /// each instance, until shutdown. Waits for brokers that do not answer. A stage that ends with
    /// an error is started again, unless no later start can go better; then all of them end, and
    /// the process should. Blocks.
    ///
    /// # Errors
    /// The first failure that stays; its code says which.
    pub fn run(
        config: &ProcessorConfig,
        catalog: Arc<Catalog>,
        stages: &[StageName],
        shutdown: &Shutdown,
    ) -> Result<(), Error> {
        let Some(scope) = scope(config, &catalog, shutdown)? else {
            return Ok(());
        };
        tracing::info!(
            run = scope.run.number,
            catalog = scope.run.catalog,
            "stages start"
        );
        std::thread::scope(|threads| {
            let mut handles = Vec::new();
            for &name in stages {
                for thread in 0..config.threads.max(1) {
                    let scope = &scope;
                    let named =
                        std::thread::Builder::new().name(format!("{}-{thread}", name.label()));
                    let spawned = named.spawn_scoped(threads, move || {
                        let ended = keep_running(config, scope, name, thread, shutdown);
                        if ended.is_err() {
                            // The others would go on without it, unseen.
                            shutdown.trigger();
                        }
                        ended
                    });
                    match spawned {
                        Ok(handle) => handles.push(handle),
                        Err(e) => {
                            shutdown.trigger();
                            return Err(Error::Invariant(format!("a thread cannot start: {e}")));
                        }
                    }
                }
            }
            let mut ended = Ok(());
            for handle in handles {
                let result = handle.join().unwrap_or_else(|_| Err(panicked()));
                ended = ended.and(result);
            }
            ended
        })
    }
}

/// The run and its topics, once a broker tells them; none where shutdown was asked for before.
fn scope(
    config: &ProcessorConfig,
    catalog: &Arc<Catalog>,
    shutdown: &Shutdown,
) -> Result<Option<Scope>, Error> {
    let t = &config.kafka.timeouts;
    let part = Part::register(format!("processor {}", config.instance), t.limits());
    let mut pauses = Pauses::new(t.pause);
    while !shutdown.is_requested() {
        part.alive();
        let found = crate::run_of(&config.kafka, catalog, &config.partitions, t.call)
            .map_err(Error::from)
            .and_then(|run| {
                // Producers of this project frame their events by id: somebody must know the ids.
                weir_kafka::registry::register_all(
                    &config.kafka,
                    &catalog.writer_schemas(),
                    t.call,
                )?;
                Ok(Scope::new(&config.kafka, catalog.clone(), run)?)
            });
        match found {
            Err(e) if e.is_transient() => {
                tracing::warn!("{e}; waiting for Kafka");
                part.waits_for(format!("Kafka: {e}"));
                pauses.rest(&|| shutdown.is_requested());
            }
            other => return other.map(Some),
        }
    }
    Ok(None)
}

fn panicked() -> Error {
    Error::Invariant("a stage panicked; see the log".into())
}

/// True where another start finds the same: the log or the configuration must be changed first.
fn stays(e: &Error) -> bool {
    matches!(
        e.code(),
        codes::PARTITIONS_CHANGED | codes::LOG_GAP | codes::CONFIG | codes::CATALOG_MEANING
    )
}

/// Runs a stage, again where it ends with an error: all of it is built anew from what was
/// committed.
fn keep_running(
    config: &ProcessorConfig,
    scope: &Scope,
    name: StageName,
    thread: usize,
    shutdown: &Shutdown,
) -> Result<(), Error> {
    let t = &scope.brokers.timeouts;
    let stopped = || shutdown.is_requested();
    let mut pauses = Pauses::new(t.pause);
    loop {
        let begun = Instant::now();
        let life = || run_one(config, scope, name, thread, &shutdown.flag());
        // Nothing of a life passes to the next one.
        let ended = catch_unwind(AssertUnwindSafe(life)).unwrap_or_else(|_| Err(panicked()));
        let Err(e) = ended else { return Ok(()) };
        let code = e.code();
        if stays(&e) {
            tracing::error!("{code}: stage {} ended: {e}", name.label());
            return Err(e);
        }
        tracing::error!(
            "{code}: stage {} ended and is started again: {e}",
            name.label()
        );
        metrics::counter!(crate::metric::RESTARTS, "stage" => name.label()).increment(1);
        if begun.elapsed() > t.liveness {
            pauses = Pauses::new(t.pause);
        }
        pauses.rest(&stopped);
        if stopped() {
            return Ok(());
        }
    }
}

fn run_one(
    config: &ProcessorConfig,
    scope: &Scope,
    name: StageName,
    thread: usize,
    stop: &AtomicBool,
) -> Result<(), Error> {
    let (topics, mut stage): (Vec<String>, Box<dyn Stage>) = match name {
        StageName::Combine => (
            scope
                .catalog
                .events
                .iter()
                .map(|e| topics::events(&e.name))
                .collect(),
            Box::new(CombineStage::new(scope.clone())?),
        ),
        StageName::Window => (
            vec![Windows::INPUT.into()],
            Box::new(WindowStage::new(scope.clone(), config.snapshot_cycle)),
        ),
        StageName::Score => (
            vec![Scores::INPUT.into()],
            Box::new(ScoreStage::new(scope.clone(), config.snapshot_cycle)),
        ),
    };
    let instance = names::instance(&config.instance, thread);
    let mut shell = StageConfig::new(
        scope.brokers.clone(),
        name.label(),
        scope.run.number,
        &instance,
        topics,
    );
    shell.commit_interval = config.commit_interval;
    shell.commit_interval_behind = config.commit_interval_behind;
    shell.commit_bytes = config.commit_bytes.bytes();
    if name == StageName::Combine {
        shell.fetching = crate::combine::fetching(scope.raw.iter().sum());
        // Partials are read once and then lie there for a restart; results are kept.
        shell.packing = Packing::Quick;
    }
    run_stage(&shell, stage.as_mut(), stop)
}
