//! `weir upgrade --check`: what would happen if this binary took over the running system.

use crate::args::{SystemArgs, UpgradeArgs};
use crate::output;
use anyhow::Result;
use std::process::ExitCode;
use weir_model::codes::UPGRADE_REFUSED;
use weir_ops::upgrade::{self, Check, Verdict};
use weir_store::Store;

/// What is derived again takes time: whoever runs this in a script is told apart from both others.
const AGAIN: u8 = 3;

/// Ends with 0 where the system goes on, 3 where something is derived again, 1 where this binary
/// does not take it over.
pub fn run(system: &SystemArgs, a: &UpgradeArgs) -> Result<ExitCode> {
    let found = system.find()?;
    let (catalog, migrations) = (system.catalog()?, system.migrations()?);
    let mut parts = upgrade::kafka(&found.brokers, &catalog)?;
    let store = Store::new(&found.own_store()?);
    let tables = upgrade::tables(&store, &catalog, &migrations);
    parts.push(super::runtime()?.block_on(tables)?);
    let check = upgrade::of(parts);
    match a.json {
        true => output::json(&check)?,
        false => tell(&check)?,
    }
    Ok(match check.verdict {
        Verdict::GoesOn | Verdict::Updated => ExitCode::SUCCESS,
        Verdict::Again => ExitCode::from(AGAIN),
        Verdict::Refused => ExitCode::FAILURE,
    })
}

fn tell(check: &Check) -> Result<()> {
    let rows: Vec<Vec<String>> = check
        .parts
        .iter()
        .map(|p| {
            let verdict = said(p.verdict).to_owned();
            vec![
                p.part.to_owned(),
                p.running.clone(),
                p.here.clone(),
                verdict,
                p.what.clone(),
            ]
        })
        .collect();
    output::table(&["part", "running", "here", "verdict", "what"], &rows)?;
    let version = check.version;
    match check.verdict {
        Verdict::GoesOn => println!("weir {version} goes on with this system as it is"),
        Verdict::Updated => println!("weir {version} brings this system up to date and goes on"),
        Verdict::Again => println!("weir {version} takes this system over, and derives it again"),
        Verdict::Refused => eprintln!(
            "weir: {UPGRADE_REFUSED}: weir {version} does not take this system over; the table says why"
        ),
    }
    Ok(())
}

fn said(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::GoesOn => "goes on",
        Verdict::Updated => "updated",
        Verdict::Again => "again",
        Verdict::Refused => "refused",
    }
}
