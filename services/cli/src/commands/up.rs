//! `weir up`: everything on this machine.

use super::disk::Disk;
use super::services::{current_run, watch_brokers, watch_sink};
use crate::args::{SystemArgs, UpArgs};
use anyhow::{Context, Result, bail};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};
use weir_catalog::Catalog;
use weir_embedded::{ClickHouse, ClickHouseOptions, DataDir, EngineProgram, Kafka, KafkaOptions};
use weir_kafka::Brokers;
use weir_kafka::admin::Partitions;
use weir_processor::{Processor, ProcessorConfig, StageName};
use weir_runtime::health::HealthConfig;
use weir_runtime::log::LogConfig;
use weir_runtime::{Health, Metrics, Shutdown};
use weir_sink::{Sink, SinkConfig};
use weir_store::Migration;

pub fn run(system: &SystemArgs, a: &UpArgs) -> Result<ExitCode> {
    for s in &a.services {
        if !matches!(s.as_str(), "processor" | "sink" | "none") {
            bail!("WEIR-0210: there is no service {s}; there are processor and sink (or none)");
        }
    }
    let begun = Instant::now();
    let (catalog, migrations) = (system.catalog()?, system.migrations()?);
    let bind: SocketAddr = a
        .http
        .parse()
        .with_context(|| format!("WEIR-0210: --http {} is no address", a.http))?;
    // It is bound when there is something to tell; that it can be is known before anything is started.
    std::net::TcpListener::bind(bind)
        .with_context(|| format!("WEIR-0212: cannot bind --http {bind}"))?;
    let mut lock = DataDir::lock(&system.data_dir)?;
    weir_runtime::log::init(&LogConfig {
        filter: "warn".into(),
        json: false,
    });
    let dir = lock.path().to_owned();
    let disk = Disk::of(&dir);
    if let Some(full) = disk.trouble() {
        eprintln!("weir: {full}");
    }
    let engine = engine_program()?;
    eprintln!(
        "starting Kafka and the ClickHouse engine in {}",
        dir.display()
    );
    let (kafka, clickhouse) = std::thread::scope(|s| {
        let kafka = s.spawn(|| {
            Kafka::start(&KafkaOptions {
                port: a.kafka_port,
                ..KafkaOptions::new(&dir)
            })
        });
        let clickhouse = ClickHouse::start(&ClickHouseOptions {
            port: a.clickhouse_port,
            program: Some(engine.clone()),
            ..ClickHouseOptions::new(&dir)
        });
        (kafka.join(), clickhouse)
    });
    let kafka = kafka.map_err(|_| anyhow::anyhow!("starting Kafka panicked"))??;
    let clickhouse = clickhouse?;
    let brokers = crate::system::brokers(kafka.address())?;
    let partitions = Partitions {
        raw: a.raw_partitions,
        partials: a.partials,
        ..Partitions::default()
    };
    patiently(|| {
        let run = weir_processor::run_of(&brokers, &catalog, &partitions, LIMIT);
        run.map_err(weir_kafka::Error::from)?;
        register_schemas(&brokers, &catalog)
    })?;

    let parts = Parts {
        disk: &disk,
        brokers: &brokers,
        partitions: &partitions,
        store: weir_store::StoreConfig::at(clickhouse.url())
            .with_password(weir_embedded::USER, clickhouse.secrets().write.clone()),
        catalog: &catalog,
        migrations,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let ended = runtime.block_on(async {
        let shutdown = Shutdown::on_signals()?;
        let metrics = Metrics::install();
        let health = Health::new();
        watch_brokers(&health, &brokers);
        let (http, _) = health.serve(&HealthConfig { bind }, &metrics, &shutdown).await.context("WEIR-0212: cannot bind --http")?;
        let services = start(a, parts, &health, &shutdown)?;
        wait_ready(&health, &shutdown).await?;
        // Only now: what starts with little room shall start all the same.
        disk.watched_by(&health);
        disk.tell(&shutdown);
        lock.announce(&brokers.bootstrap, clickhouse.url(), &format!("http://{http}"))?;
        eprintln!("ready in {:.1} s", begun.elapsed().as_secs_f64());
        eprintln!("  Kafka       {}", brokers.bootstrap);
        eprintln!("  ClickHouse  {}", clickhouse.url());
        eprintln!("  health      http://{http}/readyz  http://{http}/metrics");
        eprintln!("try in another terminal: weir simulate, weir import git ., weir query, weir status; stop with Ctrl-C");
        let mut failed = None;
        for service in services {
            if let Err(e) = service.await? {
                // At once: the children take their time to stop.
                tracing::error!("a service ended: {e:#}");
                failed.get_or_insert(e);
                // Half a system would look like a whole one.
                shutdown.trigger();
            }
        }
        shutdown.requested().await;
        failed.map_or(Ok(()), Err)
    });
    eprintln!("stopping");
    clickhouse.stop();
    kafka.stop();
    ended.map(|()| ExitCode::SUCCESS)
}

/// What a question at the start may take.
const LIMIT: Duration = Duration::from_secs(30);
/// How often it is asked while Kafka, which is started again where it died, does not answer.
const TRIES: usize = 4;

/// Tries again where Kafka died meanwhile: it comes back.
fn patiently<T>(mut step: impl FnMut() -> Result<T>) -> Result<T> {
    for _ in 1..TRIES {
        match step() {
            Err(e) if passes(&e) => tracing::warn!("starting goes on when Kafka is back: {e:#}"),
            done => return done,
        }
    }
    step()
}

fn passes(e: &anyhow::Error) -> bool {
    let of_kafka = |e: &(dyn std::error::Error + 'static)| {
        e.downcast_ref()
            .is_some_and(weir_kafka::Error::is_transient)
    };
    e.chain().any(of_kafka)
}

/// The engine's program stands beside this one.
fn engine_program() -> Result<EngineProgram> {
    let program = std::env::current_exe()?.with_file_name("weir-clickhouse-engine");
    if !program.is_file() {
        bail!(
            "WEIR-0203: {} is missing; build it with `cargo build --release -p weir`",
            program.display()
        );
    }
    Ok(EngineProgram {
        program,
        arguments: Vec::new(),
        environment: Vec::new(),
    })
}

type Service = tokio::task::JoinHandle<Result<()>>;

/// What the services stand on.
struct Parts<'a> {
    disk: &'a Disk,
    brokers: &'a Brokers,
    partitions: &'a Partitions,
    store: weir_store::StoreConfig,
    catalog: &'a Arc<Catalog>,
    migrations: Vec<Migration>,
}

fn start(
    a: &UpArgs,
    parts: Parts<'_>,
    health: &Health,
    shutdown: &Shutdown,
) -> Result<Vec<Service>> {
    let (brokers, catalog) = (parts.brokers, parts.catalog);
    let mut services = Vec::new();
    let wanted = |name: &str| a.services.iter().any(|s| s == name);
    if wanted("processor") {
        for i in 0..a.processors.max(1) {
            let config = ProcessorConfig {
                kafka: brokers.clone(),
                instance: format!("up-{i}"),
                partitions: parts.partitions.clone(),
                ..ProcessorConfig::default()
            };
            let (catalog, stop) = (catalog.clone(), shutdown.clone());
            let run = move || Processor::run(&config, catalog.clone(), &StageName::ALL, &stop);
            services.push(service(parts.disk, shutdown, run));
        }
    }
    if wanted("sink") {
        let mut config = SinkConfig::new(brokers.clone(), parts.store);
        config.run = patiently(|| current_run(brokers, catalog))?;
        let sink = Sink::new(config, catalog.clone()).with_migrations(parts.migrations);
        watch_sink(health, &sink);
        let (stop, on) = (shutdown.clone(), tokio::runtime::Handle::current());
        let run = move || on.block_on(sink.clone().run(stop.clone()));
        services.push(service(parts.disk, shutdown, run));
    }
    Ok(services)
}

/// A service that runs until shutdown; one that ended because the disk is full runs again when there is room.
fn service<E>(
    disk: &Disk,
    shutdown: &Shutdown,
    run: impl Fn() -> Result<(), E> + Send + 'static,
) -> Service
where
    E: std::error::Error + Send + Sync + 'static,
{
    let (disk, stop) = (disk.clone(), shutdown.clone());
    tokio::task::spawn_blocking(move || {
        loop {
            match run() {
                Err(e) if !stop.is_requested() && disk.explains(&e, &stop) => {}
                ended => {
                    stop.trigger();
                    return Ok(ended?);
                }
            }
        }
    })
}

async fn wait_ready(health: &Health, shutdown: &Shutdown) -> Result<()> {
    let until = Instant::now() + Duration::from_secs(60);
    loop {
        let h = health.clone();
        let waiting: Vec<_> = tokio::task::spawn_blocking(move || h.report())
            .await?
            .into_iter()
            .filter_map(|(n, why)| Some((n, why?)))
            .collect();
        if waiting.is_empty() || shutdown.is_requested() {
            return Ok(());
        }
        if Instant::now() > until {
            bail!("WEIR-0202: not ready after 60 s: {waiting:?}");
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The schemas of this binary, so that producers and snapshots can name them.
fn register_schemas(brokers: &Brokers, catalog: &Catalog) -> Result<()> {
    let wanted: Vec<(String, String)> = catalog
        .events
        .iter()
        .map(|e| {
            (
                format!("{}-value", weir_model::topics::events(&e.name)),
                e.schema_json.clone(),
            )
        })
        .collect();
    weir_sources::registry::register(brokers, &wanted)
}
