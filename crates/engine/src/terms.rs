//! Messages of `weir.terms`: what window knows and score needs.
//!
//! A message names catalog, run and the partials partition it comes from, then holds facts in
//! order. Facts of one kind, definition and window stand under one heading; a subject is spelled
//! once per message.

mod read;
mod routes;
mod subject;
mod write;

pub use read::TermsReader;
pub use routes::Routes;
pub use subject::SubjectKey;
pub use write::TermsWriter;

use crate::detect::Finding;
use weir_catalog::types::{Catalog, EventId, RuleOn};
use weir_model::Micros;
use xxhash_rust::xxh3::xxh3_64;

/// First byte of every message.
const FORMAT: u8 = 1;

// Headings open with one of these; the facts under them with one of the `FACT` tags.
const TERM: u8 = 1;
const KPI_VALUE: u8 = 2;
const VERDICT: u8 = 3;
const ACTIVE: u8 = 4;
const FINAL_THROUGH: u8 = 5;
const SETTING: u8 = 6;
/// With the bits below.
const FACT: u8 = 0x10;
/// A value follows.
const HAS_VALUE: u8 = 1;
/// A finding follows.
const ANOMALOUS: u8 = 2;

/// One thing that window tells score.
#[derive(Debug, Clone, PartialEq)]
pub enum Fact<'a> {
    /// A term of a cross-subject KPI, for a subject that has a row in this final window.
    Term {
        /// Index of the KPI.
        kpi: usize,
        /// Index of its term.
        term: usize,
        /// Of the term's rollup.
        subject: SubjectKey<'a>,
        /// Window start.
        start: Micros,
        /// Window end.
        end: Micros,
        /// The statistic of the row.
        value: Option<f64>,
    },
    /// What is in force of a setting that is a term of a cross-subject KPI, for windows that end at a
    /// moment or later, until the next such fact of the subject.
    Setting {
        /// Index of the KPI.
        kpi: usize,
        /// Index of its term.
        term: usize,
        /// Of the term's rollup.
        subject: SubjectKey<'a>,
        /// Windows that end from here on know of it.
        from: Micros,
        /// The statistic.
        value: Option<f64>,
    },
    /// A published value of a local KPI that a rule watches.
    KpiValue {
        /// Index of the KPI.
        kpi: usize,
        /// Its subject.
        subject: SubjectKey<'a>,
        /// Window start.
        start: Micros,
        /// Window end.
        end: Micros,
        /// The value.
        value: Option<f64>,
    },
    /// The outcome of one judged window of a detector that a rule watches.
    Verdict {
        /// Index of the detector.
        detector: usize,
        /// Its subject.
        subject: SubjectKey<'a>,
        /// Window start.
        start: Micros,
        /// Window end.
        end: Micros,
        /// The value judged.
        value: f64,
        /// Where it is anomalous.
        found: Option<Finding>,
    },
    /// A subject that a rule on silence watches had an on-time event: told once or more for each
    /// clock hour with such an event, before the hour is final, at last with the end of the last
    /// such minute in it (an hour's minutes end after its start and at the latest with it).
    Active {
        /// Index of the rule.
        rule: usize,
        /// Of the rule's rollup.
        subject: SubjectKey<'a>,
        /// End of the minute.
        last_minute_end: Micros,
    },
    /// Everything from this partials partition that ends up to these times has been told.
    FinalThrough {
        /// Partition of the partials.
        partition: u32,
        /// Number of partitions of the partials.
        partitions: u32,
        /// By event type: the minimum watermark over all partitions of its raw topic.
        through: Vec<Micros>,
    },
}

/// What decides the terms partition of a fact ([`Routes::lead`]): everything that is joined, and
/// every rule on it, meets there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Route {
    /// Terms or values of a KPI.
    Kpi(usize),
    /// Verdicts of a detector.
    Detector(usize),
    /// Subjects watched for silence by a rule.
    Rule(usize),
}

/// Hash of a tenant's route: decides partition, and shard within it.
pub(crate) fn route_hash(tenant: &str, route: Route) -> u64 {
    let (kind, index) = match route {
        Route::Kpi(i) => (b'k', i),
        Route::Detector(i) => (b'd', i),
        Route::Rule(i) => (b'r', i),
    };
    let mut bytes = Vec::with_capacity(tenant.len() + 9);
    bytes.extend_from_slice(tenant.as_bytes());
    bytes.push(kind);
    bytes.extend_from_slice(&(index as u64).to_le_bytes());
    xxh3_64(&bytes)
}

/// The partition of `weir.terms` of a tenant's route, of `terms` partitions.
pub fn partition_of(tenant: &str, route: Route, terms: u32) -> u32 {
    (route_hash(tenant, route) % u64::from(terms.max(1))) as u32
}

/// What window has to tell: nothing else is forwarded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Needs {
    /// By KPI: its terms are joined by score.
    pub terms: Vec<bool>,
    /// By KPI: it is scored by window, and a rule watches its values or a score stands on them.
    pub kpi_values: Vec<bool>,
    /// By detector: a rule watches its verdicts.
    pub verdicts: Vec<bool>,
    /// Rules on silence: (rule, event type, rollup).
    pub silence: Vec<(usize, EventId, usize)>,
}

impl Needs {
    /// Of a catalog.
    pub fn new(catalog: &Catalog) -> Needs {
        let mut needs = Needs {
            terms: catalog.kpis.iter().map(|k| !k.local).collect(),
            kpi_values: vec![false; catalog.kpis.len()],
            verdicts: vec![false; catalog.detectors.len()],
            silence: Vec::new(),
        };
        for (input, _) in catalog
            .kpis
            .iter()
            .flat_map(|k| &k.mix)
            .flat_map(|m| &m.inputs)
        {
            if let (Some(told), Some(def)) =
                (needs.kpi_values.get_mut(*input), catalog.kpis.get(*input))
            {
                *told = def.local;
            }
        }
        for (i, rule) in catalog.rules.iter().enumerate() {
            for on in rule.on.conditions() {
                needs.add(catalog, i, on);
            }
        }
        needs
    }

    fn add(&mut self, catalog: &Catalog, rule: usize, on: &RuleOn) {
        match *on {
            RuleOn::Kpi { kpi, .. } | RuleOn::Off(kpi) => {
                if let (Some(told), Some(def)) =
                    (self.kpi_values.get_mut(kpi), catalog.kpis.get(kpi))
                {
                    *told = def.local;
                }
            }
            RuleOn::Detector(d) => {
                if let Some(told) = self.verdicts.get_mut(d) {
                    *told = true;
                }
            }
            RuleOn::NoData { event, rollup, .. } => self.silence.push((rule, event, rollup)),
            // Conditions are no rules of several conditions themselves.
            RuleOn::Several { .. } => {}
        }
    }
}

#[cfg(test)]
mod tests;
