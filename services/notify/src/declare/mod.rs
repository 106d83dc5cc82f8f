//! The file that says who is told what: read, checked, its secrets fetched.

mod file;

use crate::core::{Limit, Maintenance, Matcher, Plan, Route, When};
use file::{File, Many, Receiver};
use jiff::civil::Weekday;
use serde_saphyr::Spanned;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use weir_mail::lettre::message::Mailbox;
use weir_model::Micros;
use weir_model::codes::NOTIFY_DECLARATION;
use weir_runtime::Secret;

/// A declaration that cannot be used (WEIR-1101).
#[derive(Debug, PartialEq, Eq)]
pub struct Wrong {
    file: PathBuf,
    line: u64,
    what: String,
    remedy: String,
}

impl std::fmt::Display for Wrong {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (file, line) = (self.file.display(), self.line);
        let (what, remedy) = (&self.what, &self.remedy);
        match line {
            0 => write!(f, "{NOTIFY_DECLARATION}: {file}: {what}; {remedy}"),
            _ => write!(f, "{NOTIFY_DECLARATION}: {file}:{line}: {what}; {remedy}"),
        }
    }
}

impl std::error::Error for Wrong {}

/// Where messages go, with what opens it.
#[derive(Clone, Debug)]
pub enum Target {
    /// Alertmanager's API, version 2.
    Alertmanager {
        /// Its address, without a path of the API.
        url: String,
        /// Bearer token.
        token: Option<Secret>,
    },
    /// An incoming webhook of Slack's form.
    Chat {
        /// Its address, which is a secret.
        url: Secret,
    },
    /// Mail.
    Email(Box<Email>),
    /// PagerDuty's events, version 2.
    Pagerduty {
        /// Its address.
        url: String,
        /// Routing key.
        key: Secret,
    },
    /// JSON, signed by Standard Webhooks.
    Webhook {
        /// Its address.
        url: String,
        /// What it is signed with.
        secret: Secret,
    },
}

/// A mail server, and who is written to.
#[derive(Clone, Debug)]
pub struct Email {
    /// Server.
    pub server: weir_mail::Server,
    /// Recipients.
    pub to: Vec<Mailbox>,
}

/// All of a file.
#[derive(Clone, Debug)]
pub struct Declared {
    /// Who is told what.
    pub plan: Arc<Plan>,
    /// By name.
    pub receivers: BTreeMap<String, Target>,
    /// What a receiver may take to answer.
    pub timeout: Duration,
}

/// Reads a file.
///
/// # Errors
/// [`Wrong`], with file, line and remedy.
pub fn load(path: &Path) -> Result<Declared, Wrong> {
    let text = std::fs::read_to_string(path).map_err(|e| Wrong {
        file: path.to_owned(),
        line: 0,
        what: format!("cannot be read: {e}"),
        remedy: "name a file that is there".to_owned(),
    })?;
    read(path, &text)
}

/// Reads what stands in a file.
///
/// # Errors
/// As [`load`].
pub fn read(path: &Path, text: &str) -> Result<Declared, Wrong> {
    let file: File = serde_saphyr::from_str(text).map_err(|e| {
        let told = e.without_snippet().to_string();
        let told = told.lines().next().unwrap_or_default();
        Wrong {
            file: path.to_owned(),
            line: e.location().map_or(0, |l| l.line()),
            what: told.trim_start_matches("error: ").to_owned(),
            remedy: "compare with docs/consumers.md".to_owned(),
        }
    })?;
    Reader { path, file: &file }.all()
}

struct Reader<'a> {
    path: &'a Path,
    file: &'a File,
}

impl Reader<'_> {
    fn wrong<T>(
        &self,
        at: &Spanned<T>,
        what: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Wrong {
        Wrong {
            file: self.path.to_owned(),
            line: at.referenced.line(),
            what: what.into(),
            remedy: remedy.into(),
        }
    }

    fn all(&self) -> Result<Declared, Wrong> {
        let mut receivers = BTreeMap::new();
        for (name, at) in &self.file.receivers {
            receivers.insert(name.clone(), self.target(name, at)?);
        }
        let mut routes = Vec::new();
        let mut names = BTreeSet::new();
        for at in &self.file.routes {
            if !names.insert(&at.value.name) {
                let what = format!("there are two routes {}", at.value.name);
                return Err(self.wrong(at, what, "give each a name of its own"));
            }
            routes.push(self.route(at)?);
        }
        let forgets = |(name, target): (&String, &Target)| {
            matches!(target, Target::Alertmanager { .. }).then(|| name.clone())
        };
        let maintenance = self.file.maintenance.iter().map(|m| self.maintenance(m));
        let plan = Plan {
            routes,
            maintenance: maintenance.collect::<Result<_, _>>()?,
            forgetful: receivers.iter().filter_map(forgets).collect(),
            dead_after: micros(self.file.dead_after),
        };
        Ok(Declared {
            plan: Arc::new(plan),
            receivers,
            timeout: self.file.timeout,
        })
    }

    fn route(&self, at: &Spanned<file::Route>) -> Result<Route, Wrong> {
        let r = &at.value;
        let to = r.to.all();
        if to.is_empty() {
            let what = format!("route {} leads to nobody", r.name);
            return Err(self.wrong(at, what, "name receivers under to"));
        }
        for name in &to {
            if !self.file.receivers.contains_key(name) {
                let what = format!("route {} leads to {name}, which is not declared", r.name);
                let known = self.file.receivers.keys().map(String::as_str);
                return Err(self.wrong(at, what, weir_catalog::suggest(name, known)));
            }
        }
        if r.limit
            .as_ref()
            .is_some_and(|l| l.messages == 0 || l.per.is_zero())
        {
            let what = format!("the limit of route {} lets nothing through", r.name);
            return Err(self.wrong(at, what, "allow at least one message in some time"));
        }
        Ok(Route {
            name: r.name.clone(),
            matches: matcher(&r.matches),
            to,
            group_by: r.group_by.clone(),
            wait: micros(r.wait),
            interval: micros(r.interval),
            repeat: Some(micros(r.repeat)).filter(|r| r.0 > 0),
            limit: r.limit.as_ref().map(|l| Limit {
                messages: l.messages,
                per: micros(l.per),
            }),
            goes_on: r.goes_on,
        })
    }

    fn maintenance(&self, at: &Spanned<file::Maintenance>) -> Result<Maintenance, Wrong> {
        let m = &at.value;
        let when = match (&m.from, &m.until, &m.weekly) {
            (Some(from), Some(until), None) => self.once(at, from, until)?,
            (None, None, Some(weekly)) => self.weekly(at, weekly)?,
            _ => {
                let what = format!("maintenance {} does not say when", m.name);
                return Err(self.wrong(at, what, "write from and until, or weekly"));
            }
        };
        Ok(Maintenance {
            name: m.name.clone(),
            matches: matcher(&m.matches),
            when,
        })
    }

    fn once(
        &self,
        at: &Spanned<file::Maintenance>,
        from: &str,
        until: &str,
    ) -> Result<When, Wrong> {
        let name = &at.value.name;
        let time = |text: &str| {
            let read = text.parse::<jiff::Timestamp>();
            read.map(|t| Micros(t.as_microsecond())).map_err(|_| {
                let what = format!("{text} in maintenance {name} is no time");
                self.wrong(at, what, "write 2026-01-05T22:00:00+01:00")
            })
        };
        let (from, until) = (time(from)?, time(until)?);
        if until <= from {
            let what = format!("maintenance {name} ends before it begins");
            return Err(self.wrong(at, what, "let until be later than from"));
        }
        Ok(When::Once { from, until })
    }

    fn weekly(
        &self,
        at: &Spanned<file::Maintenance>,
        weekly: &file::Weekly,
    ) -> Result<When, Wrong> {
        let name = &at.value.name;
        let wrong = |what: String, remedy: &str| {
            self.wrong(at, format!("maintenance {name}: {what}"), remedy)
        };
        let time = weekly.at.parse::<jiff::civil::Time>();
        let time = time.map_err(|_| {
            wrong(
                format!("{} is no time of the clock", weekly.at),
                "write 22:00:00",
            )
        })?;
        let zone = jiff::tz::TimeZone::get(&weekly.zone).map_err(|_| {
            wrong(
                format!("there is no zone {}", weekly.zone),
                "write Europe/Berlin",
            )
        })?;
        let long = micros(weekly.long);
        if weekly.days.is_empty() {
            return Err(wrong("it is on no day".to_owned(), "name some: [sat, sun]"));
        }
        if long.0 <= 0 || long > When::LONGEST {
            let what = "it lasts no time, or more than a week".to_owned();
            return Err(wrong(what, "write a duration such as 6h"));
        }
        Ok(When::Weekly {
            days: weekly.days.iter().map(|d| weekday(*d)).collect(),
            at: time,
            zone,
            long,
        })
    }

    fn target(&self, name: &str, at: &Spanned<Receiver>) -> Result<Target, Wrong> {
        let must = |what: &str, secret: Option<Secret>| {
            secret.ok_or_else(|| {
                let told = format!("receiver {name} has no {what}");
                let remedy = format!("name a file ({what}_file) or a variable ({what}_env)");
                self.wrong(at, told, remedy)
            })
        };
        Ok(match &at.value {
            Receiver::Alertmanager(r) => Target::Alertmanager {
                url: self.url(at, &r.url)?.trim_end_matches('/').to_owned(),
                token: self.secret(at, &r.token_file, &r.token_env)?,
            },
            Receiver::Chat(r) => {
                let url = must("url", self.secret(at, &r.url_file, &r.url_env)?)?;
                self.url(at, url.expose())?;
                Target::Chat { url }
            }
            Receiver::Pagerduty(r) => Target::Pagerduty {
                url: self.url(at, &r.url)?,
                key: must("key", self.secret(at, &r.key_file, &r.key_env)?)?,
            },
            Receiver::Webhook(r) => {
                let secret = must("secret", self.secret(at, &r.secret_file, &r.secret_env)?)?;
                if standardwebhooks::Webhook::new(secret.expose()).is_err() {
                    let what = format!("the secret of receiver {name} is no secret for webhooks");
                    let remedy = "write whsec_ and the base64 of 24 to 64 random bytes";
                    return Err(self.wrong(at, what, remedy));
                }
                let url = self.url(at, &r.url)?;
                Target::Webhook { url, secret }
            }
            Receiver::Email(r) => Target::Email(Box::new(self.email(name, at, r)?)),
        })
    }

    fn email(&self, name: &str, at: &Spanned<Receiver>, r: &file::Email) -> Result<Email, Wrong> {
        let told = |e: weir_mail::Wrong| {
            let what = format!("receiver {name}: {}", e.what);
            self.wrong(at, what, e.remedy)
        };
        let to = r.to.all();
        let to = to.iter().map(|a| weir_mail::address(a).map_err(told));
        Ok(Email {
            to: to.collect::<Result<_, _>>()?,
            server: r.server.server(self.folder()).map_err(told)?,
        })
    }

    /// Where files are looked for.
    fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new("."))
    }

    fn url(&self, at: &Spanned<Receiver>, url: &str) -> Result<String, Wrong> {
        let is_http = |u: reqwest::Url| matches!(u.scheme(), "http" | "https");
        match reqwest::Url::parse(url).is_ok_and(is_http) {
            true => Ok(url.to_owned()),
            // It may be a secret: it is not shown.
            false => Err(self.wrong(at, "an address is no URL", "write https://host/path")),
        }
    }

    fn secret(
        &self,
        at: &Spanned<Receiver>,
        file: &Option<String>,
        variable: &Option<String>,
    ) -> Result<Option<Secret>, Wrong> {
        let fetched = Secret::fetch(self.folder(), file.as_deref(), variable.as_deref());
        fetched.map_err(|e| self.wrong(at, e.what, e.remedy))
    }
}

fn weekday(day: file::Day) -> Weekday {
    match day {
        file::Day::Mon => Weekday::Monday,
        file::Day::Tue => Weekday::Tuesday,
        file::Day::Wed => Weekday::Wednesday,
        file::Day::Thu => Weekday::Thursday,
        file::Day::Fri => Weekday::Friday,
        file::Day::Sat => Weekday::Saturday,
        file::Day::Sun => Weekday::Sunday,
    }
}

fn matcher(declared: &BTreeMap<String, Many>) -> Matcher {
    let one = |(name, values): (&String, &Many)| (name.clone(), values.all());
    Matcher(declared.iter().map(one).collect())
}

fn micros(d: Duration) -> Micros {
    Micros(i64::try_from(d.as_micros()).unwrap_or(i64::MAX))
}
