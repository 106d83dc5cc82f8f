//! What a file of `schemas/otlp` declares.

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_saphyr::Spanned;
use std::collections::BTreeMap;
use std::fmt;

/// A file.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct File {
    /// Name in events, counts and messages.
    pub emitter: String,
    /// One line for people.
    #[serde(default)]
    pub title: String,
    /// Whether the records of `default.yaml` follow its own; an `ignore` for any name comes last.
    #[serde(default)]
    pub conventions: bool,
    /// Names of scopes; one that ends in `*` is a beginning. Empty only in `default.yaml`.
    #[serde(default)]
    pub scopes: Vec<Spanned<String>>,
    /// Where a log record's name stands, before its own field.
    #[serde(default)]
    pub names: Vec<Spanned<String>>,
    /// Version of the emitter.
    #[serde(default)]
    pub version: Vec<Spanned<String>>,
    /// Time of a record, before its own fields.
    #[serde(default)]
    pub time: Vec<Spanned<String>>,
    /// Parts of `source`, each with alternatives.
    #[serde(default)]
    pub source: Vec<Vec<Spanned<String>>>,
    /// Resource attributes that are kept; one that ends in `*` is a beginning.
    #[serde(default)]
    pub resource: Vec<String>,
    /// What values of a field are called in weir, by field.
    #[serde(default)]
    pub values: BTreeMap<String, BTreeMap<String, String>>,
    /// Fields of every event that has them.
    #[serde(default)]
    pub fields: Fields,
    /// Token classes of every `llm.call`.
    #[serde(default)]
    pub tokens: Vec<Tokens>,
    /// Which records there are, the first that fits counts.
    pub records: Vec<Spanned<Record>>,
}

/// A kind of record.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Record {
    /// Names of log records, `*` for any.
    #[serde(default)]
    pub log: Many,
    /// Names of spans.
    #[serde(default)]
    pub span: Many,
    /// Names of metrics.
    #[serde(default)]
    pub metric: Many,
    /// First version of the emitter that sends it so.
    #[serde(default)]
    pub since: Option<String>,
    /// First version that does not any more.
    #[serde(default)]
    pub until: Option<String>,
    /// What its values must be.
    #[serde(default)]
    pub when: BTreeMap<String, Test>,
    /// Event type that it becomes.
    #[serde(default)]
    pub event: Option<String>,
    /// Which record says the same.
    #[serde(default)]
    pub repeats: Option<String>,
    /// Why nothing of it is counted.
    #[serde(default)]
    pub ignore: Option<String>,
    /// What identifies it: the first alternative all of whose parts are there.
    #[serde(default)]
    pub identity: Vec<Vec<Spanned<String>>>,
    /// Another record of the same body that says more.
    #[serde(default)]
    pub with: Option<With>,
    /// Scopes whose spans of the same call are preferred.
    #[serde(default)]
    pub yields_to: Vec<String>,
    /// Fields of the event.
    #[serde(default)]
    pub fields: Fields,
    /// Token classes, instead of the file's.
    #[serde(default)]
    pub tokens: Vec<Tokens>,
}

/// The last log record before this one, of one of these names, whose values `by` are the same.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct With {
    pub log: Many,
    #[serde(default)]
    pub when: BTreeMap<String, Test>,
    pub by: Vec<Spanned<String>>,
}

/// A test of a value, as text.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(
    untagged,
    expecting = "a value, a list of values, {present: true} or {not: [values]} is expected"
)]
pub(crate) enum Test {
    Present { present: bool },
    Not { not: Many },
    Is(Many),
}

/// Token classes and what the numbers hold.
#[derive(Debug, Clone, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Tokens {
    /// What the record's values must be.
    pub when: BTreeMap<String, Test>,
    pub input: Many,
    pub cache_read: Many,
    pub cache_write: Many,
    pub cache_write_5m: Many,
    pub cache_write_1h: Many,
    pub output: Many,
    pub reasoning: Many,
    /// Classes that the input number holds too.
    pub input_has: Vec<Class>,
    /// Classes that the output number holds too.
    pub output_has: Vec<Class>,
    /// Classes that this emitter does not have: 0 where usage is told.
    pub never: Vec<Class>,
}

/// A token class that may be part of another number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Class {
    CacheRead,
    CacheWrite,
    Output,
    Reasoning,
}

/// One value or several; numbers and truths are read as text.
#[derive(Debug, Clone, Default)]
pub(crate) struct Many(pub Vec<String>);

impl<'de> Deserialize<'de> for Many {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        #[derive(serde::Deserialize)]
        #[serde(untagged, expecting = "a value or a list of values is expected")]
        enum Raw {
            One(Scalar),
            List(Vec<Scalar>),
        }
        Ok(Many(match Raw::deserialize(d)? {
            Raw::One(s) => vec![s.text()],
            Raw::List(l) => l.into_iter().map(Scalar::text).collect(),
        }))
    }
}

/// A plain value.
#[derive(Debug, Clone, PartialEq, serde::Deserialize)]
#[serde(untagged)]
pub(crate) enum Scalar {
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
}

impl Scalar {
    fn text(self) -> String {
        match self {
            Scalar::Bool(b) => b.to_string(),
            Scalar::Int(i) => i.to_string(),
            Scalar::Float(f) => f.to_string(),
            Scalar::Text(t) => t,
        }
    }
}

/// Where a field's value comes from.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(
    untagged,
    expecting = "a name, a list of names or {from, value, unit, map, elapsed} is expected"
)]
pub(crate) enum Field {
    From(Many),
    Rule(Rule),
}

/// See [`Field`].
#[derive(Debug, Clone, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Rule {
    /// Names; the first that has a value counts.
    pub from: Many,
    /// Value where none has.
    pub value: Option<Scalar>,
    /// Unit of a number.
    pub unit: Option<Unit>,
    /// What values are called in weir, before the file's `values`.
    pub map: BTreeMap<String, String>,
    /// Time since the record `with`, plus the number.
    pub elapsed: bool,
}

/// Units of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
pub(crate) enum Unit {
    #[serde(rename = "ns")]
    Nanos,
    #[serde(rename = "us")]
    Micros,
    #[serde(rename = "ms")]
    Millis,
    #[serde(rename = "s")]
    Seconds,
    #[serde(rename = "min")]
    Minutes,
}

/// Fields in the order of the file, each with its line.
#[derive(Debug, Default)]
pub(crate) struct Fields(pub Vec<(u64, String, Field)>);

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Each;
        impl<'de> Visitor<'de> for Each {
            type Value = Fields;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map of fields")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut a: A) -> Result<Fields, A::Error> {
                let mut out = Vec::new();
                while let Some(k) = a.next_key::<Spanned<String>>()? {
                    out.push((k.referenced.line(), k.value, a.next_value()?));
                }
                Ok(Fields(out))
            }
        }
        d.deserialize_map(Each)
    }
}
