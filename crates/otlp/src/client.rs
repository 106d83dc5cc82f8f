//! What makes a client send here: its settings, as `schemas/connect` declares them.

use crate::compile::{Mappings, Wrong, parse};
use crate::shipped;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A client that can be told to send OTLP.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Client {
    /// Name as it is typed.
    #[serde(rename = "client")]
    pub name: String,
    /// Name for people.
    pub title: String,
    /// Declarations of `schemas/otlp` that its records fit.
    pub emitters: Vec<String>,
    /// The command that starts it.
    pub program: String,
    /// Settings, in the order in which they are written.
    pub files: Vec<Settings>,
}

/// A settings file of a client, and what it must say.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    path: Paths,
    /// How it is written.
    pub format: Format,
    set: BTreeMap<String, Value>,
}

/// How a settings file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// JSON, with comments where the client allows them.
    Json,
    /// TOML.
    Toml,
    /// A variable a line, for a shell to read.
    Env,
}

impl Format {
    /// As the declaration has it.
    pub fn name(self) -> &'static str {
        match self {
            Format::Json => "json",
            Format::Toml => "toml",
            Format::Env => "env",
        }
    }
}

/// Where a file is: everywhere the same, or by operating system (`any` for those not named).
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum Paths {
    Everywhere(String),
    Each(BTreeMap<String, String>),
}

/// What stands for the words in braces.
#[derive(Debug, Clone)]
pub struct Placeholders<'a> {
    /// The gateway, as a URL without a slash at its end.
    pub url: &'a str,
    /// The token.
    pub token: &'a str,
}

impl Placeholders<'_> {
    /// Value of a placeholder.
    fn of(&self, name: &str) -> Option<String> {
        let (url, token) = (self.url, self.token);
        match name {
            "url" => Some(url.to_owned()),
            "token" => Some(token.to_owned()),
            // As the variable OTEL_EXPORTER_OTLP_HEADERS has them: no space may stand in it.
            "headers" => Some(format!("Authorization=Bearer%20{token}")),
            "url_with_token" => {
                let (scheme, host) = url.split_once("://")?;
                Some(format!("{scheme}://weir:{token}@{host}"))
            }
            _ => None,
        }
    }

    /// A text with its placeholders replaced; the name of one that there is not.
    fn fill(&self, text: &str) -> Result<String, String> {
        let (mut out, mut rest) = (String::new(), text);
        while let Some((before, after)) = rest.split_once('{') {
            let (name, after) = after.split_once('}').ok_or("{")?;
            out += before;
            out += &self.of(name).ok_or(name)?;
            rest = after;
        }
        Ok(out + rest)
    }

    fn fill_all(&self, value: &Value) -> Result<Value, String> {
        Ok(match value {
            Value::String(text) => self.fill(text)?.into(),
            Value::Array(list) => {
                let filled = list.iter().map(|v| self.fill_all(v));
                filled.collect::<Result<Vec<_>, _>>()?.into()
            }
            Value::Object(map) => {
                let filled = map.iter().map(|(k, v)| Ok((k.clone(), self.fill_all(v)?)));
                Value::Object(filled.collect::<Result<_, String>>()?)
            }
            other => other.clone(),
        })
    }
}

impl Settings {
    /// The file, by operating system (`std::env::consts::OS`) and environment; `None` where it is
    /// not declared for that system, or the environment does not say where the user is at home.
    pub fn path(&self, os: &str, env: &dyn Fn(&str) -> Option<String>) -> Option<PathBuf> {
        let text = match &self.path {
            Paths::Everywhere(text) => text,
            Paths::Each(by_os) => by_os.get(os).or_else(|| by_os.get("any"))?,
        };
        expand(text, env).map(PathBuf::from)
    }

    /// What it must say: the path of each setting, as the names on it, with its value.
    pub fn values(&self, with: &Placeholders<'_>) -> Vec<(Vec<String>, Value)> {
        let filled = |(path, value): (&String, &Value)| {
            let value = with.fill_all(value).ok()?;
            Some((path.split('/').map(str::to_owned).collect(), value))
        };
        self.set.iter().filter_map(filled).collect()
    }

    fn wrong(&self) -> Option<(String, &'static str)> {
        let nowhere = Placeholders {
            url: "http://h",
            token: "t",
        };
        if self.set.is_empty() {
            return Some(("sets nothing".to_owned(), "name what the client needs"));
        }
        for (path, value) in &self.set {
            if let Err(name) = nowhere.fill_all(value) {
                let message = format!("{path} has the placeholder {{{name}}}");
                return Some((
                    message,
                    "write {url}, {token}, {headers} or {url_with_token}",
                ));
            }
            if self.format == Format::Env && !(value.is_string() && is_variable(path)) {
                let message = format!("{path} is no variable with a text");
                return Some((message, "write NAME: \"text\""));
            }
        }
        let home = |name: &str| (name == "HOME").then(|| "/home/x".to_owned());
        let systems = ["linux", "macos"];
        if let Some(os) = systems.iter().find(|os| self.path(os, &home).is_none()) {
            let message = format!("no path that can be read for {os}");
            return Some((message, "write ~/file or ${VARIABLE:-~/folder}/file"));
        }
        None
    }
}

/// A name that every shell takes.
fn is_variable(name: &str) -> bool {
    !name.starts_with(|c: char| c.is_ascii_digit())
        && !name.is_empty()
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// `~` at the beginning, and `${NAME:-otherwise}` there, as a shell reads them.
fn expand(text: &str, env: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    if let Some(inner) = text.strip_prefix("${") {
        let (inner, rest) = inner.split_once('}')?;
        let (name, otherwise) = inner.split_once(":-").unwrap_or((inner, ""));
        let set = env(name).filter(|value| !value.is_empty());
        let begin = set.or_else(|| expand(otherwise, env).filter(|o| !o.is_empty()))?;
        return Some(begin + rest);
    }
    match text.strip_prefix('~') {
        Some(rest) => Some(env("HOME").filter(|h| !h.is_empty())? + rest),
        None => Some(text.to_owned()),
    }
}

impl Client {
    /// Those that this binary was built with, in the order of their files.
    ///
    /// # Errors
    /// As of [`Client::load`].
    pub fn shipped(mappings: &Mappings) -> Result<Vec<Client>, Wrong> {
        checked(shipped::clients(), mappings)
    }

    /// Those of a `schemas` folder; the shipped ones where it declares none.
    ///
    /// # Errors
    /// What is wrong with a file, with its line where that can be told.
    pub fn load(dir: &Path, mappings: &Mappings) -> Result<Vec<Client>, Wrong> {
        checked(shipped::clients_of(dir)?, mappings)
    }
}

fn checked(files: Vec<(String, String)>, mappings: &Mappings) -> Result<Vec<Client>, Wrong> {
    let mut all: Vec<Client> = Vec::new();
    for (file, text) in files {
        let client: Client = parse(&file, &text)?;
        let wrong = |message: String, remedy: &str| Err(Wrong::new(&file, 0, message, remedy));
        let is_unknown = |e: &&String| mappings.emitters().all(|(name, _)| name != e.as_str());
        if let Some(emitter) = client.emitters.iter().find(is_unknown) {
            let message = format!("there is no emitter {emitter}");
            return wrong(message, "name an emitter of a file in schemas/otlp");
        }
        if client.emitters.is_empty() || client.files.is_empty() {
            let message = "names no emitter or no file".to_owned();
            return wrong(message, "a client has emitters and files");
        }
        if all.iter().any(|c| c.name == client.name) {
            let message = format!("the client {} is declared twice", client.name);
            return wrong(message, "declare each client in one file");
        }
        if let Some((message, remedy)) = client.files.iter().find_map(Settings::wrong) {
            return wrong(message, remedy);
        }
        all.push(client);
    }
    Ok(all)
}
