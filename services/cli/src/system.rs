//! Finds the system a command speaks to.

use crate::args::SystemArgs;
use anyhow::{Context, Result, anyhow};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use weir_catalog::Catalog;
use weir_embedded::{DataDir, Running, Secrets, USER};
use weir_gateway::Mappings;
use weir_kafka::{Brokers, Timeouts};
use weir_model::codes::CONFIG;
use weir_privacy::Privacy;
use weir_runtime::config::{Properties, Secret};
use weir_runtime::traces::TracesConfig;
use weir_store::{Migration, Question, StoreConfig};

/// Addresses of a system.
pub struct System {
    pub brokers: Brokers,
    /// Kafka for producers, without a secret.
    pub open_brokers: String,
    /// ClickHouse's URL, without a password.
    pub clickhouse: String,
    opened_by: OpenedBy,
    /// Name of the cluster that the store is, empty where it is one node.
    cluster: String,
    /// Health and metrics, where the system runs on this machine.
    pub http: Option<String>,
    /// The gateway, there.
    pub gateway: Option<String>,
    /// Where OTLP over gRPC is taken, there.
    pub otlp_grpc: Option<String>,
    /// The api, there.
    pub api: Option<String>,
}

/// What opens the store.
enum OpenedBy {
    /// The secrets of a data directory on this machine.
    Secrets(PathBuf),
    /// A user of a ClickHouse elsewhere.
    User(String, Secret),
}

/// The variable with the password of a ClickHouse elsewhere: a flag would show it to every user of
/// the machine.
const PASSWORD: &str = "WEIR_CLICKHOUSE_PASSWORD";

impl System {
    /// The store, to ask only.
    pub fn store(&self) -> Result<StoreConfig> {
        self.opened(|secrets| secrets.query)
    }

    /// The store for weir itself: to write, and to ask with settings of its own.
    pub fn own_store(&self) -> Result<StoreConfig> {
        self.opened(|secrets| secrets.write)
    }

    /// What opens Kafka's second port, where it is the one that is spoken to.
    pub fn kafka_secret(&self) -> Result<Option<Secret>> {
        Ok(match &self.opened_by {
            OpenedBy::Secrets(dir) if self.open_brokers != self.brokers.bootstrap => {
                Some(Secrets::open(dir)?.kafka)
            }
            _ => None,
        })
    }

    /// The token of the owner at the gateway, where that is of this directory.
    pub fn token(&self) -> Result<Option<Secret>> {
        Ok(match (&self.opened_by, &self.gateway) {
            (OpenedBy::Secrets(dir), Some(_)) => {
                let secret = Secrets::open(dir)?.gateway;
                Some(weir_http::token::of_secret(&secret))
            }
            _ => None,
        })
    }

    fn opened(&self, which: impl Fn(Secrets) -> Secret) -> Result<StoreConfig> {
        let store = StoreConfig {
            cluster: self.cluster.clone(),
            ..StoreConfig::at(&self.clickhouse)
        };
        Ok(match &self.opened_by {
            OpenedBy::Secrets(dir) => store.with_password(USER, which(Secrets::open(dir)?)),
            OpenedBy::User(user, password) => store.with_password(user, password.clone()),
        })
    }
}

/// The section of the configuration that all commands share.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Shared {
    timeouts: Timeouts,
    kafka: KafkaOfAll,
    privacy: PrivacySettings,
    traces: TracesConfig,
}

/// Whether names are replaced by pseudonyms before anything is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum PrivacyMode {
    /// Names are written as they come.
    Off,
    /// Pseudonyms are written in their place.
    Pseudonymise,
}

/// The section `privacy` of the configuration.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PrivacySettings {
    /// Absent: pseudonyms, where there is a key.
    pub mode: Option<PrivacyMode>,
    /// Folder with the key of pseudonyms and the keys of people. Absent: `privacy` in the data
    /// directory.
    pub folder: Option<PathBuf>,
}

impl PrivacySettings {
    /// The folder, where names are replaced. `own` is the one of the data directory.
    fn folder(&self, own: PathBuf) -> Result<Option<PathBuf>> {
        let folder = self.folder.clone().unwrap_or(own);
        let begun = folder.join("key").exists();
        match self.mode {
            Some(PrivacyMode::Off) if begun => Err(anyhow!(
                "{CONFIG}: privacy is off, but {} has a key: events of before have pseudonyms; start \
                 with another data directory, or move that folder away",
                folder.display()
            )),
            Some(PrivacyMode::Off) => Ok(None),
            Some(PrivacyMode::Pseudonymise) => Ok(Some(folder)),
            None => Ok((begun || self.folder.is_some()).then_some(folder)),
        }
    }
}

/// What every client of the brokers has in common.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KafkaOfAll {
    /// Properties of librdkafka, with `_` for each dot; those of a service win over them.
    pub properties: Properties,
}

/// Where spans go, as the environment sets it (`WEIR__TRACES__...`).
pub fn traces() -> Result<TracesConfig> {
    Ok(shared()?.traces)
}

/// As the environment sets it (`WEIR__TIMEOUTS__...`).
fn shared() -> Result<Shared> {
    Ok(weir_runtime::config::load(None)?)
}

/// Folder of the key of pseudonyms, where the environment names one.
pub fn privacy_folder() -> Result<Option<PathBuf>> {
    Ok(shared()?.privacy.folder)
}

/// Limits of time of a configuration, scaled.
pub fn scaled(timeouts: &Timeouts) -> Result<Timeouts> {
    timeouts
        .scaled()
        .map_err(|e| anyhow!("{CONFIG}: configuration: {e}"))
}

/// Brokers at an address, with the properties that the environment sets
/// (`WEIR__KAFKA__PROPERTIES__...`).
pub fn brokers(address: &str) -> Result<Brokers> {
    let shared = shared()?;
    Ok(Brokers {
        properties: shared.kafka.properties,
        timeouts: scaled(&shared.timeouts)?,
        ..Brokers::new(address)
    })
}

/// Brokers at an address that asks for the secret of a data directory.
pub fn own_brokers(address: &str, secret: &Secret) -> Result<Brokers> {
    Ok(Brokers {
        properties: weir_embedded::sasl(secret).into(),
        ..brokers(address)?
    })
}

impl SystemArgs {
    /// By `--brokers` and `--clickhouse`, else by the data directory.
    pub fn find(&self) -> Result<System> {
        let running = DataDir::running(&self.data_dir);
        let given = self
            .clickhouse
            .as_ref()
            .map(|url| StoreConfig::at(url.expose()));
        let cluster = self.clickhouse_cluster.clone().unwrap_or_default();
        let here = |url: &str| matches!(&running, Ok(r) if r.clickhouse == url);
        if let (Some(brokers), Some(given)) = (&self.brokers, &given) {
            return Ok(System {
                brokers: self.opened(brokers, running.as_ref().ok())?,
                open_brokers: brokers.clone(),
                clickhouse: given.url.clone(),
                opened_by: self.opened_by(Some(given), here(&given.url))?,
                cluster,
                http: None,
                gateway: None,
                otlp_grpc: None,
                api: None,
            });
        }
        let is_here = given.as_ref().is_none_or(|given| here(&given.url));
        let opened_by = self.opened_by(given.as_ref(), is_here)?;
        let running = running.map_err(|e| {
            anyhow!("{e}, or name one with --data-dir, or --brokers and --clickhouse")
        })?;
        let brokers = self.brokers.as_ref().unwrap_or(&running.brokers);
        Ok(System {
            brokers: self.opened(brokers, Some(&running))?,
            open_brokers: brokers.clone(),
            clickhouse: given.map_or(running.clickhouse, |given| given.url),
            opened_by,
            cluster,
            http: Some(running.http).filter(|h| !h.is_empty()),
            gateway: Some(running.gateway).filter(|g| !g.is_empty()),
            otlp_grpc: Some(running.otlp_grpc).filter(|g| !g.is_empty()),
            api: Some(running.api).filter(|a| !a.is_empty()),
        })
    }

    /// A user where one is given, else the secrets of this directory where the store is its own.
    fn opened_by(&self, given: Option<&StoreConfig>, is_here: bool) -> Result<OpenedBy> {
        let Some(given) = given else {
            return Ok(OpenedBy::Secrets(self.data_dir.clone()));
        };
        let user = self
            .clickhouse_user
            .clone()
            .unwrap_or_else(|| given.user.clone());
        let password = match (&self.clickhouse_password_file, std::env::var(PASSWORD)) {
            (Some(file), _) => StoreConfig::password_of(file).with_context(|| {
                format!("{CONFIG}: cannot read the password in {}", file.display())
            })?,
            (None, Ok(password)) => Secret::new(password),
            (None, Err(_)) => given.password.clone(),
        };
        if user.is_empty() && password.expose().is_empty() && is_here {
            return Ok(OpenedBy::Secrets(self.data_dir.clone()));
        }
        let user = if user.is_empty() && !password.expose().is_empty() {
            "default".to_owned()
        } else {
            user
        };
        Ok(OpenedBy::User(user, password))
    }

    /// The brokers alone.
    pub fn find_brokers(&self) -> Result<Brokers> {
        match &self.brokers {
            Some(b) => self.opened(b, DataDir::running(&self.data_dir).ok().as_ref()),
            None => Ok(self.find()?.brokers),
        }
    }

    /// Brokers at an address: those of this data directory by their second port, with its secret.
    fn opened(&self, address: &str, running: Option<&Running>) -> Result<Brokers> {
        match running {
            Some(r) if r.brokers == address && !r.own_brokers.is_empty() => {
                own_brokers(&r.own_brokers, &Secrets::open(&self.data_dir)?.kafka)
            }
            _ => brokers(address),
        }
    }

    /// Pseudonyms in place of names, where this system has them.
    pub fn privacy(&self) -> Result<Option<Arc<Privacy>>> {
        self.privacy_of(&shared()?.privacy)
    }

    /// The same, as a configuration says.
    pub fn privacy_of(&self, settings: &PrivacySettings) -> Result<Option<Arc<Privacy>>> {
        self.private(settings, Privacy::open)
    }

    /// The same, of a system that begins here: a key is made where one is wanted. What the mode
    /// says wins over the configuration.
    pub fn privacy_of_own(&self, mode: Option<PrivacyMode>) -> Result<Option<Arc<Privacy>>> {
        let mut settings = shared()?.privacy;
        settings.mode = mode.or(settings.mode);
        self.private(&settings, Privacy::open_or_create)
    }

    fn private(
        &self,
        settings: &PrivacySettings,
        open: fn(&Path, &Catalog, Option<&Path>) -> Result<Privacy, weir_privacy::Error>,
    ) -> Result<Option<Arc<Privacy>>> {
        let Some(folder) = settings.folder(self.data_dir.join("privacy"))? else {
            return Ok(None);
        };
        let privacy = open(&folder, &*self.catalog()?, self.schemas.as_deref())?;
        Ok(Some(Arc::new(privacy)))
    }

    /// The catalog: of `--schemas`, else the built-in one.
    pub fn catalog(&self) -> Result<Arc<Catalog>> {
        let catalog = match &self.schemas {
            Some(dir) => weir_catalog::load(dir)?,
            None => weir_catalog::Catalog::embedded()?,
        };
        Ok(Arc::new(catalog))
    }

    /// How records of OpenTelemetry become events: of `--schemas`, where it says so.
    pub fn mappings(&self) -> Result<Mappings> {
        Ok(match self.sql("otlp") {
            Some(_) => Mappings::load(self.schemas.as_deref().unwrap_or(Path::new(".")))?,
            None => Mappings::shipped()?,
        })
    }

    /// How clients are told to send here: of `--schemas`, where it says so.
    pub fn clients(&self) -> Result<Vec<weir_otlp::Client>> {
        let mappings = self.mappings()?;
        Ok(match &self.schemas {
            Some(dir) => weir_otlp::Client::load(dir, &mappings)?,
            None => weir_otlp::Client::shipped(&mappings)?,
        })
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

    /// What is computed of finished days: of `--schemas`, where it says so.
    pub fn plan(&self) -> Result<weir_api::findings::Plan> {
        weir_api::findings::Plan::of(self.schemas.as_deref())
    }

    /// What reports tell: of `--schemas`, where it has any.
    pub fn reports(&self) -> Result<Vec<weir_report::Declaration>> {
        Ok(match self.sql("reports") {
            Some(dir) => weir_report::Declaration::from_dir(&dir)?,
            None => weir_report::Declaration::shipped()?,
        })
    }

    /// When reports are sent by themselves: of `--schemas`, where it says so.
    pub fn schedules(&self) -> Result<BTreeMap<String, weir_api::scheduled::ScheduleConfig>> {
        weir_api::scheduled::shipped(self.schemas.as_deref())
    }

    fn sql(&self, folder: &str) -> Option<PathBuf> {
        let dir = self.schemas.as_ref()?.join(folder);
        dir.is_dir().then_some(dir)
    }
}
