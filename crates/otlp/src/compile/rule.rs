//! Rules: which records, and what they become.

use super::field::{Field, Target, field};
use super::{Wrong, source, sources};
use crate::declare::{self, File, Record, Test};
use crate::read::Source;
use crate::schema::{Slot, Types};
use crate::tokens::{self, Tokens};
use std::collections::BTreeMap;

/// Fields of events that say who sent them.
pub(crate) const EMITTER: &str = "emitter";
pub(crate) const VERSION: &str = "version";

/// A compiled `records` entry.
#[derive(Debug)]
pub(crate) struct Rule {
    pub since: Option<Vec<u64>>,
    pub until: Option<Vec<u64>>,
    pub when: Vec<Condition>,
    pub action: Action,
    pub with: Option<With>,
}

/// What a record becomes.
#[derive(Debug)]
pub(crate) enum Action {
    Event(Box<Event>),
    Repeats,
    Ignore,
}

/// See [`crate::declare::Record`].
#[derive(Debug)]
pub(crate) struct Event {
    pub name: String,
    pub identity: Vec<Vec<Source>>,
    pub fields: Vec<Field>,
    /// Fields without which there is no event and that have a text for "not told".
    pub unknown: Vec<Target>,
    pub tokens: Vec<Tokens>,
    pub yields_to: Vec<String>,
    /// Whether it takes counters of any temporality, and histograms.
    pub meters: bool,
    /// Whether the event says who sent it.
    pub names_emitter: bool,
}

/// See [`crate::declare::With`].
#[derive(Debug)]
pub(crate) struct With {
    pub names: Vec<String>,
    pub when: Vec<Condition>,
    pub by: Vec<Source>,
}

/// A test of one value.
#[derive(Debug)]
pub(crate) struct Condition {
    pub of: Source,
    pub test: Test,
}

/// What is known where a rule is compiled.
pub(super) struct Place<'a> {
    pub file: &'a str,
    pub line: u64,
    pub base: &'a File,
    pub own: Option<&'a File>,
    pub types: &'a Types,
}

/// The numbers of a version, e.g. `v0.4.2b` is 0, 4, 2; `None` where it starts with none.
pub(crate) fn numbers(version: &str) -> Option<Vec<u64>> {
    let digits = |part: &str| {
        let end = part.find(|c: char| !c.is_ascii_digit());
        part[..end.unwrap_or(part.len())].parse().ok()
    };
    let parts = version.trim_start_matches('v').split('.');
    let numbers: Vec<u64> = parts.map_while(digits).collect();
    (!numbers.is_empty()).then_some(numbers)
}

/// Compiles tests of values.
pub(crate) fn conditions(
    file: &str,
    line: u64,
    when: &BTreeMap<String, Test>,
) -> Result<Vec<Condition>, Wrong> {
    when.iter()
        .map(|(name, test)| {
            Ok(Condition {
                of: source(file, line, name)?,
                test: test.clone(),
            })
        })
        .collect()
}

impl Place<'_> {
    fn wrong(&self, message: String, remedy: &str) -> Wrong {
        Wrong::new(self.file, self.line, message, remedy)
    }

    pub fn rule(&self, r: &Record) -> Result<Rule, Wrong> {
        if r.log.0.is_empty() && r.span.0.is_empty() && r.metric.0.is_empty() {
            let message = "a record names no log, span or metric".to_owned();
            return Err(self.wrong(message, "add log: NAME, span: NAME or metric: NAME"));
        }
        let action = match (&r.event, &r.repeats, &r.ignore) {
            (Some(event), None, None) => Action::Event(Box::new(self.event(event, r)?)),
            (None, Some(_), None) => Action::Repeats,
            (None, None, Some(_)) => Action::Ignore,
            _ => {
                let message = "a record is one of event, repeats and ignore".to_owned();
                return Err(self.wrong(message, "keep one of the three"));
            }
        };
        if r.with.is_some() && r.log.0.is_empty() {
            let message = "only a log record is completed by another one".to_owned();
            return Err(self.wrong(message, "leave with: out"));
        }
        let with = r.with.as_ref().map(|w| self.with(w)).transpose()?;
        Ok(Rule {
            since: self.version(r.since.as_deref())?,
            until: self.version(r.until.as_deref())?,
            when: conditions(self.file, self.line, &r.when)?,
            action,
            with,
        })
    }

    fn with(&self, w: &declare::With) -> Result<With, Wrong> {
        Ok(With {
            names: w.log.0.clone(),
            when: conditions(self.file, self.line, &w.when)?,
            by: sources(self.file, &w.by)?,
        })
    }

    fn version(&self, text: Option<&str>) -> Result<Option<Vec<u64>>, Wrong> {
        let Some(text) = text else { return Ok(None) };
        let made = numbers(text).ok_or_else(|| {
            let message = format!("{text:?} is no version");
            self.wrong(message, "write numbers with dots between, in quotes")
        })?;
        Ok(Some(made))
    }

    fn event(&self, name: &str, r: &Record) -> Result<Event, Wrong> {
        let Some(slots) = self.types.get(name) else {
            let known: Vec<&str> = self.types.keys().map(String::as_str).collect();
            let remedy = format!("there are {}", known.join(", "));
            return Err(self.wrong(format!("there is no event type {name:?}"), &remedy));
        };
        let fields = self.fields(slots, r)?;
        let declared = [&r.tokens, self.own.map_or(&r.tokens, |f| &f.tokens)];
        let declared = declared.into_iter().find(|t| !t.is_empty());
        let declared = declared.unwrap_or(&self.base.tokens);
        let tokens = if slots.contains_key(tokens::INPUT) {
            declared
                .iter()
                .map(|t| Tokens::compile(self.file, self.line, t))
                .collect::<Result<_, _>>()?
        } else {
            Vec::new()
        };
        let has = |path: &str| fields.iter().any(|f: &Field| f.target.path() == path);
        let meters = [Source::Added, Source::Total];
        let meters = fields
            .iter()
            .any(|f| f.from.iter().any(|s| meters.contains(s)));
        let names_emitter = slots.contains_key(EMITTER) && slots.contains_key(VERSION);
        let mut unknown = Vec::new();
        for (path, slot) in slots.iter().filter(|(_, s)| s.required) {
            if slot.kind == crate::schema::Kind::Text {
                unknown.push(Target::new(path, *slot));
            } else if !has(path) {
                let message = format!("{name} needs {path:?}");
                return Err(self.wrong(message, "add it to the fields"));
            }
        }
        Ok(Event {
            name: name.to_owned(),
            identity: r
                .identity
                .iter()
                .map(|parts| sources(self.file, parts))
                .collect::<Result<_, _>>()?,
            meters,
            names_emitter,
            fields,
            unknown,
            tokens,
            yields_to: r.yields_to.clone(),
        })
    }

    /// Fields of the record, then of the file, then of default.yaml: the first of a name holds.
    fn fields(&self, slots: &BTreeMap<String, Slot>, r: &Record) -> Result<Vec<Field>, Wrong> {
        let mut out: Vec<Field> = Vec::new();
        let common = self.own.map(|f| &f.fields).into_iter();
        let common = common.chain([&self.base.fields]);
        let levels = std::iter::once((true, &r.fields)).chain(common.map(|f| (false, f)));
        for (own, fields) in levels {
            for (line, path, declared) in &fields.0 {
                let Some(slot) = slots.get(path) else {
                    if own {
                        let known: Vec<&str> = slots.keys().map(String::as_str).collect();
                        let message = format!("the event has no field {path:?}");
                        let remedy = format!("its fields are {}", known.join(", "));
                        return Err(Wrong::new(self.file, *line, message, &remedy));
                    }
                    // A common field goes into the events that have it.
                    continue;
                };
                if out.iter().any(|f| f.target.path() == *path) {
                    continue;
                }
                let names = self.names(path);
                out.push(field((self.file, *line), path, declared, *slot, &names)?);
            }
        }
        Ok(out)
    }

    /// What the values of a field are called: by the file, else by default.yaml.
    fn names(&self, path: &str) -> BTreeMap<String, String> {
        let mut all = self.base.values.get(path).cloned().unwrap_or_default();
        if let Some(own) = self.own.and_then(|f| f.values.get(path)) {
            all.extend(own.clone());
        }
        all
    }
}
