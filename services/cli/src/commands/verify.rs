//! `weir verify`: the raw log counted again by the oracle, compared with what ClickHouse shows.

use super::show;
use crate::args::{SystemArgs, VerifyArgs};
use crate::output::{self, Bar, Waiting, thousands};
use anyhow::Result;
use bytesize::ByteSize;
use std::process::ExitCode;
use weir_catalog::Catalog;
use weir_model::codes::VERIFY_DIFFERS;
use weir_ops::Verification;
use weir_ops::verify::{Progress, Step, Verify};
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
    let mut shown = Shown::Nothing;
    let verified = verify.run(&mut |progress| shown.tell(&progress))?;
    drop(shown);
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

/// What tells those who wait that something goes on.
enum Shown {
    Nothing,
    Bar(Step, Bar),
    Waiting(#[expect(dead_code, reason = "it speaks for itself until it is dropped")] Waiting),
}

impl Shown {
    fn tell(&mut self, progress: &Progress) {
        match progress {
            Progress::At(Step::Comparing, _, 0) => {
                // The bar goes before something else is shown.
                *self = Shown::Nothing;
                *self = Shown::Waiting(Waiting::new("judging, and comparing with ClickHouse"));
            }
            Progress::At(step, done, total) => {
                if !matches!(self, Shown::Bar(shown, _) if shown == step) {
                    *self = Shown::Nothing;
                    let what = match step {
                        Step::Reading => "records",
                        Step::Fetching => "rows fetched",
                        Step::Comparing => "rows compared",
                    };
                    *self = Shown::Bar(*step, Bar::lasting(what));
                }
                if let Shown::Bar(_, bar) = self {
                    bar.at(*done, Some(*total));
                }
            }
            Progress::OnDisk { dir, bytes, free } => {
                let text = format!(
                    "more than fits into memory: temporary files in {} take about {}, {} are free there",
                    dir.display(),
                    ByteSize(*bytes),
                    ByteSize(*free)
                );
                match self {
                    Shown::Bar(_, bar) => bar.say(&text),
                    _ => eprintln!("{text}"),
                }
            }
        }
    }
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
        // What there is nothing of says nothing; `--json` names it.
        .filter(|(_, n)| **n > 0)
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
            "{VERIFY_DIFFERS}: {} of {} rows differ",
            thousands(verified.differences.len() as u64),
            thousands(verified.rows())
        );
    }
    Ok(())
}
