//! What each kind of measure adds up to, by its definition in `docs/semantics.md`. One file per
//! kind; this file is the list of them.

mod cost;
mod count;
mod distinct;
mod distribution;
mod extreme;
mod last;
mod sum;
mod sumsq;
mod unpriced;

pub use distribution::Distribution;

use crate::event::Event;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use weir_catalog::{MeasureKind, Stat};
use weir_model::Micros;

/// The value of one measure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Value {
    /// Count, or number of unpriced events.
    Count(u64),
    /// Sum or cost, in billionths.
    Sum(i128),
    /// Sum of squares, in millionths.
    SumSq(i128),
    /// Smallest.
    Min(Option<f64>),
    /// Largest.
    Max(Option<f64>),
    /// Latest.
    Last(Option<(Micros, u64, f64)>),
    /// All that is known of a distribution.
    Distribution(Box<Distribution>),
    /// All hashes.
    Distinct(BTreeSet<u64>),
}

/// One thing that is kept of a value, as a reader of the full view finds it.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// What it is, for people.
    pub what: String,
    /// The column: what is appended to the measure's name.
    pub suffix: String,
    /// What has to stand there.
    pub kept: Kept,
}

/// What is kept in a column.
#[derive(Debug, Clone, PartialEq)]
pub enum Kept {
    /// A whole number.
    Whole(u64),
    /// An exact decimal, in billionths.
    Billionths(i128),
    /// A float, if any.
    Number(Option<f64>),
    /// Values by bin.
    Bins(BTreeMap<u16, u64>),
    /// Hashes, ascending.
    Hashes(Vec<u64>),
}

impl Value {
    /// The value of a measure without events.
    pub fn empty(kind: &MeasureKind) -> Value {
        match kind {
            MeasureKind::Count | MeasureKind::Unpriced(_) => Value::Count(0),
            MeasureKind::Sum(_) | MeasureKind::Cost(_) => Value::Sum(0),
            MeasureKind::SumSq(_) => Value::SumSq(0),
            MeasureKind::Min(_) => Value::Min(None),
            MeasureKind::Max(_) => Value::Max(None),
            MeasureKind::Last(_) => Value::Last(None),
            MeasureKind::Distribution(_) => Value::Distribution(Box::default()),
            MeasureKind::Distinct(_) => Value::Distinct(BTreeSet::new()),
        }
    }

    /// Adds an event that happened at `t` and is identified by `id`.
    pub(crate) fn add(&mut self, kind: &MeasureKind, e: &Event, t: Micros, id: u64) {
        match (self, kind) {
            (Value::Count(n), MeasureKind::Count) => count::add(n),
            (Value::Count(n), MeasureKind::Unpriced(c)) => unpriced::add(n, c, e, t),
            (Value::Sum(s), MeasureKind::Sum(input)) => sum::add(s, input, e),
            (Value::Sum(s), MeasureKind::Cost(c)) => cost::add(s, c, e, t),
            (Value::SumSq(s), MeasureKind::SumSq(input)) => sumsq::add(s, input, e),
            (Value::Min(m), MeasureKind::Min(input)) => extreme::add(m, input, e, f64::min),
            (Value::Max(m), MeasureKind::Max(input)) => extreme::add(m, input, e, f64::max),
            (Value::Last(l), MeasureKind::Last(input)) => last::add(l, input, e, (t, id)),
            (Value::Distribution(d), MeasureKind::Distribution(input)) => d.add(input, e),
            (Value::Distinct(all), MeasureKind::Distinct(path)) => distinct::add(all, path, e),
            _ => {}
        }
    }

    pub(crate) fn merge(&mut self, other: &Value) {
        match (self, other) {
            (Value::Count(a), Value::Count(b)) => *a += b,
            (Value::Sum(a), Value::Sum(b)) | (Value::SumSq(a), Value::SumSq(b)) => *a += b,
            (Value::Min(a), Value::Min(b)) => extreme::merge(a, *b, f64::min),
            (Value::Max(a), Value::Max(b)) => extreme::merge(a, *b, f64::max),
            (Value::Last(a), Value::Last(b)) => last::merge(a, *b),
            (Value::Distribution(a), Value::Distribution(b)) => a.merge(b),
            (Value::Distinct(a), Value::Distinct(b)) => a.extend(b),
            _ => {}
        }
    }

    /// The number that an expression or a reader of the view sees.
    pub fn stat(&self, stat: Stat) -> Option<f64> {
        match self {
            Value::Count(n) => Some(*n as f64),
            Value::Sum(s) => Some(sum::number(*s, sum::DECIMALS)),
            Value::SumSq(s) => Some(sum::number(*s, sumsq::DECIMALS)),
            Value::Min(m) | Value::Max(m) => *m,
            Value::Last(l) => l.map(|(_, _, x)| x),
            Value::Distinct(all) => Some(distinct::number(all) as f64),
            Value::Distribution(d) => d.stat(stat),
        }
    }

    /// Bytes on the heap, about.
    pub(crate) fn heap(&self) -> usize {
        match self {
            Value::Distribution(d) => d.heap(),
            Value::Distinct(all) => tree(all.len(), size_of::<u64>()),
            _ => 0,
        }
    }

    /// All that is kept of it.
    pub fn parts(&self) -> Vec<Part> {
        match self {
            Value::Count(n) => vec![part("count", "", Kept::Whole(*n))],
            Value::Sum(s) => sum::parts(*s),
            Value::SumSq(s) => sumsq::parts(*s),
            Value::Min(x) | Value::Max(x) => vec![part("value", "", Kept::Number(*x))],
            Value::Last(l) => last::parts(*l),
            Value::Distribution(d) => d.parts(),
            Value::Distinct(all) => distinct::parts(all),
        }
    }
}

fn part(what: &str, suffix: &str, kept: Kept) -> Part {
    Part {
        what: what.to_owned(),
        suffix: suffix.to_owned(),
        kept,
    }
}

/// Bytes that an ordered map takes up, about: its nodes are three quarters full.
fn tree(n: usize, entry: usize) -> usize {
    if n == 0 {
        0
    } else {
        (n * entry * 4 / 3).max(11 * entry) + 16
    }
}
