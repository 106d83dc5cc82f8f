//! Finds the system a command speaks to.

use crate::args::SystemArgs;
use anyhow::{Result, anyhow};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::sync::Arc;
use weir_catalog::Catalog;
use weir_embedded::DataDir;
use weir_kafka::{Brokers, Timeouts};
use weir_store::{Migration, Question};

/// Addresses of a system.
pub struct System {
    pub brokers: Brokers,
    pub clickhouse: String,
    /// Health and metrics, where the system runs on this machine.
    pub http: Option<String>,
}

/// The section of the configuration that all commands share.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Shared {
    timeouts: Timeouts,
}

/// Limits of time as the environment sets them (`WEIR__TIMEOUTS__...`), scaled.
pub fn timeouts() -> Result<Timeouts> {
    let shared: Shared = weir_runtime::config::load(None)?;
    scaled(&shared.timeouts)
}

/// Limits of time of a configuration, scaled.
pub fn scaled(timeouts: &Timeouts) -> Result<Timeouts> {
    timeouts
        .scaled()
        .map_err(|e| anyhow!("WEIR-0210: configuration: {e}"))
}

/// Brokers at an address.
pub fn brokers(address: &str) -> Result<Brokers> {
    Ok(Brokers {
        timeouts: timeouts()?,
        ..Brokers::new(address)
    })
}

impl SystemArgs {
    /// By `--brokers` and `--clickhouse`, else by the data directory.
    pub fn find(&self) -> Result<System> {
        if let (Some(brokers), Some(clickhouse)) = (&self.brokers, &self.clickhouse) {
            return Ok(System {
                brokers: self::brokers(brokers)?,
                clickhouse: clickhouse.clone(),
                http: None,
            });
        }
        let running = DataDir::running(&self.data_dir).map_err(|e| {
            anyhow!("{e}, or name one with --data-dir, or --brokers and --clickhouse")
        })?;
        Ok(System {
            brokers: self::brokers(self.brokers.as_ref().unwrap_or(&running.brokers))?,
            clickhouse: self.clickhouse.clone().unwrap_or(running.clickhouse),
            http: Some(running.http).filter(|h| !h.is_empty()),
        })
    }

    /// The brokers alone.
    pub fn find_brokers(&self) -> Result<Brokers> {
        match &self.brokers {
            Some(b) => self::brokers(b),
            None => Ok(self.find()?.brokers),
        }
    }

    /// The catalog: of `--schemas`, else the built-in one.
    pub fn catalog(&self) -> Result<Arc<Catalog>> {
        let catalog = match &self.schemas {
            Some(dir) => weir_catalog::load(dir)?,
            None => weir_catalog::Catalog::embedded()?,
        };
        Ok(Arc::new(catalog))
    }

    /// Migrations of the store: of `--schemas`, where it has any.
    pub fn migrations(&self) -> Result<Vec<Migration>> {
        Ok(match self.sql("clickhouse") {
            Some(dir) => weir_store::from_dir(&dir)?,
            None => weir_store::built_in(),
        })
    }

    /// Named questions: of `--schemas`, where it has any.
    pub fn questions(&self) -> Result<Vec<Question>> {
        Ok(match self.sql("clickhouse/queries") {
            Some(dir) => Question::from_dir(&dir)?,
            None => Question::built_in(),
        })
    }

    fn sql(&self, folder: &str) -> Option<PathBuf> {
        let dir = self.schemas.as_ref()?.join(folder);
        dir.is_dir().then_some(dir)
    }
}
