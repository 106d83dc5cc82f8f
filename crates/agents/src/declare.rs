//! What a file of `schemas/imports/agents` declares.

use crate::call::Tokens;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What is wrong with a declaration, where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}: {message}")]
pub struct Wrong {
    /// File, relative to `schemas`.
    pub file: String,
    /// What is wrong.
    pub message: String,
}

/// An agent and its logs.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Agent {
    /// Name in events and options.
    #[serde(rename = "agent", deserialize_with = "shared")]
    pub name: Arc<str>,
    /// Name for people.
    pub title: String,
    /// Folders below which its logs lie.
    pub(crate) base: Vec<Base>,
    /// Logs below each of them.
    pub(crate) logs: Vec<Place>,
    /// Provider where the log tells none.
    #[serde(default, deserialize_with = "shared")]
    pub(crate) provider: Arc<str>,
    /// What ways to sign in, or providers of the log, are called.
    #[serde(default)]
    pub(crate) providers: BTreeMap<String, String>,
    /// Which classes the numbers of its log hold.
    pub(crate) tokens: Convention,
    /// What is published beside calls.
    #[serde(default)]
    pub keeps: Vec<Kept>,
    /// How its calls are found among those that came over OTLP.
    pub otlp: Otlp,
    /// Names of values, by field.
    #[serde(skip)]
    pub(crate) values: Arc<BTreeMap<String, BTreeMap<String, String>>>,
}

fn shared<'de, D: serde::Deserializer<'de>>(d: D) -> Result<Arc<str>, D::Error> {
    String::deserialize(d).map(Into::into)
}

/// What may be published beside calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kept {
    /// The last part of the folder's name, as `weir.project` of the resource.
    Project,
    /// Calls of tools.
    Tools,
}

/// A folder. Where a variable is set, folders that none names are not looked at.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Base {
    /// Variable that moves it.
    #[serde(default)]
    pub variable: Option<String>,
    /// The variable holds several, with commas between them.
    #[serde(default)]
    pub list: bool,
    /// Where it lies below the variable's folder.
    #[serde(default)]
    pub below: String,
    /// Where it lies below the person's folder.
    #[serde(default)]
    pub home: Option<String>,
}

/// Files below a folder.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Place {
    /// Folder below the base.
    #[serde(default)]
    pub folder: String,
    /// Variable that names one file, instead of all else.
    #[serde(default)]
    pub variable: Option<String>,
    /// Names of files, `*` for any characters.
    #[serde(default)]
    pub names: Vec<String>,
    /// A folder of this name stands somewhere above the file.
    #[serde(default)]
    pub within: Option<String>,
    /// In folders of the folder, too.
    #[serde(default)]
    pub deep: bool,
    /// Who reads it.
    pub format: Format,
}

/// Formats of logs: each has a reader of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Format {
    Claude,
    Codex,
    Gemini,
    Qwen,
    QwenSums,
    Opencode,
    OpencodeJson,
}

/// How the classes of a log become classes that are apart.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Convention {
    /// Classes that are part of the input.
    #[serde(default)]
    pub input_has: Vec<Class>,
    /// Classes that are part of the output.
    #[serde(default)]
    pub output_has: Vec<Class>,
    /// Classes that there never are: 0, not unknown.
    #[serde(default)]
    pub never: Vec<Class>,
}

/// A class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Class {
    CacheRead,
    CacheWrite,
    Reasoning,
}

impl Convention {
    /// The classes apart; `None` where the numbers contradict each other, and usage is not known.
    pub fn apart(&self, told: Tokens) -> Option<Tokens> {
        let or_never = |n: Option<i64>, c| n.or_else(|| self.never.contains(&c).then_some(0));
        let read = or_never(told.cache_read, Class::CacheRead);
        let written = or_never(told.cache_write, Class::CacheWrite);
        let reasoning = or_never(told.reasoning, Class::Reasoning);
        let held = |has: &[Class]| {
            let of = |c: &Class| match c {
                Class::CacheRead => read.unwrap_or(0),
                Class::CacheWrite => written.unwrap_or(0),
                Class::Reasoning => reasoning.unwrap_or(0),
            };
            has.iter().map(of).fold(0, i64::saturating_add)
        };
        let rest = |whole: Option<i64>, has: &[Class]| match whole {
            None => Some(None),
            Some(n) => (n >= held(has)).then(|| Some(n - held(has))),
        };
        Some(Tokens {
            input: rest(told.input, &self.input_has)?,
            output: rest(told.output, &self.output_has)?,
            cache_read: read,
            cache_write: written,
            reasoning,
            ..told
        })
    }
}

/// How a call of the log is found among those that came over OTLP.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Otlp {
    /// What is equal.
    pub joined_by: JoinedBy,
    /// How far the times may lie apart where no id is shared.
    within: String,
    /// How long the client keeps its telemetry back, at most.
    delay: String,
    /// Its tools have no shared id: those of a session count from one side only.
    #[serde(default)]
    pub tools: Option<ToolsBy>,
}

/// What is equal in the log and over OTLP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JoinedBy {
    /// The request id.
    RequestId,
    /// Session, model and all token classes, one to one in the order of time.
    Tokens,
}

/// How tools are found where they have no shared id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToolsBy {
    /// By their session.
    Session,
}

impl Otlp {
    /// How far the times may lie apart, microseconds.
    pub fn within_micros(&self) -> i64 {
        micros(&self.within).unwrap_or(0)
    }

    /// How long the client keeps its telemetry back, microseconds.
    pub fn delay_micros(&self) -> i64 {
        micros(&self.delay).unwrap_or(0)
    }
}

fn micros(text: &str) -> Option<i64> {
    let d: jiff::SignedDuration = text.parse().ok()?;
    i64::try_from(d.as_micros()).ok()
}

impl Agent {
    pub(crate) fn parse(file: &str, text: &str) -> Result<Agent, Wrong> {
        let wrong = |message: String| Wrong {
            file: file.to_owned(),
            message,
        };
        let agent: Agent = serde_saphyr::from_str(text).map_err(|e| wrong(e.to_string()))?;
        for time in [&agent.otlp.within, &agent.otlp.delay] {
            if micros(time).is_none() {
                return Err(wrong(format!("{time} is no duration; write e.g. 10s")));
            }
        }
        Ok(agent)
    }

    /// Whether it is published beside calls.
    pub fn keeps(&self, what: Kept) -> bool {
        self.keeps.contains(&what)
    }

    /// What weir calls a value of a field.
    pub(crate) fn named(&self, field: &str, value: &str) -> String {
        let name = self.values.get(field).and_then(|v| v.get(value));
        name.map_or(value, String::as_str).to_owned()
    }

    /// The provider that a log names, or signs in to.
    pub(crate) fn provider(&self, told: &str) -> Arc<str> {
        if let Some(name) = self.providers.get(told) {
            return name.as_str().into();
        }
        match self.provider.is_empty() {
            true if told.is_empty() => "unknown".into(),
            true => self.named("provider", told).into(),
            false => self.provider.clone(),
        }
    }
}
