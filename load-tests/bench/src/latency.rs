//! From an event to the anomaly that it makes, at a read-committed consumer, while everything runs.

use crate::child::{Child, cpu_of};
use crate::generate::{EVENT, Generator};
use crate::report::Figure;
use crate::system::{System, Work, ends, history, opened, schema, stages};
use anyhow::{Context, Result, ensure};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use weir_catalog::Catalog;
use weir_kafka::admin::{Admin, Partitions};
use weir_kafka::{Appender, Brokers, Consumer, Tp};
use weir_model::records::Anomaly;
use weir_model::{Micros, topics};

/// Events per second.
const RATE: u64 = 10_000;
/// Time between two marked events.
const EVERY: Duration = Duration::from_millis(20);
/// Marked events are of engineers from here on, each of its own: beyond those that the generator
/// draws.
const FRESH: u64 = 1_000_000;
/// Beyond the detector's limit.
const TOKENS: u64 = 100_000_000;
const WARM_UP: Duration = Duration::from_secs(40);

fn now() -> Micros {
    Micros(
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |d| d.as_micros() as i64),
    )
}

/// Writes events at the rate; sends the moment and the engineer of each marked one. Returns how
/// many were written, and the longest time that it was behind its own schedule.
fn produce(
    brokers: &Brokers,
    catalog: &Catalog,
    lasting: Duration,
    sent: &mpsc::Sender<(u64, Instant)>,
) -> Result<(u64, Duration)> {
    let appender = Appender::new(brokers)?;
    let topic = topics::events(EVENT);
    let mut generator = Generator::new(
        history(100_000, Partitions::default().raw),
        schema(catalog).id,
        2,
    );
    let (begun, mut written, mut marked, mut behind) = (Instant::now(), 0u64, 0u64, Duration::ZERO);
    let mut random = crate::generate::Random::new(3);
    loop {
        let elapsed = begun.elapsed();
        if elapsed >= lasting {
            break;
        }
        let due = (elapsed.as_micros() as u64 * RATE) / 1_000_000;
        while written < due {
            behind = behind.max(
                begun
                    .elapsed()
                    .saturating_sub(Duration::from_micros(written * 1_000_000 / RATE)),
            );
            let (partition, value) =
                generator.marked(now(), random.below(100_000), random.below(4000));
            appender.send(&topic, Some(partition as i32), None, Some(value), &[])?;
            written += 1;
        }
        if elapsed >= EVERY * marked as u32 {
            let engineer = FRESH + marked;
            let (partition, value) = generator.marked(now(), engineer, TOKENS);
            let at = Instant::now();
            appender.send(&topic, Some(partition as i32), None, Some(value), &[])?;
            sent.send((engineer, at)).context("the reader is gone")?;
            (written, marked) = (written + 1, marked + 1);
        }
        appender.poll();
        std::thread::sleep(Duration::from_micros(500));
    }
    appender.flush()?;
    Ok((written, behind))
}

/// Reads anomalies until told to stop: engineer, moment, early.
fn watch(consumer: &Consumer, stop: &AtomicBool) -> Result<Vec<(String, Instant, bool)>> {
    let mut seen = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let batch = consumer.next(Duration::from_millis(50), Duration::ZERO, 1)?;
        let at = Instant::now();
        for m in batch.iter() {
            let anomaly = Anomaly::decode(m.value().unwrap_or_default())?;
            if anomaly.detector == "tokens_limit" {
                let engineer = anomaly
                    .subject
                    .dimensions
                    .into_iter()
                    .map(|(_, v)| v)
                    .next()
                    .unwrap_or_default();
                seen.push((engineer, at, anomaly.early));
            }
        }
    }
    Ok(seen)
}

fn percentile(sorted: &[f64], q: f64) -> f64 {
    sorted[((sorted.len() as f64 * q).ceil() as usize).clamp(1, sorted.len()) - 1]
}

/// Figure 3.
pub fn figures(catalog: &Arc<Catalog>, quick: bool) -> Result<Vec<Figure>> {
    let lasting = Duration::from_secs(if quick { 15 } else { 60 });
    eprintln!("latency at {RATE} events/s, {} s", lasting.as_secs());
    let system = System::start(catalog, &Partitions::default())?;
    let clickhouse = system.clickhouse()?;
    let url = opened(&clickhouse);
    let brokers = &system.brokers;
    let stages = stages(brokers, Work::Judged)?;
    let sink = Child::start(&[
        "sink-alone",
        "--brokers",
        &brokers.bootstrap,
        "--clickhouse",
        &url,
    ])?;
    let parts = ends(
        &Admin::new(brokers, crate::system::DEADLINE)?,
        topics::ANOMALIES,
    )?
    .len();
    let from: Vec<(Tp, i64)> = (0..parts)
        .map(|p| (Tp::new(topics::ANOMALIES, p as i32), 0))
        .collect();
    let consumer = Consumer::assigned(brokers, &from)?;
    // Groups form, tables are created.
    std::thread::sleep(WARM_UP);

    let (send, receive) = mpsc::channel();
    let stop = AtomicBool::new(false);
    let (produced, seen, used) = std::thread::scope(|threads| -> Result<_> {
        let flag = &stop;
        let watching = threads.spawn(move || watch(&consumer, flag));
        let producing = threads.spawn(|| produce(brokers, catalog, WARM_UP + lasting, &send));
        std::thread::sleep(WARM_UP);
        let (cpu, broker, begun) = (cpu_of(stages.pid())?, system.broker_cpu()?, Instant::now());
        std::thread::sleep(lasting.saturating_sub(Duration::from_secs(1)));
        let seconds = begun.elapsed().as_secs_f64();
        let used = (
            (cpu_of(stages.pid())? - cpu) / seconds,
            (system.broker_cpu()? - broker) / seconds,
        );
        let produced = producing
            .join()
            .map_err(|_| anyhow::anyhow!("the producer panicked"))?;
        std::thread::sleep(Duration::from_secs(3));
        stop.store(true, Ordering::Relaxed);
        let seen = watching
            .join()
            .map_err(|_| anyhow::anyhow!("the reader panicked"))?;
        Ok((produced?, seen?, used))
    })?;
    drop(send);
    let sent: HashMap<String, (u64, Instant)> = receive
        .into_iter()
        .map(|(e, at)| (Generator::address(e), (e - FRESH, at)))
        .collect();
    let mut early: HashMap<&str, Vec<Instant>> = HashMap::new();
    for (engineer, at, _) in seen.iter().filter(|s| s.2) {
        early.entry(engineer).or_default().push(*at);
    }
    let once = early.values().all(|v| v.len() == 1);
    ensure!(
        once && early.len() == sent.len(),
        "{} early anomalies for {} marked events; each exactly once: {once}",
        early.len(),
        sent.len()
    );
    // What was sent while everything warmed up is not measured.
    let first = (WARM_UP.as_millis() / EVERY.as_millis()) as u64;
    let mut ms: Vec<f64> = sent
        .iter()
        .filter(|(_, (number, _))| *number >= first)
        .filter_map(|(engineer, (_, at))| {
            Some((*early.get(engineer.as_str())?.first()? - *at).as_secs_f64() * 1e3)
        })
        .collect();
    ms.sort_by(f64::total_cmp);
    let (p50, p95, p99) = (
        percentile(&ms, 0.5),
        percentile(&ms, 0.95),
        percentile(&ms, 0.99),
    );
    stages.stop()?;
    sink.stop()?;
    let most = ms.last().copied().unwrap_or_default();
    let rate = produced.0 as f64 / (WARM_UP + lasting).as_secs_f64();
    Ok(vec![Figure {
        name: "event to early limit anomaly at a read-committed consumer, 10k events/s".into(),
        goal: "p50 40, p99 100 ms".into(),
        least: "p99 200 ms".into(),
        measured: format!("p50 {p50:.0}, p95 {p95:.0}, p99 {p99:.0} ms"),
        note: format!(
            "{} marked events in {} s, each found once; three stages and sink running; most {most:.0} ms; stages use {:.0} % of a core, Kafka {:.0} %",
            ms.len(),
            lasting.as_secs(),
            used.0 * 100.0,
            used.1 * 100.0
        ),
        met: Some((p50 <= 40.0 && p99 <= 100.0, p99 <= 200.0)),
        command: "latency".into(),
        detail: serde_json::json!({
            "ms": {"p50": p50, "p90": percentile(&ms, 0.9), "p95": p95, "p99": p99, "max": most},
            "samples": ms.len(), "events_per_second": rate, "producer_behind_ms": produced.1.as_secs_f64() * 1e3,
            "stages_cores": used.0, "broker_cores": used.1,
        }),
    }])
}
