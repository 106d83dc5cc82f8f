//! Stage 2 in the shell: partials to aggregates, anomalies, KPIs, terms, and the live stream.

use crate::keyed::{Keyed, KeyedStage, SnapshotPart, stage_error};
use crate::{Scope, metric};
use std::time::{Duration, Instant};
use weir_engine::EngineError;
use weir_engine::partial::SHARDS;
use weir_engine::window::{Blocks, Window, WindowOptions, WindowOut};
use weir_kafka::{Appender, Outbox, StageError};
use weir_model::topics;

/// Between two looks at what is provisional.
const LIVE_EVERY: Duration = Duration::from_millis(250);
/// One part in so many of the stage's time, at most, is spent on what is provisional.
const LIVE_SHARE: u32 = 100;

pub(crate) type WindowStage = KeyedStage<Windows>;

/// One partition of stage 2.
pub(crate) struct Windows(Window);

/// Where what is provisional is told, and when next. It ends with its stage, while the stage's
/// thread still stands: its producer calls back, and what it calls uses thread locals.
pub(crate) struct Live {
    to: Appender,
    next: Instant,
}

impl Keyed for Windows {
    type Out = WindowOut;
    type Beside = Option<Live>;
    const NAME: &'static str = "window";
    const INPUT: &'static str = topics::PARTIALS;

    fn create(scope: &Scope, partition: i32) -> Result<Windows, EngineError> {
        let options = WindowOptions {
            partition: partition as u32,
            partials: scope.run.partials,
            run: scope.run.number,
            shards: SHARDS as u32,
            terms: scope.run.terms,
            partitions: scope.raw.clone(),
        };
        Window::new(scope.catalog.clone(), options).map(Windows)
    }
    fn fold(
        &mut self,
        offset: i64,
        value: &[u8],
        emit: bool,
        out: &mut WindowOut,
    ) -> Result<(), EngineError> {
        self.0.fold(offset, value, emit, out)
    }
    fn snapshot(&mut self, shard: u32) -> Vec<SnapshotPart> {
        self.0.snapshot(shard)
    }
    fn marker(&self) -> Vec<u8> {
        self.0.marker()
    }
    fn shards(&self) -> u32 {
        self.0.shards()
    }
    fn dirty(&self, shard: u32) -> bool {
        self.0.dirty(shard)
    }
    fn restore(
        &mut self,
        parts: &mut dyn Iterator<Item = (String, Vec<u8>)>,
    ) -> Result<(), EngineError> {
        self.0.restore(parts)
    }
    fn resume_from(&self) -> i64 {
        self.0.resume_from()
    }

    fn write(_: &Scope, results: &mut WindowOut, out: &mut Outbox<'_>) -> Result<(), StageError> {
        let mut value = Vec::new();
        for block in results.aggregates.drain(..) {
            out.send(topics::AGGREGATES, None, None, Some(&block), &[]);
        }
        for a in results.anomalies.drain(..) {
            value.clear();
            a.encode(&mut value);
            out.send(
                topics::ANOMALIES,
                None,
                Some(a.id.as_bytes()),
                Some(&value),
                &[],
            );
        }
        for k in results.kpis.drain(..) {
            value.clear();
            k.encode(&mut value);
            out.send(topics::KPIS, None, Some(k.id.as_bytes()), Some(&value), &[]);
        }
        for (partition, message) in results.terms.drain(..) {
            out.send(
                topics::TERMS,
                Some(partition as i32),
                None,
                Some(&message),
                &[],
            );
        }
        Ok(())
    }

    fn now_and_then(
        live: &mut Option<Live>,
        parts: &mut dyn Iterator<Item = &mut Windows>,
        scope: &Scope,
    ) -> Result<(), StageError> {
        if live.is_none() {
            *live = Some(Live {
                to: Appender::new(&scope.brokers)?,
                next: Instant::now(),
            });
        }
        let Some(Live { to, next }) = live else {
            return Ok(());
        };
        let begun = Instant::now();
        if begun < *next {
            return Ok(());
        }
        let told = tell_live(parts, scope, to);
        // While history is read everything changes all the time: what is provisional waits, results
        // do not.
        *next = begun + LIVE_EVERY.max(begun.elapsed() * LIVE_SHARE);
        if let Err(e) = told {
            // Nobody counts on it: results go on without.
            tracing::warn!("the live stream has a gap: {e}");
            *live = None;
        }
        Ok(())
    }

    fn report(&self, partition: i32, _: &Scope) {
        let stats = self.0.stats();
        let partition = partition.to_string();
        metrics::gauge!(metric::STATE_BYTES, "stage" => "window", "partition" => partition.clone())
            .set(stats.bytes as f64);
        metrics::gauge!(metric::SERIES, "partition" => partition.clone()).set(stats.series as f64);
        metrics::gauge!(metric::BREAKS, "stage" => "window", "partition" => partition)
            .set(stats.invariant_breaks as f64);
    }
}

/// The live stream has the form of the aggregates: blocks of one event type, rows on time so far.
fn tell_live(
    parts: &mut dyn Iterator<Item = &mut Windows>,
    scope: &Scope,
    to: &Appender,
) -> Result<(), StageError> {
    let mut blocks = Blocks::new(scope.catalog.events.len(), scope.run.number);
    for part in parts {
        part.0.live(&mut blocks).map_err(stage_error)?;
    }
    for block in blocks.take().map_err(stage_error)? {
        to.send(topics::LIVE, None, None, Some(&block), &[])?;
    }
    to.poll();
    Ok(())
}
