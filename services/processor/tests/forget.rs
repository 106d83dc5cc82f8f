//! What snapshots have covered for ten cycles goes from the log, and a restart reads on.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use weir_catalog::Catalog;
use weir_engine::partial::{BlockWriter, WatermarkEntry};
use weir_kafka::admin::{Admin, PartitionInfo};
use weir_kafka::{Appender, Brokers, Tp};
use weir_model::{Micros, topics};
use weir_processor::{Processor, ProcessorConfig, Run, StageName, reprocess, run_of};
use weir_runtime::{Shutdown, names};

const DEADLINE: Duration = Duration::from_secs(20);
const PATIENCE: Duration = Duration::from_secs(60);

/// A system without a processor, and the time that its watermarks have come to.
struct System {
    config: ProcessorConfig,
    catalog: Arc<Catalog>,
    run: Run,
    admin: Admin,
    out: Appender,
    minute: i64,
}

impl System {
    fn new() -> System {
        let brokers = Brokers::new(weir_embedded::testing::kafka().address());
        let schemas = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas");
        let catalog = Arc::new(weir_catalog::load(&schemas).unwrap());
        let config = ProcessorConfig {
            kafka: brokers.clone(),
            // A cycle takes a commit for each shard, at least.
            snapshot_cycle: Duration::from_millis(100),
            commit_interval: Duration::from_millis(1),
            ..ProcessorConfig::default()
        };
        System {
            run: run_of(&brokers, &catalog, &config.partitions, DEADLINE).unwrap(),
            admin: Admin::new(&brokers, DEADLINE).unwrap(),
            out: Appender::new(&brokers).unwrap(),
            config,
            catalog,
            minute: 0,
        }
    }

    /// Moves the watermarks of an event type by a minute, in a record of each partition.
    fn tick(&mut self) {
        self.minute += 1;
        let mut writer = BlockWriter::new(self.catalog.hash, self.run.number);
        let partitions = self.config.partitions.raw;
        for partition in 0..partitions {
            writer.watermark(WatermarkEntry {
                event: 0,
                partition,
                partitions,
                watermark: Micros(self.minute * Micros::MINUTE.0),
            });
        }
        let mut block = Vec::new();
        writer.finish(&mut block);
        for p in 0..self.run.partials as i32 {
            let sent = self
                .out
                .send(topics::PARTIALS, Some(p), None, Some(&block), &[]);
            sent.unwrap();
        }
        self.out.flush().unwrap();
    }

    fn partials(&self) -> Vec<PartitionInfo> {
        let mut topic = self.admin.topics(&[topics::PARTIALS]).unwrap();
        topic.remove(0).partitions
    }

    fn committed(&self) -> Vec<i64> {
        let group = names::stage_group("window", self.run.number);
        let parts: Vec<Tp> = (0..self.run.partials as i32)
            .map(|p| Tp::new(topics::PARTIALS, p))
            .collect();
        let found = self.admin.committed(&group, &parts).unwrap();
        found.into_iter().map(Option::unwrap_or_default).collect()
    }

    /// Ticks while stage 2 runs, until this holds.
    fn run_until(&mut self, what: &str, holds: impl Fn(&System) -> bool) {
        let shutdown = Shutdown::new();
        let (config, catalog, told) = (self.config.clone(), self.catalog.clone(), shutdown.clone());
        let thread = std::thread::spawn(move || {
            Processor::run(&config, catalog, &[StageName::Window], &told)
        });
        let begun = Instant::now();
        while !holds(self) {
            assert!(!thread.is_finished(), "stage 2 ended before {what}");
            assert!(begun.elapsed() < PATIENCE, "never {what}");
            self.tick();
            std::thread::sleep(Duration::from_millis(5));
        }
        shutdown.trigger();
        thread.join().unwrap().unwrap();
    }
}

#[test]
fn what_snapshots_cover_goes() {
    let mut system = System::new();
    system.run_until("are records deleted", |s| {
        s.partials().iter().all(|p| p.low > 0)
    });
    for (part, committed) in system.partials().iter().zip(system.committed()) {
        assert!(part.low < committed, "{part:?}, committed {committed}");
    }

    // It reads on behind what is gone.
    let before = system.committed();
    system.run_until("does it read on", move |s| {
        s.committed().iter().zip(&before).all(|(now, b)| now > b)
    });

    // Another run begins where the log does now.
    let c = &system.config;
    let next = reprocess(&c.kafka, &system.catalog, &c.partitions, DEADLINE).unwrap();
    assert_eq!(next.number, system.run.number + 1);
    system.run = next;
    system.run_until("does the next run read", |s| {
        s.committed().iter().all(|c| *c > 0)
    });
}
