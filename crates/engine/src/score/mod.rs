//! Stage 3: what several subjects say together, and the alerts.
//!
//! Terms wait until every partials partition is final through their window; then rounds run in the
//! order of (window end, KPI or rule, subject). So the results are a function of the facts, however
//! the messages of different partials partitions interleave. A rule of several conditions, or one
//! that another rule inhibits, takes what its rounds say and waits until all that it asks is final
//! through the same time.
//!
//! State is kept in shards, slices of (tenant, KPI | detector | rule): nothing crosses them, so
//! each has a snapshot of its own, folds from its own offset, and keeps its own table of final
//! times.

mod deferred;
mod facts;
mod forget;
mod hours;
mod join;
mod machine;
mod mix;
mod plan;
mod rules;
mod setting;
mod shard;
mod silence;
pub mod snapshot;
mod tell;
mod to_date;

use crate::EngineError;
use crate::terms::{Fact, Route, Routes, TermsReader, route_hash};
use plan::Plan;
use shard::Shard;
use std::sync::Arc;
use weir_catalog::types::Catalog;
use weir_model::Micros;
use weir_model::records::{Alert, Kpi};

/// Number of shards.
const SHARDS: u32 = 8;

/// What one instance of score is for.
#[derive(Debug, Clone, Copy)]
pub struct ScoreOptions {
    /// Partition of `weir.terms`.
    pub partition: u32,
    /// Number of partitions of the partials.
    pub partials: u32,
    /// Run of the derivation.
    pub run: u32,
}

/// Records to write, in the order of (window end, name, subject) within one fold.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct ScoreOut {
    /// Values of cross-subject KPIs and of scores.
    pub kpis: Vec<Kpi>,
    /// Steps of alerts.
    pub alerts: Vec<Alert>,
}

/// Figures for operators.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ScoreStats {
    /// Windows of KPIs or detectors that wait to be final.
    pub pending: usize,
    /// Subjects of cross-subject KPIs that are remembered.
    pub memories: usize,
    /// Alerts that are open.
    pub open_alerts: usize,
    /// Subjects watched for silence.
    pub watched: usize,
    /// Facts that came after their window was final: always 0, or an invariant is broken.
    pub too_late: u64,
    /// By event type: final on all partials partitions.
    pub final_through: Vec<Micros>,
}

/// What shards share: read-only while folding.
struct Context {
    catalog: Arc<Catalog>,
    plan: Plan,
    options: ScoreOptions,
}

/// One partition of stage 3.
pub struct Score {
    context: Context,
    shards: Vec<Shard>,
    too_late: u64,
}

impl Score {
    /// Nothing read yet.
    pub fn new(catalog: Arc<Catalog>, options: ScoreOptions) -> Result<Score, EngineError> {
        let plan = Plan::new(&catalog)?;
        let shards = (0..SHARDS).map(|_| Shard::new(options.partials)).collect();
        Ok(Score {
            context: Context {
                catalog,
                plan,
                options,
            },
            shards,
            too_late: 0,
        })
    }

    /// Folds one message. `emit` is false while catching up to the committed offset after a
    /// restore: state moves, nothing is written.
    pub fn fold(
        &mut self,
        offset: i64,
        bytes: &[u8],
        emit: bool,
        out: &mut ScoreOut,
    ) -> Result<(), EngineError> {
        let (kpis, alerts) = (out.kpis.len(), out.alerts.len());
        let reader = TermsReader::parse(bytes)?;
        if (reader.catalog, reader.run) != (self.context.catalog.hash, self.context.options.run) {
            return Err(EngineError::OtherRun {
                what: "a message of terms",
            });
        }
        if reader.partitions != self.context.options.partials
            || reader.partition >= reader.partitions
        {
            return Err(EngineError::Invariant(format!(
                "a message of terms comes from partition {} of {} of the partials, {} were expected",
                reader.partition, reader.partitions, self.context.options.partials
            )));
        }
        for fact in reader {
            match fact? {
                Fact::FinalThrough {
                    partition, through, ..
                } => {
                    if through.len() != self.context.catalog.events.len() {
                        return Err(EngineError::corrupt(
                            "a message of terms",
                            "it has times of other events",
                        ));
                    }
                    for shard in self.shards.iter_mut().filter(|s| s.covered < offset) {
                        shard.final_through(&self.context, partition, &through, offset, out);
                    }
                }
                fact => {
                    let shard = &mut self.shards[shard_of(&self.context.plan.routes, &fact)];
                    if shard.covered < offset && !shard.take(&self.context, fact)? {
                        self.too_late += 1;
                    }
                }
            }
        }
        for shard in self.shards.iter_mut() {
            shard.covered = shard.covered.max(offset);
        }
        if !emit {
            out.kpis.truncate(kpis);
            out.alerts.truncate(alerts);
            return Ok(());
        }
        // Shards are walked one after the other: put their rounds together again.
        out.kpis[kpis..]
            .sort_by(|a, b| (a.end, &a.kpi, &a.subject).cmp(&(b.end, &b.kpi, &b.subject)));
        out.alerts[alerts..]
            .sort_by(|a, b| (a.at, &a.rule, &a.subject).cmp(&(b.at, &b.rule, &b.subject)));
        Ok(())
    }

    /// Number of shards that snapshots are taken of.
    pub fn shards(&self) -> u32 {
        SHARDS
    }

    /// Whether a shard has changed since its last snapshot, but for final times.
    pub fn dirty(&self, shard: u32) -> bool {
        self.shards.get(shard as usize).is_some_and(|s| s.dirty)
    }

    /// Figures for operators.
    pub fn stats(&self) -> ScoreStats {
        let mut stats = ScoreStats {
            too_late: self.too_late,
            ..ScoreStats::default()
        };
        for shard in &self.shards {
            shard.count(&mut stats);
        }
        let events = self.context.catalog.events.len();
        stats.final_through = (0..events)
            .map(|e| {
                self.shards
                    .iter()
                    .map(|s| s.final_on_all(e))
                    .min()
                    .unwrap_or(Micros::MIN)
            })
            .collect();
        stats
    }
}

fn shard_of(routes: &Routes, fact: &Fact<'_>) -> usize {
    let (subject, route) = match fact {
        Fact::Term { subject, kpi, .. }
        | Fact::Setting { subject, kpi, .. }
        | Fact::KpiValue { subject, kpi, .. } => (subject, Route::Kpi(*kpi)),
        Fact::Verdict {
            subject, detector, ..
        } => (subject, Route::Detector(*detector)),
        Fact::Active { subject, rule, .. } => (subject, Route::Rule(*rule)),
        Fact::FinalThrough { .. } => return 0,
    };
    // The low bits have chosen the partition.
    ((route_hash(subject.tenant(), routes.lead(route)) >> 32) % u64::from(SHARDS)) as usize
}

#[cfg(test)]
mod hostile;
#[cfg(test)]
mod tests;
