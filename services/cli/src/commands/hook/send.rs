//! Sends what waits: to the log as an import does, under the ledger of imports, so that neither
//! counts what the other has; to a gateway elsewhere as events.

use super::place::{Pending, Place};
use super::settings::{Settings, Told};
use crate::args::HookPathArgs;
use crate::commands::mail;
use crate::commands::process::item;
use crate::output;
use anyhow::{Result, bail};
use serde_json::Value;
use std::process::ExitCode;
use std::sync::Arc;
use weir_embedded::DataDir;
use weir_model::Micros;
use weir_model::codes::HOOK_PLACE;
use weir_privacy::{Met, Privacy};
use weir_sources::git::{Commit, Repository};
use weir_sources::ingest::{self, History, Report};

pub fn run(a: &HookPathArgs) -> Result<ExitCode> {
    let place = Place::find(&a.path)?;
    let Some(settings) = place.settings()? else {
        bail!(
            "{HOOK_PLACE}: {} has no hook of weir; weir hook install puts it there",
            a.path.display()
        );
    };
    // Another one that waits already sees what this one would.
    let Some(_turn) = place.turn()? else {
        return Ok(ExitCode::SUCCESS);
    };
    let waiting = place.pending()?;
    if waiting.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    let sent = send(&place, &settings, &waiting);
    let at = jiff::Timestamp::now().to_string();
    let told = match &sent {
        Ok(report) => Told {
            at,
            written: report.written,
            already: report.already,
            error: None,
        },
        Err(e) => Told {
            at,
            error: Some(format!("{e:#}")),
            ..Told::default()
        },
    };
    place.tell(&told)?;
    let report = sent?;
    place.sent(&waiting)?;
    match a.json {
        true => output::json(&told)?,
        false => println!(
            "{} published, {} published before",
            report.written, report.already
        ),
    }
    Ok(ExitCode::SUCCESS)
}

fn send(place: &Place, settings: &Settings, waiting: &[Pending]) -> Result<Report> {
    let system = settings.system();
    let known = system.catalog()?.assistants.clone();
    let privacy = system.privacy_of(&settings.privacy())?;
    let now = Micros(jiff::Timestamp::now().as_microsecond());
    let history = History {
        path: &place.common,
        tenant: &settings.tenant,
        team: &settings.team,
        assistants: &known,
        now,
        privacy,
    };
    let repository = Repository::open(&place.common)?;
    let commits = made_here(&repository, now, waiting)?;
    if settings.url.is_some() {
        return post(settings, &repository, &history, &commits);
    }
    if settings.brokers.is_none() {
        // Says at once that nothing runs, where a producer would wait for it.
        DataDir::running(&settings.data_dir)?;
    }
    let ids: Vec<String> = commits.into_iter().map(|c| c.id).collect();
    ingest::commits(&system.find_brokers()?, &history, &ids)
}

/// The commits that wait and are still there. A merge that only moved on to what others made is not
/// theirs to tell.
fn made_here(repository: &Repository, now: Micros, waiting: &[Pending]) -> Result<Vec<Commit>> {
    let ids: Vec<String> = waiting.iter().map(|p| p.commit.clone()).collect();
    let mut commits = ingest::read_commits(repository, now, &ids)?;
    commits.retain(|c| {
        let mut of_it = waiting.iter().filter(|p| p.commit == c.id);
        of_it.any(|p| !p.is_merge || c.parents > 1)
    });
    commits.dedup_by(|a, b| a.id == b.id);
    Ok(commits)
}

/// To a gateway elsewhere, without names where this side hides them.
fn post(
    settings: &Settings,
    repository: &Repository,
    history: &History,
    commits: &[Commit],
) -> Result<Report> {
    let events = commits
        .iter()
        .map(|commit| event(repository, history, commit))
        .collect::<Result<Vec<Value>>>()?;
    mail::deliver_to(&settings.system(), &settings.gateway(), &events)?;
    Ok(Report {
        written: events.len() as u64,
        ..Report::default()
    })
}

fn event(repository: &Repository, history: &History, commit: &Commit) -> Result<Value> {
    let event = repository.event(history.tenant, history.team, commit, history.assistants);
    let mut item = item(&event)?;
    let privacy: Option<&Arc<Privacy>> = history.privacy.as_ref();
    if let (Some(privacy), Value::Object(fields)) = (privacy, &mut item) {
        // The directory is the gateway's.
        let kind = "productivity.recorded";
        privacy.hide(kind, history.tenant, fields, &mut Met::default());
    }
    Ok(item)
}
