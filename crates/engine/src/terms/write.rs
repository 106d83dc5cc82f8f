//! Facts into messages.

use super::{
    ACTIVE, ANOMALOUS, FACT, FINAL_THROUGH, FORMAT, HAS_VALUE, KPI_VALUE, Route, SubjectKey, TERM,
    VERDICT, homes, partition_of,
};
use crate::detect::Finding;
use crate::varint;
use hashbrown::HashMap;
use weir_catalog::types::Catalog;
use weir_model::Micros;

/// A message is closed beyond this many bytes.
const FULL: usize = 512 * 1024;

/// Collects the facts of one commit of one partials partition, by terms partition.
#[derive(Debug)]
pub struct TermsWriter {
    catalog: u64,
    run: u32,
    partition: u32,
    partitions: u32,
    /// By KPI: see [`homes`].
    homes: Vec<usize>,
    open: Vec<Open>,
    done: Vec<(u32, Vec<u8>)>,
    subject: String,
}

impl TermsWriter {
    /// For partition `partition` of `partitions` of the partials, and `terms` partitions of
    /// `weir.terms`.
    pub fn new(
        catalog: &Catalog,
        run: u32,
        partition: u32,
        partitions: u32,
        terms: u32,
    ) -> TermsWriter {
        let open = (0..terms.max(1)).map(|_| Open::default()).collect();
        TermsWriter {
            catalog: catalog.hash,
            run,
            partition,
            partitions,
            homes: homes(catalog),
            open,
            done: Vec::new(),
            subject: String::new(),
        }
    }

    /// See [`super::Fact::Term`].
    pub fn term<'v>(
        &mut self,
        (kpi, term): (usize, usize),
        tenant: &str,
        values: impl IntoIterator<Item = &'v str>,
        (start, end): (Micros, Micros),
        value: Option<f64>,
    ) {
        let heading = Heading {
            tag: TERM,
            index: kpi,
            term,
            start,
            end,
        };
        self.fact(self.route(kpi), heading, tenant, values, |out| {
            body(out, value, None)
        });
    }

    /// See [`super::Fact::KpiValue`].
    pub fn kpi_value<'v>(
        &mut self,
        kpi: usize,
        tenant: &str,
        values: impl IntoIterator<Item = &'v str>,
        (start, end): (Micros, Micros),
        value: Option<f64>,
    ) {
        let heading = Heading {
            tag: KPI_VALUE,
            index: kpi,
            term: 0,
            start,
            end,
        };
        self.fact(self.route(kpi), heading, tenant, values, |out| {
            body(out, value, None)
        });
    }

    fn route(&self, kpi: usize) -> Route {
        Route::Kpi(self.homes.get(kpi).copied().unwrap_or(kpi))
    }

    /// See [`super::Fact::Verdict`]: `found` where it is anomalous.
    pub fn verdict<'v>(
        &mut self,
        detector: usize,
        tenant: &str,
        values: impl IntoIterator<Item = &'v str>,
        (start, end): (Micros, Micros),
        value: f64,
        found: Option<Finding>,
    ) {
        let heading = Heading {
            tag: VERDICT,
            index: detector,
            term: 0,
            start,
            end,
        };
        self.fact(Route::Detector(detector), heading, tenant, values, |out| {
            body(out, Some(value), found)
        });
    }

    /// See [`super::Fact::Active`].
    pub fn active<'v>(
        &mut self,
        rule: usize,
        tenant: &str,
        values: impl IntoIterator<Item = &'v str>,
        last_minute_end: Micros,
    ) {
        let heading = Heading {
            tag: ACTIVE,
            index: rule,
            term: 0,
            start: last_minute_end,
            end: last_minute_end,
        };
        self.fact(Route::Rule(rule), heading, tenant, values, |out| {
            body(out, None, None)
        });
    }

    /// See [`super::Fact::FinalThrough`]; goes to every terms partition, after the facts it covers.
    pub fn final_through(&mut self, through: &[Micros]) {
        for i in 0..self.open.len() {
            self.start(i);
            let out = &mut self.open[i].bytes;
            out.push(FINAL_THROUGH);
            varint::put_u64(out, through.len() as u64);
            through.iter().for_each(|t| varint::put_i64(out, t.0));
        }
    }

    /// The messages so far, by terms partition, in order; the writer starts anew.
    #[must_use]
    pub fn take(&mut self) -> Vec<(u32, Vec<u8>)> {
        for i in 0..self.open.len() {
            self.close(i);
        }
        std::mem::take(&mut self.done)
    }

    fn fact<'v>(
        &mut self,
        route: Route,
        heading: Heading,
        tenant: &str,
        values: impl IntoIterator<Item = &'v str>,
        write: impl FnOnce(&mut Vec<u8>),
    ) {
        let i = partition_of(tenant, route, self.open.len() as u32) as usize;
        if self.open[i].bytes.len() >= FULL {
            self.close(i);
        }
        self.start(i);
        self.subject.clear();
        SubjectKey::write(&mut self.subject, tenant, values);
        let open = &mut self.open[i];
        open.head(heading);
        write(&mut open.bytes);
        open.name(&self.subject);
    }

    fn start(&mut self, i: usize) {
        let out = &mut self.open[i].bytes;
        if out.is_empty() {
            out.push(FORMAT);
            out.extend_from_slice(&self.catalog.to_le_bytes());
            varint::put_u64(out, u64::from(self.run));
            varint::put_u64(out, u64::from(self.partition));
            varint::put_u64(out, u64::from(self.partitions));
        }
    }

    fn close(&mut self, i: usize) {
        let message = std::mem::take(&mut self.open[i]);
        if !message.bytes.is_empty() {
            self.done.push((i as u32, message.bytes));
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Heading {
    tag: u8,
    index: usize,
    term: usize,
    start: Micros,
    end: Micros,
}

/// A message in the making.
#[derive(Debug, Default)]
struct Open {
    bytes: Vec<u8>,
    heading: Option<Heading>,
    subjects: HashMap<Box<str>, u64>,
}

impl Open {
    fn head(&mut self, heading: Heading) {
        if self.heading == Some(heading) {
            return;
        }
        let before = self.heading.replace(heading).map_or(0, |h| h.end.0);
        let out = &mut self.bytes;
        out.push(heading.tag);
        varint::put_u64(out, heading.index as u64);
        if heading.tag == TERM {
            varint::put_u64(out, heading.term as u64);
        }
        varint::put_i64(out, heading.end.0.wrapping_sub(before));
        if heading.tag != ACTIVE {
            varint::put_i64(out, heading.end.0.wrapping_sub(heading.start.0));
        }
    }

    /// The number of a subject named before, or the next number and its text.
    fn name(&mut self, subject: &str) {
        let next = self.subjects.len() as u64;
        if let Some(n) = self.subjects.get(subject) {
            varint::put_u64(&mut self.bytes, *n);
        } else {
            varint::put_u64(&mut self.bytes, next);
            varint::put_str(&mut self.bytes, subject);
            self.subjects.insert(subject.into(), next);
        }
    }
}

fn body(out: &mut Vec<u8>, value: Option<f64>, found: Option<Finding>) {
    let has_value = if value.is_some() { HAS_VALUE } else { 0 };
    let anomalous = if found.is_some() { ANOMALOUS } else { 0 };
    out.push(FACT | has_value | anomalous);
    let numbers = found.into_iter().flat_map(|f| [f.expected, f.score]);
    value
        .into_iter()
        .chain(numbers)
        .for_each(|v| varint::put_f64(out, v));
}
