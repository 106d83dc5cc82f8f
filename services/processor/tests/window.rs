//! Stages 2 and 3 on a real Kafka, stopped and started again: every final window is written once.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use weir_catalog::{Catalog, MeasureKind};
use weir_engine::measure::{self, Layout};
use weir_engine::partial::{BlockWriter, WatermarkEntry};
use weir_kafka::admin::Admin;
use weir_kafka::{Appender, Brokers, Consumer, Tp};
use weir_model::records::{AggregateBlock, MeasureValue, Part};
use weir_model::{Micros, WindowSize, codes, hash, topics};
use weir_processor::{Processor, ProcessorConfig, StageName, reprocess, run_of};
use weir_runtime::Shutdown;

const DEADLINE: Duration = Duration::from_secs(20);
const EVENT: &str = "capability.executed";
const BEGIN: i64 = 1_767_225_600_000_000;
const MINUTES: i64 = 90;

fn catalog() -> Arc<Catalog> {
    let schemas = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas");
    Arc::new(weir_catalog::load(&schemas).unwrap())
}

fn value(kind: &MeasureKind, n: u64) -> MeasureValue {
    match kind.accumulator().empty() {
        MeasureValue::Count(_) => MeasureValue::Count(n),
        empty => empty,
    }
}

struct Running {
    shutdown: Shutdown,
    thread: std::thread::JoinHandle<Result<(), weir_kafka::Error>>,
}

fn start(config: &ProcessorConfig, catalog: &Arc<Catalog>) -> Running {
    let (config, catalog, shutdown) = (config.clone(), catalog.clone(), Shutdown::new());
    let told = shutdown.clone();
    let thread = std::thread::spawn(move || {
        Processor::run(
            &config,
            catalog,
            &[StageName::Window, StageName::Score],
            &told,
        )
    });
    Running { shutdown, thread }
}

impl Running {
    fn stop(self) {
        self.shutdown.trigger();
        self.thread.join().unwrap().unwrap();
    }
}

fn aggregates(brokers: &Brokers, admin: &Admin) -> Vec<AggregateBlock> {
    let info = admin.topics(&[topics::AGGREGATES]).unwrap().remove(0);
    let mut open = info.partitions.len();
    let from: Vec<(Tp, i64)> = info
        .partitions
        .iter()
        .map(|p| (Tp::new(topics::AGGREGATES, p.partition), p.low))
        .collect();
    let consumer = Consumer::assigned(brokers, &from).unwrap();
    let mut all = Vec::new();
    while open > 0 {
        consumer.poll(Duration::ZERO).unwrap();
        let batch = consumer
            .next(Duration::from_millis(100), Duration::ZERO, 1000)
            .unwrap();
        all.extend(
            batch
                .iter()
                .map(|m| AggregateBlock::decode(m.value().unwrap()).unwrap()),
        );
        open -= batch.ends().len().min(open);
    }
    all
}

/// Puts something else in the place of a partition's snapshots: they are refused, and the log is folded again.
fn damage_state(brokers: &Brokers, partition: i32) {
    let admin = Admin::new(brokers, DEADLINE).unwrap();
    let state = admin.topics(&[topics::STATE]).unwrap().remove(0);
    let to = partition % state.partitions.len() as i32;
    let out = Appender::new(brokers).unwrap();
    for stage in ["window", "score"] {
        let key = format!("{stage}/r1/{partition}/0/0");
        out.send(
            topics::STATE,
            Some(to),
            Some(key.as_bytes()),
            Some(b"\x03damaged"),
            &[],
        )
        .unwrap();
    }
    out.flush().unwrap();
}

#[test]
fn windows_are_written_once_across_restarts() {
    let _ = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::INFO)
        .with_test_writer()
        .try_init();
    let brokers = Brokers::new(weir_embedded::testing::kafka().address());
    let catalog = catalog();
    let mut config = ProcessorConfig {
        kafka: brokers.clone(),
        ..ProcessorConfig::default()
    };
    config.snapshot_cycle = Duration::from_millis(900);
    let run = run_of(&brokers, &catalog, &config.partitions, DEADLINE).unwrap();
    assert_eq!(run.number, 1);
    assert_eq!(
        run_of(&brokers, &catalog, &config.partitions, DEADLINE).unwrap(),
        run
    );

    let event = catalog.events.iter().position(|e| e.name == EVENT).unwrap();
    let def = &catalog.events[event];
    let rollup = def
        .rollups
        .iter()
        .position(|r| r.dimensions.is_empty())
        .unwrap();
    let layout = Layout::new(def);
    let mut key = Vec::new();
    hash::subject_key(&mut key, "acme", []);
    let subject = hash::subject(&key);
    let home = (subject % u64::from(run.partials)) as i32;
    let out = Appender::new(&brokers).unwrap();
    let mut running = start(&config, &catalog);
    let mut block = Vec::new();
    for minute in 0..=MINUTES {
        let mut writer = BlockWriter::new(catalog.hash, run.number);
        let pane = Micros(BEGIN).plus(Micros(minute * Micros::MINUTE.0));
        if minute < MINUTES {
            let values: Vec<MeasureValue> = def
                .measures
                .iter()
                .map(|m| value(&m.kind, minute as u64 + 1))
                .collect();
            let mut row = Vec::new();
            measure::encode(&layout, &values, &mut row);
            writer.group((event, rollup), subject, "acme", [].into_iter());
            writer.row(pane, false, &row);
            writer.finish(&mut block);
            out.send(topics::PARTIALS, Some(home), None, Some(&block), &[])
                .unwrap();
        }
        for partition in 0..config.partitions.raw {
            let (watermark, partitions) = (pane, config.partitions.raw);
            writer.watermark(WatermarkEntry {
                event,
                partition,
                partitions,
                watermark,
            });
        }
        writer.finish(&mut block);
        for partition in 0..run.partials as i32 {
            out.send(topics::PARTIALS, Some(partition), None, Some(&block), &[])
                .unwrap();
        }
        out.flush().unwrap();
        std::thread::sleep(Duration::from_millis(60));
        if minute % 25 == 24 {
            // Records come while nobody reads, and state comes back from its snapshots.
            running.stop();
            if minute == 49 {
                damage_state(&brokers, home);
            }
            running = start(&config, &catalog);
        }
    }
    let admin = Admin::new(&brokers, DEADLINE).unwrap();
    let windows: Vec<WindowSize> = def.rollups[rollup].windows.clone();
    let minutes_of = |w: WindowSize| match w {
        WindowSize::Minute => 1,
        WindowSize::FiveMinutes => 5,
        WindowSize::Hour => 60,
        WindowSize::Day => 1440,
    };
    let expected: usize = windows
        .iter()
        .map(|w| (MINUTES / minutes_of(*w)) as usize)
        .sum();
    let began = Instant::now();
    let mut seen: BTreeMap<(WindowSize, Micros), u64> = BTreeMap::new();
    while seen.len() < expected && began.elapsed() < Duration::from_secs(30) {
        std::thread::sleep(Duration::from_millis(300));
        seen.clear();
        for block in aggregates(&brokers, &admin) {
            assert_eq!(
                (block.run, block.catalog, block.event.as_str()),
                (1, catalog.hash, EVENT)
            );
            let counted = def
                .measures
                .iter()
                .position(|m| matches!(m.kind, MeasureKind::Count) && m.filter.is_empty());
            for row in block.rows {
                assert_eq!(row.part, Part::OnTime);
                let MeasureValue::Count(n) = row.values[counted.unwrap()] else {
                    panic!("{row:?}")
                };
                assert_eq!(
                    seen.insert((row.window, row.start), n),
                    None,
                    "written twice: {:?}",
                    row.start
                );
            }
        }
    }
    running.stop();
    for ((window, start), n) in &seen {
        let first = (start.0 - BEGIN) / Micros::MINUTE.0;
        let want: i64 = (first..first + minutes_of(*window)).map(|m| m + 1).sum();
        assert_eq!(*n as i64, want, "{window:?} {start:?}");
    }
    assert_eq!(seen.len(), expected);

    config.partitions.partials = 3;
    // What exists decides, so a configured number alone changes nothing.
    assert_eq!(
        run_of(&brokers, &catalog, &config.partitions, DEADLINE).unwrap(),
        run
    );
    // The same names with another meaning and no new version are refused.
    let mut sources = catalog.sources.as_ref().clone();
    let file = sources
        .iter_mut()
        .find(|(f, _)| f.ends_with("catalog/productivity.recorded.yaml"))
        .unwrap();
    assert!(file.1.contains("{sum: prs_merged,"));
    file.1 = file.1.replace("{sum: prs_merged,", "{sum: prs_created,");
    let other = weir_catalog::load_sources(sources).unwrap();
    let e = run_of(&brokers, &other, &config.partitions, DEADLINE).unwrap_err();
    assert_eq!(e.code, codes::CATALOG_MEANING, "{e}");
    assert_eq!(
        reprocess(&brokers, &catalog, &config.partitions, DEADLINE)
            .unwrap()
            .number,
        2
    );
}
