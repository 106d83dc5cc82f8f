//! Reading values out of records.

use crate::identity;
use crate::proto::common::v1::any_value::Value as Any;
use crate::proto::common::v1::{AnyValue, KeyValue};
use crate::proto::logs::v1::LogRecord;
use crate::proto::trace::v1::Span;
use std::borrow::Cow;

/// Where a value stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// Attribute of the record.
    Attribute(String),
    /// Attribute that holds JSON as text, and the pointer into it.
    Json(String, String),
    /// Attribute of the resource.
    Resource(String),
    /// Attribute of the record that completes this one.
    With(String),
    ScopeName,
    ScopeVersion,
    /// Name of the record.
    Name,
    TraceId,
    SpanId,
    /// How long the span took, ns.
    Duration,
    /// Whether the span has no status of an error.
    Ok,
    /// Value of the data point.
    Value,
    /// What a data point adds: its value, of a histogram the sum of its values.
    Added,
    /// The same of a point that holds all since its series began.
    Total,
    /// Which series such a point belongs to.
    Series,
    /// Time of observation of a log record, ns.
    Observed,
    /// Class of the exception that a span tells of, without its module.
    Exception,
}

impl Source {
    /// What can be read besides attributes.
    pub const REMEDY: &str = "besides attributes there are $resource.KEY, $with.KEY, $scope.name, \
        $scope.version, $name, $trace_id, $span_id, $duration, $ok, $value, $added, $total, $series, $observed, $exception";

    pub fn parse(name: &str) -> Option<Source> {
        let Some(special) = name.strip_prefix('$') else {
            return Some(match name.split_once('#') {
                Some((key, pointer)) => Source::Json(key.to_owned(), pointer.to_owned()),
                None => Source::Attribute(name.to_owned()),
            });
        };
        if let Some(key) = special.strip_prefix("resource.") {
            return Some(Source::Resource(key.to_owned()));
        }
        if let Some(key) = special.strip_prefix("with.") {
            return Some(Source::With(key.to_owned()));
        }
        Some(match special {
            "scope.name" => Source::ScopeName,
            "scope.version" => Source::ScopeVersion,
            "name" => Source::Name,
            "trace_id" => Source::TraceId,
            "span_id" => Source::SpanId,
            "duration" => Source::Duration,
            "ok" => Source::Ok,
            "value" => Source::Value,
            "added" => Source::Added,
            "total" => Source::Total,
            "series" => Source::Series,
            "observed" => Source::Observed,
            "exception" => Source::Exception,
            _ => return None,
        })
    }
}

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Val<'a> {
    Text(Cow<'a, str>),
    Int(i64),
    Float(f64),
    Bool(bool),
}

impl Val<'_> {
    pub fn text(&self) -> Cow<'_, str> {
        match self {
            Val::Text(t) => Cow::Borrowed(t),
            Val::Int(i) => Cow::Owned(i.to_string()),
            Val::Float(f) => Cow::Owned(f.to_string()),
            Val::Bool(b) => Cow::Borrowed(if *b { "true" } else { "false" }),
        }
    }
}

/// What kind of record it is.
#[derive(Debug, Clone, Copy)]
pub(crate) enum What<'a> {
    Log(&'a LogRecord),
    Span(&'a Span),
    Point(Point),
}

/// A data point, whatever its metric.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Point {
    pub value: Option<Number>,
    /// The value, of a histogram the sum of its values.
    pub amount: Option<Number>,
    pub holds: Holds,
    pub start: u64,
    pub time: u64,
}

/// Since when a point counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Holds {
    /// Since the point before it.
    Added,
    /// Since its series began.
    Total,
    /// It is no count that only grows.
    Neither,
}

/// A value of a data point.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Number {
    Int(i64),
    Float(f64),
}

/// A record and what stands around it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Record<'a> {
    pub what: What<'a>,
    pub name: &'a str,
    pub attributes: &'a [KeyValue],
    pub resource: &'a [KeyValue],
    pub scope: &'a str,
    pub scope_version: &'a str,
    /// Attributes and time (µs) of the record that completes this one.
    pub with: Option<(&'a [KeyValue], i64)>,
}

/// Finds an attribute that holds something.
pub(crate) fn find<'a>(attributes: &'a [KeyValue], key: &str) -> Option<Val<'a>> {
    let of = |a: &'a KeyValue| plain(a.value.as_ref()?);
    attributes.iter().filter(|a| a.key == key).find_map(of)
}

/// A plain value; of a list its first. An empty text says nothing.
fn plain(value: &AnyValue) -> Option<Val<'_>> {
    match value.value.as_ref()? {
        Any::StringValue(s) => text(s),
        Any::IntValue(i) => Some(Val::Int(*i)),
        Any::DoubleValue(f) => Some(Val::Float(*f)),
        Any::BoolValue(b) => Some(Val::Bool(*b)),
        Any::ArrayValue(list) => list.values.iter().find_map(plain),
        _ => None,
    }
}

fn text(s: &str) -> Option<Val<'_>> {
    (!s.is_empty()).then_some(Val::Text(Cow::Borrowed(s)))
}

impl Number {
    fn val<'a>(self) -> Val<'a> {
        match self {
            Number::Int(i) => Val::Int(i),
            Number::Float(f) => Val::Float(f),
        }
    }
}

impl<'a> Record<'a> {
    /// The first of `sources` that says something.
    pub fn first(&self, sources: &[Source]) -> Option<Val<'a>> {
        sources.iter().find_map(|s| self.get(s))
    }

    pub fn get(&self, source: &Source) -> Option<Val<'a>> {
        match source {
            Source::Attribute(key) => find(self.attributes, key),
            Source::Json(key, pointer) => self.json(key, pointer),
            Source::Resource(key) => find(self.resource, key),
            Source::With(key) => find(self.with?.0, key),
            Source::ScopeName => text(self.scope),
            Source::ScopeVersion => text(self.scope_version),
            Source::Name => text(self.name),
            Source::Exception => self.exception(),
            Source::TraceId => hex(self.ids()?.0),
            Source::SpanId => hex(self.ids()?.1),
            _ => self.own(source),
        }
    }

    /// Values that only one kind of record has.
    fn own(&self, source: &Source) -> Option<Val<'a>> {
        match (source, self.what) {
            (Source::Duration, What::Span(s)) => {
                let ns = s.end_time_unix_nano.checked_sub(s.start_time_unix_nano)?;
                i64::try_from(ns).ok().map(Val::Int)
            }
            (Source::Ok, What::Span(s)) => {
                Some(Val::Bool(s.status.as_ref().is_none_or(|t| t.code != ERROR)))
            }
            (Source::Observed, What::Log(l)) => {
                i64::try_from(l.observed_time_unix_nano).ok().map(Val::Int)
            }
            (Source::Value, What::Point(p)) => Some(p.value?.val()),
            (Source::Added, What::Point(p)) if p.holds == Holds::Added => Some(p.amount?.val()),
            (Source::Total, What::Point(p)) if p.holds == Holds::Total => Some(p.amount?.val()),
            (Source::Series, What::Point(p)) if p.holds == Holds::Total => {
                Some(Val::Text(identity::series(self, p).to_string().into()))
            }
            _ => None,
        }
    }

    fn ids(&self) -> Option<(&'a [u8], &'a [u8])> {
        match self.what {
            What::Log(l) => Some((&l.trace_id, &l.span_id)),
            What::Span(s) => Some((&s.trace_id, &s.span_id)),
            What::Point(_) => None,
        }
    }

    fn json(&self, key: &str, pointer: &str) -> Option<Val<'a>> {
        let Some(Val::Text(held)) = find(self.attributes, key) else {
            return None;
        };
        let held: serde_json::Value = serde_json::from_str(&held).ok()?;
        match held.pointer(pointer)? {
            serde_json::Value::String(s) if !s.is_empty() => Some(Val::Text(s.clone().into())),
            serde_json::Value::Bool(b) => Some(Val::Bool(*b)),
            serde_json::Value::Number(n) => match n.as_i64() {
                Some(i) => Some(Val::Int(i)),
                None => n.as_f64().map(Val::Float),
            },
            _ => None,
        }
    }

    fn exception(&self) -> Option<Val<'a>> {
        let What::Span(span) = self.what else {
            return None;
        };
        let told = span.events.iter().find(|e| e.name == "exception")?;
        let Some(Val::Text(Cow::Borrowed(class))) = find(&told.attributes, "exception.type") else {
            return None;
        };
        text(class.rsplit('.').next().unwrap_or(class))
    }

    /// When the record was made, by its own fields: ns, 0 where they do not say.
    pub fn nanos(&self) -> u64 {
        match self.what {
            What::Log(l) if l.time_unix_nano > 0 => l.time_unix_nano,
            What::Log(l) => l.observed_time_unix_nano,
            What::Span(s) if s.end_time_unix_nano > 0 => s.end_time_unix_nano,
            What::Span(s) => s.start_time_unix_nano,
            What::Point(p) => p.time,
        }
    }
}

/// Status code of an error.
pub(crate) const ERROR: i32 = 2;

/// Bytes as hexadecimal digits; no bytes, or only zeros, are no id.
fn hex<'a>(bytes: &[u8]) -> Option<Val<'a>> {
    if bytes.iter().all(|b| *b == 0) {
        return None;
    }
    let digits: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
    Some(Val::Text(digits.into()))
}
