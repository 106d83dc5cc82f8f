//! What leaves stage 2.

use super::plan::Plan;
use super::store::{Subject as Held, texts};
use crate::terms::TermsWriter;
use crate::{EngineError, accumulate};
use weir_catalog::types::EventId;
use weir_model::records::{Aggregate, AggregateBlock, Anomaly, Kpi, Part, Subject};
use weir_model::{Micros, WindowSize};

/// Results of folds, to be produced. The caller empties it.
#[derive(Debug, Default)]
pub struct WindowOut {
    /// Blocks for `weir.aggregates`, each of one event type.
    pub aggregates: Vec<AggregateBlock>,
    /// For `weir.anomalies`.
    pub anomalies: Vec<Anomaly>,
    /// For `weir.kpis`.
    pub kpis: Vec<Kpi>,
    /// For `weir.terms`: (partition, message), in order.
    pub terms: Vec<(u32, Vec<u8>)>,
}

/// A block of aggregates is closed beyond this many bytes, estimated.
const FULL: usize = 500 * 1024;

/// Collects the results of one fold.
pub(crate) struct Sink {
    pub anomalies: Vec<Anomaly>,
    pub kpis: Vec<Kpi>,
    pub terms: TermsWriter,
    run: u32,
    /// By event type: the block in the making and its size, about.
    open: Vec<Option<(AggregateBlock, usize)>>,
    done: Vec<AggregateBlock>,
}

impl Sink {
    pub fn new(plan: &Plan, run: u32, terms: TermsWriter) -> Sink {
        Sink {
            anomalies: Vec::new(),
            kpis: Vec::new(),
            terms,
            run,
            open: plan.layouts.iter().map(|_| None).collect(),
            done: Vec::new(),
        }
    }

    /// Adds one row of an event type.
    pub fn aggregate(
        &mut self,
        plan: &Plan,
        event: EventId,
        subject: Subject,
        (window, start, end): (WindowSize, Micros, Micros),
        part: Part,
        row: &[u8],
    ) -> Result<(), EngineError> {
        let values = accumulate::decode(&plan.layouts[event], row)?;
        let (block, size) = self.open[event].get_or_insert_with(|| {
            let def = &plan.catalog.events[event];
            let block = AggregateBlock {
                event: def.name.clone(),
                catalog: plan.catalog.hash,
                run: self.run,
                measures: def.measures.iter().map(|m| m.name.clone()).collect(),
                rows: Vec::new(),
            };
            (block, 0)
        });
        *size += 48 + row.len() * 2 + bytes_of(&subject);
        block.rows.push(Aggregate {
            subject,
            window,
            start,
            end,
            part,
            values,
        });
        if *size >= FULL
            && let Some((block, _)) = self.open[event].take()
        {
            self.done.push(block);
        }
        Ok(())
    }

    /// Hands everything over.
    pub fn finish(&mut self, out: &mut WindowOut) {
        let open = self
            .open
            .iter_mut()
            .filter_map(|o| o.take().map(|(block, _)| block));
        out.aggregates.append(&mut self.done);
        out.aggregates.extend(open);
        out.anomalies.append(&mut self.anomalies);
        out.kpis.append(&mut self.kpis);
        out.terms.append(&mut self.terms.take());
    }
}

fn bytes_of(subject: &Subject) -> usize {
    subject.tenant.len()
        + subject
            .dimensions
            .iter()
            .map(|(n, v)| n.len() + v.len() + 4)
            .sum::<usize>()
}

/// The record's form of a subject.
pub(crate) fn subject(plan: &Plan, held: &Held) -> Subject {
    let mut texts = texts(&held.name);
    let tenant = texts.next().unwrap_or_default().to_owned();
    named(plan, held.shape, tenant, texts)
}

/// A subject from its tenant and the values of a shape.
pub(crate) fn named<'v>(
    plan: &Plan,
    shape: u16,
    tenant: String,
    values: impl Iterator<Item = &'v str>,
) -> Subject {
    let names = &plan.shapes[usize::from(shape)];
    let dimensions = names
        .iter()
        .zip(values)
        .map(|(n, v)| (n.clone(), v.to_owned()))
        .collect();
    Subject { tenant, dimensions }
}
