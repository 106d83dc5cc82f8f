//! `weir processor` and `weir sink`: one service alone, as in a cluster.

use crate::args::{ProcessorArgs, ServiceArgs, SystemArgs};
use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use std::process::ExitCode;
use std::sync::Arc;
use weir_catalog::Catalog;
use weir_kafka::Brokers;
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
        tokio::task::spawn_blocking(move || {
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
        sink.run = current_run(&sink.brokers, &catalog)?;
        let health = Health::new();
        watch_brokers(&health, &sink.brokers);
        let sink = Sink::new(sink, catalog).with_migrations(migrations);
        watch_sink(&health, &sink);
        let (address, _) = health
            .serve(&config.health, &metrics, &shutdown)
            .await
            .context("WEIR-0212: cannot bind --http")?;
        tracing::info!(%address, "health and metrics");
        sink.run(shutdown).await?;
        Ok(ExitCode::SUCCESS)
    })
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
    let run = weir_processor::current(brokers, std::time::Duration::from_secs(30))?
        .context("WEIR-0204: no processor has started a run here yet; start it first")?;
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
