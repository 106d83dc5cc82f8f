//! The api within `weir up`: its port is taken before anything is started, as the gateway's is.

use crate::args::{SystemArgs, UpArgs};
use anyhow::Result;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use weir_api::findings::Plan;
use weir_api::scheduled::{ReportsConfig, ScheduleConfig};
use weir_api::{Api, ApiConfig, Entrance, Port, Schemas};
use weir_catalog::Catalog;
use weir_embedded::DataDir;
use weir_kafka::Brokers;
use weir_privacy::Privacy;
use weir_report::Declaration;
use weir_runtime::host::Service;
use weir_store::{Question, StoreConfig};

/// The section of the configuration, as the environment sets it (`WEIR__API__...`).
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Section {
    api: ApiConfig,
}

/// An api to come.
pub struct WaysOut {
    config: ApiConfig,
    port: Port,
    questions: Vec<Question>,
    reports: Vec<Declaration>,
    schedules: BTreeMap<String, ScheduleConfig>,
    plan: Plan,
    privacy: Option<Arc<Privacy>>,
}

impl WaysOut {
    /// Takes the port, where an api is wanted.
    pub fn take(
        system: &SystemArgs,
        a: &UpArgs,
        privacy: Option<Arc<Privacy>>,
    ) -> Result<Option<WaysOut>> {
        if !a.wants("api") {
            return Ok(None);
        }
        let section: Section = weir_runtime::config::load(None)?;
        let mut config = section.api;
        config.bind = a.api.or(config.bind);
        if let Some(path) = &a.reports {
            config.reports = ReportsConfig::load(path)?;
        }
        Ok(Some(WaysOut {
            port: Port::take(&config)?,
            questions: system.questions()?,
            reports: system.reports()?,
            schedules: system.schedules()?,
            plan: system.plan()?,
            privacy,
            config,
        }))
    }

    /// Its URL.
    pub fn url(&self) -> Result<String> {
        Ok(format!("http://{}", self.port.address()?))
    }

    /// Says where it is, with the next announcement.
    pub fn tell(&self, dir: &mut DataDir) -> Result<()> {
        dir.answers_at(&self.url()?);
        Ok(())
    }

    /// The service, and where links into its dashboard are made.
    pub fn service(
        mut self,
        brokers: &Brokers,
        store: &StoreConfig,
        catalog: &Arc<Catalog>,
    ) -> Result<(Service, Entrance)> {
        self.config.kafka = brokers.clone();
        self.config.store = store.clone();
        let schemas = Schemas {
            catalog: catalog.clone(),
            questions: self.questions,
            reports: self.reports,
            schedules: self.schedules,
        };
        let api = Api::new(self.port, self.config, schemas, self.privacy)?;
        let entrance = api.entrance();
        Ok((api.with_plan(self.plan).service(), entrance))
    }
}
