//! Log records that complete others of the same body.

use crate::compile::{Condition, Emitter, Rule, With};
use crate::declare::Test;
use crate::proto::common::v1::KeyValue;
use crate::read::{Record, Source};
use std::collections::HashMap;

/// Whether all of `conditions` hold.
pub(crate) fn holds(conditions: &[Condition], record: &Record) -> bool {
    conditions.iter().all(|c| {
        let value = record.get(&c.of);
        let is = |list: &[String]| {
            let text = value.as_ref().map(|v| v.text());
            text.is_some_and(|t| list.iter().any(|l| *l == t))
        };
        match &c.test {
            Test::Present { present } => value.is_some() == *present,
            Test::Not { not } => !is(&not.0),
            Test::Is(list) => is(&list.0),
        }
    })
}

/// Records of a body that may complete others, by emitter, rule and what they have in common.
#[derive(Debug, Default)]
pub(crate) struct Index<'a> {
    by: HashMap<Key, Vec<Kept<'a>>>,
}

/// Emitter, rule, and the values that are the same.
type Key = (usize, usize, Vec<String>);
/// Order (ns), time (µs) and attributes.
type Kept<'a> = (u64, i64, &'a [KeyValue]);

impl<'a> Index<'a> {
    /// Remembers a record, of that time in µs, for the rules that it may complete.
    pub fn add(&mut self, (index, emitter): (usize, &Emitter), record: &Record<'a>, micros: i64) {
        for (i, with) in emitter.rules.iter().enumerate().filter_map(of) {
            let named = with.names.iter().any(|n| n == record.name);
            if named
                && holds(&with.when, record)
                && let Some(key) = key(with, record)
            {
                let kept = self.by.entry((index, i, key)).or_default();
                kept.push((record.nanos(), micros, record.attributes));
            }
        }
    }

    /// The last before a record that completes it by that rule, and its time in µs. A record that
    /// comes again in the same body changes nothing.
    pub fn find(
        &self,
        (index, rule): (usize, usize),
        with: &With,
        record: &Record,
    ) -> Option<(&'a [KeyValue], i64)> {
        let kept = self.by.get(&(index, rule, key(with, record)?))?;
        let before = kept.iter().filter(|(t, ..)| *t <= record.nanos());
        before.max_by_key(|(t, ..)| *t).map(|(_, at, a)| (*a, *at))
    }
}

fn of((i, rule): (usize, &Rule)) -> Option<(usize, &With)> {
    Some((i, rule.with.as_ref()?))
}

fn key(with: &With, record: &Record) -> Option<Vec<String>> {
    let part = |s: &Source| Some(record.get(s)?.text().into_owned());
    with.by.iter().map(part).collect()
}
