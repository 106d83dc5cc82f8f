//! `weir verify`: the raw log counted again by the oracle, compared with what ClickHouse shows.

mod compare;

use super::query::runtime;
use super::services::current_run;
use super::{lag, show};
use crate::args::{SystemArgs, VerifyArgs};
use crate::output::{self, Bar, thousands};
use anyhow::{Result, anyhow, bail};
use compare::Comparison;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};
use weir_catalog::Catalog;
use weir_kafka::Brokers;
use weir_kafka::compacted::read_all;
use weir_model::schemas::RegisteredSchema;
use weir_model::topics;
use weir_oracle::{Fold, Record, Truth};
use weir_sources::publish::raw_topics;
use weir_sources::raw::Cursor;
use weir_store::Store;

/// A log that grows while it is counted is counted again so often.
const ATTEMPTS: u32 = 3;

pub fn run(system: &SystemArgs, a: &VerifyArgs) -> Result<ExitCode> {
    let begun = Instant::now();
    let found = system.find()?;
    let catalog = system.catalog()?;
    let run = current_run(&found.brokers, &catalog)?;
    let store = Store::new(&found.own_store()?);
    let mut attempt = 1;
    let (truth, comparison) = loop {
        let rest = lag::settle(
            &found.brokers,
            &catalog,
            run,
            Duration::from_secs_f64(a.wait),
        )?;
        if rest > 0 {
            bail!(
                "WEIR-0303: {rest} offsets of the log have not reached ClickHouse within {} s; look at `weir status`, or give --wait more",
                a.wait
            );
        }
        let truth = count(&found.brokers, &catalog, a.json)?;
        let comparison = runtime()?.block_on(compare::all(&store, &catalog, &truth))?;
        if comparison.differences.is_empty() || attempt == ATTEMPTS {
            break (truth, comparison);
        }
        attempt += 1;
    };
    report(a, &truth, &catalog, &comparison, begun.elapsed())
}

/// Reads the raw log and folds it.
fn count(brokers: &Brokers, catalog: &Arc<Catalog>, quiet: bool) -> Result<Truth> {
    let writers: Vec<(u32, [u8; 16], String)> =
        read_all(brokers, topics::SCHEMAS, Duration::from_secs(30))?
            .into_iter()
            .map(|(_, value)| {
                let s = RegisteredSchema::decode(&value)?;
                Ok((s.id, s.guid, s.schema))
            })
            .collect::<Result<_>>()?;
    let there = raw_topics(brokers)?;
    let partitions: Vec<u32> = catalog
        .events
        .iter()
        .map(|e| {
            there
                .iter()
                .find(|(t, _)| *t == topics::events(&e.name))
                .map_or(0, |(_, n)| *n)
        })
        .collect();
    let names: Vec<String> = catalog
        .events
        .iter()
        .map(|e| topics::events(&e.name))
        .collect();
    let only: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut fold = Fold::new(catalog, &partitions, &writers)
        .map_err(|e| anyhow!("a registered schema: {e}"))?;
    let mut cursors = Cursor::open_all(brokers, &only)?;
    let total: u64 = cursors.iter().map(|c| c.span).sum();
    let bar = Bar::new("records", quiet);
    let mut n = 0u64;
    for c in &mut cursors {
        let event = names
            .iter()
            .position(|t| *t == c.tp.topic)
            .unwrap_or_default();
        while let Some(r) = c.next_record()? {
            let record = Record {
                offset: r.offset,
                append_time: r.append_time,
                value: r.value.as_deref(),
                meta: r.meta,
            };
            fold.record(catalog, event, c.tp.partition as u32, &record);
            n += 1;
            bar.at(n, Some(total));
        }
    }
    Ok(weir_oracle::conclude(catalog, fold))
}

fn report(
    a: &VerifyArgs,
    truth: &Truth,
    catalog: &Catalog,
    comparison: &Comparison,
    took: Duration,
) -> Result<ExitCode> {
    let equal = comparison.differences.is_empty();
    if a.json {
        output::json(&serde_json::json!({
            "equal": equal, "compared": comparison.compared, "differences": comparison.differences.len(),
            "first": comparison.differences.iter().take(a.show).collect::<Vec<_>>(),
            "log": truth.totals, "seconds": took.as_secs_f64(),
        }))?;
    } else {
        let mut rows = Vec::new();
        for (event, c) in &truth.totals.by_event {
            let through = catalog
                .events
                .iter()
                .position(|e| e.name == *event)
                .map_or_else(|| "-".into(), |i| show(truth.final_through[i]));
            let mut row = vec![event.clone()];
            row.extend([c.events, c.late, c.duplicates, c.dead, c.counted_twice].map(thousands));
            row.push(through);
            rows.push(row);
        }
        output::table(
            &[
                "event",
                "events",
                "of these late",
                "duplicates",
                "dead letters",
                "counted twice",
                "final through",
            ],
            &rows,
        )?;
        let rows: Vec<Vec<String>> = comparison
            .compared
            .iter()
            .map(|(what, n)| vec![what.clone(), thousands(*n)])
            .collect();
        output::table(&["compared", "rows"], &rows)?;
        for (event, id, partition, offset) in &truth.totals.twice {
            println!(
                "  seen twice beyond the horizon: {event} {id} (second time at partition {partition}, offset {offset})"
            );
        }
        for d in comparison.differences.iter().take(a.show) {
            println!("  {d}");
        }
        let n: u64 = comparison.compared.values().sum();
        if equal {
            println!(
                "equal: {} rows compared with the log in {:.1} s",
                thousands(n),
                took.as_secs_f64()
            );
        } else {
            println!(
                "WEIR-0303: {} of {} rows differ",
                thousands(comparison.differences.len() as u64),
                thousands(n)
            );
        }
    }
    Ok(if equal {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(1)
    })
}
