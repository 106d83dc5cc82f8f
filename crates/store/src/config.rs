//! Where ClickHouse is, and with which user and password.

use percent_encoding::percent_decode_str;
use serde::{Deserialize, Serialize};
use std::path::Path;
use weir_runtime::config::Secret;

/// Where ClickHouse is.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(from = "Written")]
pub struct StoreConfig {
    /// e.g. `http://127.0.0.1:8123`, without user and password.
    pub url: String,
    /// Database of weir's tables.
    pub database: String,
    /// User, empty for none.
    pub user: String,
    /// Password, empty for none.
    pub password: Secret,
    /// Name of the cluster that ClickHouse is, empty where it is one node. Only who makes tables
    /// needs it.
    pub cluster: String,
    /// Whether that cluster has a keeper; without one it is a single node. No setting: tests alone
    /// have such a cluster.
    #[serde(skip)]
    pub keeper: bool,
}

/// As a configuration says it; user and password may stand in the URL.
#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Written {
    url: String,
    database: String,
    user: String,
    password: Secret,
    cluster: String,
}

impl Default for Written {
    fn default() -> Self {
        Written {
            url: "http://127.0.0.1:8123".into(),
            database: "weir".into(),
            user: String::new(),
            password: Secret::default(),
            cluster: String::new(),
        }
    }
}

impl From<Written> for StoreConfig {
    fn from(w: Written) -> StoreConfig {
        let mut config = StoreConfig {
            url: w.url,
            database: w.database,
            user: w.user,
            password: w.password,
            cluster: w.cluster,
            keeper: true,
        };
        if let Some((url, user, password)) = split(&config.url) {
            config.url = url;
            if config.user.is_empty() {
                config.user = user;
            }
            if config.password.expose().is_empty() {
                config.password = password;
            }
        }
        config
    }
}

impl Default for StoreConfig {
    fn default() -> Self {
        Written::default().into()
    }
}

impl StoreConfig {
    /// A store at a URL, in the usual database. User and password may stand in the URL:
    /// `http://user:password@host:port`.
    pub fn at(url: impl Into<String>) -> StoreConfig {
        Written {
            url: url.into(),
            ..Written::default()
        }
        .into()
    }

    /// With this user and password.
    #[must_use]
    pub fn with_password(mut self, user: impl Into<String>, password: Secret) -> StoreConfig {
        self.user = user.into();
        self.password = password;
        self
    }

    /// The password in a file, without the end of its line.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn password_of(file: &Path) -> std::io::Result<Secret> {
        let text = std::fs::read_to_string(file)?;
        Ok(Secret::new(text.trim_end_matches(['\r', '\n'])))
    }
}

/// The URL without what stands before `@` in it, with user and password.
fn split(url: &str) -> Option<(String, String, Secret)> {
    let (scheme, rest) = url.split_once("://")?;
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (user, host) = rest[..end].rsplit_once('@')?;
    let (user, password) = user.split_once(':').unwrap_or((user, ""));
    let plain = |text| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let url = format!("{scheme}://{host}{}", &rest[end..]);
    Some((url, plain(user), Secret::new(plain(password))))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_password_in_the_url_is_taken_out_of_it_and_never_shown() {
        let at = StoreConfig::at("http://u%40x:p%3Aw:d@127.0.0.1:1/x?y=a@b");
        assert_eq!(
            (at.url.as_str(), at.user.as_str()),
            ("http://127.0.0.1:1/x?y=a@b", "u@x")
        );
        assert_eq!(at.password.expose(), "p:w:d");
        let read: StoreConfig =
            serde_json::from_str(r#"{"url": "https://u:in-url@h", "password": "in-key"}"#).unwrap();
        assert_eq!(
            (read.url.as_str(), read.password.expose()),
            ("https://h", "in-key")
        );
        for shown in [format!("{at:?}"), weir_runtime::config::dump(&at).unwrap()] {
            assert!(
                !shown.contains("p:w:d") && !shown.contains("p%3Aw"),
                "{shown}"
            );
        }
        let none = StoreConfig::at("http://h:1");
        assert_eq!((none.url.as_str(), none.user.as_str()), ("http://h:1", ""));
        assert!(serde_json::from_str::<StoreConfig>(r#"{"urll": ""}"#).is_err());
    }
}
