//! What `notify.yaml` may hold.

use serde::Deserialize;
use serde_saphyr::Spanned;
use std::collections::BTreeMap;
use std::time::Duration;

/// The file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    pub receivers: BTreeMap<String, Spanned<Receiver>>,
    pub routes: Vec<Spanned<Route>>,
    #[serde(default)]
    pub maintenance: Vec<Spanned<Maintenance>>,
    /// What a receiver may take to answer.
    #[serde(default = "ten_seconds", with = "humantime_serde")]
    pub timeout: Duration,
    #[serde(default = "minute", with = "humantime_serde")]
    pub dead_after: Duration,
}

/// One value, or several.
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "a text or a list of texts is expected")]
pub(super) enum Many {
    One(String),
    All(Vec<String>),
}

impl Many {
    pub fn all(&self) -> Vec<String> {
        match self {
            Many::One(one) => vec![one.clone()],
            Many::All(all) => all.clone(),
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Route {
    pub name: String,
    #[serde(default, rename = "match")]
    pub matches: BTreeMap<String, Many>,
    pub to: Many,
    #[serde(default = "by_rule")]
    pub group_by: Vec<String>,
    #[serde(default = "five_seconds", with = "humantime_serde")]
    pub wait: Duration,
    #[serde(default = "minute", with = "humantime_serde")]
    pub interval: Duration,
    #[serde(default = "four_hours", with = "humantime_serde")]
    pub repeat: Duration,
    pub limit: Option<Limit>,
    #[serde(default, rename = "continue")]
    pub goes_on: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Limit {
    pub messages: usize,
    #[serde(with = "humantime_serde")]
    pub per: Duration,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Maintenance {
    pub name: String,
    #[serde(default, rename = "match")]
    pub matches: BTreeMap<String, Many>,
    pub from: Option<String>,
    pub until: Option<String>,
    pub weekly: Option<Weekly>,
}

/// A window that comes every week.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Weekly {
    pub days: Vec<Day>,
    pub at: String,
    pub zone: String,
    #[serde(rename = "for", with = "humantime_serde")]
    pub long: Duration,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Day {
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
    Sun,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub(super) enum Receiver {
    Alertmanager(Alertmanager),
    Chat(Chat),
    Email(Email),
    Pagerduty(Pagerduty),
    Webhook(Webhook),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Webhook {
    pub url: String,
    pub secret_file: Option<String>,
    pub secret_env: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Alertmanager {
    pub url: String,
    pub token_file: Option<String>,
    pub token_env: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Chat {
    pub url_file: Option<String>,
    pub url_env: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Pagerduty {
    #[serde(default = "pagerduty_events")]
    pub url: String,
    pub key_file: Option<String>,
    pub key_env: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Email {
    #[serde(flatten)]
    pub server: weir_mail::Settings,
    pub to: Many,
}

fn by_rule() -> Vec<String> {
    vec!["tenant".to_owned(), "rule".to_owned()]
}
fn five_seconds() -> Duration {
    Duration::from_secs(5)
}
fn ten_seconds() -> Duration {
    Duration::from_secs(10)
}
fn minute() -> Duration {
    Duration::from_secs(60)
}
fn four_hours() -> Duration {
    Duration::from_secs(4 * 3600)
}
fn pagerduty_events() -> String {
    "https://events.pagerduty.com/v2/enqueue".to_owned()
}
