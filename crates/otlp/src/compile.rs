//! Declarations, checked and made ready: every name is looked up here, once.

mod field;
mod rule;

use crate::Signal;
use crate::declare::{File, Record};
use crate::read::Source;
use crate::schema::Types;
use serde::de::DeserializeOwned;
use serde_saphyr::Spanned;
use std::collections::HashMap;
use std::fmt;
use weir_model::codes::MAPPING;

pub(crate) use field::{Convert, Field, Target};
pub(crate) use rule::{
    Action, Condition, EMITTER, Event, Rule, VERSION, With, conditions, numbers,
};

/// What is wrong with a declaration, where, and what to do (code `WEIR-0302`).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Wrong {
    /// File, relative to `schemas`.
    pub file: String,
    /// Line, from 1; 0 where the whole file is meant.
    pub line: u64,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub remedy: String,
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Wrong { file, line, .. } = self;
        write!(f, "{MAPPING}: {file}:{line}: {}", self.message)?;
        if self.remedy.is_empty() {
            Ok(())
        } else {
            write!(f, "; {}", self.remedy)
        }
    }
}

impl Wrong {
    pub(crate) fn new(file: &str, line: u64, message: String, remedy: &str) -> Wrong {
        Wrong {
            file: file.to_owned(),
            line,
            message,
            remedy: remedy.to_owned(),
        }
    }
}

/// The compiled declarations.
#[derive(Debug)]
pub struct Mappings {
    pub(crate) emitters: Vec<Emitter>,
    /// Exact scope names.
    scopes: HashMap<String, usize>,
    /// Beginnings of scope names, longest first.
    beginnings: Vec<(String, usize)>,
    /// Index of `default.yaml`.
    default: usize,
    /// Resource attributes that are kept.
    pub(crate) keep: Vec<String>,
}

/// A compiled file.
#[derive(Debug)]
pub(crate) struct Emitter {
    pub name: String,
    pub title: String,
    pub names: Vec<Source>,
    pub version: Vec<Source>,
    pub time: Vec<Source>,
    pub source: Vec<Vec<Source>>,
    pub rules: Vec<Rule>,
    /// Rules by signal and name of the record, in the order of the file.
    by_name: HashMap<Signal, HashMap<String, Vec<usize>>>,
    any: HashMap<Signal, Vec<usize>>,
    /// Whether a rule looks at another record.
    pub joins: bool,
}

impl Emitter {
    /// Rules for a record of that name; those by name before those for any.
    pub fn rules(&self, signal: Signal, name: &str) -> impl Iterator<Item = (usize, &Rule)> {
        let named = self.by_name.get(&signal).and_then(|n| n.get(name));
        let any = self.any.get(&signal);
        let all = named
            .into_iter()
            .flatten()
            .chain(any.into_iter().flatten())
            .copied();
        all.map(|i| (i, &self.rules[i]))
    }
}

impl Mappings {
    /// The emitter of a scope; the default one for a scope that nobody declares.
    pub(crate) fn emitter(&self, scope: &str) -> (usize, &Emitter) {
        let known = self.scopes.get(scope).copied().or_else(|| {
            let fits = |(b, _): &&(String, usize)| scope.starts_with(b.as_str());
            self.beginnings.iter().find(fits).map(|(_, i)| *i)
        });
        let index = known.unwrap_or(self.default);
        (index, &self.emitters[index])
    }

    /// Whether this is the emitter for scopes that nobody declares.
    pub(crate) fn is_default(&self, index: usize) -> bool {
        index == self.default
    }

    /// Names and titles of the declared emitters, in the order of their files.
    pub fn emitters(&self) -> impl Iterator<Item = (&str, &str)> {
        let emitters = self.emitters.iter();
        emitters.map(|e| (e.name.as_str(), e.title.as_str()))
    }
}

/// Name of the file whose entries hold for all others.
const DEFAULT: &str = "otlp/default.yaml";

/// Compiles all files; `types` are the fields of the event types.
pub(crate) fn compile(texts: Vec<(String, String)>, types: &Types) -> Result<Mappings, Wrong> {
    let mut files = Vec::with_capacity(texts.len());
    for (name, text) in texts {
        let file: File = parse(&name, &text)?;
        files.push((name, file));
    }
    let at = files.iter().position(|(n, _)| n == DEFAULT);
    let default = at.ok_or_else(|| {
        let message = "the declaration for unknown emitters is missing".to_owned();
        Wrong::new(DEFAULT, 0, message, "put the shipped file there")
    })?;
    let mut made = Mappings {
        emitters: Vec::new(),
        scopes: HashMap::new(),
        beginnings: Vec::new(),
        default,
        keep: files[default].1.resource.clone(),
    };
    let base = &files[default].1;
    // First by itself, so that what is wrong with it is told of it and not of a file that uses it.
    emitter(DEFAULT, base, None, types)?;
    for (i, (name, file)) in files.iter().enumerate() {
        made.claim(name, i, file)?;
        let own = (i != default).then_some(file);
        made.emitters.push(emitter(name, base, own, types)?);
    }
    made.beginnings
        .sort_by_key(|(b, _)| std::cmp::Reverse(b.len()));
    Ok(made)
}

/// Reads a file of one of the folders of declarations.
pub(crate) fn parse<T: DeserializeOwned>(name: &str, text: &str) -> Result<T, Wrong> {
    serde_saphyr::from_str(text).map_err(|e| {
        let line = e.location().map_or(0, |l| l.line());
        // The first line says what; the others draw the file.
        let told = e.without_snippet().to_string();
        let told = told.lines().next().unwrap_or_default();
        let told = told.trim_start_matches("error: ").to_owned();
        let folder = name.split('/').next().unwrap_or_default();
        let remedy = format!("compare with the files in schemas/{folder}");
        Wrong::new(name, line, told, &remedy)
    })
}

impl Mappings {
    fn claim(&mut self, name: &str, index: usize, file: &File) -> Result<(), Wrong> {
        if file.scopes.is_empty() && index != self.default {
            let message = "names no scope".to_owned();
            return Err(Wrong::new(name, 0, message, "add scopes: [name]"));
        }
        for scope in &file.scopes {
            let line = scope.referenced.line();
            let twice = match scope.value.strip_suffix('*') {
                Some(b) => {
                    let twice = self.beginnings.iter().any(|(x, _)| x == b);
                    self.beginnings.push((b.to_owned(), index));
                    twice
                }
                None => self.scopes.insert(scope.value.clone(), index).is_some(),
            };
            if twice {
                let message = format!("the scope {:?} is declared twice", scope.value);
                let remedy = "declare each scope in one file";
                return Err(Wrong::new(name, line, message, remedy));
            }
        }
        Ok(())
    }
}

fn emitter(name: &str, base: &File, own: Option<&File>, types: &Types) -> Result<Emitter, Wrong> {
    let file = own.unwrap_or(base);
    let records = records(base, own);
    let mut rules = Vec::new();
    for record in &records {
        let line = record.referenced.line();
        let place = rule::Place {
            file: name,
            line,
            base,
            own,
            types,
        };
        rules.push(place.rule(&record.value)?);
    }
    // What a file does not say itself holds as default.yaml says it.
    let list = |of: fn(&File) -> &Vec<Spanned<String>>| {
        let own = of(file);
        sources(name, if own.is_empty() { of(base) } else { own })
    };
    let source = if file.source.is_empty() {
        &base.source
    } else {
        &file.source
    };
    let mut out = Emitter {
        name: file.emitter.clone(),
        title: file.title.clone(),
        names: list(|f| &f.names)?,
        version: list(|f| &f.version)?,
        time: list(|f| &f.time)?,
        source: source
            .iter()
            .map(|part| sources(name, part))
            .collect::<Result<_, _>>()?,
        joins: rules.iter().any(|r: &Rule| r.with.is_some()),
        rules,
        by_name: HashMap::new(),
        any: HashMap::new(),
    };
    for (i, record) in records.iter().enumerate() {
        out.index(i, &record.value);
    }
    Ok(out)
}

/// The records of a file in the order in which they are tried.
fn records<'f>(base: &'f File, own: Option<&'f File>) -> Vec<&'f Spanned<Record>> {
    let Some(own) = own else {
        return base.records.iter().collect();
    };
    if !own.conventions {
        return own.records.iter().collect();
    }
    let last = |r: &&Spanned<Record>| {
        let any = [&r.value.log, &r.value.span, &r.value.metric];
        r.value.ignore.is_some() && any.iter().any(|m| m.0.iter().any(|n| n == "*"))
    };
    let (end, begin): (Vec<_>, Vec<_>) = own.records.iter().partition(last);
    begin.into_iter().chain(&base.records).chain(end).collect()
}

impl Emitter {
    fn index(&mut self, rule: usize, record: &Record) {
        let names = [
            (Signal::Logs, &record.log),
            (Signal::Traces, &record.span),
            (Signal::Metrics, &record.metric),
        ];
        for (signal, names) in names {
            for name in &names.0 {
                if name == "*" {
                    self.any.entry(signal).or_default().push(rule);
                } else {
                    let names = self.by_name.entry(signal).or_default();
                    names.entry(name.clone()).or_default().push(rule);
                }
            }
        }
    }
}

/// Compiles names of values.
pub(crate) fn sources(file: &str, names: &[Spanned<String>]) -> Result<Vec<Source>, Wrong> {
    names
        .iter()
        .map(|n| source(file, n.referenced.line(), &n.value))
        .collect()
}

pub(crate) fn source(file: &str, line: u64, name: &str) -> Result<Source, Wrong> {
    Source::parse(name).ok_or_else(|| {
        let message = format!("there is no value {name:?}");
        Wrong::new(file, line, message, Source::REMEDY)
    })
}
