//! `weir hook`: publishes commits as they are made.
//!
//! The hook itself writes down the hash of the commit and starts this program in the background:
//! the committer waits for two small programs, and nothing about a person is written anywhere. The
//! background reads the commit and publishes it as an import would; what cannot be published waits
//! by its hash alone.

mod place;
mod send;
mod settings;

use crate::args::{HookCommand, HookInstallArgs, HookPathArgs, SystemArgs};
use crate::output;
use anyhow::{Context, Result};
use place::{HOOKS, Place, State};
use settings::{Settings, Told};
use std::process::ExitCode;

pub fn run(system: &SystemArgs, command: &HookCommand) -> Result<ExitCode> {
    match command {
        HookCommand::Install(a) => install(system, a),
        HookCommand::Remove(a) => remove(a),
        HookCommand::Status(a) => status(a),
        HookCommand::Send(a) => send::run(a),
    }
}

fn install(system: &SystemArgs, a: &HookInstallArgs) -> Result<ExitCode> {
    let place = Place::find(&a.at.path)?;
    // Names would be hidden with a key that cannot be read: said now, not in the background.
    system.privacy()?;
    let settings = Settings::of(system, a)?;
    place.keep(&settings)?;
    let program = std::env::current_exe().context("cannot find this program")?;
    let states = HOOKS
        .iter()
        .map(|name| Ok((*name, place.install(name, &program)?)))
        .collect::<Result<Vec<_>>>()?;
    if a.at.json {
        let hooks = states.iter().map(|(name, state)| (*name, state.name()));
        let hooks: std::collections::BTreeMap<_, _> = hooks.collect();
        output::json(&serde_json::json!({ "folder": place.hooks, "hooks": hooks }))?;
        return Ok(ExitCode::SUCCESS);
    }
    for (name, state) in states {
        println!("{name}: {} in {}", state.name(), place.hooks.display());
    }
    if place.is_shared() {
        println!(
            "the folder is core.hooksPath: other repositories run these hooks too, which do nothing there"
        );
    }
    println!("commits go to {}", settings.goes_to());
    Ok(ExitCode::SUCCESS)
}

fn remove(a: &HookPathArgs) -> Result<ExitCode> {
    let place = Place::find(&a.path)?;
    let waiting = place.pending()?.len();
    let states = HOOKS
        .iter()
        .map(|name| Ok((*name, place.remove(name)?)))
        .collect::<Result<Vec<_>>>()?;
    place.forget()?;
    if a.json {
        let hooks = states.iter().map(|(name, state)| (*name, state.name()));
        let hooks: std::collections::BTreeMap<_, _> = hooks.collect();
        output::json(&serde_json::json!({ "hooks": hooks, "dropped": waiting }))?;
        return Ok(ExitCode::SUCCESS);
    }
    for (name, state) in states {
        println!("{name}: {}", state.name());
    }
    if waiting > 0 {
        println!("{waiting} commits waited; weir import git publishes them");
    }
    Ok(ExitCode::SUCCESS)
}

fn status(a: &HookPathArgs) -> Result<ExitCode> {
    let place = Place::find(&a.path)?;
    let settings = place.settings()?;
    let waiting = place.pending()?.len();
    let told = place.told()?;
    let states: Vec<(&str, State)> = HOOKS.iter().map(|n| (*n, place.state(n))).collect();
    let is_whole = settings.is_some() && states.iter().all(|(_, s)| s.is_ours());
    if a.json {
        let hooks = states.iter().map(|(name, state)| (*name, state.name()));
        let hooks: std::collections::BTreeMap<_, _> = hooks.collect();
        output::json(&serde_json::json!({
            "installed": is_whole, "folder": place.hooks, "hooks": hooks,
            "goes_to": settings.as_ref().map(Settings::goes_to),
            "waiting": waiting, "last": told,
        }))?;
        return Ok(ExitCode::from(u8::from(!is_whole)));
    }
    for (name, state) in &states {
        println!("{name}: {} in {}", state.name(), place.hooks.display());
    }
    match &settings {
        Some(settings) => println!("commits go to {}", settings.goes_to()),
        None => println!("not installed here; weir hook install does it"),
    }
    if waiting > 0 {
        println!("{waiting} commits wait; weir hook send tries now");
    }
    if let Some(told) = told {
        println!("{}", said(&told));
    }
    Ok(ExitCode::from(u8::from(!is_whole)))
}

fn said(told: &Told) -> String {
    match &told.error {
        Some(why) => format!("{}: nothing was sent: {why}", told.at),
        None => format!(
            "{}: {} published, {} published before",
            told.at, told.written, told.already
        ),
    }
}
