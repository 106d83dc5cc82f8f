//! The gateway within `weir up`: its port is taken before anything is started, so that nobody waits
//! for a port that is taken.

use crate::args::{SystemArgs, UpArgs};
use anyhow::Result;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use weir_catalog::Catalog;
use weir_embedded::DataDir;
use weir_gateway::{Gateway, GatewayConfig, Mappings, Ports};
use weir_kafka::Brokers;
use weir_privacy::Privacy;
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
    privacy: Option<Arc<Privacy>>,
    ports: Ports,
    mappings: Mappings,
}

impl WaysIn {
    /// Takes the ports, where a gateway is wanted.
    pub fn take(
        system: &SystemArgs,
        a: &UpArgs,
        privacy: Option<Arc<Privacy>>,
    ) -> Result<Option<WaysIn>> {
        if !a.wants("gateway") {
            return Ok(None);
        }
        let section: Section = weir_runtime::config::load(None)?;
        let mut config = section.gateway;
        config.bind = a.gateway.or(config.bind);
        config.grpc = a.otlp_grpc.or(config.grpc);
        Ok(Some(WaysIn {
            ports: Ports::take(&config)?,
            mappings: system.mappings()?,
            privacy,
            config,
        }))
    }

    /// Its URL.
    pub fn url(&self) -> Result<String> {
        Ok(format!("{}://{}", self.scheme(), self.ports.http()?))
    }

    fn scheme(&self) -> &'static str {
        match self.config.tls {
            Some(_) => "https",
            None => "http",
        }
    }

    /// Says where it is, with the next announcement.
    pub fn tell(&self, dir: &mut DataDir) -> Result<()> {
        let grpc = format!("{}://{}", self.scheme(), self.ports.grpc()?);
        dir.takes_events_at(&self.url()?, &grpc);
        Ok(())
    }

    /// The service.
    pub fn service(mut self, brokers: &Brokers, catalog: &Arc<Catalog>) -> Result<Service> {
        self.config.kafka = brokers.clone();
        let (ports, config, mappings) = (self.ports, self.config, self.mappings);
        let gateway = Gateway::new(ports, config, catalog.clone(), mappings, self.privacy)?;
        Ok(gateway.service())
    }
}
