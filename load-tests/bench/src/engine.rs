//! The three stages' engines in one thread, without Kafka: what the arithmetic alone costs, and
//! where to look with a profiler.

use crate::child::{resident, thread_cpu};
use crate::generate::{Generator, Spec};
use crate::system::{history, schema};
use anyhow::{Result, anyhow};
use serde::Serialize;
use std::io::{Read, Write};
use std::path::Path;
use std::sync::Arc;
use weir_catalog::Catalog;
use weir_engine::combine::{Combine, CombineOptions, Fold, Input, Position, Record};
use weir_engine::partial::SHARDS;
use weir_engine::score::{Score, ScoreOptions, ScoreOut};
use weir_engine::window::{Window, WindowOptions, WindowOut};
use weir_model::Micros;
use weir_model::headers::Meta;

/// Partitions of the partials, as by default.
pub const PARTIALS: u32 = 16;
const TERMS: u32 = 4;
/// Records per batch of a partition.
const RUN: usize = 1000;

/// Events between commits, as while catching up: whole minutes, where they are not too many.
fn commit_of(spec: &Spec) -> usize {
    const LEAST: usize = weir_kafka::StageConfig::COMMIT_RECORDS;
    let minute = (spec.rate as usize * 60).max(1);
    LEAST.next_multiple_of(minute).min(2 * LEAST)
}

/// CPU time and sizes of a run.
#[derive(Debug, Default, Clone, Serialize)]
pub struct Cost {
    /// Records folded.
    pub events: u64,
    /// Bytes of their values.
    pub bytes: u64,
    /// Seconds of combine.
    pub combine: f64,
    /// Seconds of window.
    pub window: f64,
    /// Seconds of score.
    pub score: f64,
    /// Rows from combine to window.
    pub partial_rows: u64,
    /// Bytes from combine to window.
    pub partial_bytes: u64,
    /// Bytes of aggregates out of window.
    pub aggregate_bytes: u64,
}

struct Stored {
    partition: u32,
    at: Micros,
    range: std::ops::Range<usize>,
}

/// Stage 1 over a generated log.
pub struct Source {
    combine: Combine,
    generator: Generator,
    spec: Spec,
    bytes: Vec<u8>,
    offsets: Vec<i64>,
    /// What was used.
    pub cost: Cost,
}

impl Source {
    /// From the start of the log.
    pub fn new(catalog: &Arc<Catalog>, spec: Spec) -> Result<Source> {
        let options = CombineOptions {
            partials: PARTIALS,
            run: 1,
            max_block: 700 << 10,
            partitions: vec![spec.partitions],
        };
        let mut combine = Combine::new(catalog.clone(), options)?;
        let schema = schema(catalog);
        combine.add_schema(0, schema.id, schema.guid, &schema.schema)?;
        for partition in 0..spec.partitions {
            combine.open(
                Input {
                    event: 0,
                    partition,
                },
                Position::default(),
            );
        }
        let generator = Generator::new(spec.clone(), schema.id, 1);
        let offsets = vec![0; spec.partitions as usize];
        Ok(Source {
            combine,
            generator,
            spec,
            bytes: Vec::new(),
            offsets,
            cost: Cost::default(),
        })
    }

    /// Folds so many records and drains as a commit would.
    pub fn commit(&mut self, events: usize, each: &mut dyn FnMut(u32, &[u8])) -> Result<()> {
        self.bytes.clear();
        let mut by_partition: Vec<Vec<Stored>> =
            (0..self.spec.partitions).map(|_| Vec::new()).collect();
        for _ in 0..events {
            let made = self.generator.next();
            let start = self.bytes.len();
            self.bytes.extend_from_slice(made.value);
            let stored = Stored {
                partition: made.partition,
                at: made.log_time,
                range: start..self.bytes.len(),
            };
            by_partition[made.partition as usize].push(stored);
        }
        let mut unexpected = None;
        let begun = thread_cpu();
        // Batches come partition by partition, in turn.
        for turn in 0.. {
            let mut any = false;
            for stored in &by_partition {
                let Some(run) = stored.chunks(RUN).nth(turn) else {
                    continue;
                };
                any = true;
                let input = Input {
                    event: 0,
                    partition: run[0].partition,
                };
                let next = &mut self.offsets[run[0].partition as usize];
                let records: Vec<Record<'_>> = run
                    .iter()
                    .zip(*next..)
                    .map(|(s, offset)| Record {
                        offset,
                        append_time: s.at,
                        value: Some(&self.bytes[s.range.clone()]),
                        meta: Meta::default(),
                    })
                    .collect();
                *next += run.len() as i64;
                self.combine.fold_batch(input, &records, &mut |_, fold| {
                    if let Fold::Dead(_) | Fold::UnknownSchema(_) = fold {
                        unexpected = Some(fold);
                    }
                });
            }
            if !any {
                break;
            }
        }
        let cost = &mut self.cost;
        cost.partial_rows += self.combine.buffered_rows() as u64;
        let mut used = thread_cpu() - begun;
        let mut begun = thread_cpu();
        self.combine.drain(true, &mut |partition, block| {
            used += thread_cpu() - begun;
            cost.partial_bytes += block.len() as u64;
            each(partition, block);
            begun = thread_cpu();
        });
        cost.combine += used + thread_cpu() - begun;
        cost.events += events as u64;
        cost.bytes += self.bytes.len() as u64;
        unexpected.map_or(Ok(()), |f| Err(anyhow!("an event did not count: {f:?}")))
    }
}

/// Stage 2: one window for each partition of the partials.
pub fn windows(catalog: &Arc<Catalog>, raw: u32) -> Result<Vec<Window>> {
    (0..PARTIALS)
        .map(|partition| {
            let options = WindowOptions {
                partition,
                partials: PARTIALS,
                run: 1,
                shards: SHARDS as u32,
                terms: TERMS,
                partitions: vec![raw],
            };
            Ok(Window::new(catalog.clone(), options)?)
        })
        .collect()
}

/// Runs the chain over so many records; `aggregates` gets every block of results.
pub fn chain(
    catalog: &Arc<Catalog>,
    spec: Spec,
    events: u64,
    aggregates: &mut dyn FnMut(Vec<u8>) -> Result<bool>,
) -> Result<Cost> {
    let mut windows = windows(catalog, spec.partitions)?;
    let mut scores: Vec<(Score, i64)> = (0..TERMS)
        .map(|partition| {
            Ok((
                Score::new(
                    catalog.clone(),
                    ScoreOptions {
                        partition,
                        partials: PARTIALS,
                        run: 1,
                    },
                )?,
                0,
            ))
        })
        .collect::<Result<_>>()?;
    let mut offsets = vec![0i64; PARTIALS as usize];
    let commit = commit_of(&spec);
    let mut source = Source::new(catalog, spec)?;
    let mut blocks: Vec<(u32, Vec<u8>)> = Vec::new();
    let (mut out, mut scored) = (WindowOut::default(), ScoreOut::default());
    'all: while source.cost.events < events {
        let n = commit.min((events - source.cost.events) as usize);
        source.commit(n, &mut |p, block| blocks.push((p, block.to_vec())))?;
        for (p, block) in blocks.drain(..) {
            let begun = thread_cpu();
            let offset = &mut offsets[p as usize];
            windows[p as usize].fold(*offset, &block, true, &mut out)?;
            *offset += 1;
            source.cost.window += thread_cpu() - begun;
            let begun = thread_cpu();
            for (to, message) in out.terms.drain(..) {
                let (score, offset) = &mut scores[to as usize];
                score.fold(*offset, &message, true, &mut scored)?;
                *offset += 1;
            }
            source.cost.score += thread_cpu() - begun;
            scored = ScoreOut::default();
            out.anomalies.clear();
            out.kpis.clear();
            for block in out.aggregates.drain(..) {
                source.cost.aggregate_bytes += block.len() as u64;
                if !aggregates(block)? {
                    break 'all;
                }
            }
        }
    }
    Ok(source.cost)
}

/// Prints nanoseconds per event.
pub fn print(catalog: &Arc<Catalog>, engineers: u64, events: u64) -> Result<Cost> {
    let cost = chain(catalog, history(engineers, 4), events, &mut |_| Ok(true))?;
    let per = |s: f64| s * 1e9 / cost.events as f64;
    println!(
        "{} events of {} bytes, {engineers} engineers: combine {:.0}, window {:.0}, score {:.0} ns per event; {:.2} rows and {:.0} bytes of partials, {:.0} bytes of aggregates per event",
        cost.events,
        cost.bytes / cost.events.max(1),
        per(cost.combine),
        per(cost.window),
        per(cost.score),
        cost.partial_rows as f64 / cost.events as f64,
        cost.partial_bytes as f64 / cost.events as f64,
        cost.aggregate_bytes as f64 / cost.events as f64,
    );
    Ok(cost)
}

/// Memory of stage 2.
#[derive(Debug, Clone, Serialize, serde::Deserialize)]
pub struct Held {
    /// Active series.
    pub series: u64,
    /// Open windows.
    pub open: u64,
    /// Growth of the process's resident size.
    pub resident: u64,
    /// As the engine itself counts.
    pub counted: u64,
}

/// Writes the partials of a log to a file: partition, length, block.
pub fn write_partials(catalog: &Arc<Catalog>, spec: Spec, events: u64, file: &Path) -> Result<()> {
    let mut out = std::io::BufWriter::new(std::fs::File::create(file)?);
    let commit = commit_of(&spec);
    let mut source = Source::new(catalog, spec)?;
    let mut failed = Ok(());
    while source.cost.events < events {
        let n = commit.min((events - source.cost.events) as usize);
        source.commit(n, &mut |p, block| {
            let length = (block.len() as u32).to_le_bytes();
            let written = out
                .write_all(&p.to_le_bytes())
                .and_then(|()| out.write_all(&length))
                .and_then(|()| out.write_all(block));
            if let Err(e) = written {
                failed = Err(e);
            }
        })?;
    }
    failed?;
    Ok(out.flush()?)
}

/// Folds such a file into stage 2 and says what it holds then. To be run in a process of its own.
pub fn hold(catalog: &Arc<Catalog>, raw: u32, file: &Path) -> Result<Held> {
    let mut input = std::io::BufReader::with_capacity(1 << 20, std::fs::File::open(file)?);
    let mut windows = windows(catalog, raw)?;
    let mut offsets = vec![0i64; PARTIALS as usize];
    let (mut head, mut block, mut out) =
        ([0; 8], Vec::with_capacity(1 << 20), WindowOut::default());
    let before = resident();
    while input.read_exact(&mut head).is_ok() {
        let [p0, p1, p2, p3, l @ ..] = head;
        let partition = u32::from_le_bytes([p0, p1, p2, p3]) as usize;
        block.resize(u32::from_le_bytes(l) as usize, 0);
        input.read_exact(&mut block)?;
        windows[partition].fold(offsets[partition], &block, true, &mut out)?;
        offsets[partition] += 1;
        // As the stage does after each commit: what was written is not held.
        out = WindowOut::default();
    }
    let resident = resident().saturating_sub(before);
    let stats: Vec<_> = windows.iter().map(Window::stats).collect();
    Ok(Held {
        series: stats.iter().map(|s| s.series as u64).sum(),
        open: stats.iter().map(|s| s.open as u64).sum(),
        counted: stats.iter().map(|s| s.bytes as u64).sum(),
        resident,
    })
}
