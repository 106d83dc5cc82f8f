//! Stage 3 in the shell: terms to cross-subject KPIs and alerts.

use crate::keyed::{Keyed, KeyedStage, SnapshotPart};
use crate::{Scope, metric};
use weir_engine::EngineError;
use weir_engine::score::{Score, ScoreOptions, ScoreOut};
use weir_engine::terms::TermsReader;
use weir_kafka::{Outbox, StageError};
use weir_model::topics;

pub(crate) type ScoreStage = KeyedStage<Scores>;

/// One partition of stage 3.
pub(crate) struct Scores {
    score: Score,
    run: u32,
}

impl Keyed for Scores {
    type Out = ScoreOut;
    type Beside = ();
    const NAME: &'static str = "score";
    const INPUT: &'static str = topics::TERMS;

    fn create(scope: &Scope, partition: i32) -> Result<Scores, EngineError> {
        let options = ScoreOptions {
            partition: partition as u32,
            partials: scope.run.partials,
            run: scope.run.number,
        };
        Ok(Scores {
            score: Score::new(scope.catalog.clone(), options)?,
            run: scope.run.number,
        })
    }
    fn fold(
        &mut self,
        offset: i64,
        value: &[u8],
        emit: bool,
        out: &mut ScoreOut,
    ) -> Result<(), EngineError> {
        // Left over from before this run began: what it says comes again under this one.
        if TermsReader::parse(value)?.run < self.run {
            return Ok(());
        }
        self.score.fold(offset, value, emit, out)
    }
    fn snapshot(&mut self, shard: u32) -> Vec<SnapshotPart> {
        self.score.snapshot(shard)
    }
    fn marker(&self) -> Vec<u8> {
        self.score.marker()
    }
    fn shards(&self) -> u32 {
        self.score.shards()
    }
    fn dirty(&self, shard: u32) -> bool {
        self.score.dirty(shard)
    }
    fn restore(
        &mut self,
        parts: &mut dyn Iterator<Item = (String, Vec<u8>)>,
    ) -> Result<(), EngineError> {
        self.score.restore(parts)
    }
    fn resume_from(&self) -> i64 {
        self.score.resume_from()
    }

    fn write(_: &Scope, results: &mut ScoreOut, out: &mut Outbox<'_>) -> Result<(), StageError> {
        let mut value = Vec::new();
        for k in results.kpis.drain(..) {
            value.clear();
            k.encode(&mut value);
            out.send(topics::KPIS, None, Some(k.id.as_bytes()), Some(&value), &[]);
        }
        for a in results.alerts.drain(..) {
            value.clear();
            a.encode(&mut value);
            out.send(
                topics::ALERTS,
                None,
                Some(a.id.as_bytes()),
                Some(&value),
                &[],
            );
        }
        Ok(())
    }

    fn report(&self, partition: i32, _: &Scope) {
        let stats = self.score.stats();
        let partition = partition.to_string();
        metrics::gauge!(metric::OPEN_ALERTS, "partition" => partition.clone())
            .set(stats.open_alerts as f64);
        metrics::gauge!(metric::BREAKS, "stage" => "score", "partition" => partition)
            .set(stats.too_late as f64);
    }
}
