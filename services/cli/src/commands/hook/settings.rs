//! What a repository's hook knows: a file beside it in the repository's own folder.

use crate::args::{GatewayArgs, HookInstallArgs, SystemArgs};
use crate::system::PrivacySettings;
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use weir_runtime::config::Secret;

/// Where commits go, and as whose.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Data directory, absolute.
    pub data_dir: PathBuf,
    /// Brokers elsewhere, where they are.
    pub brokers: Option<String>,
    /// Folder of schemas, absolute, where it is not the built-in one.
    pub schemas: Option<PathBuf>,
    /// Gateway elsewhere, where commits go there.
    pub url: Option<String>,
    /// What opens it.
    pub token: Option<String>,
    pub tenant: String,
    pub team: String,
    /// Folder of the key of pseudonyms, where it is not the data directory's.
    pub privacy: Option<PathBuf>,
}

/// What became of the last try.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Told {
    pub at: String,
    pub written: u64,
    pub already: u64,
    pub error: Option<String>,
}

impl Settings {
    pub fn of(system: &SystemArgs, a: &HookInstallArgs) -> Result<Settings> {
        let absolute = |path: &PathBuf| {
            std::path::absolute(path).with_context(|| format!("where is {}?", path.display()))
        };
        Ok(Settings {
            data_dir: absolute(&system.data_dir)?,
            brokers: system.brokers.clone(),
            schemas: system.schemas.as_ref().map(absolute).transpose()?,
            url: a.gateway.url.clone(),
            token: a.gateway.token.as_ref().map(|t| t.expose().to_owned()),
            tenant: a.tenant.clone(),
            team: a.team.clone(),
            privacy: crate::system::privacy_folder()?
                .as_ref()
                .map(absolute)
                .transpose()?,
        })
    }

    /// The system that they name.
    pub fn system(&self) -> SystemArgs {
        SystemArgs {
            data_dir: self.data_dir.clone(),
            brokers: self.brokers.clone(),
            clickhouse: None,
            clickhouse_user: None,
            clickhouse_password_file: None,
            clickhouse_cluster: None,
            schemas: self.schemas.clone(),
        }
    }

    /// Pseudonyms, as on the day of the installation: the committer's shell knows nothing of them.
    pub fn privacy(&self) -> PrivacySettings {
        PrivacySettings {
            mode: None,
            folder: self.privacy.clone(),
        }
    }

    /// The gateway elsewhere.
    pub fn gateway(&self) -> GatewayArgs {
        GatewayArgs {
            url: self.url.clone(),
            token: self.token.clone().map(Secret::new),
        }
    }

    /// In words.
    pub fn goes_to(&self) -> String {
        let whose = format!("as events of {}", self.tenant);
        match (&self.url, &self.brokers) {
            (Some(url), _) => format!("{url} {whose}"),
            (None, Some(brokers)) => format!("{brokers} {whose}"),
            (None, None) => format!("the system in {} {whose}", self.data_dir.display()),
        }
    }
}
