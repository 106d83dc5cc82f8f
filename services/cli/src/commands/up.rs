//! `weir up`: everything on this machine.

use super::disk::Disk;
use super::services::{brokers_answer, processing, sinking};
use super::ways_in::WaysIn;
use super::ways_out::WaysOut;
use crate::args::{SystemArgs, UpArgs};
use anyhow::{Context, Result, bail};
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};
use weir_api::Entrance;
use weir_catalog::Catalog;
use weir_embedded::{
    ClickHouse, ClickHouseOptions, DataDir, EngineProgram, Kafka, KafkaOptions, Secrets,
};
use weir_kafka::Brokers;
use weir_kafka::admin::Partitions;
use weir_model::codes::{CONFIG, MISSING_PROGRAM, PORT_TAKEN};
use weir_notify::{Declared, Notify};
use weir_processor::{ProcessorConfig, StageName};
use weir_runtime::health::HealthConfig;
use weir_runtime::host::{Host, Service};
use weir_runtime::log::LogConfig;
use weir_runtime::names;
use weir_sink::{Sink, SinkConfig};
use weir_store::{Migration, Store, StoreConfig};

pub fn run(system: &SystemArgs, a: &UpArgs) -> Result<ExitCode> {
    let begun = Instant::now();
    known(&a.services)?;
    let notify = a.notify.as_deref().map(weir_notify::load).transpose()?;
    let (catalog, migrations) = (system.catalog()?, system.migrations()?);
    let bind = free(&a.http)?;
    let mut lock = DataDir::lock(&system.data_dir)?;
    // Imports find the key of pseudonyms here, with a gateway or without.
    let privacy = system.privacy_of_own(a.privacy)?;
    let ways_in = WaysIn::take(system, a, privacy.clone())?;
    let ways_out = WaysOut::take(system, a, privacy)?;
    let log = LogConfig {
        filter: "warn".into(),
        json: false,
    };
    let traces = crate::system::traces()?;
    let host = super::services::host(&log, HealthConfig { bind }).traces(&traces, "weir")?;
    let dir = lock.path().to_owned();
    let disk = Disk::of(&dir);
    if let Some(full) = disk.trouble() {
        eprintln!("weir: {full}");
    }
    let secrets = Secrets::open_or_create(&dir)?;
    let ahead = |engine: &ClickHouse| {
        let tables = || tables_ahead(own_store(engine), migrations.clone(), catalog.clone());
        a.wants("sink").then(tables)
    };
    let (kafka, clickhouse, tables) = engines(a, &dir, &secrets, ahead)?;
    let own_address = kafka.own_address();
    let brokers = crate::system::own_brokers(&own_address, &secrets.kafka)?;
    let partitions = partitions(a);
    patiently(|| prepared(&brokers, &catalog, &partitions, &secrets))?;
    // Whatever came of it: the sink looks itself.
    let _ = tables.map(|made| made.recv_timeout(PATIENCE));
    if let Some(ways_in) = &ways_in {
        ways_in.tell(&mut lock)?;
    }
    if let Some(ways_out) = &ways_out {
        ways_out.tell(&mut lock)?;
    }
    let gateway = ways_in.as_ref().map(WaysIn::url).transpose()?;
    let api = ways_out.as_ref().map(WaysOut::url).transpose()?;
    let setting = Setting {
        ways_in,
        ways_out,
        notify,
        disk: &disk,
        brokers: &brokers,
        partitions: &partitions,
        store: own_store(&clickhouse),
        catalog: &catalog,
        migrations,
    };
    let host = host.ready_while("kafka", brokers_answer(&brokers));
    let ended = services(a, setting).and_then(|(services, entrance)| {
        let host = services.into_iter().fold(host, Host::with);
        let announce = |http: SocketAddr| {
            let addresses = (kafka.address(), own_address.as_str());
            lock.announce(addresses, clickhouse.url(), &format!("http://{http}"))?;
            eprintln!("ready in {:.1} s", begun.elapsed().as_secs_f64());
            let link = link(api.as_deref(), entrance.as_ref());
            let own = (kafka.address(), clickhouse.url());
            tell(own, gateway.clone(), api.as_deref(), link, http);
            disk.ready();
            Ok(())
        };
        host.announce(PATIENCE, announce).run()
    });
    eprintln!("stopping");
    clickhouse.stop();
    kafka.stop();
    ended.map(|()| ExitCode::SUCCESS)
}

/// Refuses names of services that there are not.
fn known(services: &[String]) -> Result<()> {
    const ALL: [&str; 5] = ["processor", "sink", "gateway", "api", "none"];
    match services.iter().find(|s| !ALL.contains(&s.as_str())) {
        Some(s) => bail!(
            "{CONFIG}: there is no service {s}; there are processor, sink, gateway and api (or none)"
        ),
        None => Ok(()),
    }
}

/// The address of `--http`. It is bound when there is something to tell; that it can be is known
/// before anything is started.
fn free(http: &str) -> Result<SocketAddr> {
    let bind: SocketAddr = http
        .parse()
        .with_context(|| format!("{CONFIG}: --http {http} is no address"))?;
    std::net::TcpListener::bind(bind)
        .with_context(|| format!("{PORT_TAKEN}: cannot bind --http {bind}"))?;
    Ok(bind)
}

/// How many partitions new topics get.
fn partitions(a: &UpArgs) -> Partitions {
    Partitions {
        raw: a.raw_partitions,
        partials: a.partials,
        ..Partitions::default()
    }
}

/// Starts Kafka and the ClickHouse engine, side by side, and goes `ahead` with the engine.
fn engines<T>(
    a: &UpArgs,
    dir: &Path,
    secrets: &Secrets,
    ahead: impl FnOnce(&ClickHouse) -> T,
) -> Result<(Kafka, ClickHouse, T)> {
    let engine = engine_program()?;
    eprintln!(
        "starting Kafka and the ClickHouse engine in {}",
        dir.display()
    );
    let (kafka, clickhouse) = std::thread::scope(|s| {
        let kafka = s.spawn(|| {
            Kafka::start(&KafkaOptions {
                port: a.kafka_port,
                secret: Some(secrets.kafka.clone()),
                ..KafkaOptions::new(dir)
            })
        });
        let clickhouse = ClickHouse::start(&ClickHouseOptions {
            port: a.clickhouse_port,
            program: Some(engine),
            ..ClickHouseOptions::new(dir)
        });
        let clickhouse = clickhouse.map(|engine| {
            let begun = ahead(&engine);
            (engine, begun)
        });
        (kafka.join(), clickhouse)
    });
    let kafka = kafka.map_err(|_| anyhow::anyhow!("starting Kafka panicked"))??;
    let (clickhouse, begun) = clickhouse?;
    Ok((kafka, clickhouse, begun))
}

/// How the engine of this machine is reached.
fn own_store(clickhouse: &ClickHouse) -> StoreConfig {
    StoreConfig::at(clickhouse.url())
        .with_password(weir_embedded::USER, clickhouse.secrets().write.clone())
}

/// Makes tables and views while Kafka still starts: half of a first start. The sink finds them
/// there; where this fails it does the same, tries again, and says what is wrong.
fn tables_ahead(
    store: StoreConfig,
    migrations: Vec<Migration>,
    catalog: Arc<Catalog>,
) -> Receiver<()> {
    let (done, made_known) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let store = Store::new(&store);
        let made = super::runtime()
            .and_then(|runtime| Ok(runtime.block_on(store.prepare(&migrations, &catalog))?));
        if let Err(e) = made {
            tracing::info!("tables are left to the sink: {e:#}");
        }
        let _ = done.send(());
    });
    made_known
}

/// Topics, schemas and the owner's token are there.
fn prepared(
    brokers: &Brokers,
    catalog: &Catalog,
    partitions: &Partitions,
    secrets: &Secrets,
) -> Result<()> {
    let run = weir_processor::run_of(brokers, catalog, partitions, LIMIT);
    run.map_err(weir_kafka::Error::from)?;
    weir_kafka::registry::register_all(brokers, &catalog.writer_schemas(), LIMIT)?;
    let token = weir_http::token::of_secret(&secrets.gateway);
    weir_http::token::own(brokers, &token, weir_http::OWN_TENANT)
}

/// Says where everything is: Kafka and ClickHouse, and what else runs.
fn tell(
    (kafka, clickhouse): (&str, &str),
    gateway: Option<String>,
    api: Option<&str>,
    link: Option<String>,
    http: SocketAddr,
) {
    let link = link.map(|l| format!("{l}  opens once, within ten minutes"));
    let health = format!("http://{http}/readyz  http://{http}/metrics");
    for (name, at) in [
        ("Kafka", Some(kafka.to_owned())),
        ("ClickHouse", Some(clickhouse.to_owned())),
        ("gateway", gateway),
        ("api", api.map(|api| format!("{api}/docs"))),
        ("dashboard", link),
        ("health", Some(health)),
    ] {
        if let Some(at) = at {
            eprintln!("  {name:<11} {at}");
        }
    }
    eprintln!(
        "try in another terminal: weir simulate, weir import git ., weir query, weir status; stop \
         with Ctrl-C"
    );
}

/// A link into the dashboard, for the owner.
fn link(api: Option<&str>, entrance: Option<&Entrance>) -> Option<String> {
    let path = entrance?.link(weir_http::token::OWNER, weir_http::OWN_TENANT)?;
    Some(format!("{}{path}", api?))
}

/// Longest wait until all is ready. A first start makes a thousand views: seconds, but minutes on a
/// machine that is busy with something else.
const PATIENCE: Duration = Duration::from_secs(300);
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
            "{MISSING_PROGRAM}: {} is missing; build it with `cargo build --release -p weir`",
            program.display()
        );
    }
    Ok(EngineProgram {
        program,
        arguments: Vec::new(),
        environment: Vec::new(),
    })
}

/// What the services stand on.
struct Setting<'a> {
    ways_in: Option<WaysIn>,
    ways_out: Option<WaysOut>,
    notify: Option<Declared>,
    disk: &'a Disk,
    brokers: &'a Brokers,
    partitions: &'a Partitions,
    store: StoreConfig,
    catalog: &'a Arc<Catalog>,
    migrations: Vec<Migration>,
}

/// Those that are wanted, and where links into the dashboard are made.
fn services(a: &UpArgs, on: Setting<'_>) -> Result<(Vec<Service>, Option<Entrance>)> {
    let (brokers, catalog) = (on.brokers, on.catalog);
    let mut services = vec![on.disk.watched()];
    if a.wants("processor") {
        for i in 0..a.processors.max(1) {
            let config = ProcessorConfig {
                kafka: brokers.clone(),
                instance: names::instance("up", i),
                partitions: on.partitions.clone(),
                ..ProcessorConfig::default()
            };
            let all = StageName::ALL.to_vec();
            services.push(Service::new(processing(config, catalog.clone(), all)));
        }
    }
    if a.wants("sink") {
        let mut config = SinkConfig::new(brokers.clone(), on.store.clone());
        config.run = patiently(|| weir_ops::run::current(brokers, catalog))?;
        let sink = Sink::new(config, catalog.clone()).with_migrations(on.migrations);
        services.push(sinking(sink));
    }
    if let Some(ways_in) = on.ways_in {
        services.push(ways_in.service(brokers, catalog)?);
    }
    let mut entrance = None;
    if let Some(ways_out) = on.ways_out {
        let (service, of) = ways_out.service(brokers, &on.store, catalog)?;
        services.push(service);
        entrance = Some(of);
    }
    if let Some(declared) = on.notify {
        services.push(Notify::new(brokers.clone(), declared, catalog.clone()).service());
    }
    Ok((services, entrance))
}
