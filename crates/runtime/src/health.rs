//! `/livez`, `/readyz`, `/metrics`.
//!
//! Ready means that every check holds and every part moves; live means that a restart would not
//! help.

use crate::{Metrics, Shutdown, progress};
use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// Where the health server listens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HealthConfig {
    /// Loopback unless said otherwise; port 0 takes a free one.
    pub bind: SocketAddr,
}

impl Default for HealthConfig {
    fn default() -> HealthConfig {
        HealthConfig {
            bind: SocketAddr::from(([127, 0, 0, 1], 0)),
        }
    }
}

type Check = Arc<dyn Fn() -> Result<(), String> + Send + Sync>;

/// What has to work for this process to be of use.
#[derive(Clone, Default)]
pub struct Health {
    checks: Arc<Mutex<Vec<(String, Check)>>>,
}

impl Health {
    /// Without checks: ready.
    pub fn new() -> Health {
        Health::default()
    }

    /// Adds a check: `Ok`, or why not. It may block for a moment; it is run at each request.
    pub fn register(
        &self,
        name: impl Into<String>,
        check: impl Fn() -> Result<(), String> + Send + Sync + 'static,
    ) {
        self.checks
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push((name.into(), Arc::new(check)));
    }

    /// Runs all checks and looks at all parts: (name, why it is not ready or `None`).
    pub fn report(&self) -> Vec<(String, Option<String>)> {
        let checks = self
            .checks
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let mut all: Vec<(String, Option<String>)> = checks
            .iter()
            .map(|(name, check)| (name.clone(), check().err()))
            .collect();
        let stalls = progress::stalls();
        let moves = stalls.is_empty().then(|| ("progress".to_owned(), None));
        let stands = |s: progress::Stall| ("progress".to_owned(), Some(s.to_string()));
        all.extend(moves.into_iter().chain(stalls.into_iter().map(stands)));
        all
    }

    /// The three routes.
    pub fn router(&self, metrics: &Metrics) -> Router {
        let (health, metrics) = (self.clone(), metrics.clone());
        Router::new()
            .route("/livez", get(|| async { live() }))
            .route(
                "/readyz",
                get(move || {
                    let health = health.clone();
                    async move { ready(health).await }
                }),
            )
            .route(
                "/metrics",
                get(move || {
                    let text = metrics.render();
                    async move { ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text) }
                }),
            )
    }

    /// Serves the routes until shutdown; returns the address bound and the task.
    ///
    /// # Errors
    /// Where the address cannot be bound.
    pub async fn serve(
        &self,
        config: &HealthConfig,
        metrics: &Metrics,
        shutdown: &Shutdown,
    ) -> std::io::Result<(SocketAddr, tokio::task::JoinHandle<()>)> {
        let listener = tokio::net::TcpListener::bind(config.bind).await?;
        let address = listener.local_addr()?;
        let (router, shutdown) = (self.router(metrics), shutdown.clone());
        let task = tokio::spawn(async move {
            let until = async move { shutdown.requested().await };
            if let Err(e) = axum::serve(listener, router)
                .with_graceful_shutdown(until)
                .await
            {
                tracing::error!("the health server ended: {e}");
            }
        });
        Ok((address, task))
    }
}

/// Whoever supervises this process restarts it where this fails.
fn live() -> impl IntoResponse {
    let dead: String = progress::stalls()
        .iter()
        .filter(|stall| stall.dead)
        .map(|stall| format!("{stall}\n"))
        .collect();
    match dead.is_empty() {
        true => (StatusCode::OK, "ok\n".to_owned()),
        false => (StatusCode::SERVICE_UNAVAILABLE, dead),
    }
}

async fn ready(health: Health) -> impl IntoResponse {
    let report = tokio::task::spawn_blocking(move || health.report())
        .await
        .unwrap_or_default();
    let status = if report.iter().all(|(_, why)| why.is_none()) {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let lines: String = report
        .iter()
        .map(|(name, why)| match why {
            None => format!("{name}: ok\n"),
            Some(why) => format!("{name}: {why}\n"),
        })
        .collect();
    (status, lines)
}
