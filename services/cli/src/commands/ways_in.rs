//! The gateway within `weir up`: its port is taken before anything is started, so that nobody waits
//! for a port that is taken.

use crate::args::UpArgs;
use anyhow::Result;
use serde::{Deserialize, Serialize};
use std::net::TcpListener;
use std::sync::Arc;
use weir_catalog::Catalog;
use weir_embedded::DataDir;
use weir_gateway::{Gateway, GatewayConfig};
use weir_kafka::Brokers;
use weir_runtime::host::Service;

/// The section of the configuration, as the environment sets it (`WEIR__GATEWAY__...`).
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Section {
    gateway: GatewayConfig,
}

/// A gateway to come.
pub struct WaysIn {
    config: GatewayConfig,
    listener: TcpListener,
}

impl WaysIn {
    /// Takes the port, where a gateway is wanted.
    pub fn take(a: &UpArgs) -> Result<Option<WaysIn>> {
        if !a.services.iter().any(|s| s == "gateway") {
            return Ok(None);
        }
        let section: Section = weir_runtime::config::load(None)?;
        let mut config = section.gateway;
        config.bind = a.gateway.or(config.bind);
        let listener = weir_gateway::listen(config.bind)?;
        Ok(Some(WaysIn { config, listener }))
    }

    /// Its URL.
    pub fn url(&self) -> Result<String> {
        Ok(format!("http://{}", self.listener.local_addr()?))
    }

    /// Says where it is, with the next announcement.
    pub fn tell(&self, dir: &mut DataDir) -> Result<()> {
        dir.takes_events_at(&self.url()?, "");
        Ok(())
    }

    /// The service.
    pub fn service(mut self, brokers: &Brokers, catalog: &Arc<Catalog>) -> Result<Service> {
        self.config.kafka = brokers.clone();
        let gateway = Gateway::new(self.listener, self.config, catalog.clone())?;
        Ok(gateway.service())
    }
}
