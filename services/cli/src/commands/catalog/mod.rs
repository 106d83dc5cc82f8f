//! `weir catalog`: a file for each of its commands.

mod check;
mod docs;
mod list;
mod show;

use crate::args::{CatalogCommand, SystemArgs};
use anyhow::Result;
use std::process::ExitCode;

pub fn run(system: &SystemArgs, command: CatalogCommand) -> Result<ExitCode> {
    match command {
        CatalogCommand::Check {
            against_running,
            json,
        } => check::run(system, against_running, json),
        CatalogCommand::Show { name } => show::run(&*system.catalog()?, &name),
        CatalogCommand::List { part, json } => list::run(&*system.catalog()?, part, json),
        CatalogCommand::Docs { out, check } => docs::run(&*system.catalog()?, &out, check),
    }
}
