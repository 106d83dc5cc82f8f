//! Stage 1 in the shell: raw events to partials.

use crate::keyed::stage_error;
use crate::ticks::{QUIET, Quiet, Ticks};
use crate::{Scope, metric};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use weir_engine::combine::{Combine, CombineOptions, Fold, Input, Position, Record};
use weir_kafka::batch::{Message, Run as Records};
use weir_kafka::stage::Progress;
use weir_kafka::{Committed, Fetching, Outbox, SchemaRegistry, Stage, StageError, Tp};
use weir_model::headers::{Meta, SchemaRef};
use weir_model::{Micros, codes, topics};

/// Raw records fetched ahead while a long log is read, of all partitions and of each: what keeps
/// one thread busy while more comes.
const AHEAD_KIB: u32 = 4 << 10;
const AHEAD_OF_EACH_KIB: RangeInclusive<u32> = 128..=1 << 10;
/// Largest block of partials.
const MAX_BLOCK: usize = 700 * 1024;
/// Watermarks are told at most this often.
const WATERMARKS_EVERY: Duration = Duration::from_millis(250);

struct Part {
    input: Input,
    /// Offsets below this only rebuild de-duplication.
    committed: i64,
    last_record: Instant,
    /// What the last tick was for.
    ticked: Micros,
}

/// [`Combine`] as a [`Stage`].
pub(crate) struct CombineStage {
    scope: Scope,
    combine: Combine,
    registry: SchemaRegistry,
    parts: BTreeMap<Tp, Part>,
    ticks: Ticks,
    told: Instant,
    /// Minute of the slowest partition when last asked for a boundary since the last commit.
    minute: Option<Micros>,
    reported: Instant,
    counts: Vec<Counts>,
}

/// Of one event type, since start of the last report.
#[derive(Clone, Copy, Default)]
struct Counts {
    events: u64,
    late: u64,
    clamped: u64,
    duplicates: u64,
}

fn record<'a>(m: &Message<'a>, meta: Meta) -> Record<'a> {
    Record {
        offset: m.offset(),
        append_time: Micros::from_millis(m.timestamp()),
        value: m.value(),
        meta,
    }
}

pub(crate) fn now() -> Micros {
    Micros(
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |d| d.as_micros() as i64),
    )
}

/// How raw topics with so many partitions are fetched.
pub(crate) fn fetching(partitions: u32) -> Fetching {
    let (least, most) = AHEAD_OF_EACH_KIB.into_inner();
    let each = (AHEAD_KIB / partitions.max(1)).clamp(least, most);
    Fetching {
        waiting_kib: each,
        sent_kib: each,
        ..Fetching::default()
    }
}

impl CombineStage {
    pub(crate) fn new(scope: Scope) -> Result<CombineStage, StageError> {
        let options = CombineOptions {
            partials: scope.run.partials,
            run: scope.run.number,
            max_block: MAX_BLOCK,
            partitions: scope.raw.clone(),
        };
        let counts = vec![Counts::default(); scope.catalog.events.len()];
        Ok(CombineStage {
            combine: Combine::new(Arc::clone(&scope.catalog), options).map_err(stage_error)?,
            registry: SchemaRegistry::open(&scope.brokers, scope.limit())?,
            ticks: Ticks::new(&scope)?,
            parts: BTreeMap::new(),
            told: Instant::now(),
            minute: None,
            reported: Instant::now(),
            counts,
            scope,
        })
    }

    fn input(&self, tp: &Tp) -> Result<Input, StageError> {
        let event = topics::event_type(&tp.topic)
            .and_then(|name| {
                self.scope
                    .catalog
                    .events
                    .iter()
                    .position(|e| e.name == name)
            })
            .ok_or_else(|| {
                StageError::new(codes::INVARIANT, format!("{tp} is not of the catalog"))
            })?;
        Ok(Input {
            event,
            partition: tp.partition as u32,
        })
    }

    /// Makes the engine know a schema. False: there is no such id, definitely.
    fn learn(&mut self, event: usize, id: SchemaRef) -> Result<bool, StageError> {
        // Waits for an unreachable broker, up to its deadline, then the stage starts again: never a
        // dead letter for that.
        let Some(schema) = self.registry.lookup(id)? else {
            return Ok(false);
        };
        self.combine
            .add_schema(event, schema.id, schema.guid, &schema.schema)
            .map_err(stage_error)?;
        Ok(true)
    }

    fn warm(&mut self, input: Input, record: &Record<'_>) -> Result<(), StageError> {
        while let Fold::UnknownSchema(id) = self.combine.warm(input, record) {
            if !self.learn(input.event, id)? {
                self.combine.warm_dead(input, record);
                return Ok(());
            }
        }
        Ok(())
    }

    /// Folds up to the first record whose schema the engine does not know; returns how many, and
    /// the schema.
    fn fold_known(
        &mut self,
        input: Input,
        topic: &str,
        messages: &[Message<'_>],
        records: &[Record<'_>],
        out: &mut Outbox<'_>,
    ) -> (usize, Option<SchemaRef>) {
        let counts = &mut self.counts[input.event];
        let (mut not_counted, mut unknown) = (0, None);
        let folded = self
            .combine
            .fold_batch(input, records, &mut |i, fold| match fold {
                Fold::Counted { late, clamped } => {
                    counts.late += u64::from(late);
                    counts.clamped += u64::from(clamped);
                }
                Fold::Duplicate => {
                    not_counted += 1;
                    counts.duplicates += 1;
                }
                Fold::Tick | Fold::Mark | Fold::Skipped => not_counted += 1,
                Fold::Dead(dead) => {
                    not_counted += 1;
                    out.dead(
                        &messages[i],
                        topic,
                        dead.code,
                        (&dead.tenant, &dead.message),
                    );
                }
                Fold::UnknownSchema(id) => unknown = Some(id),
            });
        counts.events += folded as u64 - not_counted;
        (folded, unknown)
    }

    fn send_ticks(&mut self, parts: &[Progress]) -> Result<(), StageError> {
        if !self.ticks.is_time() {
            return Ok(());
        }
        let combine = &self.combine;
        let ours = self.parts.iter();
        let ours = ours.map(|(tp, part)| (tp, combine.last_event(part.input)));
        let last_event = self.ticks.last_event(&self.scope, ours)?;
        if last_event == Micros::MIN {
            return Ok(());
        }
        let at_end: BTreeSet<&Tp> = parts.iter().filter(|p| p.at_end).map(|p| &p.tp).collect();
        let events = &self.scope.catalog.events;
        let quiet = self.parts.iter_mut().filter_map(|(tp, part)| {
            let idle = at_end.contains(tp) && part.last_record.elapsed() >= QUIET;
            (idle && !combine.in_replay(part.input)).then(|| Quiet {
                tp,
                event: &events[part.input.event].name,
                disorder: events[part.input.event].disorder,
                watermark: combine.watermark(part.input),
                ticked: &mut part.ticked,
            })
        });
        self.ticks.send(last_event, quiet)
    }

    fn report(&mut self) {
        if self.reported.elapsed() < Duration::from_secs(5) {
            return;
        }
        self.reported = Instant::now();
        let now = now();
        for (i, event) in self.scope.catalog.events.iter().enumerate() {
            let c = std::mem::take(&mut self.counts[i]);
            for (name, n) in [
                (metric::EVENTS, c.events),
                (metric::LATE, c.late),
                (metric::CLAMPED, c.clamped),
                (metric::DUPLICATES, c.duplicates),
            ] {
                metrics::counter!(name, "event" => event.name.clone()).increment(n);
            }
            let ours = self.parts.values().filter(|p| p.input.event == i);
            if let Some(oldest) = ours
                .map(|p| self.combine.watermark(p.input))
                .min()
                .filter(|w| *w > Micros::MIN)
            {
                metrics::gauge!(metric::WATERMARK_DELAY, "event" => event.name.clone())
                    .set(now.minus(oldest).0 as f64 / 1e6);
            }
        }
        metrics::gauge!(metric::STATE_BYTES, "stage" => "combine")
            .set(self.combine.buffered_bytes() as f64);
    }
}

impl Stage for CombineStage {
    fn assigned(&mut self, new: &[Committed]) -> Result<Vec<Option<i64>>, StageError> {
        let mut starts = Vec::with_capacity(new.len());
        for c in new {
            let input = self.input(&c.tp)?;
            let position = Position::parse(&c.metadata).map_err(stage_error)?;
            let committed = c.offset.unwrap_or(0);
            starts.push(match (c.offset, position.horizon_start()) {
                (Some(offset), Some(horizon)) => Some(horizon.min(offset)),
                (offset, _) => offset,
            });
            if position.watermark() > Micros::MIN && position.event() == Micros::MIN {
                self.ticks.at_least = now();
            }
            self.combine.open(input, position);
            let part = Part {
                input,
                committed,
                last_record: Instant::now(),
                ticked: Micros::MIN,
            };
            self.parts.insert(c.tp.clone(), part);
        }
        Ok(starts)
    }

    fn revoked(&mut self, gone: &[Tp]) {
        let inputs: Vec<Input> = gone
            .iter()
            .filter_map(|tp| self.parts.remove(tp))
            .map(|p| p.input)
            .collect();
        if self.parts.is_empty() {
            // Also after an abort: what was not drained goes too.
            self.combine.discard();
        } else {
            inputs.into_iter().for_each(|i| self.combine.close(i));
        }
    }

    fn fold(&mut self, tp: &Tp, run: Records<'_>, out: &mut Outbox<'_>) -> Result<(), StageError> {
        let Some(part) = self.parts.get_mut(tp) else {
            return Err(StageError::new(
                codes::INVARIANT,
                format!("{tp} is not open here"),
            ));
        };
        part.last_record = Instant::now();
        let (input, committed) = (part.input, part.committed);
        let (known, new) = run.split_at_offset(committed);
        for m in known.iter() {
            self.warm(input, &record(&m, m.meta()))?;
        }
        let messages: Vec<Message<'_>> = new.iter().collect();
        let usual = self.combine.usual_frame(input);
        let metas = messages.iter().zip(new.metas(usual));
        let records: Vec<Record<'_>> = metas.map(|(m, meta)| record(m, meta)).collect();
        let mut from = 0;
        while from < records.len() {
            let (folded, unknown) =
                self.fold_known(input, &tp.topic, &messages[from..], &records[from..], out);
            from += folded;
            if let Some(id) = unknown
                && !self.learn(input.event, id)?
            {
                self.combine.fold_dead(input, &records[from]);
                let text = format!("no schema is registered under {id:?}");
                out.dead(
                    &messages[from],
                    &tp.topic,
                    codes::UNKNOWN_SCHEMA,
                    ("", &text),
                );
                from += 1;
            }
        }
        Ok(())
    }

    fn commit(&mut self, out: &mut Outbox<'_>) -> Result<(), StageError> {
        let tell = self.told.elapsed() >= WATERMARKS_EVERY;
        self.combine.drain(tell, &mut |partition, block| {
            out.send(
                topics::PARTIALS,
                Some(partition as i32),
                None,
                Some(block),
                &[],
            );
        });
        if tell {
            self.told = Instant::now();
        }
        self.minute = None;
        let mut value = Vec::new();
        for late in self.combine.late() {
            value.clear();
            late.encode(&mut value);
            out.send(topics::LATE, None, None, Some(&value), &[]);
        }
        Ok(())
    }

    fn metadata(&self, tp: &Tp) -> String {
        self.parts
            .get(tp)
            .map_or_else(String::new, |p| self.combine.metadata(p.input))
    }

    /// Where the last partition enters a minute: the rows of whole minutes are the fewest.
    fn at_boundary(&mut self) -> bool {
        let inputs = self.parts.values().map(|p| p.input);
        let times = inputs.map(|i| self.combine.log_time(i));
        let slowest = times.filter(|t| *t > Micros::MIN).min();
        let now = slowest.map(|t| t.floor(Micros::MINUTE));
        let before = std::mem::replace(&mut self.minute, now);
        before.is_some_and(|before| Some(before) < now)
    }

    fn wants_commit(&mut self) -> bool {
        self.told.elapsed() >= WATERMARKS_EVERY && self.combine.has_news()
    }

    fn log_time(&self, tp: &Tp) -> Option<Micros> {
        self.parts.get(tp).map(|p| self.combine.log_time(p.input))
    }

    fn between(&mut self, parts: &[Progress]) -> Result<(), StageError> {
        self.send_ticks(parts)?;
        self.report();
        Ok(())
    }
}
