//! Settings of a client.

use crate::client::Client;
use crate::event::{Common, Person, Text};
use std::collections::BTreeMap;
use std::time::Duration;

/// Where the gateway is when nothing says so.
const URL: &str = "http://127.0.0.1:4318";

/// Settings of a client, from the environment first: `WEIR_URL`, `WEIR_TOKEN`, `WEIR_SOURCE`,
/// `WEIR_ENGINEER`, `WEIR_TEAM`; `WEIR_DISABLED=1` switches it off, `WEIR_DEBUG=1` prints what is
/// sent.
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
        Config {
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
        }
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
