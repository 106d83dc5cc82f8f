//! Settings of a client.

use crate::client::Client;
use crate::event::{Common, Person, Text};
use crate::privacy::Privacy;
use crate::spool::Spool;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Where the gateway is when nothing says so.
const URL: &str = "http://127.0.0.1:4318";

/// Settings of a client, from the environment first: `WEIR_URL`, `WEIR_TOKEN`, `WEIR_SOURCE`,
/// `WEIR_ENGINEER`, `WEIR_TEAM`, `WEIR_SPOOL`, `WEIR_PRIVACY`, `WEIR_PRIVACY_FOLDER`,
/// `WEIR_TENANT`; `WEIR_DISABLED=1` switches it off, `WEIR_DEBUG=1` prints what is sent.
#[derive(Clone)]
#[must_use = "a client is made by build()"]
pub struct Config {
    pub(crate) url: String,
    pub(crate) token: String,
    pub(crate) common: Common,
    pub(crate) disabled: bool,
    pub(crate) debug: bool,
    pub(crate) queue: usize,
    pub(crate) batch: usize,
    pub(crate) interval: Duration,
    pub(crate) timeout: Duration,
    pub(crate) exit: Duration,
    pub(crate) privacy: Option<Arc<Privacy>>,
    /// Brokers and tenant, where events go straight to Kafka.
    #[cfg(feature = "kafka")]
    pub(crate) kafka: Option<(weir_kafka::Brokers, String)>,
    /// Why nothing is to be sent.
    pub(crate) wrong: Option<String>,
    spool: Option<PathBuf>,
    spool_bytes: u64,
}

/// The token is not shown.
impl std::fmt::Debug for Config {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Config")
            .field("url", &self.url)
            .field("disabled", &self.disabled)
            .finish_non_exhaustive()
    }
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|v| !v.trim().is_empty())
}

fn flag(name: &str) -> bool {
    variable(name).is_some_and(|v| !matches!(v.trim(), "0" | "false" | "no" | "off"))
}

impl Default for Config {
    fn default() -> Config {
        let person = variable("WEIR_ENGINEER").map(|email| Person {
            email: email.into(),
            team: variable("WEIR_TEAM").unwrap_or_default().into(),
        });
        let config = Config {
            url: variable("WEIR_URL").unwrap_or_else(|| URL.to_owned()),
            token: variable("WEIR_TOKEN").unwrap_or_default(),
            common: Common {
                source: variable("WEIR_SOURCE").map(Text::from),
                person,
                resource: BTreeMap::new(),
            },
            disabled: flag("WEIR_DISABLED"),
            debug: flag("WEIR_DEBUG"),
            queue: 10_000,
            batch: 500,
            interval: Duration::from_secs(1),
            timeout: Duration::from_secs(10),
            exit: Duration::from_secs(2),
            privacy: None,
            #[cfg(feature = "kafka")]
            kafka: variable("WEIR_KAFKA").map(|brokers| {
                let tenant = variable("WEIR_TENANT").unwrap_or_default();
                (weir_kafka::Brokers::new(&brokers), tenant)
            }),
            wrong: None,
            spool: variable("WEIR_SPOOL").map(PathBuf::from),
            spool_bytes: 64 << 20,
        };
        config.private()
    }
}

impl Config {
    /// The gateway.
    pub fn url(mut self, url: impl Into<String>) -> Config {
        self.url = url.into();
        self
    }

    /// A token with the scope `write`.
    pub fn token(mut self, token: impl Into<String>) -> Config {
        self.token = token.into();
        self
    }

    /// Straight to Kafka (`host:port,…`), as events of a tenant: no gateway is needed. Or by the
    /// variables `WEIR_KAFKA` and `WEIR_TENANT`.
    #[cfg(feature = "kafka")]
    pub fn kafka(mut self, brokers: &str, tenant: &str) -> Config {
        self.kafka = Some((weir_kafka::Brokers::new(brokers), tenant.to_owned()));
        self
    }

    /// A property of librdkafka (TLS, SASL) for [`Config::kafka`], e.g. `security.protocol`.
    #[cfg(feature = "kafka")]
    pub fn kafka_property(mut self, name: &str, value: &str) -> Config {
        if let Some((brokers, _)) = &mut self.kafka {
            let one = [(name.replace('.', "_"), value)].into();
            let others = std::mem::replace(&mut brokers.properties, one);
            brokers.properties = brokers.properties.over(&others);
        }
        self
    }

    /// What sends: the host or job. Left out, it is the token's name.
    pub fn source(mut self, source: impl Into<Text>) -> Config {
        self.common.source = Some(source.into());
        self
    }

    /// Whose events these are, where an event does not say.
    pub fn engineer(mut self, email: impl Into<Text>, team: impl Into<Text>) -> Config {
        let (email, team) = (email.into(), team.into());
        self.common.person = Some(Person { email, team });
        self
    }

    /// An OpenTelemetry resource attribute of every event.
    pub fn resource(mut self, name: impl Into<Text>, value: impl Into<Text>) -> Config {
        self.common.resource.insert(name.into(), value.into());
        self
    }

    /// Writes pseudonyms in place of names, for events of a tenant, before they are sent or put on
    /// disk. The folder has the secret key of the gateways (`key`, see docs/privacy.md); without it
    /// nothing is sent.
    pub fn pseudonymise(mut self, folder: impl Into<PathBuf>, tenant: &str) -> Config {
        (self.privacy, self.wrong) = match Privacy::open(&folder.into(), tenant) {
            Ok(privacy) => (Some(Arc::new(privacy)), None),
            Err(why) => (None, Some(why)),
        };
        self
    }

    /// As the environment says it.
    fn private(mut self) -> Config {
        match variable("WEIR_PRIVACY").as_deref().map(str::trim) {
            None | Some("off") => self,
            Some("pseudonymise") => {
                let folder = variable("WEIR_PRIVACY_FOLDER").unwrap_or_default();
                self.pseudonymise(folder, &variable("WEIR_TENANT").unwrap_or_default())
            }
            Some(other) => {
                self.wrong = Some(format!("WEIR_PRIVACY is pseudonymise or off, not {other}"));
                self
            }
        }
    }

    /// A folder in which batches wait on disk while the gateway is away, 64 MiB at most, for this
    /// process or the next one.
    pub fn spool(mut self, folder: impl Into<PathBuf>) -> Config {
        self.spool = Some(folder.into());
        self
    }

    /// Most bytes of the spool.
    pub fn spool_bytes(mut self, bytes: u64) -> Config {
        self.spool_bytes = bytes;
        self
    }

    pub(crate) fn spool_of(&self) -> Option<Spool> {
        let folder = self.spool.clone()?;
        Some(Spool::new(folder, self.spool_bytes))
    }

    /// How long the sender may try at the end: with a spool there has to be time left to write.
    pub(crate) fn last_attempt(&self) -> Duration {
        match self.spool {
            Some(_) => self.exit.mul_f64(0.8),
            None => self.exit,
        }
    }

    /// Switches it off: every call returns at once.
    pub fn disabled(mut self, disabled: bool) -> Config {
        self.disabled = disabled;
        self
    }

    /// Most events that wait; what comes on top is dropped, and counted. At least 1.
    pub fn queue(mut self, events: usize) -> Config {
        self.queue = events.max(1);
        self
    }

    /// Most events of one request. At least 1.
    pub fn batch(mut self, events: usize) -> Config {
        self.batch = events.max(1);
        self
    }

    /// How long events are gathered before they are sent.
    pub fn interval(mut self, interval: Duration) -> Config {
        self.interval = interval;
        self
    }

    /// How long a request may take.
    pub fn timeout(mut self, timeout: Duration) -> Config {
        self.timeout = timeout;
        self
    }

    /// How long the last handle of a client waits at most when it is dropped.
    pub fn exit_timeout(mut self, exit: Duration) -> Config {
        self.exit = exit;
        self
    }

    /// The client. It always comes: settings that are of no use are told to the log, and nothing is
    /// sent then.
    pub fn build(self) -> Client {
        Client::with(self)
    }
}
