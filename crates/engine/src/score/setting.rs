//! What is in force of settings that are terms of cross-subject KPIs. It does not fade.

use crate::{EngineError, varint};
use std::collections::BTreeMap;
use weir_model::Micros;

/// What was told of one subject, by the moment from which windows know of it.
type Held = BTreeMap<Micros, Option<f64>>;

/// By (KPI, term), then by subject.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Settings(BTreeMap<(usize, usize), BTreeMap<Box<str>, Held>>);

impl Settings {
    /// Takes in what holds from a moment on. Windows that end by `through` are not asked about any
    /// more.
    pub fn put(
        &mut self,
        (term, subject): ((usize, usize), &str),
        (from, value): (Micros, Option<f64>),
        through: Micros,
    ) {
        let subjects = self.0.entry(term).or_default();
        let held = subjects.entry(subject.into()).or_default();
        held.insert(from, value);
        let oldest = held.range(..=through).next_back().map(|(t, _)| *t);
        held.retain(|t, _| oldest.is_none_or(|oldest| *t >= oldest));
    }

    /// What a window that ends at `end` knows of a subject; `None` where nothing.
    pub fn at(&self, term: (usize, usize), subject: &str, end: Micros) -> Option<Option<f64>> {
        let held = self.0.get(&term)?.get(subject)?;
        held.range(..=end).next_back().map(|(_, v)| *v)
    }

    /// Appends them for a snapshot.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let subjects = self.0.values().map(|s| s.len() as u64);
        varint::put_u64(out, subjects.sum());
        for ((kpi, term), subjects) in &self.0 {
            for (subject, held) in subjects {
                varint::put_u64(out, *kpi as u64);
                varint::put_u64(out, *term as u64);
                varint::put_str(out, subject);
                varint::put_u64(out, held.len() as u64);
                for (from, value) in held {
                    varint::put_i64(out, from.0);
                    out.push(u8::from(value.is_some()));
                    value.iter().for_each(|v| varint::put_f64(out, *v));
                }
            }
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.values().all(|subjects| subjects.is_empty())
    }

    /// Reads its part of a snapshot.
    pub fn decode(input: &mut &[u8]) -> Result<Settings, EngineError> {
        let mut settings = Settings::default();
        for _ in 0..varint::usize(input)? {
            let term = (varint::usize(input)?, varint::usize(input)?);
            let subject = varint::str(input)?;
            let mut held = Held::new();
            for _ in 0..varint::usize(input)? {
                let from = Micros(varint::i64(input)?);
                let value = match varint::byte(input)? {
                    0 => None,
                    _ => Some(varint::f64(input)?),
                };
                held.insert(from, value);
            }
            let subjects = settings.0.entry(term).or_default();
            subjects.insert(subject.into(), held);
        }
        Ok(settings)
    }
}
