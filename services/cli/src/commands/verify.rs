//! `weir verify`: the raw log counted again by the oracle, compared with what ClickHouse shows.

use super::show;
use crate::args::{SystemArgs, VerifyArgs};
use crate::output::{self, Bar, Waiting, thousands};
use anyhow::Result;
use std::process::ExitCode;
use weir_catalog::Catalog;
use weir_ops::Verification;
use weir_ops::verify::{Progress, Verify};
use weir_store::Store;

pub fn run(system: &SystemArgs, a: &VerifyArgs) -> Result<ExitCode> {
    let found = system.find()?;
    let catalog = system.catalog()?;
    let run = weir_ops::run::current(&found.brokers, &catalog)?;
    let store = Store::new(&found.own_store()?);
    let verify = Verify {
        brokers: &found.brokers,
        catalog: &catalog,
        store: &store,
        run,
        wait: a.wait,
        memory: a.memory.as_u64(),
    };
    let mut bar = None;
    let mut says = None;
    let verified = verify.run(&mut |progress| match progress {
        Progress::Begun(which) => {
            says = None;
            let what = which.map_or("records".to_owned(), |(n, of)| format!("share {n}/{of}"));
            bar = Some(Bar::lasting(&what));
        }
        Progress::At(n, total) => {
            if let Some(bar) = &bar {
                bar.at(n, Some(total));
            }
        }
        Progress::Judging => {
            bar = None;
            says = Some(Waiting::new("judging what was counted"));
        }
        Progress::Comparing => says = Some(Waiting::new("comparing with ClickHouse")),
        Progress::Divided(parts) => {
            bar = None;
            eprintln!(
                "the log does not fit into {} at once: counted in {} more shares of its subjects",
                a.memory, parts
            );
        }
    })?;
    drop(says);
    if a.json {
        let first: Vec<_> = verified.differences.iter().take(a.show).collect();
        output::json(&serde_json::json!({
            "equal": verified.equal(), "compared": verified.compared,
            "differences": verified.differences.len(), "first": first,
            "log": verified.log, "seconds": verified.seconds,
        }))?;
    } else {
        print(a, &catalog, &verified)?;
    }
    Ok(if verified.equal() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(1)
    })
}

fn print(a: &VerifyArgs, catalog: &Catalog, verified: &Verification) -> Result<()> {
    let mut rows = Vec::new();
    for (event, c) in &verified.log.by_event {
        let through = catalog
            .events
            .iter()
            .position(|e| e.name == *event)
            .map_or_else(|| "-".into(), |i| show(verified.final_through[i]));
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
    let rows: Vec<Vec<String>> = verified
        .compared
        .iter()
        .map(|(what, n)| vec![what.clone(), thousands(*n)])
        .collect();
    output::table(&["compared", "rows"], &rows)?;
    for (event, id, partition, offset) in &verified.log.twice {
        println!(
            "  seen twice beyond the horizon: {event} {id} (second time at partition {partition}, offset {offset})"
        );
    }
    for d in verified.differences.iter().take(a.show) {
        println!("  {d}");
    }
    if verified.equal() {
        println!(
            "equal: {} rows compared with the log in {:.1} s",
            thousands(verified.rows()),
            verified.seconds
        );
    } else {
        println!(
            "WEIR-0303: {} of {} rows differ",
            thousands(verified.differences.len() as u64),
            thousands(verified.rows())
        );
    }
    Ok(())
}
