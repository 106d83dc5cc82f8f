//! Settings of a mail server.

use lettre::message::Mailbox;
use serde::{Deserialize, Serialize};
use std::path::Path;
use weir_runtime::Secret;
use weir_runtime::config::Unfetched;

/// A mail server, and who writes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Its name.
    pub host: String,
    /// 587, 465 or 25 by `tls`, where it is left out.
    #[serde(default)]
    pub port: Option<u16>,
    /// How the connection is kept private.
    #[serde(default)]
    pub tls: Tls,
    /// Sender.
    pub from: String,
    /// Whom the server knows, with the password.
    #[serde(default)]
    pub user: Option<String>,
    /// File that holds the password.
    #[serde(default)]
    pub password_file: Option<String>,
    /// Or the variable that does.
    #[serde(default)]
    pub password_env: Option<String>,
    /// Roots of trust beside the machine's own, PEM.
    #[serde(default)]
    pub ca_file: Option<String>,
}

/// How a connection to a mail server is kept private.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tls {
    /// By STARTTLS, which the server must have.
    #[default]
    Starttls,
    /// From the beginning.
    Tls,
    /// Not at all.
    None,
}

/// The same, checked, with what opens it.
#[derive(Clone, Debug)]
pub struct Server {
    /// Its name.
    pub host: String,
    /// Port.
    pub port: u16,
    /// How the connection is kept private.
    pub tls: Tls,
    /// Sender.
    pub from: Mailbox,
    /// User and password.
    pub login: Option<(String, Secret)>,
    /// A root of trust, PEM.
    pub ca: Option<Vec<u8>>,
}

/// What is wrong with settings, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub remedy: String,
}

impl Wrong {
    fn new(what: impl Into<String>, remedy: impl Into<String>) -> Wrong {
        Wrong {
            what: what.into(),
            remedy: remedy.into(),
        }
    }
}

impl std::fmt::Display for Wrong {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}; {}", self.what, self.remedy)
    }
}

impl From<Unfetched> for Wrong {
    fn from(e: Unfetched) -> Wrong {
        Wrong::new(e.what, e.remedy)
    }
}

/// Who a mail goes to.
///
/// # Errors
/// The text is no address.
pub fn address(text: &str) -> Result<Mailbox, Wrong> {
    let read = text.parse::<Mailbox>();
    read.map_err(|_| Wrong::new(format!("{text} is no address"), "write name@example.org"))
}

impl Settings {
    /// Checks them and fetches what they name; files are looked for in `folder`.
    ///
    /// # Errors
    /// An address that is none, half a login, a password in the open, a file that cannot be read.
    pub fn server(&self, folder: &Path) -> Result<Server, Wrong> {
        let (file, variable) = (self.password_file.as_deref(), self.password_env.as_deref());
        let password = Secret::fetch(folder, file, variable)?;
        let login = match (&self.user, password) {
            (None, None) => None,
            (Some(user), Some(password)) => Some((user.clone(), password)),
            _ => {
                let what = format!("{} has only one of user and password", self.host);
                return Err(Wrong::new(what, "give both, or neither"));
            }
        };
        if login.is_some() && self.tls == Tls::None {
            let what = format!("the password of {} would go in the open", self.host);
            return Err(Wrong::new(what, "set tls to starttls or tls"));
        }
        let usual = match self.tls {
            Tls::Starttls => 587,
            Tls::Tls => 465,
            Tls::None => 25,
        };
        let ca = self.ca_file.as_deref();
        let ca = ca.map(|file| weir_runtime::config::fetch(folder, file));
        Ok(Server {
            host: self.host.clone(),
            port: self.port.unwrap_or(usual),
            tls: self.tls,
            from: address(&self.from)?,
            login,
            ca: ca.transpose()?,
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn settings() -> Settings {
        Settings {
            host: "mail.example.org".into(),
            port: None,
            tls: Tls::Starttls,
            from: "weir <weir@example.org>".into(),
            user: None,
            password_file: None,
            password_env: None,
            ca_file: None,
        }
    }

    #[test]
    fn settings_that_contradict_themselves_are_refused() {
        let dir = Path::new("/nowhere");
        assert_eq!(settings().server(dir).unwrap().port, 587);
        let wrong = |change: fn(&mut Settings)| {
            let mut s = settings();
            change(&mut s);
            s.server(dir).unwrap_err().to_string()
        };
        assert!(wrong(|s| s.from = "nobody".into()).contains("is no address"));
        assert!(wrong(|s| s.user = Some("u".into())).contains("only one of"));
        assert!(wrong(|s| s.ca_file = Some("ca.pem".into())).contains("cannot be read"));
        let open = wrong(|s| {
            s.tls = Tls::None;
            (s.user, s.password_env) = (Some("u".into()), Some("PATH".into()));
        });
        assert!(open.contains("in the open"), "{open}");
    }
}
