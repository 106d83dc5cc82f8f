//! What leaves stage 2.

use super::plan::{Plan, RollupPlan};
use super::store::{Subject as Held, texts};
use crate::terms::TermsWriter;
use crate::{EngineError, measure};
use weir_model::records::{AggregateWriter, Anomaly, Kpi, Part, Subject};
use weir_model::{Micros, WindowSize};

/// Results of folds, to be produced. The caller empties it.
#[derive(Debug, Default)]
pub struct WindowOut {
    /// Values of records of `weir.aggregates`, framed: blocks of rows of one event type.
    pub aggregates: Vec<Vec<u8>>,
    /// For `weir.anomalies`.
    pub anomalies: Vec<Anomaly>,
    /// For `weir.kpis`.
    pub kpis: Vec<Kpi>,
    /// For `weir.terms`: (partition, message), in order.
    pub terms: Vec<(u32, Vec<u8>)>,
}

/// A block of aggregates is closed beyond this many bytes.
const FULL: usize = 600 * 1024;

/// Collects the results of one fold.
pub(crate) struct Sink {
    pub aggregates: Blocks,
    pub anomalies: Vec<Anomaly>,
    pub kpis: Vec<Kpi>,
    pub terms: TermsWriter,
}

impl Sink {
    pub fn new(plan: &Plan, run: u32, terms: TermsWriter) -> Sink {
        Sink {
            aggregates: Blocks::new(plan.layouts.len(), run),
            anomalies: Vec::new(),
            kpis: Vec::new(),
            terms,
        }
    }

    /// Hands everything over.
    pub fn finish(&mut self, out: &mut WindowOut) -> Result<(), EngineError> {
        out.aggregates.append(&mut self.aggregates.take()?);
        out.anomalies.append(&mut self.anomalies);
        out.kpis.append(&mut self.kpis);
        out.terms.append(&mut self.terms.take());
        Ok(())
    }
}

/// Writes rows into blocks of one event type each.
pub struct Blocks {
    run: u32,
    /// By event type: the block in the making.
    open: Vec<Option<AggregateWriter>>,
    /// By event type: bytes of the last block, room for the next.
    room: Vec<usize>,
    done: Vec<Vec<u8>>,
}

impl Blocks {
    /// For so many event types of a catalog.
    pub fn new(events: usize, run: u32) -> Blocks {
        Blocks {
            run,
            open: (0..events).map(|_| None).collect(),
            room: vec![0; events],
            done: Vec::new(),
        }
    }

    /// Adds one row of a rollup.
    pub(crate) fn add<'v>(
        &mut self,
        plan: &Plan,
        rollup: &RollupPlan,
        (tenant, values): (&str, impl Iterator<Item = &'v str>),
        (window, start, end): (WindowSize, Micros, Micros),
        part: Part,
        row: &[u8],
    ) -> Result<(), EngineError> {
        let writer = self.open[rollup.event].get_or_insert_with(|| {
            let def = &plan.catalog.events[rollup.event];
            let measures: Vec<&str> = def.measures.iter().map(|m| m.name.as_str()).collect();
            let rollups = plan.shapes_of(rollup.event);
            AggregateWriter::new(
                Vec::with_capacity(self.room[rollup.event]),
                &def.name,
                plan.catalog.hash,
                self.run,
                &measures,
                &rollups,
            )
        });
        writer.row(tenant, rollup.index, values, window, start, end, part);
        measure::write(&plan.layouts[rollup.event], row, writer)?;
        if writer.len() >= FULL {
            self.close(rollup.event)?;
        }
        Ok(())
    }

    fn close(&mut self, event: usize) -> Result<(), EngineError> {
        if let Some(writer) = self.open[event].take() {
            let block = writer
                .finish()
                .map_err(|e| EngineError::Invariant(e.to_string()))?;
            // A little more than the last one: few blocks have to move while they grow.
            self.room[event] = block.len() + block.len() / 16;
            self.done.push(block);
        }
        Ok(())
    }

    /// Closes the blocks and hands them over, framed as records of `weir.aggregates`.
    pub fn take(&mut self) -> Result<Vec<Vec<u8>>, EngineError> {
        for event in 0..self.open.len() {
            self.close(event)?;
        }
        Ok(std::mem::take(&mut self.done))
    }
}

/// The record's form of a subject.
pub(crate) fn subject(plan: &Plan, held: &Held) -> Subject {
    let mut texts = texts(&held.name);
    let tenant = texts.next().unwrap_or_default().to_owned();
    let names = &plan.shapes[usize::from(held.shape)];
    let dimensions = names
        .iter()
        .zip(texts)
        .map(|(n, v)| (n.clone(), v.to_owned()))
        .collect();
    Subject { tenant, dimensions }
}
