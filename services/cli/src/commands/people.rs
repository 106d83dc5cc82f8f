//! `weir people` and `weir erase`: from pseudonyms to people, and no more.

use super::{audit, runtime};
use crate::args::{EraseArgs, PeopleArgs, SystemArgs};
use crate::output;
use anyhow::{Context, Result};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use weir_kafka::compacted::{Table, read_all};
use weir_model::codes::CONFIG;
use weir_model::{Micros, topics};
use weir_ops::time::show;
use weir_privacy::{Entry, Erased, Person, Privacy};
use weir_sources::audit::Change;
use weir_store::Store;

/// What reading the directory may wait for.
const DEADLINE: Duration = Duration::from_secs(30);

fn privacy(system: &SystemArgs) -> Result<Arc<Privacy>> {
    system.privacy()?.with_context(|| {
        format!(
            "{CONFIG}: this system writes names as they come: there are no pseudonyms; start it \
             with `weir up --privacy pseudonymise`, or name the folder of the key \
             (WEIR__PRIVACY__FOLDER)"
        )
    })
}

pub fn list(system: &SystemArgs, a: &PeopleArgs) -> Result<ExitCode> {
    let privacy = privacy(system)?;
    let mut people: Vec<Person> = Vec::new();
    for (key, value) in read_all(&system.find_brokers()?, topics::PEOPLE, DEADLINE)? {
        people.extend(privacy.people().read(&Entry { key, value })?);
    }
    people.retain(|p| a.tenant.as_ref().is_none_or(|t| *t == p.tenant));
    people.sort();
    if a.json {
        output::json(&people)?;
        return Ok(ExitCode::SUCCESS);
    }
    let row = |p: Person| vec![p.tenant, p.pseudonym, p.engineer];
    let rows: Vec<Vec<String>> = people.into_iter().map(row).collect();
    output::table(&["tenant", "pseudonym", "engineer"], &rows)?;
    Ok(ExitCode::SUCCESS)
}

/// What is given to whoever asked to be forgotten. It names nobody.
#[derive(serde::Serialize)]
struct Receipt {
    #[serde(flatten)]
    erased: Erased,
    /// Whether the directory had a record; it is deleted.
    entry_deleted: bool,
    /// Whether the table of the directory had a row; it is deleted.
    row_deleted: bool,
    at: String,
}

/// Deletes the rows of the directory's table, and says whether there were any.
fn forget(system: &SystemArgs, erased: &Erased) -> Result<bool> {
    let store = Store::new(&system.find()?.own_store()?);
    let forgotten = store.forget_person(&erased.tenant, &erased.pseudonym);
    runtime()?
        .block_on(forgotten)
        .context("the key is destroyed, but the row in ClickHouse could not be deleted; ask again")
}

/// Kafka is asked first: who dies later has destroyed the key, or can ask again.
pub fn erase(system: &SystemArgs, a: &EraseArgs) -> Result<ExitCode> {
    let privacy = privacy(system)?;
    let brokers = system.find_brokers()?;
    let all = read_all(&brokers, topics::PEOPLE, DEADLINE)?;
    let pseudonym = privacy.pseudonym(&a.tenant, &a.engineer);
    let erased = privacy.people().erase(&a.tenant, &pseudonym)?;
    let there = all.iter().any(|(key, _)| *key == erased.key);
    if there {
        Table::new(&brokers, topics::PEOPLE)?.put(&erased.key, None)?;
    }
    let row_deleted = forget(system, &erased)?;
    let pseudonym = erased.pseudonym.clone();
    audit::done(
        system,
        Change {
            tenant: &a.tenant,
            action: "person.erase",
            target_kind: "person",
            target: &pseudonym,
            ..Change::default()
        },
    );
    let receipt = Receipt {
        erased,
        entry_deleted: there,
        row_deleted,
        at: show(Micros(jiff::Timestamp::now().as_microsecond())),
    };
    if a.json {
        output::json(&receipt)?;
        return Ok(ExitCode::SUCCESS);
    }
    let yes = |is: bool, what| if is { what } else { "there was none" };
    println!("tenant      {}", receipt.erased.tenant);
    println!("pseudonym   {}", receipt.erased.pseudonym);
    println!("erased      {}", receipt.at);
    println!(
        "key         {}",
        yes(receipt.erased.key_destroyed, "destroyed")
    );
    println!("directory   {}", yes(there, "record deleted"));
    println!("table       {}", yes(receipt.row_deleted, "row deleted"));
    println!("numbers     unchanged: events keep the pseudonym, and nothing leads back from it");
    Ok(ExitCode::SUCCESS)
}
