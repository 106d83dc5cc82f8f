//! The sink's rows per second against a bare insert of the same rows.

use crate::child::{self, Child};
use crate::engine;
use crate::report::Figure;
use crate::system::{Committed, DEADLINE, System, ends, history, opened};
use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use std::sync::Arc;
use std::time::{Duration, Instant};
use weir_catalog::Catalog;
use weir_kafka::Appender;
use weir_kafka::admin::{Admin, Partitions};
use weir_model::records::AggregateReader;
use weir_model::topics;
use weir_sink::SinkConfig;
use weir_store::encode::PartsEncoder;
use weir_store::{PartsTable, Store, StoreConfig};

/// Rows per bare insert: those of the sink.
const ROWS: usize = 100_000;

struct Prepared {
    /// By partition of the topic: rows up to and including each record.
    rows: Vec<Vec<u64>>,
    inserts: Vec<Bytes>,
    total: u64,
}

/// Real results of the engines, written to the topic and encoded for the bare insert.
fn prepare(catalog: &Arc<Catalog>, system: &System, wanted: u64) -> Result<Prepared> {
    let partitions = Partitions::default().results as usize;
    let encoder = PartsEncoder::new(PartsTable::of(&catalog.events[0])?);
    let appender = Appender::new(&system.brokers)?;
    let mut made = Prepared {
        rows: vec![Vec::new(); partitions],
        inserts: Vec::new(),
        total: 0,
    };
    let (mut bytes, mut rows, mut turn, mut failed) = (Vec::new(), 0, 0, None);
    engine::chain(catalog, history(100_000, 4), u64::MAX, &mut |block| {
        let mut reader = AggregateReader::new(&block)?;
        match encoder.block(&mut bytes, &mut reader, turn as u64) {
            Ok(n) => {
                rows += n;
                made.total += n as u64;
                let partition = turn % partitions;
                let before = made.rows[partition].last().copied().unwrap_or(0);
                made.rows[partition].push(before + n as u64);
                appender.send(
                    topics::AGGREGATES,
                    Some(partition as i32),
                    None,
                    Some(&block),
                    &[],
                )?;
                turn += 1;
            }
            Err(e) => failed = Some(e),
        }
        if rows >= ROWS || made.total >= wanted {
            made.inserts.push(Bytes::from(std::mem::take(&mut bytes)));
            rows = 0;
        }
        Ok(failed.is_none() && made.total < wanted)
    })?;
    if let Some(e) = failed {
        return Err(e.into());
    }
    appender.flush()?;
    Ok(made)
}

/// Rows per second of inserts that were encoded before, one after the other.
async fn bare(catalog: &Catalog, url: &str, database: &str, made: &Prepared) -> Result<f64> {
    let store = Store::new(&StoreConfig {
        database: database.into(),
        ..StoreConfig::at(url)
    });
    store.prepare(&weir_store::built_in(), catalog).await?;
    let table = PartsTable::of(&catalog.events[0])?;
    // The first one warms up what the sink's first one warms up.
    let mut begun = Instant::now();
    for (i, rows) in made.inserts.iter().enumerate() {
        store
            .insert(&table.name, &table.insert_columns(), rows.clone())
            .await?;
        if i == 0 {
            begun = Instant::now();
        }
    }
    let seconds = begun.elapsed().as_secs_f64();
    let first = made.total as f64 / made.inserts.len() as f64;
    let counted = store
        .scalar(
            &format!("SELECT count() FROM {}", weir_store::ident(&table.name)),
            &[],
        )
        .await?;
    ensure!(counted.is_some(), "the rows cannot be counted");
    store
        .execute(&format!(
            "DROP TABLE {} SYNC",
            weir_store::ident(&table.name)
        ))
        .await?;
    Ok((made.total as f64 - first) / seconds)
}

/// Figure 4.
pub fn figures(catalog: &Arc<Catalog>, quick: bool) -> Result<Vec<Figure>> {
    let wanted = if quick { 400_000 } else { 2_000_000 };
    eprintln!("sink: {wanted} aggregates");
    let system = System::start(catalog, &Partitions::default())?;
    let clickhouse = system.clickhouse()?;
    let url = opened(&clickhouse);
    let made = prepare(catalog, &system, wanted)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let before = runtime.block_on(bare(catalog, &url, "bare_before", &made))?;

    let admin = Admin::new(&system.brokers, DEADLINE)?;
    let committed = Committed::new(
        &system.brokers,
        weir_runtime::names::SINK_GROUP,
        topics::AGGREGATES,
        &admin,
    )?;
    let ends = ends(&admin, topics::AGGREGATES)?;
    let rows_at = |offsets: &[i64]| -> u64 {
        let of = |(rows, offset): (&Vec<u64>, &i64)| {
            usize::try_from(*offset - 1)
                .ok()
                .and_then(|i| rows.get(i))
                .copied()
                .unwrap_or(0)
        };
        made.rows.iter().zip(offsets).map(of).sum()
    };
    let mut sink = Child::start(&[
        "sink-alone",
        "--brokers",
        &system.brokers.bootstrap,
        "--clickhouse",
        &url,
    ])?;
    // From its first commit on: it has started, and its first insert is behind it as for the bare ones.
    let mut first: Option<(Instant, u64, f64)> = None;
    let mut last = (Instant::now(), 0);
    child::until(
        "the sink",
        Duration::from_secs(600),
        Duration::from_millis(20),
        || {
            sink.check()?;
            let offsets = committed.read()?;
            let rows = rows_at(&offsets);
            if rows > last.1 {
                last = (Instant::now(), rows);
                if first.is_none() {
                    first = Some((last.0, rows, child::cpu_of(sink.pid())?));
                }
            }
            Ok(offsets == ends)
        },
    )?;
    let (begun, first, cpu) = first.context("the sink committed nothing")?;
    let cpu = child::cpu_of(sink.pid())? - cpu;
    let rows = (last.1 - first) as f64;
    let sunk = rows / (last.0 - begun).as_secs_f64();
    sink.stop()?;
    let store = Store::new(&StoreConfig::at(&url));
    let table = PartsTable::of(&catalog.events[0])?.name;
    let counted = runtime.block_on(store.scalar(
        &format!("SELECT count() FROM {} FINAL", weir_store::ident(&table)),
        &[],
    ))?;
    ensure!(
        counted == Some(made.total.to_string()),
        "the sink wrote {counted:?} rows of {}",
        made.total
    );
    let after = runtime.block_on(bare(catalog, &url, "bare_after", &made))?;
    let bare = (before + after) / 2.0;
    let share = sunk / bare;
    let config = SinkConfig::new(system.brokers.clone(), StoreConfig::default());
    Ok(vec![Figure {
        name: "the sink's rows/s against a bare RowBinary insert of the same rows".into(),
        goal: "80 %".into(),
        least: "60 %".into(),
        measured: format!("{:.0} %", share * 100.0),
        note: format!(
            "{:.2} M aggregates with bins and hashes; sink {:.0}k, bare {:.0}k and {:.0}k rows/s (before and after); sink's CPU {:.2} core-s per million rows",
            made.total as f64 / 1e6,
            sunk / 1e3,
            before / 1e3,
            after / 1e3,
            cpu / rows * 1e6
        ),
        met: Some((share >= 0.8, share >= 0.6)),
        command: "sink".into(),
        detail: serde_json::json!({
            "rows": made.total, "sink_rows_per_second": sunk, "bare_rows_per_second": [before, after], "rows_per_insert": config.max_rows,
            "sink_core_seconds": cpu, "bytes": made.inserts.iter().map(Bytes::len).sum::<usize>(),
        }),
    }])
}
