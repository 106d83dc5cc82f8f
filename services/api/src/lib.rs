//! The api: what the store holds, over HTTP, for whoever bears a token; the dashboard over it; what
//! happens, as it happens; and commands, which it writes to the log.
//!
//! It has no disk, and no state but who came in by a link: any number of them can stand side by
//! side. Every question is about the tenant of the token, because nothing here can ask without one
//! (see [`weir_store::Reader`]). Where ClickHouse does not answer it says so, and what it knows,
//! never that there is nothing.

mod commands;
mod config;
mod dashboard;
mod etag;
mod fault;
pub mod findings;
mod live;
pub mod metric;
mod page;
mod params;
mod persons;
mod resources;
mod routes;
pub mod scheduled;
mod standing;
mod state;

pub use config::ApiConfig;
pub use dashboard::Entrance;
pub use routes::document;

use anyhow::{Result, bail};
use scheduled::ScheduleConfig;
use standing::Standing;
use state::{Shared, State};
use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use weir_catalog::Catalog;
use weir_http::token::Scope;
use weir_http::{Door, Rates, Room, Speaks, Tokens, listen, serve};
use weir_model::codes::CONFIG;
use weir_privacy::Privacy;
use weir_report::Declaration;
use weir_runtime::host::{Running, Service};
use weir_store::{Question, Store};

/// The port, where it is free.
const USUAL_PORT: u16 = 9347;
/// What somebody without a token may do, where that is configured.
const ANONYMOUS_SCOPES: &[Scope] = &[Scope::Read];
/// Requests that are under way take so much longer than ClickHouse at the end.
const GRACE: Duration = Duration::from_secs(10);

/// A port that was taken.
pub struct Port(TcpListener);

impl Port {
    /// Takes the port that is asked for; without that the usual one, or any where it is taken.
    ///
    /// # Errors
    /// WEIR-0212 for a port that is taken.
    pub fn take(config: &ApiConfig) -> Result<Port> {
        Ok(Port(listen(config.bind, USUAL_PORT, "api")?))
    }

    /// Where it is.
    ///
    /// # Errors
    /// None in practice: the port is taken.
    pub fn address(&self) -> Result<SocketAddr> {
        Ok(self.0.local_addr()?)
    }
}

/// What an api tells of, as it is declared.
#[derive(Clone, Debug)]
pub struct Schemas {
    /// Event types, KPIs, rules.
    pub catalog: Arc<Catalog>,
    /// Named questions.
    pub questions: Vec<Question>,
    /// Reports.
    pub reports: Vec<Declaration>,
    /// When they are sent by themselves, where the configuration says to whom.
    pub schedules: BTreeMap<String, ScheduleConfig>,
}

/// An api that has its port.
pub struct Api {
    state: Shared,
    port: Port,
    plan: Option<findings::Plan>,
    post: Option<scheduled::Post>,
}

impl Api {
    /// On a port that was taken. Nothing is served yet. With `privacy` commands are written with
    /// pseudonyms in place of names.
    ///
    /// # Errors
    /// WEIR-0210 for settings that contradict each other.
    pub fn new(
        port: Port,
        config: ApiConfig,
        schemas: Schemas,
        privacy: Option<Arc<Privacy>>,
    ) -> Result<Api> {
        if let Some(problem) = config.problem() {
            bail!("{CONFIG}: {problem}");
        }
        port.0.set_nonblocking(true)?;
        let port_number = port.address()?.port();
        let schedules = scheduled::all(&config.reports, &schemas)?;
        let post = scheduled::Post::new(&config.reports, schedules.clone())?;
        let Schemas {
            catalog,
            questions,
            reports,
            ..
        } = schemas;
        let hub = live::Hub::new(&catalog, config.streams);
        let desk = commands::Desk::new(&config.kafka, &catalog, privacy)?;
        let tokens = Tokens::new("api's tokens", metric::METERS.tokens);
        let state = State {
            store: Store::new(&config.store),
            door: Door::new(tokens, config.anonymous, ANONYMOUS_SCOPES),
            rates: Rates::new(config.rate),
            turns: Semaphore::new(config.questions),
            standing: Standing::default(),
            hub,
            desk,
            entrance: Entrance::default(),
            persons: persons::Persons::default(),
            port: port_number,
            catalog,
            questions,
            reports,
            schedules,
            config,
        };
        Ok(Api {
            state: Arc::new(state),
            port,
            plan: None,
            post,
        })
    }

    /// Where codes for its dashboard are made, by the process that it is in.
    pub fn entrance(&self) -> Entrance {
        self.state.entrance.clone()
    }

    /// One that also computes what the plan asks for, once a day is over.
    #[must_use]
    pub fn with_plan(mut self, plan: findings::Plan) -> Api {
        self.plan = Some(plan);
        self
    }

    /// As a service of a process.
    pub fn service(self) -> Service {
        let state = self.state.clone();
        let check = move || match state.door.tokens.are_known() {
            false => Err("its tokens are not read yet".to_owned()),
            true => state.standing.trouble().map_or(Ok(()), |t| Err(t.words)),
        };
        Service::new(move |running: &Running| self.run(running)).ready_while("api", check)
    }

    /// Serves until shutdown.
    ///
    /// # Errors
    /// A port that is of no use.
    pub fn run(self, running: &Running) -> Result<()> {
        let (state, shutdown) = (&self.state, &running.shutdown);
        let brokers = &state.config.kafka;
        std::thread::scope(|scope| {
            scope.spawn(|| state.door.tokens.follow(brokers, shutdown));
            scope.spawn(|| state.standing.follow(brokers, &state.catalog, shutdown));
            scope.spawn(|| state.hub.follow(brokers, &state.standing, shutdown));
            if let Some(plan) = &self.plan {
                scope.spawn(|| findings::follow(state, plan, running));
            }
            if let Some(post) = self.post {
                scope.spawn(|| post.follow(state, running));
            }
            let router = routes::router(state, running);
            let served = running.block_on(async {
                let port = tokio::net::TcpListener::from_std(self.port.0)?;
                serve(&state.room(), Speaks::Http1, port, router, shutdown).await;
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
    fn room(&self) -> Room {
        Room {
            connections: Arc::new(Semaphore::new(self.config.connections)),
            head: self.config.head,
            pause: self.config.head,
            patience: self.config.limits.time + GRACE,
            meters: metric::METERS,
        }
    }
}
