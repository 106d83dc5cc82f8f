//! The process that services run in: log, metrics, health, signals, start and end, once for all of
//! them.
//!
//! A program makes a [`Host`], gives it checks and [`Service`]s, and runs it. Each service has a
//! thread of its own and goes on until shutdown. The end of one, for whatever reason, ends the
//! others: half a system would look like a whole one.

use crate::health::HealthConfig;
use crate::log::LogConfig;
use crate::traces::{self, Traces, TracesConfig};
use crate::{Health, Metrics, Shutdown};
use anyhow::{Context, Result, anyhow, bail};
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;
use weir_model::codes;

/// How often it is looked whether all are ready.
const LOOK: Duration = Duration::from_millis(50);
/// How often it is said that a start takes long.
const TELL: Duration = Duration::from_secs(20);

type Check = Box<dyn Fn() -> Result<(), String> + Send + Sync>;
type Run = Box<dyn FnOnce(&Running) -> Result<()> + Send>;
type Announce<'a> = Box<dyn FnOnce(SocketAddr) -> Result<()> + 'a>;

/// What a service finds around it while it runs.
#[derive(Clone)]
pub struct Running {
    /// Takes checks for what is there only later.
    pub health: Health,
    /// Asked for where the process is to end.
    pub shutdown: Shutdown,
    runtime: tokio::runtime::Handle,
}

impl Running {
    /// For one service without a process around it, as in tests.
    pub fn new(health: Health, shutdown: Shutdown, runtime: tokio::runtime::Handle) -> Running {
        Running {
            health,
            shutdown,
            runtime,
        }
    }

    /// Waits for something asynchronous, on the thread of the service.
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.runtime.block_on(future)
    }
}

/// One of the services of a process.
pub struct Service {
    checks: Vec<(String, Check)>,
    run: Run,
}

impl Service {
    /// A service that runs until shutdown, on a thread of its own; it may block.
    pub fn new(run: impl FnOnce(&Running) -> Result<()> + Send + 'static) -> Service {
        Service {
            checks: Vec::new(),
            run: Box::new(run),
        }
    }

    /// Ready only while this holds; otherwise it says why not.
    #[must_use]
    pub fn ready_while(
        mut self,
        name: impl Into<String>,
        check: impl Fn() -> Result<(), String> + Send + Sync + 'static,
    ) -> Service {
        self.checks.push((name.into(), Box::new(check)));
        self
    }
}

/// A process of services.
pub struct Host<'a> {
    bind: HealthConfig,
    workers: usize,
    metrics: Metrics,
    health: Health,
    services: Vec<Service>,
    announce: Option<(Duration, Announce<'a>)>,
    traces: Option<Traces>,
}

impl<'a> Host<'a> {
    /// Starts the log and the recorder of metrics; all else begins with [`Host::run`].
    pub fn new(log: &LogConfig, health: HealthConfig) -> Host<'a> {
        crate::log::init(log);
        Host {
            bind: health,
            workers: 2,
            metrics: Metrics::install(),
            health: Health::new(),
            services: Vec::new(),
            announce: None,
            traces: None,
        }
    }

    /// With spans in the name of a service, where an endpoint is configured. Call it once.
    ///
    /// # Errors
    /// As of [`traces::start`].
    pub fn traces(mut self, config: &TracesConfig, service: &str) -> Result<Host<'a>> {
        self.traces = traces::start(config, service)?;
        Ok(self)
    }

    /// With so many threads for what is asynchronous.
    #[must_use]
    pub fn workers(mut self, workers: usize) -> Host<'a> {
        self.workers = workers;
        self
    }

    /// The process is ready only while this holds; otherwise it says why not.
    #[must_use]
    pub fn ready_while(
        self,
        name: impl Into<String>,
        check: impl Fn() -> Result<(), String> + Send + Sync + 'static,
    ) -> Host<'a> {
        self.health.register(name, check);
        self
    }

    /// With a service.
    #[must_use]
    pub fn with(mut self, service: Service) -> Host<'a> {
        self.services.push(service);
        self
    }

    /// Calls this with the address of health and metrics once everything is ready; where that is
    /// not so in time, the process ends.
    #[must_use]
    pub fn announce(
        mut self,
        within: Duration,
        to: impl FnOnce(SocketAddr) -> Result<()> + 'a,
    ) -> Host<'a> {
        self.announce = Some((within, Box::new(to)));
        self
    }

    /// Runs the services until a signal, or until one of them ends. Without services: until a
    /// signal.
    ///
    /// # Errors
    /// The first failure of a service; an address that cannot be bound (WEIR-0212); not ready in
    /// time (WEIR-0202). The services have ended by then.
    pub fn run(self) -> Result<()> {
        let mut host = self;
        // Ends after the services, whose last spans it sends.
        let _traces = host.traces.take();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(host.workers)
            .enable_all()
            .build()?;
        runtime.block_on(host.live())
    }

    async fn live(self) -> Result<()> {
        let running = Running {
            health: self.health,
            shutdown: Shutdown::on_signals()?,
            runtime: tokio::runtime::Handle::current(),
        };
        let mut runs = Vec::new();
        for service in self.services {
            for (name, check) in service.checks {
                running.health.register(name, check);
            }
            runs.push(service.run);
        }
        let (address, _) = running
            .health
            .serve(&self.bind, &self.metrics, &running.shutdown)
            .await
            .with_context(|| format!("{}: cannot bind --http", codes::PORT_TAKEN))?;
        tracing::info!(%address, "health and metrics");
        let tasks: Vec<_> = runs.into_iter().map(|run| start(run, &running)).collect();
        let told = match self.announce {
            Some((within, to)) => announced(&running, within, address, to).await,
            None => Ok(()),
        };
        if told.is_err() {
            running.shutdown.trigger();
        }
        let ended = ended(tasks, &running.shutdown).await;
        told.and(ended)
    }
}

/// Runs a service on a thread; its end, by a panic too, asks all of them to end.
fn start(run: Run, running: &Running) -> JoinHandle<Result<()>> {
    let running = running.clone();
    tokio::task::spawn_blocking(move || {
        let _ends = Ends(running.shutdown.clone());
        run(&running)
    })
}

/// Asks for shutdown when it goes.
struct Ends(Shutdown);

impl Drop for Ends {
    fn drop(&mut self) {
        self.0.trigger();
    }
}

/// Waits for all services, and for shutdown where there is none.
async fn ended(tasks: Vec<JoinHandle<Result<()>>>, shutdown: &Shutdown) -> Result<()> {
    let mut failed = None;
    for task in tasks {
        let ended = task.await;
        if let Err(e) = ended.unwrap_or_else(|e| Err(anyhow!(e))) {
            // At once: the others take their time to stop.
            tracing::error!("a service ended: {e:#}");
            failed.get_or_insert(e);
        }
    }
    shutdown.requested().await;
    failed.map_or(Ok(()), Err)
}

/// Waits until all is ready, then tells it; where shutdown is asked for before, there is nothing to
/// tell.
async fn announced(
    running: &Running,
    within: Duration,
    address: SocketAddr,
    to: Announce<'_>,
) -> Result<()> {
    let begun = Instant::now();
    let mut tell = begun + TELL;
    loop {
        let health = running.health.clone();
        let waiting: Vec<_> = tokio::task::spawn_blocking(move || health.report())
            .await?
            .into_iter()
            .filter_map(|(name, why)| Some((name, why?)))
            .collect();
        if running.shutdown.is_requested() {
            return Ok(());
        }
        if waiting.is_empty() {
            return to(address);
        }
        let now = Instant::now();
        let seconds = (now - begun).as_secs();
        if now > begun + within {
            let code = codes::CHILD_NOT_READY;
            bail!("{code}: not ready after {seconds} s: {waiting:?}");
        }
        if now > tell {
            tell = now + TELL;
            tracing::warn!("not ready after {seconds} s, still starting: {waiting:?}");
        }
        tokio::time::sleep(LOOK).await;
    }
}
