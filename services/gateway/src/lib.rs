//! The gateway: HTTP in, Kafka out.
//!
//! It has no state and no disk. What was answered with success is in Kafka, acknowledged by all
//! replicas; what was answered with 429 or 503 is to be sent again, with the same event ids, which
//! changes nothing where it had arrived after all.

mod answer;
mod body;
mod budget;
mod cloud;
mod config;
mod confirm;
mod emitter;
mod events;
mod json;
pub mod metric;
mod otlp;
mod registry;
mod routes;
mod take;
mod types;

pub use answer::Refusal;
pub use config::GatewayConfig;
pub use confirm::confirmed;
pub use types::{Made, Sender, Types};
pub use weir_otlp::Mappings;

use anyhow::{Result, bail};
use budget::{Budget, Turns};
use config::ANONYMOUS_SCOPES;
use emitter::Emitters;
use otlp::Logged;
use registry::Registry;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::Semaphore;
use weir_catalog::Catalog;
use weir_http::{Door, Followed, Rates, Room, Speaks, Tls, Tokens, listen, serve_over};
use weir_kafka::registry::register_all;
use weir_kafka::{Courier, Pauses};
use weir_model::codes::CONFIG;
use weir_model::topics;
use weir_privacy::Privacy;
use weir_runtime::host::{Running, Service};
use weir_runtime::{Part, Shutdown};

/// The port of OTLP over HTTP, where it is free.
const USUAL_PORT: u16 = 4318;
/// The port of OTLP over gRPC, where it is free.
const USUAL_GRPC: u16 = 4317;

/// Requests that are under way take so much longer than Kafka at the end.
const GRACE: Duration = Duration::from_secs(5);

/// What all requests share.
pub(crate) struct State {
    pub config: GatewayConfig,
    pub types: Types,
    pub courier: Courier,
    pub door: Door,
    pub budget: Budget,
    pub turns: Turns,
    pub rates: Rates,
    pub emitters: Emitters,
    pub registry: Registry,
    pub mappings: Mappings,
    pub logged: Followed<Logged>,
    pub privacy: Option<Arc<Privacy>>,
    /// The schemas are where consumers look for them.
    registered: AtomicBool,
}

pub(crate) type Shared = Arc<State>;

/// Ports that were taken.
pub struct Ports {
    http: TcpListener,
    grpc: TcpListener,
}

impl Ports {
    /// Takes the ports that are asked for; without that the usual ones, or any where those are
    /// taken.
    ///
    /// # Errors
    /// WEIR-0212 for a port that is taken.
    pub fn take(config: &GatewayConfig) -> Result<Ports> {
        Ok(Ports {
            http: listen(config.bind, USUAL_PORT, "gateway")?,
            grpc: listen(config.grpc, USUAL_GRPC, "gateway")?,
        })
    }

    /// Where HTTP is served.
    ///
    /// # Errors
    /// None in practice: the port is taken.
    pub fn http(&self) -> Result<SocketAddr> {
        Ok(self.http.local_addr()?)
    }

    /// Where OTLP over gRPC is.
    ///
    /// # Errors
    /// As [`Ports::http`].
    pub fn grpc(&self) -> Result<SocketAddr> {
        Ok(self.grpc.local_addr()?)
    }
}

/// A gateway that has its ports.
pub struct Gateway {
    state: Shared,
    catalog: Arc<Catalog>,
    ports: Ports,
    tls: Option<Tls>,
}

impl Gateway {
    /// On ports that were taken. Nothing is served yet. With `privacy` pseudonyms are written in
    /// place of names.
    ///
    /// # Errors
    /// WEIR-0210 for settings that contradict each other.
    pub fn new(
        ports: Ports,
        config: GatewayConfig,
        catalog: Arc<Catalog>,
        mappings: Mappings,
        privacy: Option<Arc<Privacy>>,
    ) -> Result<Gateway> {
        if let Some(problem) = config.problem() {
            bail!("{CONFIG}: {problem}");
        }
        let tls = config.tls.as_ref().map(Tls::open).transpose()?;
        ports.http.set_nonblocking(true)?;
        ports.grpc.set_nonblocking(true)?;
        let types = Types::new(&catalog).map_err(|e| anyhow::anyhow!("{CONFIG}: {e}"))?;
        let types = types.hiding(privacy.clone());
        let state = State {
            courier: Courier::new(
                &config.kafka,
                config.acknowledged,
                // The budget is what limits: the library's own limit must not be met before.
                config.in_flight.bytes().saturating_mul(2),
            )?,
            types,
            door: Door::new(
                Tokens::new("gateway's tokens", metric::METERS.tokens),
                config.anonymous,
                ANONYMOUS_SCOPES,
            ),
            budget: Budget::new(config.in_flight.bytes(), config.wait),
            turns: Turns::new(),
            rates: Rates::new(config.rate),
            emitters: Emitters::default(),
            registry: Registry::new(&config.kafka, &catalog),
            mappings,
            logged: Followed::new(topics::LOGGED, "gateway's logged calls"),
            privacy,
            registered: AtomicBool::new(false),
            config,
        };
        Ok(Gateway {
            state: Arc::new(state),
            catalog,
            ports,
            tls,
        })
    }

    /// As a service of a process.
    pub fn service(self) -> Service {
        let state = self.state.clone();
        let check = move || {
            let known = [
                (state.door.tokens.are_known(), "its tokens are not read yet"),
                (
                    state.logged.is_complete(),
                    "what was imported is not read yet",
                ),
                (state.registered(), "the schemas are not registered yet"),
            ];
            let missing = known.iter().find(|(known, _)| !known);
            missing.map_or(Ok(()), |(_, why)| Err((*why).to_owned()))
        };
        Service::new(move |running: &Running| self.run(running)).ready_while("gateway", check)
    }

    /// Serves until shutdown.
    ///
    /// # Errors
    /// A port that is of no use.
    pub fn run(self, running: &Running) -> Result<()> {
        let (state, shutdown) = (&self.state, &running.shutdown);
        std::thread::scope(|scope| {
            scope.spawn(|| state.door.tokens.follow(&state.config.kafka, shutdown));
            scope.spawn(|| {
                let kafka = &state.config.kafka;
                state.logged.follow(kafka, shutdown, &|_| {});
            });
            scope.spawn(|| state.register(&self.catalog, shutdown));
            let router = routes::router(state, running);
            let served = running.block_on(async {
                let http = tokio::net::TcpListener::from_std(self.ports.http)?;
                let grpc = tokio::net::TcpListener::from_std(self.ports.grpc)?;
                let calls = otlp::grpc::router(state);
                let (room, tls) = (state.room(), self.tls.as_ref());
                tokio::join!(
                    serve_over(tls, &room, Speaks::Http1, http, router, shutdown),
                    serve_over(tls, &room, Speaks::Http2, grpc, calls, shutdown),
                );
                Ok(())
            });
            if served.is_err() {
                // The threads beside end too.
                shutdown.trigger();
            }
            served
        })
    }
}

impl State {
    /// Room for connections, at both ports together.
    fn room(&self) -> Room {
        Room {
            connections: Arc::new(Semaphore::new(self.config.connections)),
            head: self.config.head,
            pause: self.config.pause,
            patience: self.config.acknowledged + GRACE,
            meters: metric::METERS,
        }
    }

    fn registered(&self) -> bool {
        self.registered.load(Ordering::SeqCst)
    }

    /// Writes the schemas of the event types down, trying until that is done.
    fn register(&self, catalog: &Catalog, shutdown: &Shutdown) {
        let timeouts = &self.config.kafka.timeouts;
        let part = Part::register("gateway's schemas", timeouts.limits());
        let mut pauses = Pauses::new(timeouts.pause);
        while !shutdown.is_requested() {
            part.waits_for("Kafka, to register the schemas");
            let wanted = catalog.writer_schemas();
            match register_all(&self.config.kafka, &wanted, timeouts.call) {
                Ok(()) => return self.registered.store(true, Ordering::SeqCst),
                Err(e) => tracing::warn!("the schemas are not registered yet: {e:#}"),
            }
            pauses.rest(&|| shutdown.is_requested());
        }
    }
}
