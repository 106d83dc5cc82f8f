//! The subcommands that the benchmark starts as processes of their own.

use crate::generate::EVENT;
use crate::system::{DEADLINE, Work, catalog, ends};
use anyhow::{Context, Result};
use std::collections::BTreeSet;
use std::time::Duration;
use weir_kafka::admin::Admin;
use weir_kafka::{Brokers, Consumer, Tp};
use weir_model::topics;
use weir_processor::{Processor, ProcessorConfig, StageName};
use weir_runtime::Shutdown;
use weir_sink::{Sink, SinkConfig};
use weir_store::StoreConfig;

/// The three stages where their work is given, and the sink where ClickHouse is, until SIGTERM.
pub fn services(brokers: &str, clickhouse: Option<&str>, stages: Option<Work>) -> Result<()> {
    let catalog = catalog(stages.unwrap_or(Work::Judged))?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let guard = runtime.enter();
    let shutdown = Shutdown::on_signals()?;
    let sink = clickhouse.map(|url| {
        let config = SinkConfig::new(Brokers::new(brokers), StoreConfig::at(url));
        runtime.spawn(Sink::new(config, catalog.clone()).run(shutdown.clone()))
    });
    if stages.is_some() {
        let config = ProcessorConfig {
            kafka: Brokers::new(brokers),
            ..ProcessorConfig::default()
        };
        Processor::run(&config, catalog, &StageName::ALL, &shutdown)?;
        shutdown.trigger();
    }
    drop(guard);
    if let Some(sink) = sink {
        runtime.block_on(sink).context("the sink panicked")??;
    }
    Ok(())
}

/// Prints how many records the raw topic holds, read as the stages read.
pub fn consume(brokers: &str) -> Result<()> {
    let brokers = Brokers::new(brokers);
    let topic = topics::events(EVENT);
    let ends = ends(&Admin::new(&brokers, DEADLINE)?, &topic)?;
    let from: Vec<(Tp, i64)> = (0..ends.len())
        .map(|p| (Tp::new(topic.as_str(), p as i32), 0))
        .collect();
    let consumer = Consumer::assigned(&brokers, &from)?;
    let mut left: BTreeSet<i32> = from
        .iter()
        .zip(&ends)
        .filter(|(_, e)| **e > 0)
        .map(|((tp, _), _)| tp.partition)
        .collect();
    let (mut records, mut bytes) = (0u64, 0u64);
    while !left.is_empty() {
        let batch = consumer.next(Duration::from_millis(100), Duration::from_millis(3), 4096)?;
        records += batch.len() as u64;
        bytes += batch
            .iter()
            .filter_map(|m| m.value())
            .map(|v| v.len() as u64)
            .sum::<u64>();
        for end in batch.ends() {
            left.remove(&end.partition);
        }
    }
    // Also to keep the sum alive.
    eprintln!("{bytes} bytes");
    println!("{records}");
    Ok(())
}
