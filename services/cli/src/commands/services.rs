//! `weir processor`, `weir sink`, `weir gateway` and `weir api`: one service alone, as in a
//! cluster.

use crate::args::{ProcessorArgs, ServiceArgs, SystemArgs};
use crate::system::{KafkaOfAll, PrivacySettings};
use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use weir_api::{Api, ApiConfig, Port, Schemas};
use weir_catalog::Catalog;
use weir_gateway::{Gateway, GatewayConfig, Ports};
use weir_http::OWN_TENANT;
use weir_kafka::admin::Admin;
use weir_kafka::{Brokers, Pauses, Timeouts};
use weir_model::codes::{CONFIG, NOT_RUNNING};
use weir_notify::NotifyConfig;
use weir_processor::{Processor, ProcessorConfig, StageName};
use weir_runtime::health::HealthConfig;
use weir_runtime::host::{Host, Running, Service};
use weir_runtime::log::LogConfig;
use weir_runtime::traces::TracesConfig;
use weir_runtime::{Shutdown, names};
use weir_sink::{Sink, SinkConfig};
use weir_sources::audit::Change;

/// Configuration of a service alone.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    processor: ProcessorConfig,
    sink: Option<SinkConfig>,
    gateway: GatewayConfig,
    api: ApiConfig,
    kafka: KafkaOfAll,
    privacy: PrivacySettings,
    pub notify: NotifyConfig,
    timeouts: Timeouts,
    pub log: LogConfig,
    pub health: HealthConfig,
    pub traces: TracesConfig,
}

/// Keys of earlier versions, and what stands in their place.
const RENAMED: &[(&str, &str)] = &[
    ("sink.brokers", "sink.kafka"),
    (
        "sink.max_wait_ms",
        "sink.max_wait, a duration such as `500ms`",
    ),
    (
        "sink.run",
        "no setting any more: a sink finds the run that the processor has begun",
    ),
];

pub fn config(system: &SystemArgs, a: &ServiceArgs) -> Result<Config> {
    let mut config: Config = weir_runtime::config::load_renamed(a.config.as_deref(), RENAMED)?;
    config.processor.instance = a.instance.clone();
    config.health.bind = a
        .http
        .parse()
        .with_context(|| format!("{CONFIG}: --http {} is no address", a.http))?;
    // What is only printed needs no running system.
    let needed = a.config.is_none() && !a.dump_config;
    if needed || system.brokers.is_some() {
        let found = system.find_brokers()?;
        let own = [
            &mut config.processor.kafka,
            &mut config.gateway.kafka,
            &mut config.api.kafka,
            &mut config.notify.kafka,
        ];
        for kafka in own {
            let properties = kafka.properties.over(&found.properties);
            *kafka = Brokers {
                properties,
                ..found.clone()
            };
        }
    }
    let of_sink = config.sink.as_mut().map(|sink| &mut sink.kafka);
    let own = [
        &mut config.processor.kafka,
        &mut config.gateway.kafka,
        &mut config.api.kafka,
        &mut config.notify.kafka,
    ];
    for kafka in own.into_iter().chain(of_sink) {
        kafka.properties = kafka.properties.over(&config.kafka.properties);
    }
    let timeouts = crate::system::scaled(&config.timeouts)?;
    if let Some(sink) = &mut config.sink {
        sink.kafka.timeouts = timeouts.clone();
    }
    config.gateway.kafka.timeouts = timeouts.clone();
    config.api.kafka.timeouts = timeouts.clone();
    config.notify.kafka.timeouts = timeouts.clone();
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
                    format!("{CONFIG}: there is no stage {n}; there are combine, window and score")
                })
        })
        .collect()
}

pub fn processor(system: &SystemArgs, a: &ProcessorArgs) -> Result<ExitCode> {
    let config = config(system, &a.service)?;
    if a.service.dump_config {
        return dump(&config);
    }
    let (catalog, stages) = (system.catalog()?, stages(&a.stages)?);
    let host = host(&config.log, config.health)
        .traces(&config.traces, "weir-processor")?
        .workers(1)
        .ready_while("kafka", brokers_answer(&config.processor.kafka));
    let exit = a.service.exit_when_unreachable;
    let first = config.processor.kafka.clone();
    let runs = processing(config.processor, catalog, stages);
    let service = Service::new(move |running| {
        if exit {
            reach(&first)?;
        }
        runs(running)
    });
    host.with(service).run()?;
    Ok(ExitCode::SUCCESS)
}

pub fn sink(system: &SystemArgs, a: &ServiceArgs) -> Result<ExitCode> {
    let mut config = config(system, a)?;
    if config.sink.is_none() && !a.dump_config {
        let found = system.find()?;
        let store = found.own_store()?;
        config.sink = Some(SinkConfig::new(found.brokers, store));
    }
    if a.dump_config {
        return dump(&config);
    }
    let (catalog, migrations) = (system.catalog()?, system.migrations()?);
    let Some(mut sink) = config.sink else {
        bail!("{CONFIG}: no sink is configured")
    };
    sink.instance = names::instance("sink", &a.instance);
    let starts = Starting::default();
    let host = host(&config.log, config.health)
        .traces(&config.traces, "weir-sink")?
        .ready_while("kafka", brokers_answer(&sink.kafka))
        .ready_while("start", starts.check());
    let exit = a.exit_when_unreachable;
    let service = Service::new(move |running| {
        if exit {
            reach(&sink.kafka)?;
            running.block_on(weir_store::Store::new(&sink.store).ping())?;
        }
        let Some(run) = starts.run(&sink.kafka, &catalog, &running.shutdown)? else {
            return Ok(());
        };
        sink.run = run;
        let sink = Sink::new(sink, catalog).with_migrations(migrations);
        running.health.register("sink", rows_arrive(&sink));
        Ok(running.block_on(sink.run(running.shutdown.clone()))?)
    });
    host.with(service).run()?;
    Ok(ExitCode::SUCCESS)
}

pub fn gateway(system: &SystemArgs, a: &ServiceArgs) -> Result<ExitCode> {
    let config = config(system, a)?;
    if a.dump_config {
        return dump(&config);
    }
    let host = host(&config.log, config.health)
        .traces(&config.traces, "weir-gateway")?
        .ready_while("kafka", brokers_answer(&config.gateway.kafka));
    if a.exit_when_unreachable {
        reach(&config.gateway.kafka)?;
    } else {
        admitted(&config.gateway.kafka)?;
    }
    let ports = Ports::take(&config.gateway)?;
    let (http, grpc) = (ports.http()?, ports.grpc()?);
    tracing::info!(%http, %grpc, "the gateway takes events");
    let (catalog, mappings) = (system.catalog()?, system.mappings()?);
    let privacy = system.privacy_of(&config.privacy)?;
    let gateway = Gateway::new(ports, config.gateway, catalog, mappings, privacy)?;
    host.with(gateway.service()).run()?;
    Ok(ExitCode::SUCCESS)
}

pub fn api(system: &SystemArgs, a: &ServiceArgs) -> Result<ExitCode> {
    let mut config = config(system, a)?;
    if a.dump_config {
        return dump(&config);
    }
    if a.config.is_none() {
        config.api.store = system.find()?.own_store()?;
    }
    let host = host(&config.log, config.health)
        .traces(&config.traces, "weir-api")?
        .ready_while("kafka", brokers_answer(&config.api.kafka));
    if a.exit_when_unreachable {
        reach(&config.api.kafka)?;
    }
    let port = Port::take(&config.api)?;
    tracing::info!(http = %port.address()?, "the api answers");
    let schemas = Schemas {
        catalog: system.catalog()?,
        questions: system.questions()?,
        reports: system.reports()?,
        schedules: system.schedules()?,
    };
    let privacy = system.privacy_of(&config.privacy)?;
    let api = Api::new(port, config.api, schemas, privacy)?;
    let api = api.with_plan(system.plan()?);
    host.with(api.service()).run()?;
    Ok(ExitCode::SUCCESS)
}

/// A host whose metrics say what they are.
pub fn host<'a>(log: &LogConfig, health: HealthConfig) -> Host<'a> {
    let host = Host::new(log, health);
    weir_runtime::metric::describe(&super::metrics::all());
    host
}

pub fn dump(config: &Config) -> Result<ExitCode> {
    println!("{}", weir_runtime::config::dump(config)?);
    Ok(ExitCode::SUCCESS)
}

/// Stages as a service.
pub fn processing(
    config: ProcessorConfig,
    catalog: Arc<Catalog>,
    stages: Vec<StageName>,
) -> impl FnOnce(&Running) -> Result<()> + Send + 'static {
    move |running| {
        Ok(Processor::run(
            &config,
            catalog,
            &stages,
            &running.shutdown,
        )?)
    }
}

/// A sink of a run that is known, as a service.
pub fn sinking(sink: Sink) -> Service {
    let check = rows_arrive(&sink);
    let run = move |running: &Running| Ok(running.block_on(sink.run(running.shutdown.clone()))?);
    Service::new(run).ready_while("sink", check)
}

/// An error where no broker answers.
pub fn reach(brokers: &Brokers) -> Result<(), weir_kafka::Error> {
    Admin::new(brokers, brokers.timeouts.call)?.wait()
}

/// An error where the brokers and this client do not trust each other: no sender should wait for
/// that. Brokers that do not answer yet are waited for elsewhere.
fn admitted(brokers: &Brokers) -> Result<(), weir_kafka::Error> {
    if brokers.properties.iter().next().is_none() {
        return Ok(());
    }
    match Admin::new(brokers, Duration::from_secs(3))?.wait() {
        Err(e) if e.is_transient() => Ok(()),
        other => other,
    }
}

/// What a sink waits for before it can begin.
struct Starting(Arc<Mutex<Option<String>>>);

impl Default for Starting {
    fn default() -> Starting {
        Starting(Arc::new(Mutex::new(Some("no run is known yet".to_owned()))))
    }
}

impl Starting {
    /// Ready once it has begun.
    fn check(&self) -> impl Fn() -> Result<(), String> + Send + Sync + 'static {
        let told = self.0.clone();
        move || {
            let why = told.lock().unwrap_or_else(PoisonError::into_inner).clone();
            why.map_or(Ok(()), Err)
        }
    }

    fn tell(&self, why: Option<String>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = why;
    }

    /// The run of this catalog, once a broker tells it and a processor has begun it; none where
    /// shutdown was asked for before.
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
                    return weir_ops::run::number(&run, catalog).map(Some);
                }
                Ok(None) => format!("{NOT_RUNNING}: waiting for a processor to begin a run"),
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
    weir_ops::run::current(&brokers, &catalog)?;
    let run = weir_processor::reprocess(
        &brokers,
        &catalog,
        &weir_kafka::admin::Partitions::default(),
        std::time::Duration::from_secs(30),
    )?;
    let number = run.number.to_string();
    super::audit::done(
        system,
        Change {
            tenant: OWN_TENANT,
            action: "run.reprocess",
            target_kind: "run",
            target: &number,
            ..Change::default()
        },
    );
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

/// Ready only while the brokers answer.
pub fn brokers_answer(
    brokers: &Brokers,
) -> impl Fn() -> Result<(), String> + Send + Sync + 'static {
    let brokers = brokers.clone();
    move || {
        Admin::new(&brokers, std::time::Duration::from_secs(2))
            .and_then(|a| a.names().map(|_| ()))
            .map_err(|e| e.to_string())
    }
}

/// Ready only while rows reach ClickHouse.
fn rows_arrive(sink: &Sink) -> impl Fn() -> Result<(), String> + Send + Sync + 'static {
    let sink = sink.clone();
    move || sink.trouble().map_or(Ok(()), Err)
}
