//! Stage 2: partials become panes, panes become windows, final windows are written and judged.
//!
//! One [`Window`] per partition of the partials. It is cut into shards, slices of subjects by hash,
//! of which each has its own copy of the watermarks and is restored from its own offset.

mod activity;
mod close;
mod early;
mod forget;
mod grow;
mod ids;
mod index;
mod judge;
mod kpi;
mod live;
mod marks;
mod open;
mod out;
mod plan;
mod rolling;
mod setting;
mod shard;
pub mod snapshot;
mod store;
mod time;
mod to_date;

pub use out::{Blocks, WindowOut};

use crate::EngineError;
use crate::partial::{Block, Group, shard_of};
use crate::terms::TermsWriter;
use out::Sink;
use plan::Plan;
use shard::{Cx, Scratch, Shard};
use std::sync::Arc;
use time::Days;
use weir_catalog::types::Catalog;
use weir_model::Micros;

/// What a [`Window`] is made for.
#[derive(Debug, Clone)]
pub struct WindowOptions {
    /// Partition of the partials.
    pub partition: u32,
    /// Number of partitions of the partials.
    pub partials: u32,
    /// Run of the derivation.
    pub run: u32,
    /// Slices of subjects that are snapshotted one by one.
    pub shards: u32,
    /// Number of partitions of `weir.terms`.
    pub terms: u32,
    /// Number of partitions of the raw topics, by event type.
    pub partitions: Vec<u32>,
}

/// Figures of a [`Window`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WindowStats {
    /// Subjects held.
    pub subjects: usize,
    /// Series held: subjects by rollup.
    pub series: usize,
    /// Open windows of all sizes.
    pub open: usize,
    /// Bytes held, about.
    pub bytes: usize,
    /// How far each event type is final, by event type.
    pub final_through: Vec<Micros>,
    /// Late parts since start.
    pub late_parts: u64,
    /// On-time rows since start whose pane was final before they came (counted as late parts).
    pub invariant_breaks: u64,
    /// Blocks of older runs passed over since start.
    pub foreign_blocks: u64,
}

/// The state of stage 2 for one partition of the partials.
pub struct Window {
    plan: Arc<Plan>,
    options: WindowOptions,
    shards: Vec<Shard>,
    days: Days,
    sink: Sink,
    scratch: Scratch,
    foreign: u64,
}

impl Window {
    /// An empty one: nothing was read.
    pub fn new(catalog: Arc<Catalog>, options: WindowOptions) -> Result<Window, EngineError> {
        if options.partitions.len() != catalog.events.len() {
            return Err(EngineError::Catalog(
                "the number of raw partitions is not given for each event type".into(),
            ));
        }
        let terms = TermsWriter::new(
            &catalog,
            options.run,
            options.partition,
            options.partials,
            options.terms,
        );
        let days = Days::new(&catalog.tenants);
        let plan = Arc::new(Plan::new(catalog)?);
        Ok(Window {
            shards: (0..options.shards.max(1))
                .map(|_| Shard::new(&plan, &options.partitions))
                .collect(),
            sink: Sink::new(&plan, options.run, terms),
            plan,
            options,
            days,
            scratch: Scratch::default(),
            foreign: 0,
        })
    }

    /// Folds one message of the partials. Shards that already cover `offset` are left alone. `emit`
    /// false: state moves, nothing is written (catching up to the committed offset after a
    /// restore). After an error the state is of no use: restore it.
    pub fn fold(
        &mut self,
        offset: i64,
        block: &[u8],
        emit: bool,
        out: &mut WindowOut,
    ) -> Result<(), EngineError> {
        let block = Block::parse(block)?;
        let older = block.run < self.options.run;
        if !older && (block.run, block.catalog) != (self.options.run, self.plan.catalog.hash) {
            return Err(EngineError::OtherRun {
                what: "a block of partials",
            });
        }
        if older {
            // Left over from before the run began: its events come again under this one.
            self.foreign += 1;
            self.cover(offset);
            return Ok(());
        }
        let plan = self.plan.clone();
        let through = self.final_through();
        let mut cx = Cx {
            plan: &plan,
            days: &mut self.days,
            sink: &mut self.sink,
            scratch: &mut self.scratch,
            emit,
            partition: self.options.partition,
            run: self.options.run,
            offset,
        };
        let shards = self.shards.len();
        let of = |hash: u64| shard_of(hash, shards);
        let (mut all, mut batch) = (block.groups(), Vec::with_capacity(BATCH));
        loop {
            batch.clear();
            for group in all.by_ref().take(BATCH) {
                batch.push(group?);
            }
            if batch.is_empty() {
                break;
            }
            fetch(&self.shards, of, &batch);
            for group in &batch {
                let shard = &mut self.shards[of(group.hash)];
                if shard.covered < offset {
                    shard.add(&mut cx, group)?;
                }
            }
        }
        for shard in self.shards.iter_mut().filter(|s| s.covered < offset) {
            let mut moved = false;
            for mark in block.watermarks() {
                shard.marks.apply(&mark)?;
                moved = true;
            }
            if moved {
                shard.marks.settle();
                shard.advance(&mut cx)?;
            }
        }
        self.cover(offset);
        if emit {
            let now = self.final_through();
            let minutes = |t: &Micros| t.floor(Micros::MINUTE);
            if !now.iter().map(minutes).eq(through.iter().map(minutes)) {
                self.sink.terms.final_through(&now);
            }
            self.sink.finish(out)?;
        }
        Ok(())
    }

    fn cover(&mut self, offset: i64) {
        for shard in &mut self.shards {
            shard.covered = shard.covered.max(offset);
        }
    }

    /// How far each event type is final in every shard.
    fn final_through(&self) -> Vec<Micros> {
        let of = |e| {
            self.shards
                .iter()
                .map(|s| s.marks.final_through(e))
                .min()
                .unwrap_or(Micros::MIN)
        };
        (0..self.plan.layouts.len()).map(of).collect()
    }

    /// Number of shards.
    pub fn shards(&self) -> u32 {
        self.shards.len() as u32
    }

    /// Whether anything but the watermarks changed in a shard since its last snapshot.
    pub fn dirty(&self, shard: u32) -> bool {
        self.shards.get(shard as usize).is_some_and(|s| s.dirty)
    }

    /// Oldest offset that not every shard covers: where reading resumes.
    pub fn resume_from(&self) -> i64 {
        self.shards.iter().map(|s| s.covered).min().unwrap_or(-1) + 1
    }

    /// Figures. Walks over all series: for a scrape, not for every block.
    pub fn stats(&self) -> WindowStats {
        let mut stats = WindowStats {
            final_through: self.final_through(),
            foreign_blocks: self.foreign,
            ..WindowStats::default()
        };
        for shard in &self.shards {
            let (subjects, series) = shard.store.len();
            stats.subjects += subjects;
            stats.series += series;
            stats.late_parts += shard.counters.late_parts;
            stats.invariant_breaks += shard.counters.invariant_breaks;
            let (open, bytes) = shard.store.weigh();
            let tickets: usize = shard
                .queues
                .iter()
                .flat_map(|q| q.values())
                .map(Vec::capacity)
                .sum();
            stats.open += open;
            stats.bytes += bytes + tickets * size_of::<shard::Ticket>();
        }
        stats
    }
}

/// Groups whose memory is fetched before it is used.
const BATCH: usize = 32;

/// Fetches what the groups will change, one step of all of them after the other: each step is read
/// where the one before pointed.
fn fetch(shards: &[Shard], of: impl Fn(u64) -> usize, groups: &[Group<'_>]) {
    let mut ids = [store::NONE; BATCH];
    let stores = || groups.iter().map(|g| (&shards[of(g.hash)].store, g.hash));
    for (store, hash) in stores() {
        store.prefetch_index(hash);
    }
    for ((store, hash), id) in stores().zip(&mut ids) {
        *id = store.prefetch_subject(hash);
    }
    for ((store, _), id) in stores().zip(&mut ids) {
        *id = store.prefetch_series(*id);
    }
    for ((store, _), id) in stores().zip(&ids) {
        store.prefetch_open(*id, false);
    }
}

#[cfg(test)]
mod tests;
