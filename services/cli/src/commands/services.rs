//! `weir processor` and `weir sink`: one service alone, as in a cluster.

use crate::args::{ProcessorArgs, ServiceArgs, SystemArgs};
use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use weir_catalog::Catalog;
use weir_kafka::admin::Admin;
use weir_kafka::{Brokers, Pauses, Timeouts};
use weir_processor::{Processor, ProcessorConfig, StageName};
use weir_runtime::health::HealthConfig;
use weir_runtime::log::LogConfig;
use weir_runtime::{Health, Metrics, Shutdown};
use weir_sink::{Sink, SinkConfig};

/// Configuration of a service alone.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Config {
    processor: ProcessorConfig,
    sink: Option<SinkConfig>,
    timeouts: Timeouts,
    log: LogConfig,
    health: HealthConfig,
}

fn config(system: &SystemArgs, a: &ServiceArgs) -> Result<Config> {
    let mut config: Config = weir_runtime::config::load(a.config.as_deref())?;
    config.processor.instance = a.instance.clone();
    config.health.bind = a
        .http
        .parse()
        .with_context(|| format!("WEIR-0210: --http {} is no address", a.http))?;
    // What is only printed needs no running system.
    let needed = a.config.is_none() && !a.dump_config;
    if needed || system.brokers.is_some() {
        config.processor.kafka = system.find_brokers()?;
    }
    let timeouts = crate::system::scaled(&config.timeouts)?;
    if let Some(sink) = &mut config.sink {
        sink.brokers.timeouts = timeouts.clone();
    }
    config.processor.kafka.timeouts = timeouts;
    Ok(config)
}

/// Parses `combine,window,score`.
pub fn stages(names: &[String]) -> Result<Vec<StageName>> {
    names
        .iter()
        .map(|n| {
            StageName::ALL
                .into_iter()
                .find(|s| s.label() == n)
                .with_context(|| {
                    format!("WEIR-0210: there is no stage {n}; there are combine, window and score")
                })
        })
        .collect()
}

pub fn processor(system: &SystemArgs, a: &ProcessorArgs) -> Result<ExitCode> {
    let config = config(system, &a.service)?;
    if a.service.dump_config {
        println!("{}", weir_runtime::config::dump(&config)?);
        return Ok(ExitCode::SUCCESS);
    }
    let (catalog, stages) = (system.catalog()?, stages(&a.stages)?);
    weir_runtime::log::init(&config.log);
    let metrics = Metrics::install();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let shutdown = Shutdown::on_signals()?;
        let health = Health::new();
        watch_brokers(&health, &config.processor.kafka);
        let (address, _) = health
            .serve(&config.health, &metrics, &shutdown)
            .await
            .context("WEIR-0212: cannot bind --http")?;
        tracing::info!(%address, "health and metrics");
        let stop = shutdown.clone();
        let exit = a.service.exit_when_unreachable;
        tokio::task::spawn_blocking(move || {
            if exit {
                reach(&config.processor.kafka)?;
            }
            Processor::run(&config.processor, catalog, &stages, &stop)
        })
        .await??;
        Ok(ExitCode::SUCCESS)
    })
}

pub fn sink(system: &SystemArgs, a: &ServiceArgs) -> Result<ExitCode> {
    let mut config = config(system, a)?;
    if config.sink.is_none() && !a.dump_config {
        let found = system.find()?;
        let store = found.own_store()?;
        config.sink = Some(SinkConfig::new(found.brokers, store));
    }
    if a.dump_config {
        println!("{}", weir_runtime::config::dump(&config)?);
        return Ok(ExitCode::SUCCESS);
    }
    let (catalog, migrations) = (system.catalog()?, system.migrations()?);
    weir_runtime::log::init(&config.log);
    let metrics = Metrics::install();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let shutdown = Shutdown::on_signals()?;
        let Some(mut sink) = config.sink.clone() else {
            bail!("WEIR-0210: no sink is configured")
        };
        sink.instance = format!("sink-{}", a.instance);
        let health = Health::new();
        watch_brokers(&health, &sink.brokers);
        let starts = Starting::watched_by(&health);
        let (address, _) = health
            .serve(&config.health, &metrics, &shutdown)
            .await
            .context("WEIR-0212: cannot bind --http")?;
        tracing::info!(%address, "health and metrics");
        if a.exit_when_unreachable {
            let brokers = sink.brokers.clone();
            tokio::task::spawn_blocking(move || reach(&brokers)).await??;
            weir_store::Store::new(&sink.store).ping().await?;
        }
        let (brokers, of, stop) = (sink.brokers.clone(), catalog.clone(), shutdown.clone());
        let run = tokio::task::spawn_blocking(move || starts.run(&brokers, &of, &stop)).await??;
        let Some(run) = run else {
            return Ok(ExitCode::SUCCESS);
        };
        sink.run = run;
        let sink = Sink::new(sink, catalog).with_migrations(migrations);
        watch_sink(&health, &sink);
        sink.run(shutdown).await?;
        Ok(ExitCode::SUCCESS)
    })
}

/// An error where no broker answers.
fn reach(brokers: &Brokers) -> Result<(), weir_kafka::Error> {
    Admin::new(brokers, brokers.timeouts.call)?.wait()
}

/// What a sink waits for before it can begin.
struct Starting(Arc<Mutex<Option<String>>>);

impl Starting {
    fn watched_by(health: &Health) -> Starting {
        let waits = Arc::new(Mutex::new(Some("no run is known yet".to_owned())));
        let told = waits.clone();
        health.register("start", move || {
            let why = told.lock().unwrap_or_else(PoisonError::into_inner).clone();
            why.map_or(Ok(()), Err)
        });
        Starting(waits)
    }

    fn tell(&self, why: Option<String>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = why;
    }

    /// The run of this catalog, once a broker tells it and a processor has begun it; none where shutdown was asked for before.
    fn run(
        &self,
        brokers: &Brokers,
        catalog: &Arc<Catalog>,
        shutdown: &Shutdown,
    ) -> Result<Option<u32>> {
        let mut pauses = Pauses::new(brokers.timeouts.pause);
        while !shutdown.is_requested() {
            let waits = match weir_processor::current(brokers, brokers.timeouts.call) {
                Ok(Some(run)) => {
                    self.tell(None);
                    return ours(&run, catalog).map(Some);
                }
                Ok(None) => "WEIR-0204: waiting for a processor to begin a run".to_owned(),
                Err(e) => match weir_kafka::Error::from(e) {
                    e if e.is_transient() => format!("{e}; waiting for Kafka"),
                    e => return Err(e.into()),
                },
            };
            tracing::warn!("{waits}");
            self.tell(Some(waits));
            pauses.rest(&|| shutdown.is_requested());
        }
        Ok(None)
    }
}

/// `weir reprocess`: begins the next run under the same catalog.
pub fn reprocess(system: &SystemArgs, json: bool) -> Result<ExitCode> {
    let brokers = system.find_brokers()?;
    let catalog = system.catalog()?;
    current_run(&brokers, &catalog)?;
    let run = weir_processor::reprocess(
        &brokers,
        &catalog,
        &weir_kafka::admin::Partitions::default(),
        std::time::Duration::from_secs(30),
    )?;
    if json {
        crate::output::json(&run)?;
    } else {
        println!(
            "run {} begins when the processor and the sink start again; results of older runs are hidden from then on",
            run.number
        );
    }
    Ok(ExitCode::SUCCESS)
}

/// The run of this catalog, as the processor has begun it.
pub fn current_run(brokers: &Brokers, catalog: &Arc<Catalog>) -> Result<u32> {
    let run = weir_processor::current(brokers, std::time::Duration::from_secs(30))
        .map_err(weir_kafka::Error::from)?
        .context("WEIR-0204: no processor has started a run here yet; start it first")?;
    ours(&run, catalog)
}

/// The number of a run, if it is of this catalog.
fn ours(run: &weir_processor::Run, catalog: &Catalog) -> Result<u32> {
    if run.catalog != format!("{:016x}", catalog.hash) {
        bail!(
            "WEIR-0108: the running system has catalog {}, this command {:016x}; give the same --schemas",
            run.catalog,
            catalog.hash
        );
    }
    Ok(run.number)
}

/// Ready only while the brokers answer.
pub fn watch_brokers(health: &Health, brokers: &Brokers) {
    let brokers = brokers.clone();
    health.register("kafka", move || {
        weir_kafka::admin::Admin::new(&brokers, std::time::Duration::from_secs(2))
            .and_then(|a| a.names().map(|_| ()))
            .map_err(|e| e.to_string())
    });
}

/// Ready only while rows reach ClickHouse.
pub fn watch_sink(health: &Health, sink: &Sink) {
    let sink = sink.clone();
    health.register("sink", move || sink.trouble().map_or(Ok(()), Err));
}
